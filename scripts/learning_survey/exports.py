"""Raw exports as text: which files a study has, and the rows of one file with the line that each came from.

Everything is text here; meaning is given in ``ingest``. A file that cannot be read is a SurveyError that says what the
file is instead and where it breaks. Nothing is guessed: what cannot be told from the file itself, the study states
under ``exports`` (``encoding``, ``delimiter``, ``sheet``, ``header``), and what was found is in ``Sheet.detected``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from learning_survey import data_files, headers, text_files, workbooks
from learning_survey.encodings import UndecidedError
from learning_survey.errors import SurveyError
from learning_survey.kinds import FORMATS, SAVE_AGAIN, format_of
from learning_survey.labels import trimmed
from learning_survey.mapping import columns_of
from learning_survey.text_files import Text, Types

if TYPE_CHECKING:
    from learning_survey.config import Exports, Loaded


@dataclass(frozen=True)
class Detected:
    """How a file is written. What a format does not have is ""."""

    format: str = ""  # CSV, TSV, XLSX, XLS, ODS, SPSS, Parquet
    sheet: str = ""
    encoding: str = ""
    delimiter: str = ""  # comma, semicolon, tab, pipe; none where there is one column
    quote: str = ""  # double or single
    line_end: str = ""  # LF, CRLF, CR, or several
    header_rows: int = 1  # 0 where names are part of the format


@dataclass(frozen=True)
class Sheet:
    """One file: a name for each column, trimmed, and rows as text.

    ``questions`` has what was asked in each column, "" where the file does not say. ``rows`` has ``line``, the number
    that a spreadsheet shows beside the row (where names are part of the format, as if they were in line 1), and ``0``,
    ``1``, … for the cells under each header. Rows without any text are left out; they count as lines. A cell without
    text is null. ``cells`` are the same, not yet trimmed and with every row, some columns in another type than text.
    """

    path: Path
    header: list[str]
    cells: Callable[[Types], pl.LazyFrame]
    questions: list[str] = field(default_factory=list)
    detected: Detected = Detected()
    text: Text | None = None
    coded: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.questions:
            object.__setattr__(self, "questions", [""] * len(self.header))
        if not self.coded:
            object.__setattr__(self, "coded", [{}] * len(self.header))

    @property
    def names(self) -> list[str]:
        """The headers, trimmed; a column without one is called by its place, '(no header, column 1)'."""
        return [trimmed(header) or f"(no header, column {k + 1})" for k, header in enumerate(self.header)]

    @cached_property
    def rows(self) -> pl.LazyFrame:
        return _filled(self.cells({}), len(self.header))

    def close(self) -> None:
        """Remove what was written to read the file; ``rows`` are of no use after that."""
        if self.text:
            self.text.close()


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


def read_export(path: Path, study: Loaded) -> Sheet:
    """Read an export of ``study`` with what its file states under ``exports``; see ``read_sheet``."""
    if FORMATS.get(path.suffix.lower()) == "SPSS" and path.is_file():
        data_files.survives(path)
    name = path.relative_to(study.export_folder).as_posix()
    try:
        return read_sheet(path, study.exports, _texts_of(study), name)
    except UndecidedError as error:
        return _whatever_its_encoding(path, study, name, error)


def _whatever_its_encoding(path: Path, study: Loaded, name: str, undecided: UndecidedError) -> Sheet:
    """A file that does not tell its encoding and need not: the columns that the study uses are ASCII throughout.

    Raises ``undecided`` where they are not.
    """
    any_ = study.exports.model_copy(update={"encoding": "latin-1"})  # has a letter for every byte
    sheet = read_sheet(path, any_, (), name)
    try:
        place = columns_of(sheet, study)
        used = sheet.rows.select(
            pl.any_horizontal(pl.col(str(k)).str.contains(r"[^\x00-\x7f]") for k in place.values())
        )
        if not all(sheet.header[k].isascii() for k in place.values()) or used.select(pl.first().any()).collect().item():
            raise undecided
    except SurveyError:
        sheet.close()
        raise undecided from None
    return replace(sheet, detected=replace(sheet.detected, encoding="not known; ASCII in the columns that are used"))


@lru_cache(maxsize=1)
def _texts_of(study: Loaded) -> tuple[str, ...]:
    """Labels, headers and wordings of the study and its instrument: texts that its exports may hold."""
    texts: list[str] = []
    waiting: list[Any] = [study.instrument.model_dump(), study.columns.model_dump(), study.exports.missing_values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
    return tuple(texts)


def read_sheet(path: Path, stated: Exports | None = None, known: Iterable[str] = (), name: str = "") -> Sheet:
    """Read one file as text: CSV or TSV, a workbook, an SPSS or a Parquet file.

    ``stated`` is what the study says of its exports and ``known`` its texts, evidence where bytes alone do not tell;
    ``name`` is the file's path below the folder of exports. Raises SurveyError for a file that is missing, empty, of
    another kind than its name says, cut short, not a rectangle, or written in a way that cannot be told.
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
    says = {
        key: value
        for key in ("encoding", "delimiter", "sheet", "header")
        if (value := _for_file(getattr(stated, key, None), name or path.name))
    }
    kind = format_of(path, head)
    if kind == "text":
        sheet = _text(path, says, known)
    elif kind == "SPSS":
        names, questions, encoding, cells, coded = data_files.spss(path)
        how = Detected("SPSS", encoding=encoding, header_rows=0)
        sheet = replace(_typed(path, names, cells.lazy(), how, questions), coded=coded)
    elif kind == "Parquet":
        sheet = _typed(path, *data_files.parquet(path), Detected("Parquet", header_rows=0))
    else:
        sheet = _workbook(path, kind, says)
    return sheet


def _for_file(value: str | dict[str, str] | None, name: str) -> str | None:
    """What the study states for one file: one value for all, or by patterns of names, the first that fits."""
    if not isinstance(value, dict):
        return value
    fits = (v for p, v in value.items() if fnmatchcase(name, p) or fnmatchcase(name.rpartition("/")[2], p))
    return next(fits, None)


def _with_rows(sheet: Sheet) -> Sheet:
    """``sheet``, looked through until a row has any text. Raises SurveyError where none has."""
    if sheet.rows.head(1).collect(engine="streaming").is_empty():
        sheet.close()
        raise SurveyError("has a header and no rows", where=sheet.path, remedy=SAVE_AGAIN)
    return sheet


def _text(path: Path, says: dict[str, str], known: Iterable[str]) -> Sheet:
    text = text_files.open_text(path, says.get("encoding"), says.get("delimiter"), known)
    try:
        first = text_files.first_rows(text, headers.SAMPLE)
        width = len(first[0][2])
        seen = [(row + [""] * width)[:width] for _, _, row in first]
        found = headers.understand(seen, says.get("header"))
        records, lines, _ = first[found.rows - 1]
        filled = len(first) > found.rows
        read = text_files.scan(text, width, records + 1, lines, filled)
    except BaseException:
        text.close()
        raise
    detected = Detected(
        format="TSV" if text.delimiter == "\t" else "CSV",
        encoding=text.encoding,
        delimiter=text.delimiter_name,
        quote="single" if text.quote == "'" else "double",
        line_end=text.line_end,
        header_rows=found.rows,
    )
    sheet = Sheet(path, found.names, read, found.questions, detected, text)
    return sheet if filled else _with_rows(sheet)


def _workbook(path: Path, kind: str, says: dict[str, str]) -> Sheet:
    name, cells = workbooks.cells_of(path, says.get("sheet"))
    filled = _filled(cells.lazy(), cells.width - 1).collect()
    if filled.is_empty():
        raise SurveyError("the workbook is empty", where=path, remedy=SAVE_AGAIN)
    first = [[cell or "" for cell in row] for row in filled.drop("line").head(headers.SAMPLE).rows()]
    found = headers.understand(first, says.get("header"))
    detected = Detected(kind, sheet=name, header_rows=found.rows)
    rows = filled[found.rows :].lazy()
    return _with_rows(Sheet(path, found.names, lambda types: rows.cast(dict(types)), found.questions, detected))


def _typed(
    path: Path, names: list[str], rows: pl.LazyFrame, detected: Detected, questions: Iterable[str] = ()
) -> Sheet:
    header = [trimmed(name) for name in names]
    if not header:
        raise SurveyError("has no columns", where=path, remedy=SAVE_AGAIN)
    return _with_rows(Sheet(path, header, lambda types: rows.cast(dict(types)), list(questions), detected))


def _filled(rows: pl.LazyFrame, width: int) -> pl.LazyFrame:
    """Trim cells, make cells without text null and leave out rows without any text."""
    cells = [pl.col(str(k)).str.strip_chars() for k in range(width)]
    rows = rows.with_columns(pl.when(c != "").then(c).name.keep() for c in cells)
    return rows.filter(pl.any_horizontal(pl.col(str(k)).is_not_null() for k in range(width)))
