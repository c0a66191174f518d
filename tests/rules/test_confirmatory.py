"""The command ``confirmatory.py``: its tables, the same each time, and what a missing file does."""

import pytest
from stages import contents, read_tables, run_stage
from surveys import make_survey


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = make_survey(tmp_path_factory.mktemp("rule"), schools=5, per_school=60, dimensions=3, missing=0.02)
    made.run("ingest", "clean", "score")
    return made


def test_it_writes_its_tables_and_the_same_bytes_again(survey, tmp_path):
    done = run_stage(survey, "confirmatory")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = read_tables(survey, "confirmatory")
    assert set(found) == {"fit", "loadings", "factors", "factor_correlations", "modification"}
    assert set(found["fit"].model) == {"correlated", "one_factor", "bifactor"}
    run_stage(survey, "confirmatory", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(survey.tables / "confirmatory")


def test_without_scores_it_says_what_to_do(survey, tmp_path):
    (survey.processed / "scores.parquet").rename(tmp_path / "scores.parquet")
    done = run_stage(survey, "confirmatory", tmp_path / "out")
    (tmp_path / "scores.parquet").rename(survey.processed / "scores.parquet")
    assert done.returncode == 2 and "the step 'score' makes it" in done.stderr and not (tmp_path / "out").exists()
