"""Ordinal alpha and categorical omega against parallel scales drawn at random, integrals, and limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_survey.ordinal_reliability import categorical_omega, one_factor, ordinal_alpha

LOADINGS = np.array([0.8, 0.6, 0.7, 0.5])
TAU = np.array([[-1.5, -0.5, 0.4, 1.3], [-0.8, 0.2, 1.0, np.inf], [-2, -1, 0, 0.5], [0.3, np.inf, np.inf, np.inf]])


def close(a, b, tolerance):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def one_factor_matrix(loadings):
    R = np.outer(loadings, loadings)
    np.fill_diagonal(R, 1)
    return R


def test_ordinal_alpha_is_the_alpha_of_the_correlations():
    R = one_factor_matrix(np.repeat(np.sqrt(0.5), 4))
    close(ordinal_alpha(R), 4 * 0.5 / (1 + 3 * 0.5), 1e-12)
    close(ordinal_alpha(np.stack([R, np.eye(4)])), [0.8, 0.0], 1e-12)
    R[0, 1] = np.nan
    assert np.isnan(ordinal_alpha(R))


def test_omega_is_the_correlation_of_parallel_scales():
    """Two scales with one factor and other errors, four items of 5, 4, 5 and 2 points: 4 million pairs of sums."""
    rng, n = np.random.default_rng(1), 4_000_000
    factor, sums = rng.normal(size=n), np.zeros((2, n))
    for loading, cuts in zip(LOADINGS, TAU, strict=True):
        for k in range(2):
            sums[k] += np.searchsorted(cuts, loading * factor + np.sqrt(1 - loading**2) * rng.normal(size=n))
    close(categorical_omega(TAU, np.outer(LOADINGS, LOADINGS)), np.corrcoef(sums)[0, 1], 0.001)


def test_omega_is_true_variance_over_total_by_integration_over_the_factor():
    """The sum's expectation given the factor, by Gauss-Hermite quadrature, has the variance of the numerator."""
    from scipy.special import ndtr

    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights /= weights.sum()
    scores = np.array([[1, 2, 3, 4, 5.0], [0, 1, 3, 4, 9], [1, 2, 3, 4, 5], [1, 5, 0, 0, 0]])
    above = ndtr((np.outer(nodes, LOADINGS)[..., None] - TAU) / np.sqrt(1 - LOADINGS**2)[:, None])
    chances = -np.diff(above, prepend=1, append=0, axis=-1)
    expected = (chances * scores).sum(axis=(1, 2))
    within = ((chances * scores**2).sum(axis=2) - (chances * scores).sum(axis=2) ** 2).sum(axis=1)
    between = weights @ expected**2 - (weights @ expected) ** 2
    omega = categorical_omega(TAU, np.outer(LOADINGS, LOADINGS), scores=scores)
    close(omega, between / (between + weights @ within), 1e-8)


def test_with_many_points_it_is_omega_of_the_variables():
    cuts = np.tile(np.linspace(-4, 4, 161), (4, 1))
    common = np.outer(LOADINGS, LOADINGS)
    close(categorical_omega(cuts, common), common.sum() / one_factor_matrix(LOADINGS).sum(), 1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_it_lies_between_zero_and_one_and_errors_that_correlate_lower_it(seed):
    rng = np.random.default_rng(seed)
    loadings, tau = rng.uniform(0.2, 0.95, 5), np.sort(rng.normal(size=(5, 3)), axis=1)
    common = np.outer(loadings, loadings)
    omega = categorical_omega(tau, common)
    assert 0 < omega < 1
    R = one_factor_matrix(loadings)
    R[0, 1] = R[1, 0] = R[0, 1] + 0.5 * (1 - R[0, 1])
    assert categorical_omega(tau, common, R) < omega
    close(categorical_omega(tau, common, one_factor_matrix(loadings)), omega, 1e-12)
    close(categorical_omega(-tau[:, ::-1], common), omega, 1e-12)


def test_an_unused_category_counts_for_nothing():
    tau = np.array([[-0.5, 0.5], [-0.2, 1.0]])
    spread = np.array([[-0.5, 0.5, np.inf, np.inf], [-np.inf, -0.2, -0.2, 1.0]])
    common = np.outer([0.7, 0.6], [0.7, 0.6])
    scores = np.array([[1, 2, 3, 8, 9.0], [9, 1, 8, 2, 3]])
    close(categorical_omega(spread, common, scores=scores), categorical_omega(tau, common), 1e-12)


def test_loadings_of_one_factor_come_back():
    close(one_factor(one_factor_matrix(LOADINGS)), LOADINGS, 1e-6)
    close(one_factor(np.array([[1, -0.49], [-0.49, 1]])), [0.7, -0.7], 1e-12)


@pytest.mark.parametrize("spoiled", ["tau", "common"])
def test_without_a_value_there_is_none(spoiled):
    tau, common = TAU.copy(), np.outer(LOADINGS, LOADINGS)
    (tau if spoiled == "tau" else common)[0, 1] = np.nan
    assert np.isnan(categorical_omega(tau, common))


def test_items_that_nobody_answers_differently_have_none():
    assert np.isnan(categorical_omega(np.full((2, 2), np.inf), np.full((2, 2), 0.5)))
