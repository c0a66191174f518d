"""Ordinal factor models: lavaan's WLSMV on real and simulated answers, derivatives, known truth, what is refused."""

import numpy as np
import pytest
from golden_values import answers, golden
from ordinal_samples import by_gender, complete, items_of, sample_of, scales_of

from learning_survey import cfa_builders, cfa_wls, cfa_wls_moments
from learning_survey.cfa_ordinal import LEVELS, invariant, ordinal
from learning_survey.cfa_standardised import standardised
from learning_survey.errors import SurveyError
from learning_survey.polychoric_estimates import polychoric
from learning_survey.two_way import TwoWay, choices


def close(a, b, tolerance):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def of(cell: str, table: list[dict]) -> dict:
    """The line of lavaan's parameter table of a parameter named as here."""
    rows = {q["lhs"] + q["op"] + q["rhs"]: q for q in table}
    return rows.get(cell) or rows["~~".join(reversed(cell.split("~~")))]


def agrees(fit: cfa_wls.Fit, r: dict, table: list[dict]) -> None:
    rows = [of(label, table) for label in fit.model.parameters]
    close(fit.x, [q["est"] for q in rows], 1e-5)
    close(np.sqrt(np.diag(fit.vcov)), [q["se"] for q in rows], 2e-6)
    full = standardised(fit)
    rows = [of(c.name, table) for _, c in full.cells if c.matrix in ("lambda", "psi")]
    close([v for (_, c), v in zip(full.cells, full.values, strict=True) if c.matrix in ("lambda", "psi")],
          [q["std.all"] for q in rows], 1e-5)  # fmt: skip
    assert fit.converged and fit.identified and fit.admissible
    fits(fit, r)


def fits(fit: cfa_wls.Fit, r: dict) -> None:
    scaled = fit.indices()
    assert fit.df == r["df"]
    own = {
        "chisq": fit.chi2,
        "chisq.scaled": fit.scaled,
        "chisq.scaling.factor": fit.scaling,
        "cfi.scaled": scaled.cfi,
        "tli.scaled": scaled.tli,
        "rmsea.scaled": scaled.rmsea,
        "rmsea.ci.lower.scaled": scaled.rmsea_low,
        "rmsea.ci.upper.scaled": scaled.rmsea_high,
        "srmr": fit.srmr(),
    }
    for name, value in own.items():
        np.testing.assert_allclose(value, r[name], rtol=1e-5, atol=1e-9, err_msg=name)


# ---------------------------------------------------------------- against lavaan


@pytest.mark.parametrize("data", ["bfi", "syn2k"])
def test_estimates_errors_and_fit_agree_with_lavaan(data):
    r = golden(f"{data}_cfa")
    scales = scales_of(r["model"])
    x, codes, items = items_of(data, scales)
    sample = sample_of(complete(x), codes, items)
    fit = cfa_wls.fit(ordinal(cfa_builders.correlated(scales), sample.points(items)), [sample])
    agrees(fit, r["WLSMV"]["fit"], r["WLSMV"]["params"])
    plain, r = fit.indices(scaled=False), r["WLSMV"]["fit"]
    np.testing.assert_allclose(
        [plain.cfi, plain.tli, plain.rmsea], [r["cfi"], r["tli"], r["rmsea"]], rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize(("data", "deletion"), [("bfi", "listwise"), ("bfi", "pairwise"), ("ability", "pairwise")])
def test_items_of_two_and_more_points_agree_with_lavaan(data, deletion):
    if data == "bfi":
        items, x = ["A1", "A2", "C1", "E3", "N1"], answers("bfi")[1]
        x = x[:, [answers("bfi")[0].index(i) for i in items]].copy()
        x[:, 3], x[:, 4] = np.ceil(x[:, 3] / 2), np.where(np.isnan(x[:, 4]), np.nan, x[:, 4] > 3)
        codes = [tuple(range(1, 7))] * 3 + [(1, 2, 3), (0, 1)]
    else:
        items, x = (
            ["reason.4", "letter.7", "matrix.45", "rotate.3", "rotate.8"],
            np.array(golden("ordinal")[data]["answers"], float),
        )
        codes = [(0, 1)] * 5
    r = golden("ordinal")[data][deletion]
    x = complete(x) if deletion == "listwise" else x[~np.isnan(x).all(axis=1)]
    sample = sample_of(x, codes, items)
    fit = cfa_wls.fit(ordinal(cfa_builders.one_factor(items, name="f"), sample.points(items)), [sample])
    agrees(fit, r["fit"], r["parameters"])


@pytest.fixture(scope="module")
def genders():
    return by_gender()


@pytest.mark.parametrize("level", LEVELS)
def test_invariance_across_gender_agrees_with_lavaan(genders, level):
    scales, items, samples = genders
    model = invariant(cfa_builders.correlated(scales, std=True), samples[0].points(items), ["male", "female"], level)
    fits(cfa_wls.fit(model, samples), golden("bfi_invariance_gender")["WLSMV"]["fits"][level])


# ---------------------------------------------------------------- other ways to the same numbers


def drawn(rng, n, loadings, cuts, mean=0.0):
    """Answers from 1 of items on one factor, each its own loading and cuts, residual variances 1 - loading²."""
    factor = mean + rng.normal(size=n)
    z = factor[:, None] * loadings + rng.normal(size=(n, len(loadings))) * np.sqrt(1 - np.square(loadings))
    return 1.0 + np.stack([np.searchsorted(own, column) for own, column in zip(cuts, z.T, strict=True)], axis=1)


LOADINGS = np.array([0.8, 0.7, 0.6, 0.75, 0.5, 0.65])
CUTS = [(-1.2, -0.2, 0.9), (-0.8, 0.3, 1.2), (-1.5, -0.5, 0.5), (-0.6, 0.2, 1.0), (-1, 0, 1), (-0.9, -0.1, 0.7)]
CODES = [(1, 2, 3, 4)] * 6
ITEMS = [f"i{j + 1}" for j in range(6)]


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
def test_derivatives_are_those_of_the_implied_moments(parameterization):
    rng = np.random.default_rng(1)
    sample = sample_of(drawn(rng, 500, LOADINGS, CUTS), CODES)
    scales = {"f": ITEMS[:3], "g": ITEMS[3:]}
    model = ordinal(cfa_builders.correlated(scales), sample.points(ITEMS), parameterization)
    if parameterization == "theta":
        model = invariant(cfa_builders.correlated(scales, std=True), sample.points(ITEMS), ["a", "b"], "metric")
    samples = [sample] * len(model.groups)
    x = cfa_wls.fit(model, samples).x + rng.normal(size=len(model.parameters)) * 0.05
    step = 1e-6
    for k in range(len(x)):
        ends = [cfa_wls_moments.implied(model, samples, x + s * step * np.eye(len(x))[k]) for s in (1, -1)]
        for at, high, low in zip(cfa_wls_moments.implied(model, samples, x), *ends, strict=True):
            close(at.by_all(len(x))[:, k], (high.values - low.values) / (2 * step), 1e-8)


def test_both_parameterizations_are_the_same_model():
    sample = sample_of(drawn(np.random.default_rng(2), 800, LOADINGS, CUTS), CODES)
    fits = [
        cfa_wls.fit(ordinal(cfa_builders.one_factor(ITEMS, std=True), sample.points(ITEMS), p), [sample])
        for p in ("delta", "theta")
    ]
    close(fits[0].chi2, fits[1].chi2, 1e-8)
    close(fits[0].scaled, fits[1].scaled, 1e-6)
    shared = [[v for (_, c), v in zip(s.cells, s.values, strict=True) if c.matrix == "lambda"]
              for s in map(standardised, fits)]  # fmt: skip
    close(shared[0], shared[1], 1e-7)


# ---------------------------------------------------------------- known truth


def test_estimates_and_the_chi_square_are_right_on_average():
    """200 samples of 500: loadings unbiased, their errors those of the samples, and 5% of true models rejected."""
    from scipy.special import chdtrc

    rng = np.random.default_rng(3)
    found, errors, p = [], [], []
    for _ in range(200):
        sample = sample_of(drawn(rng, 500, LOADINGS, CUTS), CODES)
        fit = cfa_wls.fit(ordinal(cfa_builders.one_factor(ITEMS, std=True), sample.points(ITEMS)), [sample])
        found.append(fit.x[:6])
        errors.append(np.sqrt(np.diag(fit.vcov))[:6])
        p.append(chdtrc(fit.df, fit.scaled))
    found, errors = np.array(found), np.array(errors)
    close(found.mean(axis=0), LOADINGS, 0.008)
    np.testing.assert_allclose(errors.mean(axis=0), found.std(axis=0), rtol=0.16)
    assert 0.93 < (np.abs(found - LOADINGS) < 1.96 * errors).mean() < 0.97
    assert 0.01 < np.mean(np.array(p) < 0.05) < 0.1
    assert 0.45 < np.mean(p) < 0.56


def test_clusters_of_one_student_are_independent_students():
    """But for the factor of a sample, and what each adds with itself to the second trace, small with many."""
    x = drawn(np.random.default_rng(10), 3000, LOADINGS, CUTS)
    alone, clustered = in_schools(x, np.arange(3000))
    np.testing.assert_allclose(clustered.vcov, alone.vcov * 3000 / 2999, rtol=1e-9)
    np.testing.assert_allclose(clustered.scaling, alone.scaling, rtol=0.01)


def in_schools(x, school):
    """One factor with students independent, and with the errors of schools."""
    keys = np.column_stack([school, np.repeat("", len(x)), np.repeat("", len(x))]).astype(str)
    tables = TwoWay.of(choices(x, CODES), ITEMS, CODES, keys)
    estimates = polychoric(tables.pooled())
    sample = cfa_wls_moments.sample(estimates, choices(x, CODES))
    fit = cfa_wls.fit(ordinal(cfa_builders.one_factor(ITEMS, std=True), sample.points(ITEMS)), [sample])
    return fit, cfa_wls.tested(fit, [sample.clustered(estimates, *tables.by("cluster"))])


def test_errors_and_the_chi_square_know_the_schools():
    """150 samples of 60 schools that differ in each item by itself: only the clustered test keeps its level.

    27 moments, nearly half as many as schools: the spread of p says whether the second trace is right.
    """
    from scipy.special import chdtrc

    rng, p, found, errors = np.random.default_rng(11), [], [], []
    for _ in range(150):
        school = np.repeat(np.arange(60), 20)
        z = rng.normal(size=1200)[:, None] * LOADINGS + rng.normal(size=(1200, 6)) * np.sqrt(0.8 - LOADINGS**2)
        z += np.sqrt(0.2) * rng.normal(size=(60, 6))[school]
        x = 1.0 + np.stack([np.searchsorted(own, column) for own, column in zip(CUTS, z.T, strict=True)], axis=1)
        fits = in_schools(x, school)
        p.append([chdtrc(fit.df, fit.scaled) for fit in fits])
        found.append(fits[0].x[:6])
        errors.append(np.sqrt([np.diag(fit.vcov)[:6] for fit in fits]))
    alone, clustered = np.mean(np.array(p) < 0.05, axis=0)
    assert alone > 0.2
    assert 0.01 < clustered < 0.1
    assert 0.24 < np.std(p, axis=0)[1] < 0.33
    np.testing.assert_allclose(np.mean(errors, axis=0)[1], np.std(found, axis=0), rtol=0.17)


def test_more_moments_than_schools_leave_the_test_its_spread():
    """100 samples of 40 schools, 10 items, 45 correlations: mean and spread are those of chi-square."""
    rng, items, codes = np.random.default_rng(12), [f"i{j}" for j in range(10)], [(1, 2, 3, 4)] * 10
    loadings, cuts = np.tile(LOADINGS, 2)[:10], np.array([-1, 0, 1])
    model, statistic = cfa_builders.one_factor(items, std=True), []
    for _ in range(100):
        factor, school = rng.normal(size=1600), np.repeat(np.arange(40), 40)
        z = factor[:, None] * loadings + rng.normal(size=(1600, 10)) * np.sqrt(0.9 - loadings**2)
        z += np.sqrt(0.1) * rng.normal(size=(40, 10))[school]
        x = 1.0 + np.searchsorted(cuts, z)
        keys = np.column_stack([school, np.repeat("", 1600), np.repeat("", 1600)]).astype(str)
        tables = TwoWay.of(choices(x, codes), items, codes, keys)
        estimates = polychoric(tables.pooled())
        sample = cfa_wls_moments.sample(estimates, choices(x, codes))
        fit = cfa_wls.fit(ordinal(model, sample.points(items)), [sample])
        clustered = sample.clustered(estimates, *tables.by("cluster"))
        fit = cfa_wls.tested(fit, [clustered])
        statistic.append(fit.scaled)
    np.testing.assert_allclose(np.mean(statistic), fit.df, rtol=0.06)
    np.testing.assert_allclose(np.std(statistic), np.sqrt(2 * fit.df), rtol=0.25)


def two_groups(rng, loadings=LOADINGS, cuts=CUTS, mean=0.5):
    x = [drawn(rng, 2000, LOADINGS, CUTS), drawn(rng, 2000, loadings, cuts, mean)]
    samples = [sample_of(own, CODES) for own in x]
    points = samples[0].points(ITEMS)

    def at(level, released=()):
        return cfa_wls.fit(invariant(cfa_builders.one_factor(ITEMS, std=True), points, "ab", level, released), samples)

    return at


def test_equal_groups_fit_at_every_level_and_their_means_differ_as_planted():
    from scipy.special import chdtrc

    at = two_groups(np.random.default_rng(4))
    for level in LEVELS:
        fit = at(level)
        assert chdtrc(fit.df, fit.scaled) > 0.01
    k = fit.model.parameters.index("general~1 (b)")
    close(fit.x[k], 0.5, 3 * np.sqrt(fit.vcov[k, k]))
    assert [at(level).df for level in LEVELS] == [18, 24, 29, 34]


def test_a_planted_loading_spoils_metric_and_a_planted_intercept_scalar_invariance():
    from scipy.special import chdtrc

    other = LOADINGS.copy()
    other[2] = 0.25
    at = two_groups(np.random.default_rng(5), loadings=other)
    assert chdtrc(at("thresholds").df, at("thresholds").scaled) > 0.01
    assert chdtrc(at("metric").df, at("metric").scaled) < 1e-6
    freed = at("metric", ["general=~i3"])
    assert chdtrc(freed.df, freed.scaled) > 0.01

    moved = [tuple(np.array(own) - (0.6 if j == 4 else 0)) for j, own in enumerate(CUTS)]
    at = two_groups(np.random.default_rng(6), cuts=moved)
    assert chdtrc(at("metric").df, at("metric").scaled) > 0.01
    assert chdtrc(at("scalar").df, at("scalar").scaled) < 1e-6
    freed = at("scalar", ["i5~1"])
    assert chdtrc(freed.df, freed.scaled) > 0.01


# ---------------------------------------------------------------- what is refused


def test_a_category_that_one_group_did_not_use_is_named():
    rng = np.random.default_rng(7)
    x = drawn(rng, 400, LOADINGS, CUTS)
    other = x.copy()
    other[other[:, 1] == 4, 1] = 3
    samples = [sample_of(x, CODES), sample_of(other, CODES)]
    model = invariant(cfa_builders.one_factor(ITEMS, std=True), samples[0].points(ITEMS), "ab", "thresholds")
    with pytest.raises(SurveyError, match=r"group b: the categories in use of i2 are not"):
        cfa_wls.fit(model, samples)


def test_perfectly_associated_items_are_named():
    x = drawn(np.random.default_rng(8), 300, LOADINGS, CUTS)
    x[:, 5] = x[:, 0]
    with pytest.raises(SurveyError, match="i1 and i6 are perfectly associated"):
        sample_of(x, CODES)


def test_two_items_do_not_make_a_model():
    sample = sample_of(drawn(np.random.default_rng(9), 300, LOADINGS[:2], CUTS[:2]), CODES[:2])
    model = ordinal(cfa_builders.one_factor(ITEMS[:2], std=True), sample.points(ITEMS[:2]))
    with pytest.raises(SurveyError, match="8 parameters for fewer moments"):
        cfa_wls.fit(model, [sample])
