"""Fit indices of ordinal factor models that estimate what those of the normal variables behind the items would be.

The scaled chi-square of weighted least squares makes CFI and RMSEA depend on the weights. Savalei (2021, Multivariate
Behavioral Research 56, 390-407) takes the normal-theory discrepancy of the polychoric correlations R from those that
the estimates imply, P, instead, each group by its size, and the factor by which it exceeds chi-square:

    X = n (log|P| - log|R| + tr(R P^-1) - p)          c = tr(K' V K Gamma) / df,   K = I - D E^-1 D'W

with W, D, E and Gamma the correlations' parts of those in ``cfa_wls`` and V the normal-theory weights of correlations,
V_ij,kl = w_ik w_jl + w_il w_jk with w = P^-1. For items that do not correlate X is -n log|R| and c = tr(Gamma) / df.
lavaan calls the indices ``robust``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_survey.cfa_ml import inverse
from learning_survey.cfa_wls import Fit
from learning_survey.cfa_wls_point import by_cluster
from learning_survey.fit_indices import UNTESTED, ChiSquare, Indices, robust
from learning_survey.polychoric_estimates import square
from learning_survey.two_way import pair_index

Array = NDArray[np.float64]


def robust_indices(fit: Fit) -> Indices:
    """NaN without degrees of freedom, where correlations are not positive definite or the model is not identified."""
    if fit.df < 1:
        return UNTESTED
    p, q = len(fit.model.items), len(fit.x)
    first, second = pair_index(p)
    chi2, chi2_base, df_base, spread_base = 0.0, 0.0, 0, 0.0
    E, groups = np.zeros((q, q)), []
    for s, found in zip(fit.samples, fit.point.implied, strict=True):
        R, P, D = square(s.r, p), square(found.values[len(s.tau) :], p), found.by_all(q)
        if np.linalg.eigvalsh(R)[0] < 1e-8 or np.linalg.eigvalsh(P)[0] < 1e-8 or not fit.identified:
            return UNTESTED
        w, own, weight = np.linalg.inv(P), slice(len(s.tau), None), s.n / fit.n * s.weights
        chi2 += s.n * (np.linalg.slogdet(P)[1] - np.linalg.slogdet(R)[1] + np.sum(R * w) - p)
        chi2_base -= s.n * np.linalg.slogdet(R)[1]
        df_base += len(s.r)
        gamma = s.gamma[own, own]
        spread_base += np.trace(gamma)
        V = w[np.ix_(first, first)] * w[np.ix_(second, second)] + w[np.ix_(first, second)] * w[np.ix_(second, first)]
        E += D.T @ (weight[:, None] * D)
        groups.append((s.n / fit.n, V, gamma, D[own], weight[own, None] * D[own]))
    if fit.samples[0].parts is None:
        spread = _spread(groups, inverse(E))
    else:
        spread = _spread_by_cluster(fit, groups, inverse(E))
    return robust(
        ChiSquare(float(chi2), fit.df, spread / fit.df),
        ChiSquare(float(chi2_base), df_base, float(spread_base / df_base)),
        fit.n / len(fit.samples) - 1,
    )


def _spread(groups: list[tuple[float, Array, Array, Array, Array]], bread: Array) -> float:
    """The trace of K'V K Gamma over groups (share, V, Gamma, D, W D), without forming K.

    K'VK = V - V D E^-1 D'W - W D E^-1 D'V + W D E^-1 D'V D E^-1 D'W, and Gamma keeps to each group.
    """
    middle = sum(share * D.T @ V @ D for share, V, _, D, _ in groups)
    total = 0.0
    for share, V, gamma, D, WD in groups:
        VD, GW = share * V @ D, gamma @ WD / share
        total += np.sum(V * gamma) - 2 * np.sum(bread * (VD.T @ GW)) + np.sum((bread @ middle @ bread) * (WD.T @ GW))
    return float(total)


def _spread_by_cluster(fit: Fit, groups: list[tuple[float, Array, Array, Array, Array]], bread: Array) -> float:
    """The same where clusters may be in several groups: the sum of z'V z over clusters, z = K times what each moves."""
    moved = by_cluster(fit.samples, [s.parts[:, len(s.tau) :] / np.sqrt(s.n / fit.n) for s in fit.samples])
    Y = sum(own @ WD for own, (_, _, _, _, WD) in zip(moved, groups, strict=True)) @ bread
    total = 0.0
    for own, (share, V, _, D, _) in zip(moved, groups, strict=True):
        z = own - Y @ D.T
        total += share * np.sum((z @ V) * z)
    return float(total)
