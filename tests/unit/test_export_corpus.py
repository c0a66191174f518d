"""The corpus of exports: each file is read as it is written down, or refused with its message."""

import importlib.util
import json
from dataclasses import asdict

import pytest
from conftest import ROOT

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
