"""Common response scales in words, and the order of a set of labels.

Each scale lists its points from the lowest to the highest, and for each point the wordings that mean it. They are the
usual wordings of agreement, frequency, likelihood, satisfaction, importance, quality, amount, truth and accuracy
scales (Vagias, W. M., 2006, Likert-type scale response anchors, Clemson University). A proposal from here is for a
person to confirm: nothing else in the pipeline reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from learning_survey.labels import normalised

_NEITHER = "neither agree nor disagree|neither disagree nor agree|neither|neutral|undecided|unsure|not sure|in between"
_SCALES: dict[str, list[str]] = {
    "agreement_5": [
        "strongly disagree|disagree strongly|totally disagree|completely disagree|disagree a lot",
        "disagree|tend to disagree|slightly disagree|somewhat disagree|disagree a little|mostly disagree",
        _NEITHER,
        "agree|tend to agree|slightly agree|somewhat agree|agree a little|mostly agree",
        "strongly agree|agree strongly|totally agree|completely agree|agree a lot",
    ],
    "agreement_4": [
        "strongly disagree|disagree strongly|totally disagree|completely disagree|disagree a lot",
        "disagree|tend to disagree|slightly disagree|somewhat disagree|disagree a little|mostly disagree",
        "agree|tend to agree|slightly agree|somewhat agree|agree a little|mostly agree",
        "strongly agree|agree strongly|totally agree|completely agree|agree a lot",
    ],
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
        "never",
        "rarely|seldom|hardly ever|almost never|not often|once in a while",
        "sometimes|occasionally|about half the time|some of the time",
        "often|usually|most of the time|frequently|very often|mostly",
        "always|almost always|all of the time|all the time|every time",
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
    "doesn't apply|can't say|refused|skipped|prefer not to answer"
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


def ordered(labels: Mapping[str, int]) -> Scale:
    """The scale that ``labels`` (as spelt, with their counts) form; spellings of one point by falling count.

    The order is that of the smallest scale here that holds all labels; else that of the numbers in the labels, where
    each has one of its own; else alphabetical, and not known.
    """
    spelt: dict[str, list[str]] = {}
    for label in sorted(labels, key=lambda text: (-labels[text], text)):
        spelt.setdefault(normalised(label), []).append(label)
    if name := scale_of(spelt):
        points, seen = [], []
        for at, meanings in enumerate(_SCALES[name]):
            forms = list(dict.fromkeys(map(normalised, meanings.split("|"))))
            found = sorted((f for f in forms if f in spelt), key=lambda f: -max(labels[s] for s in spelt[f]))
            seen += [at] if found else []
            # A point that nobody chose still is one: it gets its usual wording.
            points.append(tuple(s for f in found for s in spelt[f][:1]) or (meanings.split("|")[0].capitalize(),))
        unseen = [p[0] for at, p in enumerate(points) if at not in seen]
        evidence = f"order of the common scale {name}" + "".join(
            f"; taken for one answer: {', '.join(p)}" for p in points if len(p) > 1
        )
        evidence += f"; not among the answers: {', '.join(unseen)}" if unseen else ""
        return Scale(name.rpartition("_")[0] or name, tuple(points), evidence, True)
    numbers = {form: found[1] for form in spelt if (found := _NUMBERED.fullmatch(spelt[form][0]))}
    if len(numbers) == len(spelt) == len({int(n) for n in numbers.values()}):
        forms = sorted(spelt, key=lambda form: int(numbers[form]))
        return Scale("numbered", tuple((spelt[f][0],) for f in forms), "order of the numbers in the labels", True)
    forms = sorted(spelt)
    return Scale("unordered", tuple((spelt[f][0],) for f in forms), "alphabetical: THE ORDER IS NOT KNOWN", False)


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
