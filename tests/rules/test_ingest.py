"""The command ``ingest.py``: two files on success; on failure one message, code 2 and nothing written."""

import pytest
from conftest import ROOT
from surveys import make_survey, read_ingested

from rules.commands import command

OUT = "data/processed/small/ingested.arrow"
TABLES = ("--tables", "results/small/tables/ingest")


@pytest.fixture
def survey(tmp_path):
    return make_survey(tmp_path, schools=2, per_school=5, dimensions=2)


def test_it_writes_its_files_and_says_nothing(survey):
    done = command("ingest", survey.root, "--study", "small", "--out", OUT, *TABLES)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(p.name for p in survey.processed.iterdir()) == ["files.csv", "ingested.arrow"]
    assert read_ingested(survey.root / OUT).height == 10


def test_real_data_come_through(tmp_path):
    done = command("ingest", ROOT, "--study", "bfi", "--out", tmp_path / "ingested.arrow", "--tables", tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_ingested(tmp_path / "ingested.arrow").height == 2800


@pytest.mark.parametrize(
    ("breaking", "message"),
    [
        (lambda s: s.exports[1].unlink() or s.exports[0].unlink(), "no export matches 'responses_*.csv'"),
        (lambda s: s.exports[1].write_bytes(b""), "responses_2.csv: the file is empty"),
        (lambda s: s.exports[1].write_text("<html></html>"), "responses_2.csv: is a web page"),
        (lambda s: s.exports[1].write_text(s.exports[1].read_text().replace("Answer 3", "Perhaps")), "label 'Perhaps'"),
        (
            lambda s: s.exports[1].write_text(s.exports[1].read_text().replace("d1_2", "d1_1", 1)),
            "'d1_1' has two columns",
        ),
        (
            lambda s: s.exports[1].write_text(s.exports[1].read_text().replace("d1_2", "q", 1)),
            "has 7 of the instrument's 8",
        ),
        (lambda s: s.change(colums={"a": 1}), "colums: unknown key"),
        (lambda s: s.study_file.unlink(), "small.yaml: no such file"),
    ],
    ids=["missing", "empty", "web page", "label", "duplicate", "items", "key", "study"],
)
def test_bad_input_ends_with_one_message_and_nothing_written(survey, breaking, message):
    breaking(survey)
    done = command("ingest", survey.root, "--study", "small", "--out", OUT, *TABLES)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("error: ") == 1 and "Traceback" not in done.stderr
    assert message in done.stderr and len(done.stderr.strip().splitlines()) >= 2
    assert not survey.processed.exists()
