"""A synthetic cohort: a multilevel thresholded-normal model, and the exports that a survey operator would deliver.

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

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from learning_survey.config import Instrument, Loaded, Strict, Study, read_model
from learning_survey.errors import SurveyError, nearest
from learning_survey.tables import replacing, write_json

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[np.float64]
Shifts = dict[str, float]  # by dimension, in standard deviations of the latent trait

# ---------------------------------------------------------------- calibration


class Block(Strict):
    """A part of a calibration: which published claims it answers to, and what in it is assumed."""

    published: list[str] = Field(default=[])
    assumed: str | bool = False


class Numbers(Block):
    """How many students and schools, of which ages and genders."""

    students: dict[str, int] = Field(description="students by phase")
    schools: dict[str, int] = Field(description="schools by phase")
    size_spread: float = Field(description="standard deviation of the logarithm of a school's size")
    smallest: int
    ages: dict[str, dict[int, float]] = Field(description="weight of each age, by phase")
    gender: Shifts = Field(description="share of students by category")
    missing: float = Field(description="share of answers left out")


class ItemModel(Strict):
    """An item's loading on its dimension's trait and the thresholds between its points."""

    loading: float = Field(gt=0, lt=1)
    thresholds: list[float]


class Items(Block):
    items: dict[str, ItemModel]


class Deviations(Block):
    """Covariance of students' deviations from what school, stage and gender imply; rows in the instrument's order."""

    covariance: list[list[float]]


class GroupShifts(Block):
    shifts: dict[str, Shifts]


class Extreme(Block):
    """The school that students rate highest or lowest."""

    phase: str
    students: int
    rating: str
    effect: Shifts
    spread: Shifts


class Strong(Block):
    """The other schools with a strong learning culture: their number by phase, and how far above the rest they are."""

    schools: dict[str, int]
    level: float
    range: float = Field(description="half the distance between the weakest and the strongest of them")
    profile_sd: float = Field(description="standard deviation of what is particular to one school and dimension")


class Rest(Block):
    """All other schools: a general level, and what is particular to one dimension."""

    level_sd: float
    profile_sd: float
    highest: float = Field(description="no school's mean over dimensions lies above this")
    lowest: float


class Rating(Strict):
    """An inspection rating: schools that have it, strong ones among them, and the mean that it is planned to have."""

    schools: int
    strong: int
    mean: float


class Ratings(Block):
    country: str
    groups: dict[str, Rating]


class Countries(Block):
    schools: dict[str, int]


class Dirt(Block):
    """What is wrong with the exports: counts of rows, shares of cells."""

    duplicates: int
    tests: int
    blanks: int
    straight_liners: int
    impossible_ages: int
    missing_ages: int
    missing_schools: int
    label_variants: float
    gender_blank: float


class Calibration(Strict):
    """Everything that the generator needs to know about a cohort, as ``scripts/calibrate.py`` writes it."""

    id: str
    instrument: str
    about: str
    cohort: Numbers
    items: Items
    students: Deviations
    key_stages: GroupShifts
    gender: GroupShifts
    top_school: Extreme
    bottom_school: Extreme
    strong_schools: Strong
    other_schools: Rest
    ratings: Ratings
    countries: Countries
    dirt: Dirt


def load_calibration(study: Loaded) -> Calibration:
    """Read ``config/calibration/<name>.yaml`` of a synthetic study.

    Raises SurveyError when the file is missing or broken, and when it and the study do not fit each other.
    """
    path = study.root / "config" / "calibration" / f"{study.calibration}.yaml"
    calibration = read_model(path, Calibration)
    check(calibration, study, path)
    return calibration


def check(c: Calibration, study: Loaded, where: object = "calibration") -> None:
    """Raise SurveyError unless dimensions, items, thresholds and groups are those of the study."""
    remedy = "Make it again with scripts/calibrate.py."

    def same(what: str, given: Iterable[str], known: list[str]) -> None:
        for name in sorted({*given} ^ {*known}):
            raise SurveyError(
                f"{what}: '{name}' is not in both", where=where, remedy=f"{nearest(name, known)} {remedy}"
            )

    needs = {
        "key_stages from age": study.key_stages and study.key_stages.source == "age",
        "gender": study.gender,
        "survey_date": study.survey_date,
        "columns for school, age, gender and status": all(
            (study.columns.school, study.columns.age, study.columns.gender, study.columns.status)
        ),
    }
    for what, given in needs.items():
        if not given:
            raise SurveyError(f"a synthetic study needs {what}", where=f"study '{study.id}'", remedy="Add it.")
    dimensions, points = study.instrument.dimension_ids, len(study.instrument.response.codes)
    stages, genders = [s.id for s in study.key_stages.levels], [g.id for g in study.gender.categories]
    same("items.items", c.items.items, study.instrument.item_ids)
    same("key_stages.shifts", c.key_stages.shifts, stages)
    same("gender.shifts", c.gender.shifts, genders)
    same("cohort.gender", c.cohort.gender, genders)
    for block in ("key_stages", "gender"):
        for group, shifts in getattr(c, block).shifts.items():
            same(f"{block}.shifts.{group}", shifts, dimensions)
    for block in (c.top_school, c.bottom_school):
        same("effect", block.effect, dimensions)
        same("spread", block.spread, dimensions)
    for item, model in c.items.items.items():
        if len(model.thresholds) != points - 1 or sorted(model.thresholds) != model.thresholds:
            raise SurveyError(
                f"items.items.{item}: {points} points need {points - 1} ascending thresholds",
                where=where,
                remedy=remedy,
            )
    w = np.array(c.students.covariance)
    if w.shape != (len(dimensions),) * 2 or not np.allclose(w, w.T) or np.linalg.eigvalsh(w)[0] <= 0:
        raise SurveyError("students.covariance is not a covariance matrix", where=where, remedy=remedy)


# ---------------------------------------------------------------- population


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
    levels = c.strong_schools.level + c.strong_schools.range * np.linspace(-1, 1, strong.sum())
    particular = rng.normal(0, c.strong_schools.profile_sd, (strong.sum(), size))
    particular -= particular.mean(axis=0)
    particular -= particular.mean(axis=1, keepdims=True)
    # A strong school is as strong as planned whatever its key stages: the plan is for its level as students see it.
    effects[strong] = rng.permutation(levels)[:, None] + particular - from_stages[strong].mean(axis=1, keepdims=True)

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


# ---------------------------------------------------------------- exports

KINDS = (
    "duplicates",
    "tests",
    "blanks",
    "straight_liners",
    "impossible_ages",
    "missing_ages",
    "missing_schools",
)


EXPORTS = [
    "responses_synthetic_international.csv",
    "responses_synthetic_primary_north.csv",
    "responses_synthetic_primary_south.csv",
    "responses_synthetic_secondary_north.csv",
    "responses_synthetic_secondary_south.csv",
    "responses_synthetic_trust_a.xlsx",
    "responses_synthetic_trust_b.xlsx",
]


@dataclass(frozen=True)
class Delivery:
    """Exports by file name, in the order of their lines; the register; and what was planted."""

    exports: dict[str, pl.DataFrame]
    register: pl.DataFrame
    truth: dict[str, Any]


def deliver(cohort: Cohort, calibration: Calibration, instrument: Instrument, study: Study, seed: int) -> Delivery:
    """The cohort as a survey operator would deliver it, with dirt. Pure."""
    import polars as pl

    rng = np.random.default_rng([seed, 1])
    rows = _rows(cohort, calibration, instrument, rng)
    names = EXPORTS
    file = np.array([names.index(f) for f in _export_of(cohort)])[rows["home"]]
    order = np.lexsort((rows["place"], file))
    rows = {k: v[order] for k, v in rows.items()}
    file = file[order]
    text = _text(rows, cohort.schools["school_id"], calibration, study, instrument=instrument, rng=rng)
    exports, truth_rows = {}, {kind: [] for kind in KINDS}
    for f, name in enumerate(names):
        here = np.flatnonzero(file == f)
        # Some exports head an item's column with its id, some with its wording, as they come.
        wording = {i.id: i.wording for i in instrument.items} if f % 2 == 0 and name.endswith(".csv") else {}
        lines = np.arange(len(here)) + 2  # the header is line 1
        exports[name] = pl.DataFrame({wording.get(h, h): column.gather(here) for h, column in text})
        for k, kind in enumerate(KINDS, start=1):
            truth_rows[kind] += [[name, int(line)] for line in lines[rows["kind"][here] == k]]
    register = pl.DataFrame({k: v for k, v in cohort.schools.items() if k not in ("kind", "n")})
    register = register.with_columns(pl.lit("synthetic").alias("cohort"))
    kinds = cohort.schools["kind"]
    ids = cohort.schools["school_id"]
    truth = {
        "study": study.id,
        "cohort": "synthetic",
        "seed": seed,
        "students": len(cohort.school),
        "schools": len(ids),
        "rows": len(file),
        "planted": {kind: len(found) for kind, found in truth_rows.items()},
        "where": truth_rows,
        "cells": {
            "missing_answers": int((cohort.answers == 0).sum()),
            "impossible_ages": calibration.dirt.impossible_ages,
        },
        "students_by_school": dict(zip(ids, np.bincount(cohort.school, minlength=len(ids)).tolist(), strict=True)),
        "top_school": ids[kinds.index("top")],
        "bottom_school": ids[kinds.index("bottom")],
        "strong_schools": sorted(i for i, k in zip(ids, kinds, strict=True) if k in ("top", "strong")),
    }
    return Delivery(exports, register, truth)


def _rows(cohort: Cohort, c: Calibration, instrument: Instrument, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Students' rows followed by dirty ones. -1 is an empty cell; ``home`` is the school whose export has the row."""
    points = len(instrument.response.codes)
    n, items = cohort.answers.shape
    reverse = np.array([i.reversed for i in instrument.items])
    counts = [getattr(c.dirt, kind) for kind in KINDS]
    kind = np.concatenate([np.zeros(n, dtype=int), np.repeat(np.arange(1, len(KINDS) + 1), counts)])
    of = {name: np.flatnonzero(kind == k) for k, name in enumerate(KINDS, start=1)}
    # Every dirty row starts as some student's: a duplicate stays so, the others change what makes them dirty.
    source = np.concatenate([np.arange(n), rng.choice(n, sum(counts), replace=False)])
    codes = recorded(cohort.answers, reverse, points)[source]
    for dimension in instrument.dimension_ids:
        columns = [k for k, i in enumerate(instrument.items) if i.dimension == dimension]
        rows = np.flatnonzero(kind > 1)
        codes[np.ix_(rows, columns)] = codes[np.ix_(rng.integers(0, n, len(rows)), columns)]
    codes[of["blanks"]] *= (
        rng.random((len(of["blanks"]), items)) < np.repeat([0, 0.15], _halves(len(of["blanks"])))[:, None]
    )
    codes[of["straight_liners"]] = rng.choice(points, len(of["straight_liners"]))[:, None] + 1
    school, age = cohort.school[source], cohort.age[source]
    age[of["impossible_ages"]] = rng.choice([0, 1, 2, 3, 19, 21, 45, 77, 99, 111, 150, 999], len(of["impossible_ages"]))
    age[of["missing_ages"]] = -1
    school[of["missing_schools"]] = -1
    gender = np.where(rng.random(len(kind)) < c.dirt.gender_blank, -1, cohort.gender[source])
    number = rng.permutation(len(kind))
    place = rng.random(len(kind))
    copied = of["duplicates"]
    gender[copied], number[copied] = gender[source[copied]], number[source[copied]]
    place[copied] = place[source[copied]] + (1 - place[source[copied]]) * place[copied]
    return {
        "kind": kind,
        "source": np.where(kind == 1, source, np.arange(len(kind))),
        "home": cohort.school[source],
        "school": school,
        "age": age,
        "gender": gender,
        "number": number,
        "place": place,
        "codes": codes,
    }


def _halves(n: int) -> list[int]:
    return [n // 2, n - n // 2]


def _export_of(cohort: Cohort, largest: int = 1200) -> list[str]:
    """The export of each school: two trusts send small workbooks, the rest goes by country, phase and region."""
    country = cohort.schools["country"]
    home = max(sorted(set(country)), key=country.count)
    books = [n for n in EXPORTS if n.endswith(".xlsx")]
    filled = dict.fromkeys(books, 0)
    found = []
    for i, (phase, n) in enumerate(zip(cohort.schools["phase"], cohort.schools["n"], strict=True)):
        book = books[i % len(books)]
        if country[i] != home:
            found.append("responses_synthetic_international.csv")
        elif filled[book] + n <= largest:
            filled[book] += n
            found.append(book)
        else:
            found.append(f"responses_synthetic_{phase}_{'north' if i % 2 else 'south'}.csv")
    return found


def _text(
    rows: dict[str, NDArray[Any]],
    schools: list[str],
    c: Calibration,
    study: Study,
    *,
    instrument: Instrument,
    rng: np.random.Generator,
) -> list[tuple[str, pl.Series]]:
    """Every column as text: header (items by id) and cells, for all rows of all files in order."""
    import polars as pl

    n = len(rows["kind"])
    missing = study.exports.missing_values or [""]
    # A duplicate is a copy of every cell, so what varies by chance is drawn per source and then repeated.
    _, first, copy = np.unique(rows["number"], return_index=True, return_inverse=True)

    def same(drawn: NDArray[Any]) -> NDArray[Any]:
        return drawn[first][copy]

    def spelt(columns: list[list[str]], index: NDArray[np.int64], rare: float) -> pl.Series:
        """Column of spellings: the first of each list, or with probability ``rare`` one of the others."""
        start = np.cumsum([0] + [len(s) for s in columns[:-1]])
        extra = np.array([len(s) - 1 for s in columns])[index]
        odd = same(rng.random(n)) < rare
        pick = np.where(odd & (extra > 0), 1 + np.floor(same(rng.random(n)) * extra).astype(int), 0)
        return pl.Series([s for spellings in columns for s in spellings]).gather(start[index] + pick)

    columns: list[tuple[str, pl.Series]] = []
    numbers = pl.Series([f"R{v + 100001}" for v in rows["number"].tolist()])
    columns.append((study.columns.respondent, numbers))
    columns.append((study.columns.school, spelt([missing, *([i] for i in schools)], rows["school"] + 1, 0.5)))
    ages = [[str(a)] for a in range(int(rows["age"].max()) + 1)]
    columns.append((study.columns.age, spelt([[""], *ages], rows["age"] + 1, 0)))
    spellings = [[*v.values, v.values[0].lower(), v.values[0] + " "] for v in study.gender.categories]
    columns.append((study.columns.gender, spelt([missing, *spellings], rows["gender"] + 1, 0.25)))
    tests = study.clean.test_status or ["test"]
    states = [["complete", "Complete"], tests + [t.title() for t in tests]]
    columns.append((study.columns.status, spelt(states, (rows["kind"] == KINDS.index("tests") + 1).astype(int), 0.3)))
    day = np.datetime64(datetime.combine(study.survey_date, time(8, 40)), "s")
    started = day + same(np.floor(rows["place"] * 6 * 3600).astype("timedelta64[s]"))
    columns.append(("started_at", pl.Series(np.datetime_as_string(started))))
    columns.append(("language", pl.Series(["English"] * n)))
    labels = []
    for code in instrument.response.codes:
        given = instrument.response.labels[code]
        labels.append([given[0], *given[1:], given[0].lower(), given[0].upper(), f" {given[0]}", f"{given[0]} "])
    for k, item in enumerate(instrument.item_ids):
        columns.append((item, spelt([missing, *labels], rows["codes"][:, k].astype(int), c.dirt.label_variants)))
    return columns


def write(delivery: Delivery, folder: Path, study: Study) -> None:
    """Write exports, register and truth below ``folder``, each whole or not at all."""
    for name, frame in delivery.exports.items():
        with replacing(folder / name) as temporary:
            if name.endswith(".csv"):
                frame.write_csv(temporary)
            else:
                _workbook(frame, temporary, study)
    with replacing(folder / "schools.csv") as temporary:
        delivery.register.write_csv(temporary, null_value="")
    write_json(folder / "truth.json", delivery.truth)


def _workbook(frame: pl.DataFrame, path: Path, study: Study) -> None:
    """One sheet, ages as numbers, a fixed date of creation: the same frame gives the same bytes."""
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    book.set_properties({"title": "Synthetic responses", "created": datetime(2021, 1, 1)})
    sheet = book.add_worksheet("synthetic")
    for c, name in enumerate(frame.columns):
        sheet.write_string(0, c, name)
    age = frame.columns.index(study.columns.age)
    for r, row in enumerate(frame.iter_rows(), start=1):
        for c, cell in enumerate(row):
            if c == age and cell:
                sheet.write_number(r, c, int(cell))
            elif cell:
                sheet.write_string(r, c, cell)
    book.close()
