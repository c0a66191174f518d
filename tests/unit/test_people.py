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


def written(survey, file):
    if file == "ingested":
        return pl.read_ipc(survey.processed / "ingested.arrow")
    return pl.read_parquet(survey.processed / f"{file}.parquet")


@pytest.mark.parametrize("file", people.FILES)
def test_what_the_steps_write_fits(survey, file):
    schema = people.schema(file, survey.load().instrument)
    assert people.faults(written(survey, file), schema) == []


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("ingested", pl.lit(9, pl.Int8).alias("d1_1"), "d1_1: above 5"),
        ("ingested", pl.lit(0, pl.Int8).alias("d1_1"), "d1_1: below 1"),
        ("ingested", pl.lit(1, pl.Int32).alias("line"), "line: below 2"),
        ("flags", pl.lit(float("nan")).alias("irv"), "irv: is no number"),
        ("flags", pl.lit(None, pl.Boolean).alias("kept"), "kept: is missing"),
        ("flags", pl.lit(1.5).alias("mahalanobis_p"), "mahalanobis_p: above 1"),
        ("ingested", pl.lit(None, pl.Enum(["a"])).alias("file"), "file: is missing"),
        ("ingested", pl.lit("a.csv").alias("file"), "file: not of type Enum"),
        ("clean", pl.lit("boys and girls").alias("gender"), "gender: not an allowed value"),
        ("clean", pl.lit(-3, pl.Int16).alias("age"), "age: below 0"),
        ("schools", pl.lit("S01").alias("school"), "school: is there twice"),
        ("scores", pl.lit(0.5).alias("d1"), "d1: below 1"),
        ("scores", pl.lit("Ada").alias("name"), "name: not a column of the file"),
        ("scores", pl.col("d1").cast(pl.Float32), "d1: not of type Float64"),
    ],
)
def test_what_does_not_fit_is_not_written(survey, tmp_path, file, change, message):
    frame = written(survey, file)
    item, dimension = survey.load().instrument.item_ids[0], survey.load().instrument.dimension_ids[0]
    renamed = frame.rename({item: "d1_1", dimension: "d1"}, strict=False).with_columns(change)
    changed = renamed.rename({"d1_1": item, "d1": dimension}, strict=False)
    with pytest.raises(SurveyError) as caught:
        people.write(changed, file, tmp_path / "made", survey.load().instrument, {"gender": ["boys", "girls"]})
    assert message.replace("d1_1", item).replace("d1", dimension) in str(caught.value)
    assert "defect of the step" in str(caught.value)
    assert not (tmp_path / "made").exists()
    assert "boys and girls" not in str(caught.value)


def test_columns_out_of_order_and_codes_in_a_gap_do_not_fit(survey):
    instrument = survey.load().instrument
    frame = written(survey, "ingested")
    assert people.faults(frame.select(reversed(frame.columns)), people.schema("ingested", instrument))
    column = {"d1_1": people._coded([1, 2, 4])}
    codes = pl.DataFrame({"d1_1": pl.Series([1, 4, None], dtype=pl.Int8)})
    assert people.faults(codes, column) == []
    assert people.faults(codes.fill_null(3), column) == ["d1_1: not an allowed value"]
