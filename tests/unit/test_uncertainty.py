"""Clustered intervals against scipy, statsmodels and simulation; Holm, Wilson, withholding."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning_survey.uncertainty import cluster_variance, holm, mean, share, t_quantile, wilson, withhold


@pytest.fixture
def clustered():
    rng = np.random.default_rng(11)
    cluster = np.repeat(np.arange(25), rng.integers(5, 60, 25))
    return rng.normal(size=25)[cluster] * 0.5 + rng.normal(size=len(cluster)) + 3, cluster


def test_with_each_student_a_cluster_it_is_the_t_interval(clustered):
    from scipy.stats import ttest_1samp

    x, _ = clustered
    ours = mean(x, np.arange(len(x)), 0.95)
    theirs = ttest_1samp(x, 0).confidence_interval(0.95)
    np.testing.assert_allclose([ours.low, ours.high], [theirs.low, theirs.high], rtol=1e-12)
    assert ours.design_effect == pytest.approx(1)


def test_clustered_interval_is_that_of_statsmodels(clustered):
    import statsmodels.api as sm

    x, cluster = clustered
    fit = sm.OLS(x, np.ones(len(x))).fit(cov_type="cluster", cov_kwds={"groups": cluster}, use_t=True)
    ours = mean(x, cluster, 0.9)
    np.testing.assert_allclose([ours.low, ours.high], fit.conf_int(0.1)[0], rtol=1e-10)
    assert ours.p == pytest.approx(fit.pvalues[0], rel=1e-8)
    assert ours.design_effect > 3


def test_unanswered_are_left_out_and_the_order_of_students_does_not_matter(clustered):
    x, cluster = clustered
    order = np.random.default_rng(0).permutation(len(x))
    whole = mean(x, cluster, 0.95)
    padded = mean(np.append(x[order], [np.nan, np.nan]), np.append(cluster[order], [0, 99]), 0.95)
    np.testing.assert_allclose(
        [padded.value, padded.low, padded.n, padded.clusters], [whole.value, whole.low, len(x), 25]
    )


@pytest.mark.parametrize(
    ("x", "cluster"),
    [([], []), ([np.nan, np.nan], [0, 1]), ([3.0], [0]), ([1.0, 2.0, 3.0], [4, 4, 4]), ([3.2] * 6, [0, 0, 1, 1, 2, 2])],
    ids=["nobody", "no answers", "one student", "one school", "all the same"],
)
def test_no_interval_where_nothing_shows_how_far_off_a_mean_is(x, cluster):
    estimate = mean(np.array(x), np.array(cluster, int), 0.95)
    assert np.isnan([estimate.low, estimate.high, estimate.p, estimate.design_effect]).all()


def test_the_clustered_interval_covers_and_the_naive_one_does_not():
    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(30), 40)
    hits = {"clustered": 0, "naive": 0, "share": 0}
    runs = 400
    for _ in range(runs):
        x = np.sqrt(0.1) * rng.normal(size=30)[cluster] + np.sqrt(0.9) * rng.normal(size=len(cluster))
        for name, codes in (("clustered", cluster), ("naive", np.arange(len(x)))):
            estimate = mean(x, codes, 0.95)
            hits[name] += estimate.low <= 0 <= estimate.high
        above = share((x > 0.8416212335729143).astype(float), cluster, 0.95)
        hits["share"] += above.low <= 0.2 <= above.high
    assert 0.92 < hits["clustered"] / runs < 0.98
    assert 0.92 < hits["share"] / runs < 0.98
    assert hits["naive"] / runs < 0.75


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=60))
def test_limits_of_a_share_lie_around_it_and_within_0_and_1(rows):
    flag, cluster = (np.array(column, float) for column in zip(*rows, strict=True))
    estimate = share(flag, cluster.astype(int), 0.95)
    assert estimate.value == pytest.approx(flag.mean())
    if len(set(cluster)) > 1:
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    else:
        assert np.isnan([estimate.low, estimate.high]).all()


def test_wilson_is_that_of_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    np.testing.assert_allclose(
        wilson(13 / 90, 90, 1.959963984540054), proportion_confint(13, 90, method="wilson"), rtol=1e-12
    )


def test_a_share_of_none_rests_on_clusters_not_on_students():
    few = share(np.zeros(1000), np.arange(1000) % 5, 0.95)
    assert (few.value, few.low) == (0, 0)
    assert few.high == pytest.approx(wilson(0, 5, t_quantile(4, 0.95))[1])


def test_variance_needs_two_clusters_and_more_students_than_parameters():
    u = np.ones((4, 2))
    assert np.isnan(cluster_variance(u, np.zeros(4, int))[0]).all()
    assert np.isnan(cluster_variance(u, np.arange(4), parameters=4)[0]).all()


def test_holm_is_that_of_statsmodels_and_passes_over_nan():
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(2).random(9) ** 3
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)
    with_gap = holm(np.insert(p, 4, np.nan))
    assert np.isnan(with_gap[4])
    np.testing.assert_allclose(np.delete(with_gap, 4), holm(p))
    assert np.isnan(holm(np.full(3, np.nan))).all()


def test_withholding_empties_small_groups_and_keeps_their_rows():
    frame = pd.DataFrame({"group": ["a", "b", "c"], "n": [9, 10, np.nan], "mean": [1.0, 2.0, 3.0]})
    shown = withhold(frame, "n", ["mean"], 10)
    assert shown["group"].tolist() == ["a", "b", "c"]
    assert shown["mean"].isna().tolist() == [True, False, True]
    assert shown["n"].isna().tolist() == [True, False, True]
    assert frame["n"][0] == 9
