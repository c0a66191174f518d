"""Factors: R's numbers, factor_analyzer's right ones, random matrices, alignment, refusals."""

import warnings

import numpy as np
import pytest
from golden_values import golden, matrix, moments

from learning_survey import adequacy, factors, minres, retention, rotation, solution
from learning_survey.errors import SurveyError

BFI, SYN = "bfi_efa", "syn2k_reliability_efa"
PROMAX = [(BFI, "cor_pairwise", "fa5_pairwise"), (SYN, "cor_dims", "fa3_dims")]


def close(a, b, tolerance=1e-9):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def values(entry) -> list[float]:
    return list(entry.values()) if isinstance(entry, dict) else entry


def case(file, cor, fit) -> tuple[np.ndarray, dict, int]:
    return matrix(golden(file)[cor]), golden(file)[fit], golden(file)[fit]["nfactors"]


def solved(R, k, **more) -> solution.Solution:
    return solution.solution(R, tuple(f"v{i}" for i in range(len(R))), k, solution.Method(**more))


def structured() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A correlation matrix that three oblique factors give exactly, with its pattern and phi."""
    pattern = np.kron(np.eye(3), np.array([[0.9], [0.7], [0.6]]))
    phi = np.array([[1, 0.6, 0.3], [0.6, 1, 0.1], [0.3, 0.1, 1]])
    R = pattern @ phi @ pattern.T
    np.fill_diagonal(R, 1)
    return R, pattern, phi


# ---------------------------------------------------------------- against R: adequacy and retention


@pytest.mark.parametrize(
    ("file", "entry", "cor"),
    [
        (BFI, "adequacy_pairwise", lambda: matrix(golden(BFI)["cor_pairwise"])),
        (SYN, "adequacy", lambda: moments("syn2k").pooled().cor()),
        (SYN, "adequacy_dims", lambda: matrix(golden(SYN)["cor_dims"])),
    ],
)
def test_adequacy_agrees_with_psych(file, entry, cor):
    r, R = golden(file)[entry], cor()
    overall, each = adequacy.kmo(R)
    close(overall, r["kmo"])
    close(each, values(r["kmo_items"]))
    statistic, df, p, log_determinant = adequacy.bartlett(R, r["n"])
    close([statistic, df, p], [r["bartlett"]["chisq"], r["bartlett"]["df"], r["bartlett"]["p"]], 1e-6)
    close(log_determinant, r["logdet"])
    close(retention.eigenvalues(R), r["eigen"])


def test_map_agrees_with_psych():
    partials = retention.average_partials(matrix(golden(BFI)["cor_pairwise"]))
    close(partials[1:9], golden(BFI)["map"]["map"])
    assert np.argmin(partials) == 5


PARALLEL = [
    (BFI, "parallel", 2800, lambda: matrix(golden(BFI)["cor_pairwise"])),
    (SYN, "parallel_items", 2000, lambda: moments("syn2k").pooled().cor()),
    (SYN, "parallel_dims", 2000, lambda: matrix(golden(SYN)["cor_dims"])),
]


@pytest.mark.parametrize(("file", "entry", "n", "cor"), PARALLEL)
def test_parallel_analysis_agrees_with_psych(file, entry, n, cor):
    r, R = golden(file)[entry], cor()
    components, own = retention.eigenvalues(R), retention.reduced_eigenvalues(R[None])[0]
    close(components, r["pc.values"])
    close(own, r["fa.values"], 1e-4)
    random_components, random_factors = retention.parallel(n, len(R), 300, 0.95, np.random.default_rng(1))
    assert retention.first_below(own, random_factors) == r["nfact"]
    assert retention.first_below(components, random_components) == r["ncomp"]
    # Theirs are means of 50 or 100 simulations; the first factor of random data is often improper and varies much.
    mean = retention.eigenvalues(retention.random_correlations(n, len(R), 300, np.random.default_rng(2))).mean(axis=0)
    close(mean, r["pc.sim"], 0.008)
    assert (random_components - mean > 0).all()
    close(random_factors[1:], r["fa.sim"][1:], 0.03)


# ---------------------------------------------------------------- against R: promax


@pytest.mark.parametrize(("file", "cor", "fit"), PROMAX)
def test_promax_agrees_with_psych_in_values_order_and_sign(file, cor, fit):
    R, r, k = case(file, cor, fit)
    found = solved(R, k)
    close(found.pattern, matrix(r["promax"]["loadings"]), 5e-6)
    close(found.phi, matrix(r["promax"]["Phi"]), 5e-6)
    close(found.structure, matrix(r["promax"]["structure"]), 5e-6)
    close(found.communality, values(r["promax"]["communality"]), 1e-5)


@pytest.mark.parametrize(("file", "cor", "fit"), PROMAX)
def test_uniquenesses_agree_with_psych(file, cor, fit):
    R, r, k = case(file, cor, fit)
    close(minres.uniquenesses(R, k), values(r["none"]["uniquenesses"]), 1e-5)


def test_one_factor_agrees_with_psych():
    R = matrix(golden(BFI)["cor_pairwise"])
    close(np.abs(solved(R, 1).pattern), np.abs(matrix(golden(BFI)["fa1_pairwise"]["loadings"])), 1e-4)


def test_varimax_to_its_end_is_better_than_where_r_stops():
    """The reference stops varimax early: on these data its promax is off by .0006. Both are told apart here."""
    R, r, k = case(*PROMAX[0])
    unrotated = minres.loadings(R, minres.uniquenesses(R, k), k)
    rows = unrotated / np.sqrt((unrotated**2).sum(axis=1, keepdims=True))

    def criterion(tolerance):
        return ((rows @ rotation.varimax(rows, tolerance)) ** 2).var(axis=0).sum()

    assert criterion(1e-12) > criterion(1e-5)
    ended, _ = rotation.promax(unrotated)
    order, sign = solution.match(matrix(r["promax"]["loadings"]), ended)
    assert 1e-4 < np.abs(ended[:, order] * sign - matrix(r["promax"]["loadings"])).max() < 1e-3


# ---------------------------------------------------------------- against factor_analyzer


def analyzer(R, k, **more):
    from factor_analyzer import FactorAnalyzer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"rotation": "promax", "rotation_kwargs": {"normalize": True}} | more
        return FactorAnalyzer(n_factors=k, is_corr_matrix=True, **options).fit(R.copy())


@pytest.mark.parametrize(("file", "cor", "fit"), PROMAX)
@pytest.mark.parametrize(("kappa", "kaiser"), [(4, True), (4, False), (3, True)])
def test_solutions_agree_with_factor_analyzer(file, cor, fit, kappa, kaiser):
    """Its pattern loadings are right, to where its search stops: 1.1e-5 here, where ours is within 3e-6 of psych."""
    R, _, k = case(file, cor, fit)
    theirs = analyzer(R, k, rotation_kwargs={"normalize": kaiser, "power": kappa}).loadings_
    ours = solved(R, k, kappa=kappa, kaiser=kaiser).pattern
    order, sign = solution.match(theirs, ours)
    close(ours[:, order] * sign, theirs, 2e-5)


@pytest.mark.parametrize(("file", "cor", "fit"), PROMAX)
@pytest.mark.parametrize(("kappa", "kaiser"), [(4, True), (4, False), (3, True)])
def test_promax_of_resamples_is_factor_analyzers(file, cor, fit, kappa, kaiser):
    R, _, k = case(file, cor, fit)
    estimate = solved(R, k, kappa=kappa, kaiser=kaiser)
    ours, phi = rotation.promax(minres.loadings(R, minres.uniquenesses(R, k), k), kappa, kaiser, tolerance=1e-5)
    order, sign = solution.match(estimate.pattern, ours)
    close(ours[:, order] * sign, estimate.pattern)
    close(phi[np.ix_(order, order)] * np.outer(sign, sign), estimate.phi)


# ---------------------------------------------------------------- random matrices


def test_random_correlations_are_those_of_random_rows():
    rng, n, p = np.random.default_rng(1), 60, 8
    drawn = retention.random_correlations(n, p, 4000, rng)
    simulated = np.stack([np.corrcoef(rng.normal(size=(p, n))) for _ in range(4000)])
    close(np.diagonal(drawn, axis1=1, axis2=2), 1)
    close(drawn[:, 0, 1].std(), 1 / np.sqrt(n - 1), 0.005)
    close(retention.eigenvalues(drawn).mean(axis=0), retention.eigenvalues(simulated).mean(axis=0), 0.01)
    close(
        np.quantile(retention.eigenvalues(drawn), 0.95, axis=0),
        np.quantile(retention.eigenvalues(simulated), 0.95, axis=0),
        0.02,
    )


def test_random_correlations_of_fewer_rows_than_variables_have_their_rank():
    drawn = retention.random_correlations(6, 9, 5, np.random.default_rng(1))
    assert (np.linalg.matrix_rank(drawn) == 5).all()


def test_random_data_suggest_no_factors():
    R = retention.random_correlations(2000, 10, 1, np.random.default_rng(11))[0]
    limits = retention.parallel(2000, 10, 300, 0.99, np.random.default_rng(1))
    assert retention.first_below(retention.eigenvalues(R), limits[0]) == 0
    assert np.argmin(retention.average_partials(R)) == 0


def test_first_below():
    assert retention.first_below(np.array([3, 1, 2]), np.array([2, 2, 1])) == 1
    assert retention.first_below(np.array([3, 2, 2]), np.array([2, 1, 1])) == 3
    assert retention.first_below(np.array([1, 2, 2]), np.array([2, 1, 1])) == 0


# ---------------------------------------------------------------- solutions


def test_exact_structure_is_recovered():
    R, pattern, phi = structured()
    found = solved(R, 3)
    found = found.arranged(*solution.match(pattern, found.pattern))
    close(found.pattern @ found.phi @ found.pattern.T * (1 - np.eye(9)), R * (1 - np.eye(9)), 1e-5)
    close(found.communality, np.diag(pattern @ phi @ pattern.T), 1e-5)
    close(solution.tucker(pattern, found.pattern).diagonal(), 1, 0.01)
    assert not found.heywood.any()


def test_match_undoes_any_order_and_sign():
    _, pattern, _ = structured()
    mixed = pattern[:, [2, 0, 1]] * [1, -1, -1]
    order, sign = solution.match(pattern, mixed)
    close(mixed[:, order] * sign, pattern)


def test_arranging_keeps_structure_and_communality():
    found = solved(case(*PROMAX[1])[0], 3)
    other = found.arranged(np.array([2, 0, 1]), np.array([1.0, -1.0, 1.0]))
    close(other.communality, found.communality, 1e-12)
    close(other.structure, found.structure[:, [2, 0, 1]] * [1, -1, 1], 1e-12)


def test_one_factor_points_upwards():
    R, _, _ = structured()
    for sub in (R[:3, :3], R[:4, :4], R):
        found = solved(sub, 1)
        assert found.pattern.sum() > 0
        close(found.phi, np.eye(1))


@pytest.mark.parametrize(("p", "k", "most"), [(4, 2, "1 is"), (3, 2, "1 is"), (9, 6, "5 is"), (5, 5, "2 is")])
def test_factors_that_are_not_identified_are_refused(p, k, most):
    with pytest.raises(SurveyError, match="not identified") as caught:
        solved(np.eye(p) * 0.5 + 0.5, k)
    assert most in caught.value.problem


def test_heywood_case_is_marked():
    R = np.array([[1, 0.9, 0.8], [0.9, 1, 0.5], [0.8, 0.5, 1]])
    assert solved(R, 1).heywood.tolist() == [True, False, False]


def test_the_best_of_the_starts_is_taken(monkeypatch):
    R, pattern, phi = structured()
    real = minres.uniquenesses

    def stuck(matrices, k, start=None, **_):
        return np.full(9, 0.5) if start is None else real(matrices, k, start)

    monkeypatch.setattr(minres, "uniquenesses", stuck)
    close(solved(R, 3).communality, np.diag(pattern @ phi @ pattern.T), 1e-5)


def test_without_any_solution_it_says_so(monkeypatch):
    monkeypatch.setattr(minres, "uniquenesses", lambda *_, **__: np.full(9, np.nan))
    with pytest.raises(SurveyError, match="no solution of 3 factors"):
        solved(structured()[0], 3)


def test_a_variable_twice_leaves_no_adequacy_but_says_why():
    R, _, _ = structured()
    R = R[np.ix_([0, *range(9)], [0, *range(9)])]
    rows = factors._adequacy("items", R, tuple(f"v{i}" for i in range(10)), 100)
    by = {r["statistic"]: r["value"] for r in rows}
    assert abs(by.pop("smallest_eigenvalue")) < 1e-10
    assert np.isnan(list(by.values())).all()
    found = solved(R, 3)
    assert np.isfinite(found.pattern).all()


def test_factors_belong_to_dimensions_only_one_to_one():
    _, pattern, phi = structured()
    of, names = ["a"] * 3 + ["b"] * 3 + ["c"] * 3, ["c", "a", "b"]
    found = solution.Solution(tuple("abcdefghi"), pattern[:, [1, 2, 0]], phi)
    assert solution.by_dimension(found, of, names).tolist() == [1, 2, 0]
    shared = pattern.copy()
    shared[3:6] = pattern[:3]
    assert solution.by_dimension(solution.Solution(found.variables, shared, phi), of, names) is None
    assert solution.by_dimension(solution.Solution(found.variables, pattern[:, :2], phi[:2, :2]), of, names) is None
