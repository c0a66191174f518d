"""The likelihood of the mixed model of ``mixed``, for many resamples at once, and its data: cells of students.

Sources are those of ``mixed``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from learning_survey.uncertainty import Codes

Array = NDArray[np.float64]
ALIASED = 1e-7
"""A column of the design whose squared length outside the columns before it is a smaller share is not estimable."""
LARGEST = 1e10
_STEPS, _ENOUGH = 60, 1e-11


@dataclass(frozen=True)
class Data:
    """C cells with students: a row of the design each (C × p), its school (0 to G-1), and moments of scores (C each).

    ``s`` and ``q`` are sums of y - ``centre`` and of its square: squares of scores far from 0 would lose their digits.
    The design must hold the constant, as a column or as a sum of columns.
    """

    X: Array
    school: Codes
    n: Array
    s: Array
    q: Array
    centre: float = 0.0

    @property
    def students(self) -> float:
        return float(self.n.sum())

    @property
    def parameters(self) -> int:
        return self.X.shape[1]

    @property
    def schools(self) -> int:
        return int(self.school.max()) + 1

    @cached_property
    def sums(self) -> Sums:
        """What each school adds."""

        def by_school(values: Array) -> Array:
            out = np.zeros((self.schools, *values.shape[1:]))
            np.add.at(out, self.school, values)
            return out

        Z = np.column_stack([self.X, np.zeros(len(self.X))])
        products = self.n[:, None, None] * Z[:, :, None] * Z[:, None, :]
        products[:, :-1, -1] = products[:, -1, :-1] = self.X * self.s[:, None]
        products[:, -1, -1] = self.q
        totals = self.n[:, None] * Z
        totals[:, -1] = self.s
        return Sums(by_school(products), by_school(totals), by_school(self.n))

    @cached_property
    def constant(self) -> Array:
        """The coefficients that make the constant 1 (p)."""
        used = self.n > 0
        return np.linalg.lstsq(self.X[used], np.ones(used.sum()), rcond=None)[0]


@dataclass(frozen=True)
class Sums:
    """Of each school: cross-products of [X y] (G × (p+1) × (p+1)), their sums (G × (p+1)) and students (G)."""

    products: Array
    totals: Array
    n: Array


def independent(X: Array, n: Array) -> NDArray[np.bool_]:
    """Which columns of a design (C × p; ``n`` students by row, C) are no combination of those before them (p).

    Gram-Schmidt in the order given, as R's lm leaves out what it cannot estimate.
    """
    rows = X * np.sqrt(n)[:, None]
    kept = np.zeros(X.shape[1], bool)
    basis = np.empty((len(rows), 0))
    for j, column in enumerate(rows.T):
        left = column - basis @ (basis.T @ column)
        left -= basis @ (basis.T @ left)  # twice is enough
        if left @ left > ALIASED * max(column @ column, 1e-300):
            kept[j] = True
            basis = np.column_stack([basis, left / np.linalg.norm(left)])
    return kept


@dataclass(frozen=True)
class Point:
    """Of B values of θ: estimates, RSS and its derivatives, and those of log|V| + log|X'WX|."""

    beta: Array
    C: Array
    M1: Array
    rss: Array
    rss1: Array
    rss2: Array
    log1: Array
    log2: Array


class Profile:
    """-2 log-likelihood, profiled over β and σ², of B resamples of schools (weights B × G) as a function of θ (B)."""

    def __init__(self, data: Data, weights: Array, reml: bool) -> None:
        sums, self.w, self.reml, self.p = data.sums, weights, reml, data.parameters
        G, p = len(sums.n), data.parameters
        self.n, self.totals = sums.n, sums.totals
        self.outer = (sums.totals[:, :, None] * sums.totals[:, None, :]).reshape(G, -1)
        self.products = (weights @ sums.products.reshape(G, -1)).reshape(-1, p + 1, p + 1)
        self.nu = weights @ sums.n - (p if reml else 0)

    def _cross(self, weights: Array) -> Array:
        """Σ_g weight · outer product of totals (B × (p+1) × (p+1))."""
        return (weights @ self.outer).reshape(-1, self.p + 1, self.p + 1)

    def _reduced(self, theta: Array) -> tuple[Array, Array]:
        """[X y]'W[X y] and 1/(1 + θ n_g)."""
        shrink = 1 / (1 + theta[:, None] * self.n)
        return self.products - self._cross(self.w * theta[:, None] * shrink), shrink

    def estimates(self, theta: Array) -> tuple[Array, Array]:
        """β (B × p) and the residual sum of squares (B)."""
        M, p = self._reduced(theta)[0], self.p
        beta = np.linalg.solve(M[:, :p, :p], M[:, :p, p:])[..., 0]
        return beta, M[:, p, p] - np.einsum("bp,bp->b", M[:, :p, p], beta)

    def deviance(self, theta: Array) -> Array:
        """-2 log-likelihood (B), constants included, as lme4 gives it."""
        M, shrink = self._reduced(theta)
        p = self.p
        beta = np.linalg.solve(M[:, :p, :p], M[:, :p, p:])[..., 0]
        rss = M[:, p, p] - np.einsum("bp,bp->b", M[:, :p, p], beta)
        out = self.nu * (np.log(2 * np.pi * rss / self.nu) + 1) - (self.w * np.log(shrink)).sum(axis=1)
        return out + np.linalg.slogdet(M[:, :p, :p])[1] if self.reml else out

    def derivatives(self, theta: Array) -> Point:
        M, shrink = self._reduced(theta)
        p = self.p
        C = np.linalg.inv(M[:, :p, :p])
        beta = np.einsum("bpq,bq->bp", C, M[:, :p, p])
        rss = M[:, p, p] - np.einsum("bp,bp->b", M[:, :p, p], beta)
        # Derivatives of θ/(1 + θ n) by θ are 1/(1 + θ n)² and -2n/(1 + θ n)³.
        first = self.w * shrink**2
        second = -2 * self.n * first * shrink
        residual = self.totals[:, -1] - beta @ self.totals[:, :-1].T
        h = (first * residual) @ self.totals[:, :-1]
        rss1 = -(first * residual**2).sum(axis=1)
        rss2 = -(second * residual**2).sum(axis=1) - 2 * np.einsum("bp,bpq,bq->b", h, C, h)
        size = self.n * shrink
        log1, log2 = (self.w * size).sum(axis=1), -(self.w * size**2).sum(axis=1)
        M1 = self._cross(first)[:, :p, :p]
        if self.reml:
            CM = C @ M1
            log1 = log1 - np.einsum("bpp->b", CM)
            log2 = log2 - np.einsum("bpq,bpq->b", C, self._cross(second)[:, :p, :p])
            log2 = log2 - np.einsum("bpq,bqp->b", CM, CM)
        return Point(beta, C, M1, rss, rss1, rss2, log1, log2)


def solve(profile: Profile, theta: Array, low: Array, high: Array) -> Array:
    """θ (B) between ``low`` and ``high`` at which the profiled deviance is least: Newton's steps kept in a bracket.

    0 where the deviance rises from 0 on and from the start down to it.
    """

    def slope(at: Array) -> tuple[Array, Array]:
        d = profile.derivatives(at)
        ratio = d.rss1 / d.rss
        return profile.nu * ratio + d.log1, profile.nu * (d.rss2 / d.rss - ratio**2) + d.log2

    theta, low, high = theta.copy(), low.copy(), high.copy()
    rising = np.zeros(len(theta), bool)
    at_zero = low == 0
    if at_zero.any():
        rising = at_zero & (slope(np.zeros_like(theta))[0] >= 0)
    for _ in range(_STEPS):
        first, second = slope(theta)
        low, high = np.where(first < 0, theta, low), np.where(first >= 0, theta, high)
        rising &= low == 0  # a fall above 0 means a minimum further up
        with np.errstate(divide="ignore", invalid="ignore"):
            new = theta - first / second
        middle = np.where(low > 0, np.sqrt(low * high), high / 2)
        new = np.where((second > 0) & (new > low) & (new < high), new, middle)
        new = np.where(rising, 0.0, new)
        if (np.abs(new - theta) <= _ENOUGH * (1e-9 + new)).all():
            return new
        theta = new
    return theta
