"""Reliability between and within schools: of a school's mean, and of what tells students of one school apart.

Items vary between schools and, independently, within them. Both covariance matrices come from moments by school, pair
by pair of items, as the ANOVA method has variance components (Searle, Casella & McCulloch 1992, Variance Components,
ch. 3 and 10); alpha and omega of each say how well a scale measures at that level: Geldhof, Preacher & Zyphur (2014),
Psychological Methods 19, 72-91. docs/methods/reliability.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey.jackknife import LOG_SCALE, interval, parts
from learning_survey.moments import Moments
from learning_survey.omega import omega_raw
from learning_survey.reliability import alpha
from learning_survey.uncertainty import Estimate
from learning_survey.variance_components import Components, Sums, components, icc1_interval, mean_squares

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Levels:
    """Covariances of p items within and between schools, (p, p) or stacks (..., p, p)."""

    within: Array
    between: Array


def levels(moments: Moments, weights: Array | None = None) -> Levels:
    """Covariances within and between the clusters of ``moments``; ``weights`` (B, G) of 0 and 1 choose clusters.

    For each pair of items, over the students who answered both, with n_g of them in cluster g, N in all, in G clusters:

        within  = Σ_g (Σ x_i x_j - n_g m_gi m_gj) / (N - G)
        between = (Σ_g n_g m_gi m_gj - N m_i m_j) / (G - 1) less within, over n0 = (N - Σ n_g² / N) / (G - 1)

    ``between`` is unbiased, so a variance in it may be below zero. NaN with fewer than two clusters.
    """
    if weights is None:
        weights = np.ones((1, len(moments.clusters)))
        return Levels(*(a[0] for a in _levels(moments, weights)))
    return Levels(*_levels(moments, weights))


def _levels(moments: Moments, weights: Array) -> tuple[Array, Array]:
    n, s, c = moments.n, moments.s, moments.c
    product = s * np.swapaxes(s, 1, 2)
    of_means = product / np.where(n > 0, n, 1)

    def add(a: Array) -> Array:
        return np.tensordot(weights, a, axes=1)

    N, G, S = add(n), add((n > 0).astype(float)), add(s)
    with np.errstate(all="ignore"):
        within = (add(c) - add(of_means)) / (N - G)
        mean_square = (add(of_means) - S * np.swapaxes(S, 1, 2) / N) / (G - 1)
        between = (mean_square - within) / ((N - add(n**2) / N) / (G - 1))
    return within, between


def estimates(moments: Moments, level: float, seed: int) -> dict[str, Estimate]:
    """Alpha and omega within and between schools, with intervals that leave out one school at a time.

    NaN where a covariance matrix has a variance or a sum that is not above zero: schools then differ no more on an item
    than chance makes them, and there is nothing to be consistent about. NaN too where covariances between schools pass
    what their variances allow, so that alpha would pass one.
    """
    found, again = levels(moments), levels(moments, _without_each(len(moments.clusters), seed))
    result = {}
    for where in ("within", "between"):
        C, drawn = getattr(found, where), getattr(again, where)
        for name, of in (("alpha", _alpha), ("omega", omega_raw)):
            result[f"{name}_{where}"] = _estimate(of(C), of(drawn), level)
    return result


def _without_each(count: int, seed: int) -> Array:
    """Weights (R, G) of samples that each lack one school, or one part of many schools."""
    part = parts(count, seed)
    return (part != np.arange(part.max(initial=-1) + 1)[:, None]).astype(float)


def _alpha(C: Array) -> Array:
    with np.errstate(all="ignore"):
        value = alpha(C)
        proper = (np.diagonal(C, axis1=-2, axis2=-1) > 0).all(axis=-1) & (value <= 1)
        return np.where(proper, value, np.nan)


def _estimate(value: Array, again: Array, level: float) -> Estimate:
    low, high = interval(value, again, level, *LOG_SCALE)
    return Estimate(float(value), float(low), float(high))


def school_means(scores: Moments, level: float, seed: int) -> tuple[Components, Estimate, Estimate]:
    """Variance components of one score, from its moments by school, with icc1 and icc2 and their intervals.

    icc2, the reliability of the mean of a school of average size, is (MSB - MSW) / MSB; see ``components``. Its
    interval leaves out one school at a time on the scale log(1 - icc2), which is log(MSW / MSB).
    """
    sums = _sums(scores)
    found = components(sums)
    keep = _without_each(len(sums.n), seed)
    with np.errstate(all="ignore"):
        between, within, _ = mean_squares(Sums(keep * sums.n, keep * sums.s, keep * sums.q))
        icc2 = _estimate(np.asarray(found.icc2), 1 - within / between, level)
    return found, icc1_interval(sums, level), icc2


def _sums(scores: Moments) -> Sums:
    """Sums by school about the mean of all, of the one variable of ``scores``; schools without a score are left out."""
    n, s, q = (getattr(scores, a)[:, 0, 0] for a in "nsq")
    mean = s.sum() / max(n.sum(), 1)
    some = n > 0
    return Sums(n[some], (s - n * mean)[some], (q - 2 * mean * s + n * mean**2)[some])
