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
    last = ord("\n")
    for block in text.blocks():
        data = np.frombuffer(block, np.uint8)
        newline = data == ord("\n")
        marks = (data == comma) | newline
        if quoted or last == quote or quote in block:
            at = data == quote
            inside = np.bitwise_xor.accumulate(at.view(np.uint8)) ^ np.uint8(quoted)
            _quotes(text, data, inside, (last, quoted), rows)
            marks &= inside == 0
            quoted = bool(inside[-1])
        at = np.flatnonzero(marks)
        ends = np.flatnonzero(newline[at])
        counts = np.diff(ends, prepend=-1) - 1
        counts[:1] += commas
        for k in np.flatnonzero(counts != width - 1):
            start = at[ends[k - 1]] + 1 if k else 0
            if counts[k] or (started if k == 0 else b"") + block[start : at[ends[k]]].strip():
                _ragged(text, rows + int(k) + 1, int(counts[k]) + 1, width)
        after = at[ends[-1]] + 1 if len(ends) else 0
        commas = (0 if len(ends) else commas) + int((at >= after).sum())
        started = (b"" if len(ends) else started) + block[after : after + 64].strip()
        rows += len(ends)
        last = int(data[-1])
    if quoted:
        raise SurveyError("a quotation mark is not closed", where=text.path, remedy=SAVE_AGAIN)
    if (started or commas) and commas != width - 1:
        _ragged(text, rows + 1, commas + 1, width)


def _quotes(text: Text, data: np.ndarray, inside: np.ndarray, before: tuple[int, bool], rows: int) -> None:
    """Raise where a quotation mark opens or closes in the middle of a cell.

    ``before`` is the byte before ``data`` and whether it was in a cell with quotation marks around it.
    """
    comma, quote = ord(text.delimiter), ord(text.quote)
    last, quoted = before
    at = data == quote
    previous = np.concatenate([np.array([last], np.uint8), data[:-1]])
    wrong = at & (inside == 1) & (previous != comma) & (previous != 10) & (previous != quote)
    closed = np.concatenate([[last == quote and not quoted], (at & (inside == 0))[:-1]])  # one byte after the mark
    wrong |= closed & (data != comma) & (data != 10) & (data != 13) & (data != quote)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        line = rows + 1 + int(((data[:place] == 10) & (inside[:place] == 0)).sum())
        raise SurveyError(
            "a cell has a quotation mark inside and none around it",
            where=f"{text.path}, line {line}",
            remedy="A quotation mark in an answer is written twice, and the answer in quotation marks. " + SAVE_AGAIN,
        )


def _ragged(text: Text, line: int, cells: int, width: int) -> None:
    raise SurveyError(
        f"has {cells} cell{'s' if cells > 1 else ''} under {width} header{'s' if width > 1 else ''}",
        where=f"{text.path}, line {line}",
        remedy=f"A {NAMES[text.delimiter]} inside an answer needs quotation marks around it; a row cut short needs "
        "the rest. " + SAVE_AGAIN,
    )
