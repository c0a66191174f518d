"""The smallest and largest of many differences: limits that hold together, and the bias of picking taken away."""

import numpy as np
import pytest
from samples import make_cells, make_instrument, make_study

from learning_survey import effect_range, gender, groups
from learning_survey.group_draws import Draws

CATEGORIES = {"categories": [{"id": k, "label": k.capitalize(), "values": [k]} for k in ("boys", "girls", "other")]}
INSTRUMENT = make_instrument(dimensions=6)


def cohort(seed, effects, *, schools=40, per=30, draws=300):
    """Boys above girls by ``effects`` on six dimensions."""
    rng = np.random.default_rng(seed)
    school = np.repeat(np.arange(schools), per)
    girl = rng.integers(0, 2, len(school))
    scores = {
        f"d{k + 1}": 3 + 0.3 * rng.normal(size=schools)[school] + rng.normal(size=len(school)) - e * girl
        for k, e in enumerate(effects)
    }
    study = make_study(INSTRUMENT, gender=CATEGORIES, resampling={"draws": draws})
    who = np.array(["boys", "girls"])[girl]
    return make_cells(INSTRUMENT, scores, school=[f"S{s:02d}" for s in school], gender=who), study


def rows_of(cells, study):
    compared = gender.groups_of(cells, study)
    return effect_range.effect_range(cells, study, compared, Draws.of(cells, study)).set_index("side")


def test_the_planted_extremes_are_found_with_the_effects_of_the_pairs():
    cells, study = cohort(1, [0.1, 0.3, 0.3, 0.9, 0.3, 0.3])
    rows = rows_of(cells, study)
    pairs = groups.pairs(cells, INSTRUMENT, gender.groups_of(cells, study)).query("group_b == 'girls'")
    assert rows["dimension"].tolist() == ["d1", "d4"] and (rows["comparisons"] == 6).all()
    assert (rows["group_a"] + rows["group_b"] == "boysgirls").all()
    for row in rows.itertuples():
        own = pairs.set_index("dimension").loc[row.dimension]
        assert row.hedges_g == pytest.approx(own["hedges_g"], rel=1e-9)
        assert row.hedges_g_ci_low < own["hedges_g_ci_low"] and row.hedges_g_ci_high > own["hedges_g_ci_high"]
    assert rows.loc["largest", "picked"] > 0.99 and rows.loc["largest", "bound"] > rows.loc["largest", "size"]
    assert rows.loc["smallest", "bound"] < rows.loc["smallest", "size"]
    assert 2.2 < rows.loc["largest", "critical"] < 3.1, "Bonferroni's is 2.7 for six"


def test_limits_hold_together_and_picking_s_bias_is_smaller_after_correction():
    effects = [0.2] * 6
    true = 0.2 / 1.044  # over the standard deviation of students at large, √(1 + .3²)
    together, raw, corrected, runs = 0, [], [], 120
    for seed in range(runs):
        cells, study = cohort(100 + seed, effects, per=20)
        compared = gender.groups_of(cells, study)
        found = effect_range.comparisons(cells, study, compared, Draws.of(cells, study))
        critical, spread = effect_range.simultaneous(found, 0.95)
        together += bool((np.abs(found.found - true) <= critical * spread).all())
        row = effect_range.extreme(found, "largest", 0.95)
        raw.append(row["size"] - true)
        corrected.append(row["corrected"] - true)
    assert 0.90 <= together / runs <= 0.99, "two standard errors about 95% of 120"
    assert np.mean(raw) > 0.05
    assert abs(np.mean(corrected)) < 0.6 * np.mean(raw)


def test_nothing_to_compare_gives_rows_without_numbers():
    cells, study = cohort(1, [0.1] * 6, schools=2)
    rows = rows_of(cells, study)
    assert (rows["comparisons"] == 0).all()
    assert rows.drop(columns="comparisons").isna().all(axis=None)
