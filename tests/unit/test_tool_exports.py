"""Exports as survey tools write them: a draft finds what is there, and once confirmed reads the answers."""

import importlib.util
import json

import polars as pl
import pytest
import yaml
from conftest import ROOT

from learning_survey.config import load_study
from learning_survey.draft_files import write
from learning_survey.errors import SurveyError
from learning_survey.ingest import ingest

FOLDER = ROOT / "tests" / "data" / "exports" / "tools"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_draft_finds_what_is_there_and_reads_it(tmp_path, monkeypatch, name):
    case = EXPECTED[name]
    monkeypatch.setenv("LEARNING_SURVEY_KEY", "a key for this test alone")
    study_file, instrument_file = write("new", [FOLDER / name], tmp_path)
    said = study_file.read_text(encoding="utf-8") + instrument_file.read_text(encoding="utf-8")
    assert "example.org" not in said and not any(mark in said for mark in ("\ufeff", "\u200b", "\\u200b", "\\uFEFF"))
    content, instrument = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (study_file, instrument_file))
    columns = content["columns"]
    assert {k: v for k, v in columns.items() if k not in ("items", "identifiers", "ignore")} == case["fields"]
    assert columns.get("identifiers", []) == case["identifiers"]
    assert {*case.get("ignore", [])} <= {*columns.get("ignore", [])}
    ids = [item["id"] for item in instrument["items"]]
    assert [columns.get("items", {}).get(i, i) for i in ids] == case["items"]
    assert [k for k, item in enumerate(instrument["items"]) if item.get("reversed")] == [3]
    assert len(instrument["dimensions"]) == 1
    asked = content.pop("confirm")
    assert "NOT KNOWN" not in said and content.pop("draft")
    assert content.get("clean", {}).get("test_status", []) == case.get("tests", [])
    assert any(case.get("asked", "") in question for question in asked)
    study_file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    study, out = load_study("new", tmp_path), tmp_path / "ingested.arrow"
    if "error" in case:
        with pytest.raises(SurveyError) as error:
            ingest(study, out, tmp_path / "tables")
        assert case["error"] in error.value.problem and "example.org" not in error.value.message
        return
    ingest(study, out, tmp_path / "tables")
    assert [list(row) for row in pl.read_ipc(out).select(ids).rows()] == case["codes"]


def test_the_exports_are_what_their_script_makes(tmp_path):
    spec = importlib.util.spec_from_file_location("make_tools", FOLDER / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    make.main(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in FOLDER.iterdir() if p.is_file()} - {"make.py"}
    for path in tmp_path.iterdir():
        if path.suffix != ".sav":  # a new version of the library may write other bytes
            assert path.read_bytes() == (FOLDER / path.name).read_bytes(), path.name
