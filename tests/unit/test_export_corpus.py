"""The corpus of exports: each file is read as it is written down, or refused with its message."""

import importlib.util
import json
import shutil
from dataclasses import asdict

import polars as pl
import pytest
from conftest import ROOT
from surveys import make_survey

from learning_survey.config import Exports
from learning_survey.errors import SurveyError
from learning_survey.exports import read_sheet

FOLDER = ROOT / "tests" / "data" / "exports"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
BY_LIBRARY = {".parquet", ".sav", ".zsav"}  # a new version of the library may write other bytes


def stated(case: dict) -> Exports:
    return Exports(folder="", files=["*"], **case.get("stated", {}))


@pytest.mark.parametrize("name", [name for name, case in EXPECTED.items() if "error" not in case])
def test_a_file_is_read_as_it_was_written(name):
    case = EXPECTED[name]
    sheet = read_sheet(FOLDER / name, stated(case))
    assert asdict(sheet.detected) == case["detected"]
    assert (sheet.header, sheet.questions) == (case["header"], case["questions"])
    assert [list(row) for row in sheet.rows.collect().rows()] == case["rows"]
    assert sheet.rows.collect_schema().names() == ["line", *(str(k) for k in range(len(case["header"])))]


@pytest.mark.parametrize("name", [name for name, case in EXPECTED.items() if "error" in case])
def test_a_file_that_is_refused_says_what_it_is(name):
    case = EXPECTED[name]
    with pytest.raises(SurveyError) as error:
        read_sheet(FOLDER / name, stated(case))
    assert case["error"] in error.value.problem and error.value.remedy
    assert error.value.where == f"{FOLDER / name}" + (f", line {case['line']}" if case["line"] else "")


def test_the_ledger_has_every_kind_of_dirt(tmp_path):
    survey = make_survey(tmp_path, schools=2, per_school=4, dimensions=2, items_per=2, files=1)
    for path in survey.exports:
        path.unlink()
    shutil.copy(FOLDER / "dirty.csv", survey.exports[0])
    (survey.exports[0].parent / "schools.csv").write_text("school_id,phase,country,ofsted_rating\ns1,primary,Wales,\n")
    fields = {"respondent": "id", "school": "site", "age": "age", "year_group": "year", "gender": "sex"}
    items = dict(zip(survey.load().instrument.item_ids, ["q1", "q2", "q3", "q4"], strict=True))
    levels = [
        {"id": "lower", "label": "Lower", "ages": [5, 10], "years": ["Year 4"]},
        {"id": "upper", "label": "Upper", "ages": [11, 18], "years": ["Year 11"]},
    ]
    rules = {"test_status": ["survey preview"], "consent": ["yes"], "repeated_ids": "first", "unknown_school": "drop"}
    survey.change(
        columns={**fields, "status": "status", "consent": "consent", "items": items},
        clean={**rules, "ages": {"min": 5, "max": 18}},
        key_stages={"levels": levels},
    )
    instrument = tmp_path / "config" / "instruments" / "small.yaml"
    labels = instrument.read_text().replace("- Answer 2", "- Disagree").replace("- Answer 4", "- Agree")
    instrument.write_text(labels)
    survey.run("ingest", "clean")
    ledger = pl.read_csv(survey.processed / "ledger.csv", schema_overrides={"raw": pl.String}).drop("file")
    assert [list(row) for row in ledger.rows()] == EXPECTED["dirty.csv"]["ledger"]
    assert pl.read_parquet(survey.processed / "clean.parquet")["line"].to_list() == [2, 7, 10, 11, 12, 13, 14]


def test_the_corpus_is_what_its_script_makes(tmp_path):
    spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    make.main(tmp_path)
    made = {path.name: path for path in tmp_path.iterdir()}
    kept = {path.name for path in FOLDER.iterdir() if path.is_file()} - {"make.py"}
    assert set(made) == kept
    for name, path in made.items():
        if path.suffix not in BY_LIBRARY:
            assert path.read_bytes() == (FOLDER / name).read_bytes(), name
