"""How large a difference between two groups is, by several measures; intervals know that students sit in schools.

**Standardised differences** divide the difference of means by one of three standard deviations inside the groups
(Hedges 2007, Journal of Educational and Behavioral Statistics 32, 341-370): of students within schools (W), of schools
(B), and of students at large, s_T² = s_W² + s_B² (s_W² where s_B² comes out below 0; then there is no g over s_B). A
unit is a school's students of one group: n_c of the group's N_g; there are M units and N students. With SSW_c and SSB_c
the sums of squares within unit c and of its mean about the group's mean, n_c (m_c - m_g)²,

    s_W² = Σ SSW_c / (N - M),    s_B² = (Σ SSB_c - (M - 2) s_W²) / D,    D = Σ_g (N_g - Σ_c n_c² / N_g).

Where schools are of one size and hold one group each, these are Hedges' d_W, d_B and d_T with the intraclass
correlation estimated by the analysis of variance. Where groups cross schools his variances do not hold: a school's two
units are alike. So all intervals are linearised. Unit c moves s_W² by w_c = (SSW_c - s_W² (n_c - 1)) / (N - M) and
s_B² by

    b_c = (SSB_c - s_W² (1 - n_c / N_g) - s_B² (n_c - n_c² / N_g) - (M - 2) w_c) / D,

and d = difference / s by u_c = ± n_c (m_c - m_g) / (N_g s) - d v_c / (2 s²), with v_c what it does to s². Their
CR2 variance is ``Sample.cr2``, Student's t has ``Sample.freedom``. g = J(h) d, where h = 2 s⁴ / var(s²) are the
degrees of freedom that s² has, as Hedges (2007) has them for his design. Few schools tell s_B, whose errors are skewed:
the limits of d_B add those of the difference, ± e / s_B, and those of s_B on the scale of its logarithm, ± f, in
squares (Zou & Donner 2008, Statistics in Medicine 27, 1693-1702): for d > 0 they are

    d - √((e/s)² + d² (1 - exp(-f))²),    d + √((e/s)² + d² (exp(f) - 1)²).

**Probability of superiority**: that a student of the first group scores higher than one of the second, ties half
(Vargha & Delaney 2000, Journal of Educational and Behavioral Statistics 25, 101-132). Influence by placement values, as
Obuchowski (1997, Biometrics 53, 567-578) clusters them; interval on the scale of log odds.

**Difference in share high**: in percentage points, first minus second. Both have the CR2 variance too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey import groups as comparison
from learning_survey.bands import EXACT
from learning_survey.group_sample import Groups, Sample
from learning_survey.groups import clustered_g, hedges_j, noncentral_g, pooled_sd
from learning_survey.schemas import TABLES
from learning_survey.uncertainty import NAN, Codes, Estimate, t_quantile

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.cells import Cells
    from learning_survey.instrument import Instrument

Array = NDArray[np.float64]
AGREES = (0.05, 0.25)
"""How far g of ranks may lie from g: so far, or this part of g where that is more."""


def tables(cells: Cells, instrument: Instrument, groups: Groups) -> dict[str, pd.DataFrame]:
    """The tables that key stages and genders both have, by the second part of their names."""
    return {
        "means": comparison.means(cells, instrument, groups),
        "tests": comparison.tests(cells, instrument, groups),
        "pairs": comparison.pairs(cells, instrument, groups),
        "effects": effects(cells, instrument, groups),
    }


def effects(cells: Cells, instrument: Instrument, groups: Groups) -> pd.DataFrame:
    """Table ``*.effects``: every pair of ``Groups.compared`` in their order, first minus second."""
    import pandas as pd

    rows = []
    for dimension in instrument.dimension_ids:
        sample = Sample.of(cells, dimension, groups)
        large = sample.large(groups.min_group)
        for a, b in combinations(groups.compared, 2):
            part = sample.part([a, b])
            shown = a in large and b in large and part.varied()
            found = of_pair(part, instrument, groups.level) if shown else nothing()
            sizes = {"n_a": part.size(a) if a in large else NAN, "n_b": part.size(b) if b in large else NAN}
            names = {"dimension": dimension, "group_a": groups.ids[a], "group_b": groups.ids[b]}
            rows.append(names | sizes | found)
    return pd.DataFrame(rows, columns=list(TABLES["gender.effects"].columns))


def of_pair(sample: Sample, instrument: Instrument, level: float) -> dict[str, float | str | None]:
    """Every measure of the two groups in ``sample``, lower code minus higher, by column."""
    spread = standardised(sample, level)
    superior = superiority(sample, level)
    difference = share_difference(sample, instrument.high_from, level)
    cliff = Estimate(*(2 * value - 1 for value in (superior.value, superior.low, superior.high)))
    ranks = normal_scores_g(superior.value)
    return {
        "schools_both": NAN if sample.alone else schools_with_both(sample),
        **spread.total.columns("g_total"),
        **spread.within.columns("g_within"),
        **spread.between.columns("g_between"),
        "sd_total": spread.sd_total,
        "sd_within": spread.sd_within,
        "sd_between": spread.sd_between,
        **superior.columns("p_superiority"),
        **Estimate(*(100 * value for value in (difference.value, difference.low, difference.high))).columns(
            "share_difference"
        ),
        **cliff.columns("cliffs_delta"),
        "g_ranks": ranks,
        "ordinal_check": ordinal_check(spread.total, superior, ranks),
    }


def nothing() -> dict[str, float | None]:
    """The columns of a pair that has no numbers."""
    estimates = ("g_total", "g_within", "g_between", "p_superiority", "share_difference", "cliffs_delta")
    columns: dict[str, float | None] = {"schools_both": NAN, "g_ranks": NAN, "ordinal_check": None}
    columns |= dict.fromkeys(("sd_total", "sd_within", "sd_between"), NAN)
    for name in estimates:
        columns |= Estimate().columns(name)
    return columns


# ---------------------------------------------------------------- standardised differences


@dataclass(frozen=True)
class Standardised:
    """A difference over each standard deviation, and these; NaN where one cannot be had."""

    total: Estimate
    within: Estimate = field(default_factory=Estimate)
    between: Estimate = field(default_factory=Estimate)
    sd_total: float = NAN
    sd_within: float = NAN
    sd_between: float = NAN


@dataclass(frozen=True)
class Units:
    """A school's students of one group: students, mean, sum of squares about it, group (0, 1); each entry's unit."""

    n: Array
    m: Array
    ssw: Array
    group: Codes
    at: Codes

    @classmethod
    def of(cls, sample: Sample) -> Units:
        second = (sample.group == sample.group.max()).astype(np.int64)
        key, at = np.unique(second * (sample.cluster.max() + 1) + sample.cluster, return_inverse=True)
        n = np.bincount(at, sample.weight)
        m = np.bincount(at, sample.weight * sample.x) / n
        ssw = np.bincount(at, sample.weight * (sample.x - m[at]) ** 2)
        return cls(n, m, ssw, key // (sample.cluster.max() + 1), at)

    @property
    def of_group(self) -> Array:
        """Students of each unit's group."""
        return np.bincount(self.group, self.n)[self.group]


def standardised(sample: Sample, level: float) -> Standardised:
    """The two groups of ``sample``: module docstring's formulae. No interval for a group that sits in one cluster.

    Without schools only students at large are known, and g is that of ``clustered_g``.
    """
    if sample.alone:
        return Standardised(clustered_g(sample, level)[0], sd_total=pooled_sd(sample))
    units = Units.of(sample)
    n, size, N, M = units.n, units.of_group, sample.students, len(units.n)
    D = float((n - n**2 / size).sum())
    if M < 4 or N <= M or D <= 0 or not units.ssw.sum() > 0:  # nothing tells schools from students
        return Standardised(noncentral_g(sample, level).without_interval(), sd_total=pooled_sd(sample))
    means = np.bincount(units.group, n * units.m) / np.bincount(units.group, n)
    apart = units.m - means[units.group]
    within = float(units.ssw.sum()) / (N - M)
    w = (units.ssw - within * (n - 1)) / (N - M)
    ssb = n * apart**2
    between = (float(ssb.sum()) - (M - 2) * within) / D
    b = (ssb - within * (1 - n / size) - between * (n - n**2 / size) - (M - 2) * w) / D
    moved = np.where(units.group == 0, 1, -1) * n * apart / size
    critical = t_quantile(sample.freedom(), level)

    def over(square: float, v: Array) -> tuple[float, float, Array]:
        """The difference over s, the root of ``square``, which each unit moves by ``v``; s; half widths of intervals.

        Three: of the ratio by its influence, of the difference over s with s taken as known, and of log s.
        """
        if not square > 0:
            return NAN, NAN, np.full(3, NAN)
        s = float(np.sqrt(square))
        d = float(means[0] - means[1]) / s
        log_s = v / (2 * square)
        influence = np.column_stack([moved / s - d * log_s, moved / s, log_s]) / n[:, None]
        return d, s, critical * np.sqrt(np.diag(sample.cr2(influence[units.at])))

    def linear(square: float, v: Array) -> tuple[Estimate, float]:
        d, s, half = over(square, v)
        j = hedges_j((critical / half[2]) ** 2 / 2)
        return Estimate(j * d, j * (d - half[0]), j * (d + half[0])), s

    def skewed(square: float, v: Array) -> tuple[Estimate, float]:
        d, s, half = over(square, v)
        j = hedges_j((critical / half[2]) ** 2 / 2)
        near, far = abs(d) * -np.expm1(-half[2]), abs(d) * np.expm1(half[2])
        below, above = (near, far) if d > 0 else (far, near)
        return Estimate(j * d, float(d - np.hypot(half[1], below)), float(d + np.hypot(half[1], above))), s

    total = (within + between, w + b) if between > 0 else (within, w)
    found = [linear(*total), linear(within, w), skewed(between, b)]
    return Standardised(*(estimate for estimate, _ in found), *(s for _, s in found))


def schools_with_both(sample: Sample) -> int:
    """Schools with students of both groups."""
    first, second = (np.unique(sample.cluster[sample.group == g]) for g in np.unique(sample.group))
    return len(np.intersect1d(first, second))


# ---------------------------------------------------------------- for readers who do not think in standard deviations


def superiority(sample: Sample, level: float) -> Estimate:
    """Probability that a student of the first group scores higher than one of the second, ties half.

    No interval where it is 0 or 1, or where a group sits in one cluster.
    """
    scores, at = np.unique(sample.x, return_inverse=True)
    first = sample.group == sample.group.min()
    a, b = (np.bincount(at[keep], sample.weight[keep], len(scores)) for keep in (first, ~first))
    below_a, below_b = ((np.cumsum(f) - f / 2) / f.sum() for f in (a, b))
    p = float(a @ below_b / a.sum())
    influence = np.where(first, (below_b[at] - p) / a.sum(), (1 - below_a[at] - p) / b.sum())
    freedom = sample.freedom()
    if freedom < 1 or not 0 < p < 1:
        return Estimate(p)
    half = t_quantile(freedom, level) * float(np.sqrt(sample.cr2(influence[:, None])[0, 0])) / (p * (1 - p))
    centre = np.log(p / (1 - p))
    return Estimate(p, *(float(1 / (1 + np.exp(-limit))) for limit in (centre - half, centre + half)))


def share_difference(sample: Sample, cut: float, level: float) -> Estimate:
    """Share of the first group that scores ``cut`` or more, minus that of the second.

    No interval where neither group varies in that.
    """
    high, first = (sample.x >= cut - EXACT).astype(float), sample.group == sample.group.min()
    p, q = (float(np.average(high[keep], weights=sample.weight[keep])) for keep in (first, ~first))
    n, m = (float(sample.weight[keep].sum()) for keep in (first, ~first))
    influence = np.where(first, (high - p) / n, -(high - q) / m)
    freedom, variance = sample.freedom(), float(sample.cr2(influence[:, None])[0, 0])
    if freedom < 1 or not variance > 0:
        return Estimate(p - q)
    half = t_quantile(freedom, level) * float(np.sqrt(variance))
    return Estimate(p - q, max(p - q - half, -1.0), min(p - q + half, 1.0))


def normal_scores_g(p: float) -> float:
    """The standardised difference that two normal groups of one spread have with this probability: √2 Φ⁻¹(p)."""
    from scipy.special import ndtri

    return float(np.sqrt(2) * ndtri(p)) if 0 < p < 1 else NAN


def ordinal_check(g: Estimate, superior: Estimate, ranks: float) -> str | None:
    """Whether the order of scores alone tells the same as their distances: "agrees" or "differs".

    Agreement: the same sign, unless both intervals hold no difference; and g of ranks within ``AGREES`` of g.
    """
    if np.isnan([g.value, ranks]).any():
        return None
    neither = g.low <= 0 <= g.high and superior.low <= 0.5 <= superior.high
    near = abs(ranks - g.value) <= max(AGREES[0], AGREES[1] * abs(g.value))
    return "agrees" if near and (neither or ranks * g.value > 0) else "differs"
