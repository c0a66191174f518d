"""Levels of invariance against lavaan on real answers, and the exactness of second derivatives."""

import numpy as np
import polars as pl
import pytest
from cfa_golden import complete, rows, scales
from conftest import ROOT
from golden_values import golden

from learning_survey import cfa_builders, cfa_hessian, cfa_ml, fit_indices
from learning_survey.cfa_ml import Sample
from learning_survey.cfa_model import cell_gradient, derivatives
from learning_survey.cfa_robust import Clusters, by_row
from learning_survey.fit_indices import ChiSquare
from learning_survey.invariance_levels import LEVELS, Fitted, carried, difference, fitted, model

GOLDEN = golden("bfi_invariance_gender")
SCALES = scales("bfi")
FIT = {"chisq": "chi2", "cfi": "cfi", "tli": "tli", "rmsea": "rmsea", "srmr": "srmr", "aic": "aic", "bic": "bic"}


def by_gender() -> dict[str, np.ndarray]:
    gender = pl.read_csv(ROOT / "tests/data/bfi.csv")["gender"].to_numpy().astype(str)
    return {g: complete(rows("bfi")[gender == g]) for g in ("male", "female")}


@pytest.fixture(scope="module")
def groups():
    return by_gender()


@pytest.fixture(scope="module")
def fits(groups):
    clusters = {g: Clusters.of(x, np.array([f"G{k % 100:02d}" for k in range(len(x))])) for g, x in groups.items()}
    found = {}
    for level in LEVELS:
        before = next(reversed(found.values())).fit if found else None
        found[level] = fitted(SCALES, clusters, level, start=before)
    return found


@pytest.mark.parametrize("level", LEVELS)
def test_fit_is_lavaans(fits, level):
    fit, known = fits[level].fit, GOLDEN["ML"]["fits"][level]
    ix = fit_indices.plain(ChiSquare(fit.chi2, fit.df), fit_indices.baseline(fit.samples), fit.n / 2)
    ours = {
        "chi2": fit.chi2,
        "cfi": ix.cfi,
        "tli": ix.tli,
        "rmsea": ix.rmsea,
        "srmr": fit_indices.srmr(fit),
        "aic": fit_indices.aic(fit),
        "bic": fit_indices.bic(fit),
    }
    assert (fit.df, len(fit.x)) == (known["df"], known["npar"])
    for theirs, name in FIT.items():
        assert ours[name] == pytest.approx(known[theirs], rel=1e-5), name


@pytest.mark.parametrize("level", LEVELS)
def test_robust_chi_square_is_lavaans(fits, groups, level):
    found, known = by_row(fits[level].fit, list(groups.values())), GOLDEN["MLR"]["fits"][level]
    assert found.scaling == pytest.approx(known["chisq.scaling.factor"], abs=1e-6)
    assert found.chi2 == pytest.approx(known["chisq.scaled"], rel=1e-6)


def test_robust_differences_are_lavaans(fits, groups):
    robust = [Fitted(v, f.fit, by_row(f.fit, list(groups.values()))) for v, f in fits.items()]
    for before, after, known in zip(robust[:-1], robust[1:], GOLDEN["MLR"]["lrt"][1:], strict=True):
        found = difference(after, before)
        assert (known["model"], found.df) == (after.level, known["Df diff"])
        assert found.scaled == pytest.approx(known["Chisq diff"], rel=1e-4)
        assert found.p == pytest.approx(known["Pr(>Chisq)"], rel=1e-3)


def test_factor_means_are_lavaans(fits):
    # lavaan's factors have the unit of their first item; ours the first group's standard deviation.
    fit = fits["scalar"].fit
    own, other = fit.model.matrices(fit.x)
    first = [fit.model.items.index(items[0]) for items in SCALES.values()]
    known = {p["lhs"]: p["est"] for p in GOLDEN["ML"]["scalar_latent_means"] if p["group"] == 2}
    found = other["alpha"][:, 0] * own["lambda"][first, range(len(first))]
    assert found == pytest.approx([known[f] for f in SCALES], abs=1e-5)


def test_second_derivatives_are_exact():
    rng = np.random.default_rng(1)
    scales_ = {f: [f"{f}{k}" for k in range(1, 5)] for f in "abc"}
    samples = []
    for n in (300, 500):
        factors = rng.multivariate_normal(np.zeros(3), 0.5 * np.eye(3) + 0.5, n)
        samples.append(Sample.of(np.repeat(factors, 4, axis=1) * 0.8 + rng.normal(0, 0.6, (n, 12))))
    models = [
        model(scales_, ["1", "2"], "configural"),
        model(scales_, ["1", "2"], "metric", ["a2"]),
        model(scales_, ["1", "2"], "scalar"),
        cfa_builders.second_order(scales_, {"g": ["a", "b", "c"]}),
        cfa_builders.bifactor(scales_, means=True),
    ]
    for m in models:
        own = samples[: len(m.groups)]
        n = sum(s.n for s in own)

        def gradient(x, m=m, own=own, n=n):
            total = np.zeros(len(x), x.dtype)
            for s, at in zip(own, m.implied(x), strict=True):
                W = np.linalg.inv(at.sigma)
                r = s.mean - at.mu if m.means else np.zeros(len(at.mu))
                Q = W - W @ (s.cov + np.outer(r, r)) @ W
                total = total + s.n / n * cell_gradient(at, Q, W @ r, len(x))
            return total

        x = cfa_ml.fit(m, own).x
        x = x + rng.normal(0, 0.03, len(x))
        assert np.abs(cfa_hessian.hessian(m, own, x) - derivatives(gradient, x)).max() < 1e-12


def test_a_released_item_is_free_and_everything_else_equal():
    scales_ = {"a": ["a1", "a2", "a3"], "b": ["b1", "b2", "b3"]}
    m = model(scales_, ["x", "y"], "scalar", ["a2"])
    assert m.cell("x", "lambda", "a2", "a").label != m.cell("y", "lambda", "a2", "a").label
    assert m.cell("x", "nu", "a2").label != m.cell("y", "nu", "a2").label
    assert m.cell("x", "lambda", "a3", "a").label == m.cell("y", "lambda", "a3", "a").label
    assert not m.cell("x", "alpha", "a").label and m.cell("y", "alpha", "a").label


@pytest.mark.parametrize("level", ["configural", "metric"])
def test_a_restricted_fit_keeps_its_moments_in_a_freer_level(fits, level):
    scalar, wanted = fits["scalar"].fit, fits[level].fit.model
    for now, then in zip(wanted.implied(carried(scalar, wanted)), scalar.moments, strict=True):
        assert now.sigma == pytest.approx(then.sigma, abs=1e-12) and now.mu == pytest.approx(then.mu, abs=1e-12)
