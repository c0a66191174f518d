"""The parameters of a synthetic cohort: strict models of the YAML in ``config/calibration/``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import numpy as np
from pydantic import Field

from learning_survey.config import Loaded, read_model
from learning_survey.errors import SurveyError, nearest
from learning_survey.strict import Strict

Shifts = dict[str, float]  # by dimension, in standard deviations of the latent trait


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
    spread: dict[str, Annotated[float, Field(gt=0)]]


class Strong(Block):
    """The other schools with a strong learning culture: their number by phase, and how far above the rest they are."""

    schools: dict[str, int]
    level: float
    range: float = Field(description="half the distance between the weakest and the strongest of them")
    profile_sd: float = Field(ge=0, description="standard deviation of what is particular to one school and dimension")


class Rest(Block):
    """All other schools: a general level, and what is particular to one dimension."""

    level_sd: float = Field(ge=0)
    profile_sd: float = Field(gt=0)
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
    """Raise SurveyError unless the parts fit each other, and dimensions, items, thresholds and groups the study."""
    remedy = "Correct it, or make it again with scripts/calibrate.py."

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
    for problem in [*_schools(c, study), *_students(c, study), *_ratings(c)]:
        raise SurveyError(problem, where=where, remedy=remedy)
    w = np.array(c.students.covariance)
    if w.shape != (len(dimensions),) * 2 or not np.allclose(w, w.T) or np.linalg.eigvalsh(w)[0] <= 0:
        raise SurveyError("students.covariance is not a covariance matrix", where=where, remedy=remedy)


def _schools(c: Calibration, study: Loaded) -> Iterator[str]:
    """What does not add up in the numbers of schools and of their students."""
    cohort, extremes = c.cohort, {"top_school": c.top_school, "bottom_school": c.bottom_school}
    phases = list(cohort.schools)
    for name, given in {
        "cohort.students": cohort.students,
        "cohort.ages": cohort.ages,
        "strong_schools.schools": c.strong_schools.schools,
    }.items():
        if sorted(given) != sorted(phases):
            yield f"{name} is by {', '.join(sorted(given))}, and cohort.schools by {', '.join(sorted(phases))}"
            return
    for name, extreme in extremes.items():
        if extreme.phase not in phases:
            yield f"{name}.phase: '{extreme.phase}' is not a phase of cohort.schools"
            return
        # As many draws for each student as dimensions and items; their covariance in this school is exact.
        if extreme.students <= (draws := len(study.instrument.dimension_ids) + len(study.instrument.item_ids)):
            yield f"{name}.students: {extreme.students} are too few; more than {draws} are needed"
    for phase in phases:
        fixed = [e.students for e in extremes.values() if e.phase == phase]
        left = cohort.schools[phase] - len(fixed)
        if left < c.strong_schools.schools[phase]:
            yield f"cohort.schools.{phase}: {left} schools beside the extremes, and more strong ones"
        elif cohort.students[phase] - sum(fixed) < left * cohort.smallest:
            yield f"cohort.students.{phase}: too few for {left} schools of {cohort.smallest} beside the extremes"
    others = sum(cohort.schools.values()) - len(extremes) - sum(c.strong_schools.schools.values())
    if others < (least := len(study.instrument.dimension_ids) + len(phases) + len(c.ratings.groups)):
        yield f"{others} schools are neither extreme nor strong; their planned moments need {least} or more"


def _students(c: Calibration, study: Loaded) -> Iterator[str]:
    """What does not add up in ages, genders and planted dirt."""
    cohort = c.cohort
    for phase, ages in cohort.ages.items():
        for age in ages:
            if not any(level.ages[0] <= age <= level.ages[1] for level in study.key_stages.levels):
                yield f"cohort.ages.{phase}: the study has no key stage for age {age}"
    if abs(total := sum(cohort.gender.values()) - 1) > 1e-6:
        yield f"cohort.gender: the shares add up to {1 + total:g}, not to 1"
    dirt = sum(v for v in c.dirt.model_dump().values() if isinstance(v, int) and not isinstance(v, bool))
    if dirt > sum(cohort.students.values()):
        yield f"dirt: {dirt} rows are more than there are students"


def _ratings(c: Calibration) -> Iterator[str]:
    """What does not add up in ratings and countries."""
    extremes = {"top_school": c.top_school.rating, "bottom_school": c.bottom_school.rating}
    for name, rating in extremes.items():
        if rating not in c.ratings.groups:
            yield f"{name}.rating: '{rating}' is not in ratings.groups. {nearest(rating, c.ratings.groups)}"
    schools, strong = sum(c.cohort.schools.values()), sum(c.strong_schools.schools.values())
    groups = c.ratings.groups
    for name, group in groups.items():
        if group.schools < (named := group.strong + list(extremes.values()).count(name)):
            yield f"ratings.groups.{name}: {group.schools} schools, and {named} of them strong or extreme"
    if sum(g.strong for g in groups.values()) > strong:
        yield f"ratings.groups: more strong schools than the {strong} of strong_schools.schools"
    rated = sum(g.schools for g in groups.values())
    if rated - len(extremes) - sum(g.strong for g in groups.values()) > schools - len(extremes) - strong:
        yield f"ratings.groups: more schools that are neither extreme nor strong than there are among {schools}"
    if (total := sum(c.countries.schools.values())) != schools:
        yield f"countries.schools: {total} schools, and cohort.schools has {schools}"
    if rated > (home := c.countries.schools.get(c.ratings.country, 0)):
        yield f"ratings.groups: {rated} schools, and only {home} are in {c.ratings.country}"
