"""Polychoric correlations and their covariance: R's numbers, other ways to compute them, known truth, hard cases."""

import numpy as np
import pytest
from golden_values import answers, golden, matrix
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_survey import bivariate_normal as normal
from learning_survey import polychoric_covariance as covariance
from learning_survey import polychoric_estimates as module
from learning_survey.errors import SurveyError
from learning_survey.polychoric_estimates import polychoric, positive_definite, thresholds
from learning_survey.two_way import Tables, TwoWay, choices


def close(a, b, tolerance):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def tables_of(x, codes, cluster=None) -> TwoWay:
    cluster = np.repeat("1", len(x)) if cluster is None else cluster
    keys = np.column_stack([cluster, np.repeat("", len(x)), np.repeat("", len(x))])
    return TwoWay.of(choices(x, codes), [f"i{j + 1}" for j in range(x.shape[1])], codes, keys)


def pair(table) -> Tables:
    """Two items from their two-way table, everybody answering both."""
    table = np.asarray(table, float)
    size = max(table.shape)
    padded = np.zeros((size, size))
    padded[: table.shape[0], : table.shape[1]] = table
    codes = tuple(tuple(range(1, n + 1)) for n in table.shape)
    return Tables(("a", "b"), codes, np.stack([padded.sum(axis=1), padded.sum(axis=0)]), padded[None])


def drawn(R, cuts, n, rng, *, school=0.0, schools=1):
    """Ordinal answers (n, p) from 1: normal variables of correlation R, ``school`` of it shared within schools."""
    L = np.linalg.cholesky(R)
    own = rng.normal(size=(n, len(R))) @ L.T
    which = np.arange(n) % schools
    shared = (rng.normal(size=(schools, len(R))) @ L.T)[which]
    z = np.sqrt(school) * shared + np.sqrt(1 - school) * own
    return 1.0 + np.stack([np.searchsorted(cuts, z[:, j]) for j in range(len(R))], axis=1), which.astype(str)


# ---------------------------------------------------------------- the bivariate normal


def test_probability_is_that_of_scipy():
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(5)
    h, k = rng.normal(size=(2, 300)) * 2
    h[:20], k[10:30] = 0.0, 0.0
    rho = np.concatenate([np.tanh(rng.normal(size=270) * 1.5), np.repeat([0.999999, -0.999999, 0.0], 10)])
    expected = [multivariate_normal.cdf([a, b], cov=[[1, r], [r, 1]]) for a, b, r in zip(h, k, rho, strict=True)]
    close(normal.probability(h, k, rho), expected, 1e-14)


def test_probability_at_infinite_limits_is_univariate():
    from scipy.special import ndtr

    far = np.array([np.inf, -np.inf])
    close(normal.probability(far, np.array(0.3), np.array(0.5)), [ndtr(0.3), 0.0], 1e-15)
    close(normal.probability(far[:, None], far, np.array(-0.5)), [[1, 0], [0, 0]], 1e-15)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-0.95, 0.95))
def test_density_and_its_slope_are_derivatives_of_the_probability(h, k, rho):
    at, step = (np.array(x) for x in (h, k)), 1e-5
    h, k = at
    by = [normal.probability(h, k, np.array(rho + d)) for d in (-step, step)]
    close(normal.density(h, k, np.array(rho)), (by[1] - by[0]) / (2 * step), 2e-6)
    by = [normal.density(h, k, np.array(rho + d)) for d in (-step, step)]
    np.testing.assert_allclose(normal.density_slope(h, k, np.array(rho)), (by[1] - by[0]) / (2 * step), 1e-4, 1e-7)


# ---------------------------------------------------------------- against R


def test_pairwise_correlations_and_thresholds_agree_with_psych():
    _, x = answers("bfi")
    fit = polychoric(tables_of(x, [tuple(range(1, 7))] * 25).pooled())
    r = golden("bfi_polychoric")
    close(fit.tau, matrix(r["tau"]), 1e-12)
    # psych ends its search when rho moves by less than 1.2e-4; it is up to 2e-5 away. Its correction for continuity
    # has no effect here: it is applied only where thresholds are those of each pair.
    close(fit.matrix, matrix(r["correct_0"]), 3e-5)
    assert r["correct_0"] == r["correct_0.5"]


@pytest.mark.parametrize("data", ["bfi", "syn2k"])
def test_listwise_correlations_and_thresholds_agree_with_lavaan(data):
    r = golden(f"{data}_cfa")["WLSMV"]
    names, x = answers(data)
    expected = matrix(r["polychoric_listwise"])
    at = [names.index(name) for name in r["polychoric_listwise"]["rows"]]
    x = x[~np.isnan(x[:, at]).any(axis=1)][:, at]
    points = 6 if data == "bfi" else 5
    fit = polychoric(tables_of(x, [tuple(range(1, points + 1))] * len(at)).pooled())
    # Seven items of bfi are reversed for the model.
    sign = np.where(np.isin(r["polychoric_listwise"]["rows"], ["A1", "C4", "C5", "E1", "E2", "O2", "O5"]), -1, 1)
    sign = sign if data == "bfi" else np.ones(len(at))
    close(fit.matrix * np.outer(sign, sign), expected, 1e-7)
    tau = {(q["lhs"], q["rhs"]): q for q in r["params"] if q["op"] == "|"}
    own = [[tau[name, f"t{k + 1}"] for k in range(points - 1)] for name in r["polychoric_listwise"]["rows"]]
    turned = np.where(sign[:, None] < 0, -fit.tau[:, ::-1], fit.tau)
    close(turned, [[q["est"] for q in row] for row in own], 1e-9)
    # lavaan divides covariances of estimates by N - 1.
    se = np.where(sign[:, None] < 0, fit.se_tau()[:, ::-1], fit.se_tau()) * np.sqrt(len(x) / (len(x) - 1))
    close(se, [[q["se"] for q in row] for row in own], 1e-9)


ORDINAL = [("bfi", "listwise"), ("bfi", "pairwise"), ("ability", "pairwise")]


@pytest.fixture(params=ORDINAL, ids=" ".join)
def of_lavaan(request):
    """What lavaan gives for items with 6, 6, 6, 3 and 2 points, or of five with two, and the rows behind them."""
    data, deletion = request.param
    if data == "bfi":
        names, x = answers("bfi")
        x = x[:, [names.index(name) for name in ("A1", "A2", "C1", "E3", "N1")]].copy()
        x[:, 3] = np.ceil(x[:, 3] / 2)
        x[:, 4] = np.where(np.isnan(x[:, 4]), np.nan, x[:, 4] > 3)
        codes = [tuple(range(1, 7))] * 3 + [(1, 2, 3), (0, 1)]
    else:
        x, codes = np.array(golden("ordinal")[data]["answers"], float), [(0, 1)] * 5
    x = x[~np.isnan(x).any(axis=1)] if deletion == "listwise" else x[~np.isnan(x).all(axis=1)]
    return golden("ordinal")[data][deletion], x, codes


def test_the_covariance_of_estimates_agrees_with_lavaan(of_lavaan):
    r, x, codes = of_lavaan
    fit = polychoric(tables_of(x, codes).pooled())
    assert len(x) == r["n"]
    close(fit.matrix, r["r"], 2e-8)
    close(fit.tau[fit.cuts], r["thresholds"], 1e-9)
    V = covariance.from_rows(fit, choices(x, codes))
    gamma = np.array(r["gamma"], float)
    np.testing.assert_allclose(V * len(x), gamma, rtol=1e-5, atol=1e-7)
    close(np.concatenate([fit.se_tau()[fit.cuts], fit.se_r()]), np.sqrt(np.diag(V)), 1e-14)


@pytest.mark.parametrize("data", ["bfi", "ability"])
def test_pairs_agree_with_polycor(data):
    """The function of polycor takes thresholds from the pair's own table; so does a pair alone."""
    for r in golden("ordinal")[data]["pairs"]:
        # R's optimize is content within 1e-4 or so.
        close(polychoric(pair(r["table"])).r, r["two_step"], 5e-5)


# ---------------------------------------------------------------- other ways to the same numbers


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 5))
def test_no_other_correlation_is_more_likely(seed, rows, columns):
    table = np.random.default_rng(seed).integers(0, 30, size=(rows, columns)) + np.eye(rows, columns, dtype=int)
    tables = pair(table)
    fit = polychoric(tables)
    grid = np.append(np.linspace(-0.999, 0.999, 400), np.clip(fit.r, -0.9999999, 0.9999999))
    p = module.cell_probabilities(fit.tau[:1], fit.tau[1:], grid)[0]
    with np.errstate(divide="ignore"):
        log_likelihood = (tables.pairs * np.log(np.where(tables.pairs > 0, p, 1))).sum(axis=(1, 2))
    assert log_likelihood.argmax() == 400 or log_likelihood.max() - log_likelihood[400] < 1e-7


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_relabelling_changes_nothing_but_signs(seed):
    table = np.random.default_rng(seed).integers(1, 40, size=(4, 3))
    r, se = polychoric(pair(table)).r, polychoric(pair(table)).se_r()
    close(polychoric(pair(table.T)).r, r, 1e-9)
    close(polychoric(pair(table[::-1])).r, -r, 1e-9)
    close(polychoric(pair(table[::-1])).se_r(), se, 1e-9)
    close(polychoric(pair(table * 9)).r, r, 1e-9)
    close(polychoric(pair(table * 9)).se_r(), se / 3, 1e-9)
    close(thresholds(pair(table * 9).items), thresholds(pair(table).items), 1e-12)


def test_an_influence_is_what_one_more_student_does():
    rng = np.random.default_rng(8)
    x, _ = drawn(np.array([[1, 0.5, 0.2], [0.5, 1, 0.4], [0.2, 0.4, 1]]), [-1, 0, 0.7], 40_000, rng)
    x[rng.random(x.shape) < 0.1] = np.nan
    codes = [(1, 2, 3, 4)] * 3
    fit = polychoric(tables_of(x, codes).pooled())
    more = np.concatenate([x, [[1, 4, np.nan]]])
    moved = polychoric(tables_of(more, codes).pooled())
    np.testing.assert_allclose((moved.r - fit.r)[:2], [fit.on_r[0, 0, 3], fit.on_r[1, 0, 4]], rtol=0.02, atol=5e-7)
    np.testing.assert_allclose(moved.tau - fit.tau, [fit.on_tau[0, 0], fit.on_tau[1, 3], np.zeros(3)], rtol=0.001)
    close((moved.r - fit.r)[2], fit.on_r[2, 3, 4], 5e-7)


def test_clusters_of_one_student_are_independent_students():
    rng = np.random.default_rng(9)
    x, _ = drawn(np.array([[1, 0.5], [0.5, 1]]), [-1, 0.5], 300, rng)
    x[rng.random(x.shape) < 0.1] = np.nan
    x = x[~np.isnan(x).all(axis=1)]
    codes = [(1, 2, 3)] * 2
    tables = tables_of(x, codes, np.arange(len(x)).astype(str))
    fit, parts = polychoric(tables.pooled()), tables.by("cluster")[1]
    r, tau = fit.clustered(parts)
    factor = np.sqrt(len(x) / (len(x) - 1))
    close(r, fit.se_r() * factor, 1e-12)
    close(tau, fit.se_tau() * factor, 1e-12)
    V = covariance.from_clusters(fit, parts)
    close(V, covariance.from_rows(fit, choices(x, codes)) * factor**2, 1e-14)
    close(np.sqrt(np.diag(V)), np.concatenate([tau[fit.cuts], r]), 1e-14)


# ---------------------------------------------------------------- known truth


@pytest.mark.parametrize("school", [0.0, 0.15])
def test_standard_errors_are_those_of_repeated_samples(school):
    """Thresholds and correlations of 400 samples spread as their clustered errors say, and on their true values."""
    rng = np.random.default_rng(11)
    R, cuts = np.array([[1, 0.6, 0.3], [0.6, 1, 0.0], [0.3, 0.0, 1]]), np.array([-1.2, -0.3, 0.8])
    truth = np.concatenate([np.tile(cuts, 3), [0.6, 0.3, 0.0]])
    found, errors = [], []
    for _ in range(400):
        x, which = drawn(R, cuts, 1000, rng, school=school, schools=50)
        tables = tables_of(x, [(1, 2, 3, 4)] * 3, which)
        fit = polychoric(tables.pooled())
        r, tau = fit.clustered(tables.by("cluster")[1])
        found.append(np.concatenate([fit.tau.ravel(), fit.r]))
        errors.append(np.concatenate([tau.ravel(), r]))
    found, errors = np.array(found), np.array(errors)
    close(found.mean(axis=0), truth, 4 * found.std(axis=0).max() / 20)
    np.testing.assert_allclose(np.sqrt((errors**2).mean(axis=0)), found.std(axis=0), rtol=0.13)
    covered = (np.abs(found - truth) < 2.01 * errors).mean()
    assert 0.93 < covered < 0.97


def test_with_normal_variables_hardly_cut_it_is_their_pearson_correlation():
    rng = np.random.default_rng(12)
    z = rng.normal(size=(20_000, 2)) @ np.array([[1, 0.7], [0, np.sqrt(0.51)]])
    x = 1.0 + np.stack([np.searchsorted(np.linspace(-2.4, 2.4, 24), c) for c in z.T], axis=1)
    fit = polychoric(tables_of(x, [tuple(range(1, 26))] * 2).pooled())
    close(fit.r, np.corrcoef(z.T)[0, 1], 2e-3)
    close(fit.se_r(), (1 - 0.7**2) / np.sqrt(20_000), 3e-4)


# ---------------------------------------------------------------- hard cases


def test_an_empty_category_changes_nothing_and_has_no_threshold():
    table = np.array([[20, 5, 4], [6, 30, 9], [1, 8, 22]])
    plain = polychoric(pair(table))
    spread = np.zeros((5, 5), int)
    spread[np.ix_([0, 2, 3], [1, 2, 4])] = table
    fit = polychoric(pair(spread))
    close(fit.r, plain.r, 1e-12)
    close(fit.se_r(), plain.se_r(), 1e-12)
    assert fit.cuts.tolist() == [[True, False, True, False], [False, True, True, False]]
    close(fit.tau[fit.cuts], plain.tau[plain.cuts], 1e-12)
    close(fit.se_tau()[fit.cuts], plain.se_tau()[plain.cuts], 1e-12)


def test_a_zero_cell_is_an_estimate_like_any_other():
    fit = polychoric(pair([[30, 8, 0], [9, 25, 10], [2, 7, 31]]))
    assert 0.7 < fit.r[0] < 0.95
    assert 0 < fit.se_r()[0] < 0.1


@pytest.mark.parametrize("table", [np.diag([10, 20, 30]), [[20, 0], [7, 30]], [[20, 9], [0, 30]]])
def test_perfect_association_is_one_without_a_standard_error(table):
    fit, turned = polychoric(pair(table)), polychoric(pair(np.asarray(table)[::-1]))
    assert (fit.r[0], turned.r[0]) == (1.0, -1.0)
    assert np.isnan([fit.se_r()[0], turned.se_r()[0]]).all()


def test_a_pair_that_nobody_answered_has_no_correlation():
    x = np.array([[1, 1, np.nan], [2, 2, np.nan], [1, 2, np.nan], [2, 1, 1], [np.nan, 1, 2], [np.nan, 2, 2]])
    fit = polychoric(tables_of(x, [(1, 2)] * 3).pooled())
    assert fit.n.tolist() == [4, 1, 3]
    x[3] = [2, 1, np.nan]
    fit = polychoric(tables_of(np.vstack([x, [np.nan, 2, 1]]), [(1, 2)] * 3).pooled())
    assert np.isnan(fit.r).tolist() == [False, True, False]
    assert np.isnan(fit.se_r()[1])
    with pytest.raises(SurveyError, match="items 1 and 3 have no correlation"):
        positive_definite(fit.matrix)


@pytest.mark.parametrize("values", [[1, 1, 1, 1], [np.nan] * 4])
def test_an_item_without_differences_is_named(values):
    x = np.column_stack([[1, 2, 1, 2], values, [2, 2, 1, 1]]).astype(float)
    with pytest.raises(SurveyError, match="answered i2 gave the same answer"):
        polychoric(tables_of(x, [(1, 2)] * 3).pooled())


def test_correlations_that_do_not_fit_together_are_drawn_in_and_said_so():
    impossible = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    R, fits = positive_definite(impossible)
    assert not fits
    assert np.linalg.eigvalsh(R)[0] > 0
    close(np.diag(R), 1, 1e-12)
    close(R, R.T, 1e-15)
    assert np.sign(R).tolist() == np.sign(impossible).tolist()
    possible = np.array([[1, 0.9], [0.9, 1]])
    assert positive_definite(possible)[0] is possible
