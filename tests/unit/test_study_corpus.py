"""The corpus of small studies: each comes out as it is written down, or is refused with its message."""

import importlib.util
import json
import shutil

import polars as pl
import pytest
from conftest import ROOT
from readable import readable
from surveys import read_ingested

from learning_survey.clean import clean
from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.ingest import ingest

FOLDER = ROOT / "tests" / "data" / "exports" / "studies"
CASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir() and not path.name.startswith("_"))


def project(root, name):
    """A project with the study of the corpus in it; the study and what is expected."""
    for kind, folder in (("study", "studies"), ("instrument", "instruments")):
        (root / "config" / folder).mkdir(parents=True)
        shutil.copy(FOLDER / name / f"{kind}.yaml", root / "config" / folder / f"{name}.yaml")
    (root / "data" / "raw" / name).mkdir(parents=True)
    for path in (FOLDER / name).glob("*.csv"):
        shutil.copy(path, root / "data" / "raw" / name)
    return load_study(name, root), json.loads((FOLDER / name / "expected.json").read_text(encoding="utf-8"))


def rows(frame):
    return [list(row) for row in frame.rows()]


@pytest.mark.parametrize("name", CASES)
def test_a_study_comes_out_as_it_is_written_down(tmp_path, name):
    study, expected = project(tmp_path, name)
    out = tmp_path / "processed"
    if "error" in expected:
        with pytest.raises(SurveyError) as error:
            ingest(study, out / "ingested.arrow", tmp_path / "tables")
        assert expected["error"] in error.value.problem and error.value.remedy
        assert error.value.where.endswith(expected["file"]) and not out.exists()
        return
    ingest(study, out / "ingested.arrow", tmp_path / "tables")
    ingested = read_ingested(out / "ingested.arrow")
    if "codes" in expected:
        assert rows(ingested.select("file", "line", *study.instrument.item_ids)) == expected["codes"]
    if "ledger" not in expected:
        return
    clean(study, out / "ingested.arrow", out, tmp_path / "tables")
    ledger = pl.read_csv(out / "ledger.csv", schema_overrides={"raw": pl.String})
    assert rows(ledger.drop("file")) == expected["ledger"]
    kept = pl.read_parquet(out / "clean.parquet")
    if "school" in expected["clean"]["columns"]:  # a pseudonym: which rows have the same one
        kept = kept.with_columns(school=(pl.col("school") != kept["school"][0]).cast(pl.Int8))
    assert rows(kept.select("file", "line", *expected["clean"]["columns"])) == expected["clean"]["rows"]
    flags = pl.read_parquet(out / "flags.parquet")
    for path in (p for folder in (out, tmp_path / "tables") for p in folder.iterdir()):
        said = "\n".join(readable(path.name, path.read_bytes()))
        assert not any(text in said for text in expected.get("absent", [])), path
    for index, lines in expected.get("flags", {}).items():
        assert flags.filter(f"flag_{index}")["line"].to_list() == lines, index


def test_the_corpus_is_what_its_script_makes(tmp_path):
    spec = importlib.util.spec_from_file_location("make_studies", FOLDER / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    make.main(tmp_path)
    made = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {str(FOLDER / name / path.name): path for name in CASES for path in (FOLDER / name).iterdir()}
    assert {str(FOLDER / name): content for name, content in made.items()} == {
        name: path.read_bytes() for name, path in kept.items()
    }
