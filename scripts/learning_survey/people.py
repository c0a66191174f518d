"""Person-level files: what may stand in each, checked before it is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from learning_survey.config import ALL, FIELDS
from learning_survey.errors import SurveyError
from learning_survey.tables import replacing

if TYPE_CHECKING:
    from learning_survey.instrument import Instrument

Values = Mapping[str, Collection[Any]]  # by column
# Ages that the date of birth gives, on the survey date and on 31 August before: the date itself is never written.
AGES = ("birth_age", "birth_age_august")
NUMBERED = tuple(field for field in FIELDS if field != "respondent")  # what repeats from row to row; ids do not
FILES = ("ingested", "clean", "flags", "schools", "scores", "cells")


@dataclass(frozen=True)
class Column:
    """What may stand in a column: a type, a range with its ends, a list of values; null unless ``required``."""

    dtype: Any
    low: float | None = None
    high: float | None = None
    allowed: Collection[Any] | None = None
    required: bool = False
    unique: bool = False


def write(frame: pl.DataFrame, file: str, path: Path, instrument: Instrument, values: Values | None = None) -> None:
    """Check ``frame`` as ``file``, one of FILES, and write it to ``path``; ``values`` as in ``schema``.

    Raises SurveyError when it does not fit: that is a defect of the step, caught before anything is written.
    """
    if failed := faults(frame, schema(file, instrument, values)):
        raise SurveyError(
            f"does not fit its schema: {'; '.join(failed[:5])}", where=path, remedy="This is a defect of the step."
        )
    with replacing(path) as temporary:
        if file == "ingested":  # as it lies in memory, since the next step reads every row of it once
            frame.write_ipc(temporary, compression="uncompressed")
        else:
            # Codes are packed as it is, a few bits each. What compression saves on disk, a tenth, it costs in time.
            frame.write_parquet(temporary, compression="uncompressed", statistics=False)


def faults(frame: pl.DataFrame, columns: Mapping[str, Column]) -> list[str]:
    """Where ``frame`` does not fit: column and rule, never a value, since values are somebody's answers."""
    if frame.columns != list(columns):
        odd = sorted(set(frame.columns) ^ set(columns)) or frame.columns
        return [f"{name}: not a column of the file, missing from it, or out of order" for name in odd]
    failed = [f"{name}: not of type {c.dtype}" for name, c in columns.items() if frame.schema[name] != c.dtype]
    if failed:
        return failed
    rules = {f"{name}: {what}": broken for name, c in columns.items() for what, broken in _rules(pl.col(name), c)}
    found = frame.select(broken.alias(str(k)) for k, broken in enumerate(rules.values())).row(0)
    return [rule for rule, broken in zip(rules, found, strict=True) if broken]


def _rules(cell: pl.Expr, column: Column) -> Iterator[tuple[str, pl.Expr]]:
    """What must hold of a column, in words, and whether it is broken; min and max pass over null."""
    if column.required:
        yield "is missing", cell.has_nulls()
    if column.unique:
        yield "is there twice", cell.is_duplicated().any()
    if column.low is not None:
        yield f"below {column.low}", cell.min() < column.low
    if column.high is not None:
        yield f"above {column.high}", cell.max() > column.high
    if column.dtype.is_float():
        yield "is no number", cell.is_nan().any()
    if column.allowed is not None:
        yield (
            "not an allowed value",
            ~cell.unique().is_in(pl.Series(list(column.allowed), dtype=column.dtype).implode()).all(),
        )


def schema(file: str, instrument: Instrument, values: Values | None = None) -> dict[str, Column]:
    """The columns of a person-level file in order, their types and the values that may stand in them.

    ``file`` is one of FILES. Codes are those of the instrument; ``values`` names what else may stand in a column.
    """

    def texts(*names: str, **options: bool) -> dict[str, Column]:
        return {name: Column(pl.String(), allowed=(values or {}).get(name), **options) for name in names}

    low, high = instrument.response.codes[0], instrument.response.codes[-1]
    line = {**texts("file", required=True), "line": Column(pl.Int32(), low=2, required=True)}
    codes = {i: _coded(instrument.response_of(i).codes) for i in instrument.item_ids}
    scored = [*instrument.item_ids, *instrument.dimension_ids]
    person = {"age": Column(pl.Int16(), low=0, allowed=(values or {}).get("age")), **texts("gender", "group")}
    indices = ("longest_run", "irv", "even_odd", "mahalanobis", "seconds_per_item")
    amount = Column(pl.Float64(), low=0)
    columns = {
        "ingested": {
            "file": Column(pl.Enum, required=True),
            "line": line["line"],
            **{field: Column(pl.Enum if field in NUMBERED else pl.String()) for field in FIELDS},
            **codes,
            **dict.fromkeys(AGES, Column(pl.Int16())),
        },
        "flags": {
            **line,
            "longest_run": Column(pl.Int16(), low=1),
            "irv": amount,
            "even_odd": Column(pl.Float64(), low=-1, high=1 + 1e-9),
            "mahalanobis": amount,
            "seconds_per_item": amount,
            "mahalanobis_p": Column(pl.Float64(), low=0, high=1),
            **{f"flag_{index}": Column(pl.Boolean()) for index in indices},
            "kept": Column(pl.Boolean(), required=True),
        },
        "clean": {**line, **texts("respondent", "school"), **person, **codes},
        "schools": {
            **texts("school", "pseudonym", required=True, unique=True),
            **texts("phase", "country", "rating"),
            "rating_date": Column(pl.Date()),
            "n": Column(pl.Int64(), low=1, required=True),
        },
        "scores": {
            **texts("school"),
            **texts("cluster", required=True),
            **person,
            **{name: Column(pl.Float64(), low=low, high=high) for name in scored},
        },
        "cells": {
            **texts("cluster", required=True),
            **texts("school", "group", "gender"),
            "age": person["age"],
            "flagged": Column(pl.Boolean(), required=True),
            "dimension": Column(pl.String(), allowed=[*instrument.dimension_ids, ALL], required=True),
            "answered": Column(pl.Int16(), low=1, required=True),
            "score": Column(pl.Float64(), low=low, high=high, required=True),
            "n": Column(pl.Int64(), low=1, required=True),
        },
    }
    return columns[file]


def _coded(codes: list[int]) -> Column:
    """A column of codes: where they have no gaps, their ends say it."""
    whole = codes == [*range(codes[0], codes[-1] + 1)]
    return Column(pl.Int8(), low=codes[0], high=codes[-1], allowed=None if whole else codes)
