"""Gender: planted differences, no trend, and R's numbers on real answers."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from samples import make_cells, make_instrument, make_study

from learning_survey import gender, groups
from learning_survey.config import load_study
from learning_survey.errors import SurveyError

CATEGORIES = {"categories": [{"id": k, "label": k.capitalize(), "values": [k]} for k in ("boys", "girls", "other")]}


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(2)
    school = np.repeat(np.arange(20), 50)
    who = rng.choice(3, len(school), p=[0.45, 0.45, 0.1])
    x = 3 + 0.3 * rng.normal(size=20)[school] - np.array([0, 0.4, 0.4])[who] + rng.normal(size=len(school))
    names = np.array(["boys", "girls", "other"])[who].astype(object)
    names[::97] = None
    instrument = make_instrument(dimensions=2)
    cells = make_cells(instrument, {"d1": x}, school=school, gender=names)
    return instrument, cells, gender.groups_of(cells, make_study(instrument, gender=CATEGORIES)), x, names


def test_groups_without_order_have_no_trend_and_no_neighbours(made):
    instrument, cells, compared, *_ = made
    assert set(groups.tests(cells, instrument, compared)["test"]) == {"welch_anova", "clustered_wald"}
    assert not groups.pairs(cells, instrument, compared)["adjacent"].any()


def test_planted_differences_are_found_and_equal_groups_are_not_told_apart(made):
    instrument, cells, compared, *_ = made
    pairs = groups.pairs(cells, instrument, compared).set_index(["dimension", "group_a", "group_b"])
    assert pairs.loc[("d1", "boys", "girls"), "hedges_g_ci_low"] > 0.1
    assert pairs.loc[("d1", "boys", "other"), "p_holm"] < 0.05
    level = pairs.loc[("d1", "girls", "other")]
    assert level["hedges_g_ci_low"] < 0 < level["hedges_g_ci_high"]


def test_students_whose_gender_is_not_known_are_in_no_group(made):
    instrument, cells, compared, x, names = made
    means = groups.means(cells, instrument, compared).set_index(["dimension", "group"])
    assert means.loc["d1", "n"].sum() == sum(name is not None for name in names)
    assert means.loc[("d1", "girls"), "mean"] == pytest.approx(x[names == "girls"].mean())


def test_women_and_men_of_bfi_differ_as_in_r():
    """Means of whatever was answered, as the golden values have them, through the stage's own tables."""
    golden = json.loads((ROOT / "tests/golden/bfi_groups.json").read_text(encoding="utf-8"))["by_gender"]["agree"]
    study = load_study("bfi", ROOT)
    raw = pd.read_csv(ROOT / "tests/data/bfi.csv")
    items = pd.concat([7 - raw["A1"], raw[["A2", "A3", "A4", "A5"]]], axis=1)
    scores = {"agreeableness": items.mean(axis=1).to_numpy()}
    who = raw["gender"].map({"female": "women", "male": "men"})
    cells = make_cells(study.instrument, scores, gender=who)
    compared = gender.groups_of(cells, study)
    means = groups.means(cells, study.instrument, compared).query("dimension == 'agreeableness'")
    np.testing.assert_allclose(means["mean"], golden["mean"], rtol=1e-12)
    np.testing.assert_allclose(means["sd"], golden["sd"], rtol=1e-12)
    assert means["n_schools"].isna().all()
    pair = groups.pairs(cells, study.instrument, compared).iloc[0]
    assert pair["hedges_g"] == pytest.approx(golden["hedges_g"][0], abs=1e-10)
    np.testing.assert_allclose(pair[["naive_ci_low", "naive_ci_high"]].astype(float), golden["hedges_g"][1:], atol=1e-6)
    tests = groups.tests(cells, study.instrument, compared).set_index(["dimension", "test"])
    welch = tests.loc[("agreeableness", "welch_anova")]
    assert welch["statistic"] == pytest.approx(golden["welch_t"]["t"] ** 2, rel=1e-9)
    assert welch["p"] == pytest.approx(golden["welch_t"]["p"], rel=1e-6)


def test_a_study_without_gender_is_told_so():
    instrument = make_instrument()
    with pytest.raises(SurveyError, match="no 'gender'"):
        gender.groups_of(make_cells(instrument, {"d1": [1]}), make_study(instrument))
