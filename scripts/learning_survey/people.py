"""Person-level files: what may stand in each, checked before it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from learning_survey.config import FIELDS
from learning_survey.errors import SurveyError
from learning_survey.tables import replacing

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema

    from learning_survey.config import Loaded

FILES = ("ingested", "clean", "flags", "schools", "scores")


def write(frame: pl.DataFrame, file: str, path: Path, study: Loaded) -> None:
    """Check ``frame`` as ``file``, one of FILES, and write it to ``path``.

    Raises SurveyError when it does not fit: that is a defect of the step, caught before anything is written.
    """
    import pandera.polars as pa

    try:
        schema(file, study).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        # The column and the rule, never the values: they are somebody's answers.
        failed = sorted({f"{row['column']}: {row['check']}" for row in error.failure_cases.iter_rows(named=True)})
        raise SurveyError(
            f"does not fit its schema: {'; '.join(failed[:5])}", where=path, remedy="This is a defect of the step."
        ) from None
    with replacing(path) as temporary:
        frame.write_parquet(temporary)


def schema(file: str, study: Loaded) -> DataFrameSchema:
    """The columns of a person-level file in order, their types and the values that may stand in them.

    ``file`` is one of FILES. Codes, groups and genders are those of the study and its instrument.
    """
    import pandera.polars as pa

    def column(dtype: Any, *checks: Any, required: bool = False, unique: bool = False) -> pa.Column:
        return pa.Column(dtype, list(checks), nullable=not required, unique=unique)

    instrument = study.instrument
    low, high = instrument.response.codes[0], instrument.response.codes[-1]
    text = column(pl.String)
    line = {"file": column(pl.String, required=True), "line": column(pl.Int32, pa.Check.gt(1), required=True)}
    codes = {i: column(pl.Int8, pa.Check.isin(instrument.response_of(i).codes)) for i in instrument.item_ids}
    ages = study.clean.ages
    person = {
        "age": column(pl.Int16, pa.Check.in_range(ages.min, ages.max) if ages else pa.Check.ge(0)),
        "gender": column(pl.String, pa.Check.isin([c.id for c in study.gender.categories] if study.gender else [])),
        "group": column(pl.String, pa.Check.isin([g.id for g in study.key_stages.levels] if study.key_stages else [])),
    }
    columns = {
        "ingested": {
            **line,
            **dict.fromkeys(FIELDS, text),
            **codes,
        },
        "flags": {
            **line,
            "longest_run": column(pl.Int16, pa.Check.ge(1)),
            "irv": column(pl.Float64, pa.Check.ge(0)),
            "even_odd": column(pl.Float64, pa.Check.in_range(-1, 1 + 1e-9)),
            "mahalanobis": column(pl.Float64, pa.Check.ge(0)),
            "seconds_per_item": column(pl.Float64, pa.Check.ge(0)),
            "mahalanobis_p": column(pl.Float64, pa.Check.in_range(0, 1)),
            **dict.fromkeys(
                (f"flag_{i}" for i in ("longest_run", "irv", "even_odd", "mahalanobis", "seconds_per_item")),
                column(pl.Boolean),
            ),
            "kept": column(pl.Boolean, required=True),
        },
        "clean": {**line, "respondent": text, "school": text, **person, **codes},
        "schools": {
            "school": column(pl.String, required=True, unique=True),
            "pseudonym": column(pl.String, required=True, unique=True),
            **dict.fromkeys(("phase", "country", "rating"), text),
            "n": column(pl.Int64, pa.Check.ge(1), required=True),
        },
        "scores": {
            "school": text,
            "cluster": column(pl.String, required=True),
            **person,
            **dict.fromkeys(
                [*instrument.item_ids, *instrument.dimension_ids], column(pl.Float64, pa.Check.in_range(low, high))
            ),
        },
    }
    return pa.DataFrameSchema(columns[file], strict=True, ordered=True)
