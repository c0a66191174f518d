"""Which rows and cells are used: every one that is not goes to a ledger with the rule that took it out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from learning_survey import careless, careless_tables, disclosure, file_labels, people, privacy, tables
from learning_survey.cleaning_rules import apply_rules, repeated, straight_lined
from learning_survey.config import FIELDS
from learning_survey.errors import SurveyError
from learning_survey.labels import normalised
from learning_survey.school_register import read_register, with_pseudonyms

if TYPE_CHECKING:
    from learning_survey.config import Loaded

LEDGER = {"file": pl.String, "line": pl.Int32, "column": pl.String, "raw": pl.String, "rule": pl.String}
KEPT = ("respondent", "school", "age", "gender", "group")  # fields that the steps after this one may use


def clean(study: Loaded, ingested: Path, out: Path, table_folder: Path) -> None:
    """Clean ``ingested.arrow`` and write the files and tables of the step (see docs/conventions.md).

    Raises SurveyError for an unusable register, a school that is not in it, and rules that leave no row.
    """
    items = study.instrument.item_ids
    received, frame = _received(ingested, study)
    labels = file_labels.read(ingested.with_name(file_labels.FILE))
    register = read_register(study) if study.register_ else None
    work = Cleaning(frame, f"study '{study.id}', clean")
    del frame
    apply_rules(work, study, register)
    found, samples = careless.examined(work.frame, study)
    flags = careless.drop_flagged(work, found, study)
    ledger = work.ledger()
    conserved(received, work.frame, ledger, items)
    file = pl.col("file").cast(pl.String)
    kept, schools = with_pseudonyms(work.frame.select(file, "line", *KEPT, *items), study, register)
    results = {
        "flow": work.by_step(),
        "flow_files": shown_files(work.by_file(), study)
        .with_columns(pl.col("file").replace_strict(labels))
        .sort("file"),
        "sample": facts(kept, schools, work, study),
        "ledger_summary": ledger_summary(ledger),
        "unmapped": pl.DataFrame(work.unmapped, schema=["column", "spellings", "cells"], orient="row"),
        "careless": careless_tables.summary(flags, study),
        "sensitivity": careless_tables.sensitivity(samples, study),
    }

    for name, table in results.items():
        tables.write(table, f"clean.{name}", table_folder, study)
    with tables.replacing(out / "ledger.csv") as temporary:
        ledger.with_columns(tables.neutral_column(c) for c in ("file", "column", "raw")).write_csv(temporary)
    people.write(flags.with_columns(file), "flags", out / "flags.parquet", study.instrument)
    people.write(schools, "schools", out / "schools.parquet", study.instrument)
    people.write(kept, "clean", out / "clean.parquet", study.instrument, _allowed(study))


def _received(path: Path, study: Loaded) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """``ingested.arrow``, to be read again, and its rows; raises SurveyError for a file that is none of this study."""
    # What the study does not map is null: as a literal it takes no memory.
    fields = [f if getattr(study.columns, f) else pl.lit(None, pl.String).alias(f) for f in FIELDS]
    expected = people.schema("ingested", study.instrument)
    try:
        rows = pl.scan_ipc(path)
        found = rows.collect_schema()
        odd = [name for name, column in expected.items() if found[name] != column.dtype]
        problem = ", ".join(f"'{name}' is {found[name]}" for name in odd)
        if not odd:
            items = study.instrument.item_ids
            return rows, rows.select("file", "line", *fields, *people.AGES, *items).collect()
    except KeyError as error:
        problem = f"it has no column {error}"
    except (OSError, pl.exceptions.PolarsError) as error:
        problem = str(error).splitlines()[0]
    raise SurveyError(
        f"not the ingested data of this study: {problem}",
        where=path,
        remedy="Run the pipeline; the step 'ingest' makes it.",
    )


def _allowed(study: Loaded) -> dict[str, list[Any]]:
    """What may stand in the columns that the rules have recoded."""
    ages = study.clean.ages
    return {
        "gender": [category.id for category in study.gender.categories] if study.gender else [],
        "group": [level.id for level in study.key_stages.levels] if study.key_stages else [],
        **({"age": list(range(ages.min, ages.max + 1))} if ages else {}),
    }


class Cleaning:
    """Rows under way through the rules, with the ledger and the flow of counts that they leave behind.

    Each step counts rows and cells file by file before and after, from the rows themselves, and fails where they do
    not add up.
    """

    def __init__(self, frame: pl.DataFrame, where: str) -> None:
        self.frame, self.received, self._where = frame, frame.height, where
        self.flow: list[dict[str, Any]] = []
        self.unmapped: list[tuple[str, int, int]] = []
        self._entries: list[pl.DataFrame] = []
        self._rows_in = _per_file(frame)

    def drop(self, step: str, label: str, doomed: pl.Expr, column: str, raw: pl.Expr) -> None:
        """Drop the rows where ``doomed`` is true; null is not. Raises SurveyError when none is left."""
        mask = self.frame.select(doomed.fill_null(False).alias("doomed"))["doomed"]
        gone, before = self.frame.filter(mask), self.frame.height
        self._note(gone, column, raw, step, "drop_row")
        if gone.height:
            rows = _per_file(self.frame)
            self.frame = self.frame.filter(~mask)
            _balance(rows, _per_file(self.frame), _per_file(gone), f"{step}: rows")
        self._count(step, label, before, gone.height, 0)
        if self.frame.is_empty():
            raise SurveyError(
                f"the rule '{step}' leaves no row: it dropped the last {gone.height} of {self.received}",
                where=self._where,
                remedy="Look at the first rows of the exports, then correct clean in the study's file.",
            )

    def recode(
        self, step: str, label: str, column: str, meaning: dict[str, Any], dtype: Any, *, words: bool = False
    ) -> None:
        """Replace the texts of ``column`` by what they mean; a text without meaning is emptied and noted.

        ``words``: the column holds people's words, and what is not understood is counted for the table of such.
        """
        bad = pl.col(column).is_not_null() & ~pl.col(column).is_in(list(meaning))
        if words:
            texts = self.frame.filter(bad)[column]
            self.unmapped.append((column, len({normalised(t) for t in texts.unique()}), len(texts)))
        # Polars gives back text, whatever type is asked for, when there is nothing to replace.
        new = pl.col(column).replace_strict(meaning, default=None, return_dtype=dtype) if meaning else pl.lit(None)
        self.change(step, label, column, bad, new.cast(dtype).alias(column))

    def change(self, step: str, label: str, column: str, bad: pl.Expr, new: pl.Expr | None = None) -> None:
        """Empty the cells of ``column`` where ``bad`` and note their texts; the others become what ``new`` says."""
        mask = self.frame.select(bad.fill_null(False).alias("bad"))["bad"]
        gone, filled = self.frame.filter(mask), _per_file(self.frame, column)
        self._note(gone, column, pl.col(column), step, "empty_cell")
        new = pl.when(~pl.lit(mask)).then(pl.col(column)).alias(column) if new is None else new
        self.frame = self.frame.with_columns(new)
        _balance(filled, _per_file(self.frame, column), _per_file(gone), f"{step}: cells")
        self._count(step, label, self.frame.height, 0, gone.height)

    def texts(self, column: str) -> list[str]:
        """The different texts in ``column``, sorted."""
        return self.frame[column].drop_nulls().unique().sort().to_list()

    def ledger(self) -> pl.DataFrame:
        """Everything noted, in the order of the rules, then of files and lines."""
        return pl.concat(self._entries) if self._entries else pl.DataFrame(schema={**LEDGER, "action": pl.String})

    def by_step(self) -> pl.DataFrame:
        """What each step counted; where no rule is on, one step that takes nothing."""
        if not self.flow:
            self._count("none", "No rule is switched on", self.received, 0, 0)
        return pl.DataFrame(self.flow)

    def by_file(self) -> pl.DataFrame:
        """For each file: rows received, dropped and left, and cells emptied in any row."""
        ledger = self.ledger().with_columns(pl.col("file").cast(self.frame.schema["file"]))
        dropped = _per_file(ledger.filter(pl.col("action") == "drop_row"))
        emptied = _per_file(ledger.filter(pl.col("action") == "empty_cell"))
        left = _per_file(self.frame)
        _balance(self._rows_in, left, dropped, "all steps: rows")
        rows = [(f, n, dropped.get(f, 0), left.get(f, 0), emptied.get(f, 0)) for f, n in self._rows_in.items()]
        return pl.DataFrame(rows, schema=["file", "rows_in", "rows_dropped", "rows_out", "cells_emptied"], orient="row")

    def _note(self, rows: pl.DataFrame, column: str, raw: pl.Expr, rule: str, action: str) -> None:
        texts = privacy.ledger_text(column, rows.with_columns(raw.cast(pl.String).alias("raw"))["raw"])
        self._entries.append(
            rows.select(
                pl.col("file").cast(pl.String),
                "line",
                pl.lit(column).alias("column"),
                pl.lit(texts).alias("raw"),
                pl.lit(rule).alias("rule"),
                pl.lit(action).alias("action"),
            )
        )

    def _count(self, step: str, label: str, before: int, dropped: int, emptied: int) -> None:
        counts = {"rows_in": before, "rows_dropped": dropped, "rows_out": before - dropped, "cells_emptied": emptied}
        self.flow.append({"step": step, "label": label, **counts})


def _per_file(frame: pl.DataFrame, column: str | None = None) -> dict[str, int]:
    """Rows of each file, or cells of ``column`` that are not empty, in order of the files' names.

    ``file`` is an Enum, whose numbers are counted.
    """
    files = frame["file"] if column is None else frame["file"].filter(frame[column].is_not_null())
    names = files.dtype.categories
    return dict(zip(names, np.bincount(files.to_physical().to_numpy(), minlength=len(names)).tolist(), strict=True))


def _balance(before: dict[str, int], after: dict[str, int], gone: dict[str, int], what: str) -> None:
    """Fail where in some file what was there is not what is left and what is in the ledger."""
    for file in sorted(before.keys() | after.keys() | gone.keys()):
        assert before.get(file, 0) == after.get(file, 0) + gone.get(file, 0), f"{what} of {file} are not conserved"


# ---------------------------------------------------------------- what is left


def conserved(before: pl.LazyFrame, after: pl.DataFrame, ledger: pl.DataFrame, items: list[str]) -> None:
    """Recount from the file itself: each row is kept or in the ledger once, and no kept answer has changed.

    Reads ``before`` column by column. A row is known by its place, the number of its file and its line.
    """
    names = before.select("file", "line").collect()
    number = pl.col("file").cast(names.schema["file"], strict=False).to_physical().cast(pl.Int64)

    def places(frame: pl.DataFrame) -> pl.Series:
        return frame.select(number * 2**32 + pl.col("line")).to_series()

    received, kept = places(names), places(after)
    dropped = places(ledger.filter(pl.col("action") == "drop_row"))
    assert received.equals(pl.concat([kept, dropped]).sort()), "rows are not conserved"
    mask = received.is_in(kept.implode())

    def same(item: str) -> bool:
        return before.select(item).collect().to_series().filter(mask).equals(after[item])

    with ThreadPoolExecutor(max_workers=2) as pool:
        assert all(pool.map(same, items)), "answers have changed"


def shown_files(by_file: pl.DataFrame, study: Loaded) -> pl.DataFrame:
    """``by_file`` without the counts of files that are small before or after cleaning, or that would tell of those."""
    received, kept = (disclosure.hidden(by_file[c].to_numpy(), study.min_group) for c in ("rows_in", "rows_out"))
    shown = pl.Series(~(received | kept))
    return by_file.with_columns(pl.when(shown).then(pl.col(c)).alias(c) for c in by_file.columns if c != "file")


def ledger_summary(ledger: pl.DataFrame) -> pl.DataFrame:
    """Rows and cells in the ledger by rule and column. Raw texts stay in the ledger: they are people's own."""
    counted = ledger.group_by("rule", "column", "action", maintain_order=True).agg(pl.len().alias("n"))
    return counted.sort("rule", "column")


def facts(kept: pl.DataFrame, schools: pl.DataFrame, work: Cleaning, study: Loaded) -> pl.DataFrame:
    """``clean.sample``: what the analyses rest on. Only facts that apply to the study."""
    instrument, n = study.instrument, kept.height
    rows: list[tuple[str, str, float | None, str]] = []

    def count(fact: str, label: str, value: int) -> None:
        rows.append((fact, label, float(value), f"{value:,}"))

    def share(fact: str, label: str, value: float | None) -> None:
        rows.append((fact, label, value, "withheld" if value is None else f"{value:.1%}"))

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
        sizes = kept["group"].drop_nulls().value_counts()["count"]
        # Beside the levels that are shown, it would tell how many a withheld one has.
        known = None if (sizes < study.min_group).any() else kept["group"].drop_nulls().is_in(primary).mean()
        share("primary_share", "Share in primary key stages", known)
    for column, given in (
        ("age", study.columns.age or study.columns.birth_date),
        ("gender", study.gender),
        ("group", study.key_stages),
    ):
        if given:
            share(f"without_{column}", f"Share without a known {column}", kept[column].null_count() / n)
    empty = sum(kept.select(instrument.item_ids).null_count().row(0))
    share("missing_answers", "Share of answers missing", empty / (n * len(instrument.items)))
    ids = kept.filter(repeated("respondent"))["respondent"]
    count("repeated_ids", "Respondent ids on more than one row, with different answers", len(ids) - ids.n_unique())
    if study.clean.straight_liners == "flag" and (same := straight_lined(instrument)) is not None:
        flagged = kept.select(same.sum()).item()
        count("straight_liners_flagged", "Rows with the same answer to items of both directions, kept", flagged)
    return pl.DataFrame(rows, schema=["fact", "label", "value", "text"], orient="row")
