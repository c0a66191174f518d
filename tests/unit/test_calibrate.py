"""Calibration: its pieces against independent computations, and its result on a seed that it was not made with."""

import numpy as np
import pytest
from conftest import ROOT

from learning_survey import calibrate as cal
from learning_survey import calibration_check as checking
from learning_survey.calibration import load_calibration
from learning_survey.claims import load_published
from learning_survey.config import load_study
from learning_survey.groups import hedges_g
from learning_survey.minres import loadings, uniquenesses
from learning_survey.rotation import promax
from learning_survey.simulate import simulate


@pytest.fixture(scope="module")
def study():
    return load_study("phase_one", ROOT)


@pytest.fixture(scope="module")
def claims(study):
    return cal.published_claims(study)


@pytest.fixture(scope="module")
def cohort(study):
    return simulate(load_calibration(study), study.instrument, study.study, 5)


@pytest.fixture(scope="module")
def measured(cohort, study):
    return cal.measure(cohort, study.instrument)


def pattern_of(R, published):
    a = loadings(R, uniquenesses(R, published.shape[1]), published.shape[1])
    return cal.aligned(promax(a)[0], published), (a**2).sum(axis=1)


def test_target_correlations_give_the_printed_pattern(study, claims):
    printed = cal.printed_pattern(claims, study.instrument)
    reliability = np.array([float(claims[f"reliability.{d}"]) for d in study.instrument.dimension_ids]) + 0.005
    R = cal.target_correlations(printed, reliability, np.full((9, 3), 0.02))
    assert np.allclose(np.diag(R), 1) and np.linalg.eigvalsh(R)[0] > 0
    pattern, communality = pattern_of(R, printed)
    assert np.abs(pattern - printed).max() < 0.025
    assert (communality < reliability + 0.01).all()
    # Without the limit on communalities one of them would pass its reliability: the printed pattern is at a boundary.
    _, unlimited = pattern_of(cal.target_correlations(printed, np.ones(9) * 2, np.full((9, 3), 0.02)), printed)
    assert (unlimited > reliability).any()


def test_composite_reliability_is_alpha_for_equal_loadings_and_more_for_others():
    alpha = np.array([0.6, 0.8])
    assert np.allclose(cal.composite_reliability(alpha, np.ones((2, 4))), alpha)
    ratios = np.array([[0.8, 1.2, 1.2, 0.8]])
    omega = cal.composite_reliability(np.array([0.81]), ratios)[0]
    # By hand: loadings in these ratios whose covariances give alpha .81.
    size = np.linspace(0.5, 0.83, 200001)[:, None] * ratios
    cov = size.sum(axis=1) ** 2 - (size**2).sum(axis=1)
    at = np.abs(4 / 3 * (1 - 4 / (4 + cov)) - 0.81).argmin()
    expected = size[at].sum() ** 2 / (size[at].sum() ** 2 + (1 - size[at] ** 2).sum())
    assert omega == pytest.approx(expected, abs=1e-4) and omega > 0.82


def test_loadings_of_a_clearer_factor_are_less_uncertain(study, claims, cohort):
    printed = cal.printed_pattern(claims, study.instrument)
    unit = cal.uncertainty([cohort], printed, study.instrument)
    assert unit.shape == (9, 3) and unit.min() > 0.005 and unit.max() < 0.1
    # Two variables mark the factor of safety: where it lies is less certain than where the others lie.
    assert unit[[6, 8], 2].mean() > unit[:, 1].mean()


def test_aligned_undoes_order_and_direction():
    published = np.random.default_rng(0).normal(size=(9, 3))
    assert np.allclose(cal.aligned(published[:, [2, 0, 1]] * [-1, 1, -1], published), published)


def test_measures_agree_with_independent_formulas(cohort, measured, study):
    items, dims = cal.scores(cohort, study.instrument)
    complete = ~np.isnan(items).any(axis=1)
    part = items[complete][:, :4]
    expected = 4 / 3 * (1 - part.var(axis=0, ddof=1).sum() / part.sum(axis=1).var(ddof=1))
    assert measured.alpha[0] == pytest.approx(expected, abs=0.003)
    assert dims[complete][0] == pytest.approx(items[complete][0].reshape(9, 4).mean(axis=1))
    assert measured.share == pytest.approx(np.nanmean(np.where(np.isnan(dims), np.nan, dims >= 3.5), axis=0))
    boys, girls = (dims[cohort.gender == k, 3] for k in (0, 1))
    g = hedges_g(boys[~np.isnan(boys)], girls[~np.isnan(girls)], 0.95)
    assert measured.gender_g[0, 3] == pytest.approx(g.value, abs=1e-6)
    school = dims[cohort.school == 4, 2]
    assert measured.means[4, 2] == pytest.approx(np.nanmean(school))
    assert measured.variances[4, 2] == pytest.approx(np.nanvar(school, ddof=1))


def test_a_score_needs_its_least_number_of_answers(cohort, study):
    items, dims = cal.scores(cohort, study.instrument)
    answered = (~np.isnan(items)).reshape(len(items), 9, 4).sum(axis=2)
    assert np.array_equal(np.isnan(dims), answered < 3) and np.isnan(dims).any()


def test_intraclass_correlations_are_as_intended(measured):
    assert measured.icc1.min() > 0.08 and measured.icc1.max() < 0.18 and 0.10 < measured.icc1.mean() < 0.14


def test_steps_bring_the_figures_nearer(study, claims, monkeypatch):
    monkeypatch.setattr(cal, "SEEDS", (1, 2))
    monkeypatch.setattr(cal, "STEPS", 5)
    monkeypatch.setattr(cal, "WEIGHTED_FROM", 5)  # not in these steps
    off = []
    cal.calibrate(study, claims, lambda step, worst: off.append(worst))
    for kind, first, last in (("share", 0.05, 0.005), ("alpha", 0.01, 0.005), ("correlations", 0.01, 0.01)):
        assert off[0][kind] > first and off[-1][kind] < last, kind
    assert off[-1]["effect"] < 0.05 < off[0]["effect"]


def test_the_file_is_what_calibration_writes(study):
    path = ROOT / "config" / "calibration" / "phase_one.yaml"
    assert cal.as_yaml(load_calibration(study)) == path.read_text(encoding="utf-8")


# ---------------------------------------------------------------- the check


@pytest.fixture(scope="module")
def checked(study):
    published, matched = load_published("phase_one", ROOT)
    return checking.check(load_calibration(study), study, published, matched, [5])[5], matched


def test_another_seed_recovers_the_published_figures(checked):
    results, _ = checked
    assert checking.share_within(results) >= 0.95
    assert [c.claim_id for c in results if not c.numeric and not c.holds] == []


def test_every_claim_is_checked_but_the_external_one(checked):
    results, matched = checked
    left = {m.claim.claim_id for m in matched} - {c.claim_id for c in results}
    assert left == {"schools.strong_culture_leadership"}


def test_a_cohort_of_another_kind_fails_the_check(study):
    """Flip test: without school differences, gender and key-stage shifts the claims about them do not hold."""
    c = load_calibration(study)
    none = dict.fromkeys(study.instrument.dimension_ids, 0.0)
    flat = c.model_copy(
        update={
            "gender": c.gender.model_copy(update={"shifts": dict.fromkeys(c.gender.shifts, none)}),
            "key_stages": c.key_stages.model_copy(update={"shifts": dict.fromkeys(c.key_stages.shifts, none)}),
            "top_school": c.top_school.model_copy(update={"effect": none}),
            "bottom_school": c.bottom_school.model_copy(update={"effect": none}),
        }
    )
    published, matched = load_published("phase_one", ROOT)
    held = {r.claim_id: r.holds for r in checking.check(flat, study, published, matched, [5])[5]}
    for claim in ("gender.order", "gender.effect_min", "key_stage.decline.learning", "schools.top_bottom_significant"):
        assert not held[claim], claim
    assert not any(v for k, v in held.items() if k.startswith("schools.top_bottom_effect"))
    assert held["sample.students"] and held["inspection.schools_rated"]


def test_the_table_has_a_row_for_each_claim(checked):
    results, _ = checked
    lines = checking.table({5: results, 6: results}).splitlines()
    assert len(lines) == len(results) + 2
    row = next(line for line in lines if "`sample.students`" in line)
    assert row == "| `sample.students` | 29940 | 29940 | 29940 | 29940 | 0.000 | 2 of 2 |"
    assert "seed 5: " in checking.seed_line(5, results)
