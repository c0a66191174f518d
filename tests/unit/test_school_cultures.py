"""Strong learning cultures: the study's definition and the others, by hand."""

from itertools import combinations

import numpy as np
import pytest
from samples import make_instrument, make_study
from school_samples import planted

from learning_survey.config import ALL
from learning_survey.school_cultures import cultures, definitions, natural_cut, strong_culture


@pytest.fixture(scope="module")
def made():
    return planted()


def test_strong_culture_counts_schools_by_the_study_s_definition(made):
    table, study = made.means, made.study
    row = strong_culture(table, study).iloc[0]
    share = table.loc[table["dimension"] == ALL].set_index("school")["share_high"].dropna()
    strong = share >= 0.6
    assert (row["n_schools"], row["n_rest"]) == (strong.sum(), (~strong).sum())
    assert row["n_schools"] >= 2 and "60%" in row["definition"]
    assert row["ratio"] == pytest.approx(share[strong].mean() / share[~strong].mean())
    assert row["ratio_ci_low"] < row["ratio"] < row["ratio_ci_high"]
    assert strong_culture(table, study).equals(strong_culture(table, study))


@pytest.mark.parametrize(("least", "found", "ratio"), [(0.999, 0, False), (0.001, 22, False), (0.85, 1, True)])
def test_a_side_with_no_or_one_school_has_no_interval(made, least, found, ratio):
    table = made.means.copy()
    here = table["dimension"] == ALL
    table.loc[here & table["share_high"].notna(), "share_high"] = [0.9, *np.linspace(0.2, 0.8, 21)]
    study = make_study(make_instrument(), schools={"strong_culture": {"min_share": least}})
    row = strong_culture(table, study).iloc[0]
    assert row["n_schools"] == found
    assert np.isnan(row["ratio_ci_low"]) and np.isnan(row["ratio"]) != ratio


def test_without_a_definition_there_is_no_row(made):
    study = make_study(make_instrument(), schools={})
    assert strong_culture(made.means, study).empty


def test_every_definition_has_its_schools_and_both_ratios(made):
    table = cultures(made.means, made.study)
    whole = made.means[~made.means["school"].isin(["S12", "S20"])]
    wide = {c: whole.pivot(index="school", columns="dimension", values=c) for c in ("mean", "share_high")}
    overall, share = wide["mean"][ALL].to_numpy(), wide["share_high"]
    by = {
        "share_50": share[ALL].to_numpy() >= 0.5,
        "share_60": share[ALL].to_numpy() >= 0.6,
        "majority_each": (share[["d1", "d2"]] >= 0.5).all(axis=1).to_numpy(),
        "mean_high": overall >= 3.25,
        "above_average_each": (wide["mean"][["d1", "d2"]] > wide["mean"][["d1", "d2"]].mean()).all(axis=1).to_numpy(),
        "top_tenth": overall >= np.sort(overall)[-3],
    }
    found = definitions(whole, made.study)
    for name, strong in by.items():
        rows = table[table["definition"] == name].set_index("measure")
        assert found[name][1].tolist() == strong.tolist()
        assert rows["n_schools"].tolist() == [strong.sum()] * 2 and rows["n_rest"].iloc[0] == 22 - strong.sum()
        assert rows.loc["mean", "ratio"] == pytest.approx(overall[strong].mean() / overall[~strong].mean())
        high = share[ALL].to_numpy()
        assert rows.loc["share_high", "ratio"] == pytest.approx(high[strong].mean() / high[~strong].mean())
        assert (rows["ratio_ci_low"] < rows["ratio"]).all() and (rows["ratio_ci_high"] > rows["ratio"]).all()
    assert table["definition"].nunique() == 13 and not table.duplicated(["definition", "measure"]).any()
    one = table[table["measure"] == "share_high"].set_index("definition")
    assert one.loc["share_60", "ratio"] == strong_culture(made.means, made.study)["ratio"].iloc[0]
    assert one.loc["highest_of_three", "n_schools"] == 2, "the two that were planted"


@pytest.mark.parametrize("groups", [2, 3])
def test_natural_groups_are_the_best_of_all_ways_to_part_the_values(groups):
    x = np.random.default_rng(groups).normal(size=12) + np.repeat([0, 1.5, 4], 4)
    ordered = np.sort(x)

    def inside(cuts):
        return sum(part.var() * len(part) for part in np.split(ordered, cuts))

    best = min(combinations(range(1, 12), groups - 1), key=inside)
    assert natural_cut(x, groups) == ordered[best[-1]]


def test_schools_that_are_all_the_same_are_in_no_natural_group(made):
    table = made.means.copy()
    table.loc[table["mean"].notna(), "mean"] = 3.0
    found = definitions(table[table["mean"].notna()], made.study)
    assert "highest_of_two" not in found and not found["above_average_each"][1].any()
