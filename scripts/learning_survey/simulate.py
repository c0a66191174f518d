"""A synthetic cohort from a multilevel thresholded-normal model.

For student p in school s, key stage k, gender g, dimension d and item i of d (all answers in the direction of d):

    eta[p, d] = school[s, d] + stage[k, d] + gender[g, d] + spread[s, d] * w[p, d]        w ~ N(0, W)
    y[p, i]   = loading[i] * eta[p, d] + spread[s, d] * sqrt(1 - loading[i]²) * e[p, i]   e ~ N(0, 1)
    answer    = 1 + number of the item's thresholds below y

All parameters come from ``config/calibration/``. What a school population is planned to have (no mean effect in any
key stage, the covariance of school effects, the means of rating groups) holds exactly in every draw, so another seed
changes who the schools and students are and not what the population is. Thresholded-normal items: Muthén (1984),
Psychometrika 49, 115-132.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_survey.calibration import Calibration, Shifts
from learning_survey.config import Study
from learning_survey.errors import SurveyError
from learning_survey.instrument import Instrument

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Cohort:
    """Schools and the students who stay after cleaning.

    ``school`` (N) indexes the S schools of ``schools`` (columns as in the register, and ``kind``, ``n``); ``age`` (N);
    ``gender`` and ``stage`` (N) index ``genders`` and ``stages``; ``answers`` (N × items, int8) holds positions on the
    scale in the direction of the dimension, from 1, and 0 where there is no answer; ``effects`` (S × dimensions).
    """

    schools: dict[str, list[Any]]
    effects: Array
    school: NDArray[np.int64]
    age: NDArray[np.int64]
    gender: NDArray[np.int64]
    stage: NDArray[np.int64]
    genders: list[str]
    stages: list[str]
    answers: NDArray[np.int8]


def simulate(calibration: Calibration, instrument: Instrument, study: Study, seed: int) -> Cohort:
    """Draw one cohort. Pure: the same arguments give the same cohort."""
    rng = np.random.default_rng(seed)
    dimensions, genders = instrument.dimension_ids, [c.id for c in study.gender.categories]
    stages = [level.id for level in study.key_stages.levels]
    schools = _schools(calibration, rng)
    school, age = _ages(calibration, schools, rng)
    stage = _stages(study, age)
    stage_shift = _table(calibration.key_stages.shifts, stages, dimensions)
    from_stages = np.array([stage_shift[stage[school == s]].mean(axis=0) for s in range(len(schools["kind"]))])
    effects = _effects(calibration, dimensions, schools, from_stages, rng)
    gender = _genders(calibration, genders, len(school), rng)
    mean = effects[school] + stage_shift[stage] + _table(calibration.gender.shifts, genders, dimensions)[gender]
    spread = np.ones((len(effects), len(dimensions)))
    for kind, extreme in (("top", calibration.top_school), ("bottom", calibration.bottom_school)):
        spread[schools["kind"].index(kind)] = [extreme.spread[d] for d in dimensions]
    # What students deviate by adds nothing to the means of key stages and genders. In each of the two schools that the
    # report compares its covariance is as planned too: a gap between two schools rests on few students.
    even = np.column_stack([np.eye(len(genders))[gender], np.eye(len(stages))[stage]])
    extremes = [np.flatnonzero(school == schools["kind"].index(kind)) for kind in ("top", "bottom")]
    draws = planned_draws(len(dimensions) + len(instrument.items), even, extremes, rng)
    deviation = draws[:, : len(dimensions)] @ np.linalg.cholesky(np.array(calibration.students.covariance)).T
    at = [dimensions.index(i.dimension) for i in instrument.items]
    own = spread[school][:, at] * draws[:, len(dimensions) :]
    answers = _answers(calibration, instrument, mean + spread[school] * deviation, own, rng)
    return Cohort(schools, effects, school, age, gender, stage, genders, stages, answers)


def _table(shifts: dict[str, Shifts], rows: list[str], columns: list[str]) -> Array:
    return np.array([[shifts[r][c] for c in columns] for r in rows])


def _schools(c: Calibration, rng: np.random.Generator) -> dict[str, list[Any]]:
    """Sizes, kinds, ratings and countries of the schools, in the order of their ids, which says nothing."""
    kind, phase, size = [], [], []
    for p, count in c.cohort.schools.items():
        fixed = [(k, e) for k, e in (("top", c.top_school), ("bottom", c.bottom_school)) if e.phase == p]
        strong = c.strong_schools.schools[p]
        kinds = [k for k, _ in fixed] + ["strong"] * strong + ["other"] * (count - len(fixed) - strong)
        drawn = np.exp(rng.normal(0, c.cohort.size_spread, count - len(fixed)))
        total = c.cohort.students[p] - sum(e.students for _, e in fixed)
        kind += kinds
        phase += [p] * count
        size += [e.students for _, e in fixed] + _whole(drawn, total, c.cohort.smallest)
    rating: list[str | None] = [None] * len(kind)
    for name, group in c.ratings.groups.items():
        named = [k for k, e in (("top", c.top_school), ("bottom", c.bottom_school)) if e.rating == name]
        wanted = [(k, 1) for k in named] + [
            ("strong", group.strong),
            ("other", group.schools - group.strong - len(named)),
        ]
        for k, number in wanted:
            free = [i for i, x in enumerate(kind) if x == k and rating[i] is None]
            for i in rng.choice(free, number, replace=False):
                rating[i] = name
    country = [c.ratings.country if r else "" for r in rating]
    left = [name for name, number in c.countries.schools.items() for _ in range(number)]
    for _ in range(sum(r is not None for r in rating)):
        left.remove(c.ratings.country)
    for i, name in zip((i for i, r in enumerate(rating) if r is None), rng.permutation(left), strict=True):
        country[i] = str(name)
    order = rng.permutation(len(kind))
    columns = {"phase": phase, "country": country, "ofsted_rating": rating, "kind": kind, "n": size}
    return {"school_id": [f"SYN{i + 1:03d}" for i in range(len(kind))]} | {
        k: [v[i] for i in order] for k, v in columns.items()
    }


def _whole(weights: Array, total: int, least: int = 0) -> list[int]:
    """Whole numbers in proportion to ``weights`` above ``least`` that sum to ``total`` (largest remainders)."""
    exact = least + weights / weights.sum() * (total - least * len(weights))
    whole = np.floor(exact).astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: total - whole.sum()]] += 1
    return whole.tolist()


def _ages(
    c: Calibration, schools: dict[str, list[Any]], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """School and age of every student, sorted by both."""
    school, age = [], []
    for i, (phase, n) in enumerate(zip(schools["phase"], schools["n"], strict=True)):
        weights = c.cohort.ages[phase]
        share = np.array(list(weights.values()))
        counts = rng.multinomial(n, share / share.sum())
        school.append(np.full(n, i))
        age.append(np.repeat(list(weights), counts))
    return np.concatenate(school), np.concatenate(age)


def _stages(study: Study, age: NDArray[np.int64]) -> NDArray[np.int64]:
    stage = np.full(len(age), -1)
    for k, level in enumerate(study.key_stages.levels):
        stage[(age >= level.ages[0]) & (age <= level.ages[1])] = k
    return stage


def _genders(c: Calibration, genders: list[str], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Categories in the planned shares within every school and age: a golden-ratio sequence over students in order."""
    place = (rng.random() + np.arange(n) * ((5**0.5 - 1) / 2)) % 1
    return np.searchsorted(np.cumsum([c.cohort.gender[g] for g in genders])[:-1], place, side="right")


def planned_effects(draws: Array, weights: Array, constraints: Array, targets: Array, covariance: Array) -> Array:
    """Effects (S × D) made from ``draws`` (S × D) so that planned moments hold exactly.

    ``constraints.T @ effects == targets`` (S × m, m × D), and what the constraints leave free has the covariance
    ``covariance`` (D × D) when rows have ``weights`` (S). The smallest effects that meet the constraints, plus the
    draws made orthogonal to them and rescaled.
    """
    root = np.sqrt(weights)[:, None]
    c = constraints / root
    inverse = np.linalg.inv(c.T @ c)
    free = draws * root
    free = free - c @ (inverse @ (c.T @ free))
    rescale = np.linalg.solve(np.linalg.cholesky(free.T @ free), np.eye(free.shape[1])).T
    rescale = rescale @ np.linalg.cholesky(covariance * weights.sum()).T
    return (c @ (inverse @ targets) + free @ rescale) / root


def _effects(
    c: Calibration,
    dimensions: list[str],
    schools: dict[str, list[Any]],
    from_stages: Array,
    rng: np.random.Generator,
) -> Array:
    """School effects (S × D) beyond ``from_stages``, those of its students' key stages, with all planned moments."""
    count, size = len(schools["kind"]), len(dimensions)
    kind, n = np.array(schools["kind"]), np.array(schools["n"], dtype=float)
    effects = np.zeros((count, size))
    effects[kind == "top"] = [c.top_school.effect[d] for d in dimensions]
    effects[kind == "bottom"] = [c.bottom_school.effect[d] for d in dimensions]
    strong, rest, fixed = kind == "strong", kind == "other", kind != "other"
    if strong.any():  # a cohort need not have strong schools
        levels = c.strong_schools.level + c.strong_schools.range * np.linspace(-1, 1, strong.sum())
        particular = rng.normal(0, c.strong_schools.profile_sd, (strong.sum(), size))
        particular -= particular.mean(axis=0)
        particular -= particular.mean(axis=1, keepdims=True)
        # A strong school is as strong as planned whatever its key stages: the plan is for its level as students see it.
        as_planned = rng.permutation(levels)[:, None] + particular
        effects[strong] = as_planned - from_stages[strong].mean(axis=1, keepdims=True)

    groups = list(c.ratings.groups.items())
    member = np.array([[r == name for name, _ in groups] for r in schools["ofsted_rating"]], dtype=float)
    plan = np.array([[g.mean * g.schools] * size for _, g in groups])
    # Within a phase students' school effects average zero, so key stages keep the means that they are given.
    phases = np.array([[p == name for name in c.cohort.schools] for p in schools["phase"]]) * n[:, None]
    constraints = np.hstack([phases, member])
    targets = np.vstack([np.zeros((phases.shape[1], size)), plan - member.T @ from_stages])
    targets -= constraints[fixed].T @ effects[fixed]
    covariance = np.full((size, size), c.other_schools.level_sd**2) + np.eye(size) * c.other_schools.profile_sd**2
    scores = _even_scores(rest.sum()) * c.other_schools.level_sd
    for _ in range(2000):
        draws = rng.permutation(scores)[:, None] + rng.normal(0, c.other_schools.profile_sd, (rest.sum(), size))
        effects[rest] = planned_effects(draws, n[rest], constraints[rest], targets, covariance)
        level = (effects + from_stages)[rest].mean(axis=1)
        if level.max() <= c.other_schools.highest and level.min() >= c.other_schools.lowest:
            return effects
    raise SurveyError(
        f"no draw of {rest.sum()} schools stays within {c.other_schools.lowest} and {c.other_schools.highest}",
        where="calibration, other_schools",
        remedy="Widen the limits or make level_sd smaller.",
    )


def _even_scores(n: int) -> Array:
    """``n`` evenly spaced values with mean 0 and variance 1: schools differ, and none is far from all others."""
    even = np.linspace(-1, 1, n)
    return even / even.std()


def planned_draws(count: int, even: Array, exact: list[NDArray[np.int64]], rng: np.random.Generator) -> Array:
    """Standard normal draws (N × ``count``) that sum to nothing in each group of ``even`` (N × m, 0 or 1).

    Within each set of rows of ``exact`` they sum to nothing too, have variance 1 and do not correlate, exactly.
    """
    draws = rng.standard_normal((len(even), count))
    draws -= even @ (np.linalg.pinv(even.T @ even, hermitian=True) @ (even.T @ draws))
    for rows in exact:
        part = draws[rows] - draws[rows].mean(axis=0)
        draws[rows] = np.linalg.solve(np.linalg.cholesky(part.T @ part / len(rows)), part.T).T
    return draws


def _answers(
    c: Calibration, instrument: Instrument, eta: Array, own: Array, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Answers (N × items), 0 where missing, to traits ``eta`` (N × D) and what is an item's ``own`` (N × items)."""
    dimension = np.array([instrument.dimension_ids.index(i.dimension) for i in instrument.items])
    reverse = np.array([i.reversed for i in instrument.items])
    loading = np.array([c.items.items[i].loading for i in instrument.item_ids])
    thresholds = np.array([c.items.items[i].thresholds for i in instrument.item_ids])
    points = thresholds.shape[1] + 1
    answers = np.zeros(own.shape, dtype=np.int8)
    left = np.arange(len(eta))
    while len(left):
        y = loading * eta[left][:, dimension] + np.sqrt(1 - loading**2) * own[left]
        drawn = np.ones(y.shape, dtype=np.int8)
        for k in range(points - 1):
            drawn += y > thresholds[:, k]
        drawn[rng.random(drawn.shape) < c.cohort.missing] = 0
        answers[left] = drawn
        # A student who by chance gives one answer throughout would be taken for a straight-liner: draw again.
        left = left[straight(recorded(drawn, reverse, points)) | ((drawn > 0).mean(axis=1) < 0.75)]
        own[left] = rng.standard_normal((len(left), len(loading)))
    return answers


def recorded(answers: NDArray[np.int8], reverse: NDArray[np.bool_], points: int) -> NDArray[np.int8]:
    """Answers as the exports have them: reversed items turned back, missing ones still 0."""
    return np.where(reverse & (answers > 0), points + 1 - answers, answers)


def straight(codes: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Rows (of N × items recorded positions, 0 missing) whose answers are all the same."""
    high = codes.max(axis=1)
    return (np.where(codes == 0, high[:, None], codes) == high[:, None]).all(axis=1)
