"""Intervals that know that students sit in schools, and the withholding of small groups.

An estimate t of N students is linearised: student i moves it by u_i (its influence). With S_g the sum of u_i over
cluster g, G clusters and K parameters,

    var(t) = G/(G-1) · (N-1)/(N-K) · Σ_g S_g S_g'

and intervals use Student's t with G - 1 degrees of freedom. This is the CR1 estimator: Liang & Zeger (1986), Biometrika
73, 13-22; Cameron & Miller (2015), Journal of Human Resources 50, 317-372, eq. 11-12; for means and shares, the
ultimate-cluster estimator of survey sampling (Särndal, Swensson & Wretman 1992, ch. 5). With each student a cluster it
is the textbook s²/n.

Students may come one by one or counted: with ``weight`` (N), each entry stands for so many students who are alike.
Without ``cluster`` every student stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; NaN where there is nothing to say."""

    value: float = NAN
    low: float = NAN
    high: float = NAN

    def columns(self, name: str) -> dict[str, float]:
        """As the three columns of a table."""
        return {name: self.value, f"{name}_ci_low": self.low, f"{name}_ci_high": self.high}

    def without_interval(self) -> Estimate:
        return Estimate(self.value)


@dataclass(frozen=True)
class Mean(Estimate):
    """A mean: also its sample (``n`` students in ``clusters``), SD (n - 1), standard error, p (of a mean of 0)."""

    n: int = 0
    clusters: int = 0
    sd: float = NAN
    se: float = NAN
    p: float = NAN
    design_effect: float = NAN


def count_clusters(cluster: Codes) -> int:
    """Clusters that have a student; codes are whole numbers from 0, in any order and with gaps."""
    return int(np.count_nonzero(np.bincount(cluster)))


def cluster_variance(
    influence: Array, cluster: Codes | None, parameters: int = 1, weight: Array | None = None
) -> tuple[Array, int]:
    """CR1 variance of k estimates from influences (N × k) and the number of clusters; module docstring's formula.

    Returns k × k; NaN with fewer than two clusters or no more students than parameters.
    """
    entries, k = influence.shape
    n = float(entries if weight is None else weight.sum())
    count = round(n) if cluster is None else count_clusters(cluster)
    if count < 2 or n <= parameters:
        return np.full((k, k), NAN), count
    weighted = influence if weight is None else influence * weight[:, None]
    if cluster is None:
        middle = influence.T @ weighted
    else:
        sums = np.column_stack([np.bincount(cluster, weights=column) for column in weighted.T])
        middle = np.einsum("gi,gj->ij", sums, sums)
    return count / (count - 1) * (n - 1) / (n - parameters) * middle, count


def t_quantile(df: float, level: float) -> float:
    """Two-sided critical value of Student's t; NaN without degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.5 + level / 2)) if df > 0 else NAN


def t_p(t: float, df: float) -> float:
    """Two-sided p of Student's t; NaN without degrees of freedom."""
    from scipy.special import stdtr

    return float(2 * stdtr(df, -abs(t))) if df > 0 else NAN


def f_p(f: float, df1: float, df2: float) -> float:
    """Upper tail of F; NaN without degrees of freedom."""
    from scipy.special import fdtrc

    return float(fdtrc(df1, df2, f)) if df1 > 0 and df2 > 0 else NAN


def mean(x: Array, cluster: Codes | None, level: float, weight: Array | None = None) -> Mean:
    """Mean of ``x`` (N, NaN where unanswered) with a clustered interval.

    One cluster, or answers that are all the same, have a mean and no interval: nothing shows how far it might be off.
    """
    answered = ~np.isnan(x)
    x, cluster = x[answered], None if cluster is None else cluster[answered]
    weight = None if weight is None else weight[answered]
    n = len(x) if weight is None else round(float(weight.sum()))
    if n == 0:
        return Mean()
    value = float(np.average(x, weights=weight))
    sd = (float(np.sqrt(_squares(x - value, weight) / (n - 1))) if np.ptp(x) > 0 else 0.0) if n > 1 else NAN
    variance, clusters = cluster_variance((x - value)[:, None] / n, cluster, weight=weight)
    if not sd > 0 or clusters < 2:
        return Mean(value, n=n, clusters=clusters, sd=sd)
    se = float(np.sqrt(variance[0, 0]))
    half = t_quantile(clusters - 1, level) * se
    p = t_p(value / se, clusters - 1) if se > 0 else NAN
    return Mean(value, value - half, value + half, n, clusters, sd, se, p, se**2 / (sd**2 / n))


def _squares(deviation: Array, weight: Array | None) -> float:
    return float(deviation @ (deviation if weight is None else deviation * weight))


def share(flag: Array, cluster: Codes | None, level: float, weight: Array | None = None) -> Estimate:
    """Share of ones in ``flag`` (N, of 0, 1 and NaN), with Wilson's interval at the effective sample size.

    The effective size is p(1-p) / var(p) with the clustered variance, at most N; the critical value is Student's, so
    the limits stay within 0 and 1 and know the clusters (Korn & Graubard 1998, Survey Methodology 24, 193-201; Wilson
    1927, JASA 22, 209-212). Where the share is 0 or 1 the variance says nothing, and the number of clusters stands for
    the effective size. One cluster: no interval.
    """
    estimate = mean(flag, cluster, level, weight)
    p, n = estimate.value, estimate.n
    if estimate.clusters < 2:
        return Estimate(p)
    if p in (0.0, 1.0):
        effective = float(estimate.clusters)
    else:
        effective = min(n, p * (1 - p) / estimate.se**2) if estimate.se > 0 else n
    return Estimate(p, *wilson(p, effective, t_quantile(estimate.clusters - 1, level)))


def wilson(p: float, n: float, critical: float) -> tuple[float, float]:
    """Limits of a share p of n, by Wilson (1927)."""
    centre, spread = p + critical**2 / (2 * n), critical * np.sqrt(p * (1 - p) / n + critical**2 / (4 * n**2))
    low, high = (centre - spread) / (1 + critical**2 / n), (centre + spread) / (1 + critical**2 / n)
    # Rounding alone can put a limit beside its share, or outside 0 to 1.
    return float(min(max(low, 0.0), p)), float(max(min(high, 1.0), p))


def holm(p: Array) -> Array:
    """Holm's (1979, Scandinavian Journal of Statistics 6, 65-70) adjusted p; NaN stay NaN and are not counted."""
    p = np.asarray(p, float)
    adjusted = np.full(p.shape, NAN)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted


def benjamini_hochberg(p: Array) -> Array:
    """Benjamini & Hochberg's (1995, JRSS B 57, 289-300) adjusted p; NaN stay NaN and are not counted."""
    p = np.asarray(p, float)
    adjusted = np.full(p.shape, NAN)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(-p[known], kind="stable")]  # largest first
    steps = p[order] * len(order) / np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted


def withhold(frame: pd.DataFrame, n_column: str, columns: list[str], min_group: int) -> pd.DataFrame:
    """``frame`` with ``columns`` emptied where ``n_column`` is under ``min_group``; the rows stay.

    The count goes too: it is a small number about few students.
    """
    import pandas as pd

    frame = frame.copy()
    small = ~(pd.to_numeric(frame[n_column]) >= min_group)
    for column in columns:
        frame[column] = pd.to_numeric(frame[column]).astype(float).mask(small)
    frame[n_column] = pd.to_numeric(frame[n_column]).astype(float).mask(small)
    return frame
