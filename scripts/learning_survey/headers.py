"""What the first rows of an export are: one row of headers, a question above sub-questions, or names, texts and ids.

| convention | rows | who writes it |
|---|---|---|
| ``one_row`` | headers; matrix questions as ``code[sub]`` or ``Question [Sub]`` | LimeSurvey, online forms |
| ``two_rows`` | the question, blank or repeated over its columns; below, the sub-question | SurveyMonkey |
| ``two_rows`` | name, text | SoSci Survey |
| ``three_rows`` | name, text, ``{"ImportId": …}`` | Qualtrics |
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from learning_survey.labels import trimmed

ROWS = {"one_row": 1, "two_rows": 2, "three_rows": 3}
SAMPLE = 40  # filled rows that are looked at, headers among them
_IMPORT = re.compile(r"""^\{\s*["'“”]*ImportId["'“”]*\s*:""")
_MATRIX = re.compile(r"(?P<stem>.*\S)\s*\[(?P<sub>[^\[\]]+)\]")
_COUNTED = re.compile(r"\s*[+-]?\d[\d.,:/ T+-]*Z?\s*")
_ANY_ANSWER = {"", "response", "open-ended response"}  # below a question without sub-questions


@dataclass(frozen=True)
class Headers:
    """``names`` tell columns apart; ``questions`` are what was asked in each, "" where the file does not say."""

    names: list[str]
    questions: list[str]
    rows: int


def understand(rows: list[list[str]], stated: str | None = None) -> Headers:
    """The headers in ``rows``, the first filled rows of an export, padded to one width; ``stated``: a key of ROWS.

    Two rows are taken for headers only where the first repeats itself or has gaps and the second does not look like
    answers, or where the second has texts in all columns of numbers; three only where the third holds import ids. The
    name of a sub-question is ``Question [Sub]``.
    """
    answers, rows = rows[2:], [_spaced(row) for row in rows[:3]]
    convention = stated or _convention(rows, answers)
    if convention == "three_rows" and len(rows) >= 3:
        return Headers(rows[0], rows[1], 3)
    if convention == "two_rows" and len(rows) >= 2:
        return _two(rows[0], rows[1])
    return Headers(rows[0], _asked(rows[0]), 1)


def _spaced(row: list[str]) -> list[str]:
    return [trimmed(cell) for cell in row]


def _convention(rows: list[list[str]], answers: list[list[str]]) -> str:
    if len(rows) >= 3:
        ids = [cell for cell in rows[2] if cell]
        if ids and all(_IMPORT.match(cell) for cell in ids):
            return "three_rows"
        if _question_above_sub(rows[0], rows[1], answers) or _name_above_text(rows[0], rows[1], answers):
            return "two_rows"
    return "one_row"


def _question_above_sub(first: list[str], second: list[str], answers: list[list[str]]) -> bool:
    if all(first) and not any(a == b for a, b in pairwise(first)):
        return False  # no question has two columns
    rest = [_spaced(row) for row in answers]
    used = [k for k in range(len(first)) if first[k] or second[k] or any(row[k] for row in rest)]
    above = _carried(first)
    subs = [k for k in used if not first[k] or (k and first[k] == above[k - 1])]
    if not subs or any(not second[k] or not above[k] for k in subs):
        return False
    pairs = [(above[k], second[k]) for k in used]
    if len(set(pairs)) < len(pairs):
        return False
    stated = any(cell.casefold() in _ANY_ANSWER - {""} for cell in second)
    gap = any(first[k] and not second[k] and all(row[k] for row in rest) for k in used)
    answers = {row[k] for row in rest for k in subs if row[k]}
    texts = [second[k] for k in subs]
    unlike = len(rest) > 1 and not answers & set(texts) and not any(re.fullmatch(r"[\d.,-]+", t) for t in texts)
    return stated or (gap and unlike) or (unlike and len(subs) > 1 and len(set(texts)) == len(texts) > len(answers) / 3)


def _name_above_text(first: list[str], second: list[str], answers: list[list[str]]) -> bool:
    """Whether the second row has a text of its own in every column that has nothing but numbers and times below.

    At least three such columns are asked for: one respondent may write 'ten' where all others write 10.
    """
    if not all(first) or len(set(first)) < len(first) or len(answers) < 3:
        return False
    below = [[row[k] for row in answers if row[k].strip()] for k in range(len(first))]
    counted = [k for k, cells in enumerate(below) if len(cells) >= 3 and all(map(_COUNTED.fullmatch, cells))]
    texts = [second[k] for k in counted if any(c.isalpha() for c in second[k])]
    return len(counted) == len(texts) == len(set(texts)) and len(texts) >= 3


def _two(first: list[str], second: list[str]) -> Headers:
    above = _carried(first)
    if all(first) and len(set(first)) == len(first) and not any(s.casefold() in _ANY_ANSWER for s in second):
        return Headers(first, second, 2)  # a name above its text
    names, questions = [], []
    for own, question, sub in zip(first, above, second, strict=True):
        plain = sub.casefold() in _ANY_ANSWER or sub == question
        stem = question if own or sub else ""
        names.append(stem if plain else f"{stem} [{sub}]" if stem else sub)
        questions.append(stem if plain else sub)
    return Headers(names, questions, 2)


def _carried(cells: list[str]) -> list[str]:
    """Each cell, or the last one with text before it."""
    carried, last = [], ""
    for cell in cells:
        last = cell or last
        carried.append(last)
    return carried


def _asked(names: list[str]) -> list[str]:
    """The sub-questions of headers like ``Question [Sub]`` where several columns share the question."""
    found = [_MATRIX.fullmatch(name) for name in names]
    shared = Counter(match["stem"] for match in found if match)
    return [match["sub"].strip() if match and shared[match["stem"]] > 1 else "" for match in found]
