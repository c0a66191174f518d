"""What a person must confirm in a draft: what a program cannot know, each question with what speaks for doubt."""

from __future__ import annotations

from collections import Counter

from learning_survey.draft import Draft, Item
from learning_survey.identifiers import kind_of_text
from learning_survey.labels import normalised, whole_number
from learning_survey.lexicon import Scale
from learning_survey.mapping import short

LABELS = {
    "respondent": "respondent's id",
    "school": "school",
    "age": "age in years",
    "gender": "gender",
    "group": "key stage, school year or wave",
    "status": "status of the response",
    "consent": "answer to the question of consent, and are the words under clean.consent those that consent",
    "seconds": "time taken, in seconds",
}


def questions(d: Draft) -> list[str]:
    """What a person must confirm, in the order of the files."""
    out = [f"Are these {len(d.items)} columns the items, all of them and no others, and are the wordings right?"]
    for name, scale in zip(scale_names(d), d.scales, strict=True):
        ends = f"from {d.codes[0]} ({scale.points[0][0]}) to {d.codes[-1]} ({scale.points[-1][0]})"
        if scale.known:
            out.append(f"Are the labels of {name} complete and in order, {ends}? Evidence: {scale.evidence}.")
        else:
            out.append(f"In which order are the labels of {name}? They stand in alphabetical order, {ends}.")
        out += _shorter(d, name, scale)
    out += _about_strays(d)
    if len(d.dimensions) < 2:
        out.append("Which items belong together? All are in one dimension: move those that measure something else.")
    else:
        out.append(f"Do the items belong to these {len(d.dimensions)} dimensions, and what are their names?")
    turned = ", ".join(i.id for i in d.items if i.reversed) or "(none)"
    out.append(
        f"Are the reversed items {turned}, and does each dimension point the right way?"
        " A correlation cannot say which end of a dimension is the high one."
    )
    out.append("Are score.min_items and the bands of the instrument the ones to use?")
    for field, found in d.found.items():
        left = f" {found.unknown} other texts in it have no meaning yet." if found.unknown else ""
        if found.own_words:
            left = " Do its words mean what key_stages says, in that order?" if field == "group" else left
            left = " Which categories are there, and what do its words mean?" if field == "gender" else left
        out.append(f"Is '{short(found.column.header)}' the {LABELS[field]}?{left}")
    if absent := [LABELS[f] for f in ("respondent", "school", "age", "gender") if f not in d.found]:
        out.append(f"Is there really no column for {', '.join(absent)}?")
    if d.identifiers:
        out.append("Are these all the columns that could identify someone (columns.identifiers)?")
    if d.ignored:
        out.append("May the columns under columns.ignore be left out?")
    if dropped := missing_labels(d):
        out.append(f"Do {', '.join(_quote(text) for text, _ in dropped)} count as no answer (exports.missing_labels)?")
    if d.optional:
        out.append("May the columns under exports.optional be missing from some files?")
    return out


def _shorter(d: Draft, name: str, scale: Scale) -> list[str]:
    """A question for each set of items that never have some answers of their scale which others often have.

    'Agree' alone does not tell whether five or seven answers were offered. An answer that is 2% of those to other items
    and none of 100 or more to each of several items was, in all likelihood, not among those offered.
    """
    at = {normalised(label): point for point, labels in enumerate(scale.points) for label in labels}
    given: dict[frozenset[int], list[Item]] = {}
    for item in (i for i in d.items if d.scales[i.scale] is scale):
        used = frozenset(at[form] for t in item.column.answers() if (form := normalised(t)) in at)
        given.setdefault(used, []).append(item)
    out = []
    for used, items in given.items():
        others = Counter()
        for item in (i for members in given.values() for i in members if all(i is not k for k in items)):
            for text, times in item.column.answers().items():
                others[at.get(normalised(text), -1)] += times
        lacking = sorted(point for point in others if point not in used and 50 * others[point] >= others.total())
        if lacking and len(items) > 1 and min(i.column.answers().total() for i in items) >= 100:
            absent = " or ".join(_quote(scale.points[point][0]) for point in lacking)
            out.append(
                f"Were {len(items)} items, {items[0].id} to {items[-1].id}, asked with the labels of {name}? Nobody"
                f" answered {absent} to them. If they had other labels, give them a scale of their own under responses."
            )
    return out


def scale_names(d: Draft) -> list[str]:
    """``response`` for the first scale, for the others a name that is each one's own."""
    names = ["response"]
    for scale in d.scales[1:]:
        name = scale.name
        while name in names:
            name += "_2"
        names.append(name)
    return names


def missing_labels(d: Draft) -> list[tuple[str, int]]:
    """Texts under items that decline to answer or are codes for missing, commonest spelling and count of each."""
    counts: dict[str, dict[str, int]] = {}
    for item in d.items:
        answers = item.column.answers()
        for text, times in item.column.values.items():
            if text not in answers and text not in item.column.strays:
                number = whole_number(text)
                spelt = counts.setdefault(normalised(text) if number is None else str(number), {})
                spelt[text] = spelt.get(text, 0) + times
    return [(max(sorted(s), key=s.get), sum(s.values())) for _, s in sorted(counts.items())]


def _about_strays(d: Draft) -> list[str]:
    """A question for the texts under items that are no points of their scale; who wrote them is not shown."""
    if not (odd := strays_of(d)):
        return []
    may_be_shown = [text for text in odd if kind_of_text(text) is None and len(text.split()) <= 8]
    shown = [f"{_quote(text)} ({odd[text]:,})" for text in may_be_shown[:12]]
    shown += ["…"] if len(may_be_shown) > 12 else []
    shown += [f"{len(odd) - len(may_be_shown)} that could identify someone"] if len(odd) > len(may_be_shown) else []
    return [
        f"What do these mean among the answers of the items: {', '.join(shown)}? A number is read as that code, and any"
        " other text stops the run until it is a label, stands under exports.missing_labels or is taken out of the"
        " export."
    ]


def strays_of(d: Draft) -> dict[str, int]:
    """Texts under items that are no points of their scale, with their counts, the commonest first."""
    counts: dict[str, int] = {}
    for item in d.items:
        for text in item.column.strays:
            counts[text] = counts.get(text, 0) + item.column.values[text]
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _quote(text: str) -> str:
    return f"'{short(text)}'"
