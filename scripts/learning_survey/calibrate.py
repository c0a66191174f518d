"""Calibration of the synthetic cohort: parameters with which the analyses recover the published figures.

1. Correlations of the nine observed dimension scores whose minimum-residual promax solution is as near as possible to
   the printed pattern (over pattern and factor correlations), with no communality above its reliability. Near is
   counted in what sampling schools leave uncertain about each loading, which the first steps tell.
2. Starting values for items, groups and schools, from the published figures where there are any and from ``ASSUMED``.
3. Fixed-point steps. Each draws the same cohorts (common random numbers), measures them as the analyses do, on observed
   ordinal scores, and moves each parameter by how far its figure is off. So what categorising answers takes away from
   loadings, correlations and differences is put back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_survey.calibration import Calibration
from learning_survey.claims import read_claims
from learning_survey.config import Loaded
from learning_survey.instrument import Instrument
from learning_survey.jackknife import leave_one_out
from learning_survey.minres import loadings as unrotated
from learning_survey.minres import uniquenesses
from learning_survey.moments import Moments
from learning_survey.rotation import promax
from learning_survey.simulate import Cohort, simulate

Array = NDArray[np.float64]
Claims = dict[str, str]

NORMAL = NormalDist()
SEEDS = tuple(range(11, 35))
STEPS = 18
WEIGHTED_FROM = 4  # step from which differences of loadings count in units of their uncertainty

# ---------------------------------------------------------------- what the report does not print

# Where an item stands among the items of its dimension, in standard deviations of its answers; the report says which
# items are highest and lowest, not by how much. Where a loading stands among those of its dimension, as a ratio.
OFFSETS: dict[str, tuple[float, ...]] = {
    "expectations": (0.44, 0.52, -0.32, -0.64),
    "challenge": (0.80, 0.22, -0.42, -0.60),
    "aiming_high": (-0.05, 0.40, -0.10, -0.25),
    "learning": (0.15, 0.05, -0.15, -0.05),
    "teachers_help": (-0.10, 0.10, 0.10, -0.10),
    "enthusiastic_teachers": (-0.05, 0.05, -0.15, 0.15),
    "errors_as_opportunities": (0.60, -0.80, 0.10, 0.10),
    "school_is_fair": (0.60, -0.60, 0.50, -0.50),
    "school_is_safe": (0.05, 0.00, 0.10, -0.15),
}
RATIOS: dict[str, tuple[float, ...]] = {
    "expectations": (1.05, 1.05, 1.0, 0.9),
    "challenge": (1.05, 1.0, 1.0, 0.95),
    "aiming_high": (1.0, 1.05, 1.0, 0.95),
    "learning": (1.0, 1.05, 1.0, 0.95),
    "teachers_help": (0.77, 1.23, 1.23, 0.77),
    "enthusiastic_teachers": (0.98, 1.02, 1.02, 0.98),
    "errors_as_opportunities": (0.9, 1.05, 1.05, 1.0),
    "school_is_fair": (0.98, 1.02, 1.0, 1.0),
    "school_is_safe": (1.0, 1.0, 1.05, 0.95),
}
CUTS = (-1.55, -0.75, 0.05, 1.15)
# Fall over key stages, in latent standard deviations, and how much each dimension takes part in it.
STAGES = (0.20, 0.13, -0.08, -0.15, -0.22)
STAGE_PART = (1.0, 1.0, 1.1, 0.9, 1.1, 1.2, 0.8, 1.1, 0.9)
GENDER_GAPS = {"boys": 0.122, "other": -0.143}  # against girls, Hedges g
GENDER_LOWEST = 0.02  # 'other' stands this much lower on fairness and safety
CENTRE = 0.03  # midpoint of top and bottom school, in standard deviations of all students
SPREAD = 0.85  # spread inside the top and the bottom school against that inside others
GAP_NOT_PRINTED = {"expectations": 1.75}
RATIO = 1.85  # strong schools' share high over that of the rest: "almost twice"


def assumed(published: Claims, instrument: Instrument) -> dict[str, Any]:
    """The starting point: a calibration as plain data."""
    dims = instrument.dimension_ids
    students = int(published["sample.students"])
    half = students // 2
    stage = np.array(STAGES)[:, None] * np.array(STAGE_PART)
    return {
        "id": "phase_one",
        "instrument": instrument.id,
        "about": "Shifts and effects are in standard deviations of latent traits.",
        "cohort": {
            "published": [
                "sample.students",
                "sample.schools",
                "sample.age_min",
                "sample.age_max",
                "sample.primary_share",
            ],
            "assumed": "schools by phase, their sizes, ages, shares of genders, missing answers",
            "students": {"primary": half, "secondary": students - half},
            "schools": {"primary": 51, "secondary": 36},
            "size_spread": 0.4,
            "smallest": 60,
            "ages": {
                "primary": {5: 0.06, 6: 0.15, 7: 0.17, 8: 0.19, 9: 0.21, 10: 0.22},
                "secondary": {11: 0.19, 12: 0.19, 13: 0.18, 14: 0.16, 15: 0.13, 16: 0.08, 17: 0.05, 18: 0.02},
            },
            "gender": {"boys": 0.475, "girls": 0.465, "other": 0.06},
            "missing": 0.007,
        },
        "items": {
            "published": ["high.*", "reliability.*", "items.highest", "items.lowest", "challenge.below_expectation"],
            "assumed": "differences between the items of a dimension; distances between thresholds",
            "items": {},
        },
        "students": {
            "published": ["loading.*", "reliability.overall"],
            "assumed": "factor correlations, which are chosen with the pattern",
            "covariance": [],
        },
        "key_stages": {
            "published": ["key_stage.*"],
            "assumed": "all sizes; the report prints directions only",
            "shifts": {f"KS{k + 1}": dict(zip(dims, row.tolist(), strict=True)) for k, row in enumerate(stage)},
        },
        "gender": {
            "published": ["gender.*"],
            "assumed": "sizes within the published bounds",
            "shifts": {
                g: dict.fromkeys(dims, shift) for g, shift in {"boys": 0.075, "girls": -0.06, "other": -0.22}.items()
            },
        },
        "top_school": _extreme("primary", 720, published["inspection.highest_school_rating"], dims, 0.85),
        "bottom_school": _extreme("secondary", 780, published["inspection.lowest_school_rating"], dims, -0.75),
        "strong_schools": {
            "published": ["schools.strong_culture_share", "schools.strong_culture_ratio"],
            "assumed": "a number of schools that is a tenth of all with the top school; how much they differ",
            "schools": {"primary": 5, "secondary": 3},
            "level": 0.62,
            "range": 0.10,
            "profile_sd": 0.08,
        },
        "other_schools": {
            "assumed": "all values; they are chosen for an intraclass correlation of about .12",
            "level_sd": 0.12,
            "profile_sd": 0.09,
            "highest": 0.34,
            "lowest": -0.62,
        },
        "ratings": {
            "published": ["inspection.schools_rated", "inspection.no_difference", "inspection.good_above_outstanding"],
            "assumed": "schools by rating and the planned means of ratings",
            "country": "England",
            "groups": {
                "Outstanding": {"schools": 10, "strong": 1, "mean": -0.06},
                "Good": {"schools": 26, "strong": 2, "mean": 0.05},
                "Requires improvement": {"schools": 7, "strong": 0, "mean": -0.03},
            },
        },
        "countries": {
            "assumed": True,
            "schools": {
                "England": 66,
                "Wales": 7,
                "Scotland": 4,
                "Australia": 5,
                "Spain": 3,
                "United Arab Emirates": 2,
            },
        },
        "dirt": {
            "assumed": True,
            "duplicates": 163,
            "tests": 58,
            "blanks": 214,
            "straight_liners": 187,
            "impossible_ages": 41,
            "missing_ages": 37,
            "missing_schools": 29,
            "label_variants": 0.03,
            "gender_blank": 0.004,
        },
    }


def _extreme(phase: str, students: int, rating: str, dims: list[str], effect: float) -> dict[str, Any]:
    return {
        "published": ["schools.top_bottom_*", "inspection.lowest_school_rating", "inspection.highest_school_rating"],
        "assumed": "phase, size, the midpoint of the two schools, the spread inside them, the effect for Expectations",
        "phase": phase,
        "students": students,
        "rating": rating,
        "effect": dict.fromkeys(dims, effect),
        "spread": dict.fromkeys(dims, SPREAD),
    }


# ---------------------------------------------------------------- correlations from the printed pattern


def printed_pattern(published: Claims, instrument: Instrument) -> Array:
    """The published pattern, dimensions × factors."""
    return np.array(
        [[float(published[f"loading.{d}.{f.id}"]) for f in instrument.factors] for d in instrument.dimension_ids]
    )


def aligned(pattern: Array, published: Array) -> Array:
    """``pattern`` with its columns in the order and direction of ``published``, by Tucker's congruence."""
    from itertools import permutations

    congruence = (pattern / np.linalg.norm(pattern, axis=0)).T @ (published / np.linalg.norm(published, axis=0))
    columns = range(published.shape[1])
    best = max(permutations(columns), key=lambda p: sum(abs(congruence[p[j], j]) for j in columns))
    return pattern[:, best] * np.sign([congruence[best[j], j] for j in columns])


def composite_reliability(alpha: Array, ratios: Array) -> Array:
    """Reliability (D) of sums of items with loadings in the given ratios (D × items) and Cronbach's ``alpha`` (D).

    Items have unit variance: omega = (sum l)² / ((sum l)² + sum (1 - l²)). It is above alpha where loadings differ.
    """
    k = ratios.shape[1]
    r = alpha / (k - (k - 1) * alpha)
    total, squares = ratios.sum(axis=1) ** 2, (ratios**2).sum(axis=1)
    scale = r * k * (k - 1) / (total - squares)
    return scale * total / (scale * total + k - scale * squares)


def target_correlations(pattern: Array, reliability: Array, unit: Array) -> Array:
    """Correlations R = P Φ P' off the diagonal whose promax pattern is as near as possible to ``pattern``.

    P and Φ are free; only common factors up to rotation matter. Differences count in ``unit`` (as ``pattern``), and
    their fourth powers are minimised: one large difference is worse than several small ones. A communality above
    ``reliability`` is penalised: such a score would have more in common with the others than it has with itself.
    """
    from scipy.optimize import least_squares

    p, k = pattern.shape
    at = np.triu_indices(k, 1)

    def common(x: Array) -> Array:
        phi = np.eye(k)
        phi[at] = phi.T[at] = np.tanh(x[p * k :])
        return x[: p * k].reshape(p, k) @ np.linalg.cholesky(phi)

    def residuals(x: Array) -> Array:
        try:
            a = common(x)
        except np.linalg.LinAlgError:
            return np.full(p * k + p, 5.0)
        over = np.maximum(0, (a**2).sum(axis=1) - reliability)
        off = (aligned(promax(a)[0], pattern) - pattern) / unit
        return np.concatenate([(off * np.abs(off)).ravel(), 150 * over])

    x = np.concatenate([pattern.ravel(), np.full(len(at[0]), np.arctanh(0.4))])
    for _ in range(4):
        x = least_squares(residuals, x, diff_step=1e-5, max_nfev=300).x
    a = common(x)
    R = a @ a.T
    np.fill_diagonal(R, 1)
    return R


def uncertainty(cohorts: list[Cohort], pattern: Array, instrument: Instrument) -> Array:
    """What sampling schools and printing two decimals leave uncertain about each loading, shaped as ``pattern``.

    Half a unit of the last place and 1.96 standard errors from leaving out one school at a time (Efron 1982), averaged
    over ``cohorts``.
    """
    k, errors = pattern.shape[1], []
    for cohort in cohorts:
        moments = Moments.of(scores(cohort, instrument)[1], instrument.dimension_ids, cohort.school.astype(str))
        R = leave_one_out(moments, 0).cor()
        psi = uniquenesses(R, k, start=uniquenesses(moments.pooled().cor(), k))
        found = np.array([aligned(promax(a)[0], pattern) for a in unrotated(R, psi, k)])
        errors.append(np.sqrt((len(found) - 1) * found.var(axis=0)))
    return 0.005 + 1.96 * np.mean(errors, axis=0)


# ---------------------------------------------------------------- measuring a cohort as the analyses do


@dataclass(frozen=True)
class Measured:
    """Figures of one cohort, by dimension (D), from observed scores.

    By school (S × D): ``counts``, ``means``, ``variances`` and ``shares`` high. ``stages`` and ``genders`` (groups × D)
    are means; ``gender_g`` (pairs × D) is Hedges g, first less second; ``items`` are means.
    """

    mean: Array
    sd: Array
    share: Array
    alpha: Array
    overall: float
    correlations: Array
    items: Array
    counts: Array
    means: Array
    variances: Array
    shares: Array
    stages: Array
    genders: Array
    gender_g: Array
    icc1: Array


def scores(cohort: Cohort, instrument: Instrument) -> tuple[Array, Array]:
    """Items (N × items) and dimension means (N × D) in the direction of the dimension, NaN where there is none."""
    codes = np.concatenate([[np.nan], np.array(instrument.response.codes, dtype=float)])
    items = codes[cohort.answers]
    columns = [[instrument.item_ids.index(i) for i in instrument.items_of(d)] for d in instrument.dimension_ids]
    dims = np.empty((len(items), len(columns)))
    for d, of in enumerate(columns):
        part = items[:, of]
        n = (~np.isnan(part)).sum(axis=1)
        total = np.nansum(part, axis=1)
        dims[:, d] = np.where(n >= instrument.score.min_items, total / np.maximum(n, 1), np.nan)
    return items, dims


def measure(cohort: Cohort, instrument: Instrument) -> Measured:
    """Everything that calibration and its check need, in one pass."""
    items, dims = scores(cohort, instrument)
    answered = ~np.isnan(dims)
    high = np.where(answered, dims >= instrument.high_from - 1e-9, np.nan)
    one = np.zeros(len(items), dtype=str)
    item = Moments.of(items, instrument.item_ids, one).pooled()
    dimension = Moments.of(dims, instrument.dimension_ids, one).pooled()

    def by(group: Array, count: int, x: Array) -> tuple[Array, Array, Array]:
        seen = ~np.isnan(x)
        n, s, q = (np.empty((count, x.shape[1])) for _ in range(3))
        for d in range(x.shape[1]):
            ok = seen[:, d]
            n[:, d] = np.bincount(group[ok], minlength=count)
            s[:, d] = np.bincount(group[ok], x[ok, d], count)
            q[:, d] = np.bincount(group[ok], x[ok, d] ** 2, count)
        return n, s / n, (q - s**2 / n) / (n - 1)

    schools = len(cohort.effects)
    n, means, variances = by(cohort.school, schools, dims)
    shares = by(cohort.school, schools, high)[1]
    gn, gm, gv = by(cohort.gender, len(cohort.genders), dims)
    pairs = [(a, b) for a in range(len(gm)) for b in range(a + 1, len(gm))]
    g = []
    for a, b in pairs:
        df = gn[a] + gn[b] - 2
        pooled = np.sqrt(((gn[a] - 1) * gv[a] + (gn[b] - 1) * gv[b]) / df)
        g.append((gm[a] - gm[b]) / pooled * (1 - 3 / (4 * df - 1)))
    total = np.nansum((dims - np.nanmean(dims, axis=0)) ** 2, axis=0)
    between = (n * (means - np.nanmean(dims, axis=0)) ** 2).sum(axis=0)
    within = (total - between) / (n.sum(axis=0) - schools)
    size = (n.sum(axis=0) - (n**2).sum(axis=0) / n.sum(axis=0)) / (schools - 1)
    variance = (between / (schools - 1) - within) / size
    return Measured(
        mean=dimension.mean,
        sd=np.sqrt(np.diag(dimension.cov())),
        share=np.nanmean(high, axis=0),
        alpha=np.array([_alpha(item.select(instrument.items_of(d)).cov()) for d in instrument.dimension_ids]),
        overall=_alpha(item.cov()),
        correlations=dimension.cor(),
        items=item.mean,
        counts=n,
        means=means,
        variances=variances,
        shares=shares,
        stages=by(cohort.stage, len(cohort.stages), dims)[1],
        genders=gm,
        gender_g=np.array(g),
        icc1=variance / (variance + within),
    )


def _alpha(cov: Array) -> float:
    k = len(cov)
    return k / (k - 1) * (1 - np.trace(cov) / cov.sum())


# ---------------------------------------------------------------- fixed-point steps


def published_claims(study: Loaded) -> Claims:
    """Printed values by claim id."""
    path = study.root / "config" / "published" / f"{study.published}.csv"
    return {claim.claim_id: claim.published for claim in read_claims(path)}


def calibrate(study: Loaded, published: Claims, report: Callable[[int, dict[str, float]], None]) -> Calibration:
    """The calibrated parameters. Deterministic. ``report(step, worst)`` is told how far off the figures still are."""
    instrument = study.instrument
    target = _targets(published, instrument)
    state = _State.start(assumed(published, instrument), target, study)
    for step in range(STEPS):
        drawn = [simulate(state.calibration(), instrument, study.study, seed) for seed in SEEDS]
        if step == WEIGHTED_FROM:
            printed = printed_pattern(published, instrument)
            target = replace(
                target, R=target_correlations(printed, target.reliability, uncertainty(drawn[:4], printed, instrument))
            )
        found = [(c, measure(c, instrument)) for c in drawn]
        off = state.move(found, target, instrument)
        report(step, {kind: float(np.abs(v).max()) for kind, v in off.items()})
    return state.calibration()


@dataclass(frozen=True)
class _Target:
    R: Array
    reliability: Array
    alpha: Array
    share: Array
    effect: Array
    gap: Array  # NaN where it is not printed


def _targets(published: Claims, instrument: Instrument) -> _Target:
    dims = instrument.dimension_ids
    alpha = np.array([float(published[f"reliability.{d}"]) for d in dims])
    effect = {d: published.get(f"schools.top_bottom_effect.{d}", GAP_NOT_PRINTED.get(d)) for d in dims}
    reliability = composite_reliability(alpha, np.array([RATIOS[d] for d in dims]))
    printed = printed_pattern(published, instrument)
    gap = np.full(len(dims), np.nan)
    gap[dims.index("school_is_fair")] = float(published["schools.top_bottom_gap_max"]) / 100
    gap[dims.index("errors_as_opportunities")] = float(published["schools.top_bottom_gap_min"]) / 100
    return _Target(
        target_correlations(printed, reliability, np.full(printed.shape, 0.02)),
        reliability,
        alpha,
        np.array([float(published[f"high.{d}"]) / 100 for d in dims]),
        np.array([float(effect[d]) for d in dims]),
        gap,
    )


@dataclass
class _State:
    """Free parameters as arrays, and the calibration that they make."""

    base: dict[str, Any]
    instrument: Instrument
    level: Array  # how easy a dimension's items are
    scale: Array  # loadings of a dimension
    psi: Array  # total covariance of latent traits
    between: Array  # the part of it that is not students' deviations
    top: Array
    bottom: Array
    spread: Array
    centre: Array
    gender: Array
    strong: float
    least_share: float  # mean share high from which a school counts as strong

    @classmethod
    def start(cls, base: dict[str, Any], target: _Target, study: Loaded) -> _State:
        instrument = study.instrument
        size = len(instrument.dimensions)
        items = len(instrument.items_of(instrument.dimension_ids[0]))
        r = target.alpha / (items - (items - 1) * target.alpha)
        psi = target.R / np.sqrt(np.outer(target.alpha, target.alpha))
        np.fill_diagonal(psi, 1)
        effects = np.full((size, size), 0.1)
        shifts = np.array([list(base["gender"]["shifts"][g].values()) for g in base["gender"]["shifts"]])
        return cls(
            base,
            instrument,
            level=np.array([NORMAL.inv_cdf(s) * 0.8 - 0.15 for s in target.share]),
            scale=np.sqrt(r * 1.1),
            psi=psi,
            between=effects + np.eye(size) * 0.015,
            top=np.full(size, 0.85),
            bottom=np.full(size, -0.75),
            spread=np.full(size, SPREAD),
            centre=np.full(size, CENTRE),
            gender=shifts,
            strong=base["strong_schools"]["level"],
            least_share=study.schools.strong_culture.min_share,
        )

    def calibration(self) -> Calibration:
        dims = self.instrument.dimension_ids
        base = dict(self.base)
        items = {}
        for d, name in enumerate(dims):
            for k, item in enumerate(self.instrument.items_of(name)):
                easy = self.level[d] + OFFSETS[name][k]
                items[item] = {
                    "loading": _round(min(self.scale[d] * RATIOS[name][k], 0.97)),
                    "thresholds": [_round(cut - easy) for cut in CUTS],
                }
        w = _positive(self.psi - self.between)

        def named(x: Array) -> dict[str, float]:
            return dict(zip(dims, map(_round, x), strict=True))

        base["items"] = base["items"] | {"items": items}
        base["students"] = base["students"] | {"covariance": [[_round(v) for v in row] for row in w]}
        base["gender"] = base["gender"] | {
            "shifts": {g: named(x) for g, x in zip(base["gender"]["shifts"], self.gender, strict=True)}
        }
        base["top_school"] = base["top_school"] | {"effect": named(self.top), "spread": named(self.spread)}
        base["bottom_school"] = base["bottom_school"] | {"effect": named(self.bottom), "spread": named(self.spread)}
        base["strong_schools"] = base["strong_schools"] | {"level": _round(self.strong)}
        return Calibration.model_validate(base)

    def move(self, found: list[tuple[Cohort, Measured]], target: _Target, instrument: Instrument) -> dict[str, Array]:
        """Measure, move every parameter once, and say how far each kind of figure was off."""
        dims = instrument.dimension_ids

        def mean(get: Any) -> Array:
            return np.mean([get(c, m) for c, m in found], axis=0)

        off: dict[str, Array] = {}
        share = mean(lambda c, m: m.share)
        off["share"] = target.share - share
        probit = np.vectorize(NORMAL.inv_cdf)
        self.level = self.level + (probit(target.share) - probit(share)) * 0.8
        alpha = mean(lambda c, m: m.alpha)
        off["alpha"] = target.alpha - alpha
        k = len(instrument.items_of(dims[0]))
        ratio = (target.alpha / (k - (k - 1) * target.alpha)) / (alpha / (k - (k - 1) * alpha))
        self.scale = self.scale * np.sqrt(ratio)
        R = mean(lambda c, m: m.correlations)
        off["correlations"] = target.R - R
        step = (target.R - R) / np.sqrt(np.outer(target.alpha, target.alpha))
        np.fill_diagonal(step, 0)
        self.psi = self.psi + step
        self.between = mean(lambda c, m: _between(c, self.calibration(), instrument))

        def at(kind: str) -> Array:
            return mean(lambda c, m: (m.means[c.schools["kind"].index(kind)] - m.mean) / m.sd)

        top, bottom = at("top"), at("bottom")
        off["effect"] = target.effect - (top - bottom)
        gap = mean(lambda c, m: m.shares[c.schools["kind"].index("top")] - m.shares[c.schools["kind"].index("bottom")])
        wanted = ~np.isnan(target.gap)
        off["gap"] = np.where(wanted, target.gap - gap, 0)
        fair, errors = dims.index("school_is_fair"), dims.index("errors_as_opportunities")
        # Fairness: the widest gap, so both schools lie far from the border of high, and narrow. Errors: the smallest
        # gap, so the midpoint lies so low that few are high even in the top school.
        share_top, share_bottom = (
            mean(lambda c, m, kind=kind: m.shares[c.schools["kind"].index(kind)]) for kind in ("top", "bottom")
        )
        self.centre[fair] -= 0.4 * (share_top[fair] + share_bottom[fair] - 1)
        self.spread[fair] *= 1 - 1.5 * off["gap"][fair]
        self.centre[errors] += 1.5 * off["gap"][errors]
        slope = 1 / np.sqrt(target.alpha)
        self.top = self.top + slope * (self.centre + target.effect / 2 - top)
        self.bottom = self.bottom + slope * (self.centre - target.effect / 2 - bottom)
        g = mean(lambda c, m: m.gender_g)  # boys-girls, boys-other, girls-other
        lower = np.array([GENDER_LOWEST if d in ("school_is_fair", "school_is_safe") else 0 for d in dims])
        boys = GENDER_GAPS["boys"] - g[0]
        other = GENDER_GAPS["other"] - lower / 2 + g[2]
        off["gender"] = np.concatenate([boys, other])
        shares = np.array(list(self.base["cohort"]["gender"].values()))
        self.gender[0] += slope * boys
        self.gender[2] += slope * other
        self.gender -= shares @ self.gender
        strong = mean(lambda c, m: strong_culture(m, self.least_share)[1])
        off["ratio"] = np.array([RATIO - strong])
        self.strong += 0.4 * (RATIO - float(strong))
        return off


def _round(x: float) -> float:
    return round(float(x), 4)


def _between(cohort: Cohort, c: Calibration, instrument: Instrument) -> Array:
    """Covariance (D × D) of what schools, key stages and gender add to latent traits, over students."""
    dims = instrument.dimension_ids
    stage = np.array([[c.key_stages.shifts[s][d] for d in dims] for s in cohort.stages])
    gender = np.array([[c.gender.shifts[g][d] for d in dims] for g in cohort.genders])
    return np.cov((cohort.effects[cohort.school] + stage[cohort.stage] + gender[cohort.gender]).T)


def _positive(w: Array, least: float = 0.01) -> Array:
    """The nearest covariance whose smallest eigenvalue is ``least`` or more, with the same variances."""
    values, vectors = np.linalg.eigh((w + w.T) / 2)
    raised = (vectors * np.maximum(values, least)) @ vectors.T
    size = np.sqrt(np.diag(w) / np.diag(raised))
    return raised * np.outer(size, size)


def strong_culture(m: Measured, least: float) -> tuple[float, float]:
    """Share of schools with a mean share high of ``least`` or more, and their mean over that of the rest."""
    share = m.shares.mean(axis=1)
    strong = share >= least
    if strong.all() or not strong.any():
        return float(strong.mean()), float("nan")
    return float(strong.mean()), float(share[strong].mean() / share[~strong].mean())


def as_yaml(calibration: Calibration) -> str:
    """A calibration as the text of its file."""
    import yaml

    head = "# Parameters of the synthetic cohort. Made by scripts/calibrate.py; do not edit.\n"
    plain = calibration.model_dump(exclude_defaults=True)
    return head + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
