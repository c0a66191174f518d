"""Means and covariances of answers with gaps, by maximum likelihood: the EM algorithm for the multivariate normal.

Dempster, Laird & Rubin (1977, JRSS B 39, 1-38); Little & Rubin (2019, Statistical Analysis with Missing Data, 3rd ed.,
ch. 11). With K the inverse of the covariance matrix, z a row's deviations from the means with 0 where an answer is
missing, y = K z, and m its missing answers, what the observed answers alone would give needs no inverse of their own:

    conditional mean of the missing      mu_m - K_mm^-1 y_m
    their conditional covariance         K_mm^-1
    squared Mahalanobis distance         z'y - y_m' K_mm^-1 y_m
    log-determinant of the observed      log|S| + log|K_mm|

So rows are grouped by how many answers they lack, and a row costs what it lacks, not what it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STEPS, CLOSE = 1000, 1e-8  # most steps, and the largest change in standard deviations that ends them


@dataclass(frozen=True)
class Group:
    """Rows that lack k of p answers: ``z`` (N, p) with 0 where missing, and which answers are missing.

    ``gone`` (P, k) are the places of the missing answers in each pattern, ``count`` (P,) its rows, ``pattern`` (N,) the
    pattern of each row, ``at`` (N,) where the row stood in what was given.
    """

    z: Array
    seen: Array
    gone: NDArray[np.int64]
    count: NDArray[np.int64]
    pattern: NDArray[np.int64]
    at: NDArray[np.int64]

    def inverses(self, K: Array) -> Array:
        """K_mm^-1 of each pattern, shape (P, k, k)."""
        return np.linalg.inv(self.blocks(K))

    def blocks(self, K: Array) -> Array:
        """K_mm of each pattern, shape (P, k, k)."""
        return K[self.gone[:, :, None], self.gone[:, None, :]]

    def missing(self) -> NDArray[np.int64]:
        """Places of the missing answers of each row, shape (N, k)."""
        return self.gone[self.pattern]

    def distance(self, mean: Array, K: Array) -> Array:
        """Squared Mahalanobis distance of each row's observed answers from ``mean``, shape (N,)."""
        d = self.z - mean * self.seen
        y = d @ K
        whole = np.einsum("ni,ni->n", y, d)
        if not self.gone.shape[1]:
            return whole
        ym = np.take_along_axis(y, self.missing(), axis=1)
        return whole - np.einsum("ni,nij,nj->n", ym, self.inverses(K)[self.pattern], ym)


def grouped(x: Array) -> list[Group]:
    """The rows of ``x`` (N, p; NaN where missing) by how many answers they lack; rows without any are left out."""
    lacks = np.isnan(x)
    number = lacks.sum(axis=1)
    groups = []
    for k in np.unique(number[number < x.shape[1]]):
        at = np.flatnonzero(number == k)
        seen = ~lacks[at]
        first, pattern, count = _patterns(lacks[at])
        gone = np.nonzero(lacks[at][first])[1].reshape(len(first), k)
        groups.append(Group(np.where(seen, x[at], 0.0), seen.astype(float), gone, count, pattern, at))
    return groups


def _patterns(lacks: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """First row of each different row, the pattern of each row, and the rows of each pattern."""
    packed = np.packbits(lacks, axis=1)
    packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)
    key = packed[:, 0] if packed.shape[1] == 1 else packed
    _, first, pattern, count = np.unique(key, axis=0, return_index=True, return_inverse=True, return_counts=True)
    return first, pattern.reshape(-1), count


@dataclass(frozen=True)
class Answers:
    """All rows, ready for EM: complete ones as sums, the others as groups; in units of ``scale`` from ``centre``."""

    n: int
    complete: int
    sums: Array
    cross: Array
    groups: tuple[Group, ...]
    centre: Array
    scale: Array

    @property
    def patterns(self) -> int:
        """Different sets of answered questions."""
        return (self.complete > 0) + sum(len(g.count) for g in self.groups)


def arranged(blocks: Iterable[Array], limit: float = np.inf) -> Answers | None:
    """Rows of ``blocks`` (each N × p, NaN where missing) as Answers.

    None where EM has nothing to say: more than ``limit`` rows with gaps, a variable without variance, or two variables
    that fewer than three rows answer together.
    """
    rows: list[Array] = []
    complete, kept, sums, cross, centre, scale, together, squares, total = 0, 0, 0.0, 0.0, None, None, 0, 0.0, 0.0
    for x in blocks:
        if centre is None:
            with np.errstate(all="ignore"):
                centre = np.nan_to_num(np.nanmean(np.where(np.isnan(x).all(axis=0), 0.0, x), axis=0))
        z = x - centre
        seen = ~np.isnan(z)
        filled, mark = np.where(seen, z, 0.0), seen.astype(float)
        together, total, squares = together + mark.T @ mark, total + filled.sum(axis=0), squares + (filled**2).sum(0)
        whole = seen.all(axis=1)
        complete += int(whole.sum())
        sums, cross = sums + z[whole].sum(axis=0), cross + z[whole].T @ z[whole]
        rows.append(z[~whole & seen.any(axis=1)])
        kept += len(rows[-1])
        if kept > limit:
            return None
    if centre is None or np.min(together) < 3:
        return None
    count = np.diag(together)
    scale = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0))
    if np.any(scale < 1e-9):
        return None
    groups = tuple(grouped(np.concatenate(rows) / scale))
    return Answers(complete + kept, complete, sums / scale, cross / np.outer(scale, scale), groups, centre, scale)


@dataclass(frozen=True)
class Fit:
    """Maximum-likelihood ``mean`` (p,) and ``cov`` (p, p; divided by n), in the unit of the answers."""

    answers: Answers
    z_mean: Array
    z_cov: Array
    steps: int

    @property
    def mean(self) -> Array:
        return self.answers.centre + self.answers.scale * self.z_mean

    @property
    def cov(self) -> Array:
        return self.z_cov * np.outer(self.answers.scale, self.answers.scale)

    def loglikelihood(self) -> float:
        """Of the observed answers, as multivariate normal: lavaan's ``unrestricted.logl``."""
        a, K, total = self.answers, np.linalg.inv(self.z_cov), 0.0
        logdet, unit = np.linalg.slogdet(self.z_cov)[1], 2 * np.log(a.scale) + np.log(2 * np.pi)
        if a.complete:
            d = a.cross - np.outer(a.sums, self.z_mean) - np.outer(self.z_mean, a.sums)
            d = d + a.complete * np.outer(self.z_mean, self.z_mean)
            total += a.complete * (logdet + unit.sum()) + np.sum(K * d)
        for g in a.groups:
            own = logdet + np.linalg.slogdet(g.blocks(K))[1] if g.gone.shape[1] else np.full(len(g.count), logdet)
            total += g.count @ own + (g.seen @ unit).sum() + g.distance(self.z_mean, K).sum()
        return float(-total / 2)

    def little(self) -> tuple[float, int]:
        """Little's (1988, JASA 83, 1198-1202) test of answers missing completely at random: chi-square, df.

        sum over patterns of n_j (mean_j - mu)' S_oo^-1 (mean_j - mu), with the maximum-likelihood mu and S.
        """
        a, K, p = self.answers, np.linalg.inv(self.z_cov), len(self.z_mean)
        chi, df = 0.0, -p
        if a.complete:
            d = a.sums / a.complete - self.z_mean
            chi, df = chi + a.complete * float(d @ K @ d), df + p
        for g in a.groups:
            means = np.zeros((len(g.count), p))
            np.add.at(means, g.pattern, g.z)
            means /= g.count[:, None]
            seen = np.ones_like(means)
            np.put_along_axis(seen, g.gone, 0.0, axis=1)
            one = Group(means, seen, g.gone, g.count, np.arange(len(g.count)), g.at[:0])
            chi += float(g.count @ one.distance(self.z_mean, K))
            df += int((seen.sum(axis=1)).sum())
        return chi, df


def fit(answers: Answers) -> Fit | None:
    """Maximum-likelihood means and covariances by EM; None where the covariances are singular or it does not settle."""
    p = len(answers.centre)
    mean, cov = np.zeros(p), np.eye(p)
    for step in range(1, STEPS + 1):
        try:
            np.linalg.cholesky(cov)
            new_mean, new_cov = _step(answers, mean, cov)
        except np.linalg.LinAlgError:
            return None
        change = max(np.abs(new_mean - mean).max(), np.abs(new_cov - cov).max())
        mean, cov = new_mean, new_cov
        if change < CLOSE:
            return Fit(answers, mean, cov, step) if np.linalg.eigvalsh(cov)[0] > 1e-8 else None
    return None


def _step(a: Answers, mean: Array, cov: Array) -> tuple[Array, Array]:
    """One step: expected sums and cross-products given the observed answers, then their means and covariances."""
    K, first, second = np.linalg.inv(cov), a.sums.copy(), a.cross.copy()
    for g in a.groups:
        full, missing, inverses = g.z.copy(), g.missing(), g.inverses(K)
        y = np.take_along_axis((g.z - mean * g.seen) @ K, missing, axis=1)
        np.put_along_axis(full, missing, mean[missing] - np.einsum("nij,nj->ni", inverses[g.pattern], y), axis=1)
        first += full.sum(axis=0)
        second += full.T @ full
        np.add.at(second, (g.gone[:, :, None], g.gone[:, None, :]), inverses * g.count[:, None, None])
    mean = first / a.n
    cov = second / a.n - np.outer(mean, mean)
    return mean, (cov + cov.T) / 2
