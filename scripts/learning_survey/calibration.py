"""The parameters of a synthetic cohort: strict models of the YAML in ``config/calibration/``."""

from __future__ import annotations

from collections.abc import Iterable

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
