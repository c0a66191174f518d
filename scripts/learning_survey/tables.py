"""Writing and reading files: validated, atomic, byte-identical for identical content."""

from __future__ import annotations

import csv
import glob
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning_survey.errors import SurveyError, system_reason
from learning_survey.schemas import TABLES
from learning_survey.table_checks import TEXT, Cells, cells_of, faults

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
    """Check ``frame`` as table ``name`` ('stage.table') and write ``<folder>/<table>.csv``.

    Two leading columns, ``study`` and ``cohort``, say in the file itself where it is from. Raises SurveyError when
    the frame does not fit the schema: that is a defect of the stage, caught before anything is written.
    """
    cells = validated(frame, name)
    printed = [[_printed(cell, TABLES[name].columns[c].unit) for cell in column] for c, column in cells.items()]
    path = folder / f"{name.rpartition('.')[2]}.csv"
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["study", "cohort", *cells])
        out.writerows((study.id, study.cohort, *row) for row in zip(*printed, strict=True))
    return path


def validated(frame: pd.DataFrame | pl.DataFrame, name: str) -> Cells:
    """The cells of ``frame`` by column, in the order of table ``name``; raises SurveyError where they do not fit."""
    table, cells = TABLES[name], cells_of(frame)
    twice = [f"{column}: column twice" for column, times in Counter(map(str, frame.columns)).items() if times > 1]
    if found := [*twice, *islice(faults(cells, table), 5)]:
        raise SurveyError(
            "does not fit its schema:\n  " + "\n  ".join(found[:5]),
            where=f"table {name}",
            remedy="This is a defect of the stage.",
        )
    return {column: cells.get(column, []) for column in table.columns}


def _printed(cell: Any, unit: str) -> Any:
    """A cell as the file has it: a text that no spreadsheet runs, a flag, a number with ten significant digits."""
    if cell is None or unit == "flag":
        return cell
    return neutral(cell) if unit in TEXT else f"{float(cell):.10g}"


def read(folder: Path, name: str) -> pd.DataFrame:
    """Read table ``name`` from ``<folder>/<stage>/<table>.csv`` (folder is ``results/<study>/tables``)."""
    import pandas as pd

    path = folder / f"{name.replace('.', '/')}.csv"
    if not path.is_file():
        raise SurveyError("no such table", where=path, remedy="Run the pipeline; it makes the table.")
    table = TABLES[name]
    text = {c: str for c, spec in table.columns.items() if spec.unit in TEXT}
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
