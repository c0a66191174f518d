"""The simulation check: its population against scipy, its samples, and its counting."""

import numpy as np
import pytest

from learning_survey import reliability, simulation_models, simulation_schools
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


# ---------------------------------------------------------------- models


def test_samples_for_the_models_have_the_planted_differences():
    found = [simulation_models.sample(np.random.default_rng(seed)) for seed in range(40)]
    planted, none = (np.array([models["mixed"].beta for models in own]) for own in zip(*found, strict=True))
    np.testing.assert_allclose(planted.mean(axis=0), [0, -check.GIRLS, -check.PHASE], atol=0.05)
    np.testing.assert_allclose(none.mean(axis=0), [0, -check.GIRLS, 0], atol=0.05)
    assert all(set(models) == set(simulation_models.METHODS) for own in found for models in own)


def test_outcomes_of_a_seed_are_the_same_again_and_are_counted():
    one = simulation_models.outcomes(3)
    assert one == simulation_models.outcomes(3) != simulation_models.outcomes(4)
    assert max(one.values()) <= simulation_models.REPEATS
    assert one[simulation_models.GIRLS_KEPT, "cr2"] >= 6


def test_what_is_outside_its_bounds_is_named():
    coverage = simulation_models.ModelCoverage()
    coverage.seeds = 100
    total = coverage.seeds * simulation_models.REPEATS
    for name in simulation_models.METHODS:
        coverage.counted[simulation_models.GIRLS_KEPT, name] = round(0.95 * total)
        coverage.counted[simulation_models.PHASE_KEPT, name] = round(0.95 * total)
        coverage.counted[simulation_models.PHASE_FALSE, name] = round((0.4 if name == "naive" else 0.05) * total)
    assert coverage.outside() == []
    assert "| cr2 | 95.0% ± 0.7% | 95.0% ± 0.7% | 5.0% ± 0.7% |" in coverage.table()
    coverage.counted[simulation_models.GIRLS_KEPT, "cr2"] = round(0.90 * total)
    coverage.counted[simulation_models.PHASE_FALSE, "mixed"] = round(0.08 * total)
    coverage.counted[simulation_models.PHASE_FALSE, "naive"] = round(0.2 * total)
    assert coverage.outside() == [
        "girls and boys, cr2: 90.0%",
        "kinds of school that do not differ, mixed: 8.0%",
        "kinds of school that do not differ, naive: 20.0%",
    ]


# ---------------------------------------------------------------- schools


def test_comparisons_of_schools_hold_the_truth_and_find_a_planted_rating_as_often_as_stated():
    coverage = simulation_schools.SchoolCoverage()
    for seed in range(60):
        coverage.add(simulation_schools.outcomes(seed))
    assert simulation_schools.outcomes(3) == simulation_schools.outcomes(3) != simulation_schools.outcomes(4)
    assert coverage.stated == pytest.approx(0.123, abs=0.001)
    for name in (simulation_schools.RANK, simulation_schools.CORRECTED, simulation_schools.RANGE):
        assert 0.87 < coverage.share(name) < 0.995
    assert coverage.share(simulation_schools.CHANCE) < 0.15 and coverage.share(simulation_schools.NONE) < 0.15
    assert coverage.share(simulation_schools.FOUND) == pytest.approx(coverage.stated, abs=0.1)


def test_what_is_outside_its_bounds_of_schools_is_named():
    coverage = simulation_schools.SchoolCoverage(seeds=500)
    total = 500 * simulation_schools.REPEATS
    shares = {name: sum(bounds) / 2 for name, bounds in simulation_schools.BOUNDS.items()}
    shares[simulation_schools.FOUND] = coverage.stated
    coverage.counted.update({name: share * total for name, share in shares.items()})
    assert coverage.outside() == []
    assert "| a difference of .3 between ratings | found, at 5% | 12.3%" in coverage.table()
    coverage.counted[simulation_schools.FOUND] = 0.2 * total
    coverage.counted[simulation_schools.RANK] = 0.9 * total
    assert coverage.outside() == ["rank of a school: 90.0%", "a difference of .3 between ratings: 20.0%"]
