"""Whether groups of students have the same alpha: with students as if independent, and with schools.

Groups are of one study and may share schools. Methods and sources: docs/methods/reliability.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_survey.jackknife import MOST, covariance, leave_one_out
from learning_survey.moments import Moments
from learning_survey.reliability import alpha
from learning_survey.uncertainty import NAN, f_p

Array = NDArray[np.float64]
Test = dict[str, float]
EMPTY: Test = {"statistic": NAN, "df1": NAN, "df2": NAN, "p": NAN}


def hakstian_whalen(alphas: Array, n: Array, p: int) -> Test:
    """Test that k independent groups have one alpha: Hakstian & Whalen (1976), Psychometrika 41, 219-231.

    ``alphas`` (k) of p items from ``n`` (k) students. (1 - alpha)^(1/3) is nearly normal with variance
    18 p (n-1) (1 - alpha)^(2/3) / ((p-1) (9n-11)²); the squared distances from their weighted mean, over these
    variances, add up to a chi-square on k - 1. For two groups it is near Feldt's (1969, Psychometrika 34, 363-373) F.
    NaN with fewer than two groups.
    """
    if len(alphas) < 2 or p < 2:
        return EMPTY
    from scipy.special import chdtrc

    t = np.cbrt(1 - alphas)
    weight = (p - 1) * (9 * n - 11) ** 2 / (18 * p * (n - 1) * t**2)
    statistic = float((weight * (t - (weight * t).sum() / weight.sum()) ** 2).sum())
    df = len(alphas) - 1
    return {"statistic": statistic, "df1": df, "df2": NAN, "p": float(chdtrc(df, statistic))}


def clustered(groups: list[Moments], seed: int) -> Test:
    """The same with schools: a Wald test of log(1 - alpha) whose covariance leaves out one school at a time.

    With v one less than the schools of the group that has fewest, the statistic is Hotelling's, T² (v - k + 2) /
    (v (k - 1)), as F on k - 1 and v - k + 2. NaN with fewer than two groups, a group whose students all sit in one
    school, or too few schools for k - 1 contrasts.
    """
    k = len(groups)
    if k < 2 or min(len(m.clusters) for m in groups) < 2:
        return EMPTY
    names = sorted({name for m in groups for name in m.clusters})
    with np.errstate(all="ignore"):
        theta = np.array([np.log(1 - alpha(m.pooled().cov())) for m in groups])
        again = np.stack([np.log(1 - alpha(leave_one_out(m.aligned(names), seed).cov())) for m in groups], axis=1)
        contrast = np.eye(k - 1, k) - np.eye(k - 1, k, 1)
        middle = contrast @ covariance(again) @ contrast.T
    v = min(MOST, *(len(m.clusters) for m in groups)) - 1
    df2 = v - k + 2
    if not np.isfinite(middle).all() or df2 < 1 or np.linalg.matrix_rank(middle) < k - 1:
        return EMPTY
    step = contrast @ theta
    f = float(step @ np.linalg.solve(middle, step)) * df2 / (v * (k - 1))
    return {"statistic": f, "df1": k - 1, "df2": df2, "p": f_p(f, k - 1, df2)}
