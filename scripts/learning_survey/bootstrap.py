"""Intervals by resampling schools, from moments: a resample is a weighted sum of small matrices.

Alpha has a bootstrap-t interval, loadings one from the spread of their resamples.

With theta = log(1 - alpha), each resample of G clusters gives t = (theta* - theta) / se*, and the interval is
theta - se (quantiles of t): Efron (1981, Canadian Journal of Statistics 9, 139-172); Davison & Hinkley (1997),
Bootstrap Methods and their Application, 5.2. A resample is drawn from the clusters without one of them, left out at
random, since G from G vary by (G-1)/G too little (Hesterberg 2004, Proceedings of the Section on Statistics and the
Environment, American Statistical Association, 2924-2930). se leaves out one cluster at a time; se*, in every resample,
is linearised: with u_g what cluster g adds to theta to first order and w_g how often g was drawn,
se*² = G/(G-1) Σ_g w_g u_g².
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_survey.jackknife import coarse, leave_one_out, standard_error
from learning_survey.moments import Moments, Pooled
from learning_survey.reliability import alpha
from learning_survey.uncertainty import t_quantile

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
    weights = resamples(count, draws, np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        theta = np.log(1 - alpha(clusters.pooled().cov()))
        error = standard_error(np.log(1 - alpha(leave_one_out(clusters, seed).cov())))
        drawn, errors = _log_alpha(clusters, weights)
        t = (drawn - theta) / errors
    t = t[np.isfinite(t)]
    if len(t) < 0.9 * draws or not np.isfinite(theta) or not error > 0:
        return np.nan, np.nan
    low, high = np.quantile(t, [0.5 - level / 2, 0.5 + level / 2])
    return float(1 - np.exp(theta - low * error)), float(1 - np.exp(theta - high * error))


def pooled(moments: Moments, draws: int, seed: int) -> Pooled:
    """Moments of ``draws`` resamples of clusters (see ``resamples``), stacked; none with fewer than ``FEWEST``."""
    clusters = coarse(moments, seed)
    count = len(clusters.clusters)
    weights = resamples(count, draws if count >= FEWEST else 0, np.random.default_rng(seed))
    return clusters.pooled(weights)


def normal_interval(estimate: Array, drawn: Array, clusters: int, level: float) -> tuple[Array, Array]:
    """Estimate plus and minus Student's t, ``clusters`` - 1 degrees of freedom, times the spread of resamples.

    ``drawn`` has one more leading axis than ``estimate``. NaN where more than one resample in ten has no value, or
    there are fewer than two.
    """
    known = np.isfinite(drawn).all(axis=tuple(range(1, drawn.ndim)))
    if known.sum() < max(2, 0.9 * len(drawn)):
        return np.full(estimate.shape, np.nan), np.full(estimate.shape, np.nan)
    half = t_quantile(clusters - 1, level) * drawn[known].std(axis=0, ddof=1)
    return estimate - half, estimate + half


def resamples(count: int, draws: int, rng: np.random.Generator) -> Array:
    """How often each of ``count`` clusters is in each of ``draws`` resamples, which each leave one out: (B, G)."""
    left_out = rng.integers(count, size=draws)
    chance = np.where(np.arange(count) == left_out[:, None], 0, 1 / (count - 1))
    return rng.multinomial(count, chance).astype(float)


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
