"""Full-information maximum likelihood against lavaan, and against what it must be."""

import numpy as np
import pytest
from cfa_golden import SHORT, SYN2K, complete, lavaan, rows, scales, syn2k_schools
from golden_values import golden

from learning_survey import cfa_builders as build
from learning_survey import cfa_fiml, cfa_ml, cfa_robust, fit_indices
from learning_survey.cfa_fiml import Data
from learning_survey.errors import SurveyError

MODELS = golden("cfa_models")


@pytest.mark.parametrize("data", ["bfi", "syn2k"])
def test_estimates_errors_and_fit(data: str) -> None:
    gold, model = golden(f"{data}_cfa")["FIML"], build.correlated(scales(data), means=True)
    own = [Data.of(rows(data))]
    found = cfa_fiml.fit(model, own)
    assert found.converged and found.identified and found.admissible and found.n == gold["n"]
    np.testing.assert_allclose(found.x, lavaan(gold["params"], model, "est"), rtol=1e-4, atol=5e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(found.vcov)), lavaan(gold["params"], model, "se"), rtol=1e-4, atol=1e-6)
    fit = gold["fit"]
    assert found.chi2 == pytest.approx(fit["chisq"], rel=1e-8) and found.df == fit["df"]
    assert found.loglikelihood == pytest.approx(fit["logl"], rel=1e-10)
    assert found.saturated == pytest.approx(fit["unrestricted.logl"], rel=1e-10)
    assert fit_indices.srmr(found) == pytest.approx(fit["srmr"], rel=1e-6)
    assert fit_indices.bic(found) == pytest.approx(fit["bic"], rel=1e-10)
    nothing = cfa_fiml.independence(model.items, own)
    assert nothing.chi2 == pytest.approx(fit["baseline.chisq"], rel=1e-9) and nothing.df == fit["baseline.df"]
    test, base = fit_indices.ChiSquare(found.chi2, found.df), fit_indices.ChiSquare(nothing.chi2, nothing.df)
    indices = fit_indices.plain(test, base, found.n)
    for name, value in {"cfi": indices.cfi, "tli": indices.tli, "rmsea": indices.rmsea}.items():
        assert value == pytest.approx(fit[name], rel=1e-6), name
    assert indices.rmsea_low == pytest.approx(fit["rmsea.ci.lower"], rel=1e-6)
    assert indices.rmsea_high == pytest.approx(fit["rmsea.ci.upper"], rel=1e-6)


class TestRobust:
    x = rows("syn2k")[:, :8]
    model = build.correlated(SHORT, means=True)

    def test_by_row(self) -> None:
        own, gold = [Data.of(self.x)], MODELS["short_fiml_mlr"]
        found = cfa_fiml.fit(self.model, own)
        robust = cfa_fiml.robust(found, own)
        assert found.chi2 == pytest.approx(gold["fit"]["chisq"], rel=1e-6)
        assert robust.scaling == pytest.approx(gold["fit"]["chisq.scaling.factor"], rel=1e-5)
        np.testing.assert_allclose(
            np.sqrt(np.diag(robust.vcov)), lavaan(gold["params"], self.model, "se"), rtol=5e-4, atol=1e-5
        )
        nothing = cfa_fiml.independence(self.model.items, own)
        base = fit_indices.ChiSquare(nothing.chi2, nothing.df, cfa_fiml.robust(nothing, own).scaling)
        scaled = fit_indices.scaled(fit_indices.ChiSquare(found.chi2, found.df, robust.scaling), base, found.n)
        assert scaled.tli == pytest.approx(gold["fit"]["tli.scaled"], rel=1e-5)
        assert scaled.rmsea_high == pytest.approx(gold["fit"]["rmsea.ci.upper.scaled"], rel=1e-3)

    def test_by_school(self) -> None:
        own, gold = [Data.of(self.x, syn2k_schools())], MODELS["short_fiml_cluster"]
        found = cfa_fiml.fit(self.model, own)
        robust = cfa_fiml.robust(found, own)
        assert robust.units == len(np.unique(syn2k_schools()))
        assert robust.scaling == pytest.approx(gold["fit"]["chisq.scaling.factor"], rel=1e-5)
        np.testing.assert_allclose(
            np.sqrt(np.diag(robust.vcov)), lavaan(gold["params"], self.model, "se"), rtol=5e-4, atol=1e-5
        )

    def test_without_gaps_it_is_robust_maximum_likelihood(self) -> None:
        x = complete(self.x)
        own = [Data.of(x)]
        found, ml = cfa_fiml.fit(self.model, own), cfa_ml.fit(self.model, [cfa_ml.Sample.of(x)])
        np.testing.assert_allclose(found.x, ml.x, rtol=1e-6)
        assert found.chi2 == pytest.approx(ml.chi2, abs=1e-6)
        ours, theirs = cfa_fiml.robust(found, own), cfa_robust.by_row(ml, [x])
        np.testing.assert_allclose(ours.vcov, theirs.vcov, rtol=1e-5, atol=1e-12)
        assert ours.scaling == pytest.approx(theirs.scaling, rel=1e-6)


def test_groups_with_equal_loadings() -> None:
    x, half = rows("syn2k")[:, :8], np.arange(2000) % 2
    model = build.correlated(SHORT, means=True).by_group(["h0", "h1"], equal=["lambda"])
    found, gold = cfa_fiml.fit(model, [Data.of(x[half == g]) for g in (0, 1)]), MODELS["short_groups_fiml"]
    assert found.chi2 == pytest.approx(gold["fit"]["chisq"], rel=1e-6) and found.df == gold["fit"]["df"]
    np.testing.assert_allclose(found.x, lavaan(gold["params"], model, "est"), rtol=1e-3, atol=2e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(found.vcov)), lavaan(gold["params"], model, "se"), rtol=1e-3, atol=1e-5)


class TestDerivatives:
    """On answers with so many gaps that every pattern is a different one."""

    rng = np.random.default_rng(8)
    x = np.where(rng.random((400, 12)) < 0.2, np.nan, complete(rows("syn2k"))[:400, :12])
    model = build.second_order({f: SYN2K[f] for f in ("Fd1", "Fd2", "Fd3")}, {"H": ["Fd1", "Fd2", "Fd3"]}, means=True)

    def test_loglikelihood_is_that_of_each_row(self) -> None:
        own = [Data.of(self.x)]
        at = cfa_ml.fit(self.model, [own[0].sample]).x
        (implied,) = self.model.implied(at)
        total = 0.0
        for row in self.x:
            o = ~np.isnan(row)
            S, d = implied.sigma[np.ix_(o, o)], (row - implied.mu)[o]
            total -= (o.sum() * np.log(2 * np.pi) + np.linalg.slogdet(S)[1] + d @ np.linalg.solve(S, d)) / 2
        value, _ = cfa_fiml.loss(self.model, own, at)
        assert -value == pytest.approx(total, rel=1e-12)

    def test_gradient_and_information_are_its_derivatives(self) -> None:
        own = [Data.of(self.x)]
        at = cfa_ml.fit(self.model, [own[0].sample]).x * 1.05
        _, gradient = cfa_fiml.loss(self.model, own, at)
        information = cfa_fiml.information(self.model, own, at)
        n = own[0].answers.n
        for k in range(len(at)):
            step = np.zeros(len(at))
            step[k] = 1e-5
            (above, up), (below, down) = (cfa_fiml.loss(self.model, own, at + s * step) for s in (1, -1))
            assert (above - below) / 2e-5 == pytest.approx(gradient[k], rel=1e-5, abs=1e-4)
            np.testing.assert_allclose((up - down) / 2e-5 / n, information[k], rtol=1e-5, atol=1e-6)

    def test_the_unrestricted_model_has_the_moments_of_em(self) -> None:
        own = [Data.of(self.x[:, :4])]
        model = build.saturated(self.model.items[:4])
        found = cfa_fiml.fit(model, own)
        np.testing.assert_allclose(found.x[:10], own[0].free.cov[np.tril_indices(4)], atol=1e-5)
        np.testing.assert_allclose(found.x[10:], own[0].free.mean, atol=1e-5)
        assert found.chi2 == pytest.approx(0, abs=1e-6)


def test_rows_without_answers_and_one_answer() -> None:
    x = np.vstack([complete(rows("syn2k"))[:, :4], np.full((5, 4), np.nan)])
    one = np.array([[3, np.nan, np.nan, np.nan]])
    model = build.one_factor(SYN2K["Fd1"], means=True)
    found = cfa_fiml.fit(model, [Data.of(x)])
    assert found.n == len(x) - 5
    more = cfa_fiml.fit(model, [Data.of(np.vstack([x, one]))])
    assert more.n == found.n + 1 and more.loglikelihood < found.loglikelihood


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (np.column_stack([np.arange(9.0) % 5, np.ones(9)]), "an item without variance"),
        (np.array([[1, np.nan], [2, np.nan], [np.nan, 3], [np.nan, 4], [1, 2]]), "hardly anyone answered both"),
        (np.column_stack([np.arange(9.0) % 5, np.arange(9.0) % 5]), "singular"),
    ],
)
def test_answers_without_an_estimate(x: np.ndarray, says: str) -> None:
    with pytest.raises(SurveyError, match=says):
        Data.of(x)


def test_groups_of_em_are_not_changed() -> None:
    """Estimation reads the arranged answers and leaves them as they were."""
    own = Data.of(rows("syn2k")[:, :8])
    before = [g.z.copy() for g in own.answers.groups]
    cfa_fiml.robust(cfa_fiml.fit(build.correlated(SHORT, means=True), [own]), [own])
    assert all(np.array_equal(g.z, b) for g, b in zip(own.answers.groups, before, strict=True))
