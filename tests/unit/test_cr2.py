import numpy as np
import pytest
from mixed_samples import GOLDEN, MODELS, cells, drawn, golden

from learning_survey.cr2 import cr2, hc2
from learning_survey.mixed import fit, least_squares
from learning_survey.uncertainty import t_p


@pytest.mark.parametrize("name", MODELS)
def test_covariance_and_tests_are_those_of_clubsandwich(name):
    expected, data = GOLDEN[name], golden(name)
    for model, golden_values, test in (
        (fit(data), expected["cr2"], "cr2"),
        (least_squares(data), {"vcov": expected["ols"]["cr2"], "df": expected["ols"]["df"]}, "ols_cr2"),
    ):
        robust = cr2(model)
        np.testing.assert_allclose(robust.covariance, golden_values["vcov"], rtol=1e-5, atol=1e-8)
        df = robust.df(np.eye(len(model.beta)))
        np.testing.assert_allclose(df, golden_values["df"], rtol=1e-5)
        if test == "cr2":
            t = model.beta / np.sqrt(np.diag(robust.covariance))
            np.testing.assert_allclose([t_p(*x) for x in zip(t, df, strict=True)], golden_values["p"], rtol=1e-4)
        for joint in expected["joint"]:
            contrasts = np.eye(len(model.beta))[np.atleast_1d(joint["columns"]) - 1]
            f, df1, df2 = robust.f_test(contrasts)
            assert df1 == len(contrasts)
            assert f == pytest.approx(joint[test]["F"], rel=1e-5)
            assert df2 == pytest.approx(joint[test]["df2"], rel=1e-5)
            assert robust.p(contrasts) == pytest.approx(joint[test]["p"], rel=1e-4)


@pytest.mark.parametrize("theta", ["estimated", 0.0])
def test_everything_is_as_with_matrices_of_students(theta):
    """A school with one student, one all of whose students are alike, and one that alone has a level."""
    rng = np.random.default_rng(7)
    X, school, y = drawn(rng, np.array([1, 12, 5, 20, 9, 7, 16]), tau=0.9)
    X[school == 2, 1] = 1.0
    X = np.column_stack([X, (school == 4) * 1.0])
    data = cells(X, school, y)
    model = fit(data) if theta == "estimated" else least_squares(data)
    robust = cr2(model)

    N, G = len(y), 7
    phi = np.eye(N) + model.theta * (school[:, None] == school)
    W = np.linalg.inv(phi)
    M = np.linalg.inv(X.T @ W @ X)
    R = np.eye(N) - X @ M @ X.T @ W
    e, meat, vectors = R @ y, np.zeros((4, 4)), []
    for g in range(G):
        own = np.flatnonzero(school == g)
        L = np.linalg.cholesky(phi[np.ix_(own, own)])
        B = L.T @ (R @ phi @ R.T)[np.ix_(own, own)] @ L
        values, Q = np.linalg.eigh(B)
        root = (Q * np.where(values > 1e-9, 1 / np.sqrt(np.maximum(values, 1e-9)), 0)) @ Q.T
        left = M @ X[own].T @ W[np.ix_(own, own)] @ L @ root @ L.T  # p × n_g
        meat += np.outer(left @ e[own], left @ e[own])
        vectors.append(left @ R[own])  # p × N
    np.testing.assert_allclose(robust.covariance, meat, rtol=1e-7, atol=1e-12)
    vectors = np.array(vectors)
    P = np.einsum("gpi,ij,hqj->ghpq", vectors, phi, vectors)
    for c in np.vstack([np.eye(4)[:3], [0, 1, -1, 0]]):
        own = np.einsum("p,ghpq,q->gh", c, P, c)
        assert robust.df(c)[0] == pytest.approx(np.trace(own) ** 2 / (own**2).sum(), rel=1e-6)
    C = np.array([[0, 1.0, 0, 0], [0, 0, 1, 0]])
    values, Q = np.linalg.eigh(C @ M @ C.T)
    turned = (Q / np.sqrt(values)) @ Q.T @ C
    p = np.einsum("sp,ghpq,tq->ghst", turned, P, turned)
    total = sum((p[:, :, s, s] * p[:, :, t, t] + p[:, :, s, t] * p[:, :, t, s]).sum() for s in (0, 1) for t in (0, 1))
    eta = 2 * 3 / total
    wald = (C @ model.beta) @ np.linalg.solve(C @ meat @ C.T, C @ model.beta)
    f, _, df2 = robust.f_test(C)
    assert df2 == pytest.approx(eta - 1, rel=1e-6)
    assert f == pytest.approx((eta - 1) / (2 * eta) * wald, rel=1e-6)


def test_students_as_clusters_are_hc2_with_its_degrees_of_freedom():
    X, _, y = drawn(np.random.default_rng(11), np.array([4, 12, 5]), columns=2)
    joined = hc2(least_squares(cells(X, np.zeros(len(y)), y)))
    apart = cr2(least_squares(cells(X, np.arange(len(y)), y)))
    np.testing.assert_allclose(joined.covariance, apart.covariance, rtol=1e-9)
    np.testing.assert_allclose(joined.df(np.eye(2)), apart.df(np.eye(2)), rtol=1e-9)
    H = X @ np.linalg.inv(X.T @ X) @ X.T
    bread, e = np.linalg.inv(X.T @ X) @ X.T, y - H @ y
    np.testing.assert_allclose(joined.covariance, bread @ np.diag(e**2 / (1 - np.diag(H))) @ bread.T, rtol=1e-9)
    assert joined.f_test(np.eye(2)) == pytest.approx(apart.f_test(np.eye(2)))


def test_one_group_of_two_schools_has_hardly_any_degrees_of_freedom():
    X, school, y = drawn(np.random.default_rng(2), np.full(30, 20), columns=2)
    X = np.column_stack([X, (school < 2) * 1.0])
    robust = cr2(fit(cells(X, school, y)))
    _, of_students, of_schools = robust.df(np.eye(3))
    assert of_schools < 2
    assert of_students > 15


def test_more_contrasts_than_degrees_of_freedom_have_no_test():
    rng = np.random.default_rng(3)
    school = np.repeat(np.arange(5), 10)
    X = np.column_stack([np.ones(50), *(rng.standard_normal((3, 5))[:, school])])
    robust = cr2(least_squares(cells(X, school, rng.standard_normal(50))))
    f, df1, df2 = robust.f_test(np.eye(4)[1:])
    assert np.isnan([f, df2, robust.p(np.eye(4)[1:])]).all()
    assert df1 == 3
