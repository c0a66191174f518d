"""Families of tests: corrections as R's, each test once, and Holm as the stages have it."""

import numpy as np
import pytest
from golden_values import golden
from hypothesis import given
from hypothesis import strategies as st
from verdict_frames import FRAMES, STUDY, evidence

from learning_survey.errors import SurveyError
from learning_survey.families import families
from learning_survey.places import Places
from learning_survey.uncertainty import benjamini_hochberg, holm
from learning_survey.verdict_rules import load_verdicts, rule_files

place = Places(rule_files(STUDY)[0]).of


@pytest.mark.parametrize("name", [k for k in golden("p_adjust") if k != "session"])
def test_corrections_are_those_of_r(name):
    about = golden("p_adjust")[name]
    p, in_holm, in_bh = (np.array(about[k], dtype=float) for k in ("p", "holm", "bh"))
    np.testing.assert_allclose(holm(p), in_holm, rtol=1e-12)
    np.testing.assert_allclose(benjamini_hochberg(p), in_bh, rtol=1e-12)


@given(st.lists(st.floats(0, 1) | st.none(), max_size=30))
def test_corrections_keep_order_and_bounds(values):
    p = np.array([np.nan if v is None else v for v in values], dtype=float)
    known = ~np.isnan(p)
    for corrected in (holm(p), benjamini_hochberg(p)):
        assert (np.isnan(corrected) == ~known).all()
        assert (corrected[known] >= p[known] - 1e-15).all() and (corrected[known] <= 1).all()
        order = np.argsort(p[known], kind="stable")
        assert (np.diff(corrected[known][order]) >= -1e-15).all()
    assert (benjamini_hochberg(p)[known] <= holm(p)[known] + 1e-12).all()


def test_families_of_the_study_are_corrected_inside_and_across():
    plan = load_verdicts(STUDY).families
    found = families(plan, evidence(FRAMES).rows, place)
    by = {f.id: [r for r in found if r["family"] == f.id] for f in plan}
    assert len(by["key_stage_pairs"]) == 90 and len(by["gender_pairs"]) == 27 and len(by["contrasts"]) == 1
    for rows in by.values():
        p = np.array([r["p"] for r in rows])
        np.testing.assert_allclose([r["p_holm"] for r in rows], holm(p))
    everything = np.array([r["p"] for r in found])
    np.testing.assert_allclose([r["p_bh"] for r in found], benjamini_hochberg(everything))
    assert by["key_stage_pairs"][0]["test"] == "expectations, KS1, KS2"
    assert by["key_stage_trends"][0]["test"] == "expectations"
    assert len({(r["family"], r["test"]) for r in found}) == len(found)


def test_a_study_without_a_stage_has_no_such_family():
    plan = load_verdicts(STUDY).families
    found = families(plan, lambda table, where: None, place)
    assert found == []


def test_a_test_that_is_in_a_family_twice_is_an_error():
    plan = [f.model_copy(update={"where": {}}) for f in load_verdicts(STUDY).families if f.id == "key_stage_trends"]
    rows = evidence(FRAMES).rows
    twice = lambda table, where: rows(table, where) + rows(table, where)  # noqa: E731
    with pytest.raises(SurveyError, match="family 'key_stage_trends' has two tests") as error:
        families(plan, twice, place)
    assert "Say more in 'where'" in error.value.remedy and ", line " in error.value.where
