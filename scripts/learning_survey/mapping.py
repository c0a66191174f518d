"""Which column of an export is which field or item: by exact header, by pattern, or by the question's text.

A header is compared without regard to outer and repeated spaces; a pattern must fit the whole header; a question is
compared without case, spaces and punctuation. One column has one meaning and one meaning has one column: anything else
is an error that names the columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from learning_survey import privacy
from learning_survey.config import FIELDS, Match
from learning_survey.errors import SurveyError, nearest
from learning_survey.labels import normalised, trimmed

if TYPE_CHECKING:
    from learning_survey.config import Loaded
    from learning_survey.exports import Sheet

MATRIX = re.compile(r"(?P<stem>.*?)\s*\[(?P<sub>[^\[\]]+)\]", re.DOTALL)  # code[sub], Question [Sub]
STEM = re.compile(
    r"(?P<stem>.+?)\s+(?:[-–—]|>>)\s+(?P<sub>.+)", re.DOTALL
)  # Question - Sub, as Qualtrics writes it; >>: Jotform


def columns_of(sheet: Sheet, study: Loaded) -> dict[str, int]:
    """Where each field and item stands in the export: position of its column (from 0) by name.

    A field's column is what ``columns`` says; an item's is what ``columns.items`` says, else the column whose header is
    its id or its wording, else the one whose question is its wording. Fields that ``exports.constants`` states for
    this file, and items and fields of ``exports.optional`` that it does not have, are not among the result.
    Raises SurveyError for columns that are missing, unknown or given twice.
    """
    constants = constants_of(sheet.path, study)
    wanted: dict[str, list[str] | Match] = {}
    for field in FIELDS:
        if (given := getattr(study.columns, field)) is not None:
            wanted[field] = given if isinstance(given, Match) else [trimmed(given)]
    for item in study.instrument.items:
        given = study.columns.items.get(item.id, [item.id, trimmed(item.wording)])
        wanted[item.id] = [trimmed(given)] if isinstance(given, str) else given

    headers = sheet.names
    left_out = [*study.columns.ignore, *study.columns.identifiers]
    passed = {trimmed(header) for header in left_out if isinstance(header, str)}
    claims: dict[str, list[int]] = {}
    for name, given in wanted.items():
        claims[name] = _claimed(name, given, sheet, headers, passed)
    _by_wording(claims, sheet, study)
    place = _one_to_one(claims, sheet, study)
    for field in constants:
        if field in place:
            raise SurveyError(
                f"has a column '{headers[place[field]]}' for {field}, and exports.constants states its {field} too",
                where=sheet.path,
                remedy="List the column under columns.ignore, or take the constant out of the study's file.",
            )
    dropped = listed(study.columns.identifiers, sheet, headers)
    for name, k in place.items():
        if k in dropped:
            raise SurveyError(
                f"the column '{headers[k]}' is '{name}' and is listed under columns.identifiers too",
                where=sheet.path,
                remedy="An identifier is never read: take it out of the one or the other in the study's file.",
            )
    ignored = dropped | listed(study.columns.ignore, sheet, headers)
    empty = _empty_columns(sheet)
    unknown = [
        header for k, header in enumerate(headers) if k not in place.values() and k not in ignored and k not in empty
    ]
    absent = [n for n in wanted if n not in place and n not in constants and n not in study.exports.optional]
    if absent or unknown:
        _has_headers(headers, wanted, sheet, study)
    _complete(absent, wanted, unknown, headers, (sheet, study))
    if unknown:
        raise privacy.unmapped(unknown, sheet)
    return place


class Places:
    """``columns_of`` for the exports of a study, worked out once for each way in which their headers stand."""

    def __init__(self, study: Loaded) -> None:
        self._study = study
        self._known: dict[tuple[object, ...], dict[str, int]] = {}

    def of(self, sheet: Sheet) -> dict[str, int]:
        if "" in sheet.header:  # whether such a column may be left out depends on its cells
            return columns_of(sheet, self._study)
        key = (*sheet.header, *sheet.questions, *constants_of(sheet.path, self._study).items())
        if key not in self._known:
            self._known[key] = columns_of(sheet, self._study)
        return self._known[key]


def constants_of(path: Path, study: Loaded) -> dict[str, str]:
    """The fields that ``exports.constants`` states for one file, by its name or its path below the folder of exports.

    Raises SurveyError when two patterns state different values for it.
    """
    name = path.relative_to(study.export_folder).as_posix()
    stated: dict[str, str] = {}
    for pattern, fields in study.exports.constants.items():
        if not (fnmatchcase(name, pattern) or fnmatchcase(path.name, pattern)):
            continue
        for field, value in fields.items():
            if stated.setdefault(field, value) != value:
                raise SurveyError(
                    f"exports.constants state {field} of this file as both '{stated[field]}' and '{value}'",
                    where=path,
                    remedy="Let one pattern of exports.constants state it.",
                )
    return stated


def check_files(paths: Iterable[Path], found: Iterable[set[str]], study: Loaded) -> None:
    """Raise where a pattern of ``exports.constants`` fits no file, or a column that may be missing is in none.

    ``found`` holds, for each file, the names that it has a column or a constant for.
    """
    paths, present = list(paths), set().union(*found)
    where = f"study '{study.id}'"
    for pattern in study.exports.constants:
        names = [path.relative_to(study.export_folder).as_posix() for path in paths]
        if not any(fnmatchcase(n, pattern) or fnmatchcase(n.rpartition("/")[2], pattern) for n in names):
            raise SurveyError(
                f"exports.constants: no export fits '{pattern}'", where=where, remedy=nearest(pattern, names)
            )
    if never := [name for name in study.exports.optional if name not in present and name in _mapped(study)]:
        raise SurveyError(
            f"{quoted(never)} may be missing from a file, but no export has a column for it",
            where=where,
            remedy="Take the item out of the instrument or the field out of columns, or correct its header.",
        )


def subquestions(text: str) -> list[str]:
    """The sub-question in ``code[sub]``, ``Question [Sub]`` or ``Question - Sub``: none, one or two texts."""
    parts = [found["sub"] for form in (MATRIX, STEM) if (found := form.fullmatch(text.strip()))]
    return [part.strip() for part in parts]


def quoted(names: list[str], shown: int = 6) -> str:
    text = ", ".join(f"'{short(n)}'" for n in names[:shown])
    return f"{text} and {len(names) - shown} more" if len(names) > shown else text


def short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


# ---------------------------------------------------------------- claims


def _claimed(name: str, given: list[str] | Match, sheet: Sheet, headers: list[str], passed: set[str]) -> list[int]:
    """The columns that ``given`` fits. Two are left to ``_one_to_one`` for headers, and an error for the rest."""
    if not isinstance(given, Match):
        return [k for k, header in enumerate(headers) if header in given]
    if given.constant:
        return []
    if given.pattern is not None:
        form = re.compile(given.pattern)
        found, what = [k for k, h in enumerate(headers) if h not in passed and form.fullmatch(h)], "pattern"
    else:
        found, what = _asking(given.question or "", sheet, headers, passed), "question"
    if len(found) > 1:
        raise SurveyError(
            f"the {what} '{short(_text_of(given))}' of '{name}' fits {len(found)} columns: {_places(found, headers)}",
            where=sheet.path,
            remedy=f"Make the {what} fit one, or list the others by name under columns.ignore.",
        )
    return found


def _asking(question: str, sheet: Sheet, headers: list[str], passed: set[str]) -> list[int]:
    """Columns with this question: the whole text of a question or header; failing that, a sub-question."""
    asked = normalised(question)
    open_to = [k for k, header in enumerate(headers) if header not in passed]
    texts = {k: [t for t in (sheet.questions[k], headers[k]) if t] for k in open_to}
    if whole := [k for k, own in texts.items() if any(normalised(t) == asked for t in own)]:
        return whole
    return [k for k, own in texts.items() if any(normalised(s) == asked for t in own for s in subquestions(t))]


def _by_wording(claims: dict[str, list[int]], sheet: Sheet, study: Loaded) -> None:
    """Items without a header of their own are looked for by their wording among the questions."""
    taken = {k for found in claims.values() for k in found}
    headers = sheet.names
    for item in study.instrument.items:
        if claims[item.id] or item.id in study.columns.items:
            continue
        found = _asking(item.wording, sheet, headers, {headers[k] for k in taken})
        if len(found) > 1:
            raise SurveyError(
                f"the wording of '{item.id}' is the question of {len(found)} columns: {_places(found, headers)}",
                where=sheet.path,
                remedy="Name its header under columns.items, or list the others by name under columns.ignore.",
            )
        claims[item.id] = found


def _one_to_one(claims: dict[str, list[int]], sheet: Sheet, study: Loaded) -> dict[str, int]:
    """One column for each name that has any; raises for a column with two names and a name with two columns."""
    place: dict[str, int] = {}
    for k in range(len(sheet.header)):
        names = [name for name, found in claims.items() if k in found]
        if len(names) > 1:
            raise SurveyError(
                f"the column '{trimmed(sheet.header[k])}' can be {quoted(names)}",
                where=f"{sheet.path}, study '{study.id}'",
                remedy="Give each its own header, under columns or columns.items.",
            )
        for name in names:
            if name in place:
                twice = f"'{sheet.header[place[name]]}' and '{sheet.header[k]}', columns {place[name] + 1} and {k + 1}"
                raise SurveyError(
                    f"'{name}' has two columns: {twice}", where=sheet.path, remedy="Take one of them out of the export."
                )
            place[name] = k
    return place


def listed(entries: list[str | Match], sheet: Sheet, headers: list[str]) -> set[int]:
    """The columns that entries of ``columns.ignore`` or ``columns.identifiers`` fit: none, one or several each."""
    out: set[int] = set()
    for entry in entries:
        if isinstance(entry, str):
            out |= {k for k, header in enumerate(headers) if header == trimmed(entry)}
        elif entry.pattern is not None:
            out |= {k for k, header in enumerate(headers) if re.fullmatch(entry.pattern, header)}
        elif entry.question is not None:
            out |= set(_asking(entry.question, sheet, headers, set()))
    return out


def _has_headers(headers: list[str], wanted: dict[str, list[str] | Match], sheet: Sheet, study: Loaded) -> None:
    """Raise, without a word of it, where the first row is not of headers but of answers."""
    named = {name for given in wanted.values() if isinstance(given, list) for name in given}
    scales = (study.instrument.response, *study.instrument.responses.values())
    labels = {normalised(text) for scale in scales for texts in scale.labels.values() for text in texts}
    labels |= {str(code) for scale in scales for code in scale.codes}
    answers = sum(normalised(header) in labels for header in headers if header not in named)
    if answers >= 2 and not named & {*headers}:
        raise SurveyError(
            f"has no headers: its first row has {answers} labels of answers in it",
            where=sheet.path,
            remedy="Export it again with the row of headers, or put that of the other exports above it.",
        )


def _complete(
    absent: list[str],
    wanted: dict[str, list[str] | Match],
    unknown: list[str],
    headers: list[str],
    at: tuple[Sheet, Loaded],
) -> None:
    """Raise where fields or items have no column."""
    sheet, study = at
    optional = "or list it under exports.optional where a file may be without it."
    if fields := [name for name in absent if name in FIELDS]:
        given = wanted[fields[0]]
        if isinstance(given, Match) and given.constant:
            raise SurveyError(
                f"exports.constants state no {fields[0]} for this file",
                where=sheet.path,
                remedy=f"State it, or name its column as columns.{fields[0]}, {optional}",
            )
        what = f"column '{given[0]}'" if isinstance(given, list) else f"column for '{short(_text_of(given))}'"
        hint = nearest(_texts(given)[0], privacy.sayable(unknown or headers))
        raise SurveyError(
            f"no {what}, which the study's file names as columns.{fields[0]}",
            where=sheet.path,
            remedy=f"{hint} Correct the export, or columns in the study's file, {optional}",
        )
    if absent:
        total = len(study.instrument.items)
        texts = [t for i in absent for t in _texts(wanted[i])]
        hints = [f"'{u}' is not known. {nearest(u, texts)}" for u in privacy.sayable(unknown)[:3]]
        without = f"has {total - len(absent)} of the instrument's {total} items; without {quoted(absent)}"
        remedy = f"Export every item, or name its header under columns.items in the study's file, {optional}"
        raise SurveyError(without, where=sheet.path, remedy=" ".join([*hints, remedy]))


def _text_of(given: Match) -> str:
    return given.pattern or given.question or "a constant"


def _texts(given: list[str] | Match) -> list[str]:
    return [_text_of(given)] if isinstance(given, Match) else given


def _places(found: list[int], headers: list[str]) -> str:
    return ", ".join(f"'{short(headers[k])}' (column {k + 1})" for k in found[:6])


def _mapped(study: Loaded) -> set[str]:
    """Names that the study has a use for: its items and the fields under ``columns``."""
    return {*study.instrument.item_ids, *(f for f in FIELDS if getattr(study.columns, f) is not None)}


def _empty_columns(sheet: Sheet) -> set[int]:
    """Columns without a header and without a single cell: spreadsheets leave them behind."""
    bare = [str(k) for k, header in enumerate(sheet.header) if header == ""]
    if not bare:
        return set()
    counts = sheet.rows.select(pl.col(bare).count()).collect(engine="streaming").row(0)
    return {int(k) for k, n in zip(bare, counts, strict=True) if n == 0}
