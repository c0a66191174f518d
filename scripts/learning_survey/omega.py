"""Omega of one scale or of all items: total, hierarchical, and what is left for a dimension beside the general factor.

Every function takes one correlation or covariance matrix (p, p) or a stack (..., p, p). Methods and sources:
docs/methods/reliability.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_survey import minres, rotation
from learning_survey.jackknife import interval
from learning_survey.schmid_leiman import SchmidLeiman, schmid_leiman
from learning_survey.uncertainty import Estimate

Array = NDArray[np.float64]


def omega_total(R: Array, k: int = 1, start: Array | None = None) -> tuple[Array, Array]:
    """McDonald's (1999) omega total: 1 - Σ uniquenesses / Σ R, with k minres factors. Shapes (...) and (..., p).

    It is psych::omega's ``omega.tot``: a Schmid-Leiman rotation does not change uniquenesses. The second array holds
    them, to start resamples from. Two items do not identify a factor; equal loadings are assumed, so that omega is
    their standardised alpha. NaN where k factors of p items are not identified.
    """
    p, total = R.shape[-1], R.sum(axis=(-2, -1))
    with np.errstate(all="ignore"):
        if p == 2 and k == 1:
            psi = np.repeat(np.where(R[..., :1, 1] >= 0, 1 - R[..., :1, 1], np.nan), 2, axis=-1)
        elif minres.identified(p, k):
            psi = minres.uniquenesses(R, k, start)
        else:
            psi = np.full(R.shape[:-1], np.nan)
        return np.where(total > 0, 1 - psi.sum(axis=-1) / total, np.nan), psi


def omega_raw(C: Array) -> Array:
    """Omega of the sum of items as they are, from covariances: one factor, 1 - Σ psi_i var_i / Σ C. Shape (...).

    NaN where a variance is not above zero, or a uniqueness at its lower bound, as estimated covariances between schools
    may have them: the solution is improper.
    """
    variance = np.diagonal(C, axis1=-2, axis2=-1)
    with np.errstate(all="ignore"):
        sd = np.sqrt(np.where(variance > 0, variance, np.nan))
        psi = omega_total(C / (sd[..., :, None] * sd[..., None, :]))[1]
        total = np.where((psi > minres.LOWEST).all(axis=-1), C.sum(axis=(-2, -1)), np.nan)
        return np.where(total > 0, 1 - (psi * variance).sum(axis=-1) / total, np.nan)


def general_factor(
    R: Array, k: int, psi: Array, key: Array | None = None, like: Array | None = None
) -> tuple[SchmidLeiman, Array]:
    """General and group factors from correlations R (..., p, p) and the uniquenesses of k minres factors (..., p).

    Also the oblique pattern (..., p, k) behind them. Without ``key`` as psych::omega: unrotated factors to varimax,
    from there to oblimin (gamma 0, not normalised), then Schmid and Leiman's factors. With ``key`` (p, k), True where
    an item belongs to a factor, the factors are turned until all other loadings are as small as they can be (a target
    of zeros: Browne 2001, Multivariate Behavioral Research 36, 111-150), from promax, or for resamples from the factors
    nearest to the pattern ``like`` (p, k); the columns of ``key`` are in the order of those. NaN where there are no
    uniquenesses, with one factor, or where the rotation does not end within 1,000 steps, which is what psych allows.
    """
    p = R.shape[-1]
    known = np.isfinite(psi).all(axis=-1)[..., None, None] & (k > 1)
    safe, level = np.where(known, R, np.eye(p)), np.where(known[..., 0], psi, 0.5)
    unrotated = np.where(known, minres.loadings(safe, level, k), np.eye(p)[:, :k])
    with np.errstate(all="ignore"):
        if key is None:
            unrotated = unrotated @ rotation.varimax(unrotated / rotation.kaiser_weights(unrotated))
            found = rotation.project(unrotated, rotation.oblimin(), oblique=True)
        else:
            near = rotation.promax(unrotated)[0] if like is None else like
            turn = np.swapaxes(np.linalg.pinv(near) @ unrotated, -1, -2)
            start = turn / np.sqrt((turn**2).sum(axis=-2, keepdims=True))
            found = rotation.project(
                unrotated,
                rotation.target(np.where(key, np.nan, 0.0)),
                oblique=True,
                start=start,
                tolerance=1e-5 if like is None else 1e-4,
            )
        good = known & found.converged[..., None, None]
        sign = np.where(found.pattern.sum(axis=-2, keepdims=True) < 0, -1.0, 1.0)
        pattern = np.where(good, found.pattern * sign, np.nan)
        phi = np.where(good, found.phi * sign * np.swapaxes(sign, -1, -2), np.nan)
        return schmid_leiman(pattern, phi), pattern


def promax_pattern(R: Array, psi: Array, k: int) -> Array:
    """The promax pattern (p, k) of one correlation matrix, by which factors are told apart."""
    return rotation.promax(minres.loadings(R, psi, k))[0]


def matched(pattern: Array, key: Array) -> Array:
    """The columns of ``key`` in the order in which they fit best to the factors of ``pattern``, both (p, k)."""
    from scipy.optimize import linear_sum_assignment

    strength = (pattern**2).T @ key.astype(float)
    return key[:, linear_sum_assignment(-strength)[1]]


def hierarchical(
    found: SchmidLeiman, R: Array, again: SchmidLeiman, drawn: Array, *, at: list[int], level: float
) -> Estimate:
    """Omega hierarchical of the sum of the items ``at``, with an interval from resamples (``again``, of ``drawn``).

    The interval is found for its root, with the sign that it has: the correlation of the sum with the general factor.
    It is centred without the jackknife's bias, since errors in the factors' correlations draw general loadings down.
    """
    root, roots = (
        np.where(
            f.improper, np.nan, f.general[..., at].sum(axis=-1) / np.sqrt(r[..., at, :][..., at].sum(axis=(-2, -1)))
        )
        for f, r in ((found, R), (again, drawn))
    )
    low, high = np.clip(interval(root, roots, level, unbiased=True), -1, 1)
    squares = sorted((float(low) ** 2, float(high) ** 2))
    return Estimate(float(root) ** 2, 0.0 if low < 0 < high else squares[0], squares[1])


def shares(found: SchmidLeiman, R: Array, at: list[int] | slice) -> tuple[Array, Array, Array]:
    """What general and group factors make of the sum of some items, and the general one's share of common variance.

    (Σ general)² / Σ R and Σ_f (Σ group_f)² / Σ R over the items ``at``, three arrays of shape (...): Reise, Bonifay &
    Haviland (2013), Journal of Personality Assessment 95, 129-140; Reise (2012), Multivariate Behavioral Research 47,
    667-696. Over all items the first is omega hierarchical.
    """
    general, group = found.general[..., at], found.group[..., at, :]
    total = R[..., at, :][..., at].sum(axis=(-2, -1))
    common = (general**2).sum(axis=-1)
    with np.errstate(all="ignore"):
        return (
            np.where(found.improper, np.nan, general.sum(axis=-1) ** 2 / total),
            np.where(found.improper, np.nan, (group.sum(axis=-2) ** 2).sum(axis=-1) / total),
            np.where(found.improper, np.nan, common / (common + (group**2).sum(axis=(-2, -1)))),
        )
