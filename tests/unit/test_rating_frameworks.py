"""Ratings and their dates: which are compared, which are counted and left out."""

from datetime import date

import polars as pl
import pytest
from pydantic import ValidationError
from samples import make_instrument, make_study

from learning_survey.rating_frameworks import dated, frameworks

ROWS = [
    ("S01", "Good", date(2019, 6, 15)),
    ("S02", "Outstanding", date(2011, 6, 15)),
    ("S03", "Good", date(2024, 9, 1)),
    ("S04", "Good", date(2024, 9, 2)),
    ("S05", None, date(2025, 11, 10)),
    ("S06", None, None),
    ("S07", "Outstanding", None),
    ("S08", "Special", date(2015, 1, 1)),
]


def schools():
    names, ratings, dates = zip(*ROWS, strict=True)
    columns = {"school": names, "phase": ["primary"] * len(names), "rating": ratings}
    return pl.DataFrame(columns).with_columns(pl.Series("rating_date", dates, dtype=pl.Date))


def study(least=2, **keys):
    plan = {"ratings": ["Outstanding", "Good"], "higher": "Good", "lower": "Outstanding"} | keys
    return make_study(make_instrument(), survey_date=date(2021, 6, 15), inspection=plan, min_group=least)


def test_ratings_under_a_framework_without_an_overall_grade_are_left_out():
    rows = {row["school"]: row for row in dated(schools(), study()).iter_rows(named=True)}
    assert set(rows) == {"S01", "S02", "S03", "S04", "S05", "S07", "S08"}, "a school never rated is in no framework"
    assert {s: r["framework"] for s, r in rows.items()} == {
        "S01": "four_grades", "S02": "four_grades", "S03": "four_grades", "S04": "no_overall", "S05": "report_card",
        "S07": "undated", "S08": "four_grades",
    }  # fmt: skip
    assert [s for s, r in rows.items() if r["used"]] == ["S01", "S02", "S03", "S07"]
    assert rows["S02"]["years"] == pytest.approx(10, abs=0.01) and rows["S03"]["years"] < 0


def test_ratings_after_the_survey_are_counted_and_left_out_where_the_study_says_so():
    kept, left = (
        frameworks(dated(schools(), s), s).set_index("framework") for s in (study(), study(after_survey="exclude"))
    )
    assert kept.loc["four_grades", ["n_schools", "n_used", "n_left_out", "n_after_survey"]].tolist() == [4, 3, 1, 1]
    assert left.loc["four_grades", ["n_used", "n_left_out", "n_after_survey"]].tolist() == [2, 2, 1]
    assert left.loc["four_grades", "median_years"] == 6.0
    few = study(3, after_survey="exclude")
    assert frameworks(dated(schools(), few), few)["median_years"].isna().all(), "two days would name two schools"
    assert kept.loc["no_overall", ["n_schools", "n_used", "overall"]].tolist() == [1, 0, False]
    assert kept.loc["undated", ["n_schools", "n_used"]].tolist() == [1, 1]
    assert kept.loc["report_card", "start"] == "2025-11-10"
    assert (kept["n_used"] + kept["n_left_out"]).tolist() == kept["n_schools"].tolist()


def test_a_study_may_have_its_own_frameworks():
    own = [{"id": "old", "label": "Old", "overall": False}, {"id": "new", "label": "New", "from": "2015-01-01"}]
    rows = dated(schools(), study(frameworks=own))
    assert rows.filter("used")["school"].to_list() == ["S01", "S03", "S04", "S07"]


@pytest.mark.parametrize(
    "starts", [["2015-01-01", "2016-01-01"], [None, None], [None, "2016-01-01", "2015-01-01"], [None, "2015-01-01"] * 2]
)
def test_frameworks_must_follow_one_another(starts):
    own = [{"id": f"f{k}", "label": "F"} | ({"from": day} if day else {}) for k, day in enumerate(starts)]
    with pytest.raises(ValidationError, match="frameworks: the first has no 'from'"):
        study(frameworks=own)
