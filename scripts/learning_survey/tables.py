"""Writing and reading files: validated, atomic, byte-identical for identical content."""

from __future__ import annotations

import csv
import glob
import io
import json
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning_survey.errors import SurveyError, system_reason
from learning_survey.schemas import RANGES, TABLES, Column, Table

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from numpy.typing import NDArray

    from learning_survey.config import Loaded


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well, and vanishes when it does not.

    Whoever looks at ``path`` sees the old file or the whole new one. What a writer that was killed left is removed.
    Raises SurveyError when the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
            left.unlink(missing_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except Exception as error:
        number, reason = system_reason(error)
        if not number and not isinstance(error, SurveyError):
            number, reason = system_reason(_cannot_grow(temporary))
        if not number:
            raise
        raise SurveyError(
            f"cannot write: {reason}", where=path, remedy="Free disk space or correct permissions, then run again."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _cannot_grow(path: Path) -> OSError | None:
    """The error that more bytes at the end of a file meet. Polars says of a Parquet file only that writing failed."""
    try:
        with path.open("ab", buffering=0) as file:
            for _ in range(2):  # the first may be taken in part
                file.write(bytes(1 << 16))
    except OSError as error:
        return error
    return None


def write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """An ``.npz`` of arrays, packed in memory: on a full disk ``savez`` would print a traceback of its own."""
    import numpy as np

    content = io.BytesIO()
    np.savez(content, **arrays)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n")


def write(frame: pd.DataFrame | pl.DataFrame, name: str, folder: Path, study: Loaded) -> Path:
    """Validate ``frame`` as table ``name`` ('stage.table') and write ``<folder>/<table>.csv``.

    Two leading columns, ``study`` and ``cohort``, say in the file itself where it is from. Raises SurveyError when
    the frame does not fit the schema: that is a defect of the stage, caught before anything is written.
    """
    table = TABLES[name]
    columns = validated(frame, name, table)
    for column, spec in table.columns.items():
        if spec.unit in ("id", "text"):
            columns[column] = [neutral(cell) if cell is not None else None for cell in columns[column]]
        elif spec.unit != "flag":
            columns[column] = [f"{cell:.10g}" if cell is not None else None for cell in columns[column]]
    path = folder / f"{name.rpartition('.')[2]}.csv"
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["study", "cohort", *columns])
        out.writerows([study.id, study.cohort, *cells] for cells in zip(*columns.values(), strict=True))
    return path


def validated(frame: pd.DataFrame | pl.DataFrame, name: str, table: Table) -> dict[str, list[Any]]:
    """The cells of ``frame`` by column, in the table's order, None where empty.

    Raises SurveyError where columns are missing or not the table's, where a cell is not of its unit's type, out of its
    range, or missing from a column that must have it, and where a key is there twice.
    """
    faults = [f"{c}: not a column of the table" for c in frame.columns if c not in table.columns]
    faults += [f"{c}: missing" for c in table.columns if c not in frame.columns]
    columns: dict[str, list[Any]] = {}
    for column, spec in table.columns.items():
        if column in frame.columns:
            columns[column], wrong = _cells(frame[column].to_list(), spec)
            faults += [f"{column}: {problem}" for problem in wrong]
    keys = list(zip(*(columns[key] for key in table.keys if key in columns), strict=True))
    if len(set(keys)) < len(keys):
        faults.append(f"{', '.join(table.keys)}: there twice")
    if faults:
        raise SurveyError(
            "does not fit its schema:\n" + "\n".join(faults[:5]),
            where=f"table {name}",
            remedy="This is a defect of the stage.",
        )
    return columns


def _cells(given: list[Any], spec: Column) -> tuple[list[Any], list[str]]:
    """Cells as text, bool or float, None where empty; and what is wrong with them."""
    cells = [cell.item() if hasattr(cell, "item") else cell for cell in given]  # NumPy's numbers as Python's
    cells = [None if type(cell).__name__ == "NAType" or cell != cell else cell for cell in cells]  # noqa: PLR0124
    kind = {"id": str, "text": str, "flag": bool}.get(spec.unit, float)
    odd = [c for c in cells if c is not None and not isinstance(c, (int, float) if kind is float else kind)]
    wrong = [f"a cell is no {kind.__name__}"] if odd else []
    if None in cells and (kind is bool or not spec.nullable):
        wrong.append("a cell is empty")
    if kind is float and not odd:
        low, high = RANGES.get(spec.unit, (-math.inf, math.inf))
        cells = [None if cell is None else float(cell) for cell in cells]
        outside = [cell for cell in cells if cell is not None and not low <= cell <= high]
        wrong += [f"{cell:g} is not within {low:g} and {high:g}" for cell in outside[:1]]
    return cells, wrong


def read(folder: Path, name: str) -> pd.DataFrame:
    """Read table ``name`` from ``<folder>/<stage>/<table>.csv`` (folder is ``results/<study>/tables``)."""
    import pandas as pd

    path = folder / f"{name.replace('.', '/')}.csv"
    if not path.is_file():
        raise SurveyError("no such table", where=path, remedy="Run the pipeline; it makes the table.")
    table = TABLES[name]
    text = {c: str for c, spec in table.columns.items() if spec.unit in ("id", "text")}
    frame = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""]).drop(columns=["study", "cohort"])
    for column in text:
        if column in frame and frame[column].str.startswith("'", na=False).any():
            frame[column] = [restored(cell) if isinstance(cell, str) else cell for cell in frame[column]]
    return frame


# ---------------------------------------------------------------- cells that a spreadsheet would run

# A text that begins so is a formula to a spreadsheet (OWASP, CSV injection). An apostrophe in front makes it a text;
# one more goes in front of a text that has them already, so that taking one away gives every text back. Plain numbers
# are harmless and stay.
_RUNS = r"^'*[=+\-@\t\r]"
_NUMBER = r"^[+-]?\d+(?:\.\d+)?$"
_MARKED = r"^'+[=+\-@\t\r]"


def neutral(text: str) -> str:
    """``text`` as a cell that no spreadsheet runs."""
    return f"'{text}" if re.search(_RUNS, text) and not re.fullmatch(_NUMBER, text) else text


def restored(cell: str) -> str:
    """The text that ``neutral`` made ``cell`` of."""
    return cell[1:] if re.search(_MARKED, cell) else cell


def neutral_column(column: str) -> pl.Expr:
    """``neutral`` for a text column of a Polars frame."""
    import polars as pl

    text = pl.col(column)
    runs = text.str.contains(_RUNS) & ~text.str.contains(_NUMBER)
    return pl.when(runs).then(pl.concat_str(pl.lit("'"), text)).otherwise(text).alias(column)
