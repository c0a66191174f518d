"""Raw exports as text: which files a study has, and the rows of one file with the line that each came from.

Everything is text here; meaning is given in ``ingest``. A file that cannot be read is a SurveyError that says what the
file is instead and where it breaks.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from learning_survey.errors import SurveyError

if TYPE_CHECKING:
    from learning_survey.config import Loaded

SAVE_AGAIN = "Export it again, as CSV (UTF-8, separated by commas) or XLSX."


@dataclass(frozen=True)
class Sheet:
    """One file: header cells, trimmed, and rows as text.

    ``rows`` has ``line``, the number that a spreadsheet shows beside the row, and ``0``, ``1``, … for the cells under
    each header. Rows without any text are left out; they count as lines. A cell without text is null.
    """

    path: Path
    header: list[str]
    rows: pl.LazyFrame


def export_files(study: Loaded) -> list[Path]:
    """The study's exports in order of their names, without its register.

    Raises SurveyError when the folder cannot be read or a pattern matches nothing.
    """
    folder = study.export_folder
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise SurveyError(
            f"cannot read the folder of exports: {error.strerror}",
            where=folder,
            remedy="Put the exports there, or correct exports.folder in the study's file.",
        ) from None
    register = study.register_ and study.root / study.register_.file
    found: set[Path] = set()
    for pattern in study.exports.files:
        try:
            matches = {p for p in folder.glob(pattern) if p.is_file() and not p.name.startswith((".", "~$"))}
        except (ValueError, NotImplementedError):
            matches = set()
        if register:
            matches = {p for p in matches if p.resolve() != register.resolve()}
        if not matches:
            present = sorted(p.name for p in folder.iterdir() if p.is_file())
            shown = ", ".join(present[:8]) + (", …" if len(present) > 8 else "") if present else "nothing"
            raise SurveyError(
                f"no export matches '{pattern}'",
                where=folder,
                remedy=f"The folder holds {shown}. Put the export there, or correct exports.files in the study's file.",
            )
        found |= matches
    return sorted(found)


def read_sheet(path: Path) -> Sheet:
    """Read a CSV file (UTF-8, commas) or the one filled sheet of an XLSX workbook as text.

    Raises SurveyError for a file that is missing, empty, of another kind, cut short or not a rectangle.
    """
    try:
        with path.open("rb") as file:
            head = file.read(65536)
    except OSError as error:
        raise SurveyError(
            f"cannot read: {error.strerror}", where=path, remedy="Check its name and permissions."
        ) from None
    if not head.strip():
        raise SurveyError("the file is empty", where=path, remedy="Export it again, or take it out of the folder.")
    workbook = path.suffix.lower() in (".xlsx", ".xlsm")
    _expect(path, head, workbook)
    sheet = _workbook(path) if workbook else _csv(path)
    if sheet.rows.head(1).collect().is_empty():
        raise SurveyError("has a header and no rows", where=path, remedy=SAVE_AGAIN)
    return sheet


def _expect(path: Path, head: bytes, workbook: bool) -> None:
    """Raise where the first bytes belong to another kind of file than the name says."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    zipped = head.startswith(b"PK\x03\x04")
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<script")):
        problem = "is a web page, not an export (a sign-in page, perhaps)"
    elif not workbook and path.suffix.lower() != ".csv":
        problem = f"'{path.suffix}' is not a kind of file that can be read"
    elif workbook and not zipped:
        problem = "is not an XLSX workbook, whatever its name says"
    elif not workbook and zipped:
        problem = "is a workbook or an archive with the name of a CSV file"
    elif not workbook and head.startswith((b"\xff\xfe", b"\xfe\xff")):
        problem = "is encoded as UTF-16, not UTF-8"
    elif not workbook and b"\x00" in head:
        problem = "is not text: it holds binary data"
    elif not workbook and b"\n" not in head and b"\r" in head:
        problem = "has line ends that only old Macs use"
    else:
        return
    raise SurveyError(problem, where=path, remedy=SAVE_AGAIN)


def _csv(path: Path) -> Sheet:
    try:
        header, records, lines = _header(path)
        if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
            raise SurveyError(
                "cells are separated by semicolons, tabs or bars, not by commas", where=path, remedy=SAVE_AGAIN
            )
        _rectangle(path, len(header))
        rows = pl.scan_csv(
            path,
            skip_lines=lines,
            has_header=True,
            infer_schema=False,
            new_columns=[str(k) for k in range(len(header))],
            row_index_name="line",
            row_index_offset=records + 2,
        )
        # One pass over the whole file, to meet here whatever makes it unreadable. Nothing is kept.
        rows.select(pl.all().count()).collect(engine="streaming")
    except (pl.exceptions.PolarsError, UnicodeDecodeError, csv.Error) as error:
        line = _misencoded(path)
        problem = "is not encoded as UTF-8" if line else f"cannot be read as CSV: {str(error).splitlines()[0]}"
        raise SurveyError(problem, where=f"{path}, line {line}" if line else path, remedy=SAVE_AGAIN) from None
    return Sheet(path, _trimmed(header), _filled(rows, len(header)))


def _header(path: Path) -> tuple[list[str], int, int]:
    """The first row with any text, and the rows and the lines of text before it."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader, lines = csv.reader(file), 0
        for records, row in enumerate(reader):
            if any(cell.strip() for cell in row):
                return row, records, lines
            lines = reader.line_num
    raise SurveyError("the file is empty", where=path, remedy=SAVE_AGAIN)


def _workbook(path: Path) -> Sheet:
    import fastexcel

    try:
        book = fastexcel.read_excel(path)
        sheets = {}
        for name in book.sheet_names:
            sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
            if sheet.height:
                sheets[name] = sheet
        if len(sheets) > 1:
            raise SurveyError(
                f"has {len(sheets)} sheets with data: {', '.join(sheets)}",
                where=path,
                remedy="Keep the answers in one sheet; save other sheets as files of their own.",
            )
        if not sheets:
            raise SurveyError("the workbook is empty", where=path, remedy=SAVE_AGAIN)
        errors = next(iter(sheets.values())).to_arrow_with_errors()[1]
        cells = next(iter(sheets.values())).to_polars()
    except fastexcel.FastExcelError as error:
        reason = str(error).splitlines()[0]
        raise SurveyError(f"cannot be read as a workbook ({reason})", where=path, remedy=SAVE_AGAIN) from None
    if errors and errors.errors:
        row = errors.errors[0].position[0] + 1
        raise SurveyError(
            "a cell holds an error instead of a value",
            where=f"{path}, line {row}",
            remedy="Replace formulas by their values and save the workbook again.",
        )
    names = [str(k) for k in range(cells.width)]
    frame = cells.rename(dict(zip(cells.columns, names, strict=True))).with_row_index("line", 1)
    filled = _filled(frame.lazy(), len(names)).collect()
    if filled.is_empty():
        raise SurveyError("the workbook is empty", where=path, remedy=SAVE_AGAIN)
    header = _trimmed(filled.drop("line").row(0))
    return Sheet(path, header, filled[1:].lazy())


def _trimmed(cells: Iterable[str | None]) -> list[str]:
    return [" ".join((cell or "").split()) for cell in cells]


def _filled(rows: pl.LazyFrame, width: int) -> pl.LazyFrame:
    """Trim cells, make cells without text null and leave out rows without any text."""
    cells = [pl.col(str(k)).str.strip_chars() for k in range(width)]
    rows = rows.with_columns(pl.when(c != "").then(c).name.keep() for c in cells)
    return rows.filter(pl.any_horizontal(pl.col(str(k)).is_not_null() for k in range(width)))


def _rectangle(path: Path, width: int) -> None:
    """Raise where a row has more or fewer cells than the header: a shifted row would move answers to other items.

    Counts separators outside quotation marks, one block of bytes at a time. Blank lines are no rows.
    """
    rows, commas, started, quoted = 0, 0, b"", False  # rows ended; of the row under way: commas, first bytes, quotes
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            data = np.frombuffer(block, np.uint8)
            marks = (data == ord(",")) | (data == ord("\n"))
            if quoted or b'"' in block:
                inside = np.bitwise_xor.accumulate((data == ord('"')).view(np.uint8)) ^ quoted
                marks &= inside == 0
                quoted = bool(inside[-1])
            at = np.flatnonzero(marks)
            ends = np.flatnonzero(data[at] == ord("\n"))
            counts = np.diff(ends, prepend=-1) - 1
            counts[:1] += commas
            for k in np.flatnonzero(counts != width - 1):
                start = at[ends[k - 1]] + 1 if k else 0
                if counts[k] or (started if k == 0 else b"") + block[start : at[ends[k]]].strip():
                    _ragged(path, rows + int(k) + 1, int(counts[k]) + 1, width)
            last = at[ends[-1]] + 1 if len(ends) else 0
            commas = (0 if len(ends) else commas) + int((at >= last).sum())
            started = (b"" if len(ends) else started) + block[last : last + 64].strip()
            rows += len(ends)
    if quoted:
        raise SurveyError("a quotation mark is not closed", where=path, remedy=SAVE_AGAIN)
    if (started or commas) and commas != width - 1:
        _ragged(path, rows + 1, commas + 1, width)


def _ragged(path: Path, line: int, cells: int, width: int) -> None:
    raise SurveyError(
        f"has {cells} cell{'s' if cells > 1 else ''} under {width} header{'s' if width > 1 else ''}",
        where=f"{path}, line {line}",
        remedy="A comma inside an answer needs quotation marks around it; a row cut short needs the rest. "
        + SAVE_AGAIN,
    )


def _misencoded(path: Path) -> int:
    """The first line that is not UTF-8, or 0."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 0
