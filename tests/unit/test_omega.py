"""Omega: psych's hierarchical omega and ECV, a known hierarchy, improper solutions, stacks."""

import numpy as np
import pytest
from golden_values import golden, moments

from learning_survey import omega

SYN = "syn2k_reliability_efa"


def close(a, b, tolerance=1e-9):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def bfi_correlations(entry) -> np.ndarray:
    """Of the 25 items as psych's omega has them: it turns items whose general loading is below zero."""
    keys = golden("bfi_reliability")["keys"].values()
    reversed_items = {k[1:] for scale in keys for k in scale if k.startswith("-")}
    turned = {row[:-1] for row in entry["schmid_leiman"]["rows"] if row.endswith("-")}
    names = moments("bfi").variables
    return moments("bfi", [("-" if (n in reversed_items) != (n in turned) else "") + n for n in names]).pooled().cor()


def exact(dimensions=3, items=3, second=(0.8, 0.7, 0.6)) -> tuple[np.ndarray, np.ndarray]:
    """Correlations of an exact hierarchy with loadings of .9, .7, .5, and which item belongs where."""
    phi = np.outer(second, second)
    np.fill_diagonal(phi, 1)
    pattern = np.kron(np.eye(dimensions), np.array([[0.9], [0.7], [0.5]])[:items])
    R = pattern @ phi @ pattern.T
    np.fill_diagonal(R, 1)
    return R, pattern > 0


@pytest.mark.parametrize("entry", ["omega_25_nf5", "omega_25_nf3"])
def test_bfi_agrees_with_psych(entry):
    r = golden("bfi_reliability")[entry]
    R = bfi_correlations(r)
    total, psi = omega.omega_total(R, r["nfactors"])
    found, _ = omega.general_factor(R, r["nfactors"], psi)
    close(total, r["omega_t"], 1e-6)
    close(omega.shares(found, R, slice(None))[0], r["omega_h"], 1e-5)
    close(found.explained_common_variance, r["ECV"], 1e-5)


@pytest.mark.parametrize("entry", ["omega_nf3", "omega_nf9"])
def test_simulated_items_agree_with_psych(entry):
    r = golden(SYN)[entry]
    R = moments("syn2k").pooled().cor()
    _, psi = omega.omega_total(R, r["nfactors"])
    found, _ = omega.general_factor(R, r["nfactors"], psi)
    general, specific, ecv = omega.shares(found, R, slice(None))
    close(general, r["omega_h"], 1e-5)
    close(ecv, r["ECV"], 1e-5)
    assert 0 < specific < r["omega_t"] - r["omega_h"] + 0.01


@pytest.mark.parametrize("by_key", [True, False])
def test_an_exact_hierarchy_is_recovered(by_key):
    R, key = exact()
    _, psi = omega.omega_total(R, 3)
    ordered = omega.matched(omega.promax_pattern(R, psi, 3), key)
    found, _ = omega.general_factor(R, 3, psi, ordered if by_key else None)
    loadings = np.tile([0.9, 0.7, 0.5], 3)
    g = loadings * np.repeat([0.8, 0.7, 0.6], 3)
    close(found.general, g, 1e-4)
    general, specific, ecv = omega.shares(found, R, [0, 1, 2])
    within = R[:3, :3].sum()
    close(general, (0.8 * 2.1) ** 2 / within, 1e-4)
    close(specific, (1 - 0.64) * 2.1**2 / within, 1e-4)
    close(ecv, 0.64, 1e-4)


def test_resamples_started_near_the_estimate_find_what_they_find_alone():
    rng = np.random.default_rng(4)
    R, key = exact()
    drawn = np.stack([np.corrcoef(rng.multivariate_normal(np.zeros(9), R, 2000).T) for _ in range(4)])
    _, psi = omega.omega_total(R, 3)
    key = omega.matched(omega.promax_pattern(R, psi, 3), key)
    _, pattern = omega.general_factor(R, 3, psi, key)
    _, psis = omega.omega_total(drawn, 3, psi)
    together = omega.shares(omega.general_factor(drawn, 3, psis, key, like=pattern)[0], drawn, slice(None))[0]
    for one, one_psi, value in zip(drawn, psis, together, strict=True):
        own = omega.matched(omega.promax_pattern(one, one_psi, 3), exact()[1])
        close(value, omega.shares(omega.general_factor(one, 3, one_psi, own)[0], one, slice(None))[0], 1e-4)


def test_without_uniquenesses_there_is_no_general_factor_and_others_keep_theirs():
    R, key = exact()
    _, psi = omega.omega_total(R, 3)
    found, _ = omega.general_factor(np.stack([R, R]), 3, np.stack([psi, psi * np.nan]))
    assert np.isfinite(found.general[0]).all() and np.isnan(found.general[1]).all()
    alone, _ = omega.general_factor(R, 1, omega.omega_total(R, 1)[1])
    assert np.isnan(alone.general).all()
    assert key.shape == (9, 3)


def test_raw_omega_weighs_items_by_their_spread():
    loadings, sd = np.array([0.9, 0.6, 0.5, 0.4]), np.array([3.0, 1.0, 1.0, 0.5])
    R = np.outer(loadings, loadings)
    np.fill_diagonal(R, 1)
    C = R * np.outer(sd, sd)
    close(omega.omega_raw(C), (loadings * sd).sum() ** 2 / C.sum(), 1e-6)
    close(omega.omega_raw(R), omega.omega_total(R)[0])


def test_raw_omega_of_an_improper_matrix_is_not_a_number():
    negative = np.diag([1.0, 1.0, -0.1]) + 0.3 * (1 - np.eye(3))
    heywood = np.array([[1, 0.9, 0.8], [0.9, 1, 0.5], [0.8, 0.5, 1]])
    assert np.isnan(omega.omega_raw(negative)) and np.isnan(omega.omega_raw(heywood))
