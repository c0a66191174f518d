"""Cluster-robust covariance of fixed effects by bias-reduced linearisation (CR2), with degrees of freedom, from cells.

For estimates (X'WX)⁻¹X'Wy with working covariance Φ = W⁻¹ (students of a school alike to the degree θ; θ = 0 for least
squares), M = (X'WX)⁻¹ and residuals e_g of school g,

    V = M Σ_g X_g'W_g A_g e_g e_g'A_g W_g X_g M,   A_g = D_g'(D_g(Φ_g - X_g M X_g')D_g')^(-1/2) D_g,   D_g'D_g = Φ_g,

which has no bias when Φ is right and stays valid when it is not: Bell & McCaffrey (2002), Survey Methodology 28,
169-181; Pustejovsky & Tipton (2018), Journal of Business & Economic Statistics 36, 672-683. Contrasts are tested with
Satterthwaite's degrees of freedom, several at once by their approximate Hotelling's T² test.

Students of a cell have one row of X, so X_g lies in the span of the cells' indicators. On what is orthogonal to that
span A_g is the identity and X_g is 0. Every matrix is thus as large as the number of a school's cells, not students.
Without schools each student is a cluster, and V is HC2 (MacKinnon & White 1985, Journal of Econometrics 29, 305-325).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey.mixed import Fit
from learning_survey.mixed_likelihood import Data
from learning_survey.uncertainty import NAN, f_p

Array = NDArray[np.float64]
_NONE = 1e-10
"""Directions of a school in which the residual is certain to be 0, to this share, add nothing."""


@dataclass(frozen=True)
class Robust:
    """A robust covariance (p × p) of ``beta``, and of G clusters what its own uncertainty is made of.

    With U_g = A_g W_g X_g M, cluster g adds (c'U_g'e_g)² to the variance of c'β; ``spread`` is U_g'Φ_g U_g and ``pull``
    a root of M times X_g'U_g (G × p × p each). ``count`` clusters are alike (G).
    """

    beta: Array
    M: Array
    covariance: Array
    spread: Array
    pull: Array
    count: Array

    def df(self, contrasts: Array) -> Array:
        """Satterthwaite's degrees of freedom of linear combinations of ``beta`` (K × p), K; NaN where nothing varies.

        (tr P)²/tr P² with P the covariance, under Φ, of what clusters add: Pustejovsky & Tipton (2018), eq. 10-11.
        """
        contrasts = np.atleast_2d(contrasts)
        own = np.einsum("kp,gpq,kq->gk", contrasts, self.spread, contrasts)
        pull = np.einsum("gpq,kq->kgp", self.pull, contrasts)
        taken = np.einsum("kgp,kgp->gk", pull, pull)
        both = np.einsum("kgp,g,kgq->kpq", pull, self.count, pull)
        trace = self.count @ (own - taken)
        square = self.count @ (own**2 - 2 * own * taken) + (both**2).sum(axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(square > 0, trace**2 / square, NAN)

    def f_test(self, contrasts: Array) -> tuple[float, float, float]:
        """F of ``contrasts`` (q × p, independent rows) being 0, df1, df2: approximate Hotelling's T².

        With Q the Wald statistic, F = (η - q + 1)/(ηq) Q on q and η - q + 1 degrees of freedom; η matches the total
        variance of the robust covariance's elements to a Wishart's (Tipton & Pustejovsky 2015, Journal of Educational
        and Behavioral Statistics 40, 604-634, eq. 14-18). NaN where η does not exceed q - 1.
        """
        q = len(contrasts)
        values, vectors = np.linalg.eigh(contrasts @ self.M @ contrasts.T)
        turned = (vectors / np.sqrt(values)) @ vectors.T @ contrasts
        own = np.einsum("sp,gpq,tq->gst", turned, self.spread, turned)
        pull = np.einsum("gpq,sq->gsp", self.pull, turned)
        taken = np.einsum("gsp,gtp->gst", pull, pull)
        both = np.einsum("gsp,g,gtr->stpr", pull, self.count, pull)
        a, b = np.einsum("gss->gs", own), np.einsum("gss->gs", taken)
        straight = np.einsum("g,gs,gt->", self.count, a, a) - 2 * np.einsum("g,gs,gt->", self.count, a, b)
        crossed = self.count @ (own**2 - 2 * own * taken).sum(axis=(1, 2))
        total = straight + crossed + (both**2).sum() + np.einsum("stpr,strp->", both, both)
        eta = q * (q + 1) / total if total > 0 else NAN
        covariance = contrasts @ self.covariance @ contrasts.T
        if not eta > q - 1 + _NONE or np.linalg.matrix_rank(covariance, hermitian=True) < q:
            return NAN, q, NAN
        estimate = contrasts @ self.beta
        wald = float(estimate @ np.linalg.solve(covariance, estimate))
        return (eta - q + 1) / (eta * q) * wald, q, eta - q + 1

    def p(self, contrasts: Array) -> float:
        """P of ``f_test``."""
        return f_p(*self.f_test(contrasts))


def cr2(model: Fit) -> Robust:
    """With the students of a school as a cluster; the working covariance is the model's."""
    data, theta = model.data, model.theta
    X, e, root = _by_school(data, model.beta)
    k = X.shape[1]
    phi = np.eye(k) + theta * root[:, :, None] * root[:, None, :]
    shrink = theta / (1 + theta * (root**2).sum(axis=1))
    weighted = X - shrink[:, None, None] * root[:, :, None] * np.einsum("gk,gkp->gp", root, X)[:, None]
    L = np.linalg.cholesky(phi)
    B = L.swapaxes(1, 2) @ (phi - X @ model.C @ X.swapaxes(1, 2)) @ L
    A = L @ _inverse_root(B, phi) @ L.swapaxes(1, 2)
    U = A @ weighted @ model.C
    scores = np.einsum("gkp,gk->gp", U, e)
    spread, pull = U.swapaxes(1, 2) @ phi @ U, np.linalg.cholesky(model.C).T @ X.swapaxes(1, 2) @ U
    return Robust(model.beta, model.C, scores.T @ scores, spread, pull, np.ones(len(X)))


def hc2(model: Fit) -> Robust:
    """With each student as a cluster, of a least-squares model."""
    data, M = model.data, model.C
    used = data.n > 0
    X, n, s, q = data.X[used], data.n[used], data.s[used], data.q[used]
    fitted = X @ (model.beta - data.centre * data.constant)
    squares = np.maximum(q - 2 * s * fitted + n * fitted**2, 0)
    left = 1 - np.einsum("cp,pq,cq->c", X, M, X)
    root = np.where(left > _NONE, 1 / np.sqrt(np.maximum(left, _NONE)), 0)
    U = (X @ M) * root[:, None]
    pull = np.einsum("pq,cq,cr->cpr", np.linalg.cholesky(M).T, X, U)
    return Robust(model.beta, M, U.T @ (squares[:, None] * U), U[:, :, None] * U[:, None, :], pull, n)


def _by_school(data: Data, beta: Array) -> tuple[Array, Array, Array]:
    """In the basis of normalised cell indicators: X (G × k × p), residuals, roots of students (G × k); else 0."""
    used = np.flatnonzero(data.n > 0)
    used = used[np.argsort(data.school[used], kind="stable")]
    at = np.unique(data.school[used], return_inverse=True)[1]
    first = np.concatenate([[0], np.cumsum(np.bincount(at))[:-1]])
    place = (at, np.arange(len(used)) - first[at])
    shape = (at[-1] + 1, int(np.bincount(at).max()))
    root = np.sqrt(data.n[used])
    X, e, roots = np.zeros((*shape, data.parameters)), np.zeros(shape), np.zeros(shape)
    fitted = data.X[used] @ (beta - data.centre * data.constant)
    X[place], roots[place] = data.X[used] * root[:, None], root
    e[place] = data.s[used] / root - root * fitted
    return X, e, roots


def _inverse_root(B: Array, phi: Array) -> Array:
    """Symmetric inverse square roots of B (G × k × k), without the directions in which it is 0 beside ``phi``."""
    values, vectors = np.linalg.eigh(B)
    least = _NONE * np.einsum("gkk->g", phi)[:, None]
    root = np.where(values > least, 1 / np.sqrt(np.maximum(values, least)), 0)
    return (vectors * root[:, None, :]) @ vectors.swapaxes(1, 2)
