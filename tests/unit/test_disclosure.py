"""What a reader can work out by subtraction: the few who are withheld stay hidden."""

import numpy as np
import pytest
from samples import make_cells, make_instrument, make_study

from learning_survey import effects, gender, groups
from learning_survey.disclosure import exposed, unit
from learning_survey.group_sample import Sample

CATEGORIES = {"categories": [{"id": k, "label": k.capitalize(), "values": [k]} for k in ("boys", "girls", "other")]}
INSTRUMENT = make_instrument()


def cohort(*, few=7, unknown=0, size=400, small="withhold", **keys):
    """``few`` students of the third group, all at 1.25 on d1, ``unknown`` without a gender; everyone has d1 alone."""
    rng = np.random.default_rng(3)
    x = np.round(4 * rng.uniform(1, 5, size)) / 4
    who = rng.choice(["boys", "girls"], size).astype(object)
    who[:few], x[:few] = "other", 1.25
    who[few : few + unknown] = None
    gender_plan = CATEGORIES | {"small": small} | keys
    study = make_study(INSTRUMENT, gender=gender_plan)
    cells = make_cells(INSTRUMENT, {"d1": x}, school=[f"S{k % 20:02d}" for k in range(size)], gender=who)
    return cells, gender.groups_of(cells, study), x, who


def by_subtraction(means, n, mean):
    """Students who are not shown, and their mean, from a published total and the table of the groups."""
    shown = means[(means["dimension"] == "d1") & means["n"].notna()]
    left = n - shown["n"].sum()
    return left, (n * mean - (shown["n"] * shown["mean"]).sum()) / left if left else np.nan


def test_without_rounding_subtraction_would_tell_and_with_it_does_not():
    cells, compared, x, who = cohort()
    exact = [x[who == k].mean() for k in ("boys", "girls")], [(who == k).sum() for k in ("boys", "girls")]
    assert (x.sum() - np.dot(*exact)) / 7 == pytest.approx(1.25), "the few are there to be found"
    means = groups.means(cells, INSTRUMENT, compared)
    left, value = by_subtraction(means, len(x), x.mean())
    assert left != 7 and not abs(value - 1.25) < 0.5
    shown = means.query("dimension == 'd1' and n.notna()")
    assert (shown["n"] % 10 == 0).all() and (shown["rounded_to"] == 0.05).all(), "2 · 9 / 393 and more"
    np.testing.assert_allclose(
        shown[["mean", "sd", "mean_ci_low"]] / 0.05, np.round(shown[["mean", "sd", "mean_ci_low"]] / 0.05)
    )
    assert means.query("group == 'other'")["n"].isna().all()


def test_levels_and_counts_are_rounded_in_every_table_and_standardised_differences_are_not():
    cells, compared, x, who = cohort()
    pairs = groups.pairs(cells, INSTRUMENT, compared).iloc[0]
    boys, girls = x[who == "boys"], x[who == "girls"]
    assert pairs["hedges_g"] == pytest.approx(groups.hedges_g(boys, girls, 0.95).value)
    assert pairs["n_a"] % 10 == 0 and round(pairs["difference"] / 0.05, 6).is_integer()
    row = effects.effects(cells, INSTRUMENT, compared).iloc[0]
    assert row["n_a"] % 10 == 0 and row["share_difference"] % 5 == pytest.approx(0, abs=1e-9)
    assert round(row["sd_within"] / 0.05, 6).is_integer()


@pytest.mark.parametrize(
    ("few", "unknown", "is_exposed"), [(7, 0, True), (7, 2, True), (7, 3, False), (0, 4, False), (12, 0, False)]
)
def test_rounding_is_for_the_few_who_are_withheld(few, unknown, is_exposed):
    cells, compared, x, _ = cohort(few=few, unknown=unknown)
    assert exposed(Sample.of(cells, "d1", compared), compared) == is_exposed
    means = groups.means(cells, INSTRUMENT, compared).query("dimension == 'd1' and n.notna()")
    assert means["rounded_to"].notna().all() == is_exposed
    if not is_exposed:
        assert means["n"].sum() == len(x) - unknown - (few if few < 10 else 0)


def test_a_small_group_is_merged_by_rule_and_the_tables_say_so():
    cells, compared, x, who = cohort(small="merge", merge_into="girls")
    assert compared.merged == {"other": "girls"}
    means = groups.means(cells, INSTRUMENT, compared).query("dimension == 'd1'").set_index("group")
    assert means.loc["girls", "includes"] == "Other" and means.loc["other", "merged_with"] == "Girls"
    assert np.isnan(means.loc["other", "n"])
    assert means.loc["girls", "mean"] == pytest.approx(x[(who == "girls") | (who == "other")].mean(), abs=0.025)
    assert means.loc["girls", "n"] % 10 == 0, "its exact size less that of girls elsewhere would tell the others'"
    g = groups.pairs(cells, INSTRUMENT, compared).iloc[0]["hedges_g"]
    assert g == pytest.approx(groups.hedges_g(x[who == "boys"], x[who != "boys"], 0.95).value)


def test_a_group_that_is_large_enough_is_not_merged_nor_one_without_students():
    for few in (12, 0):
        _, compared, *_ = cohort(few=few, small="merge", merge_into="girls")
        assert compared.merged == {}


@pytest.mark.parametrize(
    ("least", "found"), [(0.0004, 0.001), (0.045, 0.05), (0.05, 0.05), (0.11, 0.2), (0.7, 1.0), (3, 5)]
)
def test_units_are_round(least, found):
    assert unit(least) == found
