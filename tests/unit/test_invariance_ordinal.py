"""Ordinal items that work differently are found, named and sized; schools in several groups are one unit."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from conftest import ROOT
from golden_values import golden
from ordinal_samples import by_gender, complete, items_of, sample_of

from learning_survey import cfa_builders, cfa_catml, cfa_wls, invariance_ordinal
from learning_survey.cfa_ordinal import LEVELS, invariant
from learning_survey.invariance_items import ItemTest
from learning_survey.invariance_ordinal import Prepared, joined, search, sizes
from learning_survey.plans import InvariancePlan

SCALES = {f: [f"{f}{k}" for k in range(1, 5)] for f in "ab"}
ITEMS = [i for own in SCALES.values() for i in own]
CUTS = np.array([-1.2, -0.3, 0.6, 1.3])
LOADINGS = np.array([0.8, 0.7, 0.65, 0.75] * 2)


def drawn(seed, *, schools=60, size=30, icc=0.1, moved=None, loading=None, mean=0.3):
    """Choices and clusters of two groups that share all schools; what is planted holds in the second.

    ``moved`` has shifts of an item's thresholds, one for each; ``loading`` another loading.
    """
    rng = np.random.default_rng(seed)
    effects = np.sqrt(icc) * rng.normal(size=(schools, 2))
    choices, clusters = {}, {}
    for g, group in enumerate(("one", "two")):
        school = np.repeat(np.arange(schools), size)
        f = rng.multivariate_normal([0, 0], np.array([[1, 0.5], [0.5, 1]]) * (1 - icc), len(school)) + effects[school]
        f[:, 0] += mean * g
        slopes, cuts = LOADINGS.copy(), np.tile(CUTS, (8, 1))
        for item, other in (loading or {}).items() if g else ():
            slopes[ITEMS.index(item)] = other
        for item, shifts in (moved or {}).items() if g else ():
            cuts[ITEMS.index(item)] += shifts
        z = np.repeat(f, 4, axis=1) * slopes + rng.normal(size=(len(school), 8)) * np.sqrt(1 - LOADINGS**2)
        choices[group] = np.stack([np.searchsorted(c, x) for c, x in zip(cuts, z.T, strict=True)], 1).astype(np.int8)
        clusters[group] = np.char.add("S", school.astype(str))
    return choices, clusters


def prepared(*given, schools=True, **planted):
    choices, clusters = drawn(*given, **planted)
    return Prepared.of(SCALES, choices, clusters if schools else {})


# ---------------------------------------------------------------- chi-squares of changes


def test_levels_of_items_with_two_points_are_nested_and_do_not_take_means_for_thresholds():
    """A lone threshold is free until intercepts are equal: groups that differ in their means alone fail no level."""
    choices, _ = drawn(8, size=40, icc=0, mean=0.5)
    two = Prepared.of(SCALES, {g: (x > 1).astype(np.int8) for g, x in choices.items()}, {})
    fits = [two.fit(level)[1] for level in LEVELS]
    assert [f.df for f in fits] == [38, 38, 44, 50]  # 38 = 2 (36 - 17); loadings, then thresholds, 8 of each less 2
    assert fits[1].chi2 == pytest.approx(fits[0].chi2, rel=1e-6)
    assert all(a.chi2 <= b.chi2 + 1e-6 for a, b in pairwise(fits))
    assert cfa_wls.difference(fits[2], fits[1]).p > 0.01 and cfa_wls.difference(fits[3], fits[2]).p > 0.01


def test_differences_between_levels_are_lavaans():
    """LavTestLRT of two nested WLSMV models: Satorra (2000), adjusted in mean and variance."""
    scales, items, samples = by_gender()
    one, before = cfa_builders.correlated(scales, std=True), None
    known = {row["model"]: row for row in golden("bfi_invariance_gender")["WLSMV"]["lrt"]}
    for level in LEVELS:
        fit = cfa_wls.fit(invariant(one, samples[0].points(items), ["m", "f"], level), samples)
        if before:
            found = cfa_wls.difference(fit, before)
            assert found.df == known[level]["Df diff"]
            assert found.chi2 == pytest.approx(known[level]["Chisq diff"], rel=1e-6)
            assert found.p == pytest.approx(known[level]["Pr(>Chisq)"], rel=1e-4)
        before = fit
    assert np.isnan(cfa_wls.difference(before, before).chi2)


def test_items_of_two_points_have_their_thresholds_where_others_have_intercepts():
    """Lavaan, five items of two points beside five of six: equal thresholds of the former with their factor's mean."""
    known, before = golden("binary_invariance"), None
    x, codes, items = items_of("bfi", {f: [f"{f}{k}" for k in range(1, 6)] for f in "AC"})
    x[:, :5] = np.where(np.isnan(x[:, :5]), np.nan, x[:, :5] > 4)
    codes[:5] = [(0, 1)] * 5
    gender = pl.read_csv(ROOT / "tests/data/bfi.csv")["gender"].to_numpy()
    samples = [sample_of(complete(x[gender == g]), codes, items) for g in ("male", "female")]
    one = cfa_builders.correlated({"A": items[:5], "C": items[5:]}, std=True)
    for k, level in enumerate(LEVELS):
        fit = cfa_wls.fit(invariant(one, samples[0].points(items), ["m", "f"], level), samples)
        own = known["levels"][level]
        assert (fit.df, fit.chi2, fit.scaled) == pytest.approx((own["df"], own["chisq"], own["chisq.scaled"]), rel=1e-5)
        assert fit.indices().cfi == pytest.approx(own["cfi.scaled"], rel=1e-5)
        if before:
            found = cfa_wls.difference(fit, before)
            assert found.df == known["changes"]["df"][k - 1]
            assert found.chi2 == pytest.approx(known["changes"]["chi_square"][k - 1], rel=1e-4)
        before = fit
    for row in known["means"]:
        at = fit.model.parameters.index(f"{row['lhs']}~1 (f)")
        assert (fit.x[at], np.sqrt(fit.vcov[at, at])) == pytest.approx((row["est"], row["se"]), rel=1e-4)


def test_groups_that_differ_in_the_factor_alone_hold_every_level_of_items_of_two_points():
    choices, _ = drawn(11, mean=0.8, icc=0)
    for x in choices.values():
        x[:] = x > 1
    one = Prepared.of(SCALES, choices, {})
    fits = [one.fit(level)[0] for level in LEVELS]
    assert [b.df - a.df for a, b in pairwise(fits)] == [0, 6, 6]
    assert fits[1].chi2 == pytest.approx(fits[0].chi2)
    assert all(cfa_wls.difference(b, a).p > 0.01 for a, b in pairwise(fits[1:]))
    assert not search(one, one.fit("scalar"), InvariancePlan())[0]


def test_schools_in_both_groups_are_one_unit():
    """40 samples of 40 schools with strong effects on the factors: the groups' difference has little of them in it.

    Taken as other schools in each group, errors of the factor means' difference would be far too large.
    """
    found, shared, apart = [], [], []
    for seed in range(40):
        choices, clusters = drawn(seed, schools=40, size=15, icc=0.3)
        one = Prepared.of(SCALES, choices, clusters)
        fit, tested = one.fit("scalar")
        k = fit.model.parameters.index("a~1 (two)")
        found.append(fit.x[k])
        shared.append(np.sqrt(tested.vcov[k, k]))
        other = Prepared.of(SCALES, choices, {"one": clusters["one"], "two": np.char.add("other ", clusters["two"])})
        apart.append(np.sqrt(cfa_wls.tested(fit, other.tested).vcov[k, k]))
    assert np.mean(shared) == pytest.approx(np.std(found, ddof=1), rel=0.25)
    assert np.mean(apart) > 1.6 * np.mean(shared)


def test_the_chi_square_of_a_change_keeps_its_level_in_shared_schools():
    """60 samples of 60 schools: the mean of the change from loadings to intercepts is its degrees of freedom."""
    change = []
    for seed in range(60):
        one = prepared(100 + seed, size=15, icc=0.2)
        before, after = one.fit("metric")[1], one.fit("scalar")[1]
        change.append(cfa_wls.difference(after, before))
    assert np.mean([c.chi2 for c in change]) == pytest.approx(6, abs=1.4)
    assert np.mean([c.p < 0.05 for c in change]) < 0.17


def test_shared_schools_count_once_in_robust_indices():
    """Independent schools of one student each are independent students, whichever formula is used."""
    choices, _ = drawn(3, schools=1500, size=1, icc=0)
    labels = {g: np.array([f"{g}{k}" for k in range(len(x))]) for g, x in choices.items()}
    alone, clustered = Prepared.of(SCALES, choices, {}), Prepared.of(SCALES, choices, labels)
    fit, _ = alone.fit("metric")
    a, b = cfa_catml.robust_indices(fit), cfa_catml.robust_indices(cfa_wls.tested(fit, clustered.tested))
    assert b.cfi == pytest.approx(a.cfi, abs=1e-4) and b.tli == pytest.approx(a.tli, abs=1e-3)


# ---------------------------------------------------------------- items


def test_a_planted_item_is_found_named_and_freed():
    one = prepared(5, moved={"a2": 0.5})
    scalar = one.fit("scalar")
    found = {t.item: t for t in invariance_ordinal.tests(one, scalar[1])}
    assert max(found.values(), key=lambda t: t.chi2).item == "a2" and found["a2"].df == 4
    freed, tested, partial = search(one, scalar, InvariancePlan())
    assert freed == ["a2"] and tested["a2"].p < 1e-6
    assert partial[0].df == scalar[0].df - 4
    assert cfa_wls.difference(scalar[1], partial[1]).p < 1e-6
    assert cfa_wls.difference(partial[1], one.fit("configural")[1]).p > 0.001
    # Group two answers .5 thresholds lower throughout: that is the size, in points, over the answers' spread.
    assert sizes(partial[0].model, partial[0].x, "a", "a2", one)[0] == pytest.approx(0.43, abs=0.07)
    assert tested["a2"].dmacs[0] == pytest.approx(0.43, abs=0.1)
    k = partial[0].model.parameters.index("a~1 (two)")
    assert partial[0].x[k] == pytest.approx(0.3, abs=0.12)


def test_a_significant_item_whose_expected_change_has_no_size_is_freed_to_see(monkeypatch):
    """As where the change leads to a negative residual variance: "alike" would be wrong, and so would nothing."""
    one, known = prepared(5, moved={"a2": 0.5}), invariance_ordinal.tests

    def without_size(*given):
        return [replace(t, dmacs=np.array([np.nan])) if t.item == "a2" else t for t in known(*given)]

    scalar = one.fit("scalar")
    monkeypatch.setattr(invariance_ordinal, "tests", without_size)
    freed, tested, _ = search(one, scalar, InvariancePlan())
    assert freed == ["a2"] and tested["a2"].largest == pytest.approx(0.43, abs=0.07)


@pytest.mark.parametrize(
    ("p", "size", "status"),
    [(0.2, np.nan, "alike"), (0.001, 0.1, "alike"), (0.001, 0.3, "differs"), (0.001, np.nan, ""), (np.nan, 0.3, "")],
)
def test_an_item_without_test_or_size_is_not_called_alike(p, size, status):
    assert ItemTest("a1", 1.0, 2, p, np.array([size])).status(p, InvariancePlan()) == status


@pytest.mark.parametrize("planted", [{"moved": {"b3": [0.5, 0.0, 0.0, -0.5]}}, {"loading": {"b3": 0.25}}])
def test_thresholds_that_draw_together_and_another_loading_are_found(planted):
    one = prepared(6, size=60, **planted)
    found = invariance_ordinal.tests(one, one.fit("scalar")[1])
    assert max(found, key=lambda t: t.chi2).item == "b3"


def test_the_score_test_foretells_the_fall_of_chi_square():
    """Students independent: near Satorra's difference with the item free, which weighs directions otherwise."""
    one = prepared(7, schools=False, moved={"a1": 0.2}, icc=0)
    scalar = one.fit("scalar")[1]
    own = next(t for t in invariance_ordinal.tests(one, scalar) if t.item == "a1")
    assert own.chi2 == pytest.approx(cfa_wls.difference(scalar, one.fit("scalar", ["a1"])[1]).chi2, rel=0.3)


def test_the_tests_of_items_reject_as_often_as_they_say():
    """Of 8 items in 25 draws without any difference, about 1 in 20 has p below .05; none is freed."""
    p, freed = [], []
    for seed in range(25):
        one = prepared(200 + seed, schools=True, size=20)
        scalar = one.fit("scalar")
        p += [t.p for t in invariance_ordinal.tests(one, scalar[1])]
        freed += search(one, scalar, InvariancePlan())[0]
    assert 0.01 < np.mean(np.array(p) < 0.05) < 0.12 and not freed


def test_items_of_two_and_three_points_have_fewer_thresholds_to_test():
    choices, clusters = drawn(8, moved={"a2": 0.6})
    for x in choices.values():
        x[:, 1] = x[:, 1] > 2
        x[:, 2] = np.minimum(x[:, 2], 2)
    one = Prepared.of(SCALES, choices, clusters)
    scalar = one.fit("scalar")
    found = {t.item: t for t in invariance_ordinal.tests(one, scalar[1])}
    assert [found[i].df for i in ("a1", "a2", "a3")] == [4, 2, 2]
    assert max(found.values(), key=lambda t: t.chi2 / t.df).item == "a2"
    freed, _, partial = search(one, scalar, InvariancePlan())
    assert freed == ["a2"] and partial[0].identified and partial[0].df == scalar[0].df - 2


def test_fewer_schools_than_degrees_of_freedom_have_no_p():
    choices, clusters = drawn(9, schools=4, size=200)
    one = Prepared.of(SCALES, choices, clusters)
    assert all(np.isnan(t.p) for t in invariance_ordinal.tests(one, one.fit("scalar")[1]))


def test_joined_leaves_categories_that_all_groups_use():
    choices = {"one": np.array([[0], [1], [2]], np.int8), "two": np.array([[0], [2], [2]], np.int8)}
    assert joined(choices) == [2] and choices["one"][:, 0].tolist() == [0, 0, 1]
