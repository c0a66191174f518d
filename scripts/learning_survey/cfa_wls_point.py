"""Where weighted least squares stands: what parameters imply, and how estimates move there with the moments.

Formulas: ``cfa_wls``, whose estimates are such points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_survey.cfa_ml import RANK, condition, inverse
from learning_survey.cfa_model import Model
from learning_survey.cfa_wls_moments import Implied, Sample, implied

Array = NDArray[np.float64]


class Sandwich(NamedTuple):
    """E and B = D'W Gamma W D (q, q) and, with clusters, the y (G, q) whose products B is the sum of."""

    E: Array
    B: Array
    Y: Array | None


@dataclass(frozen=True)
class Point:
    """Parameters ``x`` (q,) of a model of ``samples``, and what depends on the samples' weights but not their Gamma."""

    model: Model
    samples: tuple[Sample, ...]
    x: Array

    @cached_property
    def implied(self) -> tuple[Implied, ...]:
        return tuple(implied(self.model, self.samples, self.x))

    @cached_property
    def information(self) -> Array:
        """E (q, q)."""
        n, E = sum(s.n for s in self.samples), np.zeros((len(self.x),) * 2)
        for s, (_, D, used) in zip(self.samples, self.implied, strict=True):
            E[np.ix_(used, used)] += s.n / n * D.T @ (s.weights[:, None] * D)
        return E

    @cached_property
    def condition(self) -> float:
        return condition(self.information)

    @property
    def identified(self) -> bool:
        return self.condition > RANK

    @cached_property
    def bread(self) -> Array:
        """E^-1, NaN where E is not of full rank."""
        return inverse(self.information, self.identified)

    def gradient(self) -> Array:
        """D'W (s - sigma), (q,)."""
        n, total = sum(s.n for s in self.samples), np.zeros(len(self.x))
        for s, (values, D, used) in zip(self.samples, self.implied, strict=True):
            total[used] += s.n / n * D.T @ (s.weights * (s.values - values))
        return total


def sandwich(point: Point, samples: Sequence[Sample]) -> Sandwich:
    """At a point, with the Gamma of ``samples``."""
    n, q = sum(s.n for s in samples), len(point.x)
    B = np.zeros((q, q))
    moved = []
    for s, (_, D, used) in zip(samples, point.implied, strict=True):
        share, WD = s.n / n, s.weights[:, None] * D
        if s.parts is None:
            B[np.ix_(used, used)] += share * WD.T @ s.gamma @ WD
        else:
            moved.append(np.zeros((len(s.parts), q)))
            moved[-1][:, used] = np.sqrt(share) * s.parts @ WD
    if not moved:
        return Sandwich(point.information, B, None)
    Y = sum(by_cluster(samples, moved))
    return Sandwich(point.information, Y.T @ Y, Y)


def by_cluster(samples: Sequence[Sample], moved: Sequence[Array]) -> list[Array]:
    """What each group's clusters move (G_g, ·), as rows of the clusters of all groups (G, ·), with G / (G - 1)."""
    known = np.unique(np.concatenate([s.clusters for s in samples]))
    found = []
    for s, own in zip(samples, moved, strict=True):
        count, all_ = len(own), len(known)
        rows = np.zeros((all_, own.shape[1]))
        # ``parts`` have the factor of their own group.
        rows[np.searchsorted(known, s.clusters)] = own * np.sqrt((count - 1) / count * all_ / (all_ - 1))
        found.append(rows)
    return found
