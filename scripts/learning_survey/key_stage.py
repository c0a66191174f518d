"""The ordered group of each respondent: from the year group, else the date of birth, else the age or a label.

In England a key stage goes with the school year, and the school year with the age on 31 August before it began:
Education Act 1996, s. 8; Department for Education, national curriculum. ``levels.ages`` are ages on that day.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from learning_survey.categories import FIELD
from learning_survey.labels import lookup, normalised
from learning_survey.people import AGES
from learning_survey.privacy import WITHHELD

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

    ``birth_date`` says only whether a date was given (``with_ages``). Where two sources contradict each other the less
    reliable cell is emptied: the year group stands, then the date of birth, then the age or the label.
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
    if study.columns.birth_date and study.columns.age:
        apart = (pl.col("age") - _known_from_birth("birth_age")).abs() > 1
        work.change("age_conflict", "Age that contradicts the date of birth", "age", apart)
    if plan and study.columns.year_group:
        _contradictions(work, study)
    if study.columns.birth_date and not study.columns.age:
        work.frame = work.frame.with_columns(_known_from_birth("birth_age").alias("age"))
    if plan:
        sources = [pl.col("year_group")] if study.columns.year_group else []
        sources += [_level_of(_known_from_birth("birth_age_august"), study)] if study.columns.birth_date else []
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


def with_ages(frame: pl.DataFrame, study: Loaded) -> pl.DataFrame:
    """``frame``, exports as ``ingest`` codes them, with the two ages of ``people.AGES`` (Int16) for dates of birth.

    What is left of ``birth_date`` is 'withheld' where a cell had a text; one that is no date has no ages.
    """
    if "birth_date" not in frame.columns:
        return frame
    dates = {text: _date(text, study.clean.birth_date_format) for text in frame["birth_date"].unique().drop_nulls()}
    born = pl.col("birth_date").replace_strict(dates, return_dtype=pl.Date) if dates else pl.lit(None, pl.Date)
    ages = (completed_years(born, study.survey_date), age_on_31_august(born, study.survey_date))
    given = pl.when(pl.col("birth_date").is_not_null()).then(pl.lit(WITHHELD, FIELD)).alias("birth_date")
    return frame.with_columns(given, *(age.alias(name) for age, name in zip(ages, AGES, strict=True)))


def _date(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text.strip(), form).date()
    except ValueError:
        return None


def _known_from_birth(age: str) -> pl.Expr:
    """One of the ages in ``people.AGES``; null where no rule has left the date of birth standing."""
    return pl.when(pl.col("birth_date").is_not_null()).then(pl.col(age))


def _read_birth_date(work: Cleaning, study: Loaded) -> None:
    """Empty dates of birth that are none, or that give an impossible age."""
    if not study.columns.birth_date:
        return
    low, high = age_limits(study)
    label = f"Date of birth not readable, or not of ages {low} to {high}"
    possible = pl.col("birth_age").is_between(low, high).fill_null(False)
    work.change("birth_date", label, "birth_date", pl.col("birth_date").is_not_null() & ~possible)


def _contradictions(work: Cleaning, study: Loaded) -> None:
    """Empty what contradicts the year group, ages that belong to no level among it.

    An age in completed years is that on 31 August or one more, so it contradicts only when neither fits. A level
    without ages is contradicted by none.
    """
    year = pl.col("year_group")
    aged = year.is_in([level.id for level in study.key_stages.levels if level.ages])
    if study.columns.birth_date:
        august = _known_from_birth("birth_age_august")
        apart = aged & august.is_not_null() & year.ne_missing(_level_of(august, study))
        label = "Date of birth that contradicts the year group"
        work.change("group_conflict_birth_date", label, "birth_date", apart)
    if study.key_stages.source == "column":
        work.change("group_conflict_group", "Group that contradicts the year group", "group", year != pl.col("group"))
    elif study.columns.age:
        age = pl.col("age")
        now, before = (year.ne_missing(_level_of(a, study)) for a in (age, age - 1))
        apart = aged & age.is_not_null() & now & before
        work.change("group_conflict_age", "Age that contradicts the year group", "age", apart)
