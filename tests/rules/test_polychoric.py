"""Polychoric correlations as a command: tables from what the step 'score' hands on."""

import numpy as np
import pytest
from processed import process, run_step, write_processed, written
from surveys import make_survey

from learning_survey.schemas import TABLES
from learning_survey.tables import read


def tables_of(survey):
    return (read(survey.tables, f"polychoric.{name}") for name in ("correlations", "thresholds", "matrix"))


def test_tables_of_a_survey_with_schools(tmp_path):
    survey = make_survey(tmp_path, schools=20, per_school=60, missing=0.03, loading=0.8, icc=0.2)
    process(survey)
    assert run_step("polychoric", survey) == (0, "")
    r, tau, matrix = tables_of(survey)
    for name, frame in (("correlations", r), ("thresholds", tau), ("matrix", matrix)):
        assert list(frame.columns) == list(TABLES[f"polychoric.{name}"].columns)
    assert (len(r), len(tau), len(matrix)) == (16 * 15 / 2, 16 * 4, 1)
    # Items with loadings of .8 on one trait correlate .64 before they are cut; cuts are at equally likely places.
    own = r[r["item_a"].str[:2] == r["item_b"].str[:2]]
    assert abs(own["r"].mean() - 0.64) < 0.05
    assert ((r["r_ci_low"] < r["r"]) & (r["r"] < r["r_ci_high"])).all()
    assert tau.groupby("item")["threshold"].apply(lambda t: (np.diff(t) > 0).all()).all()
    np.testing.assert_allclose(tau.groupby("position")["threshold"].mean(), [-0.84, -0.25, 0.25, 0.84], atol=0.15)
    assert tau[["code_below", "code_above"]].iloc[0].tolist() == [1, 2]
    # Students of a school are alike, and all the more in where they stand.
    assert (tau["se"] / tau["se_independent"]).median() > 1.5
    assert matrix["positive_definite"].tolist() == [True]
    assert matrix["largest_change"].tolist() == [0]
    first = written("polychoric", survey)
    assert run_step("polychoric", survey) == (0, "")
    assert written("polychoric", survey) == first


def test_too_few_students_keep_rows_and_lose_numbers(tmp_path):
    survey = make_survey(tmp_path, schools=3, per_school=10, study={"min_group": 31})
    process(survey)
    assert run_step("polychoric", survey) == (0, "")
    r, tau, matrix = tables_of(survey)
    assert len(r) == 120
    assert r.drop(columns=["item_a", "item_b"]).isna().all(axis=None)
    assert tau[["n", "threshold", "se", "se_independent"]].isna().all(axis=None)
    assert matrix[["n", "smallest_eigenvalue", "largest_change"]].isna().all(axis=None)


def test_one_school_has_estimates_and_only_independent_errors(tmp_path):
    survey = make_survey(tmp_path, schools=1, per_school=200)
    process(survey)
    assert run_step("polychoric", survey) == (0, "")
    r, _, _ = tables_of(survey)
    assert r[["r", "se_independent"]].notna().all(axis=None)
    assert r[["se", "r_ci_low", "r_ci_high"]].isna().all(axis=None)


def test_the_same_item_twice_and_items_never_answered_together(tmp_path):
    survey = make_survey(tmp_path, schools=3)
    study, rng = survey.load(), np.random.default_rng(1)
    x = rng.integers(1, 6, size=(600, 16)).astype(float)
    x[:, 1] = x[:, 0]
    x[:300, 14], x[300:, 15] = np.nan, np.nan
    write_processed(study, survey.processed, x, np.repeat(["a", "b", "c"], 200))
    assert run_step("polychoric", survey) == (0, "")
    r, _, matrix = tables_of(survey)
    twice, apart = r.iloc[0], r.iloc[-1]
    assert twice["r"] == 1
    assert twice[["se", "se_independent", "r_ci_low", "r_ci_high"]].isna().all()
    assert apart.drop(["item_a", "item_b"]).isna().all()
    assert matrix["positive_definite"].tolist() == [False]


@pytest.mark.parametrize("value", [4.0, np.nan])
def test_an_item_that_cannot_be_used_is_named_and_nothing_is_written(tmp_path, value):
    survey = make_survey(tmp_path, schools=3)
    study, rng = survey.load(), np.random.default_rng(1)
    x = rng.integers(1, 6, size=(60, 16)).astype(float)
    x[:, 5] = value
    write_processed(study, survey.processed, x, np.repeat(["a", "b", "c"], 20))
    code, error = run_step("polychoric", survey)
    assert code == 2
    assert "d2_2" in error
    assert "pairs.npz" in error
    assert written("polychoric", survey) == {}


def test_without_its_input_it_says_which_step_makes_it(tmp_path):
    survey = make_survey(tmp_path, schools=2)
    code, error = run_step("polychoric", survey)
    assert code == 2
    assert "pairs.npz" in error
    assert "'score'" in error
    assert written("polychoric", survey) == {}
