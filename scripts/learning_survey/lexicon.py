"""Common response scales in words, and the order of a set of labels.

Each scale lists its points from the lowest to the highest, and for each point the wordings that mean it. They are the
usual wordings of agreement, frequency, likelihood, satisfaction, importance, quality, amount, truth and accuracy
scales (Vagias, W. M., 2006, Likert-type scale response anchors, Clemson University), those of agreement and frequency
also in French, German, Spanish and Welsh. A proposal from here is for a person to confirm: nothing else in the
pipeline reads it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from learning_survey.identifiers import kind_of_text
from learning_survey.labels import normalised, trimmed, whole_number

_NEITHER = "neither agree nor disagree|neither disagree nor agree|neither|neutral|undecided|unsure|not sure|in between"
# German, French, Spanish, Welsh.
_NEITHER_ELSEWHERE = (
    "teils, teils|teils/teils|weder noch|unentschieden|ni d'accord ni pas d'accord|ni en accord ni en désaccord|neutre|"
    "ni de acuerdo ni en desacuerdo|indiferente|ddim yn cytuno nac yn anghytuno|ddim yn cytuno nac anghytuno"
)
_AGREEMENT = [
    "strongly disagree|disagree strongly|totally disagree|completely disagree|disagree a lot|"
    "stimme überhaupt nicht zu|stimme gar nicht zu|trifft überhaupt nicht zu|trifft gar nicht zu|trifft nicht zu|"
    "pas du tout d'accord|totalmente en desacuerdo|muy en desacuerdo|anghytuno'n gryf",
    "disagree|tend to disagree|slightly disagree|somewhat disagree|disagree a little|mostly disagree|"
    "stimme eher nicht zu|stimme nicht zu|trifft eher nicht zu|plutôt pas d'accord|pas d'accord|"
    "en desacuerdo|anghytuno",
    "agree|tend to agree|slightly agree|somewhat agree|agree a little|mostly agree|"
    "stimme eher zu|stimme zu|trifft eher zu|plutôt d'accord|d'accord|de acuerdo|cytuno",
    "strongly agree|agree strongly|totally agree|completely agree|agree a lot|"
    "stimme voll und ganz zu|stimme völlig zu|stimme voll zu|trifft voll und ganz zu|trifft völlig zu|trifft voll zu|"
    "trifft zu|tout à fait d'accord|totalmente de acuerdo|muy de acuerdo|cytuno'n gryf",
]
_SCALES: dict[str, list[str]] = {
    "agreement_5": [*_AGREEMENT[:2], f"{_NEITHER}|{_NEITHER_ELSEWHERE}", *_AGREEMENT[2:]],
    "agreement_4": _AGREEMENT,
    "agreement_3": ["disagree", _NEITHER, "agree"],
    "agreement_7": [
        "strongly disagree|disagree strongly|completely disagree",
        "disagree|moderately disagree|mostly disagree",
        "slightly disagree|somewhat disagree|disagree slightly|disagree somewhat",
        _NEITHER,
        "slightly agree|somewhat agree|agree slightly|agree somewhat",
        "agree|moderately agree|mostly agree",
        "strongly agree|agree strongly|completely agree",
    ],
    "agreement_6": [
        "strongly disagree|disagree strongly|completely disagree",
        "disagree|moderately disagree|mostly disagree",
        "slightly disagree|somewhat disagree|disagree slightly|disagree somewhat",
        "slightly agree|somewhat agree|agree slightly|agree somewhat",
        "agree|moderately agree|mostly agree",
        "strongly agree|agree strongly|completely agree",
    ],
    "frequency_5": [
        "never|nie|jamais|nunca|byth",
        "rarely|seldom|hardly ever|almost never|not often|once in a while|selten|rarement|rara vez|casi nunca|anaml",
        "sometimes|occasionally|about half the time|some of the time|manchmal|gelegentlich|parfois|a veces|weithiau",
        "often|usually|most of the time|frequently|very often|mostly|oft|häufig|souvent|a menudo|casi siempre|yn aml",
        "always|almost always|all of the time|all the time|every time|immer|toujours|siempre|bob amser",
    ],
    "frequency_4": [
        "never|never or almost never",
        "sometimes|occasionally|rarely",
        "often|usually",
        "always|very often",
    ],
    "frequency_3": ["never", "sometimes", "always"],
    "frequency_in_lessons": [
        "never or hardly ever|never or almost never",
        "some lessons|in some lessons|a few lessons",
        "most lessons|in most lessons|many lessons",
        "every lesson|every lesson or almost every lesson|in every lesson",
    ],
    "likelihood_5": [
        "very unlikely|extremely unlikely|highly unlikely",
        "unlikely|somewhat unlikely|fairly unlikely",
        "neither likely nor unlikely|neutral|not sure|unsure|undecided",
        "likely|somewhat likely|fairly likely",
        "very likely|extremely likely|highly likely",
    ],
    "likelihood_4": [
        "very unlikely|extremely unlikely",
        "unlikely|somewhat unlikely|fairly unlikely",
        "likely|somewhat likely|fairly likely",
        "very likely|extremely likely",
    ],
    "satisfaction_5": [
        "very dissatisfied|extremely dissatisfied|very unsatisfied",
        "dissatisfied|somewhat dissatisfied|fairly dissatisfied|unsatisfied",
        "neither satisfied nor dissatisfied|neutral",
        "satisfied|somewhat satisfied|fairly satisfied",
        "very satisfied|extremely satisfied",
    ],
    "satisfaction_4": [
        "very dissatisfied|very unsatisfied",
        "dissatisfied|somewhat dissatisfied|fairly dissatisfied|unsatisfied",
        "satisfied|somewhat satisfied|fairly satisfied",
        "very satisfied",
    ],
    "importance_5": [
        "not important|not at all important|unimportant",
        "slightly important|a little important|of little importance",
        "moderately important|somewhat important",
        "important|quite important",
        "very important|extremely important",
    ],
    "quality_5": ["very poor|very bad", "poor|bad", "fair|average|acceptable|ok|okay", "good", "very good|excellent"],
    "quality_4": ["poor", "fair", "good", "very good|excellent"],
    "amount_5": [
        "not at all|none",
        "a little|a little bit|slightly|very little|not much",
        "somewhat|moderately|a moderate amount|to some extent|some",
        "quite a bit|quite a lot|mostly|a lot|very",
        "very much|a great deal|extremely|completely",
    ],
    "amount_4": [
        "not at all|none",
        "a little|a little bit|slightly|very little|not much|not very much",
        "quite a bit|quite a lot|somewhat|to some extent|moderately|some",
        "very much|a great deal|a lot|extremely",
    ],
    "truth_5": [
        "not at all true|not true at all|very untrue|not true of me at all",
        "slightly true|a little true|untrue|not very true|hardly true",
        "somewhat true|moderately true|neither true nor untrue",
        "mostly true|true|quite true",
        "very true|completely true|always true",
    ],
    "truth_4": [
        "not at all true|not true at all",
        "a little true|hardly true|not very true",
        "somewhat true|moderately true|mostly true|pretty much true|quite true",
        "very true|exactly true|completely true",
    ],
    "truth_3": ["not true", "somewhat true|partly true", "certainly true|true"],
    "likeness_5": ["not at all like me", "not much like me", "somewhat like me", "mostly like me", "very much like me"],
    "accuracy_6": [
        "very inaccurate",
        "moderately inaccurate",
        "slightly inaccurate",
        "slightly accurate",
        "moderately accurate",
        "very accurate",
    ],
    "accuracy_5": [
        "very inaccurate",
        "moderately inaccurate|inaccurate",
        "neither accurate nor inaccurate|neither inaccurate nor accurate",
        "moderately accurate|accurate",
        "very accurate",
    ],
    "yes_no": ["no", "yes"],
    "yes_no_3": ["no", "maybe|sometimes|not sure|partly", "yes"],
    "true_false": ["false", "true"],
}

BLANK = frozenset(map(normalised, ["-", "--", "—", ".", "n/a", "no answer", "no response", "missing", "null", "nan"]))
_OPT_OUT = (
    "don't know|I don't know|dk|prefer not to say|rather not say|I'd rather not say|not applicable|does not apply|"
    "doesn't apply|can't say|refused|skipped|prefer not to answer|omitted|omitted or invalid|invalid|not administered|"
    "not reached|logically not applicable|valid skip|multiple answers"
)
OPT_OUT = frozenset(map(normalised, _OPT_OUT.split("|")))
_NUMBERED = re.compile(r"\D*?(\d+)\D*")


@dataclass(frozen=True)
class Scale:
    """An ordered set of labels: the spellings of each point, lowest first, and why they stand in this order."""

    name: str
    points: tuple[tuple[str, ...], ...]
    evidence: str
    known: bool  # whether the order was found, or is only alphabetical


def ordered(labels: Mapping[str, int], values: Mapping[str, float] | None = None) -> Scale:
    """The scale that ``labels`` (as spelt, with their counts) form; spellings of one point by falling count.

    The order is that of the smallest scale here that holds all labels; else that of ``values``, the numbers that an
    export itself gives to its labels; else that of the numbers in the labels, where each has one of its own, or that
    stand between labels; else alphabetical, and not known.
    """
    spelt: dict[str, list[str]] = {}
    form = _form if len({*map(_form, labels)}) == len({*map(normalised, labels)}) else normalised
    for label in sorted(labels, key=lambda text: (-labels[text], text)):
        spelt.setdefault(form(label), []).append(label)
    if name := scale_of(spelt):
        points, seen = [], []
        for at, meanings in enumerate(_SCALES[name]):
            forms = list(dict.fromkeys(map(normalised, meanings.split("|"))))
            found = sorted((f for f in forms if f in spelt), key=lambda f: -max(labels[s] for s in spelt[f]))
            seen += [at] if found else []
            # A point that nobody chose still is one: it gets its usual wording.
            points.append(
                tuple(trimmed(s) for f in found for s in spelt[f][:1]) or (meanings.split("|")[0].capitalize(),)
            )
        unseen = [p[0] for at, p in enumerate(points) if at not in seen]
        evidence = f"order of the common scale {name}" + "".join(
            f"; taken for one answer: {', '.join(p)}" for p in points if len(p) > 1
        )
        evidence += f"; not among the answers: {', '.join(unseen)}" if unseen else ""
        return Scale(name.rpartition("_")[0] or name, tuple(points), evidence, True)
    if scale := _by_values(spelt, values or {}):
        return scale
    numbers = {form: found[1] for form in spelt if (found := _NUMBERED.fullmatch(spelt[form][0]))}
    if len(numbers) == len(spelt) == len({int(n) for n in numbers.values()}):
        forms = sorted(spelt, key=lambda form: int(numbers[form]))
        return Scale("numbered", _points(forms, spelt), "order of the numbers in the labels", True)
    if scale := _between(spelt):
        return scale
    return Scale("unordered", _points(sorted(spelt), spelt), "alphabetical: THE ORDER IS NOT KNOWN", False)


def _by_values(spelt: Mapping[str, list[str]], values: Mapping[str, float]) -> Scale | None:
    """The scale in the order of the values of its labels, which may be on points that nobody chose; None without."""
    given = {_form(label): (value, label) for label, value in values.items()}
    at = {form: float(n) for form, (text, *_) in spelt.items() if (n := whole_number(text)) is not None}
    at |= {form: value for form, (value, _) in given.items() if form in spelt}
    if not given.keys() & spelt.keys() or at.keys() != spelt.keys():
        return None
    low, high = min(at.values()), max(at.values())
    chosen = dict(spelt)
    for form, (value, label) in given.items():  # between the others, and chosen by nobody
        if form not in at and low < value < high and form not in OPT_OUT | BLANK:
            at[form], chosen[form] = value, [label]
    if len(set(at.values())) < len(at):
        return None
    order = sorted(at, key=at.get)
    evidence = f"order of the numbers that the file gives to them: {', '.join(f'{at[form]:g}' for form in order)}"
    return Scale("labelled", _points(order, chosen), evidence, True)


def _between(spelt: Mapping[str, list[str]]) -> Scale | None:
    """Whole numbers with labels in the place of some, the first and last among them: the places that are left."""
    numbers = {n: form for form, (text, *_) in spelt.items() if (n := whole_number(text)) is not None}
    labels = sorted(form for form in spelt if form not in numbers.values())
    places = [n for n in range(1, len(spelt) + 1) if n not in numbers]
    if not numbers or len(places) != len(labels) or places[0] != 1 or places[-1] != len(spelt):
        return None
    name = scale_of(labels)
    evidence = "numbers between labels, which stand in alphabetical order: THE ORDER IS NOT KNOWN"
    if name:
        labels.sort(key=_known()[name].get)
        evidence = f"numbers between labels, which stand in the order of the common scale {name}:"
        evidence += f" CHECK that {min(numbers)} is next to {spelt[labels[0]][0]}"
    forms = numbers | dict(zip(places, labels, strict=True))
    return Scale("between", _points([forms[n] for n in sorted(forms)], spelt), evidence, name is not None)


def _points(forms: Iterable[str], spelt: Mapping[str, list[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple((trimmed(spelt[form][0]),) for form in forms)


def strays(labels: Mapping[str, int], points: int = 11) -> set[str]:
    """Those of ``labels`` that are not to be taken for points of the scale that the others form.

    Never a point is what has the form of an identifier. Where the others are a common scale: whole numbers that are
    codes of it (each of ``ingest``'s scales takes them), and texts that stand in one answer in a hundred at most.
    """
    never = {text for text in labels if kind_of_text(text)}
    rest = {text: n for text, n in labels.items() if text not in never}
    if scale_of(map(_form, rest)):
        return never
    total = sum(rest.values())
    numbers = {text: n for text in rest if (n := whole_number(text)) is not None}
    rare = {text for text in rest if rest[text] <= max(1, total // 100)}
    for out in (set(numbers), rare, rare | set(numbers)):
        kept = {_form(text) for text in rest if text not in out}
        if len(kept) < 2 or not (name := scale_of(kept)) or len(_SCALES[name]) > points:
            continue
        as_codes = [n for text, n in numbers.items() if text in out and text not in rare]
        # A number means a code only where the label of every code stands beside it.
        if not as_codes or (
            len({_known()[name][f] for f in kept}) == len(_SCALES[name])
            and set(as_codes) <= {*range(1, len(_SCALES[name]) + 1)}
        ):
            return never | out
    return never


def _form(label: str) -> str:
    """``label`` normalised, without the faces and other pictures that stand beside its words."""
    form = normalised(label)
    bare = "".join(c for c in form if unicodedata.category(c) not in ("So", "Sk") and c != "\ufe0f")
    return bare if any(c.isalpha() for c in bare) else form


def scale_of(forms: Iterable[str]) -> str | None:
    """The scale that holds all of these normalised labels, by name; None without one.

    Of several, the one that takes fewest labels for the same point, then the smallest, then the first.
    """
    wanted = set(forms)
    fitting = [
        (len(wanted) - len({known[f] for f in wanted}), len(_SCALES[name]), at, name)
        for at, (name, known) in enumerate(_known().items())
        if wanted and wanted <= set(known)
    ]
    return min(fitting)[3] if fitting else None


def wordings() -> list[str]:
    """Every wording of every scale here: texts that an export may well hold."""
    return sorted({wording for points in _SCALES.values() for point in points for wording in point.split("|")})


def same_scale(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether two sets of normalised labels are likely to be one scale: they share half of the smaller set."""
    return 2 * len(set(first) & set(second)) >= max(1, min(len(set(first)), len(set(second))))


@cache
def _known() -> dict[str, dict[str, int]]:
    """Position of the point that each normalised wording means, by scale."""
    return {
        name: {normalised(w): at for at, point in enumerate(points) for w in point.split("|")}
        for name, points in _SCALES.items()
    }
