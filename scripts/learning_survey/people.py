"""Person-level files: what may stand in each, checked before it is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from learning_survey.config import FIELDS
from learning_survey.errors import SurveyError
from learning_survey.tables import replacing

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema

    from learning_survey.config import Instrument

Values = Mapping[str, Collection[Any]]  # by column
# Ages that the date of birth gives, on the survey date and on 31 August before: the date itself is never written.
AGES = ("birth_age", "birth_age_august")
FILES = ("ingested", "clean", "flags", "schools", "scores")


def write(frame: pl.DataFrame, file: str, path: Path, instrument: Instrument, values: Values | None = None) -> None:
    """Check ``frame`` as ``file``, one of FILES, and write it to ``path``; ``values`` as in ``schema``.

    Raises SurveyError when it does not fit: that is a defect of the step, caught before anything is written.
    """
    import pandera.polars as pa

    try:
        schema(file, instrument, values).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        # The column and the rule, never the values: they are somebody's answers.
        failed = sorted({f"{row['column']}: {row['check']}" for row in error.failure_cases.iter_rows(named=True)})
        raise SurveyError(
            f"does not fit its schema: {'; '.join(failed[:5])}", where=path, remedy="This is a defect of the step."
        ) from None
    with replacing(path) as temporary:
        frame.write_parquet(temporary)


def schema(file: str, instrument: Instrument, values: Values | None = None) -> DataFrameSchema:
    """The columns of a person-level file in order, their types and the values that may stand in them.

    ``file`` is one of FILES. Codes are those of the instrument; ``values`` names what else may stand in a column.
    """
    import pandera.polars as pa

    def column(name: str, dtype: Any, *checks: Any, required: bool = False, unique: bool = False) -> pa.Column:
        allowed = [pa.Check.isin(list(values[name]))] if values and name in values else []
        return pa.Column(dtype, [*checks, *allowed], nullable=not required, unique=unique)

    def texts(*names: str, **options: bool) -> dict[str, pa.Column]:
        return {name: column(name, pl.String, **options) for name in names}

    low, high = instrument.response.codes[0], instrument.response.codes[-1]
    line = {**texts("file", required=True), "line": column("line", pl.Int32, pa.Check.gt(1), required=True)}
    codes = {i: column(i, pl.Int8, pa.Check.isin(instrument.response_of(i).codes)) for i in instrument.item_ids}
    scored = [*instrument.item_ids, *instrument.dimension_ids]
    person = {"age": column("age", pl.Int16, pa.Check.ge(0)), **texts("gender", "group")}
    indices = ("longest_run", "irv", "even_odd", "mahalanobis", "seconds_per_item")
    columns = {
        "ingested": {**line, **texts(*FIELDS), **codes, **{name: column(name, pl.Int16) for name in AGES}},
        "flags": {
            **line,
            "longest_run": column("longest_run", pl.Int16, pa.Check.ge(1)),
            "irv": column("irv", pl.Float64, pa.Check.ge(0)),
            "even_odd": column("even_odd", pl.Float64, pa.Check.in_range(-1, 1 + 1e-9)),
            "mahalanobis": column("mahalanobis", pl.Float64, pa.Check.ge(0)),
            "seconds_per_item": column("seconds_per_item", pl.Float64, pa.Check.ge(0)),
            "mahalanobis_p": column("mahalanobis_p", pl.Float64, pa.Check.in_range(0, 1)),
            **{f"flag_{index}": column(f"flag_{index}", pl.Boolean) for index in indices},
            "kept": column("kept", pl.Boolean, required=True),
        },
        "clean": {**line, **texts("respondent", "school"), **person, **codes},
        "schools": {
            **texts("school", "pseudonym", required=True, unique=True),
            **texts("phase", "country", "rating"),
            "n": column("n", pl.Int64, pa.Check.ge(1), required=True),
        },
        "scores": {
            **texts("school"),
            **texts("cluster", required=True),
            **person,
            **{name: column(name, pl.Float64, pa.Check.in_range(low, high)) for name in scored},
        },
    }
    return pa.DataFrameSchema(columns[file], strict=True, ordered=True)
