"""Gaps between extremes: what chance gives, what shrinkage and the other half leave, in schools of known truth."""

import numpy as np
import pytest
from samples import make_cells, make_instrument, make_study

from learning_survey.bands import is_high
from learning_survey.school_gaps import Halves, gaps, other_half
from learning_survey.school_scores import SchoolScores


def cells_of(between, count=40, size=60, seed=3, **resampling):
    """Schools whose true means have a known variance; students' scores in quarters, with variance about .8."""
    rng = np.random.default_rng(seed)
    true = 3 + np.sqrt(between) * rng.normal(size=count)
    school = np.repeat(np.arange(count), size)
    x = np.clip(np.round(4 * (true[school] + 0.9 * rng.normal(size=len(school)))) / 4, 1, 5)
    instrument = make_instrument(dimensions=1)
    names = np.array([f"S{s:02d}" for s in school])
    study = make_study(instrument, schools={"min_students": 20}, resampling={"draws": 400} | resampling)
    return make_cells(instrument, {"d1": x}, school=names), study, x, school, true


def test_the_gap_seen_is_the_range_of_school_means():
    cells, study, x, school, _ = cells_of(0.1)
    found = gaps(cells, study)
    means = np.array([x[school == s].mean() for s in range(40)])
    high = np.array([is_high(x[school == s], study.instrument).mean() for s in range(40)])
    row = found["gaps"].set_index("dimension").loc["d1"]
    assert row["observed"] == pytest.approx(np.ptp(means) / x.std(ddof=1)) and row["n_schools"] == 40
    assert found["gaps_high"]["dimension"].tolist() == ["d1"]
    assert found["gaps_high"]["observed"][0] == pytest.approx(100 * np.ptp(high))


def test_chance_alone_gives_the_range_of_normal_means_and_a_p_that_is_seldom_small():
    cells, study, x, *_ = cells_of(0.1, draws=4000)
    row = gaps(cells, study)["gaps"].iloc[0]
    rng = np.random.default_rng(9)
    ranges = np.ptp(rng.normal(0, 1, (20_000, 40)), axis=1) * np.sqrt(0.81) / np.sqrt(60) / x.std(ddof=1)
    assert row["chance"] == pytest.approx(ranges.mean(), rel=0.04)
    assert row["chance_most"] == pytest.approx(np.quantile(ranges, 0.975), rel=0.06)
    assert row["p"] == pytest.approx(1 / 4001) and row["observed"] > row["chance_most"]
    p = np.array([[gaps(*cells_of(0.0, seed=s)[:2])[t]["p"][0] for t in ("gaps", "gaps_high")] for s in range(30)])
    assert ((p < 0.1).mean(axis=0) < 0.24).all() and (np.abs(p.mean(axis=0) - 0.5) < 0.15).all()


def test_what_is_left_of_a_gap_is_the_true_one_and_the_other_half_agrees():
    rows, true_gap, true_range = [], [], []
    for seed in range(60):
        cells, study, x, school, true = cells_of(0.02, seed=seed)
        rows.append(gaps(cells, study)["gaps"].iloc[0])
        means = np.array([x[school == s].mean() for s in range(40)])
        true_gap.append((true[means.argmax()] - true[means.argmin()]) / x.std(ddof=1))
        true_range.append(np.ptp(true) / x.std(ddof=1))
    mean = {c: np.mean([r[c] for r in rows]) for c in ("observed", "corrected", "true_range", "other_half")}
    assert mean["observed"] > 1.2 * np.mean(true_gap), "the extremes that are seen lie too far apart"
    assert mean["corrected"] == pytest.approx(np.mean(true_gap), rel=0.08)
    assert mean["true_range"] == pytest.approx(np.mean(true_range), rel=0.08)
    assert mean["other_half"] < 0.85 * mean["observed"]
    held = [r["corrected_ci_low"] <= t <= r["corrected_ci_high"] for r, t in zip(rows, true_gap, strict=True)]
    assert np.mean(held) > 0.88
    held = [r["true_range_ci_low"] <= t <= r["true_range_ci_high"] for r, t in zip(rows, true_range, strict=True)]
    assert np.mean(held) > 0.85


def test_halves_share_out_every_student_once():
    cells, study, x, school, _ = cells_of(0.1, count=6, size=41)
    scores = SchoolScores.of(cells, "d1")
    high = scores.high(study.instrument.high_from)
    halves = Halves.of(scores, high, scores.sums() >= 20, study, [1])
    assert halves.means.shape == (2, 200, 6)
    whole = (20 * halves.means[0] + 21 * halves.means[1]) / 41
    np.testing.assert_allclose(whole, np.tile([x[school == s].mean() for s in range(6)], (200, 1)))
    assert halves.means[0].std(axis=0).min() > 0
    spread = np.sqrt(x[school == 2].var(ddof=1) * (1 / 20 - 1 / 41))
    assert halves.means[0][:, 2].std() == pytest.approx(spread, rel=0.15), "as sampling without replacement has it"
    shares = (20 * halves.shares[0] + 21 * halves.shares[1]) / 41
    np.testing.assert_allclose(shares[0], [is_high(x[school == s], study.instrument).mean() for s in range(6)])


def test_the_same_seed_gives_the_same_gaps():
    cells, study, *_ = cells_of(0.1, count=8)
    first, again = gaps(cells, study), gaps(cells, study)
    assert all(first[name].equals(again[name]) for name in first)


def test_schools_more_alike_than_chance_have_no_corrected_gap_and_no_interval_of_it():
    instrument = make_instrument(dimensions=1)
    study = make_study(instrument, schools={"min_students": 20})
    x, school = np.tile([1.0, 2, 3, 4, 5], 40), np.repeat([f"S{k}" for k in range(5)], 40)
    x[:40] += 0.25
    x[:40] -= 0.125 * (np.arange(40) < 39)
    row = gaps(make_cells(instrument, {"d1": x}, school=school), study)["gaps"].iloc[0]
    assert row["observed"] > 0 and row["p"] > 0.5
    assert (row["corrected"], row["true_range"]) == (0, 0)
    assert row[["corrected_ci_low", "corrected_ci_high", "true_range_ci_low"]].isna().all()


def test_schools_that_share_a_place_are_picked_alike():
    """Of small schools several have a share of 100% or none: which of them the table names first must not matter."""
    first, second = np.array([[1.0, 1.0, 0.5, 0.0, 0.0]]), np.array([[0.9, 0.5, 1.0, 0.2, 0.4]])
    row = other_half(np.stack([first, second]), 10, 0.95)
    # Picked in the first half: 0.7 on average less 0.3; in the second: 0.5 less 0.
    assert row["other_half"] == pytest.approx(10 * (0.4 + 0.5) / 2) and row["same_pair"] == 0
    turned = other_half(np.stack([first[:, ::-1], second[:, ::-1]]), 10, 0.95)
    assert turned == pytest.approx(row)
    same = other_half(np.stack([first, first]), 1, 0.95)
    assert same["same_pair"] == pytest.approx(0.25) and same["other_half"] == 1
