"""The groups of a comparison, and one dimension's scores in them: students one by one, or counted by score."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.uncertainty import Codes, cluster_variance, count_clusters

if TYPE_CHECKING:
    from learning_survey.cells import Cells

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Groups:
    """The groups of a comparison: ids, labels as printed, whether their order means something, each cell's group.

    ``merged`` gives for a group that was too small, and is counted with another, the id of that other. ``samples``
    keeps what ``Sample.of`` has made of the cells, for the next table.
    """

    ids: list[str]
    labels: list[str]
    ordered: bool
    of: Codes
    level: float = 0.95
    min_group: int = 10
    merged: dict[str, str] = field(default_factory=dict)
    samples: dict[str, Sample] = field(default_factory=dict, repr=False, compare=False)

    @property
    def compared(self) -> list[int]:
        """Positions of the groups that are not counted with another."""
        return [k for k, name in enumerate(self.ids) if name not in self.merged]


@dataclass(frozen=True)
class Sample:
    """One dimension's scores of students in a group: arrays of one length, whose entries stand for ``n`` students each.

    Without ``n`` each entry is one student. ``alone``: fewer than two schools, every student stands alone;
    ``cluster`` then holds random groups, which serve resampling.
    """

    x: Array
    group: Codes
    cluster: Codes
    n: Array | None = None
    alone: bool = False

    @classmethod
    def of(cls, cells: Cells, dimension: str, groups: Groups) -> Sample:
        """From the cells that ``groups`` are of: one entry for each cluster, group and score."""
        if dimension not in groups.samples:
            groups.samples[dimension] = cls._of(cells, dimension, groups)
        return groups.samples[dimension]

    @classmethod
    def _of(cls, cells: Cells, dimension: str, groups: Groups) -> Sample:
        counts = cells.counts(dimension)
        group, cluster = groups.of[counts.cell], cells.cluster[counts.cell]
        keep = group >= 0
        score, at = np.unique(counts.score[keep], return_inverse=True)
        clusters = int(cells.cluster.max(initial=0)) + 1
        key, entry = np.unique((group[keep] * clusters + cluster[keep]) * len(score) + at, return_inverse=True)
        where, of = np.divmod(key, max(len(score), 1))
        n = np.bincount(entry, counts.n[keep], len(key))
        return cls(score[of], where // clusters, where % clusters, n, cells.alone)

    @cached_property
    def weight(self) -> Array:
        """Students of each entry."""
        return np.ones(len(self.x)) if self.n is None else self.n

    @property
    def students(self) -> float:
        return float(self.weight.sum())

    def part(self, groups: list[int]) -> Sample:
        """Only the students in some groups."""
        keep = np.isin(self.group, groups)
        return Sample(self.x[keep], self.group[keep], self.cluster[keep], self.weight[keep], self.alone)

    def within(self, group: int) -> Array:
        """Scores of a group, an entry each."""
        return self.x[self.group == group]

    def size(self, group: int) -> float:
        """Students of a group."""
        return float(self.weight[self.group == group].sum())

    def mean(self, group: int | None = None) -> float:
        """Mean score of a group, or of everyone."""
        keep = slice(None) if group is None else self.group == group
        return float(np.average(self.x[keep], weights=self.weight[keep]))

    def squares(self, group: int | None = None) -> float:
        """Sum of squared deviations from the mean of a group, or of everyone."""
        keep = slice(None) if group is None else self.group == group
        return float(self.weight[keep] @ (self.x[keep] - self.mean(group)) ** 2)

    def varied(self, group: int | None = None) -> bool:
        """Whether there is any spread: a variance of rounding errors would pass for a real one."""
        return varied(self.x if group is None else self.within(group))

    def clusters(self, group: int | None = None) -> int:
        """Clusters with students of a group, or of any."""
        keep = slice(None) if group is None else self.group == group
        return round(float(self.weight[keep].sum())) if self.alone else count_clusters(self.cluster[keep])

    def large(self, least: int) -> list[int]:
        """Groups of at least ``least`` students, and never fewer than two."""
        return [int(g) for g in np.unique(self.group) if self.size(g) >= max(least, 2)]

    def clustered(self, groups: list[int]) -> list[int]:
        """Those of ``groups`` whose students sit in two clusters or more."""
        return [g for g in groups if self.clusters(g) > 1]

    def freedom(self) -> int:
        """Degrees of freedom of a contrast: one less than the clusters of the group that has fewest.

        A group of three schools tells no more for being held against eighty (Cameron & Miller 2015, section VI.D).
        """
        return min(self.clusters(int(g)) for g in np.unique(self.group)) - 1

    def variance(self, influence: Array, parameters: int) -> tuple[Array, int]:
        """CR1 variance of estimates from the influence of a student of each entry, and the number of clusters."""
        return cluster_variance(influence, None if self.alone else self.cluster, parameters, self.weight)

    def cr2(self, influence: Array) -> Array:
        """CR2 variance (k × k) of estimates made of group means, from the influence of a student of each entry (k).

        What a school's students of one group do, of whom there are n_c among the group's N_g, is divided by
        √(1 - n_c / N_g), its leverage, before it is added up by school: Bell & McCaffrey (2002, Survey Methodology 28,
        169-181) for a regression on the groups' dummies. Not finite for a group that sits in one school.
        """
        size = np.bincount(self.group, self.weight)[self.group]
        if self.alone:
            scaled = influence * np.sqrt(self.weight / (1 - 1 / size))[:, None]
            return scaled.T @ scaled
        clusters = int(self.cluster.max()) + 1
        unit, at = np.unique(self.group * clusters + self.cluster, return_inverse=True)
        first = np.zeros(len(unit), dtype=np.int64)
        first[at] = np.arange(len(at))
        leverage = np.bincount(at, self.weight) / size[first]
        with np.errstate(divide="ignore", invalid="ignore"):
            sums = np.stack([np.bincount(at, self.weight * u) for u in influence.T]) / np.sqrt(1 - leverage)
        of_school = np.stack([np.bincount(unit % clusters, row) for row in sums])
        return of_school @ of_school.T


def varied(x: Array) -> bool:
    """Whether the values differ."""
    return len(x) > 1 and float(np.ptp(x)) > 0
