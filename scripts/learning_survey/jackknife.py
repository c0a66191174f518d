"""Intervals by leaving out one cluster at a time, from moments: as many small matrices as there are clusters.

With G clusters and estimate t, and t_g the estimate without cluster g, the standard error is
sqrt((G-1)/G Σ (t_g - mean t_g)²) (Tukey 1958; Wolter 2007, Introduction to Variance Estimation, ch. 4). The interval
uses Student's t with as many degrees of freedom as that sum of squares has: fewer than G - 1 where some clusters weigh
more than others. It needs no random numbers. docs/methods/reliability.md says how it was chosen.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from learning_survey.errors import SurveyError
from learning_survey.moments import Moments, Pooled

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


def standard_error(replicates: Array) -> Array:
    """Jackknife standard error of estimates of any shape from their values without each cluster (G, ...)."""
    count = len(replicates)
    return np.sqrt((count - 1) / count * ((replicates - replicates.mean(axis=0)) ** 2).sum(axis=0))


def degrees_of_freedom(replicates: Array) -> Array:
    """Degrees of freedom of ``standard_error``, at most G - 1, by the fourth powers of what each cluster does.

    With d_g = t_g - mean t_g they are (3.16 - 2.77/√G) (Σ d_g²)² / Σ d_g⁴: Satterthwaite's (1946, Biometrics Bulletin
    2, 110-114) for clusters of unequal weight, as Johnson & Rust (1992, Journal of Educational Statistics 17, 175-190)
    correct them for being estimated. NaN where no cluster changes anything.
    """
    count = len(replicates)
    squares = (replicates - replicates.mean(axis=0)) ** 2
    largest = squares.max(axis=0)
    with np.errstate(all="ignore"):
        share = squares / largest  # fourth powers of small numbers would vanish
        found = (3.16 - 2.77 / np.sqrt(count)) * share.sum(axis=0) ** 2 / (share**2).sum(axis=0)
    return np.minimum(found, count - 1)


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
    from scipy.special import stdtrit

    with np.errstate(all="ignore"):
        centre, moved = to(np.asarray(estimate, float)), to(replicates)
        count, error = len(moved), standard_error(moved)
        half = error * np.where(error > 0, stdtrit(degrees_of_freedom(moved), 0.5 + level / 2), 1.0)
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
        pairs = sum(i < j for i, j in unknown)
        others = f" (and {pairs - 1:,} more pairs)" if pairs > 1 else ""
        many, known = ("items", "answered") if kind == "item" else ("dimensions", "have a score on")
        return (
            f"the correlation of {kind} {a} with {b}{others} cannot be computed: too few students {known} both",
            f"All {many} of a study must have been put to the same students. Where they got different booklets, make a"
            " study of each: list the other items under columns.ignore."
            + (" A lower score.min_items in the instrument gives more students a score." if kind != "item" else ""),
        )
    return None
