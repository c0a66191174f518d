"""Whether every row of a delimited text has as many cells as its header, and every quotation mark its place.

Bytes of one kind are looked for 64 at once: where they stand is a bit in a word, the first byte's the lowest. Which
bytes stand in quotation marks is the parity of the marks before them (Langdale and Lemire 2019, The VLDB Journal 28:
941-960).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.errors import SurveyError
from learning_survey.kinds import SAVE_AGAIN

if TYPE_CHECKING:
    from learning_survey.text_files import Text

NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
Bytes, Bits = NDArray[np.uint8], NDArray[np.uint64]
LF, CR = ord("\n"), ord("\r")
ONE, TOP = np.uint64(1), np.uint64(63)


def check(text: Text, width: int) -> None:
    """Raise where a row has more or fewer cells than the header: a shifted row would move answers to other items.

    Counts delimiters outside quotation marks, one block of bytes at a time, and refuses a quotation mark inside a cell
    that has none around it. Blank lines are no rows.
    """
    comma, quote = ord(text.delimiter), ord(text.quote)
    rows, commas, started, quoted = 0, 0, b"", False  # rows ended; of the row under way: commas, first bytes, quotes
    last = LF  # the byte before
    for data in text.arrays():
        commas_at, ends_at, quotes_at = (_bits(data == byte) for byte in (comma, LF, quote))
        wrong = len(data)
        if quoted or last == quote or quotes_at.any():
            inside = _parity(quotes_at, quoted)
            edges, before = commas_at | ends_at | quotes_at, (last in (comma, LF, quote), last == quote and not quoted)
            wrong = _misplaced(data, edges, quotes_at & inside, quotes_at & ~inside, before)
            quoted ^= bool(np.bitwise_count(quotes_at).sum() % 2)
            commas_at, ends_at = commas_at & ~inside, ends_at & ~inside
        ends = _places(ends_at)
        if wrong < len(data):
            raise SurveyError(
                "a cell has a quotation mark inside and none around it",
                where=f"{text.path}, line {rows + 1 + int(np.searchsorted(ends, wrong))}",
                remedy="A quotation mark in an answer is written twice, and the answer in quotation marks. "
                + SAVE_AGAIN,
            )
        until, total = _counts_before(commas_at, ends)
        counts = until.copy()
        counts[1:] -= until[:-1]
        counts[:1] += commas
        for k in np.flatnonzero(counts != width - 1):
            start = int(ends[k - 1]) + 1 if k else 0
            if counts[k] or (b"" if k else started) + data[start : ends[k]].tobytes().strip():
                _ragged(text, rows + int(k) + 1, int(counts[k]) + 1, width)
        after = int(ends[-1]) + 1 if len(ends) else 0
        commas = total - int(until[-1]) if after else commas + total
        started = (b"" if after else started) + data[after : after + 64].tobytes().strip()
        rows += len(ends)
        last = int(data[-1])
    if quoted:
        raise SurveyError("a quotation mark is not closed", where=text.path, remedy=SAVE_AGAIN)
    if (started or commas) and commas != width - 1:
        _ragged(text, rows + 1, commas + 1, width)


def _bits(marks: NDArray[np.bool_]) -> Bits:
    """``marks`` as bits, 64 in a word, with at least one false one behind the last."""
    words = np.zeros(len(marks) // 64 + 1, "<u8")
    packed = np.packbits(marks, bitorder="little")
    words.view(np.uint8)[: len(packed)] = packed
    return words


def _parity(bits: Bits, odd: bool) -> Bits:
    """Whether the bits up to each place, itself included, are odd in number, ``odd`` counted as one more."""
    found, moved = bits.copy(), np.empty_like(bits)
    for shift in (1, 2, 4, 8, 16, 32):
        found ^= np.left_shift(found, np.uint64(shift), out=moved)
    before = np.bitwise_xor.accumulate(np.right_shift(found, TOP, out=moved))  # the parity of the words up to each
    found[1:] ^= -before[:-1]
    return ~found if odd else found


def _places(bits: Bits) -> NDArray[np.int64]:
    """Where ``bits`` are true, in order."""
    at = np.flatnonzero(bits)
    words, found = bits[at], []
    while len(at):
        lowest = words & -words
        found.append((at << 6) + np.bitwise_count(lowest - ONE))
        words ^= lowest
        more = words != 0
        words, at = words[more], at[more]
    return np.sort(np.concatenate(found)) if len(found) > 1 else found[0] if found else at


def _counts_before(bits: Bits, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """How many of ``bits`` are true before each of ``places``, and in all."""
    before = np.cumsum(np.bitwise_count(bits), dtype=np.int64)
    word, bit = places >> 6, (places & 63).astype(np.uint64)
    rest = np.bitwise_count(bits[word] >> bit)  # from the place itself on
    return before[word] - rest, int(before[-1])


def _misplaced(data: Bytes, edges: Bits, opens: Bits, closes: Bits, before: tuple[bool, bool]) -> int:
    """The first quotation mark that opens, or byte after one that closes, in the middle of a cell; or ``len(data)``.

    ``edges`` are delimiters, line ends and quotation marks. ``before`` says of the byte before ``data`` whether it is
    an edge, and whether it is a mark that may have closed a cell.
    """
    edge, closed = before
    behind, ahead = edges << ONE, edges >> ONE  # whether the byte before, and the one after, is an edge
    behind[1:] |= edges[:-1] >> TOP
    behind[0] |= np.uint64(edge)
    ahead[:-1] |= edges[1:] << TOP
    after = _places(closes & ~ahead) + 1
    if closed and not edges[0] & ONE:
        after = np.concatenate([[0], after])
    after = after[after < len(data)]  # the next block looks at its own first byte
    found = (_places(opens & ~behind), after[data[after] != CR])
    return min([int(places[0]) for places in found if len(places)], default=len(data))


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
