"""CSV and TSV files: encoding, quotation mark, delimiter and line end, found and reported; then rows as text.

A file of up to HELD bytes is read into memory once; UTF-8 with LF or CRLF is read where it stands, however large. Any
other encoding, and lines that end in a bare CR, are first turned into UTF-8 with LF: in memory up to HELD bytes, beyond
that in a file without a name, which the system removes with the sheet or with the process, however that ends.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

from learning_survey import encodings
from learning_survey.errors import FREE, SurveyError, system_reason
from learning_survey.kinds import SAVE_AGAIN
from learning_survey.rectangle import NAMES, check

BLOCK = 1 << 18  # bytes looked at together, few enough to stay in the processor's cache
HELD = 1 << 26  # bytes of a file, or of converted text, that stay in memory
FEW = 1 << 16  # characters that hold the first rows of most files
LOOK = 1 << 20  # characters from which delimiter and quotation mark are found
DELIMITERS = {name: mark for mark, name in NAMES.items()}
Types = Mapping[str, Any]  # of columns that are not read as text
_LINE = re.compile(r"[^\r\n]*(?:\r\n|[\r\n])|[^\r\n]+")
_LINE_LF = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass
class Text:
    """A text file ready to be read: UTF-8 with LF or CRLF in ``content``, a path or the bytes themselves."""

    path: Path
    content: Path | bytes = field(repr=False)
    encoding: str
    line_end: str
    delimiter: str = ","
    quote: str = '"'
    single: bool = False  # one column, so that no delimiter can be seen
    skip: int = 0  # bytes before the first row: a mark, a line that states the delimiter
    unnamed: IO[bytes] | None = None  # the file that ``content`` then leads to

    @property
    def delimiter_name(self) -> str:
        return "none" if self.single else NAMES.get(self.delimiter, self.delimiter)

    def blocks(self) -> Iterator[bytes]:
        """The content from the first row on."""
        if isinstance(self.content, bytes):
            for start in range(self.skip, len(self.content), BLOCK):
                yield self.content[start : start + BLOCK]
        else:
            with self.content.open("rb") as file:
                file.seek(self.skip)
                while block := file.read(BLOCK):
                    yield block

    def arrays(self) -> Iterator[np.ndarray]:
        """The same as numbers, shape (BLOCK,) and shorter at the end."""
        if isinstance(self.content, bytes):  # looked at where they are
            content = np.frombuffer(self.content, np.uint8)[self.skip :]
            yield from (content[start : start + BLOCK] for start in range(0, len(content), BLOCK))
        else:
            yield from (np.frombuffer(block, np.uint8) for block in self.blocks())

    def has(self, byte: bytes) -> bool:
        """Whether ``byte`` is anywhere in the content."""
        if isinstance(self.content, bytes):
            return byte in self.content
        return any(byte in block for block in self.blocks())

    def head(self, length: int) -> str:
        """The first ``length`` characters, or fewer, without the byte order mark."""
        if isinstance(self.content, bytes):
            block = self.content[self.skip : self.skip + length]
        else:
            block = b"".join(islice(self.blocks(), -(-length // BLOCK)))[:length]
        return block.decode("utf-8", "ignore")

    def close(self) -> None:
        """Remove what was converted."""
        if self.unnamed:
            self.unnamed.close()


def open_text(path: Path, encoding: str | None = None, delimiter: str | None = None, known: Iterable[str] = ()) -> Text:
    """Find out how ``path`` is written; ``encoding`` and ``delimiter`` are what the study states, ``known`` its texts.

    Raises SurveyError for a file that is no text, whose encoding or delimiter cannot be told, or that is empty.
    """
    known = tuple(known)
    content = path.read_bytes() if path.stat().st_size <= HELD else path
    found = encodings.detect(path, encoding, known, content)
    if found.codec in ("utf-8", "utf-8-sig"):
        text = Text(path, content, found.name, "", skip=found.mark)
    else:
        content, unnamed = _kept(path, (part.encode() for part in encodings.decoded(path, found)))
        text = Text(path, content, found.name, "", unnamed=unnamed)
    try:
        _quoting(text, delimiter, known)
        _line_ends(text)
    except BaseException:
        text.close()
        raise
    return text


def _kept(path: Path, parts: Iterable[bytes]) -> tuple[Path | bytes, IO[bytes] | None]:
    """``parts`` in memory, or where they are many the way to a file without a name, and that file."""
    held, size, file = [], 0, None
    try:
        for part in parts:
            if file is None and size + len(part) > HELD:
                file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
                for earlier in held:
                    _put(file, earlier)
                held = []
            size += len(part)
            if file:
                _put(file, part)
            else:
                held.append(part)
    except BaseException as error:
        if file:
            file.close()
        number, reason = system_reason(error)
        if not number:
            raise
        raise SurveyError(f"cannot convert it to UTF-8: {reason}", where=path, remedy=FREE) from None
    return (Path(f"/proc/self/fd/{file.fileno()}"), file) if file else (b"".join(held), None)


def _put(file: IO[bytes], part: bytes) -> None:
    """Write all of ``part``: an unbuffered file may take less at a time."""
    view = memoryview(part)
    while view:
        view = view[file.write(view) :]


# ---------------------------------------------------------------- line ends


def _line_ends(text: Text) -> None:
    """Find the line ends outside quotation marks; turn bare CR into LF."""
    if not text.has(b"\r"):
        text.line_end = "LF" if text.has(b"\n") else "none"
        return
    crs = lfs = pairs = 0
    last = b""
    for block in text.blocks():
        crs += block.count(b"\r")
        pairs += block.count(b"\r\n") + (last == b"\r" and block.startswith(b"\n"))
        lfs += block.count(b"\n")
        last = block[-1:]
    if crs and (crs != pairs or lfs != pairs):  # some may be inside cells
        lfs, pairs, crs = _outside(text)
    elif crs:
        crs = 0
    ends = [name for name, count in (("LF", lfs - pairs), ("CRLF", pairs), ("CR", crs)) if count]
    text.line_end = " and ".join(ends) or "none"
    if crs:
        old = text.unnamed
        text.content, text.unnamed = _kept(text.path, _without_cr(text))
        text.skip = 0
        if old:
            old.close()


def _marks(text: Text) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each block's bytes, and where they stand outside quotation marks. A CR at the end joins the next block."""
    quoted, rest = False, b""
    for block in text.blocks():
        data = rest + block
        cut = len(data) - data.endswith(b"\r")
        data, rest = data[:cut], data[cut:]
        values = np.frombuffer(data, np.uint8)
        inside = np.bitwise_xor.accumulate((values == ord(text.quote)).view(np.uint8)) ^ np.uint8(quoted)
        quoted = bool(inside[-1]) if len(inside) else quoted
        yield values, inside == 0
    if rest:
        yield np.frombuffer(rest, np.uint8), np.array([not quoted])


def _bare(values: np.ndarray) -> np.ndarray:
    """Where a CR is not followed by an LF."""
    cr = values == 13
    cr[:-1] &= values[1:] != 10
    return cr


def _outside(text: Text) -> tuple[int, int, int]:
    """LFs (those of CRLF among them), CRLFs and bare CRs outside quotation marks."""
    lf = pair = cr = 0
    for values, outside in _marks(text):
        bare = _bare(values)
        lf += int(((values == 10) & outside).sum())
        cr += int((bare & outside).sum())
        pair += int(((values == 13) & ~bare & outside).sum())
    return lf, pair, cr


def _without_cr(text: Text) -> Iterator[bytes]:
    for values, outside in _marks(text):
        changed = values.copy()
        changed[_bare(values) & outside] = 10
        yield changed.tobytes()


# ---------------------------------------------------------------- delimiter and quotation mark


def _quoting(text: Text, stated: str | None, known: Iterable[str]) -> None:
    """Set delimiter and quotation mark. Raises SurveyError where several delimiters fit."""
    head = _looked_at(text)
    if line := re.match(r'"?sep=([^\r\n"])"?(?:\r\n|\r|\n)', head):  # what Excel reads and does not show
        text.skip += len(line[0].encode())
        stated = stated or line[1]
        head = head[line.end() :]
    choices = [DELIMITERS.get(stated, stated)] if stated else list(NAMES)
    if stated and choices[0] not in NAMES:
        raise SurveyError(
            f"exports.delimiter: '{stated}' is no delimiter",
            where=text.path,
            remedy=f"Known: {', '.join(DELIMITERS)}.",
        )
    if len(head) >= LOOK - 4096:  # the last row may be cut
        head = head[: max(head.rfind("\n"), head.rfind("\r"), 0) + 1] or head
    choices = [mark for mark in choices if mark in head] or choices[:1]
    widths = {}
    quotes = ('"', "'") if head.lstrip().startswith("'") else ('"',)
    count = 300 if len(choices) * len(quotes) > 1 else 1  # where there is no choice, the header alone is looked at
    for quote in quotes:
        read = {mark: rows for mark in choices if (rows := _rows(head, mark, quote, count))}
        if quote == "'":
            read = {mark: rows for mark, rows in read.items() if _in_marks(head, rows[0], mark)}
        widths |= {(mark, quote): [len(row) for row in rows] for mark, rows in read.items()}
    if any(quote == "'" for _, quote in widths):
        widths = {key: w for key, w in widths.items() if key[1] == "'"}
        text.quote = "'"
    if not widths:
        raise SurveyError("the file is empty", where=text.path, remedy="Export it again, or take it out of the folder.")
    wide = {key: w for key, w in widths.items() if w[0] > 1}
    if not wide or stated:
        text.single = not wide
        text.delimiter = next(iter(wide or widths))[0]
        return
    even = {key: w for key, w in wide.items() if len(set(w)) == 1} or wide
    if len(even) > 1:
        words = {" ".join(text_.split()).casefold() for text_ in known}
        heads = {key: {" ".join(c.split()).casefold() for c in _rows(head, *key)[0]} & words for key in even}
        best = max(len(h) for h in heads.values())
        if sum(len(h) == best for h in heads.values()) == 1:
            even = {key: even[key] for key, h in heads.items() if len(h) == best}
    if len(even) > 1 and not any(len(set(w)) == 1 for w in wide.values()):
        share = {key: w.count(w[0]) / len(w) for key, w in even.items()}
        even = {key: even[key] for key in even if share[key] == max(share.values())}
    if len(even) > 1:
        names = " or ".join(f"{NAMES[mark]} ({w[0]} columns)" for (mark, _), w in even.items())
        raise SurveyError(
            f"its cells can be separated by {names}",
            where=text.path,
            remedy="State exports.delimiter in the study's file, or export it again with quotation marks.",
        )
    text.delimiter = next(iter(even))[0]


def _looked_at(text: Text) -> str:
    """What tells delimiter and quotation mark: FEW characters where these leave no choice, else LOOK.

    They leave none where one delimiter alone is in them and it separates the headers: one further on does not.
    """
    head = text.head(FEW)
    marks = [mark for mark in NAMES if mark in head]
    if len(marks) == 1 and not head.lstrip().startswith("'"):
        rows = _rows(head, marks[0], '"', 2)  # where there is a second row, the first is whole
        if len(rows) == 2 and len(rows[0]) > 1:
            return head
    return text.head(LOOK)


def _lines(text: str, line: re.Pattern[str]) -> Iterator[str]:
    """The lines of ``text``, each found when it is asked for: seldom are all of them."""
    return (found[0] for found in line.finditer(text))


def _rows(head: str, mark: str, quote: str, count: int = 300) -> list[list[str]]:
    """Rows with any text among the first 300 of ``head``, not more than ``count`` of them."""
    rows: list[list[str]] = []
    around = " \r\n" + "".join(NAMES)
    try:
        for number, row in enumerate(csv.reader(_lines(head, _LINE), delimiter=mark, quotechar=quote)):
            if any(cell.strip(around) for cell in row):
                rows.append(row)
            if number >= 300 or len(rows) == count:
                break
    except csv.Error:  # a cell of more than 128 KiB: a quotation mark that is not closed, most often
        pass
    return rows


def _in_marks(head: str, row: list[str], mark: str) -> bool:
    """Whether the first row's cells all stand in single quotation marks."""
    line = mark.join("'" + cell.replace("'", "''") + "'" for cell in row)
    return head.lstrip().startswith(line) and len(row) > 1


# ---------------------------------------------------------------- rows


def first_rows(text: Text, count: int) -> list[tuple[int, int, list[str]]]:
    """The first rows with any text: the rows before each, the lines of the file up to its end, its cells."""
    for length in (FEW, LOOK):  # a row or two more than asked for show that the last one asked for is not cut
        rows, error = _first(text.head(length), text, count + 1)
        if len(rows) > count:
            break
    if error and not rows:
        raise SurveyError(f"cannot be read as CSV: {error}", where=text.path, remedy=SAVE_AGAIN)
    return rows[:count]


def _first(head: str, text: Text, count: int) -> tuple[list[tuple[int, int, list[str]]], csv.Error | None]:
    rows: list[tuple[int, int, list[str]]] = []
    reader = csv.reader(_lines(head, _LINE_LF), delimiter=text.delimiter, quotechar=text.quote, strict=True)
    try:
        for number, row in enumerate(reader):
            if any(cell.strip() for cell in row):
                rows.append((number, reader.line_num, row))
                if len(rows) == count:
                    break
    except csv.Error as error:
        return rows, error
    return rows, None


def scan(text: Text, width: int, records: int, lines: int, filled: bool) -> Callable[[Types], pl.LazyFrame]:
    """Rows after the first ``records`` rows and ``lines`` lines: ``line`` and ``0`` … as text, or as the types given.

    Checks the whole file first, so that nothing makes it unreadable later; ``filled`` says that such rows have been
    seen. Raises SurveyError.
    """
    check(text, width)
    content = text.content
    skip = lines
    if text.skip and isinstance(content, Path):  # a line before the first row, or a mark, which Polars knows
        with content.open("rb") as file:
            skip += file.read(text.skip).count(b"\n")
    elif text.skip:
        skip += content[: text.skip].count(b"\n")

    def rows(types: Types) -> pl.LazyFrame:
        return pl.scan_csv(
            content,
            separator=text.delimiter,
            quote_char=text.quote,
            skip_lines=skip,
            has_header=False,
            schema={name: types.get(name, pl.String) for name in map(str, range(width))},
            row_index_name="line",
            row_index_offset=records + 1,
        )

    try:
        if not filled:
            rows({}).head(1).collect()
    except pl.exceptions.NoDataError:
        return lambda types: pl.LazyFrame(
            schema={"line": pl.UInt32} | {str(k): pl.String for k in range(width)} | types
        )
    except pl.exceptions.PolarsError as error:
        problem = f"cannot be read as CSV: {str(error).splitlines()[0]}"
        raise SurveyError(problem, where=text.path, remedy=SAVE_AGAIN) from None
    return rows
