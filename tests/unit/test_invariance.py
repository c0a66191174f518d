"""Planted differences are found and named; nothing is found where nothing is; what cannot be tested says why."""

from itertools import pairwise

import numpy as np
import pytest
from processed import write_processed
from surveys import make_survey

from learning_survey import fit_indices, invariance, invariance_items, invariance_null, invariance_ordinal, tables
from learning_survey.cfa_robust import Clusters, by_row
from learning_survey.errors import SurveyError
from learning_survey.invariance_levels import LEVELS, fitted
from learning_survey.plans import InvariancePlan

SCALES = {f: [f"{f}{k}" for k in range(1, 5)] for f in "abc"}
ITEMS = [i for own in SCALES.values() for i in own]
STUDY = {
    "key_stages": {
        "label": "Key stage",
        "source": "age",
        "levels": [{"id": "KS2", "label": "Two", "ages": [7, 10]}, {"id": "KS3", "label": "Three", "ages": [11, 13]}],
    }
}


def answers(seed, schools=60, intercept=None, loading=None, groups=("one", "two")):
    """Rows of three factors in schools of 30 to 120, half in each group; what is planted holds in the last group."""
    rng = np.random.default_rng(seed)
    rows, labels, group = [], [], []
    for s in range(schools):
        n = int(rng.integers(30, 120))
        g = rng.integers(0, len(groups), n)
        factors = rng.multivariate_normal(np.zeros(3), 0.6 * np.eye(3) + 0.4, n) * 0.94 + rng.normal(0, 0.35, 3)
        factors += (g[:, None] == len(groups) - 1) * np.array([0.3, 0.0, -0.2])
        slopes = np.tile([0.7, 0.8, 0.6, 0.75], 3) * np.ones((n, 1))
        last = g == len(groups) - 1
        for item, more in (loading or {}).items():
            slopes[last, ITEMS.index(item)] += more
        x = np.repeat(factors, 4, axis=1) * slopes + rng.normal(0, 0.6, (n, 12))
        for item, more in (intercept or {}).items():
            x[last, ITEMS.index(item)] += more
        rows.append(x)
        labels += [f"S{s:02d}"] * n
        group.append(g)
    return np.vstack(rows), np.array(labels), np.array(groups)[np.concatenate(group)]


def clusters(x, labels, group):
    return {g: Clusters.of(x[group == g], labels[group == g]) for g in np.unique(group)}


def survey_of(folder, x, labels, group, *, grouping="group", schools=2, **study):
    """A survey of three scales, its scores written as they are."""
    made = make_survey(folder, schools=schools, per_school=8, dimensions=3, study={**STUDY, **study})
    loaded = made.load()
    # Five points at the quintiles of a normal of the items' spread.
    coded = 1.0 + np.digitize(x, [-1.2, -0.4, 0.4, 1.2])
    write_processed(loaded, made.processed, coded, labels, **{grouping: group})
    return made, loaded


@pytest.fixture(scope="module")
def same():
    return clusters(*answers(5))


def test_a_planted_item_is_found_named_and_sized():
    groups = clusters(*answers(5, intercept={"b2": 0.4}))
    scalar = fitted(SCALES, groups, "scalar")
    found = {t.item: t for t in invariance_items.tests(scalar, SCALES, groups)}
    assert max(found.values(), key=lambda t: t.chi2).item == "b2"
    # The change is 0.4 on answers with a standard deviation of about 1; the others take up a little of it.
    freed = fitted(SCALES, groups, "scalar", ["b2"], start=scalar.fit)
    size = invariance_items.estimated(freed, SCALES, groups)
    spread = np.sqrt(np.mean([np.diag(g.sample.cov)[ITEMS.index("b2")] for g in groups.values()]))
    assert size["b2"][0] == pytest.approx(0.4 / spread, abs=0.04)
    assert all(size[i][0] == pytest.approx(0, abs=1e-9) for i in ITEMS if i != "b2")
    rest = invariance_items.tests(freed, SCALES, groups, ["b2"])
    assert "b2" not in {t.item for t in rest} and min(t.p for t in rest) > 0.01 / len(rest)


def test_a_planted_loading_is_found():
    groups = clusters(*answers(6, loading={"c3": 0.35}))
    tests = invariance_items.tests(fitted(SCALES, groups, "scalar"), SCALES, groups)
    assert max(tests, key=lambda t: t.chi2).item == "c3"


def test_expected_sizes_are_near_estimated_ones():
    groups = clusters(*answers(8, intercept={"a1": 0.15}))
    scalar = fitted(SCALES, groups, "scalar")
    expected = next(t for t in invariance_items.tests(scalar, SCALES, groups) if t.item == "a1").dmacs[0]
    free = fitted(SCALES, groups, "scalar", ["a1"], start=scalar.fit)
    assert expected == pytest.approx(invariance_items.estimated(free, SCALES, groups)["a1"][0], rel=0.05)


def test_the_tests_of_items_reject_as_often_as_they_say():
    """Of 12 items in 12 draws without any difference, about 1 in 20 has p below .05."""
    p = []
    for seed in range(12):
        groups = clusters(*answers(100 + seed, schools=40))
        p += [t.p for t in invariance_items.tests(fitted(SCALES, groups, "scalar"), SCALES, groups)]
    assert 0 <= np.mean(np.array(p) < 0.05) < 0.12 and 0.4 < np.mean(p) < 0.62


def test_the_null_has_the_mean_of_its_chi_square(same):
    scalar = fitted(SCALES, same, "scalar")
    drawn = invariance_null.chi_squares(scalar, SCALES, same, 400, 3)
    assert list(drawn) == list(LEVELS)
    for level, x in drawn.items():
        fit = fitted(SCALES, same, level)
        # Each level's mean is its degrees of freedom times its scaling factor.
        assert x.mean() == pytest.approx(fit.fit.df * fit.robust.scaling, rel=0.12), level
    assert all((drawn[b] >= drawn[a] - 1e-6).all() for a, b in pairwise(LEVELS))


def test_the_null_of_changes_is_that_of_fit_indices(same):
    drawn = {"configural": np.array([90.0, 120.0]), "metric": np.array([100.0, 260.0])}
    base, df = fit_indices.ChiSquare(5000.0, 132), {"configural": 102, "metric": 111}
    change = invariance_null.changes(drawn, df, base, 900.0)["metric"]
    for k in range(2):
        a, b = (fit_indices.plain(fit_indices.ChiSquare(drawn[v][k], df[v]), base, 900.0) for v in drawn)
        assert change.cfi[k] == pytest.approx(a.cfi - b.cfi) and change.rmsea[k] == pytest.approx(b.rmsea - a.rmsea)


# ---------------------------------------------------------------- the stage


def outcome(found):
    return found["verdicts"].set_index("grouping").loc["group"]


def test_without_a_difference_groups_may_be_compared(tmp_path):
    made, study = survey_of(tmp_path, *answers(5, groups=("KS2", "KS3")))
    found = invariance.tables(study, made.processed)
    assert outcome(found).outcome == "holds" and not found["items"].differs.any()
    levels = list(found["fit"].query("items_as == 'ordinal'").level)
    assert levels == ["configural", "thresholds", "metric", "scalar"]
    for name, frame in found.items():
        tables.write(frame, f"invariance.{name}", tmp_path, study)


def test_a_planted_difference_is_named_in_the_verdict(tmp_path):
    made, study = survey_of(tmp_path, *answers(5, intercept={"b2": 0.8}, groups=("KS2", "KS3")))
    found = invariance.tables(study, made.processed)
    item = study.instrument.items[5]
    rows = found["items"].set_index("item")
    assert list(rows.index[rows.freed]) == [item.id] and rows.loc[item.id, "largest_in"] == "KS3"
    verdict = outcome(found)
    assert verdict.outcome in ("partial", "fails") and verdict.items_freed == 1
    assert verdict.outcome == "fails" or item.wording in verdict.why
    partial = found["fit"].set_index(["items_as", "level"]).loc[("continuous", "partial")]
    assert partial.cfi > found["fit"].set_index(["items_as", "level"]).loc[("continuous", "scalar")].cfi
    assert rows.status_ordinal[item.id] == "freed" and (rows.status_ordinal == "freed").sum() == 1
    own = found["fit"].query("items_as == 'ordinal'").set_index("level")
    assert own.df["scalar"] - own.df["partial"] == 4 and own.cfi["partial"] > own.cfi["scalar"]
    assert own.difference_p["scalar"] < 1e-6 < own.difference_p["partial"]
    latent = found["latent_means"].set_index("dimension")
    # The factor means are the planted ones; the observed difference of the second dimension is not.
    assert list(latent.latent) == pytest.approx([0.3, 0.0, -0.2], abs=0.12)
    assert latent.observed.iloc[1] > latent.latent.iloc[1] + 0.1


def test_partial_is_compared_with_the_level_that_it_is_nested_in(tmp_path):
    """A freed item has its own loading in each group; against 'metric', which ties it, chi-square would fall."""
    x, labels, group = answers(5, intercept={"b2": 0.8}, loading={"b2": 0.4}, groups=("KS2", "KS3"))
    made, study = survey_of(tmp_path, x, labels, group)
    rows = invariance.tables(study, made.processed)["fit"].query("items_as == 'continuous'").set_index("level")
    assert rows.chi_square["partial"] < rows.chi_square["metric"]  # so there is no test of the one in the other
    assert rows.difference_df["partial"] == 8  # 11 intercepts that are equal, less three means
    assert rows.difference_chi_square["partial"] > 1 and 1e-4 < rows.difference_p["partial"] < 1


def test_without_schools_respondents_are_the_units(tmp_path):
    """As lavaan's MLR, whatever random groups stand in for schools elsewhere."""
    x, _, group = answers(5, schools=12, intercept={"b2": 0.8}, groups=("KS2", "KS3"))
    found = []
    for number, cut in enumerate((7, 40)):
        random = (np.arange(len(x)) % cut).astype(str)
        made, study = survey_of(tmp_path / str(number), x, random, group, schools=0)
        found.append(invariance.tables(study, made.processed))
    first, second = (f["fit"].query("items_as == 'continuous'").set_index("level") for f in found)
    assert list(first.chi_square_scaled) == pytest.approx(list(second.chi_square_scaled), rel=1e-9)
    assert list(found[0]["items"].chi_square) == pytest.approx(list(found[1]["items"].chi_square), rel=1e-9)
    coded = 1.0 + np.digitize(x, [-1.2, -0.4, 0.4, 1.2])
    scales = {d: study.instrument.items_of(d) for d in study.instrument.dimension_ids}
    rows = {g: coded[group == g] for g in ("KS2", "KS3")}
    fit = fitted(scales, clusters(coded, np.arange(len(x)).astype(str), group), "metric").fit
    assert first.chi_square_scaled["metric"] == pytest.approx(by_row(fit, list(rows.values())).chi2, rel=1e-6)


def test_differences_in_most_items_fail(tmp_path):
    more = dict.fromkeys(("a1", "b2", "c3"), 0.9) | dict.fromkeys(("a2", "b3", "c1"), -0.9)
    made, study = survey_of(tmp_path, *answers(5, intercept=more, groups=("KS2", "KS3")))
    verdict = outcome(invariance.tables(study, made.processed))
    assert (verdict.outcome, verdict.scalar) == ("fails", "fails")


def test_small_groups_are_left_out_with_the_reason(tmp_path):
    x, labels, group = answers(7, schools=20, groups=("KS2", "KS3"))
    group = np.where(np.arange(len(group)) < 10, "KS3", "KS2")
    made, study = survey_of(tmp_path, x, labels, group)
    found = invariance.tables(study, made.processed)
    rows = found["groups"].set_index("group")
    assert rows.loc["KS3", "note"] == "too few students with every answer" and not rows.loc["KS3", "used"]
    assert outcome(found).outcome == "not testable" and "fewer than two groups" in outcome(found).why


def test_an_item_that_is_constant_in_a_group_is_named(tmp_path):
    x, labels, group = answers(7, schools=20, groups=("KS2", "KS3"))
    x[group == "KS3", 4] = 0.0
    made, study = survey_of(tmp_path, x, labels, group)
    verdict = outcome(invariance.tables(study, made.processed))
    assert verdict.outcome == "not testable" and study.instrument.item_ids[4] in verdict.why


def test_scales_of_two_items_are_tested_but_none_of_them_is_freed():
    assert not invariance_items.may_be_freed("a1", [], {"a": ["a1", "a2"]})
    assert invariance_items.may_be_freed("a1", [], {"a": ["a1", "a2", "a3"]})
    assert not invariance_items.may_be_freed("a1", ["a2"], {"a": ["a1", "a2", "a3"]})


def test_categories_that_a_group_does_not_use_are_joined_everywhere():
    choices = {
        "one": np.array([[0, 0], [1, 1], [2, 2], [3, 1], [-1, 0]], np.int8),
        "two": np.array([[1, 0], [3, 2], [1, 2], [3, 0]], np.int8),
    }
    assert invariance_ordinal.joined(choices) == [2, 2]
    assert choices["one"][:, 0].tolist() == [0, 0, 0, 1, -1] and choices["two"][:, 0].tolist() == [0, 1, 0, 1]
    assert choices["one"][:, 1].tolist() == [0, 0, 1, 0, 0] and choices["two"][:, 1].tolist() == [0, 1, 1, 0]


def test_ordinal_items_that_cannot_be_modelled_leave_the_verdict_as_it_is(tmp_path, monkeypatch):
    def refused(*_):
        raise SurveyError("two items are perfectly associated", where="ordinal factor model")

    monkeypatch.setattr(invariance_ordinal.Prepared, "of", refused)
    made, study = survey_of(tmp_path, *answers(5, groups=("KS2", "KS3")))
    found = invariance.tables(study, made.processed)
    assert list(found["verdicts"].grouping) == ["group", "gender"] and outcome(found).outcome == "holds"
    (row,) = found["fit"].query("items_as == 'ordinal'").to_dict("records")
    assert row["verdict"] == "not estimated: two items are perfectly associated" and not row["converged"]
    for name, frame in found.items():
        tables.write(frame, f"invariance.{name}", tmp_path, study)


def test_three_items_of_one_scale_leave_nothing_to_test_before_equal_loadings():
    """With as many moments as parameters 'configural' neither holds nor fails; 'metric' is judged by its own fit."""
    x, labels, group = answers(5, loading={"a2": -0.5}, groups=("KS2", "KS3"))
    scales, groups = {"a": ITEMS[:3]}, clusters(x[:, :3], labels, group)
    grouping = invariance.Grouping("group", "Key stage", dict.fromkeys(groups, ""), groups, {}, {}, {})
    fits = {level: fitted(scales, groups, level) for level in LEVELS}
    base = grouping.baseline
    drawn = invariance_null.chi_squares(fits["scalar"], scales, groups, 200, 1)
    null = invariance_null.changes(drawn, {v: f.fit.df for v, f in fits.items()}, base, grouping.n / 2)
    configural, metric, *_ = invariance.level_rows(grouping, fits, null, InvariancePlan())
    assert configural["df"] == 0 and configural["verdict"] == "not tested" and np.isnan(configural["cfi"])
    assert metric["delta_cfi"] == pytest.approx(metric["cfi"] - 1) and metric["p_null"] < 0.05
    assert np.isnan(metric["delta_rmsea"])
    assert metric["verdict"] == ("fails" if metric["cfi"] < 0.99 and metric["srmr"] > 0.03 else "in doubt")
    assert metric["difference_chi_square"] == pytest.approx(metric["chi_square_scaled"])
