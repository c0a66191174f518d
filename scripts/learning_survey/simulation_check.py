"""How often intervals hold the truth, in samples drawn from a known population of students in schools.

36 five-point items measure nine dimensions, which three factors bring together; everything varies between schools and
within them. True values are those of the same functions on the population's own covariances, which are integrals of
bivariate normal densities, so they are free of sampling.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_survey import alpha_equality, bootstrap, effects, omega, reliability
from learning_survey.group_sample import Sample
from learning_survey.groups import clustered_g
from learning_survey.jackknife import LOG_SCALE, interval, leave_one_out
from learning_survey.moments import Moments
from learning_survey.solution import match, replicates, solution
from learning_survey.uncertainty import Estimate

Array = NDArray[np.float64]
LEVEL, ICC, SCHOOLS, ITEMS, DIMENSIONS, FACTORS = 0.95, 0.12, 87, 4, 9, 3
THRESHOLDS = np.array([-1.8, -0.9, 0.0, 1.1])
"""Where a normal answer is cut into five: few choose the first category, most the fourth."""
ITEM_LOADINGS = np.array([0.55, 0.65, 0.7, 0.8])
FACTOR_LOADINGS = np.array([0.9, 0.8, 0.7])
SECOND_ORDER = np.array([0.85, 0.7, 0.5])
GIRLS, SLOPE, PHASE = 0.25, 0.15, 0.4
"""Differences in standard deviations: girls from boys, its spread over schools, schools of one phase from the other."""
CUT = 0.3
"""From where a score counts as high, in standard deviations above the mean of the group that has no difference."""
NAMES = [f"d{d + 1}_{i + 1}" for d in range(DIMENSIONS) for i in range(ITEMS)]
KEY = np.kron(np.eye(DIMENSIONS), np.ones((ITEMS, 1))) > 0
FIRST = NAMES[:ITEMS]


WITHIN, EACH_WITHIN = (0.93, 0.97), (0.915, 0.985)
"""Shares of samples in which intervals are to hold the truth: each kind of interval; each loading by itself, where the
outermost of 27 is off by Monte Carlo error of about two standard errors."""


# ---------------------------------------------------------------- population


def dimension_correlations() -> Array:
    """Of the nine dimensions: three factors with three dimensions each, and one factor behind them."""
    phi = np.outer(SECOND_ORDER, SECOND_ORDER)
    np.fill_diagonal(phi, 1)
    pattern = np.kron(np.eye(FACTORS), FACTOR_LOADINGS[:, None])
    R = pattern @ phi @ pattern.T
    np.fill_diagonal(R, 1)
    return R


def population() -> Array:
    """Covariances (36, 36) of the items as cut: Σ over thresholds of what correlation adds to P(both above).

    The derivative of that probability by the correlation is the bivariate normal density at the two thresholds
    (Plackett 1954, Biometrika 41, 351-360), integrated by Gauss and Legendre's rule.
    """
    loadings = np.tile(ITEM_LOADINGS, DIMENSIONS)
    R = np.outer(loadings, loadings) * np.kron(dimension_correlations(), np.ones((ITEMS, ITEMS)))
    np.fill_diagonal(R, 0)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    h, k = np.meshgrid(THRESHOLDS, THRESHOLDS)
    r = (R[..., None] * (nodes + 1) / 2)[..., None, None]
    density = np.exp(-(h**2 - 2 * r * h * k + k**2) / (2 * (1 - r**2))) / (2 * np.pi * np.sqrt(1 - r**2))
    C = R / 2 * np.einsum("ijqhk,q->ij", density, weights)
    np.fill_diagonal(C, _variance())
    return C


def _variance() -> float:
    from scipy.special import ndtr

    share = np.diff(np.concatenate([[0.0], ndtr(THRESHOLDS), [1.0]]))
    codes = np.arange(1, len(share) + 1)
    return float(share @ codes**2 - (share @ codes) ** 2)


def effect_truth(name: str, difference: float, slope: float) -> dict[str, float]:
    """True effects of a difference whose spread over schools is ``slope``, in the one group of the two that has it."""
    from scipy.special import ndtr

    between, within = ICC + slope**2 / 2, 1 - ICC
    spread = np.sqrt(1 + slope**2)  # of the group that differs from school to school
    shares = ndtr(-CUT), ndtr((-difference - CUT) / spread)
    return {
        f"g of {name}, all students": difference / np.sqrt(between + within),
        f"g of {name}, within schools": difference / np.sqrt(within),
        f"g of {name}, of schools": difference / np.sqrt(between),
        f"chance of superiority, {name}": float(ndtr(difference / np.sqrt(1 + spread**2))),
        f"difference in share high, {name}": float(shares[0] - shares[1]),
    }


@dataclass(frozen=True)
class Truth:
    """True values by name, and the pattern (9, 3) of the dimension scores that loadings are ordered by."""

    values: dict[str, float]
    pattern: Array


def truth() -> Truth:
    C = population()
    sums = np.kron(np.eye(DIMENSIONS), np.ones((ITEMS, 1)))
    R, first = reliability.standardised(C), C[:ITEMS, :ITEMS]
    total, psi = omega.omega_total(R, DIMENSIONS)
    key = omega.matched(omega.promax_pattern(R, psi, DIMENSIONS), KEY)
    general, _ = omega.general_factor(R, DIMENSIONS, psi, key)
    dimensions = [f"d{d + 1}" for d in range(DIMENSIONS)]
    pattern = solution(reliability.standardised(sums.T @ C @ sums), tuple(dimensions), FACTORS).pattern
    values = {
        "alpha of a dimension, leaving out schools": float(reliability.alpha(first)),
        "alpha of a dimension, bootstrap-t": float(reliability.alpha(first)),
        "alpha of all items, leaving out schools": float(reliability.alpha(C)),
        "alpha of all items, bootstrap-t": float(reliability.alpha(C)),
        "omega total of a dimension": float(omega.omega_total(reliability.standardised(first))[0]),
        "omega total of all items": float(total),
        "omega hierarchical of all items": float(omega.shares(general, R, slice(None))[0]),
        "Hedges g of girls and boys": GIRLS / float(np.sqrt(1 + SLOPE**2 / 2)),
        "Hedges g of two kinds of school": PHASE,
    }
    values |= effect_truth("girls and boys", GIRLS, SLOPE) | effect_truth("two kinds of school", PHASE, 0.0)
    values |= {f"promax loading of d{i + 1} on factor {j + 1}": pattern[i, j] for i, j in np.ndindex(pattern.shape)}
    return Truth(values, pattern)


# ---------------------------------------------------------------- one sample


@dataclass(frozen=True)
class Drawn:
    """One sample: items as cut (N, 36), a score with a difference by gender and by phase, and who is where (N)."""

    items: Array
    girls_score: Array
    phase_score: Array
    school: NDArray[np.int64]
    girl: NDArray[np.int64]
    phase: NDArray[np.int64]


def sizes(rng: np.random.Generator, mean_size: float = 60) -> NDArray[np.int64]:
    """Students of each school: sizes differ about fourfold between the middle two thirds."""
    return np.maximum(np.round(rng.lognormal(np.log(mean_size) - 0.245, 0.7, SCHOOLS)), 5).astype(np.int64)


def draw(rng: np.random.Generator, mean_size: float = 60) -> Drawn:
    """Students in schools of ``sizes``."""
    size = sizes(rng, mean_size)
    school = np.repeat(np.arange(SCHOOLS), size)
    n = len(school)

    def both(width: int, mix: Array) -> Array:
        """Columns whose share ICC is the school's, correlated by ``mix``."""
        return (
            np.sqrt(ICC) * rng.standard_normal((SCHOOLS, width))[school]
            + np.sqrt(1 - ICC) * rng.standard_normal((n, width))
        ) @ mix

    trait = both(DIMENSIONS, np.linalg.cholesky(dimension_correlations()).T)
    own = both(len(NAMES), np.eye(len(NAMES)))
    loadings = np.tile(ITEM_LOADINGS, DIMENSIONS)
    latent = loadings * np.repeat(trait, ITEMS, axis=1) + np.sqrt(1 - loadings**2) * own
    girl, phase = rng.integers(0, 2, n), (np.arange(SCHOOLS) % 2)[school]
    score = both(2, np.eye(2))
    slope = GIRLS + SLOPE * rng.standard_normal(SCHOOLS)[school]
    items = 1.0 + np.searchsorted(THRESHOLDS, latent)
    return Drawn(items, score[:, 0] - slope * girl, score[:, 1] - PHASE * phase, school, girl, phase)


def estimates(drawn: Drawn, true: Truth, seed: int) -> dict[str, Estimate]:
    """Every interval of the check from one sample, by the name that ``Truth`` has for it."""
    labels = np.char.zfill(drawn.school.astype(str), 2)
    moments = Moments.of(drawn.items, NAMES, labels)
    result: dict[str, Estimate] = {}
    for name, own in (("a dimension", moments.select(FIRST)), ("all items", moments)):
        value, again = reliability.alpha(own.pooled().cov()), reliability.alpha(leave_one_out(own, seed).cov())
        result[f"alpha of {name}, leaving out schools"] = _log_interval(value, again)
        limits = bootstrap.alpha_interval(own, LEVEL, seed)
        result[f"alpha of {name}, bootstrap-t"] = Estimate(float(value), *limits)
    result |= _omegas(moments, seed) | _loadings(moments, true, seed)
    by_girl = Sample(drawn.girls_score, drawn.girl, drawn.school)
    by_phase = Sample(drawn.phase_score, drawn.phase, drawn.school)
    result["Hedges g of girls and boys"] = clustered_g(by_girl, LEVEL)[0]
    result["Hedges g of two kinds of school"] = clustered_g(by_phase, LEVEL)[0]
    return result | _effects("girls and boys", by_girl) | _effects("two kinds of school", by_phase)


def _effects(name: str, sample: Sample) -> dict[str, Estimate]:
    spread = effects.standardised(sample, LEVEL)
    return {
        f"g of {name}, all students": spread.total,
        f"g of {name}, within schools": spread.within,
        f"g of {name}, of schools": spread.between,
        f"chance of superiority, {name}": effects.superiority(sample, LEVEL),
        f"difference in share high, {name}": effects.share_difference(sample, CUT, LEVEL),
    }


def _log_interval(value: Array, again: Array) -> Estimate:
    low, high = interval(value, again, LEVEL, *LOG_SCALE)
    return Estimate(float(value), float(low), float(high))


def _omegas(moments: Moments, seed: int) -> dict[str, Estimate]:
    R, again = moments.pooled().cor(), leave_one_out(moments, seed).cor()
    one, psi = omega.omega_total(R[:ITEMS, :ITEMS])
    result = {"omega total of a dimension": _log_interval(one, omega.omega_total(again[:, :ITEMS, :ITEMS], 1, psi)[0])}
    total, psi = omega.omega_total(R, DIMENSIONS)
    totals, without = omega.omega_total(again, DIMENSIONS, psi)
    result["omega total of all items"] = _log_interval(total, totals)
    key = omega.matched(omega.promax_pattern(R, psi, DIMENSIONS), KEY)
    found, pattern = omega.general_factor(R, DIMENSIONS, psi, key)
    drawn, _ = omega.general_factor(again, DIMENSIONS, without, key, like=pattern)
    everything = list(range(len(NAMES)))
    result["omega hierarchical of all items"] = omega.hierarchical(found, R, drawn, again, at=everything, level=LEVEL)
    return result


def _loadings(moments: Moments, true: Truth, seed: int) -> dict[str, Estimate]:
    """Promax loadings of the dimensions' sums, whose moments are sums of those of items: no answer is missing."""
    sums = np.kron(np.eye(DIMENSIONS), np.ones((ITEMS, 1)))
    dimensions = tuple(f"d{d + 1}" for d in range(DIMENSIONS))
    n = moments.n[:, :DIMENSIONS, :DIMENSIONS]
    s = np.repeat((np.diagonal(moments.s, axis1=1, axis2=2) @ sums)[:, :, None], DIMENSIONS, axis=2)
    c = sums.T @ moments.c @ sums
    q = np.repeat(np.diagonal(c, axis1=1, axis2=2)[:, :, None], DIMENSIONS, axis=2)
    own = Moments(dimensions, moments.clusters, n, s, q, c)
    found = solution(own.pooled().cor(), dimensions, FACTORS)
    found = found.arranged(*match(true.pattern, found.pattern))
    again, _ = replicates(leave_one_out(own, seed), found)
    low, high = interval(found.pattern, again, LEVEL)
    return {
        f"promax loading of d{i + 1} on factor {j + 1}": Estimate(found.pattern[i, j], low[i, j], high[i, j])
        for i, j in np.ndindex(found.pattern.shape)
    }


def rejections(drawn: Drawn, seed: int) -> dict[str, bool]:
    """Whether each test of equal alphas finds, at 5%, a difference that is not there."""
    result = {}
    for name, group in (("girls and boys", drawn.girl), ("two kinds of school", drawn.phase)):
        labels = np.char.zfill(drawn.school.astype(str), 2)
        parts = [Moments.of(drawn.items[group == g][:, :ITEMS], FIRST, labels[group == g]) for g in (0, 1)]
        alphas = np.array([float(reliability.alpha(m.pooled().cov())) for m in parts])
        n = np.array([float((group == g).sum()) for g in (0, 1)])
        result[f"{name}, Hakstian and Whalen"] = alpha_equality.hakstian_whalen(alphas, n, ITEMS)["p"] < 1 - LEVEL
        result[f"{name}, clustered"] = alpha_equality.clustered(parts, seed)["p"] < 1 - LEVEL
    return result


# ---------------------------------------------------------------- many samples


@dataclass(frozen=True)
class Outcome:
    """What one sample gave: intervals by name, and by name whether a test found a difference that is not there."""

    intervals: dict[str, Estimate]
    rejected: dict[str, bool]


def outcome(seed: int, true: Truth) -> Outcome:
    """One sample, drawn by ``seed`` alone."""
    drawn = draw(np.random.default_rng(seed))
    return Outcome(estimates(drawn, true, seed), rejections(drawn, seed))


class Row(NamedTuple):
    """One interval: its true value, the share of samples in which it holds it or lies below it, its mean width."""

    name: str
    true: float
    held: float
    below: float
    width: float
    within: tuple[float, float] = WITHIN


@dataclass
class Coverage:
    """How many intervals held the truth and how many lay below it, by name; how many tests found a difference."""

    true: Truth
    samples: int = 0
    held: Counter[str] = field(default_factory=Counter)
    below: Counter[str] = field(default_factory=Counter)
    width: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    found: Counter[str] = field(default_factory=Counter)

    def add(self, one: Outcome) -> None:
        self.samples += 1
        for name, e in one.intervals.items():
            true = self.true.values[name]
            self.held[name] += e.low <= true <= e.high
            self.below[name] += e.high < true
            self.width[name] += e.high - e.low
        for name, rejected in one.rejected.items():
            self.found[name] += bool(rejected)

    def rows(self) -> list[Row]:
        """Every kind of interval; loadings are one, as their mean, followed by the ends of their range."""
        kinds, loadings = [], []
        for name, true in self.true.values.items():
            shares = (d[name] / self.samples for d in (self.held, self.below, self.width))
            (loadings if name.startswith("promax") else kinds).append(Row(name, true, *shares))
        mean = np.array([row[2:5] for row in loadings]).mean(axis=0)
        loadings.sort(key=lambda row: row.held)
        ends = zip(("lowest", "highest"), (loadings[0], loadings[-1]), strict=True)
        return [
            *kinds,
            Row(f"promax loadings, mean of {len(loadings)}", float("nan"), *mean),
            *(row._replace(name=f"{end} of them: {row.name}", within=EACH_WITHIN) for end, row in ends),
        ]

    def outside(self) -> list[str]:
        """The intervals whose coverage is not within their bounds, with it."""
        return [f"{row.name} {row.held:.1%}" for row in self.rows() if not row.within[0] <= row.held <= row.within[1]]

    def table(self) -> str:
        """Markdown: coverage with its Monte Carlo standard error, intervals on either side, mean width."""
        lines = ["| interval | true value | holds it | too low | too high | mean width |", "|---|---|---|---|---|---|"]
        for name, true, held, below, width, _ in self.rows():
            value = "" if np.isnan(true) else f"{true:.3f}"
            figures = f"{held:.1%} ± {self.error(held):.1%} | {below:.1%} | {1 - held - below:.1%} | {width:.3f}"
            lines.append(f"| {name} | {value} | {figures} |")
        lines += ["", "| test of equal alphas at 5% | finds a difference that is not there |", "|---|---|"]
        for name, count in self.found.items():
            share = count / self.samples
            lines.append(f"| {name} | {share:.1%} ± {self.error(share):.1%} |")
        return "\n".join(lines)

    def error(self, share: float) -> float:
        """Monte Carlo standard error of a share."""
        return float(np.sqrt(share * (1 - share) / self.samples))
