"""The command ``clean.py``: its files, and what an unknown school does."""

import polars as pl
import pytest
from surveys import make_survey

from rules.commands import command

ARGUMENTS = (
    *("--study", "small", "--ingested", "data/processed/small/ingested.arrow"),
    *("--out", "data/processed/small", "--tables", "results/small/tables/clean"),
)


@pytest.fixture
def survey(tmp_path):
    made = make_survey(tmp_path, schools=2, per_school=15, dimensions=2)
    made.run("ingest")
    return made


def test_it_writes_its_files_and_tables_and_says_nothing(survey):
    done = command("clean", survey.root, *ARGUMENTS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {p.name for p in survey.processed.iterdir()} == {
        *("ingested.arrow", "files.csv", "clean.parquet", "flags.parquet", "schools.parquet", "ledger.csv"),
    }
    names = ("flow", "flow_files", "sample", "ledger_summary", "unmapped", "careless", "sensitivity")
    assert {p.name for p in (survey.tables / "clean").iterdir()} == {f"{name}.csv" for name in names}


def test_without_schools_the_file_of_schools_is_empty(tmp_path):
    survey = make_survey(tmp_path, schools=0, per_school=30, dimensions=2)
    survey.run("ingest")
    assert command("clean", survey.root, *ARGUMENTS).returncode == 0
    assert pl.read_parquet(survey.processed / "schools.parquet").height == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "school-002",
            "school-003",
            "line 2: the school of this row is not in the register data/raw/small/schools.csv",
        ),
        ("school_id", "id", "schools.csv: no column 'school_id'"),
    ],
)
def test_bad_input_ends_with_one_message_and_nothing_written(survey, old, new, message):
    register = survey.exports[0].parent / "schools.csv"
    register.write_text(register.read_text().replace(old, new))
    done = command("clean", survey.root, *ARGUMENTS)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
    assert {p.name for p in survey.processed.iterdir()} == {"ingested.arrow", "files.csv"}
    assert not (survey.tables / "clean").exists()
