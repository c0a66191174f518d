"""Maximum likelihood of factor models against lavaan: normal theory, robust, by school, several groups."""

from typing import ClassVar

import numpy as np
import pytest
from cfa_golden import HIGHER, SHORT, SYN2K, by_cell, complete, lavaan, ordered, rows, scales, syn2k_schools
from golden_values import golden

from learning_survey import cfa_builders as build
from learning_survey import cfa_ml, cfa_robust, fit_indices
from learning_survey.cfa_ml import Fit, Sample
from learning_survey.cfa_model import Model, fixed, free
from learning_survey.cfa_standardised import ave, htmt, omega, r_squared, standardised
from learning_survey.errors import SurveyError

MODELS = golden("cfa_models")
CLOSE = {"rtol": 1e-4, "atol": 5e-5}  # lavaan's optimiser stops at gradients of 1e-6


def fitted(data: str) -> Fit:
    return cfa_ml.fit(build.correlated(scales(data)), [Sample.of(complete(rows(data)))])


def same_indices(found: fit_indices.Indices, fit: dict, suffix: str = "") -> None:
    ours = {
        "cfi": found.cfi,
        "tli": found.tli,
        "rmsea": found.rmsea,
        "rmsea.ci.lower": found.rmsea_low,
        "rmsea.ci.upper": found.rmsea_high,
        "rmsea.pvalue": found.p_close,
    }
    for name, value in ours.items():
        if name + suffix in fit:
            assert value == pytest.approx(fit[name + suffix], rel=1e-6, abs=1e-7), name + suffix


@pytest.mark.parametrize("data", ["bfi", "syn2k"])
class TestCorrelatedFactors:
    def test_estimates_errors_and_fit(self, data: str) -> None:
        gold, found = golden(f"{data}_cfa")["ML"], fitted(data)
        assert found.converged and found.identified and found.admissible and found.n == gold["n"]
        np.testing.assert_allclose(found.x, lavaan(gold["params"], found.model, "est"), **CLOSE)
        np.testing.assert_allclose(
            np.sqrt(np.diag(found.vcov)), lavaan(gold["params"], found.model, "se"), rtol=1e-4, atol=1e-6
        )
        fit, test = gold["fit"], fit_indices.ChiSquare(found.chi2, found.df)
        assert found.chi2 == pytest.approx(fit["chisq"], rel=1e-8) and found.df == fit["df"]
        assert test.p == pytest.approx(fit["pvalue"], rel=1e-6, abs=1e-12)
        assert found.loglikelihood == pytest.approx(fit["logl"], rel=1e-10)
        assert fit_indices.aic(found) == pytest.approx(fit["aic"], rel=1e-10)
        assert fit_indices.bic(found) == pytest.approx(fit["bic"], rel=1e-10)
        assert fit_indices.srmr(found) == pytest.approx(fit["srmr"], rel=1e-6)
        base = fit_indices.baseline(found.samples)
        assert (base.chi2, base.df) == (pytest.approx(fit["baseline.chisq"], rel=1e-10), fit["baseline.df"])
        same_indices(fit_indices.plain(test, base, found.n), fit)

    def test_robust_errors_and_scaled_chi_square(self, data: str) -> None:
        gold, found, x = golden(f"{data}_cfa")["MLR"], fitted(data), complete(rows(data))
        robust = cfa_robust.by_row(found, [x])
        np.testing.assert_allclose(
            np.sqrt(np.diag(robust.vcov)), lavaan(gold["params"], found.model, "se"), rtol=2e-4, atol=1e-6
        )
        fit = gold["fit"]
        assert robust.scaling == pytest.approx(fit["chisq.scaling.factor"], rel=1e-6)
        assert robust.chi2 == pytest.approx(fit["chisq.scaled"], rel=1e-6)
        nothing = cfa_ml.fit(build.baseline(found.model.items), found.samples)
        base = fit_indices.ChiSquare(nothing.chi2, nothing.df, cfa_robust.by_row(nothing, [x]).scaling)
        test = fit_indices.ChiSquare(found.chi2, found.df, robust.scaling)
        same_indices(fit_indices.scaled(test, base, found.n), fit, ".scaled")
        same_indices(fit_indices.robust(test, base, found.n), fit, ".robust")

    def test_reliability_and_validity_of_factors(self, data: str) -> None:
        gold, found, own = golden(f"{data}_cfa")["ML"], fitted(data), scales(data)
        for factor in own:
            assert omega(found, factor) == pytest.approx(gold["omega_compRelSEM"][factor], abs=1e-5)
            assert ave(found, factor) == pytest.approx(gold["ave"][factor], abs=1e-5)
        R = np.corrcoef(complete(rows(data)), rowvar=False)
        places = [[found.model.items.index(i) for i in items] for items in own.values()]
        np.testing.assert_allclose(htmt(R, places), gold["htmt"]["values"], atol=1e-12)

    def test_gradient_is_zero_and_the_hessian_that_of_the_discrepancy(self, data: str) -> None:
        found = fitted(data)
        assert np.abs(cfa_ml.objective(found.model, found.samples, found.x)[1]).max() < 1e-8
        hessian = cfa_ml.hessian(found.model, found.samples, found.x)
        for k in (0, 20, 50):
            step = np.zeros(len(found.x))
            step[k] = 1e-5
            above, below = (cfa_ml.objective(found.model, found.samples, found.x + s * step)[1] for s in (1, -1))
            np.testing.assert_allclose((above - below) / 2e-5, hessian[k], rtol=1e-5, atol=1e-6)


def syn2k(model: Model) -> Fit:
    return cfa_ml.fit(model, [Sample.of(complete(rows("syn2k")))])


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("second_order", build.second_order(SYN2K, HIGHER)),
        ("second_order_std_lv", build.second_order(SYN2K, HIGHER, std=True)),
        ("bifactor", build.bifactor(SYN2K)),
        ("one", build.one_factor([i for items in SYN2K.values() for i in items])),
    ],
)
def test_other_models(name: str, model: Model) -> None:
    gold, found = MODELS[name], syn2k(model)
    assert found.chi2 == pytest.approx(gold["fit"]["chisq"], rel=1e-6) and found.df == gold["fit"]["df"]
    assert found.converged and found.identified
    # A factor may point either way: lavaan's bifactor starts elsewhere.
    signs = np.sign(found.x * lavaan(gold["params"], model, "est")) if name == "bifactor" else 1
    np.testing.assert_allclose(found.x * signs, lavaan(gold["params"], model, "est"), rtol=1e-3, atol=3e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(found.vcov)), lavaan(gold["params"], model, "se"), rtol=1e-3, atol=1e-5)
    same_indices(
        fit_indices.plain(fit_indices.ChiSquare(found.chi2, found.df), fit_indices.baseline(found.samples), found.n),
        gold["fit"],
    )


@pytest.mark.parametrize(
    ("name", "model"),
    [("nine_std", build.correlated(SYN2K)), ("second_order", build.second_order(SYN2K, HIGHER))],
)
def test_standardised_values_and_errors(name: str, model: Model) -> None:
    found = syn2k(model)
    std = standardised(found)
    value, error = (by_cell(MODELS[name]["params"], column) for column in ("std", "std_se"))
    cells = [ordered(c.name) for _, c in std.cells]
    np.testing.assert_allclose(std.values, [value[c] for c in cells], atol=2e-4)
    np.testing.assert_allclose(std.se(found.vcov), [error[c] for c in cells], atol=2e-4)


def test_standardised_values_do_not_depend_on_how_the_model_is_identified() -> None:
    one, other = syn2k(build.correlated(SYN2K)), syn2k(build.correlated(SYN2K, std=True))
    assert one.chi2 == pytest.approx(other.chi2, rel=1e-10)
    first, second = (
        dict(zip([c.name for _, c in s.cells], zip(s.values, s.se(f.vcov), strict=True), strict=True))
        for f in (one, other)
        for s in [standardised(f)]
    )
    for name in first:
        assert first[name] == pytest.approx(second[name], abs=1e-7), name


def test_r_squared() -> None:
    (found,) = r_squared(syn2k(build.correlated(SYN2K)))
    np.testing.assert_allclose(found, list(MODELS["nine_r2"].values()), atol=1e-5)


class TestSchools:
    x = complete(rows("syn2k"))
    schools = syn2k_schools()[~np.isnan(rows("syn2k")).any(axis=1)]

    def found(self, model: Model) -> tuple[Fit, cfa_robust.Clusters]:
        clusters = cfa_robust.Clusters.of(self.x, self.schools)
        return cfa_ml.fit(model, [clusters.sample]), clusters

    def test_errors(self) -> None:
        found, clusters = self.found(build.correlated(SYN2K))
        robust, gold = cfa_robust.by_cluster(found, [clusters]), MODELS["nine_cluster"]
        np.testing.assert_allclose(
            np.sqrt(np.diag(robust.vcov)), lavaan(gold["params"], found.model, "se"), rtol=2e-4, atol=1e-6
        )
        std = standardised(found)
        error = by_cell(gold["params"], "std_se")
        np.testing.assert_allclose(std.se(robust.vcov), [error[ordered(c.name)] for _, c in std.cells], atol=1e-5)

    def test_scaled_chi_square(self) -> None:
        """The reference gives a model means where there are clusters."""
        found, clusters = self.found(build.correlated(SYN2K, means=True))
        robust, fit = cfa_robust.by_cluster(found, [clusters]), MODELS["nine_cluster"]["fit"]
        assert robust.scaling == pytest.approx(fit["chisq.scaling.factor"], rel=1e-6)
        assert robust.chi2 == pytest.approx(fit["chisq.scaled"], rel=1e-6)
        nothing = cfa_ml.fit(build.baseline(found.model.items, means=True), found.samples)
        base = fit_indices.ChiSquare(nothing.chi2, nothing.df, cfa_robust.by_cluster(nothing, [clusters]).scaling)
        test = fit_indices.ChiSquare(found.chi2, found.df, robust.scaling)
        same_indices(fit_indices.scaled(test, base, found.n), fit, ".scaled")
        same_indices(fit_indices.robust(test, base, found.n), fit, ".robust")

    def test_free_means_change_no_error_and_hardly_the_scaling(self) -> None:
        without, clusters = self.found(build.correlated(SYN2K))
        with_means, _ = self.found(build.correlated(SYN2K, means=True))
        one, other = (cfa_robust.by_cluster(f, [clusters]) for f in (without, with_means))
        assert one.scaling == pytest.approx(other.scaling, rel=1e-3)
        q = len(without.x)
        np.testing.assert_allclose(other.vcov[:q, :q], one.vcov, rtol=1e-6, atol=1e-12)

    def test_a_school_each_is_errors_by_row(self) -> None:
        found, _ = self.found(build.correlated(SYN2K))
        own = cfa_robust.Clusters.of(self.x, np.arange(len(self.x)).astype(str))
        by_cluster, by_row = cfa_robust.by_cluster(found, [own]), cfa_robust.by_row(found, [self.x])
        n = len(self.x)
        np.testing.assert_allclose(by_cluster.vcov, by_row.vcov * n / (n - 1), rtol=1e-8, atol=1e-14)
        assert by_cluster.scaling == pytest.approx(by_row.scaling * n / (n - 1), rel=1e-8)

    def test_one_school_has_no_errors(self) -> None:
        found, _ = self.found(build.correlated(SYN2K))
        with pytest.raises(SurveyError, match="at least two schools"):
            cfa_robust.by_cluster(found, [cfa_robust.Clusters.of(self.x, np.repeat("S01", len(self.x)))])


class TestGroups:
    """Holzinger and Swineford's (1939) pupils of two schools, from their moments."""

    gold = MODELS["hs"]
    schools = MODELS["hs"]["order"]
    scales: ClassVar = {"visual": ["x1", "x2", "x3"], "textual": ["x4", "x5", "x6"], "speed": ["x7", "x8", "x9"]}

    def samples(self) -> list[Sample]:
        own = [self.gold["schools"][s] for s in self.schools]
        return [Sample(s["n"], np.array(s["mean"]), np.array(s["cov"])) for s in own]

    @pytest.mark.parametrize(
        ("name", "equal"), [("configural", ()), ("metric", ("lambda",)), ("scalar", ("lambda", "nu"))]
    )
    def test_equalities(self, name: str, equal: tuple[str, ...]) -> None:
        model = build.correlated(self.scales, means=True).by_group(self.schools, equal=equal)
        if name == "scalar":  # factor means of the second school are free
            model = model.with_cells(*(free("alpha", f) for f in self.scales), group=self.schools[1])
        found, gold = cfa_ml.fit(model, self.samples()), self.gold[name]
        assert found.chi2 == pytest.approx(gold["fit"]["chisq"], rel=1e-8) and found.df == gold["fit"]["df"]
        np.testing.assert_allclose(found.x, lavaan(gold["params"], model, "est"), rtol=1e-3, atol=2e-4)
        np.testing.assert_allclose(
            np.sqrt(np.diag(found.vcov)), lavaan(gold["params"], model, "se"), rtol=1e-3, atol=1e-5
        )
        base = fit_indices.baseline(found.samples)
        same_indices(fit_indices.plain(fit_indices.ChiSquare(found.chi2, found.df), base, found.n / 2), gold["fit"])
        assert fit_indices.srmr(found) == pytest.approx(gold["fit"]["srmr"], rel=1e-5)

    def test_all_pupils(self) -> None:
        one, two = self.samples()
        n = one.n + two.n
        mean = (one.n * one.mean + two.n * two.mean) / n
        cov = sum(s.n * (s.cov + np.outer(s.mean - mean, s.mean - mean)) for s in (one, two)) / n
        found, gold = cfa_ml.fit(build.correlated(self.scales), [Sample(n, mean, cov)]), self.gold["all"]
        assert found.chi2 == pytest.approx(gold["fit"]["chisq"], rel=1e-7)
        np.testing.assert_allclose(found.x, lavaan(gold["params"], found.model, "est"), rtol=1e-4, atol=1e-4)

    def test_robust_errors_of_two_groups(self) -> None:
        x, gold = complete(rows("syn2k")[:, :8]), MODELS["short_groups_mlr"]
        half = (np.arange(2000) % 2)[~np.isnan(rows("syn2k")[:, :8]).any(axis=1)]
        parts = [x[half == g] for g in (0, 1)]
        found = cfa_ml.fit(build.correlated(SHORT, means=True).by_group(["h0", "h1"]), [Sample.of(p) for p in parts])
        robust = cfa_robust.by_row(found, parts)
        assert robust.scaling == pytest.approx(gold["fit"]["chisq.scaling.factor"], rel=1e-6)
        np.testing.assert_allclose(
            np.sqrt(np.diag(robust.vcov)), lavaan(gold["params"], found.model, "se"), rtol=1e-3, atol=1e-5
        )


# ---------------------------------------------------------------- what cannot be estimated


def normal(n: int, p: int, seed: int = 3) -> np.ndarray:
    """Rows of p items with one factor behind them."""
    rng = np.random.default_rng(seed)
    return 0.7 * rng.standard_normal((n, 1)) + 0.7 * rng.standard_normal((n, p))


def test_a_true_model_is_found() -> None:
    """Covariances that a model implies give back its parameters, chi-square 0 and the same from another start."""
    model = build.second_order(SYN2K, HIGHER)
    truth = syn2k(model).x
    (at,) = model.implied(truth)
    sample = Sample(500, np.zeros(36), at.sigma)
    for start in (None, truth * 1.3):
        found = cfa_ml.fit(model, [sample], start)
        assert found.converged and found.chi2 == pytest.approx(0, abs=1e-8)
        np.testing.assert_allclose(found.x, truth, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (np.column_stack([normal(200, 3), np.ones(200)]), "everyone gave the same answer to: d"),
        (np.column_stack([normal(200, 3), normal(200, 3).sum(axis=1)]), "not positive definite"),
        (normal(4, 4), "4 complete respondents for 4 items"),
        (np.ones((1, 4)), "1 complete respondents for 4 items"),
    ],
)
def test_moments_without_an_answer(x: np.ndarray, says: str) -> None:
    with pytest.raises(SurveyError, match=says):
        cfa_ml.fit(build.one_factor(["a", "b", "c", "d"]), [Sample.of(x)])


def test_two_items_are_too_few_for_a_factor() -> None:
    with pytest.raises(SurveyError, match="4 parameters for fewer moments"):
        cfa_ml.fit(build.one_factor(["a", "b"]), [Sample.of(normal(200, 2))])


def test_a_factor_of_one_item_is_not_identified() -> None:
    model = build.correlated({"f": ["a", "b", "c"], "g": ["d"]})
    found = cfa_ml.fit(model, [Sample.of(normal(300, 4))])
    assert not found.identified and np.isnan(found.vcov).all()
    assert np.isnan(cfa_robust.by_row(found, [normal(300, 4)]).scaling)
    held = model.with_cells(fixed("theta", "d", "d", 0.0))
    assert cfa_ml.fit(held, [Sample.of(normal(300, 4))]).identified


def test_three_items_fit_exactly_and_no_index_says_that_they_fit() -> None:
    found = cfa_ml.fit(build.one_factor(["a", "b", "c"]), [Sample.of(normal(300, 3))])
    assert found.df == 0 and found.chi2 == pytest.approx(0, abs=1e-6)
    test = fit_indices.ChiSquare(found.chi2, found.df)
    assert np.isnan(test.p)
    indices = fit_indices.plain(test, fit_indices.baseline(found.samples), found.n)
    assert np.isnan([indices.cfi, indices.tli, indices.rmsea, indices.rmsea_low, indices.p_close]).all()


HEYWOOD = np.array([[1, 0.75, 0.7, 0.6], [0.75, 1, 0.4, 0.4], [0.7, 0.4, 1, 0.35], [0.6, 0.4, 0.35, 1]])


def test_a_negative_variance_is_told_and_can_be_held_at_zero() -> None:
    model, sample = build.one_factor(["a", "b", "c", "d"]), Sample(300, np.zeros(4), HEYWOOD)
    found = cfa_ml.fit(model, [sample])
    assert not found.admissible
    bound, held = cfa_ml.bounded(model, lambda m: cfa_ml.fit(m, [sample]))
    assert [cell.name for cell in held] == ["a~~a"]
    assert bound.admissible and bound.converged and bound.df == found.df + 1 and bound.chi2 > found.chi2


def test_a_proper_solution_holds_nothing() -> None:
    sample = Sample.of(normal(300, 4))
    found, held = cfa_ml.bounded(build.one_factor(["a", "b", "c", "d"]), lambda m: cfa_ml.fit(m, [sample]))
    assert not held and found.admissible
