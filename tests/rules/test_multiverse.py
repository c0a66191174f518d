"""The command 'multiverse': every claim of the plan, bytes that stay, and errors that say what to do."""

import pytest
from multiverse_plans import KINDS, every_kind, write_plan
from stages import contents, read_tables, run_stage
from surveys import make_survey

FALL = {"KS1": 0.6, "KS2": 0.4, "KS3": -0.1, "KS4": -0.4, "KS5": -0.6}


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = make_survey(tmp_path_factory.mktemp("multiverse"), schools=14, per_school=60, dimensions=3, group_shift=FALL)
    made.run("ingest", "clean", "score")
    write_plan(made, every_kind())
    return made


def test_every_claim_has_its_row_and_its_specifications(survey):
    run = run_stage(survey, "multiverse")
    assert run.returncode == 0 and run.stderr == "", run.stderr
    found = read_tables(survey, "multiverse")
    assert found["claims"].claim.tolist() == list(KINDS)
    specifications = found["specifications"]
    assert specifications.groupby("claim").size().to_dict() == dict(
        zip(found["claims"].claim, found["claims"].n_specifications.astype(int), strict=True)
    )
    # A fall from first to last key stage in primary and in secondary schools, planted.
    trends = found["claims"].set_index("claim").loc["trends"]
    assert trends.configured_holds and trends.estimate < 0
    shown = specifications[specifications.estimate_ci_low.notna()]
    assert len(shown) > 100
    assert (shown.estimate_ci_low <= shown.estimate).all() and (shown.estimate <= shown.estimate_ci_high).all()


def test_two_runs_write_the_same_bytes(survey, tmp_path):
    for folder in ("first", "second"):
        assert run_stage(survey, "multiverse", tmp_path / folder).returncode == 0
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_a_study_without_a_plan_says_where_to_name_one(survey):
    before = survey.study_file.read_text(encoding="utf-8")
    survey.change(multiverse=None)
    run = run_stage(survey, "multiverse")
    survey.study_file.write_text(before, encoding="utf-8")
    assert run.returncode == 2 and "config/multiverse/" in run.stderr and "Traceback" not in run.stderr


def test_a_plan_that_is_not_there_names_those_that_are(survey):
    before = survey.study_file.read_text(encoding="utf-8")
    survey.change(multiverse="smal")
    run = run_stage(survey, "multiverse")
    survey.study_file.write_text(before, encoding="utf-8")
    assert run.returncode == 2 and "Did you mean 'small'?" in run.stderr
