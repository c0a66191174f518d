import json

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from mixed_samples import GOLDEN, MODELS, cells, dense, drawn, golden

from learning_survey.mixed import fit, least_squares, refit, resampled, variance_intervals, why_not
from learning_survey.mixed_likelihood import Data, independent
from learning_survey.uncertainty import t_p

ICC = json.loads((ROOT / "tests/golden/multilevel_icc.json").read_text(encoding="utf-8"))
FILES = {"Exam": ("exam", "school"), "Hsb82": ("hsb82", "school"), "ScotsSec": ("scotssec", "second")}
FILES |= {"lq2002": ("lq2002", "COMPID")}


@pytest.mark.parametrize("name", FILES)
def test_variance_components_of_empty_models_are_those_of_lme4(name):
    file, school = FILES[name]
    frame = pd.read_csv(ROOT / f"tests/data/multilevel/{file}.csv")
    compared = 0
    for variable, expected in ICC[name].items():
        if variable not in frame or "var_between" not in expected:
            continue
        rows = frame[[school, variable]].dropna()
        model = fit(cells(np.ones((len(rows), 1)), rows[school].to_numpy(), rows[variable].to_numpy()))
        assert model.tau2 == pytest.approx(expected["var_between"], rel=1e-5)
        assert model.sigma2 == pytest.approx(expected["var_within"], rel=1e-5)
        assert model.icc == pytest.approx(expected["icc"], rel=1e-5)
        assert model.beta[0] == pytest.approx(expected["grand_mean"], abs=1e-6)
        compared += 1
    assert compared >= 1


@pytest.mark.parametrize("name", MODELS)
def test_models_with_covariates_are_those_of_lme4_and_pbkrtest(name):
    expected, model = GOLDEN[name], fit(golden(name))
    assert model.tau2 == pytest.approx(expected["tau2"], rel=1e-5)
    assert model.sigma2 == pytest.approx(expected["sigma2"], rel=1e-6)
    assert model.loglik == pytest.approx(expected["loglik"], abs=1e-7)
    np.testing.assert_allclose(model.beta, expected["beta"], atol=1e-7)
    np.testing.assert_allclose(model.covariance, expected["vcov"], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(model.df(np.eye(len(model.beta))), expected["df"], rtol=1e-4)
    np.testing.assert_allclose(model.r_squared(), expected["r2"], rtol=1e-5)
    for joint in expected["joint"]:
        contrasts = np.eye(len(model.beta))[np.atleast_1d(joint["columns"]) - 1]
        f, df1, df2 = model.f_test(contrasts)
        assert df1 == len(contrasts)
        assert f == pytest.approx(joint["sat"]["F"], rel=1e-5)
        assert df2 == pytest.approx(joint["sat"]["df2"], rel=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_maximum_likelihood_and_its_profile_limits_are_those_of_lme4(name):
    expected, model = GOLDEN[name]["ml"], fit(golden(name), reml=False)
    assert model.tau2 == pytest.approx(expected["tau2"], rel=1e-5)
    assert model.sigma2 == pytest.approx(expected["sigma2"], rel=1e-6)
    assert model.loglik == pytest.approx(expected["loglik"], abs=1e-7)
    limits = variance_intervals(model, 0.95)
    for name_, (low, high) in zip(("tau2", "sigma2"), expected["sd_ci"], strict=True):
        # lme4 interpolates its profiles by splines
        assert np.sqrt([limits[name_].low, limits[name_].high]) == pytest.approx([low, high], rel=2e-4)


@pytest.mark.parametrize("name", MODELS)
def test_predicted_schools_are_those_of_lme4(name):
    model = fit(golden(name))
    u, reliability = model.blups()
    np.testing.assert_allclose(u, GOLDEN[name]["blups"], atol=1e-6)
    np.testing.assert_allclose(model.tau2 * (1 - reliability), GOLDEN[name]["condvar"], rtol=1e-5)


def test_prediction_variance_is_that_of_hendersons_equations():
    X, school, y = drawn(np.random.default_rng(3), np.array([5, 9, 30, 2, 14, 8]), tau=1.5)
    model = fit(cells(X, school, y))
    Z = (school[:, None] == np.arange(6)).astype(float)
    both = np.hstack([X, Z])
    left = both.T @ both
    left[3:, 3:] += np.eye(6) / model.theta
    inverse = model.sigma2 * np.linalg.inv(left)
    solution = np.linalg.solve(left, both.T @ y)
    row = np.array([1.0, 0.4, 1.0])
    value, variance = model.predicted(row)
    take = np.hstack([np.tile(row, (6, 1)), np.eye(6)])
    np.testing.assert_allclose(value, take @ solution, rtol=1e-9)
    np.testing.assert_allclose(variance, np.einsum("gi,ij,gj->g", take, inverse, take), rtol=1e-9)


@pytest.mark.parametrize("reml", [True, False])
def test_likelihood_is_the_dense_one_and_no_other_values_are_better(reml):
    X, school, y = drawn(np.random.default_rng(5), np.array([3, 40, 7, 12, 1, 25, 2]))
    model = fit(cells(X, school, y), reml)
    best = dense((X, school, y), model.theta, model.sigma2, reml)
    assert -2 * model.loglik == pytest.approx(best, abs=1e-8)
    for theta in model.theta * np.array([0, 0.5, 0.99, 1.01, 2, 20]):
        for sigma2 in model.sigma2 * np.array([0.9, 1, 1.1]):
            assert dense((X, school, y), theta, sigma2, reml) >= best


def test_satterthwaite_is_that_of_numerical_derivatives_of_the_dense_likelihood():
    X, school, y = drawn(np.random.default_rng(8), np.array([6, 40, 7, 12, 9, 25]), tau=0.8)
    model = fit(cells(X, school, y))
    at, step = np.array([model.theta, model.sigma2]), np.array([model.theta, model.sigma2]) * 1e-3
    shift = np.diag(step)
    f = lambda v: dense((X, school, y), *v)  # noqa: E731
    hessian = np.empty((2, 2))
    for i, j in np.ndindex(2, 2):
        a, b = shift[i], shift[j]
        hessian[i, j] = (f(at + a + b) - f(at + a - b) - f(at - a + b) + f(at - a - b)) / (4 * step[i] * step[j])
    covariance = 2 * np.linalg.inv(hessian)

    def variance(v):
        inverse = np.linalg.inv(v[1] * (np.eye(len(y)) + v[0] * (school[:, None] == school)))
        return np.diag(np.linalg.inv(X.T @ inverse @ X))

    gradient = np.array([(variance(at + a) - variance(at - a)) / (2 * h) for a, h in zip(shift, step, strict=True)])
    expected = 2 * variance(at) ** 2 / np.einsum("ik,ij,jk->k", gradient, covariance, gradient)
    np.testing.assert_allclose(model.df(np.eye(3)), expected, rtol=1e-3)


def test_balanced_schools_have_their_textbook_degrees_of_freedom():
    rng = np.random.default_rng(1)
    school = np.repeat(np.arange(12), 20)
    half = (school < 6).astype(float)
    y = rng.standard_normal(12)[school] + rng.standard_normal(240)
    model = fit(cells(np.column_stack([np.ones(240), half]), school, y))
    means = y.reshape(12, 20).mean(axis=1)
    within = y.reshape(12, 20).var(axis=1, ddof=1).mean()
    between = np.mean([means[:6].var(ddof=1), means[6:].var(ddof=1)])
    assert model.sigma2 == pytest.approx(within, rel=1e-8)
    assert model.tau2 == pytest.approx(between - within / 20, rel=1e-8)
    np.testing.assert_allclose(model.df(np.array([0.0, 1.0])), 10, rtol=1e-8)


# ---------------------------------------------------------------- boundary and small samples


def test_schools_that_differ_less_than_chance_leave_least_squares():
    rng = np.random.default_rng(2)
    school = np.repeat(np.arange(10), 8)
    X = np.column_stack([np.ones(80), rng.integers(0, 2, 80)])
    y = rng.standard_normal(80)
    y -= pd.Series(y).groupby(school).transform("mean").to_numpy()
    data = cells(X, school, y)
    model, plain = fit(data), least_squares(data)
    assert model.boundary
    assert model.tau2 == 0 == model.icc
    np.testing.assert_allclose(model.beta, plain.beta)
    np.testing.assert_allclose(model.df(np.eye(2)), 78)
    beta, rss, *_ = np.linalg.lstsq(X, y, rcond=None)
    np.testing.assert_allclose(plain.beta, beta, atol=1e-12)
    assert plain.sigma2 == pytest.approx(rss[0] / 78)
    assert np.allclose(model.blups()[0], 0)
    limits = variance_intervals(model, 0.95)
    assert limits["tau2"].low == 0 == limits["icc"].low
    assert 0 < limits["icc"].high < 0.5
    assert limits["sigma2"].low < model.sigma2 < limits["sigma2"].high


def test_two_schools_are_enough_for_a_model_of_their_students():
    X, school, y = drawn(np.random.default_rng(4), np.array([30, 40]), tau=2, columns=2)
    model = fit(cells(X, school, y))
    best = dense((X, school, y), model.theta, model.sigma2)
    assert all(dense((X, school, y), model.theta * k, model.sigma2) >= best for k in (0.3, 0.9, 1.1, 3))
    assert variance_intervals(model, 0.95)["tau2"].high > 10 * model.tau2


@pytest.mark.parametrize(
    ("columns", "spread", "reason"),
    [
        ("school", 1.0, "schools do not vary beside the fixed effects"),
        ("twice", 1.0, "design is not of full rank"),
        ("plain", 0.0, "scores do not vary"),
    ],
)
def test_a_model_without_an_estimate_says_why(columns, spread, reason):
    rng = np.random.default_rng(6)
    school = np.repeat([0, 1], 15)
    X = {
        "school": np.column_stack([np.ones(30), school]),
        "twice": np.column_stack([np.ones(30), school % 1 + 1.0]),
        "plain": np.ones((30, 1)),
    }[columns]
    data = cells(X, school, 3 + spread * rng.standard_normal(30), centre=3.0)
    assert why_not(data) == reason
    assert fit(data) is None


def test_one_student_in_each_school_has_no_variation_inside():
    data = cells(np.ones((9, 1)), np.arange(9), np.random.default_rng(0).standard_normal(9))
    assert why_not(data) == "no variation inside schools is left"


def test_scores_around_a_million_have_the_same_variances():
    X, school, y = drawn(np.random.default_rng(9), np.array([20, 5, 60, 33, 8]))
    low, high = fit(cells(X, school, y)), fit(cells(X, school, y + 1e6))
    assert high.tau2 == pytest.approx(low.tau2, rel=1e-6)
    assert high.sigma2 == pytest.approx(low.sigma2, rel=1e-8)
    np.testing.assert_allclose(high.beta - [1e6, 0, 0], low.beta, atol=1e-8)
    np.testing.assert_allclose(high.blups()[0], low.blups()[0], atol=1e-6)
    np.testing.assert_allclose(high.predicted(X[0])[0] - 1e6, low.predicted(X[0])[0], atol=1e-6)


def test_cost_and_result_do_not_depend_on_how_rows_are_joined():
    X, school, y = drawn(np.random.default_rng(10), np.array([20, 5, 60, 33, 8]))
    joined = fit(cells(X, school, y))
    apart = fit(Data(X, school, np.ones(len(y)), y - y.mean(), (y - y.mean()) ** 2, float(y.mean())))
    assert joined.tau2 == pytest.approx(apart.tau2, rel=1e-8)
    np.testing.assert_allclose(joined.covariance, apart.covariance, rtol=1e-8)


def test_a_column_that_others_make_up_is_found_in_the_order_given():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 3))
    X = np.column_stack([X[:, :2], X[:, 0] - 2 * X[:, 1], X[:, 2], np.zeros(20)])
    assert independent(X, np.ones(20)).tolist() == [True, True, False, True, False]
    assert independent(X[:, ::-1], np.ones(20)).tolist() == [False, True, True, True, False]


# ---------------------------------------------------------------- resamples


def test_a_resample_is_the_model_of_its_schools():
    rng = np.random.default_rng(12)
    X, school, y = drawn(rng, rng.integers(4, 40, 15))
    model = fit(cells(X, school, y))
    weights = rng.multinomial(15, np.full(15, 1 / 15), size=6).astype(float)
    found = refit(model, weights)
    for b, w in enumerate(weights):
        rows, new = [], []
        for copy, g in enumerate(np.repeat(np.arange(15), w.astype(int))):
            rows.append(np.flatnonzero(school == g))
            new.append(np.full(len(rows[-1]), copy))
        rows, new = np.concatenate(rows), np.concatenate(new)
        alone = fit(cells(X[rows], new, y[rows]))
        np.testing.assert_allclose(found.beta[b], alone.beta, atol=1e-7)
        assert found.theta[b] == pytest.approx(alone.theta, rel=1e-6, abs=1e-9)
        assert found.sigma2[b] == pytest.approx(alone.sigma2, rel=1e-7)


def test_resamples_may_reach_the_boundary_and_lack_a_level():
    rng = np.random.default_rng(13)
    X, school, y = drawn(rng, np.full(8, 12), tau=0.1, columns=2)
    X = np.column_stack([X, (school == 3).astype(float)])
    model = fit(cells(X, school, y))
    weights = np.ones((3, 8))
    weights[1, 3] = 0
    weights[2] = [0, 0, 2, 2, 2, 2, 0, 0]
    found = refit(model, weights)
    assert np.isnan(found.beta[1]).all()
    assert np.isnan(found.theta[1])
    assert np.isfinite(found.beta[[0, 2]]).all()
    np.testing.assert_allclose(found.beta[0], model.beta, atol=1e-8)
    assert found.theta[0] == pytest.approx(model.theta, abs=1e-8)


def test_fixed_effects_of_resamples_hardly_depend_on_theta():
    rng = np.random.default_rng(14)
    X, school, y = drawn(rng, rng.integers(20, 60, 40))
    model = fit(cells(X, school, y))
    weights = rng.multinomial(40, np.full(40, 1 / 40), size=300).astype(float)
    free, kept = refit(model, weights).beta, resampled(model, weights)
    np.testing.assert_allclose(kept.std(axis=0), free.std(axis=0), rtol=0.03)
    np.testing.assert_allclose(resampled(model, np.ones((1, 40)))[0], model.beta, atol=1e-10)


def test_groups_of_schools_are_resampled_together():
    rng = np.random.default_rng(15)
    X, school, y = drawn(rng, rng.integers(4, 20, 12))
    model, part = fit(cells(X, school, y)), np.arange(12) % 5
    weights = rng.multinomial(5, np.full(5, 1 / 5), size=7).astype(float)
    np.testing.assert_allclose(resampled(model, weights, part), resampled(model, weights[:, part]), atol=1e-10)
    weights[0] = [0, 5, 0, 0, 0]
    lacking = cells(np.column_stack([X, (part[school] == 2) * 1.0]), school, y)
    found = resampled(fit(lacking), weights, part)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[weights[:, 2] > 0]).all()


# ---------------------------------------------------------------- known truth


def test_intervals_of_variances_and_of_a_difference_between_schools_hold_the_truth():
    """25 schools of unequal size, a dummy of schools; with 200 samples a share of .95 has a standard error of .015."""
    rng, samples = np.random.default_rng(77), 200
    held = dict.fromkeys(("tau2", "sigma2", "icc", "difference"), 0)
    truth = {"tau2": 0.15, "sigma2": 1.0, "icc": 0.15 / 1.15}
    for _ in range(samples):
        size = np.maximum(rng.lognormal(2.5, 0.7, 25), 2).astype(int)
        school = np.repeat(np.arange(25), size)
        X = np.column_stack([np.ones(len(school)), school % 2])
        y = np.sqrt(0.15) * rng.standard_normal(25)[school] + rng.standard_normal(len(school))
        model = fit(cells(X, school, y))
        limits = variance_intervals(model, 0.95)
        for name, true in truth.items():
            held[name] += limits[name].low <= true <= limits[name].high
        se = np.sqrt(model.covariance[1, 1])
        held["difference"] += t_p(model.beta[1] / se, model.df(np.array([0.0, 1.0]))[0]) > 0.05
    assert all(0.905 <= count / samples <= 0.985 for count in held.values()), held
