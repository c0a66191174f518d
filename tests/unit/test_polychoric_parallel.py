"""Random polychorics against those of answers drawn row by row and estimated one by one."""

import numpy as np
import pytest

from learning_survey.polychoric_estimates import polychoric
from learning_survey.polychoric_parallel import kept, random_polychorics
from learning_survey.two_way import TwoWay

SHARES = np.array(
    [[0.05, 0.1, 0.2, 0.4, 0.25], [0.2, 0.2, 0.2, 0.2, 0.2], [0.6, 0.4, 0, 0, 0], [0.02, 0.08, 0.2, 0.5, 0.2]] * 2
)


def by_rows(n, draws, rng):
    """The same from rows."""
    found = []
    for _ in range(draws):
        x = np.stack([rng.choice(5, n, p=own) for own in SHARES], axis=1).astype(np.int8)
        tables = TwoWay.of(x, [f"i{j}" for j in range(8)], [(1, 2, 3, 4, 5)] * 8, np.full((n, 3), ""))
        found.append(polychoric(tables.pooled()).matrix)
    return np.array(found)


def test_what_a_cut_keeps():
    np.testing.assert_allclose(kept(np.array([[50.0, 50.0]])), 2 / np.pi)
    np.testing.assert_allclose(kept(np.array([[10, 0, 30, 60.0]])), kept(np.array([[10, 30, 60.0]]))[0])
    np.testing.assert_allclose(kept(np.full((1, 2000), 5.0)), 1, atol=1e-4)


@pytest.mark.parametrize("n", [250, 1000])
def test_they_spread_as_polychorics_of_random_answers_do(n):
    rng = np.random.default_rng(6)
    rows, fast = by_rows(n, 300, rng), random_polychorics(SHARES * n, n, 4000, rng)
    off = np.triu_indices(8, 1)
    spread, expected = (R[:, *off].std(axis=0) for R in (fast, rows))
    # The standard deviation of 300 draws is known to 4 per cent.
    np.testing.assert_allclose(spread, expected, rtol=0.17)
    np.testing.assert_allclose(np.mean(spread / expected), 1, atol=0.02 + 3 / n)
    values, wanted = (np.quantile(np.linalg.eigvalsh(R)[:, ::-1], 0.95, axis=0) for R in (fast, rows))
    np.testing.assert_allclose(values, wanted, atol=0.25 / np.sqrt(n) + 2 / n)


def test_few_students_give_correlations_no_larger_than_one():
    R = random_polychorics(SHARES * 20, 20, 500, np.random.default_rng(7))
    assert np.abs(R).max() <= 1
    np.testing.assert_array_equal(R, np.swapaxes(R, 1, 2))
    assert (np.diagonal(R, axis1=1, axis2=2) == 1).all()
