"""Reliability of scales of ordinal items, from polychoric correlations and thresholds.

Ordinal alpha is the alpha of the normal variables behind the items: of a scale that nobody has scored. Categorical
omega is the reliability of the sum of the answers themselves. Both take one scale's items.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_survey import minres
from learning_survey.polychoric_estimates import cell_probabilities
from learning_survey.reliability import alpha
from learning_survey.two_way import pair_index

Array = NDArray[np.float64]


def ordinal_alpha(R: Array) -> Array:
    """Alpha of polychoric correlations (..., p, p); shape (...). NaN where a correlation is.

    Zumbo, Gadermann & Zeisser 2007, Journal of Modern Applied Statistical Methods 6, 21-29.
    """
    return alpha(R)


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


def _covariances(one: tuple[Array, Array], other: tuple[Array, Array], r: Array) -> Array:
    """Covariances (n,) of answers to pairs of items, each (thresholds, scores), their variables correlated r (n,)."""
    (tau_i, s_i), (tau_j, s_j) = one, other
    joint = cell_probabilities(tau_i, tau_j, np.clip(r, -1 + 1e-12, 1 - 1e-12))[0]
    mean_i, mean_j = (joint.sum(axis=2) * s_i).sum(axis=1), (joint.sum(axis=1) * s_j).sum(axis=1)
    return np.einsum("nab,na,nb->n", joint, s_i, s_j) - mean_i * mean_j
