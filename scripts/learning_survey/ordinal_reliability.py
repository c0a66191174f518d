"""Reliability of scales of ordinal items, from polychoric correlations and thresholds.

Ordinal alpha is the alpha of the normal variables behind the items: of a scale that nobody has scored. Categorical
omega is the reliability of the sum of the answers themselves. Both take one scale's items.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_survey import bivariate_normal, minres
from learning_survey.polychoric_estimates import cell_probabilities
from learning_survey.reliability import alpha
from learning_survey.two_way import pair_index
from learning_survey.uncertainty import t_quantile

Array = NDArray[np.float64]


def ordinal_alpha(R: Array) -> Array:
    """Alpha of polychoric correlations (..., p, p); shape (...). NaN where a correlation is.

    Zumbo, Gadermann & Zeisser 2007, Journal of Modern Applied Statistical Methods 6, 21-29.
    """
    return alpha(R)


def ordinal_alpha_interval(R: Array, moved: Array, level: float) -> tuple[float, float]:
    """Interval of ordinal alpha, given how far each cluster moves the correlations: R (p, p), ``moved`` (G, p, p).

    log(1 - alpha) is linearised: se² = G/(G-1) Σ_g u_g² with u_g what cluster g moves it by, and Student's t with G - 1
    degrees of freedom (``uncertainty``). NaN with fewer than two clusters, or where a value is missing.
    """
    p = len(R)
    return _log_interval(float(alpha(R)), p**2 / (p - 1) / R.sum() ** 2 * moved.sum(axis=(1, 2)), level)


def _log_interval(value: float, moved: Array, level: float) -> tuple[float, float]:
    """Interval of a reliability on the scale log(1 - x), given how far each cluster moves it (G,)."""
    count = len(moved)
    if count < 2 or not value < 1:
        return np.nan, np.nan
    half = t_quantile(count - 1, level) * np.sqrt(count / (count - 1) * (moved**2).sum()) / (1 - value)
    return float(1 - (1 - value) * np.exp(half)), float(1 - (1 - value) * np.exp(-half))


def one_factor(R: Array) -> Array:
    """Loadings (p,) of one minimum-residual factor of polychoric correlations (p, p), for ``categorical_omega``.

    Two items do not identify a factor; equal loadings are assumed, √|r|, the second with the sign of r. NaN where R is
    not finite or the factor does not converge.
    """
    if len(R) == 2:
        return np.sqrt(np.abs(R[0, 1])) * np.array([1.0, np.sign(R[0, 1])])
    found = minres.loadings(R, minres.uniquenesses(R, 1), 1)[:, 0] if len(R) > 2 else np.full(len(R), np.nan)
    return found * (np.sign(found.sum()) or 1.0)


def categorical_omega(tau: Array, common: Array, R: Array | None = None, scores: Array | None = None) -> float:
    """Share of the variance of a sum of ordinal answers that common factors explain.

    ``tau`` (p, K-1) are thresholds (infinite or repeated where a category is not in use), ``common`` (p, p) the part
    of the variables' correlations that factors explain, communalities in its diagonal: loadings times their transpose
    for one factor. ``R`` (p, p) are the correlations by which the sum varies, by default those of the factors;
    ``scores`` (K,) or (p, K) what each category counts, by default 1 to K.

    With C(r) the covariance of the answers to items i and j whose variables are correlated r,

        omega = sum_ij C(common_ij) / sum_ij C(r_ij)

    where r_ii = 1 gives the variance of the answers (Green & Yang 2009, Psychometrika 74, 155-167, eq. 21). The
    numerator is the covariance of the sum with that of a parallel scale: the same items with other errors. NaN where a
    value is missing or the sum does not vary.
    """
    from scipy.special import ndtr

    p, size = tau.shape[0], tau.shape[1] + 1
    counts = np.broadcast_to(np.arange(1.0, size + 1) if scores is None else scores, (p, size))
    first, second = pair_index(p)
    total = common if R is None else R
    if not (np.isfinite(common).all() and np.isfinite(total).all()) or np.isnan(tau).any():
        return float("nan")
    ends = [(tau[k], counts[k]) for k in (first, second)]
    off, own = (_covariances(*ends, x[first, second]).sum() for x in (common, total))
    parallel = _covariances((tau, counts), (tau, counts), np.diagonal(common)).sum()
    shares = np.diff(ndtr(np.pad(tau, ((0, 0), (1, 1)), constant_values=(-np.inf, np.inf))), axis=1)
    whole = ((shares * counts**2).sum(axis=1) - (shares * counts).sum(axis=1) ** 2).sum() + 2 * own
    return float((parallel + 2 * off) / whole) if whole > 0 else float("nan")


def categorical_omega_interval(
    tau: Array, loadings: Array, R: Array, moved: tuple[Array, Array], level: float
) -> tuple[float, float]:
    """Interval of ``categorical_omega`` of minimum-residual factors, the sum varying as they say, scored from 1.

    ``loadings`` (p, k) are of the correlations R (p, p). ``moved`` is how far each cluster moves correlations (G, p, p)
    and thresholds (G, p, K-1). omega is linearised in these, log(1 - omega) as in ``ordinal_alpha_interval``. NaN with
    fewer than two clusters, where a value is missing, or where a uniqueness is at its bound: there loadings do not
    follow correlations smoothly.
    """
    moved_r, moved_tau = moved
    if not (np.isfinite(loadings).all() and np.isfinite(R).all()):
        return np.nan, np.nan
    if len(R) > 2 and 1 - (loadings**2).sum(axis=1).max() <= minres.LOWEST * 1.001:
        return np.nan, np.nan
    value, by_tau, by_common = _slopes(tau, loadings @ loadings.T)
    by_r = _through_factors(loadings, R, by_common)
    at = np.isfinite(tau)
    along = moved_tau[:, at] @ by_tau[at] + np.einsum("gij,ij->g", moved_r, by_r)
    return _log_interval(value, along, level)


def _slopes(tau: Array, common: Array) -> tuple[float, Array, Array]:
    """Categorical omega and its derivatives by thresholds (p, K-1) and by each cell of ``common`` (p, p).

    With e_i(z) the expected answer to item i at correlation r with a variable that is z, and steps of 1 between scores,

        dC_ij / dr    = sum over thresholds a, b of the bivariate normal density at (tau_ia, tau_jb)
        dC_ij / dtau_ia = -density(tau_ia) (e_j(tau_ia) - mean of j)
    """
    from scipy.special import ndtr

    value = categorical_omega(tau, common)
    p, known = len(tau), np.isfinite(tau)
    cut = np.where(known, tau, 0.0)
    height = np.where(known, bivariate_normal.normal_density(cut), 0.0)
    below = ndtr(tau)
    first, second = pair_index(p)
    i, j = np.concatenate([first, second, np.arange(p)]), np.concatenate([second, first, np.arange(p)])
    r = np.clip(common[i, j], -1 + 1e-12, 1 - 1e-12)[:, None, None]
    # For each ordered pair, and each item with itself: the expected answer to j beyond its mean at thresholds of i.
    share = ndtr((np.where(known[j], cut[j], np.inf)[:, None, :] - r * cut[i][:, :, None]) / np.sqrt(1 - r**2))
    share = np.where(known[j][:, None, :], share, below[j][:, None, :])
    beyond = (below[j][:, None, :] - share).sum(axis=2)
    on_tau = -height[i] * beyond
    both = known[i][:, :, None] & known[j][:, None, :]
    on_r = np.where(both, bivariate_normal.density(cut[i][:, :, None], cut[j][:, None, :], r), 0.0).sum(axis=(1, 2))
    counts = np.arange(1.0, tau.shape[1] + 2)
    middle = (counts[1:] + counts[:-1])[None] - 2 * (counts[-1] - below.sum(axis=1))[:, None]
    own = -height * middle  # of an item's variance by its thresholds
    pairs, whole = len(first), _variance(tau, common)
    by_tau = 2 * on_tau[2 * pairs :] - value * own
    np.add.at(by_tau, i[: 2 * pairs], 2 * (1 - value) * on_tau[: 2 * pairs])
    by_common = np.zeros((p, p))
    by_common[i, j] = np.where(i == j, 1.0, 1 - value) * on_r
    return value, by_tau / whole, by_common / whole


def _through_factors(loadings: Array, R: Array, by_common: Array) -> Array:
    """Derivatives by the cells of R (p, p) of what has ``by_common`` by those of L L', L minimum-residual loadings.

    Two items have the loadings of ``one_factor``. Otherwise off(R - L L') L = 0, off() without the diagonal; derived,
    that is a linear system in dL, of which rotations of L are the null space.
    """
    p, k = loadings.shape
    if p == 2:
        return np.array([[0, 1.0], [1, 0]]) * (by_common[0, 1] + np.sign(R[0, 1]) * np.trace(by_common) / 2)
    unit = np.eye(p)
    L, rest = loadings, R - loadings @ loadings.T
    np.fill_diagonal(rest, 0)
    # d(off(L L') L) / dL less off(R - L L'): rows (i, f) and columns (j, g).
    squares = np.einsum("jf,jg->fg", L, L)[None] - L[:, :, None] * L[:, None, :]
    system = np.einsum("ij,ifg->ifjg", unit, squares)
    system += np.einsum("ig,jf->ifjg", L, L) * (1 - unit)[:, None, :, None]
    system -= np.einsum("ij,fg->ifjg", rest, np.eye(k))
    half = np.linalg.pinv(system.reshape(p * k, p * k), rcond=1e-7, hermitian=True) @ (2 * by_common @ L).reshape(-1)
    slope = half.reshape(p, k) @ L.T
    np.fill_diagonal(slope, 0)
    return (slope + slope.T) / 2


def _variance(tau: Array, common: Array) -> float:
    """Variance of the sum of the answers, scored from 1."""
    from scipy.special import ndtr

    counts = np.arange(1.0, tau.shape[1] + 2)
    shares = np.diff(ndtr(np.pad(tau, ((0, 0), (1, 1)), constant_values=(-np.inf, np.inf))), axis=1)
    first, second = pair_index(len(tau))
    each = np.broadcast_to(counts, shares.shape)
    off = _covariances((tau[first], each[first]), (tau[second], each[second]), common[first, second]).sum()
    return float(((shares @ counts**2) - (shares @ counts) ** 2).sum() + 2 * off)


def _covariances(one: tuple[Array, Array], other: tuple[Array, Array], r: Array) -> Array:
    """Covariances (n,) of answers to pairs of items, each (thresholds, scores), their variables correlated r (n,)."""
    (tau_i, s_i), (tau_j, s_j) = one, other
    joint = cell_probabilities(tau_i, tau_j, np.clip(r, -1 + 1e-12, 1 - 1e-12))[0]
    mean_i, mean_j = (joint.sum(axis=2) * s_i).sum(axis=1), (joint.sum(axis=1) * s_j).sum(axis=1)
    return np.einsum("nab,na,nb->n", joint, s_i, s_j) - mean_i * mean_j
