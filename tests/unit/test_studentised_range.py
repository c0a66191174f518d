"""The studentised range against scipy and against Student's t, of which it is a function for two means."""

import numpy as np
import pytest
from scipy.special import stdtr
from scipy.stats import studentized_range

from learning_survey.studentised_range import upper_tail


@pytest.mark.parametrize("k", [2, 3, 5, 10])
@pytest.mark.parametrize("df", [1.5, 2.0, 5.5, 40.0, 900.0, 20_000.0])
def test_it_is_scipy_s(k, df):
    q = np.array([0.0, 0.3, 1.0, 2.5, 4.0, 6.0, 9.0])
    np.testing.assert_allclose(upper_tail(q, k, np.full(len(q), df)), studentized_range.sf(q, k, df), atol=2e-9)


def test_of_two_means_it_is_student_s_t():
    t, df = np.linspace(0, 8, 33), 37.0
    np.testing.assert_allclose(upper_tail(np.sqrt(2) * t, 2, np.full(33, df)), 2 * stdtr(df, -t), rtol=1e-7, atol=1e-13)


def test_more_degrees_of_freedom_and_more_means_order_the_chances():
    df = np.array([3.0, 10.0, 100.0, 1e6])
    by_df = upper_tail(np.full(4, 3.5), 4, df)
    assert (np.diff(by_df) < 0).all()
    assert (np.diff([upper_tail(np.array([3.5]), k, df[:1])[0] for k in (2, 4, 8)]) > 0).all()
