"""Effect sizes against R (effectsize, lme4) and Hedges' formulae, coverage by simulation, pairs without an answer."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from samples import make_cells, make_instrument, make_study
from scipy.special import ndtr

from learning_survey import effects, gender, groups
from learning_survey.config import load_study
from learning_survey.group_sample import Sample
from learning_survey.uncertainty import Estimate

GOLDEN = json.loads((ROOT / "tests/golden/effects.json").read_text(encoding="utf-8"))
SCALES = {"agree": "agreeableness", "neuroticism": "neuroticism"}
PAIRS = {"gender": ("gender", "female", "male"), "education": ("education", "HS", "grad degree")}
CATEGORIES = {"categories": [{"id": k, "label": k.capitalize(), "values": [k]} for k in ("boys", "girls", "other")]}
INSTRUMENT = make_instrument()


def alone(x, group):
    return Sample(x, group, np.arange(len(x)), alone=True)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("scale", SCALES)
def test_effects_of_independent_respondents_are_those_of_effectsize(scale, pair):
    golden, (column, a, b) = GOLDEN["bfi"][scale][pair], PAIRS[pair]
    raw = pd.read_csv(ROOT / "tests/data/bfi.csv")
    items = [i for i in load_study("bfi", ROOT).instrument.items if i.dimension == SCALES[scale]]
    score = pd.concat([7 - raw[i.id] if i.reversed else raw[i.id] for i in items], axis=1).mean(axis=1)
    keep = raw[column].isin([a, b]) & score.notna()
    sample = alone(score[keep].to_numpy(), (raw.loc[keep, column] == b).to_numpy().astype(int))
    found = effects.of_pair(sample, INSTRUMENT, 0.95)
    assert [sample.size(0), sample.size(1)] == golden["n"]
    for ours, theirs in (
        ("g_total", "hedges_g"), ("p_superiority", "p_superiority"), ("cliffs_delta", "cliffs_delta")
    ):  # fmt: skip
        assert found[ours] == pytest.approx(golden[theirs], abs=1e-9)
    # effectsize's interval is another approximation, of independent respondents as ours is here.
    limits = [found["p_superiority_ci_low"], found["p_superiority_ci_high"]]
    np.testing.assert_allclose(limits, golden["p_ci"], atol=0.004)
    assert found["ordinal_check"] == "agrees"
    assert np.isnan([found["g_within"], found["g_between"], found["schools_both"]]).all(), "there are no schools"


@pytest.fixture(scope="module")
def balanced():
    """The balanced part of High School and Beyond of the golden values, with its two groups of schools."""
    data, n = pd.read_csv(ROOT / "tests/data/multilevel/hsb82.csv"), GOLDEN["hedges_2007"]["n"]
    data = data[data.groupby("school")["mAch"].transform("size") >= n].groupby("school").head(n)
    school = data["school"].rank(method="dense").to_numpy().astype(int) - 1
    group = (school % 3 != 0).astype(int)
    return Sample(data["mAch"].to_numpy() + np.where(group == 0, 2, 0), group, school)


def test_standardisers_of_groups_of_schools_are_those_of_hedges_and_lme4(balanced):
    golden = GOLDEN["hedges_2007"]
    found = effects.standardised(balanced, 0.95)
    between, within = np.sqrt(golden["components"])
    assert [found.sd_within, found.sd_between] == pytest.approx([within, between], rel=1e-6)
    assert found.sd_total == pytest.approx(np.hypot(within, between), rel=1e-6)
    for name in ("total", "within", "between"):
        assert getattr(found, name).value == pytest.approx(golden["d"][name], rel=0.01), "J is the only difference"
    d = golden["difference"] / groups.pooled_sd(balanced)
    n, N = golden["n"], balanced.students
    rho = golden["components"][0] / sum(golden["components"])
    assert d * np.sqrt(1 - 2 * (n - 1) * rho / (N - 2)) == pytest.approx(
        golden["difference"] / found.sd_total, rel=1e-7
    )


def test_intervals_of_groups_of_schools_are_near_hedges_where_his_design_holds(balanced):
    """His variance between schools takes the intraclass correlation as known, so ours is wider there."""
    golden = GOLDEN["hedges_2007"]["variance"]
    found = effects.standardised(balanced, 0.95)
    se = {name: half_width(getattr(found, name)) / 2 for name in golden}
    for name in ("total", "within"):
        assert se[name] == pytest.approx(np.sqrt(golden[name]), rel=0.06)
    assert 0.95 < se["between"] / np.sqrt(golden["between"]) < 1.25


def test_cr2_of_group_means_is_that_of_club_sandwich():
    data = pd.read_csv(ROOT / "tests/data/multilevel/hsb82.csv")
    group = (np.arange(1, len(data) + 1) % 3 != 0).astype(int)
    school = data["school"].rank(method="dense").to_numpy().astype(int) - 1
    sample = Sample(data["mAch"].to_numpy(), group, school)
    means, sizes = (np.array([of(g) for g in (0, 1)]) for of in (sample.mean, sample.size))
    influence = np.where(group[:, None] == [0, 1], (sample.x[:, None] - means) / sizes, 0)
    np.testing.assert_allclose(sample.cr2(influence), GOLDEN["cr2"], rtol=1e-9)
    alone = Sample(sample.x, group, school, alone=True).cr2(influence)
    np.testing.assert_allclose(
        np.diag(alone), [sample.squares(g) / n / (n - 1) for g, n in enumerate(sizes)], rtol=1e-9
    )


def half_width(e: Estimate) -> float:
    return (e.high - e.low) / 2


def test_counted_students_are_the_same_as_students_one_by_one():
    rng = np.random.default_rng(4)
    school = np.repeat(np.arange(20), 30)
    x = np.round(3 + 0.4 * rng.normal(size=20)[school] + rng.normal(size=600), 1)
    who = rng.choice(["boys", "girls"], 600)
    study = make_study(INSTRUMENT, gender=CATEGORIES)
    cells = make_cells(INSTRUMENT, {"d1": x}, school=[f"S{s:02d}" for s in school], gender=who)
    row = effects.effects(cells, INSTRUMENT, gender.groups_of(cells, study)).iloc[0]
    found = effects.of_pair(Sample(x, (who == "girls").astype(int), school), INSTRUMENT, 0.95)
    for name, value in found.items():
        assert row[name] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)


def sample_of(rng, *, crossed, schools=60, per=25, icc=0.12, difference=0.3):
    school = np.repeat(np.arange(schools), rng.integers(per // 2, 3 * per // 2, schools))
    group = rng.integers(0, 2, len(school)) if crossed else school % 2
    x = 3 + np.sqrt(icc) * rng.normal(size=schools)[school] + np.sqrt(1 - icc) * rng.normal(size=len(school))
    return Sample(x + np.where(group == 0, difference, 0), group, school)


@pytest.mark.parametrize("crossed", [True, False], ids=["groups cross schools", "groups of schools"])
def test_intervals_hold_the_truth(crossed):
    rng, runs, icc, difference = np.random.default_rng(11), 400, 0.12, 0.3
    cut = INSTRUMENT.high_from
    truth = {
        "g_total": difference,
        "g_within": difference / np.sqrt(1 - icc),
        "g_between": difference / np.sqrt(icc),
        "p_superiority": ndtr(difference / np.sqrt(2)),
        "share_difference": 100 * (ndtr(3 + difference - cut) - ndtr(3 - cut)),
    }
    held = dict.fromkeys(truth, 0)
    for _ in range(runs):
        found = effects.of_pair(sample_of(rng, crossed=crossed), INSTRUMENT, 0.95)
        for name, true in truth.items():
            held[name] += found[f"{name}_ci_low"] <= true <= found[f"{name}_ci_high"]
    # Of 400 intervals that hold the truth in 95%, 92.8% to 97.2% do, two standard errors aside.
    assert {name: count / runs for name, count in held.items() if not 0.925 <= count / runs <= 0.975} == {}


def test_ranks_that_tell_another_story_are_found():
    """One student in ten of the second group is far off: means differ, the order of the rest is the other way."""
    group = np.repeat([0, 1], 500)
    x = np.where(group == 0, 3.0, 3.2) + np.tile(np.linspace(-0.5, 0.5, 50), 20)
    x[group == 1] -= np.where(np.arange(500) % 10 == 0, 8, 0)
    assert effects.of_pair(Sample(x, group, np.arange(1000) % 40), INSTRUMENT, 0.95)["ordinal_check"] == "differs"


def test_what_cannot_be_told_is_empty():
    x = np.random.default_rng(0).normal(3, 1, 120)
    lonely = effects.of_pair(Sample(x, np.repeat([0, 1], 60), np.repeat([0, 1], 60)), INSTRUMENT, 0.95)
    assert lonely["g_total"] == pytest.approx(groups.hedges_g(x[:60], x[60:], 0.95).value)
    empty = ["g_total_ci_low", "g_within", "g_between", "p_superiority_ci_low", "share_difference_ci_low"]
    assert np.isnan([lonely[name] for name in empty]).all()
    apart = effects.of_pair(Sample(np.where(np.arange(80) < 40, 1.0, 5.0) + x[:80] / 100, np.repeat([0, 1], 40),
                                   np.arange(80) % 8), INSTRUMENT, 0.95)  # fmt: skip
    assert apart["p_superiority"] == 0 and np.isnan(apart["p_superiority_ci_low"])
    assert apart["share_difference"] == -100 and np.isnan(apart["share_difference_ci_low"])
    assert apart["ordinal_check"] is None


def test_groups_that_are_small_or_constant_have_rows_without_numbers():
    study = make_study(INSTRUMENT, gender=CATEGORIES)
    who = ["boys"] * 40 + ["girls"] * 40 + ["other"] * 9 + [None] * 20
    scores = {"d1": np.resize([1.0, 2.0, 3.0], 109), "d2": np.full(109, 2.0)}
    cells = make_cells(INSTRUMENT, scores, school=[f"S{k % 9}" for k in range(109)], gender=who)
    table = effects.effects(cells, INSTRUMENT, gender.groups_of(cells, study)).set_index(["dimension", "group_b"])
    assert table.loc[("d1", "girls"), "g_total"].notna().all()
    numbers = table.drop(columns=["group_a", "ordinal_check", "n_a"])
    assert numbers.loc[("d1", "other")].isna().all(axis=None)
    assert numbers.drop(columns="n_b").loc["d2"].isna().all(axis=None)
