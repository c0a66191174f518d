"""Groups of students compared: what the key-stage and gender stages share.

Groups of one study cross its schools (girls and boys) or do not (primary and secondary key stages). Each comparison is
made twice: as if students were independent, by the field's usual tests, and with variances clustered by school
(``uncertainty``), where a school's students may stand in several groups. All of it needs only students counted by
score (``group_sample``), so its cost does not depend on how many they are.

A group of fewer than ``min_group`` students is in no test. A group whose students all sit in one school is in no
clustered one: nothing tells the group from the school.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.bands import is_high
from learning_survey.group_sample import Groups, Sample
from learning_survey.schemas import TABLES
from learning_survey.studentised_range import upper_tail
from learning_survey.uncertainty import NAN, Estimate, f_p, holm, mean, share, t_p, t_quantile, withhold

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.cells import Cells
    from learning_survey.instrument import Instrument

Array = NDArray[np.float64]


# ---------------------------------------------------------------- tables


def means(cells: Cells, instrument: Instrument, groups: Groups) -> pd.DataFrame:
    """Table ``*.means``: each group's mean and share high, clustered by the schools that have students in it."""
    import pandas as pd

    rows = []
    for dimension in instrument.dimension_ids:
        sample = Sample.of(cells, dimension, groups)
        for g, name in enumerate(groups.ids):
            part = sample.part([g])
            cluster = None if part.alone else part.cluster
            estimate = mean(part.x, cluster, groups.level, part.weight)
            numbers = {
                "n": estimate.n,
                "n_schools": NAN if part.alone else estimate.clusters,
                **estimate.columns("mean"),
                "sd": estimate.sd,
                **share(is_high(part.x, instrument), cluster, groups.level, part.weight).columns("share_high"),
            }
            rows.append(
                {
                    "dimension": dimension,
                    "group": name,
                    "group_label": groups.labels[g],
                    "group_order": g + 1,
                    **numbers,
                    "includes": joined_labels(groups, name),
                    "merged_with": label_of(groups, groups.merged.get(name)),
                    "primary_n": estimate.n,
                }
            )
    numbers = [c for c in rows[0] if c not in ("dimension", "group", "group_label", "group_order", "primary_n")]
    numbers = [c for c in numbers if c not in ("includes", "merged_with")]
    return withhold(pd.DataFrame(rows), "primary_n", numbers, groups.min_group).drop(columns="primary_n")


def label_of(groups: Groups, name: str | None) -> str | None:
    """A group's label."""
    return None if name is None else groups.labels[groups.ids.index(name)]


def joined_labels(groups: Groups, name: str) -> str | None:
    """Labels of the groups that are counted with ``name``."""
    return ", ".join(label_of(groups, k) for k, into in groups.merged.items() if into == name) or None


def tests(cells: Cells, instrument: Instrument, groups: Groups) -> pd.DataFrame:
    """Table ``*.tests``: Welch's ANOVA, a clustered Wald test and, for ordered groups, the trend either way."""
    import pandas as pd

    rows = []
    for dimension in instrument.dimension_ids:
        sample = Sample.of(cells, dimension, groups)
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


def pairs(cells: Cells, instrument: Instrument, groups: Groups) -> pd.DataFrame:
    """Table ``*.pairs``: every pair of ``Groups.compared`` in their order, first minus second."""
    import pandas as pd

    rows = []
    for dimension in instrument.dimension_ids:
        sample = Sample.of(cells, dimension, groups)
        large = sample.large(groups.min_group)
        crossing = sample.clustered(large)
        games_howell = games_howell_p(sample.part(large))
        for a, b in combinations(groups.compared, 2):
            shown, part = a in large and b in large, sample.part([a, b])
            g, p = Estimate(), NAN
            naive = noncentral_g(part, groups.level) if shown else Estimate()
            if a in crossing and b in crossing:
                g, p = clustered_g(part, groups.level)
            elif shown:
                g = Estimate(naive.value)
            numbers = {
                "n_a": part.size(a) if a in large else NAN,
                "n_b": part.size(b) if b in large else NAN,
                "difference": part.mean(a) - part.mean(b) if shown else NAN,
            }
            rows.append(
                {
                    "dimension": dimension,
                    "group_a": groups.ids[a],
                    "group_b": groups.ids[b],
                    "adjacent": groups.ordered and b == a + 1,
                    **numbers,
                    **g.columns("hedges_g"),
                    "naive_ci_low": naive.low,
                    "naive_ci_high": naive.high,
                    "p_games_howell": games_howell.get((a, b), NAN),
                    "p_clustered": p,
                }
            )
    columns = [c for c in TABLES["gender.pairs"].columns if c != "p_holm"]
    frame = pd.DataFrame(rows, columns=columns)  # no rows where all but one are counted with it
    return frame.assign(p_holm=holm(frame["p_clustered"].to_numpy()))


# ---------------------------------------------------------------- students as if independent


def welch_anova(sample: Sample) -> dict[str, float]:
    """Welch's (1951, Biometrika 38, 330-336) ANOVA from sizes, means and variances: statistic, df1, df2, p.

    NaN with fewer than two groups, or when the scores of a group do not vary.
    """
    groups = [int(g) for g in np.unique(sample.group)]
    k = len(groups)
    if k < 2 or not all(sample.varied(g) for g in groups):
        return {"statistic": NAN, "df1": NAN, "df2": NAN, "p": NAN}
    n, m, v = sizes_means_variances(sample, groups)
    w = n / v
    centre = w @ m / w.sum()
    lack = float(((1 - w / w.sum()) ** 2 / (n - 1)).sum())
    f = float(w @ (m - centre) ** 2 / (k - 1) / (1 + 2 * (k - 2) / (k**2 - 1) * lack))
    df2 = (k**2 - 1) / (3 * lack)
    return {"statistic": f, "df1": k - 1, "df2": df2, "p": f_p(f, k - 1, df2)}


def games_howell_p(sample: Sample) -> dict[tuple[int, int], float]:
    """Games & Howell's (1976, Journal of Educational Statistics 1, 113-125) p of each pair of groups.

    The studentised range has as many groups as vary, and Welch's degrees of freedom of the pair. Groups whose scores do
    not vary are in no pair.
    """
    groups = [int(g) for g in np.unique(sample.group) if sample.varied(int(g))]
    if len(groups) < 2:
        return {}
    n, m, v = sizes_means_variances(sample, groups)
    a, b = np.triu_indices(len(groups), 1)
    u, w = v[a] / n[a], v[b] / n[b]
    q = np.abs(m[a] - m[b]) / np.sqrt((u + w) / 2)
    df = (u + w) ** 2 / (u**2 / (n[a] - 1) + w**2 / (n[b] - 1))
    p = upper_tail(q, len(groups), df)
    return {(groups[i], groups[j]): float(value) for i, j, value in zip(a, b, p, strict=True)}


def sizes_means_variances(sample: Sample, groups: list[int]) -> tuple[Array, Array, Array]:
    """Students, mean and variance (n - 1) of each group."""
    n, m, squares = (np.array([of(g) for g in groups]) for of in (sample.size, sample.mean, sample.squares))
    return n, m, squares / (n - 1)


def hedges_g(a: Array, b: Array, level: float) -> Estimate:
    """Hedges g of two samples, first minus second; see ``noncentral_g``."""
    x, group = np.concatenate([a, b]), np.repeat([0, 1], [len(a), len(b)])
    return noncentral_g(Sample(x, group, group), level)


def noncentral_g(sample: Sample, level: float) -> Estimate:
    """Hedges g of the two groups in ``sample`` (lower code minus higher), interval by the noncentral t distribution.

    g = J(ν) (m_a - m_b) / s with the pooled SD s, ν = n_a + n_b - 2 and the exact J of Hedges (1981, Journal of
    Educational Statistics 6, 107-128, eq. 6e). Limits: Steiger & Fouladi (1997), as R's effectsize. NaN when a group
    has fewer than two students or neither varies.
    """
    from scipy.special import nctdtrinc

    groups = [int(g) for g in np.unique(sample.group)]
    n = [sample.size(g) for g in groups]
    if len(n) < 2 or min(n) < 2 or not any(sample.varied(g) for g in groups):
        return Estimate()
    df = sum(n) - 2
    scale, j = np.sqrt(1 / n[0] + 1 / n[1]), hedges_j(df)
    d = (sample.mean(groups[0]) - sample.mean(groups[1])) / pooled_sd(sample)
    tails = (0.5 + level / 2, 0.5 - level / 2)
    return Estimate(j * d, *(float(j * scale * nctdtrinc(df, tail, d / scale)) for tail in tails))


def hedges_j(df: float) -> float:
    """Hedges' (1981) correction, exact: Γ(ν/2) / (√(ν/2) Γ((ν-1)/2)); 0 for one degree of freedom."""
    from scipy.special import gammaln

    return float(np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / np.sqrt(df / 2)) if df > 1 else 0.0


def pooled_sd(sample: Sample) -> float:
    """Root of the variances (n - 1) of two groups, weighted by their degrees of freedom."""
    return float(np.sqrt(sum(sample.squares(int(g)) for g in np.unique(sample.group)) / (sample.students - 2)))


# ---------------------------------------------------------------- clustered by school


def clustered_g(sample: Sample, level: float) -> tuple[Estimate, float]:
    """Hedges g of the two groups in ``sample`` (lower code minus higher) and p of the difference, both clustered.

    The difference is the slope of a regression on a dummy; its variance is CR1 with schools crossing the groups. The
    interval of g linearises the pooled SD as well: with e the deviation from the student's group mean,

        u_i = ± e_i / (n_group s) - d (e_i² - s²) / (2 s² (n_a + n_b - 2)).

    Both use t with ``Sample.freedom``. NaN when neither group varies.
    """
    (a, b), groups = (int(g) for g in np.unique(sample.group)), sample.group
    if not (sample.varied(a) or sample.varied(b)):
        return Estimate(), NAN
    s, df = pooled_sd(sample), sample.students - 2
    mean_a, mean_b = sample.mean(a), sample.mean(b)
    e = sample.x - np.where(groups == a, mean_a, mean_b)
    d = (mean_a - mean_b) / s
    mean_part = np.where(groups == a, e / sample.size(a), -e / sample.size(b))
    g_part = mean_part / s - d * (e**2 - s**2) / (2 * s**2 * df)
    variance, _ = sample.variance(np.column_stack([mean_part, g_part]), parameters=2)
    freedom = sample.freedom()
    se, j = np.sqrt(np.diag(variance)), hedges_j(df)
    half = t_quantile(freedom, level) * se[1]
    p = t_p((mean_a - mean_b) / se[0], freedom) if se[0] > 0 else NAN
    return Estimate(j * d, j * (d - half), j * (d + half)), p


def clustered_means(sample: Sample) -> tuple[Array, Array, int]:
    """Means of k groups (k), their CR1 covariance (k × k) and the number of clusters."""
    groups = np.unique(sample.group)
    values = np.array([sample.mean(int(g)) for g in groups])
    member = sample.group[:, None] == groups
    sizes = np.array([sample.size(int(g)) for g in groups])
    influence = np.where(member, (sample.x[:, None] - values) / sizes, 0.0)
    return values, *sample.variance(influence, parameters=len(groups))


def clustered_steps(sample: Sample) -> tuple[Array, Array, int] | None:
    """Each group's mean minus the next one's (k - 1), their CR1 covariance, and the number of clusters.

    None with fewer than two groups, when the scores of a group do not vary, or when there are too few clusters for the
    covariance of k - 1 contrasts.
    """
    groups = np.unique(sample.group)
    k = len(groups)
    if k < 2 or not all(sample.varied(int(g)) for g in groups):
        return None
    values, variance, clusters = clustered_means(sample)
    contrast = np.eye(k - 1, k) - np.eye(k - 1, k, 1)
    middle = contrast @ variance @ contrast.T
    if clusters < k or np.isnan(middle).any() or np.linalg.matrix_rank(middle) < k - 1:
        return None
    return contrast @ values, middle, clusters


def clustered_wald(sample: Sample) -> dict[str, float]:
    """Wald test that k group means are equal, with their CR1 covariance: F on k - 1 and G - 1 degrees of freedom.

    Cameron & Miller (2015), section VII.A. NaN where ``clustered_steps`` has none.
    """
    found = clustered_steps(sample)
    if found is None:
        return {"statistic": NAN, "df1": NAN, "df2": NAN, "p": NAN}
    step, variance, clusters = found
    k = len(step)
    f = float(step @ np.linalg.solve(variance, step)) / k
    return {"statistic": f, "df1": k, "df2": clusters - 1, "p": f_p(f, k, clusters - 1)}


def trend(sample: Sample, level: float, *, robust: bool) -> dict[str, float]:
    """Least-squares slope of the score on the group's position, in standard deviations of all scores in ``sample``.

    ``robust=False``: students independent and the error variance constant, t on N - 2. ``robust=True``: CR1 variance,
    t on G - 1. The standard deviation counts as known. NaN with fewer than two groups, without spread, or with fewer
    than three clusters.
    """
    empty = {"statistic": NAN, "df1": NAN, "df2": NAN, "p": NAN, **Estimate().columns("slope")}
    if len(np.unique(sample.group)) < 2 or not sample.varied():
        return empty
    weight, n = sample.weight, sample.students
    z = sample.group - float(np.average(sample.group, weights=weight))
    squares = float(weight @ z**2)
    slope = float((weight * z) @ sample.x) / squares
    e = sample.x - sample.mean() - slope * z
    if robust:
        covariance, clusters = sample.variance((z * e / squares)[:, None], parameters=2)
        variance, df = float(covariance[0, 0]), clusters - 1.0
    else:
        df = n - 2
        variance = float(weight @ e**2) / df / squares if df > 0 else NAN
    if not variance > 0 or df < 2:
        return empty
    se, sd = np.sqrt(variance), np.sqrt(sample.squares() / (n - 1))
    half = t_quantile(df, level) * se
    estimate = Estimate(slope / sd, (slope - half) / sd, (slope + half) / sd)
    return {"statistic": slope / se, "df1": 1, "df2": df, "p": t_p(slope / se, df), **estimate.columns("slope")}
