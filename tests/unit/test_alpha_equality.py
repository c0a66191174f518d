"""Tests of equal alphas: Feldt's F, how often they reject what is true, groups that cannot be tested."""

import numpy as np
import pytest
from scipy import stats

from learning_survey.alpha_equality import clustered, hakstian_whalen
from learning_survey.moments import Moments


def group(rng, n, share=0.5, p=4) -> np.ndarray:
    return np.sqrt(share) * rng.normal(size=(n, 1)) + np.sqrt(1 - share) * rng.normal(size=(n, p))


def test_two_groups_give_nearly_the_p_of_feldts_f():
    """W = (1 - a) / (1 - b) of two groups is near F with n - 1 of each: Feldt (1969), Psychometrika 34, 363-373."""
    for a, b, n, m in ((0.8, 0.75, 400, 300), (0.7, 0.6, 150, 150), (0.9, 0.89, 1000, 800)):
        p = hakstian_whalen(np.array([a, b]), np.array([float(n), m]), 50)["p"]
        tail = stats.f.cdf((1 - a) / (1 - b), n - 1, m - 1)
        assert abs(p - 2 * min(tail, 1 - tail)) < 0.02


def test_equal_alphas_are_no_difference_and_statistics_have_their_degrees_of_freedom():
    found = hakstian_whalen(np.full(5, 0.8), np.array([50.0, 100, 200, 400, 800]), 4)
    assert found["statistic"] < 1e-9 and found["p"] == 1 and found["df1"] == 4


def test_it_rejects_one_in_twenty_times_among_independent_students():
    from learning_survey.reliability import alpha

    rng, rejected = np.random.default_rng(1), 0
    for _ in range(600):
        n = (80, 120, 200)
        alphas = np.array([float(alpha(np.cov(group(rng, size).T))) for size in n])
        rejected += hakstian_whalen(alphas, np.array(n, float), 4)["p"] < 0.05
    assert 0.03 <= rejected / 600 <= 0.08


def schools(rng, share=(0.5, 0.5), shared=True, count=40) -> list[Moments]:
    """Two groups in ``count`` schools (each in its own half of them, unless shared)."""
    found = []
    for g, part in enumerate(share):
        at = np.repeat(np.arange(count) if shared else np.arange(g, count, 2), 15)
        level = rng.normal(size=(count, 1)) * 0.3
        labels = np.char.zfill(at.astype(str), 2)
        found.append(Moments.of(level[at] + group(rng, len(at), part), list("abcd"), labels))
    return found


@pytest.mark.parametrize("shared", [True, False])
def test_clustered_finds_a_difference_that_is_there(shared):
    rng = np.random.default_rng(2)
    found = clustered(schools(rng, (0.35, 0.65), shared), 1)
    assert found["p"] < 0.001 and found["df1"] == 1 and found["df2"] == (39 if shared else 19)


def test_the_order_of_groups_does_not_matter():
    one = schools(np.random.default_rng(3)) + schools(np.random.default_rng(4), (0.6, 0.4))
    a, b = clustered(one, 1), clustered(one[::-1], 1)
    assert a["statistic"] == pytest.approx(b["statistic"], rel=1e-9) and a["df1"] == 3


def test_groups_that_cannot_be_tested():
    m = schools(np.random.default_rng(5))
    alone = m[0].among(np.arange(40) == 0)
    for groups in ([], m[:1], [m[0], alone]):
        assert np.isnan(clustered(groups, 1)["p"])
    assert np.isnan(hakstian_whalen(np.array([0.8]), np.array([10.0]), 4)["p"])
    # Four groups in four schools: three contrasts, three degrees of freedom left to estimate their covariance.
    few = [x.among(np.arange(40) < 3) for x in m + schools(np.random.default_rng(6))]
    assert np.isnan(clustered(few, 1)["p"])
