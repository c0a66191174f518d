"""The top school against the bottom school: shares high, standardised differences, and what shrinkage leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.config import ALL
from learning_survey.school_means import Shrunken
from learning_survey.school_scores import SchoolScores, Scores
from learning_survey.schools import showing
from learning_survey.uncertainty import NAN, Estimate, holm, t_p, t_quantile, wilson
from learning_survey.variance_components import components

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.cells import Cells, Counts
    from learning_survey.config import Loaded

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


def extremes(cells: Cells, school_means: pd.DataFrame, study: Loaded) -> pd.DataFrame:
    """Table ``schools.extremes``; top and bottom are the first and last school of 'all' in ``school_means``.

    The two schools are taken as they are: intervals and p describe their students, not a choice of two among many; the
    differences of shrunken means (``Shrunken.difference``) allow for that. Gap: Newcombe's (1998, Statistics in
    Medicine 17, 873-890) method 10. p: Welch's (1947) t. With fewer than two ranked schools the rows have no numbers; a
    dimension that too few students answered in either school has none either.
    """
    import pandas as pd

    from learning_survey.schemas import TABLES

    level, cut = study.resampling.level, study.instrument.high_from
    top, bottom = top_and_bottom(school_means)
    rows, shown = [], showing(cells, study)
    for dimension in study.instrument.dimension_ids:
        row = {"dimension": dimension, "top_school": top, "bottom_school": bottom}
        scores = SchoolScores.of(cells, dimension)
        first, second = (scores.at(name) if name else Scores(np.empty(0), np.empty(0)) for name in (top, bottom))
        large = dict(zip(scores.names, shown(scores.sums()), strict=True))
        if not (large.get(top) and large.get(bottom)):
            rows.append(row)
            continue
        high = [group.high(cut) for group in (first, second)]
        gap = newcombe(high[0], first.count, high[1], second.count, level)
        total = total_spread(cells.counts(dimension), cells.cluster)
        effects = {
            "total": standardised(first, second, total, level),
            "pooled_within": standardised(first, second, within_spread(first, second), level),
        }
        drawn = shrunken_difference(scores, scores.score, (top, bottom), level)
        drawn_gap = shrunken_difference(scores, scores.high(cut), (top, bottom), level)
        rows.append(
            {
                **row,
                "n_top": first.count,
                "n_bottom": second.count,
                "mean_top": first.mean,
                "mean_bottom": second.mean,
                "share_top": high[0],
                "share_bottom": high[1],
                **_times(gap, 100).columns("gap"),
                **_times(drawn_gap, 100).columns("gap_shrunken"),
                **effects["total"].columns("d_total"),
                **effects["pooled_within"].columns("d_pooled_within"),
                **effects[study.schools.standardiser].columns("d"),
                **_times(drawn, total[0] ** -0.5 if total[0] > 0 else NAN).columns("d_shrunken"),
                "p": welch_t(first, second)[2],
            }
        )
    frame = pd.DataFrame(rows, columns=list(TABLES["schools.extremes"].columns))
    return frame.assign(p_holm=holm(frame["p"].to_numpy(float)))


def _times(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(factor * estimate.value, factor * estimate.low, factor * estimate.high)


def top_and_bottom(school_means: pd.DataFrame) -> tuple[str | None, str | None]:
    """First and last school of 'all' by mean (the first in name where means are equal); none with fewer than two."""
    ranked = school_means[(school_means["dimension"] == ALL) & school_means["mean"].notna()]
    if len(ranked) < 2:
        return None, None
    ranked = ranked.sort_values(["mean", "school"], ascending=[False, True])
    return str(ranked["school"].iloc[0]), str(ranked["school"].iloc[-1])


def shrunken_difference(scores: SchoolScores, value: Array, pair: tuple[str, str], level: float) -> Estimate:
    """Difference of two schools' shrunken means of ``value``, one for each entry of ``scores``; NaN without components.

    ``value`` may be scores, or 1 and 0: a share is a mean, whose variance within schools is taken to be theirs on
    average.
    """
    n = scores.sums()
    some = np.flatnonzero(n > 0)
    shrunken = Shrunken(n[some], scores.means(value)[some], components(scores.components_of(value)))
    if not shrunken.known:
        return Estimate()
    return shrunken.difference(*(int(np.searchsorted(some, scores.names.index(name))) for name in pair), level)


def welch_t(a: Scores, b: Scores) -> tuple[float, float, float]:
    """Variance of the difference of two means, Welch's (1947, Biometrika 34, 28-35) degrees of freedom and p.

    NaN where a sample has fewer than two values or neither varies.
    """
    if min(a.count, b.count) < 2 or not (a.varies or b.varies):
        return NAN, NAN, NAN
    parts = [x.variance / x.count for x in (a, b)]
    variance = sum(parts)
    df = variance**2 / sum(v**2 / (x.count - 1) for v, x in zip(parts, (a, b), strict=True))
    return variance, df, t_p((a.mean - b.mean) / np.sqrt(variance), df)


def total_spread(counts: Counts, cluster: Codes) -> tuple[float, float]:
    """Variance of all scores (n - 1) and the sampling variance of that, clustered by each cell's ``cluster``.

    The influence of a student on the variance s² is ((x - m)² - s²) / n, and clusters' sums of it have the variance
    G / (G - 1) Σ (Σ u)², as in ``uncertainty``. The second is NaN with fewer than two clusters.
    """
    everyone = Scores(counts.score, counts.n)
    s2, n = everyone.variance, everyone.count
    sums = np.bincount(cluster, counts.sums(((counts.score - everyone.mean) ** 2 - s2) / n))
    groups = np.count_nonzero(np.bincount(cluster, counts.sums()))
    return s2, float(groups / (groups - 1) * (sums @ sums)) if groups > 1 else NAN


def within_spread(a: Scores, b: Scores) -> tuple[float, float]:
    """Pooled variance inside two schools and the sampling variance of that, students of a school independent."""
    df = a.count + b.count - 2
    squares = np.concatenate([(x.score - x.mean) ** 2 for x in (a, b)])
    n = np.concatenate([a.n, b.n])
    s2 = float(n @ squares) / df
    return s2, float(n @ (squares - s2) ** 2) / df**2


def standardised(a: Scores, b: Scores, spread: tuple[float, float], level: float) -> Estimate:
    """Difference of two schools' means over a standard deviation that is itself estimated.

    d = (m_a - m_b) / s; var(d) = var(m_a - m_b) / s² + d² var(s²) / (4 s⁴) by linearisation, with Welch's variance of
    the difference and its degrees of freedom for t. NaN where nothing varies.
    """
    variance, df, _ = welch_t(a, b)
    s2, sampling = spread
    if np.isnan(variance) or not s2 > 0:
        return Estimate()
    d = float((a.mean - b.mean) / np.sqrt(s2))
    half = t_quantile(df, level) * np.sqrt(variance / s2 + d**2 * sampling / (4 * s2**2))
    return Estimate(d, d - half, d + half)


def newcombe(p: float, n: float, q: float, m: float, level: float) -> Estimate:
    """Difference p - q of two independent shares with Newcombe's (1998) hybrid score interval, his method 10."""
    z = normal(level)
    (p_low, p_high), (q_low, q_high) = wilson(p, n, z), wilson(q, m, z)
    below, above = np.hypot(p - p_low, q_high - q), np.hypot(p_high - p, q - q_low)
    return Estimate(float(p - q), float(p - q - below), float(p - q + above))


def normal(level: float) -> float:
    """Two-sided critical value of the normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))
