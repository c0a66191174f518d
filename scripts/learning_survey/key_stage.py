"""The ordered group of each respondent: from the year group, else the date of birth, else the age or a label.

In England a key stage goes with the school year, and the school year with the age on 31 August before it began:
Education Act 1996, s. 8; Department for Education, national curriculum. ``levels.ages`` are ages on that day.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from learning_survey.labels import lookup, normalised

if TYPE_CHECKING:
    from learning_survey.clean import Cleaning
    from learning_survey.config import Loaded

OLDEST = 150  # years; where a study states no ages, a number above this is no age


def age_limits(study: Loaded) -> tuple[int, int]:
    """The ages, in completed years, that a cell may hold."""
    ages = study.clean.ages
    return (ages.min, ages.max) if ages else (0, OLDEST)


def group_students(work: Cleaning, study: Loaded) -> None:
    """Turn ``group`` into level ids, and what it is known from into years and dates; see docs/methods/cleaning.md.

    Where two sources contradict each other the less reliable cell is emptied: the year group stands, then the date of
    birth, then the age or the label.
    """
    plan = study.key_stages
    _read_year_group(work, study)
    _read_birth_date(work, study)
    if plan and plan.source == "column":
        known = lookup(((level.id, level.values) for level in plan.levels), f"study '{study.id}', group")
        meaning = {t: known[normalised(t)] for t in work.texts("group") if normalised(t) in known}
        work.recode("group", "Group not recognised", "group", meaning, pl.String, words=True)
    else:
        work.frame = work.frame.with_columns(pl.lit(None, pl.String).alias("group"))
    born, survey = pl.col("birth_date"), study.survey_date
    if study.columns.birth_date and study.columns.age:
        apart = (pl.col("age") - completed_years(born, survey)).abs() > 1
        work.change("age_conflict", "Age that contradicts the date of birth", "age", apart)
    if plan and study.columns.year_group:
        _contradictions(work, study)
    if study.columns.birth_date and not study.columns.age:
        work.frame = work.frame.with_columns(completed_years(born, survey).alias("age"))
    if plan:
        sources = [pl.col("year_group")] if study.columns.year_group else []
        sources += [_level_of(age_on_31_august(born, survey), study)] if study.columns.birth_date else []
        sources += [_level_of(pl.col("age"), study)] if plan.source == "age" else [pl.col("group")]
        work.frame = work.frame.with_columns(pl.coalesce(sources).alias("group"))


def age_on_31_august(born: pl.Expr, survey: date) -> pl.Expr:
    """Completed years on the last 31 August before the school year of ``survey``, which begins on 1 September."""
    year = survey.year if survey >= date(survey.year, 9, 1) else survey.year - 1
    return (year - born.dt.year() - (born.dt.month() > 8).cast(pl.Int32)).cast(pl.Int16)


def completed_years(born: pl.Expr, on: date) -> pl.Expr:
    """Age in completed years on a day."""
    later = (born.dt.month() > on.month) | ((born.dt.month() == on.month) & (born.dt.day() > on.day))
    return (on.year - born.dt.year() - later.cast(pl.Int32)).cast(pl.Int16)


def _level_of(age: pl.Expr, study: Loaded) -> pl.Expr:
    """The level whose ages hold ``age``; null where none does."""
    spans = [(level.id, level.ages) for level in study.key_stages.levels if level.ages]
    if not spans:
        return pl.lit(None, pl.String)
    return pl.coalesce(*(pl.when(age.is_between(*ages)).then(pl.lit(i)) for i, ages in spans))


def _read_year_group(work: Cleaning, study: Loaded) -> None:
    if not study.columns.year_group:
        return
    levels = study.key_stages.levels
    known = lookup(((level.id, level.years) for level in levels), f"study '{study.id}', key_stages.levels.years")
    meaning = {t: known[normalised(t)] for t in work.texts("year_group") if normalised(t) in known}
    work.recode("year_group", "Year group not recognised", "year_group", meaning, pl.String, words=True)


def _read_birth_date(work: Cleaning, study: Loaded) -> None:
    """Dates in place of texts; one that is none, or that gives an impossible age, is emptied."""
    if not study.columns.birth_date:
        return
    low, high = age_limits(study)
    meaning = {}
    for text in work.texts("birth_date"):
        try:
            born = datetime.strptime(text.strip(), study.clean.birth_date_format).date()
        except ValueError:
            continue
        on = study.survey_date
        if low <= on.year - born.year - ((born.month, born.day) > (on.month, on.day)) <= high:
            meaning[text] = born
    label = f"Date of birth not readable, or not of ages {low} to {high}"
    work.recode("birth_date", label, "birth_date", meaning, pl.Date)


def _contradictions(work: Cleaning, study: Loaded) -> None:
    """Empty what contradicts the year group.

    An age in completed years is that on 31 August or one more, so it contradicts only when neither fits.
    """
    year = pl.col("year_group")
    if study.columns.birth_date:
        other = _level_of(age_on_31_august(pl.col("birth_date"), study.survey_date), study)
        label = "Date of birth that contradicts the year group"
        work.change("group_conflict_birth_date", label, "birth_date", year != other)
    if study.key_stages.source == "column":
        work.change("group_conflict_group", "Group that contradicts the year group", "group", year != pl.col("group"))
    elif study.columns.age:
        now, before = _level_of(pl.col("age"), study), _level_of(pl.col("age") - 1, study)
        apart = (year != now) & (year != before).fill_null(True)
        work.change("group_conflict_age", "Age that contradicts the year group", "age", apart)
