"""Key stages end to end in memory: planted falls are found, small and lonely groups are kept out."""

import numpy as np
import pytest
from samples import make_cells, make_instrument, make_study

from learning_survey import groups, key_stages
from learning_survey.errors import SurveyError
from learning_survey.uncertainty import holm

LEVELS = {
    "label": "Stage",
    "source": "column",
    "levels": [{"id": f"K{k}", "label": f"Stage {k}", "values": [f"k{k}"]} for k in range(1, 6)],
}


@pytest.fixture(scope="module")
def made():
    """30 schools. d1 falls by .3 a stage, d2 does not. K4 has 6 students; K5 has 40, in one school; 12 are in none."""
    rng = np.random.default_rng(21)
    school = np.repeat(np.arange(30), 40)
    stage = rng.choice([1, 2, 3], len(school))
    stage[rng.choice(len(school), 6, replace=False)] = 4
    stage[school == 7] = 5
    stage[rng.choice(np.flatnonzero(stage < 4), 12, replace=False)] = 0
    effect = 0.2 * rng.normal(size=30)[school]
    noise = rng.normal(size=(2, len(school)))
    scores = {"d1": 3 - 0.3 * stage + effect + noise[0], "d2": 3 + effect + noise[1]}
    instrument = make_instrument()
    cells = make_cells(
        instrument, scores, school=[f"S{s + 1:02d}" for s in school], group=[f"K{s}" if s else None for s in stage]
    )
    compared = key_stages.groups_of(cells, make_study(instrument, key_stages=LEVELS))
    return instrument, cells, compared, stage, scores


def test_means_are_those_of_the_students_and_small_groups_are_withheld(made):
    instrument, cells, compared, stage, scores = made
    table = groups.means(cells, instrument, compared).set_index(["dimension", "group"])
    assert table.loc["d1"].index.tolist() == ["K1", "K2", "K3", "K4", "K5"]
    for k in (1, 2, 3, 5):
        assert table.loc[("d1", f"K{k}"), "mean"] == pytest.approx(scores["d1"][stage == k].mean())
        assert table.loc[("d1", f"K{k}"), "n"] == (stage == k).sum()
    numbers = table.drop(columns=["group_label", "group_order"]).astype(float)
    assert numbers.loc[("d1", "K4")].isna().all()
    assert table.loc[("d1", "K1"), "n_schools"] == 29
    assert np.isnan(table.loc[("d1", "K5"), "mean_ci_low"]), "one school shows nothing of how schools vary"


def test_the_planted_fall_is_found_in_its_dimension_alone(made):
    instrument, cells, compared, *_ = made
    table = groups.tests(cells, instrument, compared).set_index(["dimension", "test"])
    fall, level = table.loc[("d1", "trend_clustered")], table.loc[("d2", "trend_clustered")]
    assert fall["slope_ci_high"] < -0.1 and fall["p_holm"] < 1e-6
    assert level["slope_ci_low"] < 0 < level["slope_ci_high"]
    assert set(table.loc["d1"].index) == {"welch_anova", "clustered_wald", "trend_naive", "trend_clustered"}
    assert table.loc[("d1", "welch_anova"), "df1"] == 3, "K4 is too small"
    assert table.loc[("d1", "clustered_wald"), "df1"] == 2, "and K5 is in one school"


def test_holm_runs_over_dimensions_in_tests_and_over_dimensions_and_pairs_in_pairs(made):
    instrument, cells, compared, *_ = made
    tests = groups.tests(cells, instrument, compared)
    for _, rows in tests.groupby("test"):
        np.testing.assert_allclose(rows["p_holm"], holm(rows["p"].to_numpy()))
    pairs = groups.pairs(cells, instrument, compared)
    np.testing.assert_allclose(pairs["p_holm"], holm(pairs["p_clustered"].to_numpy()))


def test_pairs_are_first_minus_second_with_neighbours_marked(made):
    instrument, cells, compared, stage, scores = made
    table = groups.pairs(cells, instrument, compared).set_index(["dimension", "group_a", "group_b"])
    x = scores["d1"]
    row = table.loc[("d1", "K1", "K3")]
    assert row["difference"] == pytest.approx(x[stage == 1].mean() - x[stage == 3].mean())
    assert row["hedges_g"] == pytest.approx(groups.hedges_g(x[stage == 1], x[stage == 3], 0.95).value)
    assert row["naive_ci_low"] < row["hedges_g"] < row["naive_ci_high"]
    assert table.index[table["adjacent"]].droplevel("dimension").unique().tolist() == [
        ("K1", "K2"), ("K2", "K3"), ("K3", "K4"), ("K4", "K5"),
    ]  # fmt: skip
    small = table.xs("K4", level="group_b").drop(columns=["adjacent", "n_a"]).astype(float)
    assert small.isna().all(axis=None)
    lonely = table.loc[("d1", "K1", "K5")]
    assert not np.isnan(lonely["hedges_g"]) and not np.isnan(lonely["naive_ci_low"])
    assert np.isnan([lonely["hedges_g_ci_low"], lonely["p_clustered"], lonely["p_holm"]]).all()


def test_a_dimension_without_scores_and_groups_without_students_have_rows_without_numbers():
    instrument = make_instrument()
    cells = make_cells(instrument, {"d1": np.full(30, np.nan)}, group=["K1", "K2", "K3"] * 10)
    compared = key_stages.groups_of(cells, make_study(instrument, key_stages=LEVELS))
    assert groups.means(cells, instrument, compared)["mean"].isna().all()
    assert groups.tests(cells, instrument, compared)["p"].isna().all()
    assert groups.pairs(cells, instrument, compared)["hedges_g"].isna().all()


def test_a_study_without_key_stages_is_told_so():
    instrument = make_instrument()
    with pytest.raises(SurveyError, match="no 'key_stages'"):
        key_stages.groups_of(make_cells(instrument, {"d1": [1]}), make_study(instrument))
