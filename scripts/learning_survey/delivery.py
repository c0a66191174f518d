"""A cohort as a survey operator would deliver it: several exports, a register, and the usual dirt."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from learning_survey.calibration import Calibration
from learning_survey.config import Study
from learning_survey.instrument import Instrument
from learning_survey.simulate import Cohort, recorded
from learning_survey.tables import replacing, write_json

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[np.float64]

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


def rating_dates(ratings: list[str | None], study: Study, seed: int) -> list[date | None]:
    """A date for each rating, evenly likely from nine years to fifteen months before the survey; without one, none.

    No source tells when schools were rated; these dates are invented, and nothing else depends on them.
    """
    if study.survey_date is None:
        return [None] * len(ratings)
    days = np.random.default_rng([seed, 2]).integers(456, 9 * 365, len(ratings))
    return [None if r is None else study.survey_date - timedelta(int(d)) for r, d in zip(ratings, days, strict=True)]


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
    dates = pl.Series(rating_dates(cohort.schools["ofsted_rating"], study, seed), dtype=pl.Date)
    register = register.with_columns(dates.alias("ofsted_date"), pl.lit("synthetic").alias("cohort"))
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

    content = io.BytesIO()  # on a full disk the writer would print a traceback of its own
    book = xlsxwriter.Workbook(content, {"constant_memory": True})
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
    path.write_bytes(content.getbuffer())
