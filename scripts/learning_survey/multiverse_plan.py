"""Headline claims and the ways in which each may be computed: ``config/multiverse/<name>.yaml``.

A claim has a kind, which says what is estimated and which choices of the analysis matter to it, and a rule for when an
estimate bears it out. docs/methods/multiverse.md describes both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import product
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from learning_survey.config import read_model
from learning_survey.errors import SurveyError, nearest
from learning_survey.places import Places
from learning_survey.strict import Identifier, Strict

if TYPE_CHECKING:
    from learning_survey.cells import Cells
    from learning_survey.config import Loaded
    from learning_survey.instrument import Instrument

Array = NDArray[np.float64]


class Holds(Strict):
    """When an estimate bears a claim out; with ``surely``, its whole interval must.

    ``includes``: the interval holds the value, which is what "no difference found" means.
    """

    above: float | None = None
    below: float | None = None
    includes: float | None = None
    surely: bool = False

    @model_validator(mode="after")
    def _one(self) -> Holds:
        bounds = self.above is not None or self.below is not None
        if bounds == (self.includes is not None):
            raise ValueError("give 'above', 'below' or both, or else 'includes'")
        if self.includes is not None and self.surely:
            raise ValueError("'includes' is about the interval already: leave 'surely' out")
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise ValueError("'above' must be smaller than 'below'")
        return self

    @property
    def words(self) -> str:
        """When a claim holds, as the end of a sentence."""
        if self.includes is not None:
            return f"the interval includes {self.includes:g}"
        what = "the whole interval is" if self.surely else "the estimate is"
        if self.above is not None and self.below is not None:
            return f"{what} between {self.above:g} and {self.below:g}"
        return f"{what} above {self.above:g}" if self.above is not None else f"{what} below {self.below:g}"

    def margin(self, value: Array, low: Array, high: Array) -> Array:
        """How far each estimate is on the right side; below 0 it does not bear the claim out. NaN where unknown."""
        if self.includes is not None:
            return np.minimum(self.includes - low, high - self.includes)
        under, over = (low, high) if self.surely else (value, value)
        room = np.full(value.shape, np.inf)
        if self.above is not None:
            room = np.minimum(room, under - self.above)
        if self.below is not None:
            room = np.minimum(room, self.below - over)
        return room


class _Claim(Strict):
    """What every claim has. ``CHOICES`` are those that matter to the kind, ``ADJUSTMENTS`` its own, its first usual."""

    id: Identifier
    label: str
    holds: Holds

    NEEDS: ClassVar[tuple[str, ...]] = ()
    UNIT: ClassVar[str] = "score"
    CHOICES: ClassVar[tuple[str, ...]] = ("cleaning", "scoring", "adjustment")
    ADJUSTMENTS: ClassVar[tuple[str, ...]] = ("none",)
    STANDARDISERS: ClassVar[tuple[str, ...]] = ()


class Shares(_Claim):
    """Shares of students rated high on some dimensions."""

    kind: Literal["shares"]
    dimensions: list[str] = Field(min_length=1)

    UNIT = "share"
    CHOICES = ("cleaning", "scoring", "high", "adjustment")
    ADJUSTMENTS = ("none", "schools")


class LowestShare(_Claim):
    """Every other dimension's share rated high, minus that of ``dimension``."""

    kind: Literal["lowest_share"]
    dimension: str

    UNIT = "share"
    CHOICES = ("cleaning", "scoring", "high", "adjustment")
    ADJUSTMENTS = ("none", "schools")


class Trends(_Claim):
    """The linear trend over the ordered groups on each dimension, in total standard deviations per step."""

    kind: Literal["trends"]

    NEEDS = ("key_stages",)
    UNIT = "sd"
    ADJUSTMENTS = ("none", "schools", "composition", "model")


class LargestStep(_Claim):
    """The fall from one ordered group to the next, minus the largest other such fall, averaged over dimensions."""

    kind: Literal["largest_step"]
    step: tuple[str, str]

    NEEDS = ("key_stages",)
    ADJUSTMENTS = ("none", "schools", "composition", "model")


class GroupOrder(_Claim):
    """Differences between neighbours in an order of gender categories, highest first, on every dimension: Hedges g."""

    kind: Literal["group_order"]
    groups: list[str] = Field(min_length=2)

    NEEDS = ("gender",)
    UNIT = "sd"
    ADJUSTMENTS = ("none", "schools", "composition", "model")


class GroupEffects(_Claim):
    """Sizes of all differences between gender categories on every dimension: Hedges g without its sign."""

    kind: Literal["group_effects"]

    NEEDS = ("gender",)
    UNIT = "sd"
    CHOICES = ("cleaning", "scoring", "standardiser", "adjustment")
    ADJUSTMENTS = ("none", "schools", "composition", "model")
    STANDARDISERS = ("total", "within")


class SchoolGap(_Claim):
    """Share rated high in the top school, minus that in the bottom school, on some dimensions (all without)."""

    kind: Literal["school_gap"]
    dimensions: list[str] = Field(default=[])

    NEEDS = ("schools",)
    UNIT = "share"
    CHOICES = ("cleaning", "scoring", "high", "adjustment")
    ADJUSTMENTS = ("none", "composition")


class SchoolEffect(_Claim):
    """Difference of means between the top and the bottom school in standard deviations, on some dimensions."""

    kind: Literal["school_effect"]
    dimensions: list[str] = Field(default=[])

    NEEDS = ("schools",)
    UNIT = "sd"
    CHOICES = ("cleaning", "scoring", "standardiser", "adjustment")
    ADJUSTMENTS = ("none", "composition")
    STANDARDISERS = ("total", "within", "between")


class SchoolChance(_Claim):
    """The range of school means over what chance alone exceeds once in twenty times, on every dimension."""

    kind: Literal["school_chance"]

    NEEDS = ("schools",)
    UNIT = "ratio"
    ADJUSTMENTS = ("none", "composition")


class Culture(_Claim):
    """Share rated high, averaged over dimensions: schools with a strong culture over the rest.

    Strong are schools whose share passes the study's ``strong_culture.min_share``, or the tenth of them with the
    highest shares.
    """

    kind: Literal["culture"]

    NEEDS = ("schools",)
    UNIT = "ratio"
    CHOICES = ("cleaning", "scoring", "high", "adjustment", "culture")
    ADJUSTMENTS = ("none", "composition")


class RatingPair(_Claim):
    """The study's ``inspection.higher`` minus ``lower`` on each dimension, in standard deviations between schools."""

    kind: Literal["rating_pair"]

    NEEDS = ("schools", "inspection")
    UNIT = "sd"
    ADJUSTMENTS = ("schools", "none", "composition")


class RatingCorrelation(_Claim):
    """Correlation of a school's mean with its rating (best is highest) on each dimension."""

    kind: Literal["rating_correlation"]

    NEEDS = ("schools", "inspection")
    UNIT = "correlation"
    ADJUSTMENTS = ("schools", "none", "composition")


Claim = Annotated[
    Shares
    | LowestShare
    | Trends
    | LargestStep
    | GroupOrder
    | GroupEffects
    | SchoolGap
    | SchoolEffect
    | SchoolChance
    | Culture
    | RatingPair
    | RatingCorrelation,
    Field(discriminator="kind"),
]


class Multiverse(Strict):
    """The headline claims of one report."""

    claims: list[Claim] = Field(min_length=1)


@dataclass(frozen=True)
class Specification:
    """One way to compute a claim; None where the choice does not matter to it."""

    cleaning: str
    scoring: str
    high: str | None = None
    standardiser: str | None = None
    adjustment: str | None = None
    culture: str | None = None


CURVE = "curve_"
"""Begins the name of a figure that is the specification curve of the claim whose id follows."""
CHOICES = tuple(field.name for field in fields(Specification))


def load_multiverse(study: Loaded) -> Multiverse:
    """The claims that the study names; raises SurveyError for an unknown key, dimension or group, or an id twice."""
    path = study.root / "config" / "multiverse" / f"{study.multiverse}.yaml"
    plan: Multiverse = read_model(path, Multiverse)
    seen: set[str] = set()
    places = Places(path)
    for i, claim in enumerate(plan.claims):
        place = places.of("claims", i)
        if claim.id in seen:
            raise SurveyError(f"'{claim.id}' is given twice", where=place, remedy="Give each claim its own id.")
        seen.add(claim.id)
        own = getattr(claim, "dimensions", []) + ([claim.dimension] if isinstance(claim, LowestShare) else [])
        _known(own, study.instrument.dimension_ids, "dimension", place)
        if study.key_stages and isinstance(claim, LargestStep):
            levels = [level.id for level in study.key_stages.levels]
            _known(list(claim.step), levels, "group", place)
            if levels.index(claim.step[1]) != levels.index(claim.step[0]) + 1:
                raise SurveyError(
                    f"'{claim.step[0]}' and '{claim.step[1]}' are no neighbours",
                    where=place,
                    remedy=f"Their order is {', '.join(levels)}.",
                )
        if study.gender and isinstance(claim, GroupOrder):
            _known(claim.groups, [c.id for c in study.gender.categories], "gender", place)
    return plan


def _known(names: list[str], known: list[str], what: str, place: str) -> None:
    for name in names:
        if name not in known:
            raise SurveyError(f"unknown {what} '{name}'", where=place, remedy=nearest(name, known))


def lacking(claim: _Claim, study: Loaded) -> str:
    """Why the study cannot compute a claim, as a sentence; empty when it can."""
    words = {"key_stages": "ordered groups", "gender": "gender", "schools": "schools", "inspection": "ratings"}
    missing = [words[need] for need in claim.NEEDS if getattr(study, need) is None]
    if not missing and isinstance(claim, RatingPair) and not (study.inspection.higher and study.inspection.lower):
        return "The study compares no pair of ratings."
    return f"The study has no {missing[0]}." if missing else ""


def grid(claim: _Claim, study: Loaded, cells: Cells) -> Iterator[Specification]:
    """Every way to compute a claim, the study's own first; ways that cannot differ are one."""
    instrument = study.instrument
    both = study.key_stages is not None and study.gender is not None
    either = study.key_stages is not None or study.gender is not None
    composed = either if "schools" in claim.NEEDS else both
    able = {"composition": composed, "schools": not cells.alone, "model": not cells.alone}
    adjustments = [a for a in claim.ADJUSTMENTS if able.get(a, True)]
    standardisers = list(claim.STANDARDISERS)
    if isinstance(claim, SchoolEffect) and study.schools.standardiser == "pooled_within":
        standardisers.sort(key=["within", "total", "between"].index)
    ways: dict[str, list[str | None]] = {
        "cleaning": ["configured", *(["unflagged"] if cells.keys["flagged"].any() else [])],
        "scoring": list(leasts(instrument)),
        "high": list(cuts(instrument)),
        "standardiser": standardisers,
        "adjustment": adjustments,
        "culture": [*(["threshold"] if study.schools and study.schools.strong_culture else []), "top_tenth"],
    }
    for values in product(*(ways[c] if c in claim.CHOICES and ways[c] else [None] for c in CHOICES)):
        yield Specification(*values)


def leasts(instrument: Instrument) -> dict[str, int]:
    """How many answers a score needs: as the instrument says, any, or all of its dimension; the same one once."""
    most = max(len(instrument.items_of(d)) for d in instrument.dimension_ids)
    ways = {"configured": instrument.score.min_items, "any": 1, "all": most}
    return {name: n for name, n in ways.items() if name == "configured" or n != ways["configured"]}


def cuts(instrument: Instrument) -> dict[str, tuple[float, bool]]:
    """Rules for "high": the lowest score, and whether it must be passed.

    As the instrument says; from one band lower or higher; and above the middle of the scale, which is the upper half of
    the options with neutral excluded. A rule that everyone passes is none.
    """
    bands, codes = instrument.bands, instrument.response.codes
    at = next(i for i, band in enumerate(bands) if band.high)
    ways = {"configured": (bands[at].start, False)}
    if at > 1:
        ways["band_lower"] = (bands[at - 1].start, False)
    if at + 1 < len(bands):
        ways["band_higher"] = (bands[at + 1].start, False)
    ways["above_middle"] = ((codes[0] + codes[-1]) / 2, True)
    return ways
