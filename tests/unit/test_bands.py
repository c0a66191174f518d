"""Bands at their cut points."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from surveys import make_survey

from learning_survey.bands import band_of, is_high


@pytest.fixture(scope="module")
def banded(tmp_path_factory):
    starts = [1, 1.5, 2.6, 3.5, 4.5]
    bands = [{"id": f"b{k}", "label": f"B{k}", "from": s, "high": k >= 3} for k, s in enumerate(starts)]
    return make_survey(tmp_path_factory.mktemp("bands"), schools=0, instrument={"bands": bands}).load().instrument


def test_a_score_on_a_cut_point_is_in_the_band_above(banded):
    assert band_of([1, 1.4999, 1.5, 2.6, 3.4999, 3.5, 4.5, 5, np.nan], banded).tolist() == [0, 0, 1, 2, 2, 3, 4, 4, -1]
    high = is_high([3.4999, 3.5, 5, np.nan], banded)
    np.testing.assert_array_equal(high, [0, 1, 1, np.nan])


def test_rounding_errors_move_nobody_over_a_cut_point(banded):
    short = np.nextafter(np.array([1.5, 2.6, 3.5]), 0)
    assert band_of(short, banded).tolist() == [1, 2, 3] and is_high(short, banded).tolist() == [0, 0, 1]
    assert band_of([1.5 - 1e-6, 3.5 - 1e-6], banded).tolist() == [0, 2]


@given(codes=st.lists(st.integers(1, 5), min_size=1, max_size=12))
def test_bands_agree_with_exact_fractions(banded, codes):
    exact = Fraction(sum(codes), len(codes))
    starts = [Fraction(str(b.start)) for b in banded.bands]
    wanted = max(k for k, s in enumerate(starts) if exact >= s)
    assert band_of(float(exact), banded) == wanted == band_of(np.mean(codes), banded)
    assert is_high(float(exact), banded) == (wanted >= 3)
