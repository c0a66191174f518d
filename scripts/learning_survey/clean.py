"""Which rows and cells are used: every one that is not goes to a ledger with the rule that took it out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from learning_survey import people, tables
from learning_survey.errors import SurveyError, nearest
from learning_survey.exports import read_sheet
from learning_survey.labels import NUMBER, lookup, normalised

if TYPE_CHECKING:
    from learning_survey.config import Instrument, Loaded

LEDGER = {"file": pl.String, "line": pl.Int32, "column": pl.String, "raw": pl.String, "rule": pl.String}
OLDEST = 150  # years; where a study states no ages, a number above this is no age


def clean(study: Loaded, ingested: Path, out: Path, table_folder: Path) -> None:
    """Clean ``ingested.parquet`` and write the files and tables of the step (see docs/conventions.md).

    Raises SurveyError for an unusable register, a school that is not in it, and rules that leave no row.
    """
    items = study.instrument.item_ids
    try:
        frame = pl.read_parquet(ingested).select("file", "line", *_FIELDS, *items)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SurveyError(
            f"not the ingested data of this study: {str(error).splitlines()[0]}",
            where=ingested,
            remedy="Run the pipeline; the step 'ingest' makes it.",
        ) from None
    register = read_register(study) if study.register_ else None
    work = Cleaning(frame, f"study '{study.id}', clean")
    apply_rules(work, study, register)
    ledger = work.ledger()
    conserved(frame, work.frame, ledger, items)
    kept, schools = with_pseudonyms(work.frame.drop("status"), study, register)
    flow, sample = pl.DataFrame(work.flow), facts(kept, schools, work, study)

    tables.write(flow.to_pandas(), "clean.flow", table_folder, study)
    tables.write(sample.to_pandas(), "clean.sample", table_folder, study)
    tables.write(ledger_summary(ledger).to_pandas(), "clean.ledger_summary", table_folder, study)
    with tables.replacing(out / "ledger.csv") as temporary:
        ledger.with_columns(_harmless(c) for c in ("file", "column", "raw")).write_csv(temporary)
    people.write(schools, "schools", out / "schools.parquet", study.instrument)
    people.write(kept, "clean", out / "clean.parquet", study.instrument, _allowed(study))


def _allowed(study: Loaded) -> dict[str, list[Any]]:
    """What may stand in the columns that the rules have recoded."""
    ages = study.clean.ages
    return {
        "gender": [category.id for category in study.gender.categories] if study.gender else [],
        "group": [level.id for level in study.key_stages.levels] if study.key_stages else [],
        **({"age": list(range(ages.min, ages.max + 1))} if ages else {}),
    }


_FIELDS = ("respondent", "school", "age", "gender", "group", "status")


class Cleaning:
    """Rows under way through the rules, with the ledger and the flow of counts that they leave behind."""

    def __init__(self, frame: pl.DataFrame, where: str) -> None:
        self.frame, self.received, self._where = frame, frame.height, where
        self.flow: list[dict[str, Any]] = []
        self._entries: list[pl.DataFrame] = []

    def drop(self, step: str, label: str, doomed: pl.Expr, column: str, raw: pl.Expr) -> None:
        """Drop the rows where ``doomed`` is true; null is not. Raises SurveyError when none is left."""
        mask = self.frame.select(doomed.fill_null(False).alias("doomed"))["doomed"]
        gone, before = self.frame.filter(mask), self.frame.height
        self._note(gone, column, raw, step, "drop_row")
        self.frame = self.frame.filter(~mask)
        assert before == self.frame.height + gone.height
        self._count(step, label, before, gone.height, 0)
        if self.frame.is_empty():
            raise SurveyError(
                f"the rule '{step}' leaves no row: it dropped the last {gone.height} of {self.received}",
                where=self._where,
                remedy="Look at the first rows of the exports, then correct clean in the study's file.",
            )

    def recode(self, step: str, label: str, column: str, meaning: dict[str, Any], dtype: pl.DataType) -> None:
        """Replace the texts of ``column`` by what they mean; a text without meaning is emptied and noted."""
        unknown = pl.col(column).is_not_null() & ~pl.col(column).is_in(list(meaning))
        bad = self.frame.filter(unknown)
        self._note(bad, column, pl.col(column), step, "empty_cell")
        filled = self.frame[column].count()
        new = pl.col(column).replace_strict(meaning, default=None, return_dtype=dtype)
        self.frame = self.frame.with_columns(new)
        assert filled == self.frame[column].count() + bad.height
        self._count(step, label, self.frame.height, 0, bad.height)

    def texts(self, column: str) -> list[str]:
        """The different texts in ``column``, sorted."""
        return self.frame[column].drop_nulls().unique().sort().to_list()

    def ledger(self) -> pl.DataFrame:
        """Everything noted, in the order of the rules, then of files and lines."""
        return pl.concat(self._entries) if self._entries else pl.DataFrame(schema={**LEDGER, "action": pl.String})

    def _note(self, rows: pl.DataFrame, column: str, raw: pl.Expr, rule: str, action: str) -> None:
        self._entries.append(
            rows.select(
                "file",
                "line",
                pl.lit(column).alias("column"),
                raw.cast(pl.String).alias("raw"),
                pl.lit(rule).alias("rule"),
                pl.lit(action).alias("action"),
            )
        )

    def _count(self, step: str, label: str, before: int, dropped: int, emptied: int) -> None:
        counts = {"rows_in": before, "rows_dropped": dropped, "rows_out": before - dropped, "cells_emptied": emptied}
        self.flow.append({"step": step, "label": label, **counts})


# ---------------------------------------------------------------- rules


def apply_rules(work: Cleaning, study: Loaded, register: pl.DataFrame | None) -> None:
    """Every rule that the study switches on, in the order of ``Cleaning`` in the configuration.

    In a row that is dropped for what it is as a whole, ``raw`` in the ledger says what was found.
    """
    plan, items = study.clean, study.instrument.item_ids
    answered = pl.sum_horizontal(pl.col(items).is_not_null())
    if plan.test_status:
        tests = {normalised(value) for value in plan.test_status}
        found = [text for text in work.texts("status") if normalised(text) in tests]
        work.drop("test_status", "Test responses", pl.col("status").is_in(found), "status", pl.col("status"))
    if plan.min_answered > 0:
        label = f"Fewer than {plan.min_answered:.0%} of the items answered"
        too_few = answered < plan.min_answered * len(items) - 1e-9
        work.drop("blank", label, too_few, "items", pl.format("{} of {} answered", answered, len(items)))
    if plan.drop_duplicates:
        work.drop("duplicates", "Repeats of an identical row", _repeats(work.frame), "respondent", pl.col("respondent"))
    if plan.straight_liners == "drop" and (same := straight_lined(study.instrument)) is not None:
        raw = pl.format("{} in all {} answers", pl.min_horizontal(items), answered)
        work.drop("straight_liners", "The same answer to items of both directions", same, "items", raw)
    if register is not None and study.columns.school:
        _known_schools(work, study, register)
    _ages(work, study)
    for column, plan_of, label in (
        ("gender", study.gender and study.gender.categories, "Gender not recognised"),
        ("group", _labelled_levels(study), "Group not recognised"),
    ):
        if plan_of:
            known = lookup(((level.id, level.values) for level in plan_of), f"study '{study.id}', {column}")
            meaning = {t: known[normalised(t)] for t in work.texts(column) if normalised(t) in known}
            work.recode(column, label, column, meaning, pl.String())
        else:
            work.frame = work.frame.with_columns(pl.lit(None, pl.String).alias(column))
    if study.key_stages and study.key_stages.source == "age":
        spans = [(level.id, level.ages) for level in study.key_stages.levels if level.ages]
        group = pl.coalesce(*(pl.when(pl.col("age").is_between(*ages)).then(pl.lit(i)) for i, ages in spans))
        work.frame = work.frame.with_columns(group.alias("group"))
    for field in plan.require:
        work.drop(f"require_{field}", f"No {field}", pl.col(field).is_null(), field, pl.lit(None, pl.String))


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
        & (2 * pl.sum_horizontal(pl.col(items).is_not_null()) >= len(items))
        & pl.any_horizontal(pl.col(turned).is_not_null())
        & pl.any_horizontal(pl.col(straight).is_not_null())
    )


def _repeats(frame: pl.DataFrame) -> pl.Expr:
    """Rows that repeat an earlier one in every mapped column, respondent included.

    A row without a respondent is never a repeat: two students may give the same answers.
    """
    columns = [c for c in frame.columns if c not in ("file", "line")]
    rows = frame.with_row_index("row").filter(pl.col("respondent").is_not_null() & pl.col("respondent").is_duplicated())
    repeats = rows.filter(~pl.struct(columns).is_first_distinct())["row"] if rows.height else rows["row"]
    return pl.int_range(pl.len()).is_in(repeats.implode())


def _ages(work: Cleaning, study: Loaded) -> None:
    if not study.columns.age:
        work.frame = work.frame.with_columns(pl.col("age").cast(pl.Int16))
        return
    ages = study.clean.ages
    low, high = (ages.min, ages.max) if ages else (0, OLDEST)
    numbers = {text: int(found[1]) for text in work.texts("age") if (found := NUMBER.fullmatch(text))}
    meaning = {text: n for text, n in numbers.items() if low <= n <= high}
    work.recode("ages", f"Age not a whole number from {low} to {high}", "age", meaning, pl.Int16())


def _labelled_levels(study: Loaded) -> list[Any] | None:
    return study.key_stages.levels if study.key_stages and study.key_stages.source == "column" else None


# ---------------------------------------------------------------- schools


def read_register(study: Loaded) -> pl.DataFrame:
    """The school register: ``key`` (id without case), ``school_id``, ``phase``, ``country``, ``rating``; text or null.

    Raises SurveyError for a register without its columns, with a school twice, or with a rating that the study's
    inspection plan does not list.
    """
    plan = study.register_
    sheet = read_sheet(study.root / plan.file)
    columns = {"school_id": plan.id, "phase": plan.phase, "country": plan.country, "rating": plan.rating}
    for key, header in columns.items():
        if header is not None and sheet.header.count(header) != 1:
            times = "no column" if header not in sheet.header else "more than one column"
            place = f"register.{key.removeprefix('school_')} in the study's file"
            raise SurveyError(
                f"{times} '{header}'",
                where=sheet.path,
                remedy=f"{nearest(header, sheet.header)} Correct the register, or {place}.",
            )
    frame = sheet.rows.select(
        "line",
        *(
            pl.col(str(sheet.header.index(header))).alias(name) if header else pl.lit(None, pl.String).alias(name)
            for name, header in columns.items()
        ),
    ).collect()
    missing = {value.strip().lower() for value in study.exports.missing_values}
    frame = frame.with_columns(pl.when(~c.str.to_lowercase().is_in(missing)).then(c) for c in map(pl.col, columns))
    frame = frame.with_columns(pl.col("school_id").str.to_lowercase().alias("key"))
    if frame["key"].has_nulls():
        _refuse("a school without an id", frame.filter(pl.col("key").is_null()), sheet.path, "Give it one.")
    if (twice := frame.filter(~pl.col("key").is_first_distinct())).height:
        _refuse(f"school '{twice['school_id'][0]}' is listed twice", twice, sheet.path, "Keep one row for each school.")
    if study.inspection:
        known = {normalised(rating): rating for rating in study.inspection.ratings}
        odd = frame.filter(
            pl.col("rating").is_not_null() & ~pl.col("rating").map_elements(normalised, pl.String).is_in(list(known))
        )
        if odd.height:
            remedy = "Add it to inspection.ratings in the study's file, or empty the cell."
            _refuse(f"rating '{odd['rating'][0]}' is not one of the study's", odd, sheet.path, remedy)
        frame = frame.with_columns(pl.col("rating").map_elements(lambda r: known[normalised(r)], pl.String))
    return frame.drop("line")


def _refuse(problem: str, rows: pl.DataFrame, path: Path, remedy: str) -> None:
    raise SurveyError(problem, where=f"{path}, line {rows['line'][0]}", remedy=remedy)


def _known_schools(work: Cleaning, study: Loaded, register: pl.DataFrame) -> None:
    """Give schools the register's spelling; raise for one that is not in it."""
    spelt = dict(zip(register["key"], register["school_id"], strict=True))
    texts = work.texts("school")
    if unknown := [t for t in texts if t.lower() not in spelt]:
        rows = work.frame.filter(pl.col("school").is_in(unknown))
        first = rows.row(0, named=True)
        others = f" ({len(unknown)} schools are not in it)" if len(unknown) > 1 else ""
        raise SurveyError(
            f"school '{first['school']}' is not in the register {study.register_.file}{others}",
            where=f"{study.export_folder / first['file']}, line {first['line']}",
            remedy=f"{nearest(first['school'], spelt.values())} Add the school to the register, or correct the export.",
        )
    meaning = {t: spelt[t.lower()] for t in texts}
    work.frame = work.frame.with_columns(pl.col("school").replace_strict(meaning, default=None, return_dtype=pl.String))


def with_pseudonyms(
    frame: pl.DataFrame, study: Loaded, register: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``frame`` with schools as S01 onwards, and one row for each school with students: none without schools.

    Pseudonyms are a permutation of the sorted ids, drawn with the study's seed.
    """
    counts = frame.drop_nulls("school").group_by("school").agg(pl.len().alias("n")).sort("school")
    order = np.random.default_rng([study.seed, 0]).permutation(counts.height)
    width = max(2, len(str(counts.height)))
    counts = counts.rename({"school": "school_id"}).with_columns(
        pl.Series("school", [f"S{k + 1:0{width}d}" for k in order], dtype=pl.String)
    )
    about = ["phase", "country", "rating"]
    if register is None:
        schools = counts.with_columns(pl.lit(None, pl.String).alias(c) for c in about)
    else:
        schools = counts.join(register.drop("key"), on="school_id", how="left")
    schools = schools.select("school", "school_id", *about, pl.col("n").cast(pl.Int64)).sort("school")
    meaning = dict(zip(counts["school_id"], counts["school"], strict=True))
    new = pl.col("school").replace_strict(meaning, default=None, return_dtype=pl.String)
    return frame.with_columns(new), schools


# ---------------------------------------------------------------- what is left


def conserved(before: pl.DataFrame, after: pl.DataFrame, ledger: pl.DataFrame, items: list[str]) -> None:
    """Recount from the files themselves: each row is kept or in the ledger once, and no kept answer has changed."""
    place = ["file", "line"]
    dropped = ledger.filter(pl.col("action") == "drop_row").select(place)
    assert before.select(place).equals(pl.concat([after.select(place), dropped]).sort(place)), "rows are not conserved"
    kept = before.join(after.select(place), on=place, how="semi", maintain_order="left")
    assert kept.select(items).equals(after.select(items)), "answers have changed"


def ledger_summary(ledger: pl.DataFrame) -> pl.DataFrame:
    """Rows and cells in the ledger by rule and column. Raw texts stay in the ledger: they are people's own."""
    counted = ledger.group_by("rule", "column", "action", maintain_order=True).agg(pl.len().alias("n"))
    return counted.sort("rule", "column")


def facts(kept: pl.DataFrame, schools: pl.DataFrame, work: Cleaning, study: Loaded) -> pl.DataFrame:
    """``clean.sample``: what the analyses rest on. Only facts that apply to the study."""
    instrument, n = study.instrument, kept.height
    rows: list[tuple[str, str, float, str]] = []

    def count(fact: str, label: str, value: int) -> None:
        rows.append((fact, label, float(value), f"{value:,}"))

    def share(fact: str, label: str, value: float) -> None:
        rows.append((fact, label, value, f"{value:.1%}"))

    count("rows_received", "Rows received", work.received)
    count("rows_dropped", "Rows dropped", work.received - n)
    count("cells_emptied", "Cells emptied", sum(step["cells_emptied"] for step in work.flow))
    count("students", "Respondents analysed", n)
    if study.columns.school:
        count("schools", "Schools", schools.height)
        if schools["country"].count():
            count("countries", "Countries", schools["country"].n_unique() - schools["country"].has_nulls())
        if schools["rating"].count():
            count("schools_rated", "Schools with a rating", schools["rating"].count())
    count("items", "Items", len(instrument.items))
    count("dimensions", "Dimensions", len(instrument.dimensions))
    count("response_points", "Points on the response scale", len(instrument.response.codes))
    common = kept.group_by("age").len().filter(pl.col("age").is_not_null() & (pl.col("len") >= study.min_group))["age"]
    if len(common):
        # A single student's age is not for publication, the oldest one's least of all.
        count("age_min", f"Youngest age of at least {study.min_group} respondents", common.min())
        count("age_max", f"Oldest age of at least {study.min_group} respondents", common.max())
    levels = study.key_stages.levels if study.key_stages else []
    if any(level.stage for level in levels) and kept["group"].count():
        primary = [level.id for level in levels if level.stage == "primary"]
        share("primary_share", "Share in primary key stages", kept["group"].drop_nulls().is_in(primary).mean())
    for column, given in (("age", study.columns.age), ("gender", study.gender), ("group", study.key_stages)):
        if given:
            share(f"without_{column}", f"Share without a known {column}", kept[column].null_count() / n)
    empty = sum(kept.select(instrument.item_ids).null_count().row(0))
    share("missing_answers", "Share of answers missing", empty / (n * len(instrument.items)))
    ids = kept["respondent"].drop_nulls()
    count("repeated_ids", "Respondent ids on more than one row, with different answers", len(ids) - ids.n_unique())
    if study.clean.straight_liners == "flag" and (same := straight_lined(instrument)) is not None:
        flagged = kept.select(same.sum()).item()
        count("straight_liners_flagged", "Rows with the same answer to items of both directions, kept", flagged)
    return pl.DataFrame(rows, schema=["fact", "label", "value", "text"], orient="row")


def _harmless(column: str) -> pl.Expr:
    """A cell that a spreadsheet would run as a formula gets an apostrophe in front; plain numbers stay."""
    text = pl.col(column)
    runs = text.str.contains(r"^[=+\-@\t\r]") & ~text.str.contains(r"^[+-]?\d+(\.\d+)?$")
    return pl.when(runs).then(pl.concat_str(pl.lit("'"), text)).otherwise(text).alias(column)
