"""Whether a table fits its schema, twice: before it is written without pandas, and with pandera when it is audited.

Importing pandas and pandera takes longer than most steps need for their tables. So ``tables.write`` asks ``faults``,
and the audit asks ``pandera_schema``, the independent check, of every table that has been written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from learning_survey.schemas import RANGES, Column, Table

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa
    import polars as pl

Cells = dict[str, list[Any]]  # by column; what is missing is None
TEXT = ("id", "text")  # units; the others are numbers, but for 'flag'


def cells_of(frame: pd.DataFrame | pl.DataFrame) -> Cells:
    """The columns of a frame as lists; null, NaN and NA are None. A name that stands twice has the first's cells."""
    found: Cells = {}
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place] if hasattr(frame, "iloc") else frame.to_series(place)  # pandas, or Polars
        found.setdefault(str(name), [None if _missing(cell) else cell for cell in column.to_list()])
    return found


def _missing(cell: Any) -> bool:
    try:
        return cell is None or bool(cell != cell)  # noqa: PLR0124
    except TypeError:  # whether NA is another than NA, nobody knows
        return True


def faults(cells: Mapping[str, list[Any]], table: Table) -> Iterator[str]:
    """Where ``cells`` do not fit: column, check and the first failing case of each.

    Every column of the table and no other; texts, flags and numbers by unit; numbers within ``RANGES``; null only where
    it may be; and no key twice. Without a column there are no rows, and nothing to fit.
    """
    if not cells:
        return
    yield from (f"{name}: column not of the table" for name in cells if name not in table.columns)
    yield from (f"{name}: column missing" for name in table.columns if name not in cells)
    for name, column in table.columns.items():
        yield from (f"{name}: {fault}" for fault in _column_faults(cells.get(name, []), column))
    if table.keys and all(key in cells for key in table.keys):
        key, times = next(iter(Counter(zip(*map(cells.get, table.keys), strict=True)).most_common(1)), ((), 1))
        if times > 1:
            yield f"{', '.join(table.keys)}: unique: {', '.join(map(str, key))} stands there {times} times"


def _column_faults(cells: list[Any], column: Column) -> Iterator[str]:
    given = [cell for cell in cells if cell is not None]
    if len(given) < len(cells) and (column.unit == "flag" or not column.nullable):
        yield f"not nullable: {len(cells) - len(given)} missing"
    kind, word = {"flag": (bool, "flag"), "id": (str, "text"), "text": (str, "text")}.get(column.unit, (Real, "number"))
    if odd := [cell for cell in given if not isinstance(cell, kind)]:
        yield f"not a {word}: {odd[0]!r}"
    elif column.unit in RANGES:
        low, high = RANGES[column.unit]
        if outside := [cell for cell in given if not low <= cell <= high]:
            yield f"in_range({low}, {high}): {outside[0]:.10g}"


def pandera_schema(table: Table) -> pa.DataFrameSchema:
    """The same for pandera, which takes a number for any type of number, and coerces it to a float."""
    import pandera.pandas as pa

    columns = {}
    for name, column in table.columns.items():
        checks = [pa.Check.in_range(*RANGES[column.unit])] if column.unit in RANGES else []
        dtype = {"id": str, "text": str, "flag": bool}.get(column.unit, float)
        columns[name] = pa.Column(dtype, checks, nullable=column.nullable and dtype is not bool, coerce=dtype is float)
    return pa.DataFrameSchema(columns, strict=True, ordered=False, unique=table.keys or None)


def pandera_faults(frame: pd.DataFrame, table: Table) -> list[str]:
    """What pandera finds that does not fit, as ``faults``; ``frame`` is as ``tables.read`` gives it."""
    import pandera.pandas as pa

    schema = pandera_schema(table)
    if frame.empty:  # nothing in the columns tells their types
        frame = frame.astype({n: c.dtype.type for n, c in schema.columns.items() if n in frame})
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases[["column", "check", "failure_case"]]
        return [
            f"{case}: {check}" if column is None else f"{column}: {check}: {case}"
            for column, check, case in cases.itertuples(index=False)
        ]
    return []
