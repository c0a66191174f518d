"""Whether the calibration recovers the published figures with seeds that it was not made with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey.calibrate import Measured, aligned, measure, printed_pattern, strong_culture
from learning_survey.calibration import Calibration
from learning_survey.claim_rules import Published
from learning_survey.claims import Matched
from learning_survey.config import Loaded
from learning_survey.groups import Sample, welch_anova
from learning_survey.minres import loadings, uniquenesses
from learning_survey.retention import first_below, parallel, reduced_eigenvalues
from learning_survey.rotation import promax
from learning_survey.simulate import Cohort, simulate
from learning_survey.uncertainty import holm, t_p

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Checked:
    """One claim on one cohort. ``computed`` and ``tolerance`` are NaN for a claim that is not a number."""

    claim_id: str
    published: str
    computed: float
    tolerance: float
    holds: bool

    @property
    def numeric(self) -> bool:
        return not np.isnan(self.tolerance)

    @property
    def distance(self) -> float:
        """How far off, in tolerances."""
        if not self.numeric:
            return 0.0 if self.holds else float("inf")
        off = abs(self.computed - float(self.published))
        return off / self.tolerance if self.tolerance else (0.0 if off == 0 else float("inf"))


def check(
    calibration: Calibration,
    study: Loaded,
    published: Published,
    claims: list[Matched],
    seeds: Iterable[int],
) -> dict[int, list[Checked]]:
    """Each seed's cohort against every claim that can be computed from one.

    The tolerance of a number is the cap that ``config/published`` sets for it, a bound holds when it is not passed at
    all, and an order holds when it does in every dimension, step or school that it speaks of.
    """
    instrument, plan = study.instrument, study.factors
    printed = {m.claim.claim_id: m.claim.published for m in claims}
    _, random = parallel(
        int(printed["sample.students"]),
        len(instrument.dimensions),
        plan.parallel_draws,
        plan.parallel_quantile,
        np.random.default_rng(study.seed),
    )
    result = {}
    for seed in seeds:
        cohort = simulate(calibration, instrument, study.study, seed)
        found = measure(cohort, instrument)
        numbers = _numbers(cohort, found, study, printed, random)
        orders = _orders(cohort, found, study, printed)
        result[seed] = [
            _checked(m, published, numbers, orders)
            for m in claims
            if m.claim.claim_id in numbers.keys() | orders.keys()
        ]
    return result


def _checked(m: Matched, published: Published, numbers: dict[str, float], orders: dict[str, bool]) -> Checked:
    claim = m.claim
    if claim.claim_id in orders:
        return Checked(claim.claim_id, claim.published, float("nan"), float("nan"), orders[claim.claim_id])
    x, target, tolerance = numbers[claim.claim_id], float(claim.published), published.tolerances[m.rule.tolerance].cap
    if m.rule.check == "bound":
        holds = x >= target if m.rule.side == "least" else x <= target
    else:
        holds = abs(x - target) <= tolerance + 1e-9
    return Checked(claim.claim_id, claim.published, x, tolerance, bool(holds))


def _numbers(c: Cohort, m: Measured, study: Loaded, printed: dict[str, str], random: Array) -> dict[str, float]:
    """Every published number as this cohort has it, in the published unit."""
    instrument = study.instrument
    dims = instrument.dimension_ids
    top, bottom = (c.schools["kind"].index(kind) for kind in ("top", "bottom"))
    primary = [level.stage == "primary" for level in study.key_stages.levels]
    strong, ratio = strong_culture(m, study.schools.strong_culture.min_share)
    gap, effect = (m.shares[top] - m.shares[bottom]) * 100, (m.means[top] - m.means[bottom]) / m.sd
    g = np.abs(m.gender_g)
    numbers: dict[str, float] = {
        "sample.students": len(c.school),
        "sample.schools": len(np.unique(c.school)),
        "sample.items": c.answers.shape[1],
        "sample.response_points": c.answers.max(),
        "sample.dimensions": len(dims),
        "sample.age_min": c.age.min(),
        "sample.age_max": c.age.max(),
        "sample.primary_share": 100 * np.mean(np.array(primary)[c.stage]),
        "reliability.overall": m.overall,
        "factors.count": first_below(reduced_eigenvalues(m.correlations[None])[0], random),
        "gender.effect_min": g.min(),
        "gender.effect_max": g.max(),
        "schools.strong_culture_share": 100 * strong,
        "schools.strong_culture_ratio": ratio,
        "schools.top_bottom_gap_min": gap.min(),
        "schools.top_bottom_gap_max": gap.max(),
        "inspection.schools_rated": sum(r is not None for r in c.schools["ofsted_rating"]),
    }
    pattern = printed_pattern(printed, instrument)
    k = pattern.shape[1]
    found = aligned(
        promax(loadings(m.correlations, uniquenesses(m.correlations, k), k), study.factors.kappa)[0], pattern
    )
    for i, d in enumerate(dims):
        numbers[f"reliability.{d}"] = m.alpha[i]
        numbers[f"high.{d}"] = 100 * m.share[i]
        if f"schools.top_bottom_effect.{d}" in printed:
            numbers[f"schools.top_bottom_effect.{d}"] = effect[i]
        for j, f in enumerate(instrument.factors):
            numbers[f"loading.{d}.{f.id}"] = found[i, j]
    return {name: float(x) for name, x in numbers.items()}


def _orders(c: Cohort, m: Measured, study: Loaded, printed: dict[str, str]) -> dict[str, bool]:
    """Whether every published order, label and test holds in this cohort."""
    instrument = study.instrument
    dims, item_dims = instrument.dimension_ids, np.array([i.dimension for i in instrument.items])
    share = dict(zip(dims, m.share, strict=True))
    ranked = item_dims[np.argsort(-m.items, kind="stable")]
    falls = m.stages[:-1] - m.stages[1:]
    step = [f"{a} to {b}" for a, b in zip(c.stages, c.stages[1:], strict=False)].index(
        printed["key_stage.primary_secondary_step"]
    )
    genders = [c.genders.index(g) for g in printed["gender.order"].split(">")]
    fair_safe = [dims.index("school_is_fair"), dims.index("school_is_safe")]
    ratings, overall = c.schools["ofsted_rating"], m.means.mean(axis=1)
    highest, lowest = int(overall.argmax()), int(overall.argmin())
    rated = np.array([study.inspection.ratings.index(r) if r else -1 for r in ratings])
    mean = {r: m.means[rated == k].mean(axis=0) for k, r in enumerate(study.inspection.ratings)}
    roles = np.array([i.role for i in instrument.items])
    return {
        "high.fair_safe_help_two_fifths": all(
            abs(100 * share[d] - 40) <= 5.5 for d in ("school_is_fair", "school_is_safe", "teachers_help")
        ),
        "high.aiming_high_highest": max(share, key=share.get) == "aiming_high",
        "high.errors_lowest": min(share, key=share.get) == "errors_as_opportunities",
        **{f"key_stage.decline.{d}": bool((falls[:, i] > 0).all()) for i, d in enumerate(dims)},
        "key_stage.primary_secondary_step": bool((falls.argmax(axis=0) == step).all()),
        "items.highest": {*ranked[:4]} == {*printed["items.highest"].split(";")},
        "items.lowest": {*ranked[-3:]} == {*printed["items.lowest"].split(";")},
        "challenge.below_expectation": bool(m.items[roles == "wanted"].mean() > m.items[roles == "experienced"].mean()),
        "gender.order": bool((np.diff(m.genders[genders], axis=0) < 0).all()),
        "gender.other_lowest_fair_safe": bool(
            (m.genders[:, fair_safe].argmin(axis=0) == c.genders.index(printed["gender.other_lowest_fair_safe"])).all()
        ),
        "schools.top_bottom_significant": bool((holm(_extremes_p(c, m)) < 0.05).all()),
        "inspection.highest_school_rating": ratings[highest] == printed["inspection.highest_school_rating"],
        "inspection.lowest_school_rating": ratings[lowest] == printed["inspection.lowest_school_rating"],
        "inspection.no_difference": bool((holm(_ratings_p(m, rated)) >= 0.05).all()),
        "inspection.good_above_outstanding": bool((mean[study.inspection.higher] > mean[study.inspection.lower]).all()),
    }


def _extremes_p(c: Cohort, m: Measured) -> Array:
    """Welch's p of top against bottom school, by dimension, from means and variances."""
    at = [c.schools["kind"].index(kind) for kind in ("top", "bottom")]
    parts = m.variances[at] / m.counts[at]
    df = parts.sum(axis=0) ** 2 / (parts**2 / (m.counts[at] - 1)).sum(axis=0)
    t = (m.means[at[0]] - m.means[at[1]]) / np.sqrt(parts.sum(axis=0))
    return np.array([t_p(a, b) for a, b in zip(t, df, strict=True)])


def _ratings_p(m: Measured, rated: NDArray[np.int64]) -> Array:
    """Welch's ANOVA of school means by rating: p by dimension; unrated schools are -1."""
    schools = np.flatnonzero(rated >= 0)
    return np.array([welch_anova(Sample(x[schools], rated[schools], schools))["p"] for x in m.means.T])


# ---------------------------------------------------------------- reporting


def share_within(checked: list[Checked]) -> float:
    """Share of the numeric claims that hold."""
    return float(np.mean([c.holds for c in checked if c.numeric]))


def seed_line(seed: int, checked: list[Checked], shown: int = 3) -> str:
    """One seed in one line: share of numbers within tolerance, orders that hold, and the numbers farthest off."""
    numeric, orders = ([c for c in checked if c.numeric == kind] for kind in (True, False))
    worst = sorted((c for c in numeric if c.tolerance), key=lambda c: (c.holds, -c.distance))[:shown]
    failed = [c.claim_id for c in orders if not c.holds]
    far = ", ".join(f"{c.claim_id} {c.computed:.3g} for {c.published}{'' if c.holds else ' (out)'}" for c in worst)
    return (
        f"seed {seed}: {sum(c.holds for c in numeric)} of {len(numeric)} numbers within tolerance "
        f"({share_within(checked):.1%}), {len(orders) - len(failed)} of {len(orders)} orders"
        + (f", not {', '.join(failed)}" if failed else "")
        + f"; farthest: {far}"
    )


def table(results: dict[int, list[Checked]]) -> str:
    """Markdown table: each claim's mean, least and greatest value over seeds, and in how many it holds."""
    by_claim: dict[str, list[Checked]] = defaultdict(list)
    for checked in results.values():
        for c in checked:
            by_claim[c.claim_id].append(c)
    lines = ["| claim | published | mean | least | greatest | tolerance | holds |", "|---|---|---|---|---|---|---|"]
    for claim, rows in by_claim.items():
        x = np.array([c.computed for c in rows])
        figures = [_show(v) for v in (x.mean(), x.min(), x.max(), rows[0].tolerance)] if rows[0].numeric else [""] * 4
        held = f"{sum(c.holds for c in rows)} of {len(rows)}"
        lines.append("| " + " | ".join([f"`{claim}`", rows[0].published.replace("|", "/"), *figures, held]) + " |")
    return "\n".join(lines)


def _show(x: float) -> str:
    if abs(x) >= 1000:
        return f"{x:.0f}"
    return f"{x:.1f}" if abs(x) >= 5 else f"{x:.3f}"
