"""Schmid-Leiman: R's numbers, exact hierarchies, two factors and one, stacks, improper second order."""

import numpy as np
import pytest
from golden_values import golden, matrix, moments

from learning_survey.schmid_leiman import BOUND, SchmidLeiman, schmid_leiman, second_order

SYN = "syn2k_reliability_efa"


def close(a, b, tolerance=1e-9):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def hierarchy(g=(0.8, 0.7, 0.6)) -> tuple[np.ndarray, np.ndarray]:
    """Three clusters of three variables whose factors share one of second order."""
    phi = np.outer(g, g)
    np.fill_diagonal(phi, 1)
    return np.kron(np.eye(3), np.array([[0.9], [0.7], [0.5]])), phi


def test_an_exact_hierarchy_is_recovered():
    pattern, phi = hierarchy()
    found = schmid_leiman(pattern, phi)
    close(found.second_order, [0.8, 0.7, 0.6], 1e-7)
    close(found.general, pattern @ [0.8, 0.7, 0.6], 1e-7)
    both = np.column_stack([found.general, found.group])
    close(both @ both.T, pattern @ phi @ pattern.T, 1e-7)
    R = pattern @ phi @ pattern.T
    np.fill_diagonal(R, 1)
    close(found.omega_hierarchical(R), found.general.sum() ** 2 / R.sum())
    close(found.explained_common_variance, (found.general**2).sum() / (both**2).sum())


@pytest.mark.parametrize("entry", ["omega_nf3", "omega_nf9"])
def test_omega_h_and_ecv_agree_with_psych_on_its_own_general_loadings(entry):
    """Its loadings in, its two coefficients out: the formulas alone, to rounding."""
    r = golden(SYN)[entry]
    sl = matrix(r["schmid_leiman"])
    k = r["nfactors"]
    found = SchmidLeiman(sl[:, 0], sl[:, 1 : k + 1], np.full(k, np.nan))
    close(found.omega_hierarchical(moments("syn2k").pooled().cor()), r["omega_h"], 1e-8)
    close(found.explained_common_variance, r["ECV"], 1e-8)


def test_two_factors_share_equally_and_one_shares_nothing():
    close(second_order(np.array([[1, 0.49], [0.49, 1]])), [0.7, 0.7])
    close(second_order(np.array([[1, -0.49], [-0.49, 1]])), [0.7, -0.7])
    alone = schmid_leiman(np.array([[0.7], [0.6], [0.5]]), np.eye(1))
    assert np.isnan(alone.general).all() and np.isnan(alone.explained_common_variance)


def test_stacks_are_done_one_by_one_and_a_bad_one_spoils_no_other():
    pattern, phi = hierarchy()
    stack = schmid_leiman(np.stack([pattern, pattern, pattern]), np.stack([phi, phi * np.nan, phi]))
    single = schmid_leiman(pattern, phi)
    assert np.isnan(stack.general[1]).all()
    for at in (0, 2):
        close(stack.general[at], single.general)
        close(stack.group[at], single.group)


def test_a_second_order_beyond_its_bound_is_held_there_and_marked():
    """r12 r13 / r23 above one: no loading below one gives phi back. What is left must be the least that can be left."""
    phi = np.array([[1, 0.9, 0.8], [0.9, 1, 0.5], [0.8, 0.5, 1]])
    found = second_order(phi)
    close(found[0], BOUND)
    grid = np.linspace(-1, 1, 81)
    off = ~np.eye(3, dtype=bool)

    def left(g):
        return ((phi - g[..., :, None] * g[..., None, :])[..., off] ** 2).sum(axis=-1)

    every = np.stack(np.meshgrid([BOUND, 0.9, 0.5], grid, grid), axis=-1)
    assert left(found) <= left(every).min()
    solved = schmid_leiman(np.eye(3), phi)
    assert solved.improper and np.isfinite(solved.group).all()
    assert not schmid_leiman(*hierarchy()).improper


def test_a_stack_with_an_improper_one_leaves_the_proper_as_they_are():
    _, phi = hierarchy()
    stack = second_order(np.stack([phi, np.array([[1, 0.9, 0.8], [0.9, 1, 0.5], [0.8, 0.5, 1]])]))
    close(stack[0], [0.8, 0.7, 0.6], 1e-7)
