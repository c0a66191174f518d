"""Schools compared: how much they differ, shrunken means, top against bottom, strong learning cultures.

Sums by school (n_j, Σx, Σx²) are all that the variance components need. Schools with fewer students than
``least_students`` count in the components and appear nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey import jackknife
from learning_survey.bands import is_high
from learning_survey.config import ALL
from learning_survey.describe import row_mean
from learning_survey.errors import SurveyError
from learning_survey.uncertainty import NAN, Codes, Estimate, cluster_variance, holm, t_p, t_quantile, wilson, withhold

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Instrument, Loaded
    from learning_survey.students import Students

Array = NDArray[np.float64]


def least_students(study: Loaded) -> int:
    """The smallest school that is shown or ranked: the plan's minimum, and never under the study's ``min_group``."""
    from learning_survey.config import SchoolPlan

    return max((study.schools or SchoolPlan()).min_students, study.min_group)


def overall(students: Students, instrument: Instrument) -> Array:
    """Each student's mean over the dimensions that have a score; NaN where none has."""
    return row_mean(students.scores(dimension) for dimension in instrument.dimension_ids)


# ---------------------------------------------------------------- variance components


@dataclass(frozen=True)
class Sums:
    """Additive sums of one score by school, three arrays of length G: students, Σx, Σx². Every school has a student."""

    n: Array
    s: Array
    q: Array

    @classmethod
    def of(cls, x: Array, school: Codes) -> Sums:
        """Of scores ``x`` (N) in ``school`` (N codes); without either a student is left out, as is an empty school."""
        keep = ~np.isnan(x) & (school >= 0)
        x, school = x[keep], school[keep]
        # Centred, Σx² keeps its digits where scores lie far from zero; components do not depend on the centre.
        centred = x - x.mean() if len(x) else x
        n, s, q = (np.bincount(school, weights=w) for w in (np.ones(len(x)), centred, centred**2))
        return cls(n[n > 0], s[n > 0], q[n > 0])

    def without_each(self) -> Sums:
        """G samples that each lack one school: arrays of G × G, where a school left out has no students."""
        keep = 1.0 - np.eye(len(self.n))
        return Sums(keep * self.n, keep * self.s, keep * self.q)


@dataclass(frozen=True)
class Components:
    """One-way random effects by the ANOVA method; see ``components``."""

    students: int
    schools: int
    mean_size: float
    between: float = NAN
    within: float = NAN
    icc1: float = NAN
    icc2: float = NAN


def mean_squares(sums: Sums) -> tuple[Array, Array, Array]:
    """Mean squares between and within schools and n0, along the last axis."""
    students, schools = sums.n.sum(axis=-1), (sums.n > 0).sum(axis=-1)
    square = sums.s**2 / np.where(sums.n > 0, sums.n, 1.0)
    between = (square.sum(axis=-1) - sums.s.sum(axis=-1) ** 2 / students) / (schools - 1)
    within = (sums.q - square).sum(axis=-1) / (students - schools)
    return between, within, (students - (sums.n**2).sum(axis=-1) / students) / (schools - 1)


def components(sums: Sums) -> Components:
    """Variance components and intraclass correlations of unbalanced schools.

    With mean squares MSB and MSW and n0 = (N - Σ n_j² / N) / (G - 1): variance between (MSB - MSW) / n0, not below 0;
    icc1 = (MSB - MSW) / (MSB + (n0 - 1) MSW), which is negative where schools differ less than chance would make
    them; icc2 = (MSB - MSW) / MSB. Searle, Casella & McCulloch (1992), Variance Components, section 3.6; Bliese (2000).
    NaN with fewer than two schools, or where students in a school do not differ.
    """
    students, schools = int(sums.n.sum()), len(sums.n)
    size = students / schools if schools else NAN
    if schools < 2 or students <= schools:
        return Components(students, schools, size)
    between, within, n0 = (float(v) for v in mean_squares(sums))
    if not within > 1e-12 * (1 + abs(between)):
        return Components(students, schools, size)
    return Components(
        students,
        schools,
        size,
        max(0.0, (between - within) / n0),
        within,
        (between - within) / (between + (n0 - 1) * within),
        (between - within) / between if between > 0 else NAN,
    )


def icc1_interval(sums: Sums, level: float) -> Estimate:
    """icc1 with a jackknife interval over schools.

    r = variance between / variance within is jackknifed on the scale θ = log(r + 1 / n0), leaving out a school at a
    time, and its limits (``jackknife.interval``) go back to icc1 = r / (1 + r) (Arvesen & Schmitz 1970, Biometrics 26,
    677-686). It needs neither equal sizes nor normal school effects; how it fares beside others is in
    docs/methods/comparisons.md. NaN limits with fewer than three schools.
    """
    full = components(sums)
    if np.isnan(full.icc1) or full.schools < 3:
        return Estimate(full.icc1)
    between, within, n0 = mean_squares(sums)
    with np.errstate(divide="ignore", invalid="ignore"):  # without its one larger school a sample may have no MSW
        b, w, size = mean_squares(sums.without_each())
    if not between > 0 or not (w > 0).all():
        return Estimate(full.icc1)
    least = 1e-9 / n0  # a sample without one school may have a smaller n0, and its r may pass below -1 / n0
    theta = float(np.log(between / within / n0))
    left_out = np.log(np.maximum((b / w - 1) / size + 1 / n0, least))
    ratios = (np.exp(limit) - 1 / n0 for limit in jackknife.interval(np.array(theta), left_out, level))
    return Estimate(full.icc1, *(float(r / (1 + r)) for r in ratios))


def variance(students: Students, instrument: Instrument, level: float, min_group: int) -> pd.DataFrame:
    """Table ``schools.variance``; design effect and effective sample after Kish (1965), with icc1 not below 0."""
    import pandas as pd

    rows = []
    for dimension in instrument.dimension_ids:
        sums = Sums.of(students.scores(dimension), students.school)
        c = components(sums)
        effect = 1 + (c.mean_size - 1) * max(c.icc1, 0.0) if not np.isnan(c.icc1) else NAN
        rows.append(
            {
                "dimension": dimension,
                "n": c.students,
                "n_schools": c.schools,
                "variance_between": c.between,
                "variance_within": c.within,
                **icc1_interval(sums, level).columns("icc1"),
                "icc2": c.icc2,
                "design_effect": effect,
                "effective_n": c.students / effect,
            }
        )
    return withhold(pd.DataFrame(rows), "n", list(rows[0])[2:], min_group)


# ---------------------------------------------------------------- school means


def shrunken(n: Array, means: Array, c: Components, level: float) -> list[Estimate]:
    """Empirical Bayes means of schools with ``n`` students and raw ``means`` (G each), components taken as known.

    With v_j = between + within / n_j, λ_j = between / v_j and the weighted overall mean μ = Σ(m_j/v_j) / Σ(1/v_j): the
    shrunken mean is μ + λ_j (m_j - μ), its prediction variance between (1 - λ_j) + (1 - λ_j)² / Σ(1/v_j), its interval
    t with G - 1 degrees of freedom. Morris (1983, JASA 78, 47-55); Raudenbush & Bryk (2002), ch. 3. NaN without
    components.
    """
    if np.isnan(c.between):
        return [Estimate()] * len(n)
    v = c.between + c.within / n
    reliability, precision = c.between / v, (1 / v).sum()
    centre = (means / v).sum() / precision
    value = centre + reliability * (means - centre)
    se = np.sqrt(c.between * (1 - reliability) + (1 - reliability) ** 2 / precision)
    half = t_quantile(c.schools - 1, level) * se
    return [Estimate(float(x), float(x - h), float(x + h)) for x, h in zip(value, half, strict=True)]


def means(students: Students, instrument: Instrument, level: float, least: int) -> pd.DataFrame:
    """Table ``schools.means``: for each dimension and for 'all', every school with students.

    'all' takes each student's mean over the dimensions; its share high is the mean over dimensions of the school's
    shares.
    A school with fewer than ``least`` students keeps its row, without numbers and without a rank.
    """
    import pandas as pd

    frames = []
    for dimension in [*instrument.dimension_ids, ALL]:
        x = overall(students, instrument) if dimension == ALL else students.scores(dimension)
        keep = ~np.isnan(x) & (students.school >= 0)
        school, x = students.school[keep], x[keep]
        count = len(students.schools)
        n = np.bincount(school, minlength=count).astype(float)
        some = n > 0
        mean = np.full(count, NAN)
        mean[some] = np.bincount(school, weights=x, minlength=count)[some] / n[some]
        drawn = [Estimate()] * count
        for j, estimate in zip(
            np.flatnonzero(some), shrunken(n[some], mean[some], components(Sums.of(x, school)), level), strict=True
        ):
            drawn[j] = estimate
        frame = pd.DataFrame(
            {"dimension": dimension, "school": students.schools, "n": n, "mean": mean},
            index=range(count),
        ).join(pd.DataFrame([e.columns("shrunken") for e in drawn], columns=list(Estimate().columns("shrunken"))))
        if dimension == ALL:
            frame["share_high"] = row_mean(f["share_high"].to_numpy() for f in frames)
        else:
            high = np.bincount(school, weights=is_high(x, instrument), minlength=count)
            frame["share_high"] = np.divide(high, n, out=np.full(count, NAN), where=some)
        frames.append(frame)
    numbers = ["mean", *Estimate().columns("shrunken"), "share_high"]
    frame = withhold(pd.concat(frames, ignore_index=True), "n", numbers, least)
    return frame.assign(rank=frame.groupby("dimension")["mean"].rank(ascending=False, method="min"))


def require_schools(students: Students) -> None:
    """Raise SurveyError where no student has a school."""
    if not students.schools:
        raise SurveyError(
            "no student has a school",
            where=students.source,
            remedy="Correct columns.school in the study's file, or take 'schools' and 'inspection' out of it.",
        )


# ---------------------------------------------------------------- top against bottom


def extremes(students: Students, instrument: Instrument, school_means: pd.DataFrame, study: Loaded) -> pd.DataFrame:
    """Table ``schools.extremes``; top and bottom are the first and last school of 'all' in ``school_means``.

    The two schools are taken as they are: intervals and p describe their students, not a choice of two among many. Gap:
    Newcombe's (1998, Statistics in Medicine 17, 873-890) method 10. p: Welch's (1947) t. With fewer than two ranked
    schools the rows have no numbers; a dimension that too few students answered in either school has none either.
    """
    import pandas as pd

    level, least = study.resampling.level, least_students(study)
    top, bottom = top_and_bottom(school_means)
    rows = []
    for dimension in instrument.dimension_ids:
        x = students.scores(dimension)
        first, second = (
            x[(students.school == students.schools.index(name)) & ~np.isnan(x)] if name else np.empty(0)
            for name in (top, bottom)
        )
        row = {"dimension": dimension, "top_school": top, "bottom_school": bottom}
        if min(len(first), len(second)) < least:
            rows.append(row)
            continue
        high = [is_high(group, instrument).mean() for group in (first, second)]
        gap = newcombe(high[0], len(first), high[1], len(second), level)
        effects = {
            "total": standardised(first, second, total_spread(x, students.cluster), level),
            "pooled_within": standardised(first, second, within_spread(first, second), level),
        }
        rows.append(
            {
                **row,
                "n_top": len(first),
                "n_bottom": len(second),
                "mean_top": first.mean(),
                "mean_bottom": second.mean(),
                "share_top": high[0],
                "share_bottom": high[1],
                **Estimate(100 * gap.value, 100 * gap.low, 100 * gap.high).columns("gap"),
                **effects["total"].columns("d_total"),
                **effects["pooled_within"].columns("d_pooled_within"),
                **effects[study.schools.standardiser].columns("d"),
                "p": welch_t(first, second)[2],
            }
        )
    from learning_survey.schemas import TABLES

    frame = pd.DataFrame(rows, columns=list(TABLES["schools.extremes"].columns))
    return frame.assign(p_holm=holm(frame["p"].to_numpy(float)))


def top_and_bottom(school_means: pd.DataFrame) -> tuple[str | None, str | None]:
    """First and last school of 'all' by mean (the first in name where means are equal); none with fewer than two."""
    ranked = school_means[(school_means["dimension"] == ALL) & school_means["mean"].notna()]
    if len(ranked) < 2:
        return None, None
    ranked = ranked.sort_values(["mean", "school"], ascending=[False, True])
    return str(ranked["school"].iloc[0]), str(ranked["school"].iloc[-1])


def welch_t(a: Array, b: Array) -> tuple[float, float, float]:
    """Variance of the difference of two means, Welch's (1947, Biometrika 34, 28-35) degrees of freedom and p.

    NaN where a sample has fewer than two values or neither varies.
    """
    if min(len(a), len(b)) < 2 or max(np.ptp(a), np.ptp(b)) == 0:
        return NAN, NAN, NAN
    parts = [x.var(ddof=1) / len(x) if np.ptp(x) > 0 else 0.0 for x in (a, b)]
    variance = float(sum(parts))
    df = variance**2 / sum(v**2 / (len(x) - 1) for v, x in zip(parts, (a, b), strict=True))
    return variance, float(df), t_p((a.mean() - b.mean()) / np.sqrt(variance), df)


def total_spread(x: Array, cluster: Codes) -> tuple[float, float]:
    """Variance of all scores (n - 1) and the sampling variance of that, clustered by school."""
    answered = ~np.isnan(x)
    x, cluster = x[answered], cluster[answered]
    s2 = float(x.var(ddof=1))
    sampling, _ = cluster_variance((((x - x.mean()) ** 2 - s2) / len(x))[:, None], cluster)
    return s2, float(sampling[0, 0])


def within_spread(a: Array, b: Array) -> tuple[float, float]:
    """Pooled variance inside two schools and the sampling variance of that, students of a school independent."""
    df = len(a) + len(b) - 2
    squares = np.concatenate([(x - x.mean()) ** 2 for x in (a, b)])
    s2 = float(squares.sum()) / df
    return s2, float(((squares - s2) ** 2).sum()) / df**2


def standardised(a: Array, b: Array, spread: tuple[float, float], level: float) -> Estimate:
    """Difference of two schools' means over a standard deviation that is itself estimated.

    d = (m_a - m_b) / s; var(d) = var(m_a - m_b) / s² + d² var(s²) / (4 s⁴) by linearisation, with Welch's variance of
    the difference and its degrees of freedom for t. NaN where nothing varies.
    """
    variance, df, _ = welch_t(a, b)
    s2, sampling = spread
    if np.isnan(variance) or not s2 > 0:
        return Estimate()
    d = float((a.mean() - b.mean()) / np.sqrt(s2))
    half = t_quantile(df, level) * np.sqrt(variance / s2 + d**2 * sampling / (4 * s2**2))
    return Estimate(d, d - half, d + half)


def newcombe(p: float, n: int, q: float, m: int, level: float) -> Estimate:
    """Difference p - q of two independent shares with Newcombe's (1998) hybrid score interval, his method 10."""
    z = _normal(level)
    (p_low, p_high), (q_low, q_high) = wilson(p, n, z), wilson(q, m, z)
    below, above = np.hypot(p - p_low, q_high - q), np.hypot(p_high - p, q - q_low)
    return Estimate(float(p - q), float(p - q - below), float(p - q + above))


def _normal(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


# ---------------------------------------------------------------- strong learning cultures


def strong_culture(school_means: pd.DataFrame, study: Loaded) -> pd.DataFrame:
    """Table ``schools.strong_culture``: one row, or none where the study defines no strong culture.

    Schools are units and the ranked ones a sample of schools: the share has Wilson's interval; the ratio of mean shares
    high, strong over rest, a percentile interval from resampling schools with the study's seed. A resample without
    a school on either side has no ratio and is left out; with fewer than two schools on a side there is no interval.
    """
    import pandas as pd

    from learning_survey.schemas import TABLES

    columns = list(TABLES["schools.strong_culture"].columns)
    plan = study.schools.strong_culture
    if plan is None:
        return pd.DataFrame(columns=columns)
    share = school_means.loc[school_means["dimension"] == ALL, "share_high"].dropna().to_numpy()
    strong = share >= plan.min_share
    count, total = int(strong.sum()), len(share)
    row = {
        "measure": "share_high",
        "definition": (
            f"a school's share of students rated high, averaged over the dimensions, is at least {plan.min_share:.0%}"
        ),
        "n_schools": count,
        "n_rest": total - count,
        **Estimate().columns("share"),
        "strong_mean": share[strong].mean() if count else NAN,
        "rest_mean": share[~strong].mean() if count < total else NAN,
        **ratio_interval(share, strong, study).columns("ratio"),
    }
    if total:
        limits = wilson(count / total, total, _normal(study.resampling.level)) if total > 1 else (NAN, NAN)
        row.update(Estimate(count / total, *limits).columns("share"))
    return pd.DataFrame([row], columns=columns)


def ratio_interval(share: Array, strong: NDArray[np.bool_], study: Loaded) -> Estimate:
    """Mean of ``share`` over strong schools divided by that over the rest, with the interval of ``strong_culture``."""
    sides = np.column_stack([strong, ~strong]).astype(float)
    schools = sides.sum(axis=0)
    if schools.min() < 1 or not share[~strong].mean() > 0:
        return Estimate()
    value = float(share[strong].mean() / share[~strong].mean())
    if schools.min() < 2:
        return Estimate(value)
    total = len(share)
    rng = np.random.default_rng(study.seed)
    weights = rng.multinomial(total, np.full(total, 1 / total), size=study.resampling.draws).astype(float)
    drawn, sums = weights @ sides, weights @ (sides * share[:, None])
    usable = (drawn > 0).all(axis=1) & (sums[:, 1] > 0)
    means = sums[usable] / drawn[usable]
    tail = (1 - study.resampling.level) / 2
    low, high = np.quantile(means[:, 0] / means[:, 1], [tail, 1 - tail])
    return Estimate(value, float(low), float(high))
