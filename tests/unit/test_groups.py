"""Group comparisons against R (bfi), statsmodels and simulation, and in samples that allow no answer."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from learning_survey.config import load_study
from learning_survey.groups import (
    Sample,
    clustered_g,
    clustered_wald,
    games_howell_p,
    hedges_g,
    trend,
    welch_anova,
)

GOLDEN = json.loads((ROOT / "tests/golden/bfi_groups.json").read_text(encoding="utf-8"))
SCALES = {
    "agree": "agreeableness",
    "conscientious": "conscientiousness",
    "extraversion": "extraversion",
    "neuroticism": "neuroticism",
    "openness": "openness",
}


@pytest.fixture(scope="module")
def bfi():
    """The golden scores: means of whatever was answered, as R's rowMeans(na.rm = TRUE)."""
    raw = pd.read_csv(ROOT / "tests/data/bfi.csv")
    for scale, dimension in SCALES.items():
        items = [i for i in load_study("bfi", ROOT).instrument.items if i.dimension == dimension]
        raw[scale] = pd.concat([7 - raw[i.id] if i.reversed else raw[i.id] for i in items], axis=1).mean(axis=1)
    return raw


@pytest.fixture(scope="module")
def schools():
    """Three groups that cross 30 schools, unequal in size and in spread."""
    rng = np.random.default_rng(8)
    cluster = np.repeat(np.arange(30), rng.integers(20, 80, 30))
    group = rng.choice(3, len(cluster), p=[0.5, 0.35, 0.15])
    x = 0.4 * rng.normal(size=30)[cluster] + (1 + 0.3 * group) * rng.normal(size=len(cluster)) - 0.2 * group
    return Sample(x, group, cluster)


@pytest.mark.parametrize("scale", SCALES)
def test_hedges_g_and_its_interval_are_those_of_effectsize(bfi, scale):
    golden = GOLDEN["by_gender"][scale]
    a, b = (bfi.loc[bfi["gender"] == level, scale].to_numpy() for level in golden["levels"])
    ours = hedges_g(a, b, 0.95)
    np.testing.assert_allclose([a.mean(), b.mean()], golden["mean"], rtol=1e-12)
    assert ours.value == pytest.approx(golden["hedges_g"][0], abs=1e-10)
    np.testing.assert_allclose([ours.low, ours.high], golden["hedges_g"][1:], atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_welch_and_games_howell_are_those_of_r(bfi, scale):
    golden = GOLDEN["by_education"][scale]
    known = bfi[bfi["education"].notna()]
    levels = golden["levels"]
    sample = Sample(known[scale].to_numpy(), known["education"].map(levels.index).to_numpy(), known.index.to_numpy())
    welch = welch_anova(sample)
    assert [welch["statistic"], welch["df1"], welch["df2"], welch["p"]] == pytest.approx(
        [golden["welch"][k] for k in ("F", "df1", "df2", "p")], rel=1e-6
    )
    pairs = games_howell_p(sample)
    assert len(pairs) == 10
    for row in golden["games_howell"]:
        a, b = sorted((levels.index(row["group1"]), levels.index(row["group2"])))
        assert pairs[a, b] == pytest.approx(row["p"], abs=1e-6)


def test_welch_and_games_howell_from_counted_students_are_those_of_pingouin(schools):
    import pingouin

    data = pd.DataFrame({"x": np.round(schools.x, 1), "group": schools.group})
    counted = data.groupby(["group", "x"]).size().reset_index(name="n")
    sample = Sample(counted["x"].to_numpy(), counted["group"].to_numpy(), np.zeros(len(counted), int),
                    counted["n"].to_numpy(float))  # fmt: skip
    theirs = pingouin.welch_anova(data=data, dv="x", between="group").iloc[0]
    ours = welch_anova(sample)
    assert [ours[k] for k in ("statistic", "df1", "df2", "p")] == pytest.approx(
        [theirs[k] for k in ("F", "ddof1", "ddof2", "p_unc")], rel=1e-9
    )
    pairs = games_howell_p(sample)
    for row in pingouin.pairwise_gameshowell(data=data, dv="x", between="group").itertuples():
        assert pairs[row.A, row.B] == pytest.approx(row.pval, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_two_groups_of_independent_students_agree_with_welch_s_t(bfi, scale):
    from scipy.stats import norm

    golden = GOLDEN["by_gender"][scale]
    group = bfi["gender"].map(golden["levels"].index).to_numpy()
    sample = Sample(bfi[scale].to_numpy(), group, np.arange(len(bfi)))
    g, p = clustered_g(sample, 0.95)
    assert g.value == pytest.approx(golden["hedges_g"][0], abs=1e-10)
    assert norm.isf(p / 2) == pytest.approx(norm.isf(golden["welch_t"]["p"] / 2), rel=0.02)
    np.testing.assert_allclose([g.low, g.high], golden["hedges_g"][1:], atol=0.01)


def cluster_fit(x, design, cluster):
    import statsmodels.api as sm

    return sm.OLS(x, design).fit(cov_type="cluster", cov_kwds={"groups": cluster}, use_t=True)


def test_clustered_difference_is_that_of_a_regression_with_clustered_errors(schools):
    part = schools.part([0, 2])
    fit = cluster_fit(part.x, np.column_stack([np.ones(len(part.x)), part.group == 0]), part.cluster)
    _, p = clustered_g(part, 0.95)
    assert p == pytest.approx(fit.pvalues[1], rel=1e-8)


def test_clustered_wald_is_the_f_test_of_a_regression_with_clustered_errors(schools):
    design = np.column_stack([np.ones(len(schools.x)), schools.group == 1, schools.group == 2]).astype(float)
    theirs = cluster_fit(schools.x, design, schools.cluster).f_test(np.eye(3)[1:])
    ours = clustered_wald(schools)
    assert ours["statistic"] == pytest.approx(float(theirs.fvalue), rel=1e-8)
    assert (ours["df1"], ours["df2"]) == (2, 29)
    assert ours["p"] == pytest.approx(float(theirs.pvalue), rel=1e-6)


@pytest.mark.parametrize("robust", [False, True])
def test_trend_is_the_slope_of_a_regression(schools, robust):
    import statsmodels.api as sm

    design = np.column_stack([np.ones(len(schools.x)), schools.group])
    fit = cluster_fit(schools.x, design, schools.cluster) if robust else sm.OLS(schools.x, design).fit()
    ours = trend(schools, 0.95, robust=robust)
    sd = schools.x.std(ddof=1)
    assert ours["statistic"] == pytest.approx(fit.tvalues[1], rel=1e-8)
    assert ours["p"] == pytest.approx(fit.pvalues[1], rel=1e-6)
    np.testing.assert_allclose(
        np.array([ours["slope"], ours["slope_ci_low"], ours["slope_ci_high"]]) * sd,
        [fit.params[1], *fit.conf_int(0.05)[1]],
        rtol=1e-8,
    )


@pytest.mark.parametrize("crossed", [True, False], ids=["groups within schools", "schools within groups"])
def test_clustered_interval_of_g_covers(crossed):
    rng = np.random.default_rng(12)
    cluster = np.repeat(np.arange(40), 30)
    runs, hits, naive_hits = 300, 0, 0
    for _ in range(runs):
        group = rng.integers(0, 2, len(cluster)) if crossed else cluster % 2
        # A school's effect on one group differs from that on the other, so that crossing does not cancel it.
        effect = np.sqrt(0.1) * rng.normal(size=(40, 2))[cluster, group]
        x = effect + np.sqrt(0.9) * rng.normal(size=len(cluster)) + np.where(group == 0, 0.5, 0.0)
        g, _ = clustered_g(Sample(x, group, cluster), 0.95)
        naive = hedges_g(x[group == 0], x[group == 1], 0.95)
        hits += g.low <= 0.5 <= g.high
        naive_hits += naive.low <= 0.5 <= naive.high
    assert 0.92 < hits / runs < 0.985
    assert naive_hits / runs < 0.9


def test_p_clustered_of_few_against_many_schools_rests_on_the_few():
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(42), 20)
    group = (cluster < 2).astype(int)
    x = rng.normal(size=len(cluster)) + np.where(group == 1, 0.3, 0)
    few, _ = clustered_g(Sample(x, group, cluster), 0.95)
    many, _ = clustered_g(Sample(x, (cluster < 21).astype(int), cluster), 0.95)
    assert few.high - few.low > 4 * (many.high - many.low)


@pytest.mark.parametrize(
    "sample",
    [
        Sample(np.empty(0), np.empty(0, int), np.empty(0, int)),
        Sample(np.arange(20.0), np.zeros(20, int), np.arange(20) % 4),
        Sample(np.full(20, 3.2), np.arange(20) % 2, np.arange(20) % 4),
    ],
    ids=["nobody", "one group", "all the same"],
)
def test_samples_that_allow_no_answer_have_none(sample):
    results = [welch_anova(sample), clustered_wald(sample)]
    results += [trend(sample, 0.95, robust=robust) for robust in (False, True)]
    for result in results:
        assert np.isnan(list(result.values())).all()
    assert games_howell_p(sample) == {}


def test_a_group_that_does_not_vary_takes_welch_s_test_away_and_its_own_pairs():
    group = np.arange(60) % 3
    x = np.where(group == 2, 3.0, np.random.default_rng(0).normal(size=60))
    sample = Sample(x, group, np.arange(60))
    assert np.isnan(welch_anova(sample)["p"])
    assert set(games_howell_p(sample)) == {(0, 1)}


def test_too_few_schools_for_the_contrasts_give_no_clustered_test():
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(5), 20)
    sample = Sample(rng.normal(size=100), group, np.tile([0, 1, 2], 34)[:100])
    assert np.isnan(clustered_wald(sample)["p"])


@pytest.mark.parametrize(("a", "b"), [([1.0], [1.0, 2.0]), ([2.0, 2.0], [2.0, 2.0])])
def test_no_g_of_too_few_or_of_constants(a, b):
    assert np.isnan(hedges_g(np.array(a), np.array(b), 0.95).value)
