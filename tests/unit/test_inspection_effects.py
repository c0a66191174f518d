"""The two compared ratings against R, and against truth: size, power and coverage in simulated schools."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from samples import make_cells, make_instrument, make_study

from learning_survey.inspection_effects import (
    SIZES,
    WIDTHS,
    Pair,
    T,
    bayes_factor,
    detectable,
    effects,
    equivalence,
    equivalence_p,
    noncentral,
    power,
    powers,
    rating_estimate,
)

GOLDEN = json.loads((ROOT / "tests/golden/inspection.json").read_text(encoding="utf-8"))
RATINGS = ["Outstanding", "Good", "Requires improvement"]


def golden_pair(variable="LEAD01", shift=0.0):
    kind = np.array(GOLDEN["kind"]) == 1
    y = np.array(GOLDEN["y"][variable]) + shift * kind
    phase = np.unique(GOLDEN["phase"], return_inverse=True)[1]
    return Pair(y, np.array(GOLDEN["n"], float), kind, phase, [str(s) for s in GOLDEN["schools"]])


@pytest.fixture(scope="module")
def study():
    keys = {"inspection": {"ratings": RATINGS, "higher": "Good", "lower": "Outstanding"}}
    return make_study(make_instrument(dimensions=2), **keys)


# ---------------------------------------------------------------- against R


@pytest.mark.parametrize("model", ["unadjusted", "phase", "weighted"])
def test_differences_are_those_of_clubsandwich(model):
    pair, golden = golden_pair(), GOLDEN["effects"][model]
    weights = np.array(GOLDEN["weight"]) if model == "weighted" else None
    estimate, df, p = rating_estimate(pair.fitted(phase=model != "unadjusted", weights=weights), 0.95, robust=True)
    assert estimate.value == pytest.approx(golden["beta"], rel=1e-8)
    assert (df, p) == pytest.approx((golden["df"], golden["p"]), rel=1e-6)
    from scipy.stats import t

    assert (estimate.high - estimate.value) / t.ppf(0.975, df) == pytest.approx(golden["se"], rel=1e-8)


@pytest.mark.parametrize("model", ["unadjusted", "phase"])
def test_equivalence_is_that_of_the_noncentral_t_distribution(model):
    found, golden = T.of(golden_pair(), phase=model == "phase"), GOLDEN["equivalence"][model]
    assert (found.t, found.df, found.size) == pytest.approx((golden["t"], golden["df"], golden["size"]), rel=1e-8)
    assert equivalence_p(found, 0.5) == pytest.approx(golden["p_equivalence"], rel=1e-6)


def test_bayes_factors_are_those_of_the_bayesfactor_package():
    found = T.of(golden_pair(), phase=False)
    for name, width in WIDTHS.items():
        assert 1 / bayes_factor(found, width) == pytest.approx(GOLDEN["bf01"][name], rel=1e-5)
    far = T.of(golden_pair(shift=0.4), phase=False)
    assert 1 / bayes_factor(far, WIDTHS["medium"]) == pytest.approx(GOLDEN["bf01_far"], rel=1e-4)


def test_power_is_that_of_r():
    assert [power(d, 12, 28, 0.05) for d in SIZES] == pytest.approx(GOLDEN["power"], rel=1e-7)
    assert power(0.5, 20, 20, 0.05) == pytest.approx(GOLDEN["power_equal"], rel=1e-7)
    d = detectable(12, 28, 0.05)
    assert power(d, 12, 28, 0.05) == pytest.approx(0.8, abs=1e-9) and np.isnan(detectable(1, 30, 0.05))


# ---------------------------------------------------------------- against truth


def drawn(rng, d=0.0, sizes=(14, 23), phase_effect=0.0):
    """Schools whose means have variance 1 inside a rating and phase; phase goes with the rating, but not wholly."""
    higher = np.repeat([True, False], sizes)
    phase = (rng.random(len(higher)) < np.where(higher, 0.7, 0.4)).astype(np.int64)
    y = rng.normal(size=len(higher)) + d * higher + phase_effect * phase
    return Pair(y, np.full(len(y), 100.0), higher, phase, [f"S{k}" for k in range(len(y))])


def test_a_planted_difference_is_found_at_the_rate_that_the_stated_power_predicts():
    rng, runs = np.random.default_rng(43), 1500
    for d in (0.0, 0.3, 0.8):
        p = np.array([rating_estimate(drawn(rng, d).fitted(phase=False), 0.95, robust=True)[2] for _ in range(runs)])
        stated = power(d, 14, 23, 0.05) if d else 0.05
        assert (p < 0.05).mean() == pytest.approx(stated, abs=3 * np.sqrt(stated * (1 - stated) / runs))


def test_phase_is_adjusted_for_and_intervals_cover():
    rng, runs, held, plain = np.random.default_rng(7), 600, 0, []
    for _ in range(runs):
        pair = drawn(rng, 0.3, phase_effect=1.5)
        estimate, *_ = rating_estimate(pair.fitted(phase=True), 0.95, robust=True)
        held += estimate.low <= 0.3 <= estimate.high
        plain.append(rating_estimate(pair.fitted(phase=False), 0.95, robust=True)[0].value)
    assert 0.93 < held / runs < 0.97
    assert np.mean(plain) > 0.6, "without adjustment the phase passes for the rating"


def test_equivalence_is_claimed_of_a_difference_at_the_bound_in_one_case_of_twenty_at_most():
    rng, runs = np.random.default_rng(11), 1500
    rates = {}
    for d in (0.0, 0.5):
        p = [equivalence_p(T.of(drawn(rng, d, (60, 60)), phase=False), 0.5) for _ in range(runs)]
        rates[d] = np.mean(np.array(p) < 0.05)
    assert rates[0.5] == pytest.approx(0.05, abs=0.017) and rates[0.0] > 0.6


def test_the_interval_lies_within_the_bounds_just_when_the_tests_say_alike():
    for t in (-1.2, 0.0, 0.4, 2.0):
        found = T(t, 200.0, 50.0)
        limits = noncentral(found, 0.9)
        assert (max(-limits.low, limits.high) < 0.5) == (equivalence_p(found, 0.5) < 0.05)


# ---------------------------------------------------------------- tables


@pytest.fixture(scope="module")
def made():
    """40 schools of 60 students; d1: Good .5 higher inside a phase; d2: nothing. More primary schools are Good."""
    rng = np.random.default_rng(5)
    names = [f"S{s:02d}" for s in range(40)]
    rating = np.where(np.arange(40) % 5 < 3, "Good", "Outstanding")
    phase = np.where(rng.random(40) < np.where(rating == "Good", 0.7, 0.3), "primary", "secondary")
    school = np.repeat(np.arange(40), 60)
    effect = rng.normal(0, 0.3, (40, 2)) + 0.6 * (phase == "primary")[:, None]
    effect[:, 0] += 0.5 * (rating == "Good")
    scores = {d: 3 + effect[school, k] + rng.normal(size=len(school)) for k, d in enumerate(("d1", "d2"))}
    cells = make_cells(make_instrument(dimensions=2), scores, school=np.array(names)[school])
    means = {d: [x[school == s].mean() for s in range(40)] for d, x in scores.items()}
    rows = pd.concat(
        pd.DataFrame({"dimension": d, "school": names, "n": 60.0, "mean": m, "rating": rating})
        for d, m in means.items()
    )
    return cells, rows, dict(zip(names, phase, strict=True))


def pairs_of(made, study):
    _, rows, phases = made
    return {d: Pair.of(rows, d, phases, study.inspection) for d in ("d1", "d2")}


def test_every_model_finds_the_planted_difference_and_adjustment_takes_the_phase_out(made, study):
    table = effects(pairs_of(made, study), made[0], study).set_index(["dimension", "model"])
    assert table.index.get_level_values("model").unique().tolist() == ["unadjusted", "phase", "weighted", "mixed"]
    for model in ("phase", "weighted", "mixed"):
        row = table.loc[("d1", model)]
        assert row["difference_ci_low"] < 0.5 < row["difference_ci_high"] and row["p_holm"] < 0.01
        assert table.loc[("d2", model), "p_holm"] > 0.05
    assert table.loc[("d2", "unadjusted"), "difference"] > table.loc[("d2", "phase"), "difference"] + 0.05
    assert (table["n_higher"] == 24).all() and (table["n_lower"] == 16).all()
    pair = pairs_of(made, study)["d1"]
    assert table.loc[("d1", "phase"), "effect"] == pytest.approx(table.loc[("d1", "phase"), "difference"] / pair.sd)
    assert table.loc[("d1", "mixed"), "difference"] == pytest.approx(table.loc[("d1", "phase"), "difference"], abs=0.05)


def test_verdicts_of_equivalence_follow_from_the_tests(made, study):
    table = equivalence(pairs_of(made, study), study).set_index(["dimension", "model"])
    assert table.loc[("d1", "phase"), "verdict"] == "different"
    assert table.loc[("d1", "phase"), "bf01_medium"] < 0.1
    assert table.loc[("d2", "phase"), "verdict"] == "open", "40 schools cannot show that there is no difference"
    wide = make_study(study.instrument, inspection={**study.inspection.model_dump(by_alias=True), "equivalence": 2.0})
    assert equivalence(pairs_of(made, wide), wide)["verdict"].tolist()[2:] == ["alike", "alike"]


def test_power_is_that_of_the_schools_at_hand(made, study):
    table = powers(pairs_of(made, study), study)
    assert table["d"].tolist() == list(SIZES) and table["power"].is_monotonic_increasing
    assert table["power"].iloc[1] == power(0.3, 24, 16, 0.05)


def test_a_rating_that_is_its_phase_has_no_adjusted_difference(made, study):
    cells, rows, _ = made
    phases = dict(zip(rows["school"], np.where(rows["rating"] == "Good", "primary", "secondary"), strict=True))
    pairs = {"d1": Pair.of(rows, "d1", phases, study.inspection)}
    table = effects(pairs, cells, study).set_index("model")
    assert table.loc[["phase", "weighted", "mixed"], ["difference", "p"]].isna().all(axis=None)
    assert table.loc["unadjusted", "p"] < 0.05
    found = equivalence(pairs, study).set_index("model")
    assert found.loc["unadjusted", "t"] > 2 and np.isnan(found.loc["phase", "t"])


@pytest.mark.parametrize("keep", [["Good"], [], ["Good", "Outstanding"]])
def test_too_few_schools_or_schools_all_alike_have_no_numbers(made, study, keep):
    cells, rows, phases = made
    rows = rows[rows["rating"].isin(keep)].assign(mean=3.0)
    pairs = {"d1": Pair.of(rows, "d1", phases, study.inspection)}
    table = effects(pairs, cells, study)
    assert table[["difference", "effect", "df", "p", "p_holm"]].isna().all(axis=None)
    assert equivalence(pairs, study)[["d", "t", "p", "bf01_wide"]].isna().all(axis=None)
    assert len(powers(pairs, study)) == (5 if len(keep) == 2 else 0)


def test_a_study_that_compares_no_pair_has_no_rows(made, study):
    assert effects({}, made[0], study).empty and equivalence({}, study).empty and powers({}, study).empty
