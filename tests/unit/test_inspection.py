"""Schools by rating: schools are the units, a planted difference is found, a lonely rating is kept out."""

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from samples import make_instrument, make_study

from learning_survey import inspection
from learning_survey.config import ALL
from learning_survey.errors import SurveyError
from learning_survey.group_sample import Sample
from learning_survey.inspection_effects import detectable

RATINGS = ["Outstanding", "Good", "Requires improvement", "Inadequate"]


def study_of():
    keys = {"inspection": {"ratings": RATINGS, "higher": "Good", "lower": "Outstanding"}}
    return make_study(make_instrument(), **keys)


@pytest.fixture(scope="module")
def plan():
    return study_of().study.inspection


@pytest.fixture(scope="module")
def made(plan):
    """40 schools. d1: Requires improvement is two SDs lower; d2: no difference. One is Inadequate, nine unrated."""
    rng = np.random.default_rng(4)
    names = [f"S{s + 1:02d}" for s in range(40)]
    rating = ["Outstanding"] * 10 + ["Good"] * 12 + ["Requires improvement"] * 8 + ["Inadequate"] + [None] * 9
    means = {
        "d1": rng.normal(3, 0.3, 40) - 0.6 * (np.array(rating) == "Requires improvement"),
        "d2": rng.normal(3, 0.3, 40),
    }
    means[ALL] = (means["d1"] + means["d2"]) / 2
    table = pd.concat(
        [pd.DataFrame({"dimension": d, "school": names, "n": 50.0, "mean": m}) for d, m in means.items()],
        ignore_index=True,
    )
    table.loc[table["school"] == "S03", ["n", "mean"]] = np.nan
    ratings = dict(zip(names, rating, strict=True))
    return table, ratings, inspection.units(table, ratings, plan)


def test_units_are_the_shown_schools_with_a_rating(made):
    _, _, rows = made
    assert rows[rows["dimension"] == "d1"]["rating"].value_counts().to_dict() == {
        "Good": 12, "Outstanding": 9, "Requires improvement": 8, "Inadequate": 1,
    }  # fmt: skip


def test_means_are_of_school_means_and_a_lonely_rating_has_none(made, plan):
    _, _, rows = made
    table = inspection.means(rows, ["d1", "d2"], plan, 0.95).set_index(["dimension", "rating"])
    good = rows[(rows["dimension"] == "d1") & (rows["rating"] == "Good")]["mean"]
    assert table.loc[("d1", "Good"), "mean"] == pytest.approx(good.mean())
    assert table.loc[("d1", "Good"), "sd"] == pytest.approx(good.std())
    assert table.loc[("d1", "Good"), "n"] == 600
    lonely = table.loc[("d1", "Inadequate")]
    assert lonely["n_schools"] == 1
    assert np.isnan(lonely.drop("n_schools").to_numpy(float)).all()


def test_the_planted_difference_is_found_in_its_dimension_alone(made, plan):
    _, _, rows = made
    tests = inspection.tests(rows, ["d1", "d2"], plan, 0.95).set_index(["dimension", "test"])
    assert (tests.loc["d1", "p_holm"] < 0.01).all() and (tests.loc["d2", "p_holm"] > 0.05).all()
    assert tests.loc[("d1", "welch_anova"), "df1"] == 2, "the lonely rating is left out"
    assert tests.loc[("d1", "welch_anova"), "eta_squared"] > 0.3
    pairs = inspection.pairs(rows, ["d1", "d2"], plan, 0.95).set_index(["dimension", "rating_a", "rating_b"])
    found = pairs.loc[("d1", "Good", "Requires improvement")]
    assert found["hedges_g_ci_low"] > 0 and found["p"] < 0.01
    assert np.isnan(pairs.xs("Inadequate", level="rating_b")[["hedges_g", "difference", "p"]]).all(axis=None)


def test_kruskal_and_eta_squared_are_those_of_scipy_and_statsmodels(made):
    from scipy.stats import f_oneway, kruskal

    _, _, rows = made
    d1 = rows[(rows["dimension"] == "d1") & (rows["group"] < 3)]
    groups = [g["mean"].to_numpy() for _, g in d1.groupby("group")]
    sample = Sample(d1["mean"].to_numpy(), d1["group"].to_numpy(), np.arange(len(d1)))
    ours = inspection.kruskal(sample)
    assert [ours["statistic"], ours["p"]] == pytest.approx(list(kruskal(*groups)), rel=1e-9)
    f, between, within = f_oneway(*groups).statistic, 2, len(d1) - 3
    assert inspection.eta_squared(sample) == pytest.approx(f * between / (f * between + within), rel=1e-9)


def test_the_detectable_difference_is_of_the_compared_pair(made, plan):
    _, _, rows = made
    table = inspection.tests(rows, ["d1"], plan, 0.95)
    assert table["detectable"].tolist() == [detectable(12, 9, 0.05)] * 2
    nothing = plan.model_copy(update={"higher": None})
    assert inspection.tests(rows, ["d1"], nothing, 0.95)["detectable"].isna().all()


def test_extremes_are_of_all_ranked_schools_rated_or_not(made, plan):
    table, ratings, _ = made
    rows = inspection.extremes(table, ratings, plan).set_index("position")
    overall = table[table["dimension"] == ALL].set_index("school")["mean"]
    assert rows.loc["highest", "school"] == overall.idxmax()
    assert rows.loc["lowest", "school"] == overall.idxmin()
    assert rows.loc["lowest", "rating"] == ratings[overall.idxmin()]
    assert rows["n_rated"].tolist() == [31, 31]


def test_schools_that_are_all_the_same_or_too_few_allow_no_test(plan):
    for mean, rating in ((np.full(8, 3.3), ["Good", "Outstanding"] * 4), (np.arange(8.0), ["Good"] * 8)):
        table = pd.DataFrame({"dimension": "d1", "school": list("abcdefgh"), "n": 30.0, "mean": mean})
        rows = inspection.units(table, dict(zip("abcdefgh", rating, strict=True)), plan)
        tests = inspection.tests(rows, ["d1"], plan, 0.95)
        assert tests[["statistic", "p", "eta_squared"]].isna().all(axis=None)
        assert inspection.pairs(rows, ["d1"], plan, 0.95)["hedges_g"].isna().all()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"rating": ["Splendid"]}, "no school has a rating of the study's plan"),
        ({"rating": [None]}, "no school has a rating of the study's plan"),
        ({"rating": ["Good"], "rating_date": [date(2025, 1, 1)]}, "no school has a rating of the study's plan"),
        ({"rating": None}, "no column 'rating'"),
        ({"rating": ["Good"], "rating_date": None}, "no column 'rating_date'"),
    ],
)
def test_a_register_that_cannot_be_used_is_refused(tmp_path, columns, message):
    whole = {"school": ["S01"], "phase": ["all"], "rating": ["Good"], "rating_date": [None]} | columns
    frame = pl.DataFrame({k: v for k, v in whole.items() if v is not None})
    types = {"rating": pl.String, "rating_date": pl.Date}
    frame.cast({k: v for k, v in types.items() if k in frame.columns}).write_parquet(tmp_path / "schools.parquet")
    with pytest.raises(SurveyError, match=message):
        inspection.read_schools(tmp_path, study_of())


def test_a_missing_register_is_refused(tmp_path):
    with pytest.raises(SurveyError, match="no such file"):
        inspection.read_schools(tmp_path, study_of())
