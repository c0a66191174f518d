"""The command ``invariance.py``: its tables, the same each time, and what a missing file does."""

import pytest
from stages import contents, read_tables, run_stage
from surveys import make_survey


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    plan = {"invariance": {"min_students": 60, "draws": 100}}
    made = make_survey(tmp_path_factory.mktemp("rule"), schools=8, per_school=60, dimensions=2, study=plan)
    made.run("ingest", "clean", "score")
    return made


def test_it_writes_its_tables_and_the_same_bytes_again(survey, tmp_path):
    done = run_stage(survey, "invariance")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = read_tables(survey, "invariance")
    assert set(found) == {"groups", "fit", "items", "latent_means", "verdicts"}
    assert set(found["verdicts"].outcome) <= {
        "holds",
        "partial",
        "in doubt",
        "fails",
        "model does not fit",
        "not testable",
    }
    run_stage(survey, "invariance", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(survey.tables / "invariance")


def test_without_scores_it_says_what_to_do(survey, tmp_path):
    (survey.processed / "scores.parquet").rename(tmp_path / "scores.parquet")
    done = run_stage(survey, "invariance", tmp_path / "out")
    (tmp_path / "scores.parquet").rename(survey.processed / "scores.parquet")
    assert done.returncode == 2 and "the step 'score' makes it" in done.stderr and not (tmp_path / "out").exists()
