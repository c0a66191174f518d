"""The school register: which schools there are, what is known of them, and the pseudonyms that results show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from learning_survey import privacy
from learning_survey.config import Exports
from learning_survey.errors import SurveyError, nearest
from learning_survey.exports import read_sheet
from learning_survey.labels import normalised

if TYPE_CHECKING:
    from learning_survey.clean import Cleaning
    from learning_survey.config import Loaded


def read_register(study: Loaded) -> pl.DataFrame:
    """The school register: ``pseudonym`` of the school's id, ``phase``, ``country``, ``rating``; text or null.

    Raises SurveyError for a register without its columns, with a school twice, or with a rating that the study's
    inspection plan does not list.
    """
    plan = study.register_
    # A register has one row of headers; what a survey tool may put above its rows is not looked for.
    sheet = read_sheet(study.root / plan.file, Exports(folder="", files=["*"], header="one_row"))
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
    sheet.close()
    missing = {value.strip().lower() for value in study.exports.missing_values}
    frame = frame.with_columns(pl.when(~c.str.to_lowercase().is_in(missing)).then(c) for c in map(pl.col, columns))
    if frame["school_id"].has_nulls():
        _refuse("a school without an id", frame.filter(pl.col("school_id").is_null()), sheet.path, "Give it one.")
    if keyed := privacy.pseudonyms(study):
        frame = frame.with_columns(keyed.of(frame["school_id"], "school"))
    frame = frame.rename({"school_id": "pseudonym"})
    if (twice := frame.filter(~pl.col("pseudonym").is_first_distinct())).height:
        _refuse("a school that is listed twice", twice, sheet.path, "Keep one row for each school.")
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


def known_schools(work: Cleaning, study: Loaded, register: pl.DataFrame) -> None:
    """A school that is not in the register is an error, or its rows are dropped: see ``clean.unknown_school``."""
    stranger = pl.col("school").is_not_null() & ~pl.col("school").is_in(register["pseudonym"].implode())
    if study.clean.unknown_school == "drop":
        work.drop("unknown_school", "School not in the register", stranger, "school", pl.col("school"))
    elif (rows := work.frame.filter(stranger)).height:
        first, number = rows.row(0, named=True), rows["school"].n_unique()
        others = f" ({number} schools are not in it)" if number > 1 else ""
        raise SurveyError(
            f"the school of this row is not in the register {study.register_.file}{others}",
            where=f"{study.export_folder / first['file']}, line {first['line']}",
            remedy="Add the school to the register, correct the export, or set clean.unknown_school to drop.",
        )


def with_pseudonyms(
    frame: pl.DataFrame, study: Loaded, register: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``frame`` with schools as S01 onwards, and one row for each school with students: none without schools.

    The numbers follow the order of the keyed pseudonyms, which nobody can work out without the key.
    """
    counts = frame.drop_nulls("school").group_by("school").agg(pl.len().alias("n")).sort("school")
    width = max(2, len(str(counts.height)))
    counts = counts.rename({"school": "pseudonym"}).with_columns(
        pl.Series("school", [f"S{k + 1:0{width}d}" for k in range(counts.height)], dtype=pl.String)
    )
    about = ["phase", "country", "rating"]
    if register is None:
        schools = counts.with_columns(pl.lit(None, pl.String).alias(c) for c in about)
    else:
        schools = counts.join(register, on="pseudonym", how="left")
    schools = schools.select("school", "pseudonym", *about, pl.col("n").cast(pl.Int64)).sort("school")
    meaning = dict(zip(counts["pseudonym"], counts["school"], strict=True))
    new = pl.col("school").replace_strict(meaning, default=None, return_dtype=pl.String)
    return frame.with_columns(new), schools
