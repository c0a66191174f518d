"""The rules of cleaning, in the order in which they are applied. docs/methods/cleaning.md has their sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import polars as pl

from learning_survey.key_stage import age_limits, group_students
from learning_survey.labels import NUMBER, lookup, normalised
from learning_survey.school_register import known_schools

if TYPE_CHECKING:
    from learning_survey.clean import Cleaning
    from learning_survey.config import Loaded
    from learning_survey.instrument import Instrument


def apply_rules(work: Cleaning, study: Loaded, register: pl.DataFrame | None) -> None:
    """Every rule that the study switches on, in the order of ``Cleaning`` in the configuration.

    In a row that is dropped for what it is as a whole, ``raw`` in the ledger says what was found.
    """
    _unusable_rows(work, study)
    if register is not None and study.columns.school:
        known_schools(work, study, register)
    _ages(work, study)
    if study.gender:
        place = f"study '{study.id}', gender"
        known = lookup(((c.id, c.values) for c in study.gender.categories), place)
        meaning = {t: known[normalised(t)] for t in work.texts("gender") if normalised(t) in known}
        work.recode("gender", "Gender not recognised", "gender", meaning, pl.String, words=True)
    else:
        work.frame = work.frame.with_columns(pl.lit(None, pl.String).alias("gender"))
    group_students(work, study)
    if study.columns.seconds:
        numbers = {t: n for t in work.texts("seconds") if (n := _seconds(t)) is not None}
        work.recode("seconds", "Time that is no number of seconds", "seconds", numbers, pl.Float64)
    else:
        work.frame = work.frame.with_columns(pl.col("seconds").cast(pl.Float64))
    for field in study.clean.require:
        work.drop(f"require_{field}", f"No {field}", pl.col(field).is_null(), field, pl.lit(None, pl.String))


def _unusable_rows(work: Cleaning, study: Loaded) -> None:
    """Drop rows for what they are as a whole."""
    plan, items = study.clean, study.instrument.item_ids
    answered = _answered(items)
    if plan.test_status:
        found = _meant(work, "status", plan.test_status)
        work.drop("test_status", "Test responses", pl.col("status").is_in(found), "status", pl.col("status"))
    if plan.consent:
        agreed = pl.col("consent").is_in(_meant(work, "consent", plan.consent)).fill_null(False)
        work.drop("consent", "No consent", ~agreed, "consent", pl.col("consent"))
    if plan.min_answered > 0:
        label = f"Fewer than {plan.min_answered:.0%} of the items answered"
        too_few = answered < plan.min_answered * len(items) - 1e-9
        work.drop("blank", label, too_few, "items", pl.format("{} of {} answered", answered, len(items)))
    if plan.drop_duplicates:
        work.drop("duplicates", "Repeats of an identical row", _repeats(work.frame), "respondent", pl.col("respondent"))
    if plan.repeated_ids != "keep":
        others = _others_of_respondent(work.frame, plan.repeated_ids, items)
        label = f"Other rows of a respondent whose {REPEATED[plan.repeated_ids]} row is kept"
        work.drop("repeated_ids", label, others, "respondent", pl.col("respondent"))
    if plan.straight_liners == "drop" and (same := straight_lined(study.instrument)) is not None:
        raw = pl.format("{} in all {} answers", pl.min_horizontal(items), answered)
        some = items[:: max(len(items) // 8, 1)]  # who gives them different answers draws no straight line
        likely = (pl.min_horizontal(some) == pl.max_horizontal(some)).fill_null(True)
        lines = _among(work.frame, likely, lambda rows: rows.select(same.fill_null(False)).to_series())
        work.drop("straight_liners", "The same answer to items of both directions", lines, "items", raw)


def _among(frame: pl.DataFrame, likely: pl.Expr, sure: Callable[[pl.DataFrame], pl.Series]) -> pl.Expr:
    """The rows for which ``sure`` holds among those for which ``likely`` does, which is cheap to see."""
    rows = frame.with_row_index("row").filter(likely)
    found = rows["row"].filter(sure(rows)) if rows.height else rows["row"]
    return pl.int_range(pl.len()).is_in(found.implode())


def _answered(items: list[str]) -> pl.Expr:
    """How many items a row answers; in a narrow type, since it is summed column by column."""
    return pl.sum_horizontal(pl.col(items).is_not_null().cast(pl.Int16))


REPEATED = {"first": "first", "last": "last", "most_complete": "most complete"}


def _meant(work: Cleaning, column: str, values: list[str]) -> list[str]:
    """The texts in ``column`` that are one of ``values`` after case, spaces and punctuation are taken away."""
    known = {normalised(value) for value in values}
    return [text for text in work.texts(column) if normalised(text) in known]


def _seconds(text: str) -> float | None:
    """A number of seconds, 0 or more; None for any other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def straight_lined(instrument: Instrument) -> pl.Expr | None:
    """Whether a row gives one code to every item that it answers, at least half of the items, of both directions.

    Agreeing with a statement and with its opposite cannot both be meant. Without reversed items there is nothing to
    contradict, and the rule does not apply: None.
    """
    items, turned = instrument.item_ids, instrument.reversed_ids
    straight = [i for i in items if i not in turned]
    if not turned or not straight:
        return None
    return (
        (pl.min_horizontal(items) == pl.max_horizontal(items))
        & (2 * _answered(items) >= len(items))
        & pl.any_horizontal(pl.col(turned).is_not_null())
        & pl.any_horizontal(pl.col(straight).is_not_null())
    )


def _repeats(frame: pl.DataFrame) -> pl.Expr:
    """Rows that repeat an earlier one in every mapped column, respondent included.

    A row without a respondent is never a repeat: two students may give the same answers.
    """
    columns = [c for c in frame.columns if c not in ("file", "line")]
    repeat = ~pl.struct(columns).is_first_distinct()
    return _among(frame, repeated("respondent"), lambda rows: rows.select(repeat).to_series())


def repeated(column: str) -> pl.Expr:
    """Whether a text stands in several rows; by its hash, so that now and then one that stands in one row is taken."""
    return pl.col(column).is_not_null() & pl.col(column).hash().is_duplicated()


def _others_of_respondent(frame: pl.DataFrame, keep: str, items: list[str]) -> pl.Expr:
    """Rows of a respondent with several, but for the one to keep; of equally complete rows that is the first."""
    rows = frame.select("respondent", pl.sum_horizontal(pl.col(items).is_not_null()).alias("n")).with_row_index("row")
    rows = rows.filter(pl.col("respondent").is_not_null() & pl.col("respondent").is_duplicated())
    best = {"first": pl.col("row").min(), "last": pl.col("row").max()}.get(
        keep, pl.col("row").sort_by("n", "row", descending=[True, False]).first()
    )
    others = rows.filter(pl.col("row") != best.over("respondent"))["row"]
    return pl.int_range(pl.len()).is_in(others.implode())


def _ages(work: Cleaning, study: Loaded) -> None:
    if not study.columns.age:
        work.frame = work.frame.with_columns(pl.col("age").cast(pl.Int16))
        return
    low, high = age_limits(study)
    numbers = {text: int(found[1]) for text in work.texts("age") if (found := NUMBER.fullmatch(text))}
    meaning = {text: n for text, n in numbers.items() if low <= n <= high}
    work.recode("ages", f"Age not a whole number from {low} to {high}", "age", meaning, pl.Int16)
