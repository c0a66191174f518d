"""How often the intervals of ``models`` hold the truth, and how often its tests find what is not there.

Scores of students in schools of the sizes, and with the share ``ICC``, of ``simulation_check``: girls differ from boys,
by more in one school than in another; schools of one kind differ from the other, or do not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from learning_survey.mixed_likelihood import Data
from learning_survey.models import METHODS, Method, methods
from learning_survey.simulation_check import GIRLS, ICC, LEVEL, PHASE, SCHOOLS, SLOPE, WITHIN, sizes

Array = NDArray[np.float64]
DRAWS, REPEATS = 400, 10
"""Resamples of schools for each bootstrap; samples for each seed, since a share near .05 needs many."""
FALSE, NAIVE = (0.04, 0.06), 0.3
"""Shares of samples in which a test that knows the schools may find a difference between kinds of school that is not
there; what the naive one passes."""
GIRLS_KEPT, PHASE_KEPT, PHASE_FALSE = "girls and boys", "two kinds of school", "kinds of school that do not differ"


def sample(rng: np.random.Generator) -> tuple[dict[str, Method], dict[str, Method]]:
    """The methods of one sample of girls and boys in two kinds of school: with a difference of kinds, and without."""
    size = sizes(rng)
    school = np.repeat(np.arange(SCHOOLS), size)
    girl = rng.integers(0, 2, len(school))
    score = np.sqrt(ICC) * rng.standard_normal(SCHOOLS)[school] + np.sqrt(1 - ICC) * rng.standard_normal(len(school))
    score -= (GIRLS + SLOPE * rng.standard_normal(SCHOOLS)[school]) * girl
    kind = np.arange(SCHOOLS) % 2
    cells = 2 * school + girl
    seed = int(rng.integers(1 << 31))
    found = []
    for y in (score - PHASE * kind[school], score):
        centre = y.mean()
        n, s, q = (np.bincount(cells, (y - centre) ** power, 2 * SCHOOLS) for power in (0, 1, 2))
        X = np.column_stack([np.ones(2 * SCHOOLS), np.tile([0.0, 1.0], SCHOOLS), np.repeat(kind, 2)])
        used = n > 0
        data = Data(X[used], np.repeat(np.arange(SCHOOLS), 2)[used], n[used], s[used], q[used], float(centre))
        found.append(methods(data, True, DRAWS, seed)[0])
    return found[0], found[1]


def outcomes(seed: int) -> Counter[tuple[str, str]]:
    """In how many of ``REPEATS`` samples each interval held the truth, and each test found what is not there."""
    rng, counted = np.random.default_rng([seed, 5]), Counter()
    girls, kind = np.eye(3)[1], np.eye(3)[2]
    for _ in range(REPEATS):
        planted, none = sample(rng)
        for name in METHODS:
            for what, contrast, true in ((GIRLS_KEPT, girls, -GIRLS), (PHASE_KEPT, kind, -PHASE)):
                estimate, _ = planted[name].estimate(contrast, LEVEL)
                counted[what, name] += estimate.low <= true <= estimate.high
            counted[PHASE_FALSE, name] += none[name].estimate(kind, LEVEL)[1]["p"] < 1 - LEVEL
    return counted


@dataclass
class ModelCoverage:
    """Counts of many seeds."""

    seeds: int = 0
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, one: Counter[tuple[str, str]]) -> None:
        self.seeds += 1
        self.counted += one

    def share(self, what: str, name: str) -> float:
        return self.counted[what, name] / (self.seeds * REPEATS)

    def table(self) -> str:
        """Markdown: coverage and false positives of each method, with Monte Carlo standard errors."""
        lines = [f"{self.seeds * REPEATS:,} samples of scores for the models.", ""]
        lines.append(f"| method | interval of {GIRLS_KEPT} | of {PHASE_KEPT} | finds {PHASE_FALSE} to differ, at 5% |")
        lines.append("|---|---|---|---|")
        for name in METHODS:
            shares = [self.share(what, name) for what in (GIRLS_KEPT, PHASE_KEPT, PHASE_FALSE)]
            errors = [np.sqrt(p * (1 - p) / (self.seeds * REPEATS)) for p in shares]
            cells = [f"{p:.1%} ± {e:.1%}" for p, e in zip(shares, errors, strict=True)]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        return "\n".join(lines)

    def outside(self) -> list[str]:
        """What is not as it should be: CR2's and the bootstrap's coverage, clustered and naive false positives.

        The mixed model's own interval of girls and boys is too narrow where the difference varies between schools.
        """
        wrong = []
        for name in ("robust", "cr2", "bootstrap"):
            for what in (GIRLS_KEPT, PHASE_KEPT):
                if not WITHIN[0] <= self.share(what, name) <= WITHIN[1]:
                    wrong.append(f"{what}, {name}: {self.share(what, name):.1%}")
        for name in METHODS[1:]:
            if not FALSE[0] <= self.share(PHASE_FALSE, name) <= FALSE[1]:
                wrong.append(f"{PHASE_FALSE}, {name}: {self.share(PHASE_FALSE, name):.1%}")
        if not self.share(PHASE_FALSE, "naive") > NAIVE:
            wrong.append(f"{PHASE_FALSE}, naive: {self.share(PHASE_FALSE, 'naive'):.1%}")
        return wrong
