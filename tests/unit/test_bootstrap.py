"""The bootstrap-t interval: its standard error against the jackknife's, its limits, what it refuses."""

import numpy as np

from learning_survey import bootstrap, extraction, jackknife, solution
from learning_survey.moments import Moments
from learning_survey.reliability import alpha


def sample(seed, clusters=60, missing=0.0) -> Moments:
    rng = np.random.default_rng(seed)
    at = np.repeat(np.arange(clusters), rng.integers(10, 60, clusters))
    x = rng.normal(size=(clusters, 1))[at] * 0.3 + rng.normal(size=(len(at), 1)) + rng.normal(size=(len(at), 4))
    x[rng.random(x.shape) < missing] = np.nan
    return Moments.of(x, list("abcd"), np.char.zfill(at.astype(str), 3))


def test_the_standard_error_is_the_jackknifes_to_first_order():
    for missing in (0.0, 0.2):
        m = sample(1, 150, missing)
        (theta,), (error,) = bootstrap._log_alpha(m, np.ones((1, 150)))
        again = np.log(1 - alpha(jackknife.leave_one_out(m, 1).cov()))
        np.testing.assert_allclose(theta, np.log(1 - alpha(m.pooled().cov())), rtol=1e-12)
        np.testing.assert_allclose(error, np.sqrt(jackknife.covariance(again[:, None])[0, 0]), rtol=0.05)


def test_a_resample_is_what_its_rows_would_give():
    m = sample(2, 12, 0.1)
    weights = np.array([[2.0, 0, 1, 1, 1, 3, 0, 1, 1, 0, 1, 1]])
    theta, _ = bootstrap._log_alpha(m, weights)
    again = m.among(weights[0] > 0)
    twice = Moments.joined([again, m.among(weights[0] > 1), m.among(weights[0] > 2)])
    np.testing.assert_allclose(theta[0], np.log(1 - alpha(twice.pooled().cov())), rtol=1e-12)


def test_a_resample_leaves_one_cluster_out_and_has_as_many_as_there_are():
    weights = bootstrap.resamples(6, 4000, np.random.default_rng(1))
    assert (weights.sum(axis=1) == 6).all() and (weights == 0).any(axis=1).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.1)
    # The mean of resamples varies as the textbook's s²/G, not (G-1)/G of that.
    x = np.arange(6.0) ** 2
    np.testing.assert_allclose((weights @ x / 6).var(), x.var(ddof=1) / 6, rtol=0.1)


def test_limits_hold_the_estimate_repeat_and_widen_with_the_level():
    m = sample(3)
    low, high = bootstrap.alpha_interval(m, 0.95, 7)
    assert low < alpha(m.pooled().cov()) < high < 1
    assert (low, high) == bootstrap.alpha_interval(m, 0.95, 7)
    wide = bootstrap.alpha_interval(m, 0.99, 7)
    assert wide[0] < low and high < wide[1]


def test_few_schools_one_item_and_an_item_without_spread_have_no_interval():
    m = sample(4)
    few = m.among(np.arange(60) < bootstrap.FEWEST - 1)
    assert np.isnan(bootstrap.alpha_interval(few, 0.95, 1)).all()
    assert np.isnan(bootstrap.alpha_interval(m.select(["a"]), 0.95, 1)).all()
    x = np.ones((40, 2))
    flat = Moments.of(x, ["a", "b"], np.repeat([f"{g}" for g in range(8)], 5))
    assert np.isnan(bootstrap.alpha_interval(flat, 0.95, 1)).all()


def test_many_clusters_are_resampled_in_groups():
    m = sample(5, 450)
    low, high = bootstrap.alpha_interval(m, 0.95, 1, draws=200)
    assert low < alpha(m.pooled().cov()) < high


def test_the_spread_of_loadings_is_that_of_leaving_clusters_out():
    m = sample(4, 80)
    R = m.pooled().cor()
    found = solution.rotated(extraction.best_unrotated(R, 1, "minres"), m.variables, solution.PROMAX)
    drawn = solution.replicates(bootstrap.pooled(m, 400, 1), found)[0]
    left_out = solution.replicates(jackknife.leave_one_out(m, 1), found)[0]
    low, high = bootstrap.normal_interval(found.pattern, drawn, 80, 0.95)
    other_low, other_high = jackknife.interval(found.pattern, left_out, 0.95)
    assert ((low < found.pattern) & (found.pattern < high)).all()
    np.testing.assert_allclose((high - low) / (other_high - other_low), 1, atol=0.2)


def test_few_clusters_and_resamples_without_a_value_give_no_interval():
    moments = Moments.of(np.arange(12.0).reshape(6, 2) % 5, ["a", "b"], np.array(list("xxyyzz")))
    assert bootstrap.pooled(moments, 50, 1).n.shape == (0, 2, 2)
    estimate = np.ones((2, 1))
    assert np.isnan(bootstrap.normal_interval(estimate, np.empty((0, 2, 1)), 3, 0.95)).all()
    drawn = np.ones((10, 2, 1))
    drawn[:2] = np.nan
    assert np.isnan(bootstrap.normal_interval(estimate, drawn, 9, 0.95)).all()
