"""How each kind of headline claim is estimated under one specification.

An estimator gives one estimate for each part of a claim (a dimension, or a dimension and a pair of groups) with its
interval. A claim about every dimension is as good as its weakest part, and ``multiverse`` shows that one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from learning_survey.groups import hedges_j
from learning_survey.school_extremes import newcombe
from learning_survey.school_means import top_tenth
from learning_survey.uncertainty import t_quantile

if TYPE_CHECKING:
    from learning_survey.multiverse_plan import Specification
    from learning_survey.multiverse_sample import Sample

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """Estimates of the parts of a claim with their limits (each M), and what each part is called."""

    names: list[str]
    value: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class World:
    """What estimators need besides a sample: each school's rating, as a position from the best (-1: none)."""

    ratings: NDArray[np.int64]
    labels: dict[str, str]  # of dimensions and groups


def _resampled(names: list[str], drawn: Array, sample: Sample) -> Parts:
    """Parts from (B, M): the first row are estimates, the others resamples, whose spread gives the intervals.

    Estimate plus and minus Student's t, one degree of freedom less than resampled parts, times the standard deviation
    of resamples; NaN where more than one resample in ten has no value.
    """
    value, rest = drawn[0], drawn[1:]
    known = np.isfinite(rest)
    count = known.sum(axis=0)
    centre = np.where(known, rest, 0).sum(axis=0) / np.maximum(count, 1)
    square = (np.where(known, rest - centre, 0) ** 2).sum(axis=0)
    spread = np.sqrt(square / np.maximum(count - 1, 1))
    half = t_quantile(sample.weights.shape[1] - 1, sample.study.resampling.level) * spread
    half = np.where(count >= max(2, 0.9 * len(rest)), half, np.nan)
    return Parts(names, value, value - half, value + half)


# ---------------------------------------------------------------- students


def shares(claim: Any, spec: Specification, sample: Sample, world: World) -> Parts:
    at = [sample.study.instrument.dimension_ids.index(d) for d in claim.dimensions]
    names = [world.labels[d] for d in claim.dimensions]
    return _resampled(names, sample.share(spec.high, spec.adjustment)[:, at], sample)


def lowest_share(claim: Any, spec: Specification, sample: Sample, world: World) -> Parts:
    dimensions = sample.study.instrument.dimension_ids
    share, at = sample.share(spec.high, spec.adjustment), dimensions.index(claim.dimension)
    rest = [d for d in range(len(dimensions)) if d != at]
    return _resampled([world.labels[dimensions[d]] for d in rest], share[:, rest] - share[:, [at]], sample)


def trends(_: Any, spec: Specification, sample: Sample, world: World) -> Parts:
    """Least-squares slope of the means on their positions, groups weighted by students, over the total SD.

    Without adjustment it is the slope over students (groups.trend).
    """
    n, s, q = sample.group_moments("group")
    shown = sample.shown("group")
    n, s, q = (np.where(shown, a, 0) for a in (n, s, q))
    mean = np.nan_to_num(sample.group_means("group", spec.adjustment))
    count, position = n.sum(axis=2), np.arange(n.shape[2])
    z = position - (n @ position / count)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (n * z * mean).sum(axis=2) / (n * z**2).sum(axis=2)
        sd = np.sqrt((q.sum(axis=2) - s.sum(axis=2) ** 2 / count) / (count - 1))
        drawn = np.where(shown.sum(axis=1) > 1, slope / sd, np.nan)
    return _resampled([world.labels[d] for d in sample.study.instrument.dimension_ids], drawn, sample)


def largest_step(claim: Any, spec: Specification, sample: Sample, world: World) -> Parts:
    falls = -np.diff(sample.group_means("group", spec.adjustment).mean(axis=1), axis=1)
    levels = [level.id for level in sample.study.key_stages.levels]
    at = levels.index(claim.step[0])
    other = np.delete(falls, at, axis=1)
    margin = falls[:, [at]] - (other.max(axis=1, keepdims=True) if other.size else 0)
    name = f"{world.labels[claim.step[0]]} to {world.labels[claim.step[1]]}"
    return _resampled([name], margin, sample)


def group_order(claim: Any, spec: Specification, sample: Sample, world: World) -> Parts:
    return _effects(list(pairwise(claim.groups)), "total", spec, sample, world)


def group_effects(_: Any, spec: Specification, sample: Sample, world: World) -> Parts:
    pairs = list(combinations([c.id for c in sample.study.gender.categories], 2))
    parts = _effects(pairs, spec.standardiser, spec, sample, world)
    sign = np.where(parts.value < 0, -1.0, 1.0)
    ends = np.sort([sign * parts.low, sign * parts.high], axis=0)
    return Parts(parts.names, sign * parts.value, *ends)


def _effects(
    pairs: list[tuple[str, str]], standardiser: str, spec: Specification, sample: Sample, world: World
) -> Parts:
    """Hedges g of pairs of genders by dimension: over the pooled SD of the two groups, or that within schools."""
    ids = [c.id for c in sample.study.gender.categories]
    mean = sample.group_means("gender", spec.adjustment)
    n, s, q = sample.group_moments("gender")
    with np.errstate(divide="ignore", invalid="ignore"):
        square, df = (q - s**2 / n, n - 1) if standardiser == "total" else sample.spread_within("gender")
        drawn, names = [], []
        for a, b in pairs:
            i, j = ids.index(a), ids.index(b)
            sd = np.sqrt((square[..., i] + square[..., j]) / (df[..., i] + df[..., j]))
            size = n[0, :, i] + n[0, :, j] - 2
            drawn.append((mean[..., i] - mean[..., j]) / sd * [hedges_j(x) for x in size])
            names += [
                f"{world.labels[d]}, {world.labels[a]} − {world.labels[b]}"
                for d in sample.study.instrument.dimension_ids
            ]
    return _resampled(names, np.concatenate(drawn, axis=1), sample)


# ---------------------------------------------------------------- schools


def school_gap(claim: Any, spec: Specification, sample: Sample, world: World) -> Parts:
    """Limits as of schools.newcombe, moved by what the adjustment moves."""
    chosen = _chosen(claim, sample)
    pair = _top_and_bottom(spec, sample)
    if pair is None:
        return _nothing(chosen, sample, world)
    top, bottom = pair
    raw, level = sample.school_shares(spec.high, "none"), sample.study.resampling.level
    shown = sample.school_shares(spec.high, spec.adjustment)
    gap, low, high = [], [], []
    for d in chosen:
        n = sample.sizes[[top, bottom], d]
        # A share of 1 can pass it by a rounding error.
        p, q = np.clip(raw[[top, bottom], d], 0, 1)
        e = newcombe(float(p), int(n[0]), float(q), int(n[1]), level)
        moved = shown[top, d] - shown[bottom, d] - e.value
        gap.append(e.value + moved)
        low.append(e.low + moved)
        high.append(e.high + moved)
    return Parts(_names(chosen, sample, world), np.array(gap), np.array(low), np.array(high))


def school_effect(claim: Any, spec: Specification, sample: Sample, world: World) -> Parts:
    """Limits by Student's t with Welch's variance and degrees of freedom; the standardiser counts as known."""
    chosen = _chosen(claim, sample)
    pair = _top_and_bottom(spec, sample)
    if pair is None:
        return _nothing(chosen, sample, world)
    mean, sd = sample.school_means(spec.adjustment), sample.spread(spec.standardiser)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = (mean[pair[0]] - mean[pair[1]]) / sd
        half = _welch_half(np.array(pair)[:, None] * np.ones(len(sd), dtype=int), sample) / sd
    value = np.where(np.isfinite(value), value, np.nan)
    return Parts(_names(chosen, sample, world), value[chosen], (value - half)[chosen], (value + half)[chosen])


def school_chance(_: Any, spec: Specification, sample: Sample, world: World) -> Parts:
    """Each dimension's own highest school less its lowest, over the 95% point of that range for equal schools.

    Were schools equal, their means would be normal about one mean with variance within / n_j (Tukey 1953, on the range
    of unequal groups; by simulation with the study's seed).
    """
    chosen, at = list(range(sample.sizes.shape[1])), sample.ranked
    if len(at) < 2:
        return _nothing(chosen, sample, world)
    mean, sd = sample.school_means(spec.adjustment)[at], sample.spread("within")
    ends = at[np.array([mean.argmax(axis=0), mean.argmin(axis=0)])]
    value = mean.max(axis=0) - mean.min(axis=0)
    half = _welch_half(ends, sample)
    scale = np.array([_chance_range(tuple(sample.sizes[at, d]), sample.study.seed) for d in chosen]) * sd
    with np.errstate(divide="ignore", invalid="ignore"):
        return Parts(_names(chosen, sample, world), value / scale, (value - half) / scale, (value + half) / scale)


@lru_cache(maxsize=1024)
def _chance_range(sizes: tuple[float, ...], seed: int) -> float:
    """95% point of the range of means of ``sizes`` standard normal students: 2,000 draws, of many schools fewer."""
    draws = max(200, min(2000, 4_000_000 // len(sizes)))
    z = np.random.default_rng(seed).standard_normal((draws, len(sizes))) / np.sqrt(sizes)
    return float(np.quantile(np.ptp(z, axis=1), 0.95))


def culture(_: Any, spec: Specification, sample: Sample, world: World) -> Parts:
    """Strong schools are found once; resamples draw schools with their strength."""
    share = sample.school_shares(spec.high, spec.adjustment).mean(axis=1)
    ranked = np.isin(np.arange(len(share)), sample.ranked)
    if spec.culture == "threshold":
        strong = ranked & (share >= sample.study.schools.strong_culture.min_share)
    else:
        order = np.argsort(np.where(ranked, -share, np.inf), kind="stable")
        strong = np.isin(np.arange(len(share)), order[: top_tenth(int(ranked.sum()))]) & ranked
    share = np.where(ranked, share, 0)
    sides = [_padded(side * x, sample) for side in (strong, ranked & ~strong) for x in (share, np.ones(len(share)))]
    a, n, b, m = (sample.drawn(x) for x in sides)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((n > 0) & (m > 0) & (b > 0), (a / n) / (b / m), np.nan)
    return _resampled(["Strong over the rest"], ratio[:, None], sample)


def rating_pair(_: Any, spec: Specification, sample: Sample, world: World) -> Parts:
    """Hedges g over schools: each school once, or by its students; spread between schools of the two ratings."""
    plan = sample.study.inspection
    a, b = (_rated(plan.ratings.index(r), sample, world) for r in (plan.higher, plan.lower))
    weight = _school_weight(spec, sample)
    mean = sample.school_means(spec.adjustment)
    moments = [_rating_moments(side, mean, weight, sample) for side in (a, b)]
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = moments[0][0] - moments[1][0]
        df = moments[0][2] + moments[1][2] - 2
        sd = np.sqrt((moments[0][1] + moments[1][1]) / df)
        enough = (moments[0][2] > 1) & (moments[1][2] > 1)
        drawn = np.where(enough, difference / sd * hedges_j(float(df[0, 0])), np.nan)
    return _resampled(_names(range(mean.shape[1]), sample, world), drawn, sample)


def rating_correlation(_: Any, spec: Specification, sample: Sample, world: World) -> Parts:
    mean, weight = sample.school_means(spec.adjustment), _school_weight(spec, sample)
    rated = np.isin(np.arange(len(mean)), sample.ranked) & (world.ratings >= 0)
    w = rated[:, None] * weight
    x, y = np.nan_to_num(mean), -world.ratings[:, None].astype(float)
    sums = [sample.drawn(_padded(w * v, sample)) for v in (np.ones_like(x), x, y + 0 * x, x * x, y * y + 0 * x, x * y)]
    n, sx, sy, xx, yy, xy = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt((xx - sx**2 / n) * (yy - sy**2 / n))
        drawn = np.where(spread > 0, (xy - sx * sy / n) / spread, np.nan)
    return _resampled(_names(range(mean.shape[1]), sample, world), drawn, sample)


def _school_weight(spec: Specification, sample: Sample) -> Array:
    """What a school counts for, by dimension (G, D): as much as any other, or as it has students."""
    return sample.sizes if spec.adjustment == "none" else np.ones_like(sample.sizes)


def _rated(rating: int, sample: Sample, world: World) -> NDArray[np.bool_]:
    return np.isin(np.arange(len(sample.sizes)), sample.ranked) & (world.ratings == rating)


def _rating_moments(side: NDArray[np.bool_], mean: Array, weight: Array, sample: Sample) -> tuple[Array, Array, Array]:
    """Weighted mean of schools, squares of their deviations (each once), and how many: three of (B, D)."""
    x = np.where(side[:, None], np.nan_to_num(mean), 0.0)
    one = np.broadcast_to(side[:, None].astype(float), x.shape)
    w, wx, n, s, q = (sample.drawn(_padded(v, sample)) for v in (one * weight, x * weight, one, x, x * x))
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may have no school with the rating
        return wx / w, q - s**2 / n, n


def _padded(sums: Array, sample: Sample) -> Array:
    """Sums of schools with a row of zeros for students without one, who are drawn as well."""
    return np.concatenate([sums, np.zeros((len(sample.n) - len(sums), *sums.shape[1:]))])


def _top_and_bottom(spec: Specification, sample: Sample) -> tuple[int, int] | None:
    """The schools with the highest and the lowest mean over dimensions; none with fewer than two."""
    if len(sample.ranked) < 2:
        return None
    mean = sample.school_means(spec.adjustment)[sample.ranked].mean(axis=1)
    return int(sample.ranked[mean.argmax()]), int(sample.ranked[mean.argmin()])


def _welch_half(pair: NDArray[np.int64], sample: Sample) -> Array:
    """Half an interval of the difference of two schools' raw means, by dimension; ``pair`` (2, D) are their places."""
    at = np.arange(pair.shape[1])
    n = sample.sizes[pair, at]
    part = sample.school_variance()[pair, at] / n
    variance = part.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = variance**2 / (part**2 / (n - 1)).sum(axis=0)
    quantile = np.array([t_quantile(x, sample.study.resampling.level) if x > 0 else np.nan for x in df])
    return quantile * np.sqrt(variance)


def _chosen(claim: Any, sample: Sample) -> list[int]:
    ids = sample.study.instrument.dimension_ids
    return [ids.index(d) for d in claim.dimensions or ids]


def _names(chosen: Any, sample: Sample, world: World) -> list[str]:
    return [world.labels[sample.study.instrument.dimension_ids[d]] for d in chosen]


def _nothing(chosen: list[int], sample: Sample, world: World) -> Parts:
    return Parts(_names(chosen, sample, world), *(np.full(len(chosen), np.nan) for _ in range(3)))


ESTIMATORS: dict[str, Callable[[Any, Any, Any, World], Parts]] = {
    f.__name__: f
    for f in (
        shares,
        lowest_share,
        trends,
        largest_step,
        group_order,
        group_effects,
        school_gap,
        school_effect,
        school_chance,
        culture,
        rating_pair,
        rating_correlation,
    )
}
