"""Polychoric correlations of ordinal items, from their two-way tables, with standard errors.

Each item is a standard normal variable cut at thresholds; two items' variables are bivariate normal with correlation
rho. Thresholds are those of each item's own answers; rho is then the maximum-likelihood estimate given them, from the
students who answered both (the two-step estimator: Olsson 1979, Psychometrika 44, 443-460). All pairs are estimated
at once. Influences of students on the estimates give standard errors, with students alone or in clusters (Muthén 1984,
Psychometrika 49, 115-132). Method and agreement with R: docs/methods/polychoric.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey import bivariate_normal as normal
from learning_survey.errors import SurveyError
from learning_survey.two_way import Tables, pair_index

Array = NDArray[np.float64]
EDGE = 1 - 1e-9  # the search for rho goes no further out


def thresholds(items: Array) -> Array:
    """Normal quantiles of cumulative shares: (..., p, K-1) from counts (..., p, K).

    Infinite where nobody is on one side; equal to the one before where nobody is in between; NaN without answers.
    """
    from scipy.special import ndtri

    with np.errstate(invalid="ignore"):
        return ndtri(items.cumsum(axis=-1)[..., :-1] / items.sum(axis=-1, keepdims=True))


def cell_probabilities(tau_i: Array, tau_j: Array, rho: Array) -> tuple[Array, Array, Array]:
    """Probability of each cell of tables (..., K, K) and its first and second derivative by rho.

    ``tau_i`` and ``tau_j`` (..., K-1) are the thresholds of the items in rows and columns, ``rho`` (...).
    """
    from scipy.special import ndtr

    h, k, r = tau_i[..., :, None], tau_j[..., None, :], rho[..., None, None]
    size = h.shape[-2] + 1
    corners = np.zeros((3, *np.broadcast_shapes(h.shape[:-2], r.shape[:-2]), size + 1, size + 1))
    for derivative, at in zip((normal.probability, normal.density, normal.density_slope), corners, strict=True):
        at[..., 1:-1, 1:-1] = derivative(h, k, r)
    corners[0, ..., 1:-1, -1], corners[0, ..., -1, 1:-1], corners[0, ..., -1, -1] = ndtr(tau_i), ndtr(tau_j), 1.0
    cells = np.diff(np.diff(corners, axis=-1), axis=-2)
    return np.maximum(cells[0], 0.0), cells[1], cells[2]


def correlations(tables: Array, tau_i: Array, tau_j: Array, tolerance: float = 1e-12, steps: int = 60) -> Array:
    """Maximum-likelihood rho (...) of tables (..., K, K), given thresholds (..., K-1).

    Newton's method in a bracket that shrinks with each step; where Newton leaves it, it is halved. A perfect
    association is -1 or 1. NaN where no student answered both, or an item has fewer than two categories in use.
    """
    n, shape = tables.reshape(-1, *tables.shape[-2:]), tables.shape[:-2]
    tau_i, tau_j = (np.broadcast_to(t, (*shape, t.shape[-1])).reshape(-1, t.shape[-1]) for t in (tau_i, tau_j))
    result = np.full(len(n), np.nan)
    cut = [(np.isfinite(t)).any(axis=-1) & ~np.isnan(t).any(axis=-1) for t in (tau_i, tau_j)]
    todo = np.flatnonzero((n.sum(axis=(1, 2)) > 0) & cut[0] & cut[1])
    rho = _start(n[todo])
    low, high = np.full(len(todo), -EDGE), np.full(len(todo), EDGE)
    for _ in range(steps):
        slope, curvature = _derivatives(n[todo], tau_i[todo], tau_j[todo], rho)
        low, high = np.where(slope > 0, rho, low), np.where(slope < 0, rho, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = rho - slope / curvature
        inside = (curvature < 0) & (new > low) & (new < high)
        new = np.where(slope == 0, rho, np.where(inside, new, (low + high) / 2))
        done = np.abs(new - rho) < tolerance
        result[todo] = new
        todo, rho, low, high = (a[~done] for a in (todo, new, low, high))
        if not len(todo):
            break
    return _perfect(n, tau_i, tau_j, result).reshape(shape)


def _perfect(n: Array, tau_i: Array, tau_j: Array, rho: Array) -> Array:
    """``rho`` with 1 or -1 where the table is no less likely there than at rho: a perfect association.

    At 1 a cell's probability is what the intervals of its categories share; at -1 those of the second item are turned.
    """
    from scipy.special import ndtr

    rho = rho.copy()
    edges_i, edges_j = (np.pad(ndtr(t), ((0, 0), (1, 1)), constant_values=(0, 1)) for t in (tau_i, tau_j))
    for sign, ends in ((1.0, edges_j), (-1.0, 1 - edges_j)):
        low, high = np.minimum(ends[:, :-1], ends[:, 1:]), np.maximum(ends[:, :-1], ends[:, 1:])
        shared = np.minimum(edges_i[:, 1:, None], high[:, None]) - np.maximum(edges_i[:, :-1, None], low[:, None])
        at = np.flatnonzero(~np.isnan(rho) & ((n == 0) | (shared > 1e-12)).all(axis=(1, 2)))
        inner = cell_probabilities(tau_i[at], tau_j[at], np.clip(rho[at], -EDGE, EDGE))[0]
        gain = (n[at] * np.log(np.where(n[at] > 0, shared[at] / np.maximum(inner, 1e-200), 1))).sum(axis=(1, 2))
        rho[at[gain > -1e-9]] = sign
    return rho


def _start(n: Array) -> Array:
    """Pearson correlation of category numbers, drawn in a little."""
    category = np.arange(n.shape[-1])
    share = n / n.sum(axis=(1, 2), keepdims=True)
    x, y = share.sum(axis=2), share.sum(axis=1)
    dx, dy = (category - (m @ category)[:, None] for m in (x, y))
    scale = np.sqrt((x * dx**2).sum(axis=1) * (y * dy**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.einsum("nab,na,nb->n", share, dx, dy) / scale
    return np.clip(np.nan_to_num(r), -0.95, 0.95)


def _derivatives(n: Array, tau_i: Array, tau_j: Array, rho: Array) -> tuple[Array, Array]:
    """First and second derivative of the log likelihood by rho."""
    p, d1, d2 = cell_probabilities(tau_i, tau_j, rho)
    p = np.maximum(p, 1e-100)
    ratio = np.where(n > 0, d1 / p, 0.0)
    return (n * ratio).sum(axis=(1, 2)), (n * (np.where(n > 0, d2 / p, 0.0) - ratio**2)).sum(axis=(1, 2))


# ---------------------------------------------------------------- estimates with their influences


@dataclass(frozen=True)
class Polychoric:
    """Estimates of p items and what each answer contributes to their errors.

    ``tau`` (p, K-1), ``r`` (P,) in the order of ``two_way.pair_index`` and ``n`` (P,) students that answered both.
    ``tables`` are the counts. ``on_tau`` (p, K, K-1) is how far an answer a of item i moves each of its thresholds,
    ``on_r`` (P, K+1, K+1) how far answers a, b move r; the last row and column are for no answer.
    """

    tables: Tables
    tau: Array
    r: Array
    n: Array
    on_tau: Array
    on_r: Array

    @property
    def matrix(self) -> Array:
        """The correlations as a matrix (p, p)."""
        return square(self.r, len(self.tau))

    @property
    def cuts(self) -> NDArray[np.bool_]:
        """Which thresholds (p, K-1) exist: there are answers at it and above it."""
        items = self.tables.items
        above = items[:, ::-1].cumsum(axis=1)[:, ::-1]
        return (items[:, :-1] > 0) & (above[:, 1:] > 0)

    def se_r(self) -> Array:
        """Standard errors of r, students independent; NaN where r is -1, 1 or NaN. Shape (P,)."""
        return np.sqrt((_answered(self.tables) * self.on_r**2).sum(axis=(-2, -1)))

    def se_tau(self) -> Array:
        """Standard errors of thresholds, students independent; NaN where there is none. Shape (p, K-1)."""
        variance = (self.tables.items[..., None] * self.on_tau**2).sum(axis=1)
        return np.where(self.cuts, np.sqrt(variance), np.nan)

    def moved(self, parts: Tables) -> tuple[Array, Array]:
        """How far each of some parts of the students moves the estimates: r (G, P) and thresholds (G, p, K-1).

        ``parts`` are stacked tables (G, …) that add up to ``tables``, such as those of clusters.
        """
        on_tau = np.einsum("gia,iak->gik", parts.items, self.on_tau)
        return np.einsum("gpab,pab->gp", _answered(parts), self.on_r, optimize=True), on_tau

    def clustered(self, parts: Tables) -> tuple[Array, Array]:
        """Standard errors of r and of thresholds with students in clusters, given their tables (G, …).

        G/(G-1) times the sum of squares of what each cluster moves (``uncertainty``). NaN with fewer than two clusters.
        """
        count = len(parts.items)
        if count < 2:
            return np.full_like(self.r, np.nan), np.full_like(self.tau, np.nan)
        r, tau = (np.sqrt(count / (count - 1) * (m**2).sum(axis=0)) for m in self.moved(parts))
        return r, np.where(self.cuts, tau, np.nan)


def polychoric(tables: Tables, where: object = "polychoric correlations") -> Polychoric:
    """Thresholds and correlations of all items of ``tables`` (one set of students).

    Raises SurveyError for an item that nobody answered or that everybody answered alike.
    """
    used = np.count_nonzero(tables.items, axis=1)
    for count, problem in ((0, "nobody answered"), (1, "everyone gave the same answer to")):
        if at_fault := [v for v, found in zip(tables.variables, used, strict=True) if found == count]:
            raise SurveyError(
                f"{problem}: {', '.join(at_fault)}",
                where=where,
                remedy="Check the column map and the labels, or take the item out of the instrument.",
            )
    first, second = pair_index(len(tables.variables))
    tau = thresholds(tables.items)
    r = correlations(tables.pairs, tau[first], tau[second])
    on_tau = _influence_on_thresholds(tables.items, tau)
    on_r = _influence_on_correlations(tables.pairs, tau, r, on_tau)
    return Polychoric(tables, tau, r, tables.pairs.sum(axis=(1, 2)), on_tau, on_r)


def square(r: Array, p: int) -> Array:
    """Correlations (..., P) in the order of ``pair_index`` as matrices (..., p, p) with ones on the diagonal."""
    full = np.broadcast_to(np.eye(p), (*r.shape[:-1], p, p)).copy()
    first, second = pair_index(p)
    full[..., first, second] = full[..., second, first] = r
    return full


def positive_definite(R: Array, smallest: float = 1e-6) -> tuple[Array, bool]:
    """``R`` (p, p) as it is and True, or the matrix that stands in for one that is not positive definite, and False.

    Correlations that are estimated pair by pair need not fit together. Eigenvalues below ``smallest`` are raised to
    it and the result is given a diagonal of ones again (Knol & Berger 1991, Multivariate Behavioral Research 26,
    457-477). Raises SurveyError for a matrix with values that are not finite.
    """
    if not np.isfinite(R).all():
        i, j = np.argwhere(~np.isfinite(R))[0]
        raise SurveyError(
            f"items {i + 1} and {j + 1} have no correlation: no student answered both",
            where="polychoric correlations",
            remedy="All items of a study must have been put to the same students; make a study of each booklet.",
        )
    w, V = np.linalg.eigh(R)
    if w[0] >= smallest:
        return R, True
    raised = (V * np.maximum(w, smallest)) @ V.T
    size = np.sqrt(np.diagonal(raised))
    return raised / np.outer(size, size), False


def _answered(tables: Tables) -> Array:
    """Counts (..., P, K+1, K+1) with those who left one of the two out in the last row and column."""
    first, second = pair_index(len(tables.variables))
    n, size = tables.pairs, tables.pairs.shape[-1]
    full = np.zeros((*n.shape[:-2], size + 1, size + 1))
    full[..., :-1, :-1] = n
    full[..., :-1, -1] = tables.items[..., first, :] - n.sum(axis=-1)
    full[..., -1, :-1] = tables.items[..., second, :] - n.sum(axis=-2)
    return full


def _influence_on_thresholds(items: Array, tau: Array) -> Array:
    """(1[a <= k] - F_k) / (n φ(tau_k)), what an answer a moves threshold k by: (p, K, K-1), 0 where there is none."""
    size = items.shape[1]
    n, slope = items.sum(axis=1)[:, None, None], normal.normal_density(tau)[:, None, :]
    below = np.arange(size)[:, None] <= np.arange(size - 1)
    share = (items.cumsum(axis=1)[:, :-1] / n[:, 0])[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(slope > 0, (below - share) / (n * slope), 0.0)


def _influence_on_correlations(pairs: Array, tau: Array, r: Array, on_tau: Array) -> Array:
    """What answers a, b move r by: (score - A_i t_i(a) - A_j t_j(b)) / sum of squared scores, (P, K+1, K+1).

    The score is the derivative of log p_ab by rho, t the influence on the thresholds, and A the sums over students of
    the score times the derivatives of log p_ab by the thresholds (Muthén 1984).
    """
    first, second = pair_index(len(tau))
    inner = np.where(np.abs(r) < 1, r, np.nan)
    p, d1, _ = cell_probabilities(tau[first], tau[second], inner)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(pairs > 0, d1 / p, 0.0)
        weighted = np.where(pairs > 0, pairs * score / p, 0.0)
    to_i = _slope_by_threshold(tau[first], tau[second], inner)
    to_j = _slope_by_threshold(tau[second], tau[first], inner)
    cross_i = (to_i * -np.diff(weighted, axis=1)).sum(axis=2)
    cross_j = (to_j * -np.diff(weighted.transpose(0, 2, 1), axis=1)).sum(axis=2)
    moved_i = np.einsum("pk,pak->pa", cross_i, on_tau[first])
    moved_j = np.einsum("pk,pak->pa", cross_j, on_tau[second])
    total = np.zeros((len(r), *(s + 1 for s in pairs.shape[1:])))
    total[:, :-1, :-1] = score
    total[:, :-1, :] -= moved_i[:, :, None]
    total[:, :, :-1] -= moved_j[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        return total / (pairs * score**2).sum(axis=(1, 2))[:, None, None] + 0 * inner[:, None, None]


def _slope_by_threshold(own: Array, other: Array, r: Array) -> Array:
    """Derivative of the probability below own threshold k, in category b of the other, by k: (P, K-1, K)."""
    from scipy.special import ndtr

    h, edges = np.clip(own, -normal.FAR, normal.FAR)[:, :, None], np.clip(other, -normal.FAR, normal.FAR)[:, None, :]
    at = ndtr((edges - r[:, None, None] * h) / np.sqrt(1 - r**2)[:, None, None])
    at = np.concatenate([np.zeros_like(at[..., :1]), at, np.ones_like(at[..., :1])], axis=-1)
    return normal.normal_density(own)[:, :, None] * np.diff(at, axis=-1)
