"""Additive moments by cluster: one pass over the rows, then no cost that depends on their number.

For each cluster ``g`` and each pair of variables ``i, j``, over the rows in which both are answered:

    n[g, i, j]  rows              s[g, i, j]  sum of x_i
    q[g, i, j]  sum of x_i²       c[g, i, j]  sum of x_i x_j

Everything adds over clusters, so resampling clusters is a weighted sum of small matrices. Covariances and correlations
are pairwise, as R's ``cov(use = "pairwise.complete.obs")``; without missing answers they are the ordinary ones.

Groups that cross clusters (key stages, genders) have moments of their own, by cluster: a dictionary from group to
``Moments``. A cluster without students of the group is not in it; ``Moments.aligned`` puts it back where two groups are
held against each other.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learning_survey.errors import SurveyError
from learning_survey.tables import replacing

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """Moments summed over clusters: four p × p arrays, or stacks of them with leading axes (one per resample)."""

    variables: tuple[str, ...]
    n: Array
    s: Array
    q: Array
    c: Array

    def select(self, names: list[str]) -> Pooled:
        """The moments of some variables, in the order given."""
        at = [self.variables.index(name) for name in names]
        pick = (..., *np.ix_(at, at))
        return Pooled(tuple(names), self.n[pick], self.s[pick], self.q[pick], self.c[pick])

    @property
    def count(self) -> Array:
        """Answers to each variable, shape (..., p)."""
        return np.diagonal(self.n, axis1=-2, axis2=-1)

    @property
    def mean(self) -> Array:
        """Means over all answers to each variable, shape (..., p)."""
        return np.diagonal(self.s, axis1=-2, axis2=-1) / self.count

    def cov(self) -> Array:
        """Pairwise covariances with n - 1, shape (..., p, p)."""
        return (self.c - self.s * self._transposed(self.s) / self.n) / (self.n - 1)

    def cor(self) -> Array:
        """Pairwise correlations; each uses the variances of the rows that the pair shares. Shape (..., p, p)."""
        variance = (self.q - self.s**2 / self.n) / (self.n - 1)
        return self.cov() / np.sqrt(variance * self._transposed(variance))

    @staticmethod
    def _transposed(x: Array) -> Array:
        return np.swapaxes(x, -1, -2)


@dataclass(frozen=True)
class Moments:
    """Moments of p variables in G clusters: four G × p × p arrays."""

    variables: tuple[str, ...]
    clusters: tuple[str, ...]
    n: Array
    s: Array
    q: Array
    c: Array

    @classmethod
    def of(cls, x: Array, variables: list[str], cluster: NDArray[np.str_]) -> Moments:
        """Moments of rows ``x`` (N × p, NaN where unanswered) by ``cluster`` (N labels)."""
        if x.shape != (len(cluster), len(variables)):
            raise ValueError(f"{x.shape} values for {len(cluster)} rows and {len(variables)} variables")
        labels, code = np.unique(cluster, return_inverse=True)
        order = np.argsort(code, kind="stable")
        bounds = np.searchsorted(code[order], np.arange(len(labels) + 1))
        shape = (len(labels), len(variables), len(variables))
        n, s, q, c = (np.empty(shape) for _ in range(4))
        for g in range(len(labels)):
            rows = x[order[bounds[g] : bounds[g + 1]]]
            answered = ~np.isnan(rows)
            filled, seen = np.where(answered, rows, 0.0), answered.astype(float)
            n[g], s[g], q[g], c[g] = seen.T @ seen, filled.T @ seen, (filled**2).T @ seen, filled.T @ filled
        return cls(tuple(variables), tuple(str(label) for label in labels), n, s, q, c)

    @classmethod
    def joined(cls, parts: Sequence[Moments]) -> Moments:
        """The clusters of several moments of the same variables, one after the other."""
        clusters = tuple(label for part in parts for label in part.clusters)
        return cls(parts[0].variables, clusters, *(np.concatenate([getattr(m, a) for m in parts]) for a in "nsqc"))

    def summed(self, labels: Sequence[str]) -> Moments:
        """Clusters that share one of ``labels`` (as many as clusters) added up; labels are sorted."""
        order = np.argsort(np.asarray(labels), kind="stable")
        found, starts = np.unique(np.asarray(labels)[order], return_index=True)
        sums = (np.add.reduceat(getattr(self, a)[order], starts, axis=0) for a in "nsqc")
        return Moments(self.variables, tuple(found.tolist()), *sums)

    def among(self, clusters: NDArray[np.bool_]) -> Moments:
        """Only some clusters, by a flag for each."""
        kept = tuple(label for label, keep in zip(self.clusters, clusters, strict=True) if keep)
        return Moments(self.variables, kept, *(getattr(self, a)[clusters] for a in "nsqc"))

    def aligned(self, clusters: Sequence[str]) -> Moments:
        """The moments in ``clusters``, which include all of these; zero in a cluster that is not one of them."""
        at = np.searchsorted(clusters, self.clusters)
        arrays = (np.zeros((len(clusters), *self.n.shape[1:])) for _ in "nsqc")
        result = Moments(self.variables, tuple(clusters), *arrays)
        for a in "nsqc":
            getattr(result, a)[at] = getattr(self, a)
        return result

    def select(self, names: list[str]) -> Moments:
        """The moments of some variables, in the order given."""
        at = [self.variables.index(name) for name in names]
        pick = (slice(None), *np.ix_(at, at))
        return Moments(tuple(names), self.clusters, self.n[pick], self.s[pick], self.q[pick], self.c[pick])

    def pooled(self, weights: Array | None = None) -> Pooled:
        """Sum over clusters; ``weights`` of shape (B, G) gives B resamples, stacked along the first axis."""
        if weights is None:
            return Pooled(self.variables, *(a.sum(axis=0) for a in (self.n, self.s, self.q, self.c)))
        return Pooled(self.variables, *(np.tensordot(weights, a, axes=1) for a in (self.n, self.s, self.q, self.c)))

    def resampled(self, draws: int, seed: int) -> Pooled:
        """``draws`` bootstrap resamples of whole clusters."""
        size = len(self.clusters)
        weights = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), size=draws)
        return self.pooled(weights.astype(float))

    def save(self, path: Path) -> None:
        _write(path, self, {})

    @classmethod
    def load(cls, path: Path) -> Moments:
        return _read(path)[0]


def save_groups(groups: dict[str, Moments], variables: list[str], path: Path) -> None:
    """Write moments by group and cluster; ``variables`` are theirs, and name them where there is no group."""
    empty = np.empty((0, len(variables), len(variables)))
    nobody = Moments(tuple(variables), (), empty, empty, empty, empty)
    labels = np.repeat(list(groups), [len(m.clusters) for m in groups.values()]) if groups else np.empty(0, str)
    _write(path, Moments.joined([*groups.values()] or [nobody]), {"groups": labels})


def load_groups(path: Path) -> dict[str, Moments]:
    """The moments of each group that has students, by the group's id; empty where the study has no such grouping."""
    moments, labels = _read(path, "groups")
    return {str(label): moments.among(labels == label) for label in np.unique(labels)}


def _write(path: Path, m: Moments, more: dict[str, NDArray[np.str_]]) -> None:
    names = {"variables": np.array(m.variables, dtype=str), "clusters": np.array(m.clusters, dtype=str)}
    content = io.BytesIO()  # on a full disk savez would print a traceback of its own
    np.savez(content, **names, **more, n=m.n, s=m.s, q=m.q, c=m.c)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def _read(path: Path, *more: str) -> tuple[Moments, *tuple[NDArray[np.str_], ...]]:
    try:
        with np.load(path) as file:
            arrays = [file[name] for name in "nsqc"]
            moments = Moments(tuple(file["variables"].tolist()), tuple(file["clusters"].tolist()), *arrays)
            return moments, *(file[name] for name in more)
    except (OSError, ValueError, KeyError) as error:
        raise SurveyError(
            f"not a moments file: {error}", where=path, remedy="Run the pipeline; the step 'score' makes it."
        ) from None
