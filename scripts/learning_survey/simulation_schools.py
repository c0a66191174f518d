"""How often comparisons of schools hold the truth, and how often a difference between ratings is found.

Scores of students in schools of the sizes, and with the share ``ICC``, of ``simulation_check``. Some schools have one
of two ratings, as many as in the synthetic cohort; the difference between them is ``EFFECT`` standard deviations of
school means, or none.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from learning_survey.inspection_effects import Pair, power, rating_estimate
from learning_survey.school_gaps import Drawing, gap
from learning_survey.school_means import Shrunken, ranking
from learning_survey.school_scores import SchoolScores
from learning_survey.simulation_check import ICC, LEVEL, SCHOOLS, sizes
from learning_survey.variance_components import components

Array = NDArray[np.float64]
DRAWS, REPEATS = 400, 2
"""Draws of true means and of chance for each sample; samples for each seed."""
EFFECT, RATED = 0.3, (26, 10)
RANK, CORRECTED, RANGE = "rank of a school", "gap of the two extremes, corrected", "range of all true means"
CHANCE, NONE, FOUND = "chance alone", "ratings that do not differ", "a difference of .3 between ratings"
BOUNDS = dict.fromkeys((RANK, CORRECTED, RANGE), (0.93, 0.97)) | dict.fromkeys((CHANCE, NONE), (0.04, 0.06))


def outcomes(seed: int) -> Counter[str]:
    """In how many of ``REPEATS`` samples each interval held the truth, and each test found a difference."""
    rng, counted = np.random.default_rng([seed, 6]), Counter()
    for _ in range(REPEATS):
        counted += _of_schools(rng) + _of_ratings(rng)
    return counted


def _scores(rng: np.random.Generator, icc: float) -> tuple[SchoolScores, Array]:
    """One sample, and the schools' true means."""
    size, true = sizes(rng), np.sqrt(icc) * rng.standard_normal(SCHOOLS)
    school = np.repeat(np.arange(SCHOOLS), size)
    x = true[school] + np.sqrt(1 - icc) * rng.standard_normal(len(school))
    return SchoolScores([str(k) for k in range(SCHOOLS)], school, x, np.ones(len(x))), true


def _of_schools(rng: np.random.Generator) -> Counter[str]:
    scores, true = _scores(rng, ICC)
    raw, shown = scores.means(scores.score), np.ones(SCHOOLS, bool)
    drawing = Drawing(np.ones(SCHOOLS, dtype=bool), LEVEL, DRAWS, (int(rng.integers(1 << 31)),))
    shrunken = Shrunken(scores.sums(), raw, components(scores.components_of(scores.score)))
    low, high, _ = ranking(shrunken, shown, DRAWS, [int(rng.integers(1 << 31))], LEVEL)
    rank = np.argsort(np.argsort(-true)) + 1
    found = gap(scores, scores.score, 1.0, drawing, shares=False)
    picked = true[raw.argmax()] - true[raw.argmin()]
    same, _ = _scores(rng, 0.0)
    return Counter(
        {
            RANK: float(((low <= rank) & (rank <= high)).mean()),
            CORRECTED: found["corrected_ci_low"] <= picked <= found["corrected_ci_high"],
            RANGE: found["true_range_ci_low"] <= np.ptp(true) <= found["true_range_ci_high"],
            CHANCE: gap(same, same.score, 1.0, drawing, shares=False)["p"] < 1 - LEVEL,
        }
    )


def _of_ratings(rng: np.random.Generator) -> Counter[str]:
    counted = Counter()
    for name, effect in ((FOUND, EFFECT), (NONE, 0.0)):
        scores, _ = _scores(rng, ICC)
        n, higher = scores.sums()[: sum(RATED)], np.repeat([True, False], RATED)
        y = scores.means(scores.score)[: sum(RATED)]
        y = y + effect * np.sqrt(np.mean(ICC + (1 - ICC) / n)) * higher
        pair = Pair(y, n, higher, np.zeros(len(y), dtype=np.int64), scores.names[: len(y)])
        counted[name] += rating_estimate(pair.fitted(phase=False), LEVEL, robust=True)[2] < 1 - LEVEL
    return counted


@dataclass
class SchoolCoverage:
    """Counts of many seeds."""

    seeds: int = 0
    counted: Counter[str] = field(default_factory=Counter)

    def add(self, one: Counter[str]) -> None:
        self.seeds += 1
        self.counted += one

    def share(self, name: str) -> float:
        return self.counted[name] / (self.seeds * REPEATS)

    def error(self, share: float) -> float:
        return float(np.sqrt(share * (1 - share) / (self.seeds * REPEATS)))

    @property
    def stated(self) -> float:
        """The power that the stage states for the planted difference."""
        return power(EFFECT, *RATED, 1 - LEVEL)

    def table(self) -> str:
        """Markdown: coverage, false positives and power with Monte Carlo standard errors."""
        words = {
            **dict.fromkeys((RANK, CORRECTED, RANGE), ("holds the truth", "95%")),
            CHANCE: ("found to differ, at 5%", "5%"),
            NONE: ("found to differ, at 5%", "5%"),
            FOUND: ("found, at 5%", f"{self.stated:.1%}"),
        }
        lines = [f"{self.seeds * REPEATS:,} samples of scores for schools.", ""]
        lines += ["| schools | what | share of samples | should be |", "|---|---|---|---|"]
        for name, (what, wanted) in words.items():
            share = self.share(name)
            lines.append(f"| {name} | {what} | {share:.1%} ± {self.error(share):.1%} | {wanted} |")
        return "\n".join(lines)

    def outside(self) -> list[str]:
        """What is not within its bounds; the planted difference is to be found as often as stated, to 3 errors."""
        room = 3 * self.error(self.stated)
        bounds = BOUNDS | {FOUND: (self.stated - room, self.stated + room)}
        return [f"{n}: {self.share(n):.1%}" for n, (a, b) in bounds.items() if not a <= self.share(n) <= b]
