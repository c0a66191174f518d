"""The command ``draft.py``: two files and what to do next; on failure one message, code 2 and nothing written."""

import pytest
from surveys import make_survey

from rules.commands import command


@pytest.fixture
def survey(tmp_path):
    return make_survey(tmp_path, schools=3, per_school=20, dimensions=2)


def test_a_draft_is_written_and_does_not_run(survey):
    files = [p.relative_to(survey.root) for p in survey.exports]
    done = command("draft", survey.root, "--name", "new", "--exports", *files)
    assert done.returncode == 0 and done.stderr == "" and "config/studies/new.yaml" in done.stdout
    out, tables = "data/processed/new/ingested.arrow", "results/new/tables/ingest"
    done = command("ingest", survey.root, "--study", "new", "--out", out, "--tables", tables)
    assert done.returncode == 2 and "config/studies/new.yaml: is a draft" in done.stderr
    assert "Is 'school_id' the school?" in done.stderr and not (survey.root / "data" / "processed").exists()


def test_one_message_and_nothing_written_where_it_cannot_be_done(survey):
    done = command("draft", survey.root, "--name", "small", "--exports", "data/raw/small/responses_1.csv")
    assert done.returncode == 2 and done.stderr.startswith("error: config/studies/small.yaml: is there already")
    done = command("draft", survey.root, "--name", "new", "--exports", "data/raw/small/schools.csv")
    assert done.returncode == 2 and done.stderr.count("error: ") == 1 and "Traceback" not in done.stderr
    assert not (survey.root / "config" / "studies" / "new.yaml").exists()
