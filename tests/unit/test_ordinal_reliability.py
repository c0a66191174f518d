"""Ordinal alpha and categorical omega against parallel scales drawn at random, integrals, and limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_survey import minres
from learning_survey.ordinal_reliability import (
    categorical_omega,
    categorical_omega_interval,
    one_factor,
    ordinal_alpha,
)
from learning_survey.polychoric_estimates import polychoric, square
from learning_survey.two_way import TwoWay

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


# ---------------------------------------------------------------- the interval


def omega_of(tau, R, k):
    psi = minres.uniquenesses(R, k, tolerance=1e-12)
    loadings = minres.loadings(R, psi, k)
    return categorical_omega(tau, loadings @ loadings.T), loadings


def half_width(tau, R, k, moved_r, moved_tau):
    """Half of the interval on the scale log(1 - omega), for one thing that two clusters move there and back."""
    value, loadings = omega_of(tau, R, k)
    both = np.stack([moved_r, -moved_r]), np.stack([moved_tau, -moved_tau])
    low, high = categorical_omega_interval(tau, loadings, R, both, 0.95)
    return value, np.log((1 - low) / (1 - high)) / 2


@pytest.mark.parametrize("factors", [1, 2])
def test_the_interval_has_the_derivatives_of_omega(factors):
    """By every kind of threshold and correlation, loadings estimated anew: t(1) times 2 |d log(1 - omega)|."""
    rng = np.random.default_rng(factors)
    pattern = np.kron(np.eye(2), np.array([[0.75], [0.6], [0.8], [0.5]])) + 0.15
    pattern = pattern if factors == 2 else np.array([[0.8], [0.6], [0.7], [0.5], [0.65]])
    p = len(pattern)
    R = pattern @ pattern.T + np.tril(0.03 * rng.normal(size=(p, p)), -1)
    R = np.tril(R, -1) + np.tril(R, -1).T + np.eye(p)
    tau = np.resize(TAU, (p, 4))
    t = 12.706204736
    for i, j in ((0, 1), (1, 3), (2, p - 1)):
        move = np.zeros((p, p))
        move[i, j] = move[j, i] = 1e-5
        value, half = half_width(tau, R, factors, move, np.zeros_like(tau))
        by_hand = omega_of(tau, R + move, factors)[0] - omega_of(tau, R - move, factors)[0]
        assert half == pytest.approx(t * abs(by_hand) / (1 - value), rel=1e-4)
    for i, a in ((0, 0), (1, 2), (2, 1), (3, 0)):
        move = np.zeros_like(tau)
        move[i, a] = 1e-5
        value, half = half_width(tau, R, factors, np.zeros((p, p)), move)
        by_hand = omega_of(tau + move, R, factors)[0] - omega_of(tau - move, R, factors)[0]
        assert half == pytest.approx(t * abs(by_hand) / (1 - value), rel=1e-4)


@pytest.mark.parametrize("r", [0.5, -0.4])
def test_the_interval_of_two_items_has_the_derivatives_of_their_omega(r):
    R, move = np.array([[1, r], [r, 1]]), np.array([[0, 1e-5], [1e-5, 0]])

    def at(M):
        return categorical_omega(TAU[:2], np.outer(one_factor(M), one_factor(M)))

    both = np.stack([move, -move]), np.zeros((2, 2, 4))
    low, high = categorical_omega_interval(TAU[:2], one_factor(R)[:, None], R, both, 0.95)
    expected = 12.706204736 * abs(at(R + move) - at(R - move)) / (1 - at(R))
    assert np.log((1 - low) / (1 - high)) / 2 == pytest.approx(expected, rel=1e-4)


def covered(samples, schools=40, icc=0.15):
    """How often the interval holds the truth: four items of four points in schools of 15 to 45."""
    rng, hits = np.random.default_rng(8), []
    cuts = np.array([[-1.2, -0.2, 0.9], [-0.8, 0.3, 1.2], [-1.5, -0.5, 0.5], [-0.6, 0.2, 1.0]])
    truth = categorical_omega(cuts, np.outer(LOADINGS, LOADINGS))
    for _ in range(samples):
        school = np.repeat(np.arange(schools), rng.integers(15, 46, schools))
        trait = np.sqrt(1 - icc) * rng.normal(size=len(school)) + np.sqrt(icc) * rng.normal(size=schools)[school]
        z = trait[:, None] * LOADINGS + rng.normal(size=(len(school), 4)) * np.sqrt(1 - LOADINGS**2)
        x = np.stack([np.searchsorted(own, column) for own, column in zip(cuts, z.T, strict=True)], 1).astype(np.int8)
        keys = np.column_stack([school, np.repeat("", len(x)), np.repeat("", len(x))]).astype(str)
        pairs = TwoWay.of(x, list("abcd"), [range(4)] * 4, keys)
        fit = polychoric(pairs.pooled())
        moved, tau = fit.moved(pairs.by("cluster")[1])
        loadings = one_factor(fit.matrix)[:, None]
        moves = square(moved, 4) * (1 - np.eye(4)), tau
        low, high = categorical_omega_interval(fit.tau, loadings, fit.matrix, moves, 0.95)
        hits.append(low < truth < high)
    return np.mean(hits)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    assert 0.91 <= covered(200) <= 0.985


def test_one_cluster_or_a_uniqueness_at_its_bound_has_no_interval():
    R = one_factor_matrix(LOADINGS)
    moves = np.zeros((1, 4, 4)), np.zeros((1, 4, 4))
    assert np.isnan(categorical_omega_interval(TAU, LOADINGS[:, None], R, moves, 0.95)).all()
    heywood = np.array([np.sqrt(1 - minres.LOWEST), 0.6, 0.7, 0.5])
    moves = np.zeros((9, 4, 4)), np.zeros((9, 4, 4))
    assert np.isnan(categorical_omega_interval(TAU, heywood[:, None], R, moves, 0.95)).all()
