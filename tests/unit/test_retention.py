"""Empirical Kaiser and Hull: R's numbers, worked cases, planted factors, and matrices that allow no answer."""

import json

import numpy as np
import pytest
from conftest import ROOT

from learning_survey import retention

TESTS = json.loads((ROOT / "tests/golden/holzinger_efa.json").read_text(encoding="utf-8"))
R = np.array(TESTS["cor"]["values"], float)


def close(a, b, tolerance=1e-9):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def planted(k: int, per: int, loading: float, phi: float) -> np.ndarray:
    """Correlations of k factors with ``per`` variables each."""
    pattern = np.kron(np.eye(k), np.full((per, 1), loading))
    made = pattern @ (np.full((k, k), phi) + (1 - phi) * np.eye(k)) @ pattern.T
    np.fill_diagonal(made, 1)
    return made


def test_empirical_kaiser_is_the_articles_recursion():
    close(retention.empirical_kaiser(R, TESTS["n"]), TESTS["ekc"])


def test_empirical_kaiser_of_nothing_is_the_largest_random_eigenvalue_and_then_one():
    """For p = 100, n = 400: (1 + 1/2)² = 2.25, Marchenko and Pastur's (1967) upper end."""
    expected = retention.empirical_kaiser(np.eye(100), 400)
    close(expected[0], 2.25)
    assert (expected >= 1).all()


@pytest.mark.parametrize(("k", "phi"), [(1, 0.0), (2, 0.3), (4, 0.3)])
def test_empirical_kaiser_and_hull_find_planted_factors(k, phi):
    made = planted(k, 6, 0.7, phi)
    assert retention.first_below(retention.eigenvalues(made), retention.empirical_kaiser(made, 1000)) == k
    # What the planted factors leave is exactly nothing; sampling error leaves something.
    rng = np.random.default_rng(k)
    sample = np.corrcoef(rng.standard_normal((1000, len(made))) @ np.linalg.cholesky(made).T, rowvar=False)
    assert retention.hull(retention.hull_fit(sample, k + 2), len(made))[0] == k


def test_common_part_agrees_with_psych():
    close(retention.hull_fit(R, 4), TESTS["caf"], 2e-4)


def test_hull_by_hand():
    """Nine variables: 0, 9, 17, 24, 30 parameters. The point at 3 lies below the line from 2 to 4, off the hull."""
    fit = np.array([0.2, 0.5, 0.74, 0.745, 0.77])
    elbow, st = retention.hull(fit, 9)
    assert elbow == 2
    close(st[1], (0.3 / 9) / (0.24 / 8))
    close(st[2], (0.24 / 8) / (0.03 / 13))
    assert np.isnan(st[[0, 3, 4]]).all()


def test_hull_leaves_out_fits_that_fall_and_needs_three_points():
    elbow, st = retention.hull(np.array([0.2, 0.5, 0.4, 0.7]), 9)
    assert np.isnan(st[2])
    assert elbow == 1
    for fit in ([0.2, 0.5], [0.2, np.nan, 0.5], [0.5, 0.4, 0.3]):
        assert np.isnan(retention.hull(np.array(fit), 9)[0])


def test_hull_has_no_fit_where_factors_are_not_identified():
    fit = retention.hull_fit(R[:5, :5], 4)
    assert np.isfinite(fit[:3]).all()
    assert np.isnan(fit[3:]).all()
