"""Reliability as a command: tables from what the step 'score' hands on."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from processed import arguments, process, run_step, write_processed, written
from surveys import make_survey

from learning_survey.schemas import TABLES
from learning_survey.tables import read


def test_tables_of_a_survey_with_schools(tmp_path):
    survey = make_survey(tmp_path, schools=15, per_school=40, missing=0.03, loading=0.8)
    process(survey)
    assert run_step("reliability", survey) == (0, "")
    alpha, items = read(survey.tables, "reliability.alpha"), read(survey.tables, "reliability.items")
    assert list(alpha.columns) == list(TABLES["reliability.alpha"].columns)
    assert alpha["scale"].tolist() == ["d1", "d2", "d3", "d4", "all"]
    assert alpha["n_items"].tolist() == [4, 4, 4, 4, 16]
    # Loadings of .8 make .877 before answers are cut into five.
    assert alpha["alpha"][:4].between(0.80, 0.90).all()
    for name in ("alpha", "omega_total"):
        assert (alpha[f"{name}_ci_low"] < alpha[name]).all()
        assert (alpha[name] < alpha[f"{name}_ci_high"]).all()
        assert (alpha[f"{name}_ci_high"] < 1).all()
    assert alpha["omega_total"].iloc[-1] > alpha["alpha"].iloc[-1]
    assert items.groupby("scale").size().to_dict() == {"all": 16, "d1": 4, "d2": 4, "d3": 4, "d4": 4}
    assert (items["n"] < 600).all()
    assert items.notna().all(axis=None)
    first = written("reliability", survey)
    command = [sys.executable, ROOT / "scripts/reliability.py", *arguments("reliability", survey)]
    subprocess.run(command, cwd=survey.root, check=True)
    assert written("reliability", survey) == first


def test_two_items_without_schools(tmp_path):
    survey = make_survey(tmp_path, schools=0, per_school=400, items_per=2, dimensions=2, reversed_items=0)
    process(survey)
    assert run_step("reliability", survey) == (0, "")
    alpha, items = read(survey.tables, "reliability.alpha"), read(survey.tables, "reliability.items")
    np.testing.assert_allclose(alpha["omega_total"][:2], alpha["alpha_std"][:2], atol=1e-9)
    assert alpha["alpha_ci_low"].notna().all()
    # Two factors of four items are not identified.
    assert np.isnan(alpha["omega_total"].iloc[2])
    assert items.loc[items["scale"] != "all", "alpha_if_dropped"].isna().all()


def test_one_school_has_estimates_without_intervals(tmp_path):
    survey = make_survey(tmp_path, schools=1, per_school=200)
    process(survey)
    assert run_step("reliability", survey) == (0, "")
    alpha = read(survey.tables, "reliability.alpha")
    assert alpha[["alpha", "omega_total", "feldt_ci_low"]].notna().all(axis=None)
    assert alpha[["alpha_ci_low", "alpha_ci_high", "omega_total_ci_low"]].isna().all(axis=None)


def test_too_few_students_keep_rows_and_lose_numbers(tmp_path):
    survey = make_survey(tmp_path, schools=3, per_school=10, study={"min_group": 31})
    process(survey)
    assert run_step("reliability", survey) == (0, "")
    alpha, items = read(survey.tables, "reliability.alpha"), read(survey.tables, "reliability.items")
    assert (len(alpha), len(items)) == (5, 32)
    assert alpha.drop(columns=["scale", "label", "n_items", "note"]).isna().all(axis=None)
    assert (alpha["note"] == "fewer than 31 students").all()
    assert items.drop(columns=["scale", "item"]).isna().all(axis=None)


def spoil_constant(x: np.ndarray) -> None:
    x[:, 5] = 4.0


def spoil_empty(x: np.ndarray) -> None:
    x[:, 5] = np.nan


@pytest.mark.parametrize("spoil", [spoil_constant, spoil_empty])
def test_an_item_that_cannot_be_used_is_named_and_nothing_is_written(tmp_path, spoil):
    survey = make_survey(tmp_path, schools=3)
    study, rng = survey.load(), np.random.default_rng(1)
    x = rng.integers(1, 6, size=(60, 16)).astype(float)
    spoil(x)
    write_processed(study, survey.processed, x, np.repeat(["a", "b", "c"], 20))
    code, error = run_step("reliability", survey)
    assert code == 2
    assert "d2_2" in error
    assert "moments.npz" in error
    assert written("reliability", survey) == {}


def test_without_its_input_it_says_which_step_makes_it(tmp_path):
    survey = make_survey(tmp_path, schools=2)
    code, error = run_step("reliability", survey)
    assert code == 2
    assert "moments.npz" in error
    assert "'score'" in error
    assert written("reliability", survey) == {}
