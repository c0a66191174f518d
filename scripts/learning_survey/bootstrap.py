"""Bootstrap-t interval of alpha by resampling schools, from moments: a resample is a weighted sum of small matrices.

With theta = log(1 - alpha), each resample of G clusters from G gives t = (theta* - theta) / se*, and the interval is
theta - se (quantiles of t): Efron (1981, Canadian Journal of Statistics 9, 139-172); Davison & Hinkley (1997),
Bootstrap Methods and their Application, 5.2. Its standard error, in the sample and in every resample, is the linearised
one: with u_g what cluster g adds to theta to first order, se² = G/(G-1) Σ_g w_g u_g², and w_g how often g was drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_survey.jackknife import coarse
from learning_survey.moments import Moments

Array = NDArray[np.float64]
DRAWS = 999
FEWEST = 5
"""Clusters below which there is no interval: hardly any resample would differ enough from the next."""


def alpha_interval(moments: Moments, level: float, seed: int, draws: int = DRAWS) -> tuple[float, float]:
    """Lower and upper limit of alpha of all variables of ``moments``.

    NaN with fewer than ``FEWEST`` clusters, one item, or where more than one resample in ten has no alpha.
    """
    clusters = coarse(moments, seed)
    count = len(clusters.clusters)
    if count < FEWEST or len(moments.variables) < 2:
        return np.nan, np.nan
    # Several scales of a study are resampled alike, as one seed does.
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws).astype(float)
    with np.errstate(all="ignore"):
        (theta,), (error,) = _log_alpha(clusters, np.ones((1, count)))
        drawn, errors = _log_alpha(clusters, weights)
        t = (drawn - theta) / errors
    t = t[np.isfinite(t)]
    if len(t) < 0.9 * draws or not np.isfinite(theta) or not error > 0:
        return np.nan, np.nan
    low, high = np.quantile(t, [0.5 - level / 2, 0.5 + level / 2])
    return float(1 - np.exp(theta - low * error)), float(1 - np.exp(theta - high * error))


def _log_alpha(moments: Moments, weights: Array) -> tuple[Array, Array]:
    """log(1 - alpha) of resamples ``weights`` (B, G) and its linearised standard error, both (B)."""
    G, p, _ = moments.n.shape
    k = p / (p - 1)
    n, s, c = (np.tensordot(weights, a, axes=1) for a in (moments.n, moments.s, moments.c))
    mean = s / n
    other = np.swapaxes(mean, 1, 2)  # of the pair's second item, over the pair's students
    C = (c - n * mean * other) / (n - 1)
    total, trace = C.sum(axis=(1, 2)), np.trace(C, axis1=1, axis2=2)
    uncertain = 1 - k + k * trace / total
    # Derivative of log(1 - alpha) by each covariance, over the students whose answers make it.
    by = k * (np.eye(p) / total[:, None, None] - (trace / total**2)[:, None, None]) / uncertain[:, None, None] / n
    flat = lambda a: a.reshape(len(a), -1)  # noqa: E731
    u = flat(by) @ flat(moments.c).T - 2 * flat(by * other) @ flat(moments.s).T
    u += flat(by * (mean * other - C)) @ flat(moments.n).T
    return np.log(uncertain), np.sqrt(G / (G - 1) * (weights * u**2).sum(axis=1))
