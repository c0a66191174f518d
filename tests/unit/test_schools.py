"""Variance components against R, shrinkage against the mixed-model equations, extremes and strong cultures by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from samples import make_instrument, make_students, make_study

from learning_survey import schools
from learning_survey.errors import SurveyError
from learning_survey.schools import ALL, Components, Sums, components, icc1_interval

GOLDEN = json.loads((ROOT / "tests/golden/multilevel_icc.json").read_text(encoding="utf-8"))
CASES = [
    ("exam", "school", "Exam", "normexam"),
    ("exam", "school", "Exam", "standLRT"),
    ("hsb82", "school", "Hsb82", "mAch"),
    ("scotssec", "second", "ScotsSec", "attain"),
    ("lq2002", "COMPID", "lq2002", "LEAD"),
    ("lq2002", "COMPID", "lq2002", "LEAD01"),
    ("lq2002", "COMPID", "lq2002", "LEAD02"),
]


@pytest.mark.parametrize(("file", "unit", "name", "variable"), CASES, ids=[f"{c[2]}.{c[3]}" for c in CASES])
def test_intraclass_correlations_are_those_of_r(file, unit, name, variable):
    frame = pd.read_csv(ROOT / f"tests/data/multilevel/{file}.csv")
    golden = GOLDEN[name][variable]
    sums = Sums.of(frame[variable].to_numpy(float), pd.factorize(frame[unit])[0])
    ours = components(sums)
    assert (ours.students, ours.schools) == (golden["n"], golden["groups"])
    assert ours.icc1 == pytest.approx(golden["icc1_anova"], rel=1e-9)
    assert ours.icc2 == pytest.approx(golden["icc2"], rel=1e-9)
    assert ours.within == pytest.approx(golden["var_within"], rel=0.01), "the method of lme4 differs, the answer little"
    interval = icc1_interval(sums, 0.95)
    assert interval.low < golden["icc"] < interval.high


def test_components_do_not_depend_on_where_scores_lie():
    rng = np.random.default_rng(0)
    school = rng.integers(0, 9, 300)
    x = rng.normal(size=300) + school / 9
    near, far = (components(Sums.of(x + shift, school)) for shift in (0, 1e6))
    assert far.icc1 == pytest.approx(near.icc1, rel=1e-6)


@pytest.mark.parametrize(("sizes", "icc"), [((40, 300), 0.12), ((10, 60), 0.0)])
def test_the_interval_of_icc1_covers(sizes, icc):
    rng = np.random.default_rng(9)
    runs, hits = 300, 0
    n = rng.integers(*sizes, 40).astype(float)
    for _ in range(runs):
        mean = np.sqrt(icc) * rng.normal(size=40) + np.sqrt((1 - icc) / n) * rng.normal(size=40)
        q = (1 - icc) * rng.chisquare(n - 1) + n * mean**2
        interval = icc1_interval(Sums(n, n * mean, q), 0.95)
        hits += interval.low <= icc <= interval.high
    assert 0.9 < hits / runs < 0.985


def test_schools_more_alike_than_chance_have_a_negative_icc1_and_no_variance_between():
    x = np.tile([1.0, 2, 3, 4, 5], 8)
    ours = components(Sums.of(x, np.repeat(np.arange(8), 5)))
    assert ours.icc1 < 0 and ours.between == 0
    assert np.isnan(ours.icc2)


@pytest.mark.parametrize(
    ("x", "school"),
    [
        ([], []),
        ([1.0, 2, 3], [0, 0, 0]),
        ([1.0, 2, 3], [0, 1, 2]),
        ([2.2] * 9, [0, 1, 2] * 3),
        ([1.0, 2, 3] * 3, [0, 1, 2] * 3),
    ],
    ids=["nobody", "one school", "a student each", "all the same", "no spread within"],
)
def test_samples_without_an_answer_have_no_components(x, school):
    sums = Sums.of(np.array(x, float), np.array(school, int))
    interval = icc1_interval(sums, 0.95)
    assert np.isnan([components(sums).icc1, interval.value, interval.low]).all()


def test_shrunken_means_solve_henderson_s_mixed_model_equations():
    rng = np.random.default_rng(6)
    n = np.array([5.0, 12, 40, 7, 100])
    raw = rng.normal(3, 0.5, 5)
    c = Components(int(n.sum()), 5, n.mean(), between=0.2, within=0.9)
    left = np.block([[np.array([[n.sum()]]), n[None, :]], [n[:, None], np.diag(n + 0.9 / 0.2)]]) / 0.9
    solved = np.linalg.solve(left, np.r_[(n * raw).sum(), n * raw] / 0.9)
    inverse = np.linalg.inv(left)
    ours = schools.shrunken(n, raw, c, 0.95)
    np.testing.assert_allclose([e.value for e in ours], solved[0] + solved[1:], rtol=1e-10)
    # Variance of prediction of mu + u_j: the blocks of the inverse, added up.
    se = np.sqrt(inverse[0, 0] + np.diag(inverse)[1:] + 2 * inverse[0, 1:])
    np.testing.assert_allclose([(e.high - e.value) / 2.7764451051977987 for e in ours], se, rtol=1e-10)


@pytest.fixture(scope="module")
def made():
    """24 schools of 30 students; S01 and S02 are strong, S24 is weak, S12 has six students."""
    rng = np.random.default_rng(14)
    school = np.repeat(np.arange(24), 30)
    keep = ~((school == 11) & (np.arange(720) % 30 >= 6))
    shift = 0.2 * rng.normal(size=24)
    shift[[0, 1, 23]] = 1.6, 1.5, -1.2
    scores = {
        d: np.clip(np.round(4 * (2.9 + shift[school] + rng.normal(size=720))) / 4, 1, 5)[keep] for d in ("d1", "d2")
    }
    scores["d2"][::50] = np.nan
    instrument = make_instrument()
    study = make_study(instrument, schools={"min_students": 20, "strong_culture": {"min_share": 0.6}})
    names = np.array([f"S{s + 1:02d}" for s in school[keep]])
    students = make_students(instrument, scores, school=names)
    return study, students, schools.means(students, instrument, 0.95, schools.least_students(study)), scores, names


def test_school_means_are_those_of_their_students(made):
    _, _, table, scores, names = made
    by = table.set_index(["dimension", "school"])
    x = scores["d2"][names == "S05"]
    assert by.loc[("d2", "S05"), "n"] == (~np.isnan(x)).sum()
    assert by.loc[("d2", "S05"), "mean"] == pytest.approx(np.nanmean(x))
    assert by.loc[("d2", "S05"), "share_high"] == pytest.approx((x[~np.isnan(x)] >= 3.25).mean())
    both = pd.DataFrame({d: scores[d][names == "S05"] for d in scores})
    assert by.loc[(ALL, "S05"), "mean"] == pytest.approx(both.mean(axis=1).mean())
    assert by.loc[(ALL, "S05"), "share_high"] == pytest.approx(
        by.loc[[("d1", "S05"), ("d2", "S05")], "share_high"].mean()
    )


def test_shrunken_means_lie_between_the_school_s_and_the_overall_mean(made):
    _, _, table, *_ = made
    rows = table[(table["dimension"] == "d1") & table["mean"].notna()]
    centre = rows["shrunken"].mean()
    assert (np.abs(rows["shrunken"] - centre) <= np.abs(rows["mean"] - centre) + 0.05).all()
    assert (rows["shrunken_ci_low"] < rows["shrunken"]).all()


def test_a_small_school_has_a_row_without_numbers_and_no_rank(made):
    _, _, table, *_ = made
    small = table[table["school"] == "S12"].drop(columns=["dimension", "school"]).astype(float)
    assert len(small) == 3 and small.isna().all(axis=None)
    ranks = table.loc[table["dimension"] == ALL].set_index("school")["rank"]
    assert ranks["S01"] == 1 and ranks["S24"] == 23 and ranks.count() == 23


def test_no_school_is_shown_below_the_study_s_smallest_group():
    study = make_study(make_instrument(), schools={"min_students": 5}, min_group=12)
    assert schools.least_students(study) == 12


def test_extremes_hold_the_first_school_of_all_against_the_last(made):
    study, students, table, scores, names = made
    rows = schools.extremes(students, study.instrument, table, study).set_index("dimension")
    top, bottom = scores["d1"][names == "S01"], scores["d1"][names == "S24"]
    row = rows.loc["d1"]
    assert (row["top_school"], row["bottom_school"]) == ("S01", "S24")
    assert row["gap"] == pytest.approx(100 * ((top >= 3.25).mean() - (bottom >= 3.25).mean()))
    difference = top.mean() - bottom.mean()
    assert row["d_total"] == pytest.approx(difference / scores["d1"].std(ddof=1))
    assert row["d_pooled_within"] == pytest.approx(difference / np.sqrt((top.var(ddof=1) + bottom.var(ddof=1)) / 2))
    assert row["d"] == row["d_total"]
    from scipy.stats import ttest_ind

    assert row["p"] == pytest.approx(ttest_ind(top, bottom, equal_var=False).pvalue, rel=1e-9)
    assert row["gap_ci_low"] < row["gap"] < row["gap_ci_high"] <= 100
    assert (rows["p_holm"] >= rows["p"]).all()


def test_the_study_chooses_its_standardiser(made):
    _, students, table, *_ = made
    study = make_study(make_instrument(), schools={"standardiser": "pooled_within"})
    rows = schools.extremes(students, study.instrument, table, study)
    assert (rows["d"] == rows["d_pooled_within"]).all() and (rows["d"] != rows["d_total"]).all()


def test_newcombe_s_interval_is_his_example():
    """56/70 against 48/80, method 10, as printed in Newcombe (1998), table II (a): .0524 to .3339."""
    interval = schools.newcombe(56 / 70, 70, 48 / 80, 80, 0.95)
    assert [round(v, 4) for v in (interval.value, interval.low, interval.high)] == [0.2, 0.0524, 0.3339]


def test_the_interval_of_d_covers():
    rng = np.random.default_rng(31)
    runs, hits = 400, 0
    for _ in range(runs):
        a, b = rng.normal(1.5, 1, 60), rng.normal(0, 1, 80)
        estimate = schools.standardised(a, b, schools.within_spread(a, b), 0.95)
        hits += estimate.low <= 1.5 <= estimate.high
    assert 0.92 < hits / runs < 0.98


def test_strong_culture_counts_schools_by_the_study_s_definition(made):
    study, _, table, *_ = made
    row = schools.strong_culture(table, study).iloc[0]
    share = table.loc[table["dimension"] == ALL].set_index("school")["share_high"].dropna()
    strong = share >= 0.6
    assert (row["n_schools"], row["n_rest"]) == (strong.sum(), (~strong).sum())
    assert row["n_schools"] >= 2 and "60%" in row["definition"]
    assert row["ratio"] == pytest.approx(share[strong].mean() / share[~strong].mean())
    assert row["ratio_ci_low"] < row["ratio"] < row["ratio_ci_high"]
    assert schools.strong_culture(table, study).equals(schools.strong_culture(table, study))


@pytest.mark.parametrize(("least", "found", "ratio"), [(0.999, 0, False), (0.001, 23, False), (0.85, 1, True)])
def test_a_side_with_no_or_one_school_has_no_interval(made, least, found, ratio):
    _, _, table, *_ = made
    table = table.copy()
    here = table["dimension"] == ALL
    table.loc[here & table["share_high"].notna(), "share_high"] = [0.9, *np.linspace(0.2, 0.8, 22)]
    study = make_study(make_instrument(), schools={"strong_culture": {"min_share": least}})
    row = schools.strong_culture(table, study).iloc[0]
    assert row["n_schools"] == found
    assert np.isnan(row["ratio_ci_low"]) and np.isnan(row["ratio"]) != ratio


def test_without_a_definition_there_is_no_row(made):
    study = make_study(make_instrument(), schools={})
    assert schools.strong_culture(made[2], study).empty


def test_one_school_has_no_variance_no_opposite_and_no_rest():
    instrument = make_instrument()
    x = np.random.default_rng(0).normal(3, 1, 60)
    students = make_students(instrument, {"d1": x, "d2": x}, school=["S01"] * 60)
    study = make_study(instrument, schools={"strong_culture": {"min_share": 0.6}})
    table = schools.means(students, instrument, 0.95, 20)
    assert table["mean"].notna().all() and table["shrunken"].isna().all()
    variance = schools.variance(students, instrument, 0.95, 10)
    assert variance["n"].tolist() == [60, 60]
    assert variance.drop(columns=["dimension", "n", "n_schools"]).isna().all(axis=None)
    extremes = schools.extremes(students, instrument, table, study)
    assert extremes.drop(columns="dimension").isna().all(axis=None)
    assert np.isnan(schools.strong_culture(table, study)["ratio"].iloc[0])


def test_a_dimension_that_nobody_answered_leaves_the_others_alone():
    instrument = make_instrument()
    x = np.random.default_rng(0).normal(3, 1, 90)
    students = make_students(instrument, {"d1": x}, school=["S01", "S02", "S03"] * 30)
    study = make_study(instrument, schools={})
    table = schools.means(students, instrument, 0.95, 20)
    rows = schools.extremes(students, instrument, table, study).set_index("dimension")
    assert np.isnan(rows.loc["d2", "gap"]) and rows.loc["d1", "p_holm"] == rows.loc["d1", "p"]
    assert np.isnan(schools.variance(students, instrument, 0.95, 10).set_index("dimension").loc["d2", "icc1"])


def test_students_without_schools_are_refused():
    with pytest.raises(SurveyError, match="no student has a school"):
        schools.require_schools(make_students(make_instrument(), {"d1": [1]}))
