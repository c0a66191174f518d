"""Items and dimensions against counts made by hand; scales of 2 to 11 points; what has no answers."""

import numpy as np
import pandas as pd
import pytest
from samples import make_instrument, make_students

from learning_survey import describe

LEVEL, LEAST = 0.95, 10


@pytest.fixture
def survey():
    """300 students in 12 schools; d1 has a reversed item and both roles, d2 nobody answers."""
    rng = np.random.default_rng(4)
    instrument = make_instrument(
        roles={"d1_1": "wanted", "d1_2": "wanted", "d1_3": "experienced", "d1_4": "experienced"}
    )
    answers = rng.integers(1, 6, size=(300, 4)).astype(float)
    answers[:, :2] = np.minimum(answers[:, :2] + 1, 5)
    answers[rng.random(answers.shape) < 0.05] = np.nan
    items = {f"d1_{k + 1}": answers[:, k] for k in range(4)}
    score = pd.DataFrame(answers).mean(axis=1).to_numpy()
    school = [f"S{s:02d}" for s in np.arange(300) % 12]
    return instrument, answers, make_students(instrument, {"d1": score}, items, school=school)


@pytest.mark.parametrize(
    ("points", "high"),
    [(2, [2]), (3, [3]), (4, [3, 4]), (5, [4, 5]), (6, [4, 5, 6]), (7, [5, 6, 7]), (11, [7, 8, 9, 10, 11])],
)
def test_the_upper_half_leaves_the_neutral_answer_out(points, high):
    assert describe.upper_half(list(range(1, points + 1))) == high


def test_items_are_those_counted_by_hand(survey):
    instrument, answers, students = survey
    table = describe.items(students, instrument, LEVEL, LEAST).set_index("item")
    for k in range(4):
        x = answers[:, k][~np.isnan(answers[:, k])]
        row = table.loc[f"d1_{k + 1}"]
        assert (row["n"], row["n_missing"]) == (len(x), 300 - len(x))
        assert row["mean"] == pytest.approx(x.mean())
        assert row["sd"] == pytest.approx(x.std(ddof=1))
        assert row["share_high"] == pytest.approx(np.isin(x, [4, 5]).mean())
        assert row["mean_ci_low"] < row["mean"] < row["mean_ci_high"]
    assert table.loc["d1_4", "reversed"]
    assert set(table["rank"].dropna()) == {1, 2, 3, 4}
    assert table.loc["d1_1", "rank"] < table.loc["d1_3", "rank"]


def test_an_item_distribution_adds_up_and_a_reversed_item_has_the_other_label(survey):
    instrument, answers, students = survey
    table = describe.item_distribution(students, instrument, LEVEL, LEAST)
    answered = table[table["item"].str.startswith("d1")]
    np.testing.assert_allclose(answered.groupby("item")["share"].sum(), 1)
    np.testing.assert_array_equal(answered.groupby("item")["n"].sum(), (~np.isnan(answers)).sum(axis=0))
    labels = table.set_index(["item", "code"])["label"]
    assert labels["d1_1", 5] == "Answer 5"
    assert labels["d1_4", 5] == "Answer 1"


def test_bands_add_up_to_the_students_with_a_score_and_the_high_ones_to_share_high(survey):
    instrument, _, students = survey
    bands = describe.bands(students, instrument, LEVEL, LEAST).set_index(["dimension", "band"])
    dimensions = describe.dimensions(students, instrument, LEVEL, LEAST).set_index("dimension")
    assert bands.loc["d1", "n"].sum() == dimensions.loc["d1", "n"]
    assert bands.loc[("d1", "high"), "share"] == pytest.approx(dimensions.loc["d1", "share_high"])


def test_a_score_on_the_bound_is_in_the_upper_band():
    instrument = make_instrument(points=5)
    students = make_students(instrument, {"d1": [3.25] * 6 + [3.2] * 6, "d2": [1.0] * 12})
    assert describe.dimensions(students, instrument, LEVEL, 1)["share_high"].tolist() == [0.5, 0]


def test_contrasts_take_students_who_answered_both_sides(survey):
    instrument, answers, students = survey
    table = describe.contrasts(students, instrument, LEVEL, LEAST)
    wanted, experienced = (pd.DataFrame(answers[:, side]).mean(axis=1) for side in ([0, 1], [2, 3]))
    both = wanted.notna() & experienced.notna()
    row = table.iloc[0]
    assert len(table) == 1 and row["n"] == both.sum()
    assert row["difference"] == pytest.approx((wanted - experienced)[both].mean())
    assert row["difference"] == pytest.approx(row["wanted"] - row["experienced"])
    assert row["p"] < 0.001


def test_without_roles_there_are_no_contrasts():
    instrument = make_instrument()
    table = describe.contrasts(make_students(instrument, {"d1": [1, 2]}), instrument, LEVEL, LEAST)
    assert table.empty and "difference" in table.columns


def test_a_dimension_that_nobody_answered_keeps_its_row_and_has_no_numbers(survey):
    instrument, _, students = survey
    for make in (describe.items, describe.item_distribution, describe.dimensions, describe.bands):
        table = make(students, instrument, LEVEL, LEAST)
        rows = table[table[table.columns[0]].str.startswith("d2")]
        assert len(rows) and rows.filter(regex="^(n|mean|share|sd|rank|design)").isna().all(axis=None)


def test_fewer_students_than_the_smallest_group_are_withheld():
    instrument = make_instrument()
    x = np.r_[np.arange(9) % 5 + 1.0, np.full(6, np.nan)]
    students = make_students(instrument, {"d1": x, "d2": np.arange(15) % 5 + 1.0}, {"d1_1": x})
    dimensions = describe.dimensions(students, instrument, LEVEL, LEAST).set_index("dimension")
    assert np.isnan(dimensions.loc["d1", ["n", "mean", "sd", "share_high"]].to_numpy(float)).all()
    assert dimensions.loc["d2", "n"] == 15
    assert describe.item_distribution(students, instrument, LEVEL, LEAST)["share"].isna().all()


def test_constant_scores_have_a_mean_and_no_interval():
    instrument = make_instrument()
    students = make_students(instrument, {"d1": np.full(40, 2.2), "d2": np.arange(40.0) % 5 + 1})
    row = describe.dimensions(students, instrument, LEVEL, LEAST).iloc[0]
    assert row["mean"] == pytest.approx(2.2)
    assert row["sd"] == 0
    assert np.isnan(row[["mean_ci_low", "mean_ci_high", "design_effect"]].to_numpy(float)).all()
