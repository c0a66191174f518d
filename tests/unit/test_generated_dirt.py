"""Any study with any dirt: rows and cells are conserved, the ledger is what was planted, kept answers are unchanged."""

import polars as pl
import pytest
import yaml
from generated import Generated, Way, surveys
from hypothesis import given
from hypothesis import strategies as st
from surveys import read_ingested

from learning_survey import draft_files, file_labels
from learning_survey.clean import clean
from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.ingest import ingest

DIRT = ["duplicate", "blank row", "nothing answered", "age", "gender", "none"]
AGES = ["999", "-3", "abc", "9.5", "=1+1"]
SEXES = ["zebra", "@zebra", "Ünsure"]
Planted = list[tuple[dict[str, str], dict[str, int | None]]]  # rows with their codes; a blank row has none


def plant(survey: Generated, data: st.DataObject) -> None:
    """Plant dirt in every file, beside and between its rows."""
    for order, rows, codes in zip(survey.orders, survey.rows, survey.codes, strict=True):
        planted: Planted = []
        for row, answers in zip(rows, codes, strict=True):
            planted.append((row, answers))
            kind = data.draw(st.sampled_from(DIRT))
            if kind == "age":
                row["years"] = data.draw(st.sampled_from(AGES))
            elif kind == "gender" and "sex" in order:
                row["sex"] = data.draw(st.sampled_from(SEXES))
            elif kind == "nothing answered":
                site = {"site": row["site"]} if "site" in row else {}
                planted.append(({"rid": row["rid"] + "x", "years": "9", **site}, dict.fromkeys(answers)))
            elif kind == "blank row":
                planted.append(({}, {}))
            elif kind == "duplicate":
                planted.append((row, answers))
        rows[:], codes[:] = [row for row, _ in planted], [answers for _, answers in planted]


def expected(survey: Generated) -> tuple[list[tuple], dict[tuple[str, int], dict[str, int | None]]]:
    """The ledger, and the codes of the rows that stay, by file and line."""
    entries: dict[str, list[tuple]] = {"blank": [], "duplicates": [], "ages": [], "gender": []}
    kept = {}

    def note(place: tuple[str, int], column: str, raw: str, rule: str, action: str) -> None:
        entries[rule].append((*place, column, "'" + raw if raw[0] in "=@" else raw, rule, action))

    for k, (rows, codes) in enumerate(zip(survey.rows, survey.codes, strict=True)):
        seen = set()
        for line, (row, answers) in enumerate(zip(rows, codes, strict=True), survey.header_rows(Way()) + 1):
            place = (f"part_{k}.csv", line)
            if row and not any(code is not None for code in answers.values()):
                note(place, "items", f"0 of {len(answers)} answered", "blank", "drop_row")
            elif row and row["rid"] in seen:
                note(place, "respondent", "withheld", "duplicates", "drop_row")
            elif row:
                kept[place] = answers
                seen.add(row["rid"])
                if row["years"] in AGES:
                    note(place, "age", row["years"], "ages", "empty_cell")
                if row.get("sex") in SEXES:
                    note(place, "gender", row["sex"], "gender", "empty_cell")
    return [entry for part in entries.values() for entry in part], kept


@given(surveys(), st.data())
def test_the_ledger_is_the_dirt_and_nothing_else_is_lost_or_changed(tmp_path_factory, survey, data):
    root = tmp_path_factory.mktemp("dirt")
    survey.study |= {"clean": {"min_answered": 0.001}, "min_group": 1}  # files are small: no count is withheld
    plant(survey, data)
    ledger, kept = expected(survey)
    study = survey.write(root, [Way()] * len(survey.rows))
    ingest(study, root / "ingested.arrow", root / "tables")
    received = read_ingested(root / "ingested.arrow")
    try:
        clean(study, root / "ingested.arrow", root, root / "tables")
    except SurveyError as error:
        assert "leaves no row" in error.problem or "leave no row" in error.problem
        assert not kept
        return
    found = pl.read_csv(root / "ledger.csv", infer_schema=False).with_columns(pl.col("line").cast(pl.Int32)).rows()
    assert found == ledger
    frame = pl.read_parquet(root / "clean.parquet")
    assert dict(zip(frame.select("file", "line").rows(), frame.select(survey.item_ids).to_dicts(), strict=True)) == kept
    filled = [row for rows in survey.rows for row in rows if row]
    assert received.height == len(filled) == len(kept) + sum(entry[5] == "drop_row" for entry in ledger)
    by_file, label = pl.read_csv(root / "tables" / "flow_files.csv"), file_labels.read(root / file_labels.FILE)
    for k, rows in enumerate(survey.rows):
        one = by_file.filter(pl.col("file") == label[f"part_{k}.csv"])
        of = [entry[5] for entry in ledger if entry[0] == f"part_{k}.csv"]
        counts = (sum(map(bool, rows)), of.count("drop_row"), of.count("empty_cell"))
        assert one.select("rows_in", "rows_dropped", "cells_emptied").row(0) == counts
        assert one["rows_out"][0] == counts[0] - counts[1]


@given(surveys(), st.data())
def test_an_answer_that_is_no_label_and_no_code_is_named_with_its_line(tmp_path_factory, survey, data):
    root = tmp_path_factory.mktemp("odd")
    k = data.draw(st.integers(0, len(survey.rows) - 1))
    at, item = data.draw(st.integers(0, len(survey.rows[k]) - 1)), data.draw(st.sampled_from(survey.item_ids))
    code = str(survey.first + data.draw(st.sampled_from([-1, survey.points, 97])))
    odd = data.draw(st.sampled_from(["Rather so", "très", code, "1.5", "-0,5"]))
    survey.rows[k][at][item] = odd
    study = survey.write(root, [Way()] * len(survey.rows))
    with pytest.raises(SurveyError) as error:
        ingest(study, root / "ingested.arrow", root / "tables")
    assert error.value.where.endswith(f"part_{k}.csv") and not (root / "ingested.arrow").exists()
    column = survey.column(item, survey.orders[k])
    what = f"'{odd}' is not a valid code" if odd == code else f"unknown label '{odd}'"
    line = survey.header_rows(Way()) + at + 1
    assert f"{what}" in error.value.problem and f"1 time in '{column}', first in line {line}." in error.value.problem


@given(surveys())
def test_a_draft_of_any_export_is_refused_or_waits_for_a_person(tmp_path_factory, survey):
    root = tmp_path_factory.mktemp("draft")
    survey.write(root, [Way()] * len(survey.rows))
    files = sorted((root / "data" / "raw" / "gen").glob("part_*"))
    try:
        draft_files.write("new", files, root, {"header": "two_rows"} if "two" in survey.convention else {})
    except SurveyError as error:
        assert error.where and error.remedy
        assert not (root / "config" / "studies" / "new.yaml").exists()
        return
    assert yaml.safe_load((root / "config" / "studies" / "new.yaml").read_text(encoding="utf-8"))
    with pytest.raises(SurveyError, match="draft"):
        load_study("new", root)
