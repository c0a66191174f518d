"""A first study and instrument for exports that nobody has described yet: proposals, each with its evidence.

What is proposed is read from the first 20,000 rows of each export. Columns that share a set of labels are items;
columns that could identify someone are left out by name and nothing that stands in them is kept. Nothing here is
certain: the files say that they are drafts, and ``config.load_study`` refuses them until a person has answered the
questions in them.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from learning_survey.directions import direct
from learning_survey.draft_columns import MOST, Column, identifying, read
from learning_survey.draft_fields import Found, find_fields
from learning_survey.errors import SurveyError
from learning_survey.exports import Detected
from learning_survey.labels import normalised, trimmed, whole_number
from learning_survey.lexicon import Scale, ordered, same_scale, strays
from learning_survey.mapping import MATRIX, STEM, subquestions


@dataclass
class Item:
    """A proposed item: the column, its scale and group, and how it goes with the rest of the group."""

    id: str
    column: Column
    scale: int
    dimension: str = ""
    reversed: bool = False
    rest_r: float = float("nan")
    rest_n: int = 0


@dataclass
class Draft:
    """Everything that is proposed. ``scales[0]`` is the instrument's response; ``codes`` are those of all scales."""

    name: str
    files: list[Path]
    columns: list[Column]
    found: dict[str, Found]
    identifiers: list[tuple[Column, str]]
    scales: list[Scale]
    codes: list[int]
    items: list[Item]
    dimensions: dict[str, str]
    ignored: list[tuple[Column, str]]
    rows: int
    written: list[Detected]  # how each file is written
    stated: dict[str, str]

    @property
    def optional(self) -> list[tuple[str, Column]]:
        """Fields and items whose column is not in every file."""
        used = [(name, found.column) for name, found in self.found.items()]
        used += [(item.id, item.column) for item in self.items]
        return [(name, column) for name, column in used if len(column.files) < len(self.files)]


def draft(name: str, files: Sequence[Path], stated: dict[str, str] | None = None) -> Draft:
    """Read ``files`` and propose a study called ``name``.

    ``stated`` holds keys of ``exports`` that say what a file does not tell: encoding, delimiter, sheet, header.
    Raises SurveyError for files that cannot be read, for headers that are given twice, and when no two columns share a
    set of answers.
    """
    columns, frame, written = read(files, stated or {})
    identifiers = [(c, kind) for c in columns if (kind := identifying(c))]
    left = [c for c in columns if all(c is not i for i, _ in identifiers)]
    found = find_fields(left, frame.height)
    left = [c for c in left if all(c is not f.column for f in found.values())]
    scales, codes, items, others = find_items(left)
    ignored = [(c, why_not(c, others, len(codes))) for c in left if all(c is not i.column for i in items)]
    ignored += [(i.column, "everyone gave the same answer") for i in items if constant(i.column)]
    items = [i for i in items if not constant(i.column)]
    dimensions = group(items)
    for alone in [i for i in items if not i.dimension]:
        ignored.append((alone.column, "has answers like the items, but belongs to no group of them"))
    items = [i for i in items if i.dimension]
    if len(items) < 2:
        raise SurveyError(
            "no two columns share a set of 2 to 11 answers, so no items can be proposed",
            where=", ".join(str(f) for f in files),
            remedy="Check that these are the exports; write the study and the instrument by hand if they are.",
        )
    used = sorted({i.scale for i in items})
    scales = [scales[k] for k in used]
    name_items(items, set(dimensions))
    for item in items:
        item.scale = used.index(item.scale)
    for dimension in dimensions:
        direct([i for i in items if i.dimension == dimension], scales, codes, frame, columns)
    order = {id(c): k for k, c in enumerate(columns)}
    ignored.sort(key=lambda pair: order[id(pair[0])])
    return Draft(
        name=name,
        files=list(files),
        columns=columns,
        found=found,
        identifiers=identifiers,
        scales=scales,
        codes=codes,
        items=items,
        dimensions=dimensions,
        ignored=ignored,
        rows=frame.height,
        written=written,
        stated=stated or {},
    )


def constant(column: Column) -> bool:
    """Whether all of 20 or more answers are the same: such an item correlates with nothing, and analyses refuse it."""
    answers = column.answers()
    return answers.total() >= 20 and len({normalised(text) for text in answers}) == 1


# ---------------------------------------------------------------- items


def why_not(column: Column, others: dict[int, int], points: int) -> str:
    """Why a column is proposed for columns.ignore; ``others`` as ``find_items`` gives them."""
    if id(column) in others:
        return f"has answers like an item, but on {others[id(column)]} points, not on {points}"
    if not column.values:
        return "nobody answered it"
    return "may say who consented: columns.consent reads it" if "consent" in column.text.lower() else "not recognised"


def find_items(columns: Sequence[Column]) -> tuple[list[Scale], list[int], list[Item], dict[int, int]]:
    """Response scales with one range of codes, the codes, and the columns answered on them, in order.

    Of sets with different numbers of points, the one with most columns stays; the points of the others' columns come
    last, by the column's ``id()``.
    """
    texts: list[list[Column]] = []
    numbers: dict[str, list[Column]] = {}
    for column in columns:
        column.strays = strays(column.answers(), MOST)
        answers = column.answers()
        forms = {normalised(t) for t in answers}
        if not forms or len(forms) > MOST:
            continue
        if all(whole_number(t) is not None for t in answers):
            if all(0 <= whole_number(t) <= 10 for t in answers):
                numbers.setdefault(stem_of(column), []).append(column)
            continue
        like = [g for g in texts if same_scale(sorted(forms), sorted({normalised(t) for c in g for t in c.answers()}))]
        joined = [column, *(c for g in like for c in g)]
        texts = [g for g in texts if g not in like] + [joined]
    sets: list[tuple[Scale, int, list[Column]]] = []
    for members in texts:
        labels = sum((c.answers() for c in members), Counter())
        if out := strays(labels, MOST):  # seen only with the others of the set
            for column in members:
                column.strays |= out & column.values.keys()
            labels = sum((c.answers() for c in members), Counter())
        if len(members) > 1 and 2 <= len({normalised(t) for t in labels}) <= MOST:
            coded = {label: value for c in members for label, value in c.coded.items()}
            same = all(coded[label] == value for c in members for label, value in c.coded.items())
            sets.append((scale := ordered(labels, coded if same else None), 1, members))
            assert len(scale.points) >= 2
    sets += _numeric([members for members in numbers.values() if len(members) > 1])
    if not sets:
        return [], [], [], {}
    weight = Counter()
    for scale, start, members in sets:
        weight[start, len(scale.points)] += len(members)
    start, points = max(weight, key=lambda key: (weight[key], key[1], -key[0]))
    kept = [s for s in sets if (s[1], len(s[0].points)) == (start, points)]
    kept.sort(key=lambda s: (-len(s[2]), min(c.header for c in s[2])))
    of = {id(c): k for k, (_, _, members) in enumerate(kept) for c in members}
    items = [Item("", c, of[id(c)]) for c in columns if id(c) in of]
    others = {id(c): len(scale.points) for scale, _, members in sets for c in members if id(c) not in of}
    return [s[0] for s in kept], list(range(start, start + points)), items, others


def _numeric(groups: Sequence[list[Column]]) -> list[tuple[Scale, int, list[Column]]]:
    """Groups of columns with whole numbers as scales: one for each range, whose ends may be one short in a group."""
    spans = []
    for members in groups:
        seen = [whole_number(t) for c in members for t in c.answers()]
        spans.append((min(*seen, 1), max(seen), members))
    out: dict[tuple[int, int], list[Column]] = {}
    for low, high, members in spans:
        longer = [h for lo, h, _ in spans if lo == low and h == high + 1]
        out.setdefault((low, high + 1 if longer else high), []).extend(members)
    return [
        (
            Scale(
                f"numbers_{low}_to_{high}",
                tuple((str(n),) for n in range(low, high + 1)),
                f"whole numbers from {low} to {high} among the answers",
                True,
            ),
            low,
            members,
        )
        for (low, high), members in sorted(out.items())
        if high > low
    ]


def stem_of(column: Column) -> str:
    """What a column shares with others of its matrix: the stem of ``stem[sub]``, ``stem - sub`` or ``stem_1``."""
    for text in (column.header, column.question):
        # The subquestion's code, which stands in the stem where both codes and texts were exported, is not shared.
        if (found := MATRIX.fullmatch(text)) and (stem := re.sub(r"\[[^\[\]]*\]", "", found["stem"])):
            return stem
    if found := STEM.fullmatch(column.question or column.header):
        return found["stem"]
    found = re.fullmatch(r"(.*?[^\W_].*?|[^\W_])[ _.-]?\d+[a-z]?", column.header)
    return found[1] if found else ""


def group(items: Sequence[Item]) -> dict[str, str]:
    """Give items of one stem one dimension, in place; returns label by id. Items that stay alone have none."""
    stems: dict[str, list[Item]] = {}
    for item in items:
        stems.setdefault(stem_of(item.column), []).append(item)
    rest = [i for members in stems.values() if len(members) == 1 for i in members] + stems.get("", [])
    rest = [i for i in items if any(i is r for r in rest)]
    labels: dict[str, str] = {}
    for stem, members in [*((s, m) for s, m in stems.items() if s and len(m) > 1), ("Other items", rest)]:
        if len(members) < 2:
            continue
        plain = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
        ident = plain if re.fullmatch(r"[a-z][a-z0-9_]{0,29}", plain) else f"scale_{len(labels) + 1}"
        while ident in labels:
            ident += "_2"
        labels[ident] = stem
        for item in members:
            item.dimension = ident
    return labels


def name_items(items: Sequence[Item], taken: set[str]) -> None:
    """Give each item an id: its header where that can be one, else what is left of it."""
    taken = taken | {"file", "line", "cluster", "school", "age", "gender", "group", "respondent", "status", "all"}
    for k, item in enumerate(items, start=1):
        plain = re.sub(r"[^A-Za-z0-9]+", "_", item.column.header).strip("_")
        header = item.column.header
        if not header.isascii() or not (re.fullmatch(r"[A-Za-z]\w*", header) or MATRIX.fullmatch(header)):
            plain = ""
        longest = 30 if plain == item.column.header else 20  # tables and figures name items by their ids
        fits = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", plain) and len(plain) <= longest
        ident = plain if fits else f"item_{k:02d}"
        while ident.lower() in taken:
            ident += "_item"
        taken.add(ident.lower())
        item.id = ident


def wording_of(column: Column) -> str:
    """The question of an item without the stem of its matrix."""
    subs = subquestions(column.question) or ([] if column.question else subquestions(column.header))
    text = subs[0] if subs else column.text
    return trimmed(html.unescape(re.sub(r"</?[A-Za-z][^<>]*>", " ", text))) or text
