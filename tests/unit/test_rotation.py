"""Rotation, extraction, optima and general factors: R's numbers on three data sets, exact structures, bad matrices."""

import json

import numpy as np
import pytest
from conftest import ROOT
from golden_values import golden, matrix

from learning_survey import extraction, minres, rotation
from learning_survey.errors import SurveyError
from learning_survey.optima import apart, optima
from learning_survey.schmid_leiman import schmid_leiman
from learning_survey.solution import Method, match, solution

GOLDEN = [("bfi_efa", "cor_pairwise", "fa5_pairwise"), ("syn2k_reliability_efa", "cor_dims", "fa3_dims")]
TESTS = json.loads((ROOT / "tests/golden/holzinger_efa.json").read_text(encoding="utf-8"))


def close(a, b, tolerance=1e-9):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def near(pattern, reference, tolerance):
    order, sign = match(reference, pattern)
    close(pattern[:, order] * sign, reference, tolerance)


def entry(name):
    return np.array(TESTS[name]["values"], float)


R = entry("cor")
A = entry("unrotated")


@pytest.fixture(params=GOLDEN, ids=["bfi", "syn2k"])
def case(request):
    file, cor, fit = request.param
    r = golden(file)[fit]
    return matrix(golden(file)[cor]), r, r["nfactors"], matrix(r["none"]["loadings"])


# ---------------------------------------------------------------- the same unrotated loadings as R


def test_varimax_and_promax_of_psych(case):
    _, r, _, a = case
    length = rotation.kaiser_weights(a)
    turned = a @ rotation.varimax(a / length, 1e-5)
    near(turned, matrix(r["varimax"]["loadings"]), 1e-9)
    near(rotation.promax(a, tolerance=1e-5)[0], matrix(r["promax"]["loadings"]), 1e-9)
    # "Promax" of psych takes Kaiser's weights for varimax alone.
    near(rotation.towards_powers(turned, 4)[0], matrix(r["Promax"]["loadings"]), 1e-9)


@pytest.mark.parametrize(
    ("name", "kaiser", "eps", "tolerance"),
    [("oblimin", False, 1e-5, 1e-9), ("oblimin_tight", False, 1e-9, 1e-6), ("oblimin_kaiser", True, 1e-9, 1e-6)],
)
def test_oblimin_of_gparotation(case, name, kaiser, eps, tolerance):
    """With the same start, steps and end the two are equal to rounding; at a tight end, as near as that end is."""
    _, r, _, a = case
    found = rotation.project(a, rotation.oblimin(), True, kaiser=kaiser, tolerance=eps, steps=3000)
    near(found.pattern, matrix(r[name]["loadings"]), tolerance)
    order, sign = match(matrix(r[name]["loadings"]), found.pattern)
    phi = found.phi[np.ix_(order, order)] * np.outer(sign, sign)
    close(phi, matrix(r[name]["Phi"]), 10 * tolerance)


@pytest.mark.parametrize(
    ("name", "criterion", "oblique", "kaiser"),
    [
        ("quartimin", rotation.oblimin(), True, False),
        ("quartimin_kaiser", rotation.oblimin(), True, True),
        ("oblimin_gamma", rotation.oblimin(-1), True, False),
        ("target_oblique", "full", True, False),
        ("target_orthogonal", "full", False, False),
        ("partial_oblique", "partial", True, False),
        ("partial_orthogonal", "partial", False, False),
    ],
)
def test_rotations_of_gparotation_on_other_data(name, criterion, oblique, kaiser):
    wanted = np.kron(np.eye(3), np.full((3, 1), 0.7))
    if criterion == "partial":
        criterion = rotation.target(np.where(wanted == 0, 0, np.nan))
    elif criterion == "full":
        criterion = rotation.target(wanted)
    found = rotation.project(A, criterion, oblique, kaiser=kaiser, tolerance=1e-9)
    r = TESTS[name]
    close(found.value, r["f"], 1e-9)
    close(found.pattern, np.array(r["loadings"]["values"]), 2e-5)
    if oblique:
        close(found.phi, np.array(r["Phi"]["values"]), 5e-5)
    else:
        close(found.phi, np.eye(3))


def test_varimax_by_gradient_projection_is_varimax():
    found = rotation.project(A, rotation.minus_varimax, False, tolerance=1e-9)
    near(found.pattern, A @ rotation.varimax(A), 1e-6)
    near(A @ rotation.varimax(A / rotation.kaiser_weights(A)), entry("varimax"), 1e-6)


@pytest.mark.parametrize(
    "criterion",
    [rotation.oblimin(), rotation.oblimin(0.3), rotation.minus_varimax, rotation.bifactor, rotation.target(A * 0.5)],
)
def test_gradients_are_the_slopes_of_the_criteria(criterion):
    L = np.random.default_rng(1).normal(size=(9, 3))
    _, gradient = criterion(L)
    numeric = np.zeros_like(L)
    for i, j in np.ndindex(*L.shape):
        step = np.zeros_like(L)
        step[i, j] = 1e-6
        numeric[i, j] = (criterion(L + step)[0] - criterion(L - step)[0]) / 2e-6
    close(gradient, numeric, 1e-7)


def test_starts_are_uniform_rotations_and_a_stack_is_each_one_alone():
    starts = rotation.random_starts(3, 400, np.random.default_rng(1))
    close(starts[0], np.eye(3))
    close(starts @ starts.transpose(0, 2, 1), np.tile(np.eye(3), (400, 1, 1)), 1e-12)
    close(starts[1:].mean(axis=0), np.zeros((3, 3)), 0.12)
    stack = rotation.project(A, rotation.oblimin(), True, starts[:5])
    for i in range(5):
        close(stack.pattern[i], rotation.project(A, rotation.oblimin(), True, starts[i]).pattern, 1e-12)


def test_a_search_cut_short_says_so():
    assert not rotation.project(A, rotation.oblimin(), True, tolerance=1e-12, steps=3).converged


# ---------------------------------------------------------------- extraction


def test_ml_agrees_with_psych_and_factanal(case):
    cor, r, k, _ = case
    found = extraction.best_unrotated(cor, k, "ml")
    near(rotation.promax(found, tolerance=1e-5)[0], matrix(r["ml_promax"]["loadings"]), 2e-5)
    near(rotation.project(found, rotation.oblimin(), True).pattern, matrix(r["ml_oblimin"]["loadings"]), 2e-5)
    length = rotation.kaiser_weights(found)
    turned = found @ rotation.varimax(found / length, 1e-5)
    near(rotation.towards_powers(turned, 4)[0], matrix(r["factanal_promax"]["loadings"]), 5e-5)


def test_ml_on_other_data_is_no_worse_than_factanal():
    loadings, psi = extraction.unrotated(R, 3, "ml")
    close(psi, TESTS["ml"]["uniquenesses"], 1e-4)
    value = extraction.MaximumLikelihood.evaluate(R[None], psi[None], 3)[0][0]
    theirs = np.array([TESTS["ml"]["uniquenesses"]])
    assert value <= extraction.MaximumLikelihood.evaluate(R[None], theirs, 3)[0][0] + 1e-12
    close((loadings**2).sum(axis=1), 1 - psi, 1e-6)


def test_derivatives_of_the_likelihood():
    psi = np.random.default_rng(1).uniform(0.3, 0.8, 9)
    ml = extraction.MaximumLikelihood

    def at(x):
        value, w, V = ml.evaluate(R[None], x[None], 3)
        return value[0], ml.gradient(x[None], w, V, 3)[0], sum(ml.curvature(x[None], w, V, 3))[0]

    _, gradient, curvature = at(psi)
    steps = 1e-5 * np.eye(9)
    close(gradient, [(at(psi + s)[0] - at(psi - s)[0]) / 2e-5 for s in steps], 1e-7)
    close(curvature, [(at(psi + s)[1] - at(psi - s)[1]) / 2e-5 for s in steps], 1e-6)


def test_principal_axis_stops_where_psych_does_and_ends_at_minimum_residuals(case):
    cor, r, k, _ = case
    early, _ = extraction.principal_axis(cor, k)
    near(rotation.project(early, rotation.oblimin(), True).pattern, matrix(r["pa_oblimin"]["loadings"]), 1e-9)
    near(extraction.principal_axis(R, 3)[0], entry("pa"), 1e-9)
    _, psi = extraction.principal_axis(cor, k, tolerance=1e-13, steps=20_000)
    close(psi, minres.uniquenesses(cor, k), 1e-5)


def test_matrices_without_a_likelihood_have_no_solution_and_spoil_no_other():
    singular = R[np.ix_([0, *range(1, 9), 0], [0, *range(1, 9), 0])]
    for method in ("ml", "pa"):
        with pytest.raises(SurveyError, match="no solution of 3 factors"):
            extraction.best_unrotated(singular, 3, method)
        loadings, _ = extraction.unrotated(np.stack([R, R * np.nan, R]), 3, method)
        assert np.isnan(loadings[1]).all()
        alone, _ = extraction.unrotated(R, 3, method)
        close(loadings[0], alone, 1e-12)
        close(loadings[2], alone, 1e-12)


@pytest.mark.parametrize("method", extraction.EXTRACTIONS)
@pytest.mark.parametrize("name", rotation.ROTATIONS)
def test_every_pair_of_methods_gives_ordered_factors_that_point_up(method, name):
    found = solution(R, tuple(f"x{i}" for i in range(1, 10)), 3, Method(method, name))
    assert (found.pattern.sum(axis=0) > 0).all()
    explained = np.diag(found.phi @ found.pattern.T @ found.pattern)
    assert (np.diff(explained) <= 1e-9).all()
    close(found.communality, 1 - extraction.unrotated(R, 3, method)[1], 1e-6)


# ---------------------------------------------------------------- local optima


def test_one_optimum_where_the_structure_is_clear():
    starts = rotation.random_starts(3, 30, np.random.default_rng(1))
    for name in ("varimax", "promax", "oblimin"):
        found = optima(A, name, True, starts)
        assert [o.reached for o in found] == [30]


def test_several_optima_are_told_apart_and_counted():
    """Three factors of the nine simulated scores, as a general factor and two others: three places to end in."""
    a = matrix(golden("syn2k_reliability_efa")["fa3_dims"]["none"]["loadings"])
    found = optima(a, "bifactor", False, rotation.random_starts(3, 60, np.random.default_rng(2)))
    assert len(found) == 3
    assert sum(o.reached for o in found) == 60
    assert min(o.reached for o in found) > 5
    assert [o.value for o in found] == sorted(o.value for o in found)
    for i, one in enumerate(found):
        again = rotation.project(a, rotation.bifactor, False, one.start, tolerance=1e-7)
        assert apart(one.pattern, again.pattern) <= 0.01
        assert all(apart(one.pattern, other.pattern) > 0.01 for other in found[i + 1 :])


def test_bifactor_rotation_reaches_what_gparotation_does():
    four = extraction.best_unrotated(R, 4)
    found = optima(four, "bifactor", False, rotation.random_starts(4, 60, np.random.default_rng(3)))
    assert found[0].value <= TESTS["bifactor"]["f"] + 1e-6
    theirs = np.array(TESTS["bifactor"]["loadings"]["values"])
    assert any(apart(o.pattern, theirs) < 0.01 for o in found)


# ---------------------------------------------------------------- general factor


def test_schmid_leiman_agrees_with_psych_on_other_data():
    """There oblimin ends at a looser place (1e-5), which moves loadings by a few 1e-4."""
    found = solution(R, tuple(f"x{i}" for i in range(1, 10)), 3, Method("minres", "oblimin", kaiser=False))
    sl = schmid_leiman(found.pattern, found.phi)
    r = TESTS["omega"]
    theirs = np.array(r["sl"]["values"])
    close(sl.general, theirs[:, 0], 1e-3)
    near(sl.group, theirs[:, 1:4], 1e-3)
    close(sl.omega_hierarchical(R), r["omega_h"], 1e-3)
    close(sl.explained_common_variance, r["ECV"], 1e-3)
    assert not sl.improper
