"""Intervals of polychoric correlations."""

import numpy as np
from golden_values import answers

from learning_survey.polychoric import interval
from learning_survey.polychoric_estimates import polychoric
from learning_survey.two_way import TwoWay, choices


def test_limits_are_near_r_plus_and_minus_two_errors_and_stay_inside_one():
    r, se = np.array([0.0, 0.3, 0.97, -0.97]), np.array([0.01, 0.01, 0.02, 0.02])
    low, high = interval(r, se, 10_000, 0.95)
    np.testing.assert_allclose(low[:2], (r - 1.96 * se)[:2], atol=2e-4)
    np.testing.assert_allclose(high[:2], (r + 1.96 * se)[:2], atol=2e-4)
    assert (np.abs(low) < 1).all() and (np.abs(high) < 1).all()
    np.testing.assert_allclose(low[2], -high[3])


def test_no_limits_without_an_error_or_with_one_cluster():
    assert np.isnan(interval(np.array([1.0, 0.2]), np.array([np.nan, np.nan]), 50, 0.95)).all()
    assert np.isnan(interval(np.array([0.2]), np.array([0.1]), 1, 0.95)).all()


def test_intervals_cover_what_random_halves_of_real_answers_share():
    """Half of bfi's respondents estimate the other half's correlations within intervals √2 as wide 95 times in 100."""
    _, x = answers("bfi")
    codes = [tuple(range(1, 7))] * 25
    rng = np.random.default_rng(2)
    half = rng.permutation(len(x)) % 2
    keys = np.column_stack([np.arange(len(x)) % 100, half, half]).astype(str)
    tables = TwoWay.of(choices(x, codes), [f"i{j}" for j in range(25)], codes, keys)
    fits = [polychoric(tables.pooled(tables.cells[:, 1] == h)) for h in ("0", "1")]
    se = fits[0].clustered(tables.by("cluster", tables.cells[:, 1] == "0")[1])[0]
    low, high = interval(fits[0].r, se * np.sqrt(2), 100, 0.95)
    assert 0.9 < np.mean((low < fits[1].r) & (fits[1].r < high)) < 0.99
