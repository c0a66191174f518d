"""Groups in resamples of schools: what each resample's students, sums and squares would have been, by group.

Resamples are those of ``bootstrap``: as many clusters as there are, drawn from all but one that is left out at random.
More than ``jackknife.MOST`` clusters are resampled in random groups. All dimensions have the same resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.bootstrap import FEWEST, resamples
from learning_survey.jackknife import parts

if TYPE_CHECKING:
    from learning_survey.cells import Cells
    from learning_survey.config import Loaded
    from learning_survey.group_sample import Sample

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sums:
    """Students, mean and sum of squares about it of K groups, as found (K) and in B resamples (B × K)."""

    n: Array
    mean: Array
    squares: Array

    def part(self, groups: list[int]) -> Sums:
        return Sums(*(a[..., groups] for a in (self.n, self.mean, self.squares)))

    def sd(self) -> Array:
        """Standard deviation (n - 1) of the students of all groups together."""
        n = self.n.sum(axis=-1)
        centre = (self.n * self.mean).sum(axis=-1) / n
        squares = self.squares + self.n * (self.mean - centre[..., None]) ** 2
        return np.sqrt(squares.sum(axis=-1) / (n - 1))


@dataclass(frozen=True)
class Draws:
    """Resamples: the part that each cluster is in, and how often each part is drawn (B × parts)."""

    part: NDArray[np.int64]
    weights: Array

    @classmethod
    def of(cls, cells: Cells, study: Loaded) -> Draws:
        """``study.resampling.draws`` of them by the study's seed; none below ``bootstrap.FEWEST`` clusters."""
        part = parts(int(cells.cluster.max(initial=0)) + 1, study.seed)
        count = int(part.max()) + 1
        draws = study.resampling.draws if count >= FEWEST else 0
        return cls(part, resamples(max(count, 2), draws, np.random.default_rng(study.seed))[:, :count])

    def sums(self, sample: Sample, groups: int) -> tuple[Sums, Sums]:
        """Of one dimension's ``groups`` groups: as found, and in each resample. NaN where a group has nobody."""
        key, count = self.part[sample.cluster] * groups + sample.group, self.weights.shape[1]
        x = sample.x - sample.mean() if len(sample.x) else sample.x
        own = np.stack([np.bincount(key, sample.weight * x**k, count * groups) for k in range(3)])
        own = own.reshape(3, count, groups)
        found = own.sum(axis=1)
        drawn = np.tensordot(self.weights, own, axes=(1, 1)).transpose(1, 0, 2)
        return _of(found), _of(drawn)


def _of(powers: Array) -> Sums:
    n, s, q = powers
    with np.errstate(all="ignore"):
        mean = s / np.where(n > 0, n, np.nan)
    return Sums(n, mean, np.maximum(q - n * mean**2, 0.0))
