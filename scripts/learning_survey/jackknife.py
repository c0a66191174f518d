"""Intervals by leaving out one cluster at a time, from moments: as many small matrices as there are clusters.

With G clusters and estimate t, and t_g the estimate without cluster g, the standard error is
sqrt((G-1)/G Σ (t_g - mean t_g)²) and the interval uses Student's t with G - 1 degrees of freedom (Tukey 1958; Wolter
2007, Introduction to Variance Estimation, ch. 4). It needs no random numbers. docs/methods/reliability.md says
how it was chosen.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from learning_survey.errors import SurveyError
from learning_survey.moments import Moments, Pooled
from learning_survey.uncertainty import t_quantile

Array = NDArray[np.float64]
MOST = 200
"""With more clusters than this, random groups of clusters are left out instead, so that cost stays bounded."""

LOG_SCALE = (lambda x: np.log(1 - x), lambda y: 1 - np.exp(y))
"""For ``interval``: the scale log(1 - x), on which reliabilities are nearer to normal, and the way back."""


def parts(count: int, seed: int) -> NDArray[np.int64]:
    """For each of ``count`` clusters the part that is left out with it: itself, or one of ``MOST`` random groups."""
    at = np.arange(count)
    return at if count <= MOST else np.random.default_rng(seed).permutation(count) % MOST


def coarse(moments: Moments, seed: int) -> Moments:
    """The moments in at most ``MOST`` clusters: as they are, or in random groups of clusters."""
    count = len(moments.clusters)
    return moments if count <= MOST else moments.summed([f"{part:03d}" for part in parts(count, seed)])


def leave_one_out(moments: Moments, seed: int) -> Pooled:
    """The pooled moments without each cluster in turn, stacked (G, p, p); G is at most ``MOST``."""
    left_out, total = coarse(moments, seed), moments.pooled()
    return Pooled(moments.variables, *(getattr(total, a) - getattr(left_out, a) for a in "nsqc"))


def covariance(replicates: Array) -> Array:
    """Jackknife covariance (k, k) of k estimates from their values without each cluster (G, k)."""
    count = len(replicates)
    deviation = replicates - replicates.mean(axis=0)
    return (count - 1) / count * deviation.T @ deviation


def interval(
    estimate: Array,
    replicates: Array,
    level: float,
    to: Callable[[Array], Array] = np.asarray,
    back: Callable[[Array], Array] = np.asarray,
    *,
    unbiased: bool = False,
) -> tuple[Array, Array]:
    """Lower and upper limits, shaped as ``estimate``, from ``replicates`` with one more leading axis (G).

    ``to`` takes estimates to a scale on which they are nearer to normal, ``back`` returns; either may reverse order.
    ``unbiased`` centres the interval on the jackknife's own estimate, G t - (G-1) mean t_g (Quenouille 1956, Biometrika
    43, 353-360), from which a bias that falls with the number of clusters is gone.
    NaN with fewer than two clusters, or where an estimate or replicate is not a finite number on that scale.
    """
    if len(replicates) < 2:
        return np.full(np.shape(estimate), np.nan), np.full(np.shape(estimate), np.nan)
    with np.errstate(all="ignore"):
        centre, moved = to(np.asarray(estimate, float)), to(replicates)
        count = len(moved)
        error = np.sqrt((count - 1) / count * ((moved - moved.mean(axis=0)) ** 2).sum(axis=0))
        half = t_quantile(count - 1, level) * error
        if unbiased:
            centre = count * centre - (count - 1) * moved.mean(axis=0)
        limits = np.stack([back(centre - half), back(centre + half)])
    limits = np.where(np.isfinite(limits).all(axis=0), limits, np.nan)
    return np.minimum(*limits), np.maximum(*limits)


def require_variance(pooled: Pooled, kind: str, where: object) -> None:
    """Raise SurveyError unless every variable varies and every pair was answered together by two students or more."""
    found = fault(pooled, kind)
    if found:
        raise SurveyError(found[0], where=where, remedy=found[1])


def fault(pooled: Pooled, kind: str) -> tuple[str, str] | None:
    """What makes correlations impossible, with the variables' names, and its remedy; None where nothing does."""
    at_fault = [name for name, n in zip(pooled.variables, pooled.count, strict=True) if n < 2]
    if at_fault:
        remedy = "Check the column map and the exclusions, or take the item out of the instrument."
        return f"fewer than two answers to {kind} {', '.join(at_fault)}", remedy
    centred = np.diagonal(pooled.q - pooled.s**2 / np.maximum(pooled.n, 1))
    at_fault = [v for v, x, q in zip(pooled.variables, centred, np.diagonal(pooled.q), strict=True) if x <= 1e-12 * q]
    if at_fault:
        remedy = "Check the column map and the labels, or take the item out of the instrument."
        return (
            f"every student has the same value for {kind} {', '.join(at_fault)}; it correlates with nothing",
            remedy,
        )
    with np.errstate(all="ignore"):
        unknown = np.argwhere(~np.isfinite(pooled.cor()))
    if len(unknown):
        a, b = (pooled.variables[i] for i in unknown[0])
        return (
            f"the correlation of {kind} {a} with {b} cannot be computed: too few students answered both",
            "Items must have been put to the same students.",
        )
    return None
