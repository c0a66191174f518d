"""How far apart the best and the worst of many schools lie, and how much of that is chance.

Tables ``schools.gaps`` (means, in standard deviations of all students) and ``schools.gaps_high`` (shares rated high, in
points). Schools are those that are shown; for each dimension the best and the worst on that dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.config import ALL
from learning_survey.school_means import Shrunken
from learning_survey.school_scores import SchoolScores, Scores
from learning_survey.schools import showing
from learning_survey.uncertainty import NAN, Estimate
from learning_survey.variance_components import components

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.cells import Cells
    from learning_survey.config import Loaded

Array = NDArray[np.float64]
SPLITS = 200
"""Random halves at most: their spread describes, it is no interval, and this many show it."""


def gaps(cells: Cells, study: Loaded) -> dict[str, pd.DataFrame]:
    """Tables ``schools.gaps`` and ``schools.gaps_high`` by name.

    Shares of 'all' are no students' shares, so that row is in ``gaps`` only.
    """
    import pandas as pd

    from learning_survey.schemas import TABLES

    instrument, level, shown = study.instrument, study.resampling.level, showing(cells, study)
    rows: dict[str, list[dict[str, float | str]]] = {"gaps": [], "gaps_high": []}
    for k, dimension in enumerate([*instrument.dimension_ids, ALL]):
        scores = SchoolScores.of(cells, dimension)
        high = scores.high(instrument.high_from)
        large = shown(scores.sums())
        halves = Halves.of(scores, high, large, study, [study.seed, k, 1])
        counts = cells.counts(dimension)
        sd = np.sqrt(Scores(counts.score, counts.n).variance)
        measures = {"gaps": (scores.score, 1 / sd if sd > 0 else NAN, halves.means)}
        if dimension != ALL:
            measures["gaps_high"] = (high, 100.0, halves.shares)
        for name, (value, scale, split) in measures.items():
            drawing = Drawing(large, level, study.resampling.draws, (study.seed, k, 2))
            row = gap(scores, value, scale, drawing, shares=name == "gaps_high")
            rows[name].append({"dimension": dimension} | row | other_half(split, scale, level))
    return {name: pd.DataFrame(found, columns=list(TABLES[f"schools.{name}"].columns)) for name, found in rows.items()}


@dataclass(frozen=True)
class Drawing:
    """Which schools are shown (G), the level of intervals, how many draws and their seed."""

    shown: NDArray[np.bool_]
    level: float
    draws: int
    seed: tuple[int, ...]


def gap(scores: SchoolScores, value: Array, scale: float, drawing: Drawing, *, shares: bool) -> dict[str, float]:
    """The gap between the schools with the highest and lowest mean of ``value`` (an entry each), times ``scale``.

    ``chance``: the range of as many means in draws where schools do not differ: normal with the variance within
    schools over n_j, or for shares binomial with the share of all; p counts draws that reach the gap (and the gap
    itself: Davison & Hinkley 1997, 4.2.1). ``corrected``: the difference of the two schools' shrunken means, which
    given the data is right whichever schools were picked (Dawid 1994, in Multivariate Analysis and Its Applications,
    211-220, on why shrinkage needs no further correction for selection). ``true_range``: mean and quantiles of the
    range of all true means given the data, whichever schools are then the first and the last.
    """
    n, level, draws = scores.sums(), drawing.level, drawing.draws
    some = n > 0
    shown = drawing.shown[some]
    count = int(shown.sum())
    shrunken = Shrunken(n[some], scores.means(value)[some], components(scores.components_of(value)))
    row: dict[str, float] = {"n_schools": count}
    if count < 2 or not shrunken.known:
        return row
    rng = np.random.default_rng(drawing.seed)
    places, students, raw = np.flatnonzero(shown), shrunken.n[shown], shrunken.raw[shown]
    observed = float(np.ptp(raw))
    if shares:
        overall = float(scores.sums(value).sum() / n.sum())
        drawn = rng.binomial(students.astype(np.int64), overall, (draws, count)) / students
    else:
        drawn = rng.normal(0, np.sqrt(shrunken.components.within / students), (draws, count))
    ranges = np.ptp(drawn, axis=1)
    p = (1 + np.sum(ranges >= observed * (1 - 1e-12))) / (draws + 1)
    known = shrunken.components.between > 0  # else as in ``Shrunken.difference``
    true = _spread(np.ptp(shrunken.draws(draws, rng)[:, shown], axis=1), level) if known else Estimate(0.0)
    corrected = shrunken.difference(places[raw.argmax()], places[raw.argmin()], level)
    chance = _spread(ranges, level)
    estimates = {"corrected": corrected, "true_range": true}
    row |= {"observed": scale * observed, "p": float(p), "chance": scale * chance.value}
    row |= {"chance_least": scale * chance.low, "chance_most": scale * chance.high}
    for name, e in estimates.items():
        row |= Estimate(scale * e.value, scale * e.low, scale * e.high).columns(name)
    return row


def _spread(drawn: Array, level: float) -> Estimate:
    return Estimate(float(drawn.mean()), *map(float, np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])))


# ---------------------------------------------------------------- halves


class Halves:
    """Means and shares high of random halves of each shown school: arrays of 2 × draws × schools."""

    def __init__(self, means: Array, shares: Array) -> None:
        self.means, self.shares = means, shares

    @classmethod
    def of(cls, scores: SchoolScores, high: Array, large: NDArray[np.bool_], study: Loaded, seed: list[int]) -> Halves:
        """Each school's students are parted at random, by exact draws of how many of each score fall in the first half.

        That is the multivariate hypergeometric distribution; the first half has n // 2 of n students. ``high`` (an
        entry each) is 1 for a score that counts as high, ``large`` (G) says which schools are shown.
        """
        n, rng = scores.sums(), np.random.default_rng(seed)
        draws = min(study.resampling.draws, SPLITS)
        kept = np.flatnonzero(large & (n >= 2))
        found = np.full((2, 2, draws, len(kept)), NAN)  # means or shares, half, draw, school
        for k, school in enumerate(kept):
            own = scores.school == school
            students = scores.n[own].astype(np.int64)
            half = int(students.sum()) // 2
            first = rng.multivariate_hypergeometric(students, half, size=draws, method="marginals")
            for side, counted in enumerate((first, students - first)):
                size = counted.sum(axis=1)
                found[0, side, :, k] = counted @ scores.score[own] / size
                found[1, side, :, k] = counted @ high[own] / size
        return cls(found[0], found[1])


def other_half(split: Array, scale: float, level: float) -> dict[str, float]:
    """The gap in one half of the students between the schools that are first and last in the other half.

    ``split`` is 2 × draws × schools; either half picks once. Mean over draws with the quantiles of how random halves
    make it vary, which is no interval of an estimate; ``same_pair`` is how often both halves pick the same two schools.
    Of schools that share the first or the last place each is picked as often as the others.
    """
    if split.shape[2] < 2:
        return {}
    best, worst = _picked(split == split.max(axis=2, keepdims=True)), _picked(split == split.min(axis=2, keepdims=True))
    found = np.mean([((best[k] - worst[k]) * split[1 - k]).sum(axis=1) for k in (0, 1)], axis=0)
    same = (best[0] * best[1]).sum(axis=1) * (worst[0] * worst[1]).sum(axis=1)
    e = _spread(scale * found, level)
    return {
        "other_half": e.value,
        "other_half_low": e.low,
        "other_half_high": e.high,
        "same_pair": float(same.mean()),
    }


def _picked(tied: NDArray[np.bool_]) -> Array:
    """How often each school is picked: shares that add up to one over the schools (last axis) that are ``tied``."""
    return tied / tied.sum(axis=2, keepdims=True)
