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
    """The register: ``pseudonym`` of the school's id, ``phase``, ``country``, ``rating``, ``rating_date``; or null.

    Raises SurveyError for a register without its columns, with a school twice, with a date that is none, or with a
    rating that the study's inspection plan does not list. Where there was no overall grade on that date the plan's list
    says nothing, and another rating counts as none.
    """
    plan = study.register_
    # A register has one row of headers; what a survey tool may put above its rows is not looked for.
    sheet = read_sheet(study.root / plan.file, Exports(folder="", files=["*"], header="one_row"))
    columns = {"school_id": plan.id, "phase": plan.phase, "country": plan.country, "rating": plan.rating}
    columns["rating_date"] = plan.rating_date
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
    frame = frame.with_columns(_dates(frame, sheet.path))
    if study.inspection:
        days = [d for d in frame["rating_date"].unique() if d is None or study.inspection.framework_on(d).overall]
        graded = pl.col("rating_date").is_in(pl.Series(days, dtype=pl.Date).implode(), nulls_equal=True)
        known = {normalised(rating): rating for rating in study.inspection.ratings}
        listed = pl.col("rating").map_elements(normalised, pl.String).is_in(list(known))
        odd = frame.filter(graded & pl.col("rating").is_not_null() & ~listed)
        if odd.height:
            remedy = "Add it to inspection.ratings in the study's file, or empty the cell."
            _refuse(f"rating '{odd['rating'][0]}' is not one of the study's", odd, sheet.path, remedy)
        frame = frame.with_columns(pl.col("rating").map_elements(lambda r: known.get(normalised(r)), pl.String))
    return frame.drop("line")


def _dates(frame: pl.DataFrame, path: Path) -> pl.Series:
    """``rating_date`` as dates; a text that is no date is an error."""
    text = pl.col("rating_date").str.strip_chars()
    formats = [text.str.slice(0, 10).str.to_date(f, strict=False) for f in ("%Y-%m-%d", "%d/%m/%Y")]
    dates = frame.select(pl.coalesce(formats)).to_series()
    if (odd := frame.filter(pl.col("rating_date").is_not_null() & dates.is_null())).height:
        _refuse(f"'{odd['rating_date'][0]}' is no date", odd, path, "Write it as 2019-11-05 or 05/11/2019.")
    return dates


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
    counts = counts.select(
        pl.col("school").cast(pl.String).alias("pseudonym"),
        "n",
        pl.Series("school", [f"S{k + 1:0{width}d}" for k in range(counts.height)], dtype=pl.String),
    )
    about = ["phase", "country", "rating", "rating_date"]
    if register is None:
        types = {c: pl.Date if c == "rating_date" else pl.String for c in about}
        schools = counts.with_columns(pl.lit(None, dtype).alias(c) for c, dtype in types.items())
    else:
        schools = counts.join(register, on="pseudonym", how="left")
    schools = schools.select("school", "pseudonym", *about, pl.col("n").cast(pl.Int64)).sort("school")
    meaning = dict(zip(counts["pseudonym"], counts["school"], strict=True))
    new = pl.col("school").replace_strict(meaning, default=None, return_dtype=pl.String)
    return frame.with_columns(new), schools
