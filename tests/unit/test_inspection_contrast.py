"""All dimensions at once: Hotelling's T² against R, chances of equal signs, planted differences."""

import json

import numpy as np
import pytest
from conftest import ROOT
from samples import make_instrument, make_study

from learning_survey.inspection_contrast import contrast
from learning_survey.inspection_effects import Pair

GOLDEN = json.loads((ROOT / "tests/golden/inspection.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def study():
    keys = {"inspection": {"ratings": ["Good", "Outstanding"], "higher": "Good", "lower": "Outstanding"}}
    return make_study(make_instrument(), resampling={"draws": 4000}, **keys)


def simulated(correlation, shift=0.0, schools=40, dimensions=9, seed=2):
    """Schools whose dimensions correlate alike; the higher rating has ``shift`` added on each."""
    rng = np.random.default_rng(seed)
    higher = np.arange(schools) % 5 < 2
    y = np.sqrt(correlation) * rng.normal(size=(schools, 1)) + np.sqrt(1 - correlation) * rng.normal(
        size=(schools, dimensions)
    )
    y += shift * higher[:, None]
    names = [f"S{k:02d}" for k in range(schools)]
    phase = np.arange(schools) % 2
    return {f"d{d + 1}": Pair(y[:, d], np.full(schools, 50.0), higher, phase, names) for d in range(dimensions)}


@pytest.mark.parametrize("model", ["unadjusted", "phase"])
def test_hotelling_s_test_is_that_of_r(study, model):
    phase = np.unique(GOLDEN["phase"], return_inverse=True)[1]
    names = [str(s) for s in GOLDEN["schools"]]
    kind = np.array(GOLDEN["kind"]) == 1
    pairs = {d: Pair(np.array(y), np.array(GOLDEN["n"], float), kind, phase, names) for d, y in GOLDEN["y"].items()}
    row, golden = contrast(pairs, study).set_index("model").loc[model], GOLDEN["multivariate"][model]
    assert row[["f", "df1", "df2", "p"]].tolist() == pytest.approx([golden[k] for k in ("f", "df1", "df2", "p")])


def test_one_difference_on_every_dimension_is_one_test(study):
    """With p_every the largest of the one-sided p, and a contrast that is the mean of the differences."""
    pairs = simulated(0.9)
    row = contrast(pairs, study).set_index("model").loc["unadjusted"]
    from scipy.stats import ttest_ind

    tests = [ttest_ind(p.y[p.higher], p.y[~p.higher]) for p in pairs.values()]
    one_sided = [t.pvalue / 2 if t.statistic > 0 else 1 - t.pvalue / 2 for t in tests]
    assert row["p_every"] == pytest.approx(max(one_sided))
    d = [(p.y[p.higher].mean() - p.y[~p.higher].mean()) / p.sd for p in pairs.values()]
    assert row["contrast"] == pytest.approx(np.mean(d)) and row["n_above"] == np.sum(np.array(d) > 0)
    assert row["contrast_ci_low"] < row["contrast"] < row["contrast_ci_high"]
    assert row["p_permutation"] == pytest.approx(row["p_contrast"], abs=0.03)


def test_equal_signs_are_rare_of_independent_dimensions_and_common_of_correlated_ones(study):
    independent = contrast(simulated(0.0), study).set_index("model").loc["unadjusted"]
    assert independent["chance_one_sign"] == pytest.approx(2 * 0.5**9, abs=0.004)
    alike = contrast(simulated(0.91), study).set_index("model").loc["unadjusted"]
    assert alike["chance_one_sign"] > 0.5 and alike["mean_correlation"] == pytest.approx(0.91, abs=0.05)


def test_a_planted_difference_is_found_and_is_above_on_every_dimension(study):
    table = contrast(simulated(0.5, shift=1.8), study).set_index("model")
    for model in ("unadjusted", "phase"):
        row = table.loc[model]
        assert row["n_above"] == 9 and row["p_every"] < 0.01
        assert max(row["p"], row["p_contrast"], row["p_permutation"]) < 0.01
        assert row["contrast_ci_low"] > 0 and row["deals"] == 4000


def test_ratings_are_dealt_within_phases(study):
    """Phase decides rating and mean: without it a difference shows, with it none."""
    rng = np.random.default_rng(4)
    phase = np.repeat([0, 1], 30)
    higher = rng.random(60) < np.where(phase, 0.8, 0.2)
    names = [f"S{k:02d}" for k in range(60)]
    y = 1.5 * phase[:, None] + np.sqrt(0.8) * rng.normal(size=(60, 1)) + np.sqrt(0.2) * rng.normal(size=(60, 4))
    pairs = {f"d{d}": Pair(y[:, d], np.full(60, 50.0), higher, phase, names) for d in range(4)}
    table = contrast(pairs, study).set_index("model")
    assert table.loc["unadjusted", "p_permutation"] < 0.01
    assert table.loc["phase", "p_permutation"] > 0.1


def test_fewer_schools_than_dimensions_have_no_hotelling_and_a_contrast(study):
    row = contrast(simulated(0.5, schools=9), study).set_index("model").loc["unadjusted"]
    assert np.isnan(row["f"]) and np.isnan(row["p"]) and row["df1"] == 9
    assert np.isfinite(row["contrast_ci_low"])


def test_only_schools_with_every_dimension_count_and_no_pair_has_no_row(study):
    pairs = simulated(0.5, dimensions=2)
    short = pairs["d2"]
    pairs["d2"] = Pair(short.y[:-3], short.n[:-3], short.higher[:-3], short.phase[:-3], short.schools[:-3])
    table = contrast(pairs, study)
    assert (table["n_higher"] + table["n_lower"]).tolist() == [37, 37]
    assert contrast({}, study).empty
    apart = {name: Pair(p.y, p.n, p.higher, p.phase, [name + s for s in p.schools]) for name, p in pairs.items()}
    assert contrast(apart, study)["contrast"].isna().all()
