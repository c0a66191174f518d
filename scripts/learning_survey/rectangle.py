"""Whether every row of a delimited text has as many cells as its header, and every quotation mark its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from learning_survey.errors import SurveyError
from learning_survey.kinds import SAVE_AGAIN

if TYPE_CHECKING:
    from learning_survey.text_files import Text

NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}


def check(text: Text, width: int) -> None:
    """Raise where a row has more or fewer cells than the header: a shifted row would move answers to other items.

    Counts delimiters outside quotation marks, one block of bytes at a time, and refuses a quotation mark inside a cell
    that has none around it. Blank lines are no rows.
    """
    comma, quote = ord(text.delimiter), ord(text.quote)
    rows, commas, started, quoted = 0, 0, b"", False  # rows ended; of the row under way: commas, first bytes, quotes
    last = (ord("\n"), False)  # the byte before, and whether it stands in quotation marks
    for block in text.blocks():
        data = np.frombuffer(block, np.uint8)
        commas_at, marks = data == comma, data == ord("\n")
        if quoted or last[0] == quote or quote in block:
            marks |= data == quote  # looked for together: to find the few among the many takes time
            places = np.flatnonzero(marks)
            end = data[places] == ord("\n")
            at, ends = places[~end], places[end]
            before, quoted = quoted, quoted ^ bool(len(at) % 2)
            opens, closes = at[int(before) :: 2], at[1 - int(before) :: 2]
            _quotes(text, data, opens, closes, (last, rows))
            if before or quoted or not np.array_equal(opens + 1, closes):  # not only cells of two marks and no more
                outside = _outside(data, quote, before)
                commas_at &= outside
                ends = ends[outside[ends]]
        else:
            ends = np.flatnonzero(marks)
        after = int(ends[-1]) + 1 if len(ends) else 0
        until, total = _marks_before(commas_at, ends)
        counts = np.diff(until, prepend=0)
        counts[:1] += commas
        for k in np.flatnonzero(counts != width - 1):
            start = int(ends[k - 1]) + 1 if k else 0
            if counts[k] or (b"" if k else started) + block[start : ends[k]].strip():
                _ragged(text, rows + int(k) + 1, int(counts[k]) + 1, width)
        commas = total - int(until[-1]) if after else commas + total
        started = (b"" if after else started) + block[after : after + 64].strip()
        rows += len(ends)
        last = (int(data[-1]), quoted)
    if quoted:
        raise SurveyError("a quotation mark is not closed", where=text.path, remedy=SAVE_AGAIN)
    if (started or commas) and commas != width - 1:
        _ragged(text, rows + 1, commas + 1, width)


def _marks_before(marks: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, int]:
    """How many of ``marks``, Booleans, are true before each of ``places``, and in all; counted 64 at once."""
    words = np.zeros(len(marks) // 64 + 1, "<u8")
    bits = np.packbits(marks, bitorder="little")
    words.view(np.uint8)[: len(bits)] = bits
    before = np.cumsum(np.bitwise_count(words), dtype=np.int64)
    word, bit = places >> 6, (places & 63).astype(np.uint64)
    rest = np.bitwise_count(words[word] >> bit)  # from the place itself on
    return before[word] - rest, int(before[-1])


def _outside(data: np.ndarray, quote: int, quoted: bool) -> np.ndarray:
    """Where ``data`` stands outside quotation marks; ``quoted``: it begins inside."""
    inside = np.bitwise_xor.accumulate((data == quote).view(np.uint8))
    return inside == int(quoted)


def _quotes(
    text: Text, data: np.ndarray, opens: np.ndarray, closes: np.ndarray, before: tuple[tuple[int, bool], int]
) -> None:
    """Raise where a quotation mark opens or closes in the middle of a cell.

    ``opens`` and ``closes`` are where marks do so in ``data``. ``before`` is the last byte before ``data``, whether it
    stood in quotation marks, and the rows until then.
    """
    comma, quote = ord(text.delimiter), ord(text.quote)
    (last, quoted), rows = before
    previous = np.where(opens > 0, data[opens - 1], last)
    wrong = opens[(previous != comma) & (previous != 10) & (previous != quote)]
    after = closes[closes + 1 < len(data)] + 1
    if last == quote and not quoted:
        after = np.concatenate([[0], after])
    following = data[after]
    broken = after[(following != comma) & (following != 10) & (following != 13) & (following != quote)]
    if len(wrong) or len(broken):
        place = int(min([*wrong[:1], *broken[:1]]))
        line = rows + 1 + int(((data == 10) & _outside(data, quote, quoted))[:place].sum())
        raise SurveyError(
            "a cell has a quotation mark inside and none around it",
            where=f"{text.path}, line {line}",
            remedy="A quotation mark in an answer is written twice, and the answer in quotation marks. " + SAVE_AGAIN,
        )


def _ragged(text: Text, line: int, cells: int, width: int) -> None:
    why = (
        f"A {NAMES[text.delimiter]} inside an answer needs quotation marks around it; a row cut short needs the rest. "
    )
    if width == 1:
        why = "The first line has to be the row of headers: take out what stands above it, such as a title. "
    raise SurveyError(
        f"has {cells} cell{'s' if cells > 1 else ''} under {width} header{'s' if width > 1 else ''}",
        where=f"{text.path}, line {line}",
        remedy=why + SAVE_AGAIN,
    )
