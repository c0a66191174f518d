"""The columns of exports that nobody has described yet: their texts with their counts, over all files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from learning_survey.config import Exports
from learning_survey.errors import SurveyError
from learning_survey.exports import Detected, Sheet, read_sheet
from learning_survey.identifiers import identifier_kind, kind_of_text
from learning_survey.labels import normalised, trimmed, whole_number
from learning_survey.lexicon import BLANK, OPT_OUT, scale_of, wordings
from learning_survey.mapping import quoted, short

ROWS = 20_000  # rows of each export that a draft is made from
MOST = 11  # points of the longest scale that is taken for one
MISSING_CODES = {-99, -98, -9, -8, -1, 88, 98, 99, 888, 998, 999}


@dataclass
class Column:
    """One column of the exports: its texts with their counts, and the files that have it."""

    header: str
    question: str
    files: set[str] = field(default_factory=set)
    values: Counter[str] = field(default_factory=Counter)
    blanks: Counter[str] = field(default_factory=Counter)  # spellings of no answer, as '-'
    coded: dict[str, float] = field(default_factory=dict)  # the numbers that the exports give to labels
    strays: set[str] = field(default_factory=set)  # texts among the answers that are no points of their scale
    spellings: list[str] = field(default_factory=list)  # of the header, where files differ in its capitals

    @property
    def filled(self) -> int:
        return self.values.total()

    @property
    def text(self) -> str:
        """What was asked: the question, or the header where there is none."""
        return self.question or self.header

    def answers(self) -> Counter[str]:
        """Texts that could be answers to an item: not those that decline to answer, codes for missing, and strays."""
        texts = [t for t in self.values if normalised(t) not in OPT_OUT and t not in self.strays]
        numbers = {t: n for t in texts if (n := whole_number(t)) is not None}
        if len(numbers) < len(texts):
            return Counter({t: self.values[t] for t in texts})
        low = [n for n in numbers.values() if n not in MISSING_CODES and n < 8]
        # An 8 or 9 that stands alone above the rest is how some tools write a missing answer.
        lone = {8, 9} if low and max(low) < 7 and 10 not in numbers.values() else set()
        return Counter({t: self.values[t] for t, n in numbers.items() if n not in MISSING_CODES | lone})


def read(files: Sequence[Path], stated: dict[str, str]) -> tuple[list[Column], pl.DataFrame, list[Detected]]:
    """The columns of all files in order of first appearance, their rows as text (columns ``0``, ``1``, …), and how
    each file is written.
    """
    try:
        says = Exports.model_validate({"folder": ".", "files": ["*"], **stated})
    except ValidationError as error:
        first = error.errors()[0]
        raise SurveyError(
            f"--{first['loc'][0]}: {first['msg']}",
            where=stated[str(first["loc"][0])],
            remedy="docs/new_study.md lists what may be stated.",
        ) from None
    columns: dict[str, Column] = {}
    frames, written = [], []
    for path in files:
        try:
            sheet = read_sheet(path, says, wordings(), path.name)
        except SurveyError as error:
            if key := re.search(r"\bexports\.(encoding|delimiter|sheet|header)\b", error.remedy):
                error.remedy += f' For a draft: OPTIONS="--{key[1]} …".'
            raise
        rows = sheet.rows.head(ROWS).collect()
        sheet.close()
        written.append(sheet.detected)
        headers = sheet.names
        if len(headers) == 1:
            raise SurveyError(
                f"has only one column, '{short(headers[0])}'",
                where=path,
                remedy="Columns may be divided by commas, semicolons, tabs or bars. Export it again, as CSV or XLSX.",
            )
        _has_headers(sheet, headers, rows)
        if twice := sorted({h for h in headers if headers.count(h) > 1}):
            raise SurveyError(
                f"the header {quoted(twice)} is given twice",
                where=path,
                remedy="Give each column its own header in the export, or take one of them out.",
            )
        places = {}
        for k, header in enumerate(headers):
            if not sheet.header[k] and rows[str(k)].null_count() == rows.height:
                continue
            key = header
            if header not in columns and [h.casefold() for h in headers].count(header.casefold()) == 1:
                alike = (h for h in columns if h.casefold() == header.casefold() and str(path) not in columns[h].files)
                key = next(alike, header)
            column = columns.setdefault(key, Column(key, trimmed(sheet.questions[k])))
            column.files.add(str(path))
            column.spellings += [] if header in column.spellings else [header]
            places[str(k)] = str(list(columns).index(key))
            column.coded |= sheet.coded[k]
            for text, times in rows[str(k)].drop_nulls().value_counts(sort=True).iter_rows():
                (column.blanks if normalised(text) in BLANK else column.values)[text] += times
        frames.append(rows.select(list(places)).rename(places))
    return list(columns.values()), pl.concat(frames, how="diagonal"), written


def _has_headers(sheet: Sheet, headers: Sequence[str], rows: pl.DataFrame) -> None:
    """Raise, without a word of it, where the first row is of answers: a draft would keep what one respondent said."""
    below = [{*map(trimmed, rows[str(k)].drop_nulls().unique())} for k in range(len(headers))]
    # A choice that could be ticked stands in its header and in all of its cells.
    again = sum(header in texts and len(texts) > 1 for header, texts in zip(headers, below, strict=True))
    persons = {"e-mail address", "IP address", "coordinates", "phone number", "official number"}
    telling = [k + 1 for k, header in enumerate(sheet.header) if kind_of_text(header) in persons]
    if telling or (again >= 2 and 5 * again >= len(headers)):
        found = f"the header of column {telling[0]} is an identifier" if telling else ""
        raise SurveyError(
            found or f"has no headers: {again} cells of its first row come again in the rows below",
            where=sheet.path,
            remedy="Export it again with the row of headers, or put one above the first row.",
        )


def identifying(column: Column) -> str | None:
    """The kind of direct identifier that a column seems to be, or None.

    A few texts that come again and again are answers, whatever word for free text stands in the header: 'My teachers
    give useful feedback' may be an item. So are those of a common scale below a sentence: 'My teachers know my name'.
    """
    # With repeats: names that come again and again are those of schools, not of people.
    cells = [text for text in sorted(column.values)[:2000] for _ in range(column.values[text])]
    kind = identifier_kind(column.header, column.question, cells)
    few = 2 <= len(column.values) <= MOST and column.filled >= 5 * len(column.values)
    if not kind or any(map(kind_of_text, column.values)):
        return kind
    texts = [text for text in column.values if normalised(text) not in OPT_OUT]
    answers = scale_of(map(normalised, texts)) or all((n := whole_number(t)) is not None and n <= 10 for t in texts)
    answers = answers and 2 <= len(texts) <= MOST and len(column.text.split()) >= 4
    return None if answers or (few and kind == "free text") else kind
