"""Robust fit indices of answers with gaps: lavaan's, and what they are without gaps."""

import numpy as np
import pytest
from cfa_golden import SHORT, SYN2K, complete, lavaan, rows, syn2k_schools
from golden_values import golden

from learning_survey import cfa_builders as build
from learning_survey import cfa_fiml, cfa_fiml_indices, cfa_ml, cfa_robust, fit_indices
from learning_survey.cfa_fiml import Data, Free

GOLDEN = golden("missing")
ITEMS = [item for own in SHORT.values() for item in own]
X, HALF = rows("syn2k")[:, :8], np.arange(2000) % 2
NAMES = ("cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "rmsea.pvalue")


def indices(fit, data, normal):
    free = [Free.of(d) for d in data]
    base = cfa_fiml.independence(fit.model.items, data, list(fit.model.groups))
    own, other = (cfa_fiml_indices.complete(f, free, normal=normal) for f in (fit, base))
    return fit_indices.robust(own, other, fit.n / len(data))


def agree(found, known):
    values = (found.cfi, found.tli, found.rmsea, found.rmsea_low, found.rmsea_high, found.p_close)
    np.testing.assert_allclose(values, [known[f"{name}.robust"] for name in NAMES], rtol=5e-6, atol=1e-9)


@pytest.mark.parametrize(("case", "schools"), [("normal", False), ("by_row", False), ("by_school", True)])
def test_lavaans_indices_of_a_model_that_does_not_fit(case, schools):
    data = [Data.of(X, syn2k_schools() if schools else None)]
    fit = cfa_fiml.fit(build.one_factor(ITEMS, means=True), data)
    agree(indices(fit, data, case == "normal"), GOLDEN["indices"][case])


@pytest.mark.parametrize("case", ["groups", "groups_normal"])
def test_lavaans_indices_of_two_groups(case):
    data = [Data.of(X[g == HALF]) for g in (0, 1)]
    model = build.one_factor(ITEMS, means=True).by_group(["h0", "h1"], equal=["lambda"])
    found, known = indices(cfa_fiml.fit(model, data), data, case.endswith("normal")), GOLDEN["indices"][case]
    np.testing.assert_allclose([found.cfi, found.rmsea], [known["cfi.robust"], known["rmsea.robust"]], rtol=5e-6)


def test_a_third_of_the_answers_missing_by_plan():
    """Nobody answered every item: estimates, errors, chi-squares and indices are lavaan's all the same."""
    known, x = GOLDEN["planned"], rows("syn2k")[:, :12].copy()
    x[(np.arange(len(x))[:, None] - np.arange(12)) % 3 == 0] = np.nan
    assert np.isnan(x).any(axis=1).all()
    data, model = [Data.of(x)], build.correlated({f: SYN2K[f] for f in ("Fd1", "Fd2", "Fd3")}, means=True)
    fit = cfa_fiml.fit(model, data)
    robust = cfa_fiml.robust(fit, data)
    assert fit.converged and fit.identified and fit.n == known["n"] and fit.df == known["fit"]["df"]
    np.testing.assert_allclose(fit.x, lavaan(known["params"], model, "est"), atol=5e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(robust.vcov)), lavaan(known["params"], model, "se"), rtol=1e-5)
    values = {
        "chisq": fit.chi2,
        "chisq.scaling.factor": robust.scaling,
        "logl": fit.loglikelihood,
        "unrestricted.logl": fit.saturated,
        "srmr": fit_indices.srmr(fit),
        "aic": fit_indices.aic(fit),
        "bic": fit_indices.bic(fit),
    }
    for name, value in values.items():
        assert value == pytest.approx(known["fit"][name], rel=1e-6), name
    agree(indices(fit, data, False), known["fit"])


def test_without_gaps_they_are_those_of_complete_answers():
    x = complete(X)
    data, model = [Data.of(x)], build.one_factor(ITEMS, means=True)
    found = indices(cfa_fiml.fit(model, data), data, False)
    sample = cfa_ml.Sample.of(x)
    fits = [cfa_ml.fit(m, [sample]) for m in (model, build.baseline(ITEMS, means=True))]
    own, base = (fit_indices.ChiSquare(f.chi2, f.df, cfa_robust.by_row(f, [x]).scaling) for f in fits)
    # There the information of the free moments stands for the second derivatives of the model's.
    other = fit_indices.robust(own, base, len(x))
    assert found.cfi == pytest.approx(other.cfi, abs=2e-3) and found.rmsea == pytest.approx(other.rmsea, abs=1e-3)
    plain = fit_indices.plain(
        fit_indices.ChiSquare(own.chi2, own.df), fit_indices.ChiSquare(base.chi2, base.df), len(x)
    )
    normal = indices(cfa_fiml.fit(model, data), data, True)
    assert normal.cfi == pytest.approx(plain.cfi, abs=1e-5) and normal.rmsea == pytest.approx(plain.rmsea, abs=1e-5)


def test_gaps_lower_the_plain_rmsea_of_a_misfit_and_not_this_one():
    """40 per cent of 20,000 people's answers to half of the items are taken away at random."""
    rng = np.random.default_rng(3)
    traits = rng.normal(size=(20_000, 2)) @ np.linalg.cholesky([[1, 0.6], [0.6, 1]]).T
    x = 0.7 * np.repeat(traits, 4, axis=1) + np.sqrt(0.51) * rng.normal(size=(20_000, 8))
    model, found = build.one_factor(ITEMS, means=True), {}
    gaps = (rng.random(x.shape) < 0.4) & (np.arange(8) % 2 == 0)
    for name, answers in {"whole": x, "gaps": np.where(gaps, np.nan, x)}.items():
        data = [Data.of(answers)]
        fit = cfa_fiml.fit(model, data)
        plain = np.sqrt((fit.chi2 - fit.df) / (fit.n * fit.df))
        found[name] = plain, indices(fit, data, True).rmsea
    assert found["gaps"][0] < found["whole"][0] - 0.015
    assert found["gaps"][1] == pytest.approx(found["whole"][1], abs=0.005)


def test_a_model_that_is_not_identified_has_none():
    data = [Data.of(X[:, :4])]
    two = {"a": ITEMS[:4], "b": ITEMS[:2]}
    model = build.correlated(two, std=True, means=True).with_cells(build.fixed("psi", "b", "a", 0.0))
    fit = cfa_fiml.fit(model, data)
    assert not fit.identified
    found = cfa_fiml_indices.complete(fit, [Free.of(data[0])], normal=True)
    assert np.isnan(found.scaling)
