"""Steps between ordered groups: sizes, intervals, which is the largest and how sure; means that keep an order."""

import numpy as np
import pytest
from samples import make_cells, make_instrument, make_study

from learning_survey import gender, groups, key_stages, steps, tables
from learning_survey.config import ALL
from learning_survey.effect_range import effect_range
from learning_survey.effects import effects
from learning_survey.group_draws import Draws
from learning_survey.group_sample import Sample

LEVELS = {
    "label": "Stage",
    "source": "column",
    "levels": [{"id": f"K{k}", "label": f"Stage {k}", "values": [f"k{k}"]} for k in range(1, 5)],
}
GENDERS = {"categories": [{"id": k, "label": k.capitalize(), "values": [k]} for k in ("boys", "girls")]}
INSTRUMENT = make_instrument()


def cohort(seed, falls, *, schools=40, per=40, few=None):
    """d1 falls as ``falls`` says, d2 not at all; every school has every stage. ``few`` leaves a stage 5 students."""
    rng = np.random.default_rng(seed)
    school = np.repeat(np.arange(schools), per)
    stage = rng.integers(0, 4, len(school))
    noise = rng.normal(size=(2, len(school))) + 0.3 * rng.normal(size=(2, schools))[:, school]
    scores = {"d1": 3 - np.array(falls)[stage] + noise[0], "d2": 3 + noise[1]}
    names = [f"K{s + 1}" for s in stage]
    if few is not None:
        at = np.flatnonzero(stage == few)
        for i in at[5:]:
            names[i] = None
    study = make_study(INSTRUMENT, key_stages=LEVELS, resampling={"draws": 400})
    cells = make_cells(INSTRUMENT, scores, school=[f"S{s:02d}" for s in school], group=names)
    return cells, study, key_stages.groups_of(cells, study), stage, scores


def table_of(cells, study, compared):
    return steps.steps(cells, study, compared, Draws.of(cells, study)).set_index(["dimension", "group_a"])


def test_steps_are_differences_of_means_in_standard_deviations_and_add_up_to_the_whole():
    cells, study, compared, stage, scores = cohort(1, [0, 0.1, 0.6, 0.7])
    table, x = table_of(cells, study, compared), scores["d1"]
    means = [x[stage == s].mean() for s in range(4)]
    np.testing.assert_allclose(table.loc["d1"]["step"], np.diff(means) / x.std(ddof=1), rtol=1e-9)
    np.testing.assert_allclose(table.loc[ALL]["step"], (table.loc["d1"]["step"] + table.loc["d2"]["step"]) / 2)


def test_the_planted_step_is_the_largest_in_nearly_every_resample_and_no_step_is_where_none_is():
    cells, study, compared, *_ = cohort(1, [0, 0.1, 0.9, 1])
    table = table_of(cells, study, compared)
    assert table.loc[("d1", "K2"), "largest"] > 0.98 and table.loc[("d1", "K2"), "step_ci_high"] < -0.2
    assert table.loc["d2"]["largest"].max() < 0.9
    np.testing.assert_allclose(table["largest"].groupby("dimension").sum(), 1)


def test_intervals_of_steps_are_near_the_clustered_ones_of_the_same_pairs():
    cells, study, compared, *_ = cohort(2, [0, 0.2, 0.4, 0.6])
    table = table_of(cells, study, compared).loc["d1"]
    pairs = groups.pairs(cells, INSTRUMENT, compared).query("dimension == 'd1' and adjacent").set_index("group_a")
    width = (table["step_ci_high"] - table["step_ci_low"]) / (pairs["hedges_g_ci_high"] - pairs["hedges_g_ci_low"])
    assert width.between(0.85, 1.15).all()


def test_intervals_of_steps_hold_the_truth():
    falls, held, runs = [0, 0.1, 0.4, 0.5], 0, 150
    spread = np.sqrt(1 + 0.09 + np.var(falls))
    for seed in range(runs):
        cells, study, compared, *_ = cohort(1000 + seed, falls, per=12)
        row = table_of(cells, study, compared).loc[("d1", "K2")]
        held += row["step_ci_low"] <= -0.3 / spread <= row["step_ci_high"]
    assert 0.91 <= held / runs <= 0.99, "two standard errors about 95% of 150"


def test_a_withheld_group_takes_its_two_steps_away_and_one_cluster_takes_the_intervals():
    cells, study, compared, *_ = cohort(3, [0, 0.1, 0.6, 0.7], few=2)
    table = table_of(cells, study, compared).loc["d1"]
    assert np.isfinite(table.loc["K1", "step"]) and table.loc[["K2", "K3"]].drop(columns="group_b").isna().all(
        axis=None
    )
    assert table["largest"].isna().all(), "one step is not the largest of any"
    cells, study, compared, *_ = cohort(3, [0, 0.1, 0.6, 0.7], schools=3)
    table = table_of(cells, study, compared)
    assert table["step"].notna().all() and table[["step_ci_low", "largest"]].isna().all(axis=None)


def test_means_that_keep_the_order_pool_only_what_breaks_it():
    cells, study, compared, stage, scores = cohort(4, [0, 0.5, 0.2, 0.8])
    table = steps.isotonic(cells, study, compared, Draws.of(cells, study)).set_index(["dimension", "group"]).loc["d1"]
    x = scores["d1"]
    means = [x[stage == s].mean() for s in range(4)]
    np.testing.assert_allclose(table["mean"], means)
    both = x[(stage == 1) | (stage == 2)].mean()
    np.testing.assert_allclose(table["isotonic"], [means[0], both, both, means[3]])
    assert table["pooled"].tolist() == [False, True, True, False] and set(table["direction"]) == {"falls"}
    assert ((table["isotonic_ci_low"] < table["isotonic"]) & (table["isotonic"] < table["isotonic_ci_high"])).all()


def test_both_directions_are_tested_and_the_true_one_holds():
    cells, study, compared, *_ = cohort(5, [0.8, 0.5, 0.3, 0])
    table = steps.order(cells, study, compared).set_index(["dimension", "direction"])
    assert table.loc[("d1", "rises"), "p_equal_holm"] < 1e-6 < table.loc[("d1", "rises"), "p_order"]
    assert table.loc[("d1", "falls"), "p_order_holm"] < 1e-6 < table.loc[("d1", "falls"), "p_equal"]
    isotonic = steps.isotonic(cells, study, compared, Draws.of(cells, study)).query("dimension == 'd1'")
    assert set(isotonic["direction"]) == {"rises"} and isotonic["isotonic"].is_monotonic_increasing


def test_resamples_of_many_schools_are_of_random_groups_and_do_not_depend_on_the_order_of_dimensions():
    rng = np.random.default_rng(1)
    school = np.repeat(np.arange(450), 4)
    cells = make_cells(INSTRUMENT, {"d1": rng.normal(size=1800)}, school=[f"S{s:03d}" for s in school],
                       group=rng.choice(["K1", "K2"], 1800))  # fmt: skip
    study = make_study(INSTRUMENT, key_stages=LEVELS, resampling={"draws": 300})
    draws = Draws.of(cells, study)
    assert draws.weights.shape == (300, 200) and (draws.weights.sum(axis=1) == 200).all()
    sample = Sample.of(cells, "d1", key_stages.groups_of(cells, study))
    found, drawn = draws.sums(sample, 4)
    assert found.n[:2].sum() == 1800 and drawn.n.sum(axis=1).mean() == pytest.approx(1800, rel=0.01)


@pytest.mark.parametrize("size", [0, 3, 40])
def test_too_few_students_give_rows_without_numbers_that_fit_their_tables(size):
    """Nobody, three in one group of one school, and forty in one group of forty schools; d2 has no scores."""
    x = np.linspace(1, 5, size) if size else np.full(5, np.nan)
    cells = make_cells(INSTRUMENT, {"d1": x}, school=[f"S{k if size == 40 else 1}" for k in range(len(x))],
                       group=["K1"] * len(x), gender=["boys"] * len(x))  # fmt: skip
    study = make_study(INSTRUMENT, key_stages=LEVELS, gender=GENDERS, resampling={"draws": 50})
    compared, draws = key_stages.groups_of(cells, study), Draws.of(cells, study)
    made = {
        "key_stages.effects": effects(cells, INSTRUMENT, compared),
        "key_stages.order": steps.order(cells, study, compared),
        "key_stages.isotonic": steps.isotonic(cells, study, compared, draws),
        "key_stages.steps": steps.steps(cells, study, compared, draws),
        "gender.range": effect_range(cells, study, gender.groups_of(cells, study), draws),
    }
    for name, frame in made.items():
        tables.validated(frame, name)
        numbers = frame.select_dtypes("number").drop(
            columns=["comparisons", "n_a", "mean", "isotonic"], errors="ignore"
        )
        assert numbers.drop(columns=[c for c in numbers if c.startswith("isotonic")]).isna().all(axis=None), name
    isotonic = made["key_stages.isotonic"].query("dimension == 'd1' and group == 'K1'").iloc[0]
    assert np.isnan(isotonic["isotonic"]) == (size < 10)
