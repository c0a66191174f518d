"""Reliability within and between schools: psych and lavaan on real companies, pandas, a known population."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from golden_values import golden

from learning_survey import jackknife, two_level
from learning_survey.moments import Moments
from learning_survey.reliability import standardised


@pytest.fixture(scope="module")
def companies():
    """Leadership items of 2,042 soldiers in 49 companies."""
    r = golden("reliability")["two_level"]
    rows = pd.read_csv(ROOT / "tests/data/multilevel/lq2002.csv")
    return r, Moments.of(rows[r["items"]].to_numpy(float), r["items"], rows["COMPID"].astype(str).to_numpy())


def test_correlations_within_and_icc_agree_with_psych(companies):
    r, m = companies
    np.testing.assert_allclose(standardised(two_level.levels(m).within), r["rwg"], atol=1e-9)
    for item, icc1, icc2 in zip(r["items"], r["icc1"], r["icc2"], strict=True):
        found, interval1, interval2 = two_level.school_means(m.select([item]), 0.95, 1)
        assert found.students == 2042 and found.schools == 49
        np.testing.assert_allclose(interval2.value, icc2, atol=1e-9)
        # psych takes the mean size of schools for n0 of unequal ones.
        np.testing.assert_allclose(interval1.value, icc1, atol=2e-3)
        assert interval2.low < icc2 < interval2.high


def test_omega_at_each_level_is_near_lavaans_maximum_likelihood(companies):
    """Another estimator (ANOVA moments, minimum residuals) of the same quantities."""
    r, m = companies
    found = two_level.estimates(m, 0.95, 1)
    np.testing.assert_allclose(found["omega_within"].value, r["omega_within"], atol=0.002)
    assert found["omega_within"].low < r["omega_within"] < found["omega_within"].high
    np.testing.assert_allclose(found["omega_between"].value, r["omega_between"], atol=0.02)


def test_covariances_are_those_of_rows_with_answers_missing():
    rng = np.random.default_rng(2)
    at = np.repeat(np.arange(8), rng.integers(3, 20, 8))
    x = rng.normal(size=(8, 3))[at] + rng.normal(size=(len(at), 3)) + rng.normal(size=(len(at), 1))
    x[rng.random(x.shape) < 0.15] = np.nan
    found = two_level.levels(Moments.of(x, list("abc"), at.astype(str)))
    both = pd.DataFrame({"g": at, "i": x[:, 0], "j": x[:, 2]}).dropna()
    by, n = both.groupby("g"), len(both)
    size, means = by.size(), by[["i", "j"]].mean()
    left = both[["i", "j"]] - means.loc[both["g"]].to_numpy()
    within = (left["i"] * left["j"]).sum() / (n - len(size))
    away = means - both[["i", "j"]].mean()
    n0 = (n - (size**2).sum() / n) / (len(size) - 1)
    between = ((size * away["i"] * away["j"]).sum() / (len(size) - 1) - within) / n0
    np.testing.assert_allclose([found.within[0, 2], found.between[0, 2]], [within, between], rtol=1e-10)


def test_a_population_with_different_loadings_at_each_level_is_recovered():
    rng = np.random.default_rng(3)
    at = np.repeat(np.arange(400), 25)
    between = 0.4 * rng.normal(size=(400, 1)) + 0.25 * rng.normal(size=(400, 4))
    x = between[at] + 0.6 * rng.normal(size=(len(at), 1)) + 0.8 * rng.normal(size=(len(at), 4))
    found = two_level.estimates(Moments.of(x, list("abcd"), np.char.zfill(at.astype(str), 3)), 0.95, 1)
    true = {"within": 4 * 0.36 / (4 * 0.36 + 0.64), "between": 4 * 0.16 / (4 * 0.16 + 0.0625)}
    for level, value in true.items():
        for name in ("alpha", "omega"):
            e = found[f"{name}_{level}"]
            assert e.low < value < e.high and e.high - e.low < 0.06


def test_schools_that_do_not_differ_have_no_reliability_between_them():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(400, 1)) + rng.normal(size=(400, 4))
    at = np.repeat(np.arange(20), 20)
    x -= pd.DataFrame(x).groupby(at).transform("mean").to_numpy()
    found = two_level.estimates(Moments.of(x, list("abcd"), at.astype(str)), 0.95, 1)
    assert np.isnan(found["alpha_between"].value) and np.isnan(found["omega_between"].value)
    assert found["alpha_within"].low < found["alpha_within"].value


def test_many_schools_are_left_out_in_parts_and_stay_schools(monkeypatch):
    rng = np.random.default_rng(6)
    at = np.repeat(np.arange(600), 6)
    x = (0.5 * rng.normal(size=(600, 1)) + 0.3 * rng.normal(size=(600, 3)))[at]
    x = x + rng.normal(size=(len(at), 1)) + rng.normal(size=(len(at), 3))
    m = Moments.of(x, list("abc"), np.char.zfill(at.astype(str), 3))
    in_parts = two_level.estimates(m, 0.95, 1) | {"icc2": two_level.school_means(m.select(["a"]), 0.95, 1)[2]}
    monkeypatch.setattr(jackknife, "MOST", 1000)
    alone = two_level.estimates(m, 0.95, 1) | {"icc2": two_level.school_means(m.select(["a"]), 0.95, 1)[2]}
    for name, e in alone.items():
        assert in_parts[name].value == e.value
        assert (in_parts[name].high - in_parts[name].low) == pytest.approx(e.high - e.low, rel=0.25)


def test_one_school_and_none():
    m = Moments.of(np.random.default_rng(1).normal(size=(30, 3)), list("abc"), np.repeat("s", 30))
    for part in (m, m.among(np.array([False]))):
        found = two_level.estimates(part, 0.95, 1)
        assert all(np.isnan(e.low) for e in found.values())
        assert np.isnan(found["alpha_between"].value) and np.isnan(found["omega_between"].value)
        _, icc1, icc2 = two_level.school_means(part.select(["a"]), 0.95, 1)
        assert np.isnan(icc1.value) and np.isnan(icc2.value)
