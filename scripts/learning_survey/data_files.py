"""SPSS and Parquet files: typed columns turned into the text that a spreadsheet would show."""

from __future__ import annotations

import datetime
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl

from learning_survey.errors import SurveyError

SAVE_AGAIN = "Export it again."


def survives(path: Path) -> None:
    """Read an SPSS file in a process of its own: certain damage ends the library's process instead of raising.

    Raises SurveyError when it does.
    """
    script = "import sys, pyreadstat; pyreadstat.read_sav(sys.argv[1], output_format='dict')"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, check=False)
    if done.returncode < 0:
        raise _damaged(path, "SPSS", "the library that reads it breaks down")


def spss(path: Path) -> tuple[list[str], list[str], str, pl.DataFrame, list[dict[str, float]]]:
    """An SPSS ``.sav`` or ``.zsav`` file: names, variable labels, encoding, cells as text with ``line``, and for each
    variable the number behind each label.

    A value with a label is given as its label, any other as it is. What the file declares missing, values and ranges,
    is null, as is a value that SPSS itself counts as missing. Case k has line k + 1: a spreadsheet has the header in
    line 1. Raises SurveyError for a file that is damaged, or where two values of a variable have one label.
    """
    import pyreadstat

    try:
        columns, meta = pyreadstat.read_sav(str(path), output_format="dict")
        if None in (names := list(meta.column_names)):
            raise ValueError("a variable has no name")
    except Exception as error:  # ReadstatError, and whatever damaged bytes raise on their way through
        raise _damaged(path, "SPSS", str(error)) from None
    cells: dict[str, Any] = {}
    for k, name in enumerate(names):
        labels = {value: label.strip() for value, label in meta.variable_value_labels.get(name, {}).items()}
        values = columns[name]
        used = {labels[v] for v in set(values) if v in labels}
        if len(used) < sum(v in labels for v in set(values)):
            twice = next(label for label in sorted(used) if sum(labels.get(v) == label for v in set(values)) > 1)
            raise SurveyError(
                f"the variable '{name}' has the label '{twice}' for more than one value",
                where=path,
                remedy="Give each value its own label, or take the labels away, and save the file again.",
            )
        cells[str(k)] = pl.Series([labels.get(value) or _text(value) for value in values], dtype=pl.String)
    questions = [" ".join((label or "").split()) for label in meta.column_labels]
    coded = [
        {label.strip(): v for v, label in meta.variable_value_labels.get(name, {}).items() if not isinstance(v, str)}
        for name in names
    ]
    return names, questions, meta.file_encoding or "", pl.DataFrame(cells).with_row_index("line", 2), coded


def parquet(path: Path) -> tuple[list[str], pl.LazyFrame]:
    """A Parquet file: names, and cells as text with ``line``; row k has line k + 1.

    A number without a fraction has no decimal point. Raises SurveyError for a file that is damaged or has nested or
    binary columns.
    """
    nested, cells = [], []
    try:
        rows = pl.scan_parquet(path, glob=False)
        schema = rows.collect_schema()
        nested = [name for name, dtype in schema.items() if dtype.is_nested() or dtype == pl.Binary]
        if not nested:
            cells = [_cell(name, dtype).alias(str(k)) for k, (name, dtype) in enumerate(schema.items())]
            # Every cell once, to meet damage here; counting alone would read no more than the file's own summary.
            rows.select(cells).select(pl.all().str.len_bytes().sum()).collect(engine="streaming")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _damaged(path, "Parquet", str(error)) from None
    if nested:
        raise SurveyError(
            f"the column '{nested[0]}' holds lists or bytes, not answers",
            where=path,
            remedy="Export one column for each answer.",
        )
    return list(schema), rows.select(cells).with_row_index("line", 2)


def _damaged(path: Path, kind: str, reason: str) -> SurveyError:
    article = "an" if kind == "SPSS" else "a"
    reason = (reason.splitlines() or [""])[0][:100]
    return SurveyError(
        f"cannot be read as {article} {kind} file; it is cut short or damaged ({reason})",
        where=path,
        remedy=SAVE_AGAIN,
    )


def _cell(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype.is_float():
        whole = (column == column.round(0)) & (column.abs() < 1e15)
        text = (
            pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(column.cast(pl.String))
        )
        return pl.when(column.is_nan()).then(None).otherwise(text)
    return column.cast(pl.String)


def _text(value: Any) -> str | None:
    """A cell as a spreadsheet shows it: no decimal point behind a whole number, no time behind a date alone."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return str(value.date())
    return str(value)
