"""Maximum likelihood with gaps: R's numbers on real data, the truth on simulated data, Little's test on each."""

import numpy as np
import pytest
from golden_values import answers
from scipy.stats import chi2, multivariate_normal

from learning_survey import em

# lavaan 0.6-14 on R 4.2.2, cfa(..., missing = "fiml") of the 25 bfi items: fitMeasures, unrestricted.logl.
BFI_UNRESTRICTED_LOGL = -111941.247044862


def normal(rng, n, p=5, r=0.5):
    return rng.multivariate_normal(np.arange(p), (1 - r) * np.eye(p) + r, n)


def test_the_likelihood_of_the_bfi_is_lavaans():
    x = answers("bfi")[1]
    model = em.fit(em.arranged([x]))
    assert model.loglikelihood() == pytest.approx(BFI_UNRESTRICTED_LOGL, abs=1e-6)
    assert model.answers.n == 2800 and model.answers.complete == 2436


def test_blocks_of_rows_do_not_matter():
    x = answers("bfi")[1]
    whole, parts = em.fit(em.arranged([x])), em.fit(em.arranged([x[:7], x[7:1500], x[1500:]]))
    np.testing.assert_allclose(parts.cov, whole.cov, atol=1e-6)
    assert parts.little()[0] == pytest.approx(whole.little()[0], abs=1e-4)


def test_without_gaps_it_is_the_sample():
    x = normal(np.random.default_rng(1), 300)
    model = em.fit(em.arranged([x]))
    np.testing.assert_allclose(model.mean, x.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(model.cov, np.cov(x, rowvar=False, bias=True), atol=1e-12)
    logl = multivariate_normal(model.mean, model.cov).logpdf(x).sum()
    assert model.loglikelihood() == pytest.approx(logl, rel=1e-12)


def test_rows_without_an_answer_change_nothing():
    x = normal(np.random.default_rng(2), 200)
    x[:20, 0] = np.nan
    model, more = (em.fit(em.arranged([y])) for y in (x, np.vstack([x, np.full((30, 5), np.nan)])))
    assert more.answers.n == 200
    np.testing.assert_allclose(more.cov, model.cov, atol=1e-12)


def test_the_likelihood_and_distances_are_those_of_each_rows_own_answers():
    rng = np.random.default_rng(3)
    x = normal(rng, 80)
    x[rng.random(x.shape) < 0.3] = np.nan
    x = x[~np.isnan(x).all(axis=1)]
    model, total = em.fit(em.arranged([x])), 0.0
    for row in x:
        o = ~np.isnan(row)
        total += multivariate_normal(model.mean[o], model.cov[np.ix_(o, o)]).logpdf(row[o])
    assert model.loglikelihood() == pytest.approx(total, rel=1e-10)
    found = np.empty(len(x))
    for group in em.grouped(x):
        found[group.at] = group.distance(model.mean, np.linalg.inv(model.cov))
    for row, distance in zip(x, found, strict=True):
        o = ~np.isnan(row)
        d = row[o] - model.mean[o]
        assert distance == pytest.approx(d @ np.linalg.solve(model.cov[np.ix_(o, o)], d), rel=1e-9)


def test_what_is_missing_at_random_is_repaired_and_the_mean_of_the_answered_is_not():
    rng = np.random.default_rng(4)
    x = normal(rng, 40_000, p=3, r=0.7)
    x[x[:, 0] > 0, 2] = np.nan  # those with a high first answer never give the last: missing at random, not completely
    model = em.fit(em.arranged([x]))
    assert np.nanmean(x[:, 2]) < 1.6
    np.testing.assert_allclose(model.mean, [0, 1, 2], atol=0.04)
    np.testing.assert_allclose(model.cov, 0.3 * np.eye(3) + 0.7, atol=0.05)
    chi, df = model.little()
    assert df == 2 and chi2.sf(chi, df) < 1e-10


def test_little_keeps_its_level_when_answers_are_missing_completely_at_random():
    rejected = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = normal(rng, 250, p=4)
        x[rng.random(250) < 0.3, 1] = np.nan
        x[rng.random(250) < 0.2, 3] = np.nan
        chi, df = em.fit(em.arranged([x])).little()
        assert df == 4 + 3 + 3 + 2 - 4
        rejected += chi2.sf(chi, df) < 0.05
    assert 2 <= rejected <= 20  # 10 expected; outside with a chance of about 1 in 500


def test_little_is_its_definition():
    rng = np.random.default_rng(5)
    x = normal(rng, 200, p=3)
    x[:60, 0], x[40:90, 2] = np.nan, np.nan
    model, expected, df = em.fit(em.arranged([x])), 0.0, -3
    for seen in {tuple(row) for row in ~np.isnan(x)}:
        o = np.array(seen)
        own = x[(~np.isnan(x) == o).all(axis=1)][:, o]
        d = own.mean(axis=0) - model.mean[o]
        expected, df = expected + len(own) * d @ np.linalg.solve(model.cov[np.ix_(o, o)], d), df + o.sum()
    assert model.little() == (pytest.approx(expected, rel=1e-8), df)


@pytest.mark.parametrize("kind", ["constant", "never together", "copies", "too many gaps", "no rows"])
def test_where_there_is_no_model_none_is_given(kind):
    x = normal(np.random.default_rng(6), 60)
    if kind == "constant":
        x[:, 1] = 3
    elif kind == "never together":
        x[:30, 0], x[30:, 1] = np.nan, np.nan
    elif kind == "copies":
        x[:, 1] = x[:, 0]
    elif kind == "too many gaps":
        x[:11, 0] = np.nan
    blocks = [] if kind == "no rows" else [x]
    prepared = em.arranged(blocks, 10)
    assert prepared is None or em.fit(prepared) is None
