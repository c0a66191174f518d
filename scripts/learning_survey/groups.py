"""Groups of students compared: what the key-stage and gender stages share.

Groups of one study cross its schools (girls and boys) or do not (primary and secondary key stages). Each comparison is
made twice: as if students were independent, by the field's usual tests, and with variances clustered by school
(``uncertainty``), where a school's students may stand in several groups.

A group of fewer than ``min_group`` students is in no test. A group whose students all sit in one school is in no
clustered one: nothing tells the group from the school.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.bands import is_high
from learning_survey.uncertainty import (
    NAN,
    Codes,
    Estimate,
    cluster_variance,
    count_clusters,
    f_p,
    holm,
    mean,
    share,
    t_p,
    t_quantile,
    withhold,
)

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Instrument
    from learning_survey.students import Students

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Groups:
    """The groups of a comparison: ids, labels as printed, whether their order means something, each student's group."""

    ids: list[str]
    labels: list[str]
    ordered: bool
    of: Codes
    level: float = 0.95
    min_group: int = 10


@dataclass(frozen=True)
class Sample:
    """One dimension's scores of students who have one and are in a group; three arrays of length N."""

    x: Array
    group: Codes
    cluster: Codes

    @classmethod
    def of(cls, students: Students, dimension: str, groups: Groups) -> Sample:
        x = students.scores(dimension)
        keep = ~np.isnan(x) & (groups.of >= 0)
        return cls(x[keep], groups.of[keep], students.cluster[keep])

    def part(self, groups: list[int]) -> Sample:
        """Only the students in some groups."""
        keep = np.isin(self.group, groups)
        return Sample(self.x[keep], self.group[keep], self.cluster[keep])

    def within(self, group: int) -> Array:
        return self.x[self.group == group]

    def large(self, least: int) -> list[int]:
        """Groups of at least ``least`` students, and never fewer than two."""
        return [int(g) for g in np.unique(self.group) if (self.group == g).sum() >= max(least, 2)]

    def clustered(self, groups: list[int]) -> list[int]:
        """Those of ``groups`` whose students sit in two clusters or more."""
        return [g for g in groups if count_clusters(self.cluster[self.group == g]) > 1]


# ---------------------------------------------------------------- tables


def means(students: Students, instrument: Instrument, groups: Groups) -> pd.DataFrame:
    """Table ``*.means``: each group's mean and share high, clustered by the schools that have students in it."""
    import pandas as pd

    rows = []
    for dimension in instrument.dimension_ids:
        sample = Sample.of(students, dimension, groups)
        for g, name in enumerate(groups.ids):
            x, cluster = sample.within(g), sample.cluster[sample.group == g]
            estimate = mean(x, cluster, groups.level)
            rows.append(
                {
                    "dimension": dimension,
                    "group": name,
                    "group_label": groups.labels[g],
                    "group_order": g + 1,
                    "n": estimate.n,
                    "n_schools": estimate.clusters if students.schools else NAN,
                    **estimate.columns("mean"),
                    "sd": estimate.sd,
                    **share(is_high(x, instrument), cluster, groups.level).columns("share_high"),
                }
            )
    return withhold(pd.DataFrame(rows), "n", list(rows[0])[5:], groups.min_group)


def tests(students: Students, instrument: Instrument, groups: Groups) -> pd.DataFrame:
    """Table ``*.tests``: Welch's ANOVA, a clustered Wald test and, for ordered groups, the trend either way."""
    import pandas as pd

    rows = []
    for dimension in instrument.dimension_ids:
        sample = Sample.of(students, dimension, groups)
        large = sample.large(groups.min_group)
        crossing = sample.clustered(large)
        results = {
            "welch_anova": {**welch_anova(sample.part(large)), **Estimate().columns("slope")},
            "clustered_wald": {**clustered_wald(sample.part(crossing)), **Estimate().columns("slope")},
        }
        if groups.ordered:
            results["trend_naive"] = trend(sample.part(large), groups.level, robust=False)
            results["trend_clustered"] = trend(sample.part(crossing), groups.level, robust=True)
        rows += [{"dimension": dimension, "test": test, **result} for test, result in results.items()]
    frame = pd.DataFrame(rows)
    frame["p_holm"] = frame.groupby("test")["p"].transform(lambda p: holm(p.to_numpy()))
    return frame


def pairs(students: Students, instrument: Instrument, groups: Groups) -> pd.DataFrame:
    """Table ``*.pairs``: every pair in the order of the groups, first minus second."""
    import pandas as pd

    rows = []
    for dimension in instrument.dimension_ids:
        sample = Sample.of(students, dimension, groups)
        large = sample.large(groups.min_group)
        crossing = sample.clustered(large)
        games_howell = games_howell_p(sample.part(large))
        for a, b in combinations(range(len(groups.ids)), 2):
            shown = a in large and b in large
            first, second = sample.within(a), sample.within(b)
            g, p = Estimate(), NAN
            naive = hedges_g(first, second, groups.level) if shown else Estimate()
            if a in crossing and b in crossing:
                g, p = clustered_g(sample.part([a, b]), groups.level)
            elif shown:
                g = Estimate(naive.value)
            rows.append(
                {
                    "dimension": dimension,
                    "group_a": groups.ids[a],
                    "group_b": groups.ids[b],
                    "adjacent": groups.ordered and b == a + 1,
                    "n_a": len(first) if a in large else NAN,
                    "n_b": len(second) if b in large else NAN,
                    "difference": first.mean() - second.mean() if shown else NAN,
                    **g.columns("hedges_g"),
                    "naive_ci_low": naive.low,
                    "naive_ci_high": naive.high,
                    "p_games_howell": games_howell.get((a, b), NAN),
                    "p_clustered": p,
                }
            )
    frame = pd.DataFrame(rows)
    return frame.assign(p_holm=holm(frame["p_clustered"].to_numpy()))


# ---------------------------------------------------------------- students as if independent


def varied(x: Array) -> bool:
    """Whether there is any spread: a variance of rounding errors would pass for a real one."""
    return len(x) > 1 and float(np.ptp(x)) > 0


def welch_anova(sample: Sample) -> dict[str, float]:
    """Welch's (1951, Biometrika 38, 330-336) ANOVA by pingouin: statistic, df1, df2, p.

    NaN with fewer than two groups, or when the scores of a group do not vary.
    """
    groups = np.unique(sample.group)
    if len(groups) < 2 or not all(varied(sample.within(g)) for g in groups):
        return {"statistic": NAN, "df1": NAN, "df2": NAN, "p": NAN}
    import pandas as pd
    import pingouin

    data = pd.DataFrame({"score": sample.x, "group": sample.group})
    row = pingouin.welch_anova(data=data, dv="score", between="group").iloc[0]
    return {"statistic": row["F"], "df1": row["ddof1"], "df2": row["ddof2"], "p": row["p_unc"]}


def games_howell_p(sample: Sample) -> dict[tuple[int, int], float]:
    """Games & Howell's (1976, Journal of Educational Statistics 1, 113-125) p of each pair of groups, by pingouin.

    Groups whose scores do not vary are in no pair.
    """
    groups = [int(g) for g in np.unique(sample.group) if varied(sample.within(g))]
    if len(groups) < 2:
        return {}
    import pandas as pd
    import pingouin

    sample = sample.part(groups)
    data = pd.DataFrame({"score": sample.x, "group": sample.group})
    result = pingouin.pairwise_gameshowell(data=data, dv="score", between="group")
    # The distribution function of the studentised range is integrated numerically and can pass 1 by a rounding error.
    return {(int(r.A), int(r.B)): float(np.clip(r.pval, 0, 1)) for r in result.itertuples()}


def hedges_g(a: Array, b: Array, level: float) -> Estimate:
    """Hedges g of two samples, first minus second, with the interval of the noncentral t distribution.

    g = J(ν) (m_a - m_b) / s with the pooled SD s, ν = n_a + n_b - 2 and the exact J of Hedges (1981, Journal of
    Educational Statistics 6, 107-128, eq. 6e). Limits: Steiger & Fouladi (1997), as R's effectsize. NaN when a sample
    has fewer than two values or neither varies.
    """
    from scipy.special import nctdtrinc

    if min(len(a), len(b)) < 2 or not (varied(a) or varied(b)):
        return Estimate()
    df = len(a) + len(b) - 2
    scale, j = np.sqrt(1 / len(a) + 1 / len(b)), hedges_j(df)
    d = (a.mean() - b.mean()) / pooled_sd(a, b)
    tails = (0.5 + level / 2, 0.5 - level / 2)
    return Estimate(j * d, *(float(j * scale * nctdtrinc(df, tail, d / scale)) for tail in tails))


def hedges_j(df: float) -> float:
    """Hedges' (1981) correction, exact: Γ(ν/2) / (√(ν/2) Γ((ν-1)/2)); 0 for one degree of freedom."""
    from scipy.special import gammaln

    return float(np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / np.sqrt(df / 2)) if df > 1 else 0.0


def pooled_sd(a: Array, b: Array) -> float:
    """Root of the two variances (n - 1), weighted by their degrees of freedom."""
    squares = ((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()
    return float(np.sqrt(squares / (len(a) + len(b) - 2)))


# ---------------------------------------------------------------- clustered by school


def clustered_g(sample: Sample, level: float) -> tuple[Estimate, float]:
    """Hedges g of the two groups in ``sample`` (lower code minus higher) and p of the difference, both clustered.

    The difference is the slope of a regression on a dummy; its variance is CR1 with schools crossing the groups. The
    interval of g linearises the pooled SD as well: with e the deviation from the student's group mean,

        u_i = ± e_i / (n_group s) - d (e_i² - s²) / (2 s² (n_a + n_b - 2)).

    Both use t with one degree of freedom less than the clusters of the group that has fewer: a group of three schools
    tells no more for being held against eighty (Cameron & Miller 2015, section VI.D, on few treated clusters). NaN
    when neither group varies.
    """
    (a, b), groups = np.unique(sample.group), sample.group
    first, second = sample.within(a), sample.within(b)
    if not (varied(first) or varied(second)):
        return Estimate(), NAN
    s, df = pooled_sd(first, second), len(sample.x) - 2
    e = sample.x - np.where(groups == a, first.mean(), second.mean())
    difference = first.mean() - second.mean()
    d = difference / s
    mean_part = np.where(groups == a, e / len(first), -e / len(second))
    g_part = mean_part / s - d * (e**2 - s**2) / (2 * s**2 * df)
    variance, _ = cluster_variance(np.column_stack([mean_part, g_part]), sample.cluster, parameters=2)
    freedom = min(count_clusters(sample.cluster[groups == g]) for g in (a, b)) - 1
    se, j = np.sqrt(np.diag(variance)), hedges_j(df)
    half = t_quantile(freedom, level) * se[1]
    p = t_p(difference / se[0], freedom) if se[0] > 0 else NAN
    return Estimate(j * d, j * (d - half), j * (d + half)), p


def clustered_wald(sample: Sample) -> dict[str, float]:
    """Wald test that k group means are equal, with their CR1 covariance: F on k - 1 and G - 1 degrees of freedom.

    Cameron & Miller (2015), section VII.A. NaN with fewer than two groups, when the scores of a group do not vary, or
    when there are too few clusters for the covariance of k - 1 contrasts.
    """
    empty = {"statistic": NAN, "df1": NAN, "df2": NAN, "p": NAN}
    groups = np.unique(sample.group)
    k = len(groups)
    if k < 2 or not all(varied(sample.within(g)) for g in groups):
        return empty
    values = np.array([sample.within(g).mean() for g in groups])
    member = sample.group[:, None] == groups
    influence = np.where(member, (sample.x[:, None] - values) / member.sum(axis=0), 0.0)
    variance, clusters = cluster_variance(influence, sample.cluster, parameters=k)
    contrast = np.eye(k - 1, k) - np.eye(k - 1, k, 1)
    middle = contrast @ variance @ contrast.T
    if clusters < k or np.isnan(middle).any() or np.linalg.matrix_rank(middle) < k - 1:
        return empty
    step = contrast @ values
    f = float(step @ np.linalg.solve(middle, step)) / (k - 1)
    return {"statistic": f, "df1": k - 1, "df2": clusters - 1, "p": f_p(f, k - 1, clusters - 1)}


def trend(sample: Sample, level: float, *, robust: bool) -> dict[str, float]:
    """Least-squares slope of the score on the group's position, in standard deviations of all scores in ``sample``.

    ``robust=False``: students independent and the error variance constant, t on N - 2. ``robust=True``: CR1 variance,
    t on G - 1. The standard deviation counts as known. NaN with fewer than two groups, without spread, or with fewer
    than three clusters.
    """
    empty = {"statistic": NAN, "df1": NAN, "df2": NAN, "p": NAN, **Estimate().columns("slope")}
    if len(np.unique(sample.group)) < 2 or not varied(sample.x):
        return empty
    z = sample.group - sample.group.mean()
    squares = float(z @ z)
    slope = float(z @ sample.x) / squares
    e = sample.x - sample.x.mean() - slope * z
    if robust:
        variance, clusters = cluster_variance((z * e / squares)[:, None], sample.cluster, parameters=2)
        variance, df = float(variance[0, 0]), clusters - 1
    else:
        df = len(z) - 2
        variance = float(e @ e) / df / squares if df > 0 else NAN
    if not variance > 0 or df < 2:
        return empty
    se, sd = np.sqrt(variance), sample.x.std(ddof=1)
    half = t_quantile(df, level) * se
    estimate = Estimate(slope / sd, (slope - half) / sd, (slope + half) / sd)
    return {"statistic": slope / se, "df1": 1, "df2": df, "p": t_p(slope / se, df), **estimate.columns("slope")}
