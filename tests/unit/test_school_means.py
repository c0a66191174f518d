"""Shrunken means against the mixed-model equations; comparison intervals and ranks in simulated schools."""

from dataclasses import replace

import numpy as np
import pytest

from learning_survey.school_means import Shrunken, ranking, top_tenth
from learning_survey.uncertainty import t_quantile
from learning_survey.variance_components import Components


def schools_with(between, n=None, seed=1, count=60):
    """Schools whose true means are drawn with a known variance, students' with variance 1; the truth beside them."""
    rng = np.random.default_rng(seed)
    n = rng.integers(15, 200, count).astype(float) if n is None else n
    true = 3 + np.sqrt(between) * rng.normal(size=len(n))
    raw = true + rng.normal(size=len(n)) / np.sqrt(n)
    return Shrunken(n, raw, Components(int(n.sum()), len(n), n.mean(), between, 1.0)), true


def test_shrunken_means_solve_henderson_s_mixed_model_equations():
    rng = np.random.default_rng(6)
    n = np.array([5.0, 12, 40, 7, 100])
    raw = rng.normal(3, 0.5, 5)
    c = Components(int(n.sum()), 5, n.mean(), between=0.2, within=0.9)
    left = np.block([[np.array([[n.sum()]]), n[None, :]], [n[:, None], np.diag(n + 0.9 / 0.2)]]) / 0.9
    solved = np.linalg.solve(left, np.r_[(n * raw).sum(), n * raw] / 0.9)
    inverse = np.linalg.inv(left)
    ours = Shrunken(n, raw, c)
    np.testing.assert_allclose(ours.value, solved[0] + solved[1:], rtol=1e-10)
    # Variance of prediction of mu + u_j: the blocks of the inverse, added up.
    se = np.sqrt(inverse[0, 0] + np.diag(inverse)[1:] + 2 * inverse[0, 1:])
    np.testing.assert_allclose(ours.half(0.95) / 2.7764451051977987, se, rtol=1e-10)
    # Of a difference of two schools the overall mean falls out; its variance is from the block of school effects.
    pair = inverse[1:, 1:]
    difference = ours.difference(1, 3, 0.95)
    assert difference.value == pytest.approx(solved[2] - solved[4])
    half = 2.7764451051977987 * np.sqrt(pair[1, 1] + pair[3, 3] - 2 * pair[1, 3])
    assert difference.high - difference.value == pytest.approx(half)


def test_draws_have_the_means_and_covariances_of_the_equations_where_schools_are_many():
    n = np.r_[5.0, 12, 40, 100, np.full(600, 50.0)]
    ours, _ = schools_with(0.1, n=n)
    drawn = ours.draws(20_000, np.random.default_rng(2))[:, :4]
    np.testing.assert_allclose(drawn.mean(axis=0), ours.value[:4], atol=0.01)
    np.testing.assert_allclose(drawn.std(axis=0), ours.se[:4], rtol=0.02)
    e = ours.difference(0, 3, 0.95)
    assert (drawn[:, 0] - drawn[:, 3]).std() == pytest.approx((e.high - e.value) / t_quantile(603, 0.95), rel=0.02)


def test_draws_of_few_schools_mix_the_equations_over_variances_between_schools():
    ours, _ = schools_with(0.1, n=np.full(5, 20.0))
    drawn = ours.draws(200_000, np.random.default_rng(2))
    # With one size the mean square between five schools has four degrees of freedom.
    square = (1.0 + 20 * 0.1) * 4 / np.random.default_rng(3).chisquare(4, 4000)
    parts = [Shrunken(ours.n, ours.raw, replace(ours.components, between=max(s - 1.0, 0.0) / 20)) for s in square]
    values, errors = (np.array([getattr(part, name) for part in parts]) for name in ("value", "se"))
    np.testing.assert_allclose(drawn.mean(axis=0), values.mean(axis=0), atol=0.01)
    spread = np.sqrt(values.var(axis=0) + (errors**2).mean(axis=0))
    np.testing.assert_allclose(drawn.std(axis=0), spread, rtol=0.03)
    assert (drawn.std(axis=0) > ours.se).all()


def test_comparison_intervals_of_equal_schools_keep_apart_at_the_stated_rate():
    """Goldstein and Healy's own point: with equal errors two intervals of 1.39 standard errors differ at 5%."""
    ours, _ = schools_with(0.1, n=np.full(400, 50.0), count=400)
    half = ours.comparison(0.95, np.ones(400, bool))
    assert half / ours.se == pytest.approx(1.39, abs=0.01)
    ours, _ = schools_with(0.1)
    half, shown = ours.comparison(0.95, np.ones(60, bool)), np.arange(60) != 7
    # Draws about one and the same mean: pairs that keep apart, on average.
    drawn = np.random.default_rng(5).normal(0, ours.se, (4000, 60))
    i, j = np.triu_indices(60, 1)
    apart = (np.abs(drawn[:, i] - drawn[:, j]) > half[i] + half[j]).mean()
    assert apart == pytest.approx(0.05, abs=0.004)
    assert not np.array_equal(ours.comparison(0.95, shown), half), "pairs are of the schools that are shown"


def test_more_schools_than_are_paired_give_nearly_the_same_intervals():
    many, _ = schools_with(0.1, count=1200)
    few, _ = schools_with(0.1, count=300)
    ratio = [s.comparison(0.95, np.ones(len(s.n), bool))[0] / s.se[0] for s in (many, few)]
    assert ratio[0] == pytest.approx(ratio[1], abs=0.01)


def test_intervals_of_ranks_hold_the_true_rank():
    held = []
    for seed in range(40):
        ours, true = schools_with(0.05, seed=seed)
        low, high, top = ranking(ours, np.ones(60, bool), 500, [seed], 0.95)
        rank = np.argsort(np.argsort(-true)) + 1
        held.append(((low <= rank) & (rank <= high)).mean())
        assert top.sum() == pytest.approx(6)
    assert 0.93 < np.mean(held) < 0.985


def test_the_probability_of_the_top_tenth_is_how_often_it_is_true():
    stated, true_top = [], []
    for seed in range(60):
        ours, true = schools_with(0.05, seed=seed)
        stated += list(ranking(ours, np.ones(60, bool), 500, [seed], 0.95)[2])
        true_top += list(np.argsort(np.argsort(-true)) < 6)
    stated, true_top = np.array(stated), np.array(true_top)
    for low, high in ((0.02, 0.3), (0.3, 0.7), (0.7, 0.98)):
        own = (stated > low) & (stated <= high)
        assert true_top[own].mean() == pytest.approx(stated[own].mean(), abs=0.06)


def test_schools_that_differ_by_chance_alone_may_have_any_rank():
    ours = Shrunken(np.full(20, 30.0), np.linspace(2.9, 3.1, 20), Components(600, 20, 30.0, 0.0, 1.0))
    low, high, top = ranking(ours, np.ones(20, bool), 2000, [1], 0.95)
    assert set(low) == {1} and set(high) == {20} and top == pytest.approx(0.1, abs=0.03)
    assert np.isnan(ours.comparison(0.95, np.ones(20, bool))).all()


def test_one_school_and_schools_without_components_have_no_rank():
    one = Shrunken(np.array([30.0]), np.array([3.0]), Components(30, 1, 30.0))
    assert np.isnan(ranking(one, np.ones(1, bool), 100, [1], 0.95)).all()


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (10, 1), (11, 2), (87, 9), (90, 9)])
def test_the_top_tenth_is_rounded_up(count, expected):
    assert top_tenth(count) == expected
