"""The simulation check: its population against scipy, its samples, and its counting."""

import numpy as np
import pytest

from learning_survey import reliability
from learning_survey import simulation_check as check
from learning_survey.uncertainty import Estimate


@pytest.fixture(scope="module")
def true():
    return check.truth()


def test_covariances_of_cut_variables_are_those_of_the_bivariate_normal():
    from scipy.stats import multivariate_normal, norm

    C = check.population()
    r = check.ITEM_LOADINGS[0] * check.ITEM_LOADINGS[3]
    both = multivariate_normal([0, 0], [[1, r], [r, 1]])
    above = sum(both.cdf([a, b]) - norm.cdf(a) * norm.cdf(b) for a in check.THRESHOLDS for b in check.THRESHOLDS)
    assert C[0, 3] == pytest.approx(above, abs=1e-5)
    np.testing.assert_allclose(C, C.T, rtol=1e-12)
    codes = 1 + np.searchsorted(check.THRESHOLDS, np.random.default_rng(1).normal(size=400_000))
    assert C[0, 0] == pytest.approx(codes.var(), rel=0.01)


def test_samples_have_the_population_s_numbers(true):
    """A mean over samples, since one has only 87 schools; the same seed gives the same sample."""
    found = [check.draw(np.random.default_rng(seed)) for seed in range(20)]
    alphas = [float(reliability.alpha(np.cov(d.items[:, : check.ITEMS].T))) for d in found]
    name = "alpha of a dimension, bootstrap-t"
    assert np.mean(alphas) == pytest.approx(true.values[name], abs=4 * np.std(alphas) / np.sqrt(20))
    gaps = [d.girls_score[d.girl == 0].mean() - d.girls_score[d.girl == 1].mean() for d in found]
    assert np.mean(gaps) == pytest.approx(check.GIRLS, abs=0.04)
    assert all(len(np.unique(d.school)) == check.SCHOOLS for d in found)
    np.testing.assert_array_equal(found[3].items, check.draw(np.random.default_rng(3)).items)


def test_a_sample_has_an_interval_for_every_true_value(true):
    one = check.outcome(5, true)
    assert one.intervals.keys() == true.values.keys()
    assert all(e.low < e.value < e.high for name, e in one.intervals.items() if "hierarchical" not in name)
    assert set(one.rejected) == {
        f"{groups}, {test}"
        for groups in ("girls and boys", "two kinds of school")
        for test in ("Hakstian and Whalen", "clustered")
    }


def test_counting():
    true = check.Truth({"alpha": 0.8, "promax loading of d1 on factor 1": 0.5}, np.empty((0, 0)))
    coverage = check.Coverage(true)
    for low, high in ((0.7, 0.9), (0.81, 0.9), (0.6, 0.7), (0.79, 0.85)):
        intervals = {"alpha": Estimate(0.8, low, high), "promax loading of d1 on factor 1": Estimate(0.5, 0.4, 0.6)}
        coverage.add(check.Outcome(intervals, {"a test": low > 0.8}))
    (name, value, held, below, width, _), (loadings, none, always, never, _, _), lowest, highest = coverage.rows()
    assert (name, value, held, below) == ("alpha", 0.8, 0.5, 0.25) and width == pytest.approx(0.1125)
    assert loadings == "promax loadings, mean of 1" and np.isnan(none) and (always, never) == (1, 0)
    assert lowest.name == "lowest of them: promax loading of d1 on factor 1" and lowest.true == 0.5
    assert lowest.held == highest.held == 1 and lowest.within == check.EACH_WITHIN
    assert coverage.outside() == ["alpha 50.0%"] + [f"{row.name} 100.0%" for row in coverage.rows()[1:]]
    assert "| alpha | 0.800 | 50.0% ± 25.0% | 25.0% | 25.0% | 0.112 |" in coverage.table()
    assert "| a test | 25.0% ± 21.7% |" in coverage.table()
