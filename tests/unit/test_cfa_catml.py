"""Robust fit indices of ordinal models: lavaan's, what they must not depend on, and where there are none."""

from dataclasses import replace

import numpy as np
import pytest
from golden_values import golden
from ordinal_samples import by_gender, complete, items_of, sample_of, scales_of

from learning_survey import cfa_builders, cfa_wls
from learning_survey.cfa_catml import robust_indices
from learning_survey.cfa_ordinal import LEVELS, invariant, ordinal


def fitted(data):
    scales = scales_of(golden(f"{data}_cfa")["model"])
    x, codes, items = items_of(data, scales)
    sample = sample_of(complete(x), codes, items)
    return cfa_wls.fit(ordinal(cfa_builders.correlated(scales), sample.points(items)), [sample])


@pytest.fixture(scope="module")
def bfi():
    return fitted("bfi")


def values(indices):
    return [indices.cfi, indices.tli, indices.rmsea, indices.rmsea_low, indices.rmsea_high]


NAMES = ("cfi.robust", "tli.robust", "rmsea.robust", "rmsea.ci.lower.robust", "rmsea.ci.upper.robust")


@pytest.mark.parametrize("data", ["bfi", "syn2k"])
def test_one_group_agrees_with_lavaan(data, bfi):
    fit = bfi if data == "bfi" else fitted(data)
    expected = [golden(f"{data}_cfa")["WLSMV"]["fit"][name] for name in NAMES]
    np.testing.assert_allclose(values(robust_indices(fit)), expected, rtol=1e-6, atol=1e-8)


def test_two_groups_agree_with_lavaan_but_for_its_baseline():
    """The scaling factor of lavaan 0.6-14's baseline leaves out the groups' shares; RMSEA does not use it."""
    scales, items, samples = by_gender()
    one = cfa_builders.correlated(scales, std=True)
    found = {
        level: robust_indices(cfa_wls.fit(invariant(one, samples[0].points(items), ["m", "f"], level), samples))
        for level in LEVELS
    }
    expected = golden("bfi_invariance_gender")["WLSMV"]["fits"]["configural"]
    np.testing.assert_allclose(values(found["configural"])[2:], [expected[name] for name in NAMES[2:]], rtol=1e-6)
    assert abs(found["configural"].cfi - expected["cfi.robust"]) > 0.005
    # Equal thresholds say nothing of correlations: with three or more, residual variances and intercepts take them up.
    np.testing.assert_allclose(found["thresholds"].cfi, found["configural"].cfi, atol=1e-9)


def test_the_same_group_twice_fits_as_it_does_alone(bfi):
    """Everything doubles, so CFI and TLI stay. The baseline of lavaan 0.6-14 fails this: its factor would be 2 c0."""
    both = cfa_wls.fit(bfi.model.by_group(["a", "b"]), bfi.samples * 2)
    np.testing.assert_allclose(values(robust_indices(both))[:2], values(robust_indices(bfi))[:2], atol=1e-7)


def test_they_estimate_what_the_model_leaves_of_the_variables_themselves():
    """RMSEA of a wrong model is near its population value, however few points items have; the scaled one is not."""
    from learning_survey import cfa_ml, fit_indices

    scales = {"f": [f"i{j}" for j in range(1, 9)]}
    loadings = np.array([0.7] * 8)
    R = np.outer(loadings, loadings) + 0.15 * np.kron(np.eye(4), np.ones((2, 2)))
    np.fill_diagonal(R, 1)
    population = cfa_ml.fit(cfa_builders.correlated(scales), [cfa_ml.Sample(10_000, np.zeros(8), R)])
    wanted = fit_indices.rmsea(population.chi2 + population.df, population.df, 10_000)
    rng = np.random.default_rng(1)
    z = rng.normal(size=(4000, 8)) @ np.linalg.cholesky(R).T
    found = []
    for cuts in ([0.8], [-1, -0.2, 0.6, 1.4]):
        x = 1.0 + np.searchsorted(cuts, z)
        sample = sample_of(x, [tuple(range(1, len(cuts) + 2))] * 8, scales["f"])
        fit = cfa_wls.fit(ordinal(cfa_builders.correlated(scales), sample.points(scales["f"])), [sample])
        found.append((robust_indices(fit).rmsea, fit.indices().rmsea))
    np.testing.assert_allclose([own for own, _ in found], wanted, rtol=0.12)
    assert found[0][1] < 0.6 * wanted


def test_correlations_that_do_not_fit_together_have_none(bfi):
    (sample,) = bfi.samples
    r = sample.r.copy()
    r[0], r[1], r[24] = 0.9, 0.9, -0.9  # items 1 and 2, 1 and 3, 2 and 3
    spoiled = replace(bfi, samples=(replace(sample, r=r),))
    assert np.isnan(values(robust_indices(spoiled))).all()
