"""Second derivatives of a factor model's discrepancy: the observed information of complete rows.

With W = Sigma^-1, M = S + r r', B = W M W, Q = W - B and a = W r, and with the derivatives of ``cfa_model`` of cells k
and l (Sigma_k = u v' + v u', mu_k = d), half the discrepancy has the second derivative

    tr(W Sigma_l B Sigma_k) - tr(W Sigma_l W Sigma_k) / 2 + d_k' W d_l + a' Sigma_k W d_l + a' Sigma_l W d_k
        + tr(Q Sigma_kl) / 2 - a' mu_kl

(Magnus & Neudecker 1999, Matrix Differential Calculus, ch. 8-9). Second derivatives of the moments themselves,
Sigma_kl and mu_kl, are not zero for a loading with a loading of the same item or another's, with a factor covariance,
and with a factor mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.cfa_model import Model, Moments, cell_gradient, collected, derivatives

if TYPE_CHECKING:
    from learning_survey.cfa_ml import Sample

Array = NDArray[np.float64]


def hessian(model: Model, samples: Sequence[Sample], x: Array) -> Array:
    """Observed information per respondent (q, q) at parameters ``x``."""
    q, n = len(x), sum(s.n for s in samples)
    total, slopes = np.zeros((q, q)), []
    for s, at in zip(samples, model.implied(x), strict=True):
        W = np.linalg.inv(at.sigma)
        r = s.mean - at.mu if model.means else np.zeros(len(at.mu))
        B, a = W @ (s.cov + np.outer(r, r)) @ W, W @ r
        total += s.n / n * collected(_cells(at, W, B, a), at.places.parameter, q)
        slopes.append((s.n / n * (W - B), s.n / n * a))
    total += curvature(model, x, slopes)
    return (total + total.T) / 2


def curvature(model: Model, x: Array, slopes: Sequence[tuple[Array, Array]]) -> Array:
    """Sum over groups of tr(Q Sigma_kl) / 2 - a' mu_kl (q, q); ``slopes`` has Q (p, p) and a (p,) of each group."""
    q = len(x)
    if model.paths:

        def gradient(at: NDArray[np.complex128]) -> NDArray[np.complex128]:
            parts = zip(slopes, model.implied(at), strict=True)
            return sum(cell_gradient(own, Q, a, q) for (Q, a), own in parts)

        return derivatives(gradient, x)
    total = np.zeros((q, q))
    for own, at, (Q, a) in zip(model.matrices(x), model.implied(x), slopes, strict=True):
        total += collected(_curved(own, at, Q, a), at.places.parameter, q)
    return total


def _cells(at: Moments, W: Array, B: Array, a: Array) -> Array:
    """All by cells (c, c) but what curvature of the moments adds."""
    u, v, d = at.u, at.v, at.d
    uW, vW, uB, vB = W @ u, W @ v, B @ u, B @ v
    K, L = u.T @ vW, u.T @ vB
    twice = K.T * L + K * L.T + (u.T @ uW) * (v.T @ vB) + (v.T @ vW) * (u.T @ uB)
    once = (u.T @ uW) * (v.T @ vW) + K * K.T
    mean = (uW.T @ d) * (v.T @ a)[:, None] + (vW.T @ d) * (u.T @ a)[:, None]
    return twice - once + d.T @ W @ d + mean + mean.T


def _curved(own: dict[str, Array], at: Moments, Q: Array, a: Array) -> Array:
    """Sums tr(Q Sigma_kl) / 2 - a' mu_kl (c, c) of a model without paths between factors."""
    places, result = at.places, np.zeros((at.u.shape[1],) * 2)
    k = places.of("lambda")
    item, factor = places.row[k], places.column[k]
    result[np.ix_(k, k)] = Q[np.ix_(item, item)] * own["psi"][np.ix_(factor, factor)]
    s = places.of("psi")
    first, second = places.row[s], places.column[s]
    QL = (Q @ own["lambda"])[item]
    part = QL[:, first] * (factor[:, None] == second) + QL[:, second] * (factor[:, None] == first)
    part = part * np.where(first == second, 0.5, 1.0)
    result[np.ix_(k, s)], result[np.ix_(s, k)] = part, part.T
    m = places.of("alpha")
    part = -a[item, None] * (factor[:, None] == places.row[m])
    result[np.ix_(k, m)], result[np.ix_(m, k)] = part, part.T
    return result
