"""The command 'models': planted differences, a small group withheld, covariates, and a study without schools."""

import numpy as np
import pytest
from stages import contents, read_tables, run_stage
from surveys import make_survey

METHODS = ["naive", "robust", "mixed", "cr2", "bootstrap"]


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = make_survey(
        tmp_path_factory.mktemp("survey"),
        gender_shift={"girls": {"d2": -0.6}},
        group_shift={"KS4": {"d3": -0.9}, "KS5": {"d3": -0.9}},
        schools=24,
        per_school=60,
        study={"min_group": 90},
    )
    made.run("ingest", "clean", "score")
    done = run_stage(made, "models")
    assert (done.returncode, done.stderr) == (0, "")
    return made


def test_planted_differences_are_found_by_every_method_and_the_small_group_is_withheld(survey):
    tables = read_tables(survey, "models")
    others = survey.truth["gender"].eq("other").sum()
    assert 0 < others < 90
    p = {key: rows["p"] for key, rows in tables["tests"].groupby(["dimension", "test"])}
    assert (p["d2", "gender"] < 0.001).all()
    assert (p["d3", "group"] < 0.001).all()
    assert (p["d1", "gender"] > 0.01).all()
    pairs = tables["contrasts"].set_index(["dimension", "group_a", "group_b"])
    assert pairs.loc[("d2", "boys", "girls"), "d_ci_low"] > 0.1
    assert pairs.loc[("d3", "KS3", "KS4"), "d_ci_low"] > 0.1
    assert pairs.loc[("d1", "boys", "other"), "status"] == "fewer than 90 students"
    small = tables["coefficients"].query("level == 'other'")
    assert len(small) == 4 * 5
    assert small[["difference", "se", "p"]].isna().all(axis=None)
    assert tables["means"].query("group == 'other'")["mean"].isna().all()
    variance = tables["variance"]
    assert (variance["n_schools"] == 24).all()
    assert (variance["left_out"] == "phase (told by key stage)").all()
    assert (variance["tau2"] > 0).all()
    assert not any(f",{others}," in path.read_text() for path in (survey.tables / "models").glob("*.csv"))


def test_the_table_of_tests_has_every_method_side_by_side(survey):
    tables = read_tables(survey, "models")
    assert list(tables["tests"]["method"]) == METHODS * (4 * 3)
    own = tables["coefficients"].query("term == 'group' and level == 'KS2' and dimension == 'd1'")
    assert own["method"].tolist() == METHODS
    assert own["difference"].nunique() == 2  # least squares, mixed model
    assert own["se"].nunique() == 5


def test_again_gives_the_same_bytes(survey, tmp_path):
    assert run_stage(survey, "models", tmp_path / "again").returncode == 0
    assert contents(tmp_path / "again") == contents(survey.tables / "models")


def test_covariates_are_in_the_models(tmp_path):
    covariates = {"models": {"covariates": ["age", "phase", "country"]}}
    made = make_survey(tmp_path, phases=False, schools=16, study=covariates)
    made.run("ingest", "clean", "score")
    done = run_stage(made, "models")
    assert (done.returncode, done.stderr) == (0, "")
    tables = read_tables(made, "models")
    assert tables["variance"]["terms"].str.startswith("group, gender").all()
    assert tables["variance"]["terms"].str.endswith("age").all()
    age = tables["coefficients"].query("term == 'age'")
    assert np.isfinite(age["p"]).all()


def test_a_study_without_schools_has_least_squares(tmp_path):
    made = make_survey(tmp_path, schools=0, per_school=300, gender_shift={"girls": -0.6})
    made.run("ingest", "clean", "score")
    done = run_stage(made, "models")
    assert (done.returncode, done.stderr) == (0, "")
    tables = read_tables(made, "models")
    girls = tables["coefficients"].query("level == 'girls'").set_index(["method", "dimension"])
    assert (girls.loc["robust", "p"] < 0.001).all()
    assert girls.loc["cr2", "p"].isna().all()
    assert (girls.loc["cr2", "status"] == "the study has no schools").all()
    assert (tables["contrasts"]["method"] == "robust").all()


def test_a_missing_file_of_schools_is_told(survey, tmp_path):
    kept = survey.processed / "schools.parquet"
    moved = kept.rename(tmp_path / "schools.parquet")
    try:
        done = run_stage(survey, "models", tmp_path / "out")
    finally:
        moved.rename(kept)
    assert done.returncode == 2
    assert "schools.parquet" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
