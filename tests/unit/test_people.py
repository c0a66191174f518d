"""Person-level files are checked before they are written."""

from __future__ import annotations

import polars as pl
import pytest
from surveys import make_survey

from learning_survey import people
from learning_survey.errors import SurveyError


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    survey = make_survey(tmp_path_factory.mktemp("people"), schools=3, per_school=30)
    for step in ("ingest", "clean", "score"):
        survey.run(step)
    return survey


@pytest.mark.parametrize("file", people.FILES)
def test_what_the_steps_write_fits(survey, file):
    people.schema(file, survey.load().instrument).validate(pl.read_parquet(survey.processed / f"{file}.parquet"))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("ingested", pl.lit(9, pl.Int8).alias("d1_1"), "d1_1: isin"),
        ("ingested", pl.lit(None, pl.String).alias("file"), "file: not_nullable"),
        ("clean", pl.lit("boys and girls").alias("gender"), "gender: isin"),
        ("clean", pl.lit(-3, pl.Int16).alias("age"), "age: "),
        ("schools", pl.lit("S01").alias("school"), "school: "),
        ("scores", pl.lit(0.5).alias("d1"), "d1: in_range"),
        ("scores", pl.lit("Ada").alias("name"), "column_in_schema"),
        ("scores", pl.col("d1").cast(pl.Float32), "d1: dtype"),
    ],
)
def test_what_does_not_fit_is_not_written(survey, tmp_path, file, change, message):
    frame = pl.read_parquet(survey.processed / f"{file}.parquet")
    item, dimension = survey.load().instrument.item_ids[0], survey.load().instrument.dimension_ids[0]
    renamed = frame.rename({item: "d1_1", dimension: "d1"}, strict=False).with_columns(change)
    changed = renamed.rename({"d1_1": item, "d1": dimension}, strict=False)
    with pytest.raises(SurveyError) as caught:
        people.write(
            changed, file, tmp_path / f"{file}.parquet", survey.load().instrument, {"gender": ["boys", "girls"]}
        )
    assert message.replace("d1_1", item).replace("d1", dimension) in str(caught.value)
    assert "defect of the step" in str(caught.value)
    assert not (tmp_path / f"{file}.parquet").exists()
    assert "boys and girls" not in str(caught.value)
