"""Additive moments by cluster: one pass over the rows, then no cost that depends on their number.

For each cluster ``g`` and each pair of variables ``i, j``, over the rows in which both are answered:

    n[g, i, j]  rows              s[g, i, j]  sum of x_i
    q[g, i, j]  sum of x_i²       c[g, i, j]  sum of x_i x_j

Everything adds over clusters, so resampling clusters is a weighted sum of small matrices. Covariances and correlations
are pairwise, as R's ``cov(use = "pairwise.complete.obs")``; without missing answers they are the ordinary ones.
"""

from __future__ import annotations

import io
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
        content = io.BytesIO()  # on a full disk savez would print a traceback of its own
        names = {"variables": np.array(self.variables), "clusters": np.array(self.clusters)}
        np.savez(content, **names, n=self.n, s=self.s, q=self.q, c=self.c)
        with replacing(path) as temporary:
            temporary.write_bytes(content.getbuffer())

    @classmethod
    def load(cls, path: Path) -> Moments:
        try:
            with np.load(path) as file:
                arrays = [file[name] for name in ("n", "s", "q", "c")]
                return cls(tuple(file["variables"].tolist()), tuple(file["clusters"].tolist()), *arrays)
        except (OSError, ValueError, KeyError) as error:
            raise SurveyError(
                f"not a moments file: {error}", where=path, remedy="Run the pipeline; the step 'score' makes it."
            ) from None
