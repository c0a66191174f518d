"""The upper tail of chi-square against scipy's."""

import numpy as np
import pytest
from scipy.stats import chi2

from learning_survey import chi_square


@pytest.mark.parametrize("df", [1, 2, 3, 10, 35, 36, 101])
def test_it_is_that_of_scipy_from_the_middle_far_into_the_tail(df):
    x = np.array([0, 1e-9, 0.3, 1, df / 2, df, 3 * df, 10 * df + 50, 1200, np.nan])
    np.testing.assert_allclose(chi_square.above(x, np.full(10, df, np.int16)), chi2.sf(x, df), rtol=1e-12)


def test_each_row_has_its_own_degrees_and_a_row_without_a_distance_none():
    x, df = np.array([3.0, np.nan, 3.0, 5000.0]), np.array([2, 0, 5, 7])
    np.testing.assert_allclose(chi_square.above(x, df), [*chi2.sf(3, 2)[None], np.nan, chi2.sf(3, 5), 0], rtol=1e-13)
