"""Order-restricted tests against R (mvtnorm, isoreg), their own geometry, and simulation."""

import json

import numpy as np
import pytest
from conftest import ROOT

from learning_survey import order_restricted
from learning_survey.group_sample import Sample
from learning_survey.groups import clustered_wald
from learning_survey.order_restricted import falling, level_probabilities, order_tests, orthant, project

GOLDEN = json.loads((ROOT / "tests/golden/effects.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("cone", GOLDEN["cones"], ids=lambda c: f"{len(c['V'])} steps")
def test_level_probabilities_are_those_of_kudo_by_mvtnorm(cone):
    V = np.array(cone["V"])
    assert orthant(V) == pytest.approx(cone["orthant"], abs=1e-8)
    np.testing.assert_allclose(level_probabilities(V, 1), cone["weights"], atol=1e-7)


@pytest.mark.parametrize("cone", GOLDEN["cones"], ids=lambda c: f"{len(c['V'])} steps")
def test_drawn_level_probabilities_are_the_exact_ones(cone, monkeypatch):
    V = np.array(cone["V"])
    exact = level_probabilities(V, 1)
    monkeypatch.setattr(order_restricted, "EXACT", 1)
    np.testing.assert_allclose(level_probabilities(V, 1), exact, atol=0.015)


def test_equal_independent_groups_have_the_level_probabilities_of_the_simple_order():
    """Of k = 4 groups: 1/4, 11/24, 1/4, 1/24 (Robertson, Wright & Dykstra 1988, table A.10)."""
    contrast = np.eye(3, 4) - np.eye(3, 4, 1)
    np.testing.assert_allclose(level_probabilities(contrast @ contrast.T, 1), [1 / 4, 11 / 24, 1 / 4, 1 / 24])


def test_means_that_fall_are_those_of_isoreg():
    golden = GOLDEN["isotonic"]
    mean, weight = (np.array(golden[name], float) for name in ("mean", "weight"))
    np.testing.assert_allclose(falling(mean, weight), golden["falls"], rtol=1e-12)
    several = np.stack([mean, mean[::-1], np.sort(mean)[::-1]])
    many = falling(several, np.broadcast_to(weight, several.shape))
    np.testing.assert_allclose(many[0], golden["falls"])
    assert (np.diff(many) <= 1e-12).all()
    np.testing.assert_allclose(many[2], several[2])
    np.testing.assert_allclose(many @ weight, several @ weight, err_msg="pooling keeps the sum")


def test_the_projection_is_the_nearest_point_of_the_cone():
    rng = np.random.default_rng(5)
    for _ in range(20):
        A = rng.normal(size=(8, 4))
        V, step = A.T @ A, rng.normal(size=4)
        found = project(step, V)
        gradient = np.linalg.solve(V, found - step)
        assert (found >= 0).all() and (gradient >= -1e-9).all()
        assert abs(found @ gradient) < 1e-9


def sample_of(rng, falls, schools=40, per=30):
    school = np.repeat(np.arange(schools), per)
    group = rng.integers(0, len(falls), len(school))
    x = 0.35 * rng.normal(size=schools)[school] + rng.normal(size=len(school)) - np.array(falls)[group]
    return Sample(x, group, school)


def test_both_tests_keep_their_level_where_means_are_equal():
    """About 5%: with 600 samples two standard errors are 1.8 points."""
    rng = np.random.default_rng(100)
    made = [order_tests(sample_of(rng, [0] * 4), 1)["falls"] for _ in range(600)]
    found = np.array([[r["p_equal"] < 0.05, r["p_order"] < 0.05] for r in made]).mean(axis=0)
    assert ((found > 0.03) & (found < 0.07)).all(), found


def test_a_planted_fall_a_planted_rise_and_a_dip_are_told_apart():
    rng = np.random.default_rng(6)
    fall = order_tests(sample_of(rng, [0, 0.1, 0.2, 0.4]), 1)["falls"]
    assert fall["p_equal"] < 1e-3 and fall["p_order"] > 0.2 and fall["n_groups"] == 4
    rise = order_tests(sample_of(rng, [0.4, 0.3, 0.1, 0]), 1)["falls"]
    assert rise["p_equal"] > 0.2 and rise["p_order"] < 1e-4
    assert order_tests(sample_of(np.random.default_rng(7), [0.4, 0.3, 0.1, 0]), 1)["rises"]["p_equal"] < 1e-4
    dip = order_tests(sample_of(rng, [0, 0.4, 0, 0.4]), 1)["falls"]
    assert dip["p_equal"] < 1e-3 and dip["p_order"] < 0.01


def test_where_all_steps_fall_the_statistic_is_that_of_the_wald_test_and_p_is_less():
    sample = sample_of(np.random.default_rng(2), [0, 0.2, 0.4, 0.6])
    wald, ours = clustered_wald(sample), order_tests(sample, 1)["falls"]
    assert ours["statistic_equal"] == pytest.approx(3 * wald["statistic"], rel=1e-9)
    assert ours["statistic_order"] == 0 and ours["p_order"] == 1
    assert ours["p_equal"] < wald["p"]


def test_no_test_where_the_wald_test_has_none():
    one = Sample(np.arange(20.0), np.zeros(20, int), np.arange(20) % 4)
    assert np.isnan([list(found.values()) for found in order_tests(one, 1).values()]).all()
