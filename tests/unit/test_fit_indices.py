"""Fit indices at their limits; the goldens are in test_cfa_ml.py and test_cfa_fiml.py."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning_survey.fit_indices import ChiSquare, plain, rmsea_interval, robust, scaled

BASE = ChiSquare(5000.0, 300)


@given(st.floats(1, 4000), st.integers(1, 299), st.floats(100, 1e7))
def test_scaling_of_one_changes_nothing(chi2: float, df: int, n: float) -> None:
    one = plain(ChiSquare(chi2, df), BASE, n)
    for other in (scaled(ChiSquare(chi2, df), BASE, n), robust(ChiSquare(chi2, df), BASE, n)):
        assert dataclasses.astuple(other) == pytest.approx(dataclasses.astuple(one), rel=1e-9, abs=1e-12)


@given(st.floats(1, 1e6), st.integers(1, 600), st.floats(100, 1e7))
def test_interval_holds_the_estimate(chi2: float, df: int, n: float) -> None:
    found = plain(ChiSquare(chi2, df), BASE, n)
    assert 0 <= found.rmsea_low <= found.rmsea_high
    assert found.rmsea_low <= found.rmsea + 1e-9
    assert found.rmsea <= found.rmsea_high + 1e-3 * found.rmsea + 1e-9
    assert 0 <= found.cfi <= 1 and 0 <= found.p_close <= 1


def test_a_large_chi_square_has_an_interval() -> None:
    low, high = rmsea_interval(1e7, 558, 3e6)
    value = np.sqrt((1e7 - 558) / (558 * 3e6))
    assert low < value < high and high - low < 2e-3 * value


def test_plain_indices_need_no_scaling_factor() -> None:
    assert plain(ChiSquare(10.0, 5, np.nan), ChiSquare(BASE.chi2, BASE.df, np.nan), 100) == plain(
        ChiSquare(10.0, 5), BASE, 100
    )


@pytest.mark.parametrize("test", [ChiSquare(0.0, 0), ChiSquare(10.0, 5, np.nan), ChiSquare(np.nan, 5)])
def test_nothing_is_said_of_what_was_not_tested(test: ChiSquare) -> None:
    for indices in (scaled, robust) if test.chi2 == 10 else (plain, scaled, robust):
        found = indices(test, BASE, 100)
        assert np.isnan([found.cfi, found.tli, found.rmsea, found.rmsea_low, found.rmsea_high, found.p_close]).all()


def test_a_perfect_fit() -> None:
    found = plain(ChiSquare(3.0, 10), BASE, 500)
    assert found.cfi == 1 and found.tli > 1 and found.rmsea == 0 and found.rmsea_low == 0 and found.p_close > 0.5
