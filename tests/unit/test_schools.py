"""Tables of schools: means, shrunken, adjusted and ranked; small schools without numbers; one school, no school."""

import numpy as np
import pandas as pd
import pytest
from samples import make_cells, make_instrument, make_study
from school_samples import planted

from learning_survey import schools
from learning_survey.config import ALL
from learning_survey.errors import SurveyError
from learning_survey.school_cultures import cultures, strong_culture
from learning_survey.school_extremes import extremes
from learning_survey.school_gaps import gaps
from learning_survey.school_scores import require_schools


@pytest.fixture(scope="module")
def made():
    return planted()


def test_school_means_are_those_of_their_students(made):
    by = made.means.set_index(["dimension", "school"])
    x = made.scores["d2"][made.names == "S05"]
    assert by.loc[("d2", "S05"), "n"] == (~np.isnan(x)).sum()
    assert by.loc[("d2", "S05"), "mean"] == pytest.approx(np.nanmean(x))
    assert by.loc[("d2", "S05"), "share_high"] == pytest.approx((x[~np.isnan(x)] >= 3.25).mean())
    both = pd.DataFrame({d: made.scores[d][made.names == "S05"] for d in made.scores})
    assert by.loc[(ALL, "S05"), "mean"] == pytest.approx(both.mean(axis=1).mean())
    assert by.loc[(ALL, "S05"), "share_high"] == pytest.approx(
        by.loc[[("d1", "S05"), ("d2", "S05")], "share_high"].mean()
    )


def test_shrunken_means_lie_between_the_school_s_and_the_overall_mean(made):
    rows = made.means[(made.means["dimension"] == "d1") & made.means["mean"].notna()]
    centre = rows["shrunken"].mean()
    assert (np.abs(rows["shrunken"] - centre) <= np.abs(rows["mean"] - centre) + 0.05).all()
    assert (rows["shrunken_ci_low"] < rows["compare_low"]).all() and (rows["compare_high"] > rows["shrunken"]).all()


def test_ranks_have_intervals_that_hold_them_and_the_strong_schools_are_in_the_top_tenth(made):
    rows = made.means[(made.means["dimension"] == ALL) & made.means["mean"].notna()].set_index("school")
    assert (rows["rank_ci_low"] <= rows["rank"]).all() and (rows["rank"] <= rows["rank_ci_high"]).all()
    assert rows["top_tenth"].sum() == pytest.approx(3), "a tenth of 22 schools, rounded up"
    assert rows.loc[["S01", "S02"], "top_tenth"].min() > 0.99 and rows.loc["S24", "top_tenth"] == 0
    assert rows.loc["S24", ["rank_ci_low", "rank_ci_high"]].tolist() == [22, 22]


def test_a_small_school_has_a_row_without_numbers_and_no_rank(made):
    for name in ("S12", "S20"):
        small = made.means[made.means["school"] == name].drop(columns=["dimension", "school"]).astype(float)
        assert len(small) == 3 and small.isna().all(axis=None)
    ranks = made.means.loc[made.means["dimension"] == ALL].set_index("school")["rank"]
    assert ranks["S01"] == 1 and ranks["S24"] == 22 and ranks.count() == 22


def test_no_school_is_shown_below_the_study_s_smallest_group():
    study = make_study(make_instrument(), schools={"min_students": 5}, min_group=12)
    assert schools.least_students(study) == 12


def test_raw_means_are_those_of_the_table(made):
    raw = schools.raw_means(made.cells, made.study)
    pd.testing.assert_frame_equal(raw, made.means[["dimension", "school", "n", "mean"]])


def test_one_school_has_no_variance_no_opposite_and_no_rest():
    instrument = make_instrument()
    x = np.random.default_rng(0).normal(3, 1, 60)
    cells = make_cells(instrument, {"d1": x, "d2": x}, school=["S01"] * 60)
    study = make_study(instrument, schools={"strong_culture": {"min_share": 0.6}})
    table = schools.means(cells, study)
    assert table["mean"].notna().all()
    nothing = [c for c in table if c.startswith(("shrunken", "compare", "rank_ci", "top_tenth", "adjusted"))]
    assert len(nothing) == 11 and table[nothing].isna().all(axis=None)
    variance = schools.variance(cells, instrument, 0.95, 10)
    assert variance["n"].tolist() == [60, 60]
    assert variance.drop(columns=["dimension", "n", "n_schools"]).isna().all(axis=None)
    assert extremes(cells, table, study).drop(columns="dimension").isna().all(axis=None)
    assert np.isnan(strong_culture(table, study)["ratio"].iloc[0])
    for frame in gaps(cells, study).values():
        assert (frame["n_schools"] == 1).all() and frame.drop(columns=["dimension", "n_schools"]).isna().all(axis=None)
    assert cultures(table, study)["ratio"].isna().all()


def test_a_dimension_that_nobody_answered_leaves_the_others_alone():
    instrument = make_instrument()
    x = np.random.default_rng(0).normal(3, 1, 90)
    cells = make_cells(instrument, {"d1": x}, school=["S01", "S02", "S03"] * 30)
    study = make_study(instrument, schools={})
    table = schools.means(cells, study)
    rows = extremes(cells, table, study).set_index("dimension")
    assert np.isnan(rows.loc["d2", "gap"]) and rows.loc["d1", "p_holm"] == rows.loc["d1", "p"]
    assert np.isnan(schools.variance(cells, instrument, 0.95, 10).set_index("dimension").loc["d2", "icc1"])
    found = gaps(cells, study)["gaps"].set_index("dimension")
    assert np.isnan(found.loc["d2", "observed"]) and found.loc["d1", "observed"] > 0
    assert cultures(table, study).empty, "no school has a number on every dimension"


def test_students_without_schools_are_refused():
    with pytest.raises(SurveyError, match="no student has a school"):
        require_schools(make_cells(make_instrument(), {"d1": [1.0, 2], "d2": [1.0, 2]}))
