import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from model_samples import GENDERS, STAGES, cells, named, people, phases, study

from learning_survey import models
from learning_survey.mixed import least_squares
from learning_survey.models_design import design

SETTINGS = study()
GOLDEN = json.loads((ROOT / "tests/golden/mixed.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sample():
    """The made-up sample of the goldens, whose R results are known."""
    d = pd.read_csv(ROOT / "tests/golden/mixed_sample.csv")
    own = {"school": [f"S{s:02d}" for s in d["school"]], "group": d["stage"], "gender": d["gender"]}
    settings = study(min_group=1)
    return models.of_study(cells(d["y"].to_numpy(), **own), settings, {}), settings


def method(frame, name, **keys):
    rows = frame[(frame[list(keys)] == pd.Series(keys)).all(axis=1) & (frame["method"] == name)]
    return rows


def test_coefficients_are_those_of_lme4_lm_and_clubsandwich(sample):
    found, _ = sample
    frame, expected = models.coefficients(found, SETTINGS), GOLDEN["sample_main"]
    assert list(method(frame, "mixed")["level"]) == [*STAGES[1:], *GENDERS[1:]]
    assert frame["status"].isna().all()
    for name, beta, variance, df in (
        ("naive", expected["ols"]["beta"], expected["ols"]["vcov"], None),
        ("robust", expected["ols"]["beta"], expected["ols"]["cr2"], expected["ols"]["df"]),
        ("mixed", expected["beta"], expected["vcov"], expected["df"]),
        ("cr2", expected["beta"], expected["cr2"]["vcov"], expected["cr2"]["df"]),
    ):
        rows = method(frame, name)
        np.testing.assert_allclose(rows["difference"], beta[1:], atol=1e-6)
        np.testing.assert_allclose(rows["se"], np.sqrt(np.diag(variance))[1:], rtol=1e-5)
        if df:
            np.testing.assert_allclose(rows["df"], df[1:], rtol=1e-4)
    np.testing.assert_allclose(method(frame, "cr2")["p"], expected["cr2"]["p"][1:], rtol=1e-3)


def test_tests_of_whole_terms_are_those_of_pbkrtest_and_clubsandwich(sample):
    found, settings = sample
    frame = models.tests(found, settings)
    joint = dict(zip(("group", "gender"), GOLDEN["sample_main"]["joint"], strict=True))
    joint["group_gender"] = GOLDEN["sample_interaction"]["joint"][0]
    for test, expected in joint.items():
        for name, key in (("mixed", "sat"), ("cr2", "cr2"), ("robust", "ols_cr2")):
            row = method(frame, name, test=test).iloc[0]
            assert row["df1"] == len(expected["columns"])
            assert row["statistic"] == pytest.approx(expected[key]["F"], rel=1e-4)
            assert row["df2"] == pytest.approx(expected[key]["df2"], rel=1e-4)
            assert row["p"] == pytest.approx(expected[key]["p"], rel=1e-3)


def test_marginal_means_and_contrasts_are_those_of_emmeans(sample):
    found, _ = sample
    # emmeans has the mixed model's own standard errors here
    own = [dataclasses.replace(m, main={"cr2": m.main["mixed"]}) for m in found]
    means, contrasts = models.means(own, SETTINGS), models.contrasts(own, SETTINGS)
    for term, key in (("group", "stage"), ("gender", "gender")):
        rows, expected = means[means["grouping"] == term], GOLDEN["emmeans"][key]
        assert list(rows["group"]) == expected["levels"]
        np.testing.assert_allclose(rows["mean"], expected["mean"], atol=1e-6)
        np.testing.assert_allclose(rows["se"], expected["se"], rtol=1e-5)
    for term, key, sign in (("group", "steps", -1), ("gender", "pairs", 1)):
        rows, expected = contrasts[contrasts["grouping"] == term], pd.DataFrame(GOLDEN["emmeans"][key])
        np.testing.assert_allclose(rows["difference"], sign * expected["estimate"], atol=1e-6)
        np.testing.assert_allclose(rows["se"], expected["SE"], rtol=1e-5)
        y = pd.read_csv(ROOT / "tests/golden/mixed_sample.csv")["y"]
        np.testing.assert_allclose(rows["d"], rows["difference"] / y.std(), rtol=1e-9)
        assert (rows["d_ci_low"] < rows["d"]).all()
    published = models.contrasts(found, SETTINGS)
    assert set(published["method"]) == {"cr2"}
    assert published["se"].to_numpy() != pytest.approx(contrasts["se"].to_numpy(), rel=1e-2)


def test_variances_are_those_of_lme4_and_beside_the_empty_model(sample):
    found, settings = sample
    row, expected = models.variance(found, settings).iloc[0], GOLDEN["sample_main"]
    assert row["tau2"] == pytest.approx(expected["tau2"], rel=1e-4)
    assert row["sigma2"] == pytest.approx(expected["sigma2"], rel=1e-5)
    assert (row["r2_marginal"], row["r2_conditional"]) == pytest.approx(expected["r2"], rel=1e-4)
    assert row["tau2_ci_low"] < row["tau2"] < row["tau2_ci_high"]
    assert row["icc"] == pytest.approx(row["tau2"] / (row["tau2"] + row["sigma2"]))
    assert 0 < row["explained_between"] < 1
    assert row["terms"] == "group, gender"
    assert not row["boundary"]
    assert row["left_out"] is None


def test_the_bootstrap_is_near_cr2_and_does_not_change(sample):
    found, settings = sample
    frame = models.coefficients(found, SETTINGS)
    boot, own = method(frame, "bootstrap"), method(frame, "cr2")
    np.testing.assert_allclose(boot["difference"], own["difference"])
    assert (boot["df"] == 23).all()
    np.testing.assert_allclose(boot["se"], own["se"], rtol=0.2)
    d = pd.read_csv(ROOT / "tests/golden/mixed_sample.csv")
    own = {"school": [f"S{s:02d}" for s in d["school"]], "group": d["stage"], "gender": d["gender"]}
    again = models.of_study(cells(d["y"].to_numpy(), **own), settings, {})
    pd.testing.assert_frame_equal(models.coefficients(again, SETTINGS), frame)


# ---------------------------------------------------------------- what is in the models


def test_a_phase_that_key_stages_tell_is_left_out_and_one_that_they_do_not_is_in():
    rng = np.random.default_rng(1)
    apart, mixed = people(rng), people(rng, through=0.7)
    for who, status in ((apart, "told by key stage"), (mixed, "")):
        made = design(cells(rng.standard_normal(600), **named(who)), "d1", study(), phases(20))
        of = [level for level in made.levels if level.term == "phase"]
        assert [level.id for level in of] == ["primary", "secondary"]
        assert [level.status for level in of] == ([status] * 2 if status else ["reference", ""])
        assert len(made.columns("phase")) == (0 if status else 1)
        assert made.students == 600


def test_a_phase_that_key_stages_all_but_tell_is_in_only_when_asked_for():
    rng = np.random.default_rng(2)
    who = people(rng, schools=40)
    who["stage"][:3] = 3  # a primary school with a few older students
    made = cells(rng.standard_normal(1200), **named(who))
    silent = design(made, "d1", study(), phases(40))
    asked = design(made, "d1", study(models={"covariates": ["phase"]}), phases(40))
    assert {level.status for level in silent.levels if level.term == "phase"} == {"all but told by key stage"}
    assert len(asked.columns("phase")) == 1


def test_small_groups_and_groups_of_one_school_leave_with_their_students():
    rng = np.random.default_rng(3)
    who = people(rng)
    who["gender"] = rng.integers(0, 2, 600)
    who["gender"][:7] = 2
    who["stage"][who["stage"] == 3] = 2
    who["stage"][who["school"] == 5] = 3
    found = models.of_study(cells(rng.standard_normal(600), **named(who)), study(), phases(20))
    frame, made = models.coefficients(found, SETTINGS), found[0].design
    status = frame.drop_duplicates(["term", "level"]).set_index("level")["status"]
    assert status["other"] == "fewer than 10 students"
    assert status["KS4"] == "students of one school"
    assert made.students == 600 - 7 - 30
    assert frame.set_index("level").loc[["other", "KS4"], ["difference", "se", "p"]].isna().all(axis=None)
    means = models.means(found, SETTINGS).set_index("group")
    assert np.isnan(means.loc["other", "mean"]) and means.loc["other", "status"] == "fewer than 10 students"
    contrasts = models.contrasts(found, SETTINGS).set_index(["group_a", "group_b"])
    assert contrasts.loc[("boys", "other"), "status"] == "fewer than 10 students"
    assert np.isnan(contrasts.loc[("boys", "other"), "difference"])
    difference = means.loc["boys", "mean"] - means.loc["girls", "mean"]
    assert contrasts.loc[("boys", "girls"), "difference"] == pytest.approx(difference)


@pytest.mark.parametrize("unknown", [0, 30])
def test_a_withheld_level_cannot_be_had_by_subtraction(unknown):
    """7 students are in a level too small for the model: 600 less those in it must not tell, with others or not."""
    rng = np.random.default_rng(16)
    who = people(rng)
    who["gender"] = rng.integers(0, 2, 600)
    who["gender"][:7] = 2
    own = named(who)
    own["group"][100 : 100 + unknown] = [None] * unknown
    found = models.of_study(cells(rng.standard_normal(600), **own), study(), phases(20))
    n = models.variance(found, SETTINGS)["n"].item()
    frames = (models.coefficients(found, SETTINGS)["df"], models.tests(found, SETTINGS)["df2"])
    assert n == round((593 - unknown) / 10) * 10
    for df in frames:
        assert not ((df > 540) & (df % 10 != 0)).any()


def test_a_small_gender_may_be_counted_with_another():
    rng = np.random.default_rng(17)
    who = people(rng)
    who["gender"] = rng.integers(0, 2, 600)
    who["gender"][:7] = 1  # as disclosure.compared has merged them
    content = [{"id": g, "label": g.capitalize(), "values": [g]} for g in GENDERS]
    settings = study(gender={"categories": content, "small": "merge", "merge_into": "girls"})
    found = models.of_study(cells(rng.standard_normal(600), **named(who)), settings, phases(20))
    frame = models.coefficients(found, settings).drop_duplicates("level").set_index("level")
    assert frame.loc["other", "status"] == "counted with Girls"
    assert found[0].design.students == 600
    plain = models.of_study(cells(rng.standard_normal(600), **named(who)), study(), phases(20))
    assert len(plain[0].design.levels) == len(found[0].design.levels)
    assert np.array_equal(plain[0].design.main.n, found[0].design.main.n)


def test_age_counts_within_the_key_stage_and_leaves_its_means_alone():
    rng = np.random.default_rng(4)
    who = people(rng)
    score = 3 - 0.2 * who["age"] + 0.5 * rng.standard_normal(20)[who["school"]] + 0.1 * rng.standard_normal(600)
    both = named(who) | {"age": who["age"]}
    found = models.of_study(cells(score, **both), study(models={"covariates": ["age"]}), phases(20))
    row = method(models.coefficients(found, SETTINGS), "mixed", term="age").iloc[0]
    assert row["difference"] == pytest.approx(-0.2, abs=0.02)
    without = models.of_study(cells(score, **named(who)), study(), phases(20))
    means = [models.means(f, SETTINGS)["mean"].to_numpy() for f in (found, without)]
    np.testing.assert_allclose(*means, atol=0.03)


def test_countries_are_compared_with_the_largest():
    rng = np.random.default_rng(5)
    who = people(rng)
    register = {name: facts | {"country": "Wales" if name < "S06" else "England"} for name, facts in phases(20).items()}
    settings = study(models={"covariates": ["country"]})
    found = models.of_study(cells(rng.standard_normal(600), **named(who)), settings, register)
    row = method(models.coefficients(found, SETTINGS), "cr2", term="country").iloc[0]
    assert (row["level"], row["reference"]) == ("Wales", "England")
    assert row["p"] > 0
    # a mean of a key stage has the countries as they stand
    made = found[0].design
    (column,) = made.columns("country")
    assert made.row("group", made.of("group")[0])[column] == pytest.approx(6 / 20)


def test_students_whose_key_stage_is_not_known_are_in_no_model():
    rng = np.random.default_rng(6)
    who = named(people(rng))
    who["group"][:25] = [None] * 25
    found = models.of_study(cells(rng.standard_normal(600), **who), study(), phases(20))
    assert models.variance(found, study())["n"].tolist() == [575]


def test_a_study_without_schools_has_least_squares_and_hc2_and_says_so():
    rng = np.random.default_rng(7)
    who = people(rng)
    score = rng.standard_normal(600) - 0.5 * (who["gender"] == 1)
    own = {k: v for k, v in named(who).items() if k != "school"}
    settings = study(schools=False)
    found = models.of_study(cells(score, **own), settings, {})
    frame = models.coefficients(found, SETTINGS)
    girls = frame[frame["level"] == "girls"].set_index("method")
    assert (girls.loc[["naive", "robust"], "difference"] < -0.3).all()
    assert girls.loc[["mixed", "cr2", "bootstrap"], "status"].tolist() == ["the study has no schools"] * 3
    assert girls.loc[["mixed", "cr2", "bootstrap"], "difference"].isna().all()
    columns = [*(who["stage"] == k for k in (1, 2, 3)), *(who["gender"] == k for k in (1, 2))]
    X = np.column_stack([np.ones(600), *columns]).astype(float)
    bread = np.linalg.inv(X.T @ X) @ X.T
    e, h = score - X @ (bread @ score), np.einsum("ij,ji->i", X, bread)
    hc2 = bread * (e**2 / (1 - h)) @ bread.T
    assert girls.loc["robust", "se"] == pytest.approx(np.sqrt(hc2[4, 4]), rel=1e-9)
    assert set(models.contrasts(found, SETTINGS)["method"]) == {"robust"}
    row = models.variance(found, settings).iloc[0]
    assert row["status"] == "the study has no schools"
    assert np.isnan(row[["tau2", "n_schools", "r2_conditional"]].astype(float)).all()
    assert row["r2_marginal"] > 0


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ("two schools", "fewer than 5 schools"),
        ("all the same", "scores do not vary"),
        ("few students", "too few students"),
    ],
)
def test_what_cannot_be_computed_is_empty_and_says_why(change, status):
    rng = np.random.default_rng(8)
    who = people(rng, schools=2 if change == "two schools" else 6, size=1 if change == "few students" else 30)
    score = np.full(len(who["school"]), 3.0) if change == "all the same" else rng.standard_normal(len(who["school"]))
    if change == "two schools":
        who |= {"stage": rng.integers(0, 2, 60), "gender": rng.integers(0, 2, 60)}
    settings = study()
    found = models.of_study(cells(score, **named(who)), settings, phases(6))
    tests = models.tests(found, settings)
    lacking = method(tests, "bootstrap", test="gender").iloc[0]
    assert lacking["status"] == status
    assert np.isnan(lacking["p"])
    frames = [models.variance(found, settings), models.means(found, SETTINGS), models.contrasts(found, SETTINGS)]
    assert len(frames[0]) == 1
    if change != "two schools":
        assert frames[0][["tau2", "icc", "r2_marginal"]].isna().all(axis=None)
        assert all(frame.select_dtypes(float).isna().all(axis=None) for frame in frames[1:])


def test_schools_that_do_not_differ_are_said_so():
    rng = np.random.default_rng(9)
    who = people(rng)
    score = rng.standard_normal(600)
    score -= pd.Series(score).groupby(who["school"]).transform("mean").to_numpy()
    found = models.of_study(cells(score, **named(who)), study(), phases(20))
    row = models.variance(found, study()).iloc[0]
    assert row["boundary"] and row["tau2"] == 0
    assert row["status"] == "schools differ no more than chance"
    np.testing.assert_allclose(found[0].main["mixed"].beta, least_squares(found[0].design.main).beta)


def test_a_planted_interaction_is_found_by_every_clustered_method():
    rng = np.random.default_rng(10)
    who = people(rng, schools=40)
    score = rng.standard_normal(1200) + 0.5 * rng.standard_normal(40)[who["school"]]
    none = models.tests(models.of_study(cells(score, **named(who)), study(), phases(40)), study())
    score = score + 1.2 * ((who["gender"] == 1) & (who["stage"] == 3))
    some = models.tests(models.of_study(cells(score, **named(who)), study(), phases(40)), study())
    for name in models.METHODS:
        assert method(none, name, test="group_gender")["p"].item() > 0.01
        assert method(some, name, test="group_gender")["p"].item() < 0.001


def test_holms_correction_runs_over_dimensions_for_each_test_and_method(sample):
    (one,), settings = sample
    two = [one, dataclasses.replace(one, dimension="d2")]
    frame = models.tests(two, settings)
    np.testing.assert_allclose(frame["p_holm"], np.minimum(2 * frame["p"], 1))


# ---------------------------------------------------------------- known truth


def test_clustered_tests_keep_their_level_where_the_naive_one_does_not():
    """87 schools, icc .12, no difference between key stages, which differ between schools: 5% should be found."""
    rng, found = np.random.default_rng(2026), dict.fromkeys(models.METHODS, 0)
    samples, held = 300, 0
    settings = study(genders=False, resampling={"draws": 200})
    for _ in range(samples):
        size = np.maximum(rng.lognormal(3.5, 0.7, 87), 5).astype(int)
        school = np.repeat(np.arange(87), size)
        who = {"school": school, "stage": (2 * (np.arange(87) % 2))[school], "gender": np.zeros(len(school), int)}
        who["stage"] = who["stage"] + rng.integers(0, 2, len(school))
        score = np.sqrt(0.12) * rng.standard_normal(87)[school] + np.sqrt(0.88) * rng.standard_normal(len(school))
        m = models.of_study(cells(np.round(score, 1), **named(who)), settings, {})
        row = models.tests(m, settings).set_index("method")["p"]
        for name in models.METHODS:
            found[name] += row[name] < 0.05
        step = models.contrasts(m, SETTINGS).query("group_a == 'KS2'").iloc[0]
        held += step["difference_ci_low"] <= 0 <= step["difference_ci_high"]
    rate = {name: count / samples for name, count in found.items()}
    assert rate["naive"] > 0.3
    for name in models.METHODS[1:]:  # standard error of a share of .05 in 300 samples: .013
        assert 0.02 <= rate[name] <= 0.085, rate
    assert 0.92 <= held / samples <= 0.98
