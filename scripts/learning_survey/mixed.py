"""Linear mixed model of students in schools, from cell moments: y = X β + u_school + e, u ~ N(0, τ²), e ~ N(0, σ²).

Students of one cell share a school and a row of X, so their number, sum and sum of squares are all that the likelihood
needs. With θ = τ²/σ², n_g students and z_g = X_g'1 in school g, the inverse covariance of its students is
(I - θ/(1 + θ n_g) 11')/σ². Hence X'WX, X'Wy, y'Wy are sums over schools of small matrices; σ² and β have closed
forms, and one parameter is left. Restricted likelihood: Patterson & Thompson (1971), Biometrika 58, 545-554; profiling
as in Bates, Mächler, Bolker & Walker (2015), Journal of Statistical Software 67(1), eq. 34-42.

Degrees of freedom are Satterthwaite's as Kuznetsova, Brockhoff & Christensen (2017), Journal of Statistical Software
82(13), define them, by analytic derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey.mixed_likelihood import ALIASED, LARGEST, Data, Profile, independent, solve
from learning_survey.uncertainty import NAN, Codes, Estimate

Array = NDArray[np.float64]
_CHUNK = 2_000_000  # resamples times schools that are held in memory at once


def rank_within(data: Data) -> int:
    """How many columns of the design still differ after each school's mean has been taken out."""
    sums = data.sums
    with np.errstate(all="ignore"):
        mean = np.where(sums.n[:, None] > 0, sums.totals[:, :-1] / sums.n[:, None], 0)
    return int(independent(data.X - mean[data.school], data.n).sum())


def why_not(data: Data) -> str:
    """Why the model has no estimate, in words; empty where it has one."""
    within = rank_within(data)
    if not independent(data.X, data.n).all():
        return "design is not of full rank"
    schools = int((data.sums.n > 0).sum())
    if schools + within <= data.parameters:
        return "schools do not vary beside the fixed effects"
    if data.students <= schools + within:
        return "no variation inside schools is left"
    within_cells = (data.q - data.s**2 / np.maximum(data.n, 1)).sum()
    means = data.s / np.maximum(data.n, 1)
    spread = (data.n * (means - (data.n @ means) / data.students) ** 2).sum()
    if within_cells + spread <= 1e-12 * (data.q.sum() + data.students * data.centre**2):
        return "scores do not vary"
    return ""


# ---------------------------------------------------------------- one fit


@dataclass(frozen=True)
class Fit:
    """An estimated model. ``C`` is (X'WX)⁻¹ with σ² = 1, so σ² C is the covariance of ``beta``.

    ``theta`` is τ²/σ²; ``boundary`` tells that the best value is 0, where the model is least squares. ``hessian`` is of
    -2 log-likelihood by (θ, σ²), ``slope`` the derivative of C by θ.
    """

    data: Data
    beta: Array
    C: Array
    theta: float
    sigma2: float
    loglik: float
    boundary: bool
    reml: bool
    hessian: Array
    slope: Array

    @property
    def tau2(self) -> float:
        return self.theta * self.sigma2

    @property
    def icc(self) -> float:
        return self.theta / (1 + self.theta)

    @property
    def covariance(self) -> Array:
        """Of ``beta`` under the model (p × p); the variance components count as known."""
        return self.sigma2 * self.C

    @property
    def nu(self) -> float:
        """Students, less the fixed effects where the likelihood is restricted."""
        return self.data.students - (self.data.parameters if self.reml else 0)

    def df(self, contrasts: Array) -> Array:
        """Satterthwaite's degrees of freedom of linear combinations of ``beta`` (K × p), K.

        2 f²/(f' A f') with f = σ² l'C l, A = 2 H⁻¹ the covariance of (θ, σ²). On the boundary θ counts as known, as in
        lmerTest, and the degrees of freedom are those of least squares.
        """
        contrasts = np.atleast_2d(contrasts)
        f = np.einsum("kp,pq,kq->k", contrasts, self.C, contrasts)
        if self.boundary:
            return np.full(len(f), self.nu)
        by_theta = self.sigma2 * np.einsum("kp,pq,kq->k", contrasts, self.slope, contrasts)
        gradient = np.column_stack([by_theta, f])
        variance = 2 * np.einsum("ki,ij,kj->k", gradient, np.linalg.inv(self.hessian), gradient)
        with np.errstate(divide="ignore", invalid="ignore"):
            return 2 * (self.sigma2 * f) ** 2 / variance

    def f_test(self, contrasts: Array) -> tuple[float, float, float]:
        """F of ``contrasts`` (q × p, independent rows) being 0, its df1 and Satterthwaite's df2.

        The contrasts are turned into uncorrelated ones; df2 comes from the mean of their F(1, ν_m) variables (Fai &
        Cornelius 1996, Journal of Statistical Computation and Simulation 54, 363-378).
        """
        values, vectors = np.linalg.eigh(contrasts @ self.covariance @ contrasts.T)
        turned = vectors.T @ contrasts
        t2 = (turned @ self.beta) ** 2 / values
        return float(t2.mean()), len(values), combined_df(self.df(turned))

    def blups(self) -> tuple[Array, Array]:
        """Predicted effects of schools u (G) and how much of their variance is predicted, φ_g n_g (G)."""
        n, totals = self.data.sums.n, self.data.sums.totals
        phi = self.theta / (1 + self.theta * n)
        own = self.beta - self.data.centre * self.data.constant
        return phi * (totals[:, -1] - totals[:, :-1] @ own), phi * n

    def predicted(self, row: Array) -> tuple[Array, Array]:
        """Each school's predicted mean for students of design row ``row`` (p), and its prediction variance (G each).

        The value is x'β + u_g, the variance τ²/(1 + θ n_g) + σ² (x - φ_g z_g)'C(x - φ_g z_g): Henderson (1975),
        Biometrics 31, 423-447; the variance components count as known.
        """
        sums = self.data.sums
        u, _ = self.blups()
        off = row - self.theta / (1 + self.theta * sums.n)[:, None] * sums.totals[:, :-1]
        variance = self.tau2 / (1 + self.theta * sums.n) + np.einsum("gp,pq,gq->g", off, self.covariance, off)
        return row @ self.beta + u, variance

    def r_squared(self) -> tuple[float, float]:
        """Marginal and conditional R²: the shares of variance of fixed effects, and of fixed and school effects.

        Nakagawa & Schielzeth (2013), Methods in Ecology and Evolution 4, 133-142, eq. 26 and 30; the variance of the
        fixed effects is that of X β over students.
        """
        n, fixed = self.data.n, self.data.X @ self.beta
        variance = float(n @ (fixed - n @ fixed / n.sum()) ** 2 / (n.sum() - 1))
        total = variance + self.tau2 + self.sigma2
        return variance / total, (variance + self.tau2) / total


def combined_df(df: Array) -> float:
    """Degrees of freedom of the mean of independent F(1, ν) variables, from their ν (q); Fai & Cornelius (1996).

    With E = Σ ν/(ν-2) over those above 2 it is 2E/(E - q), and 2 where E does not exceed q.
    """
    q = len(df)
    if q == 1 or np.ptp(df) < 1e-8 * df.max():
        return float(df.mean())
    large = df[df > 2]
    total = float((large / (large - 2)).sum())
    return 2 * total / (total - q) if total > q else 2.0


def fit(data: Data, reml: bool = True) -> Fit | None:
    """The estimated model; None where ``why_not`` says why there is none.

    The best of a grid of θ, then Newton's steps between its neighbours.
    """
    if why_not(data):
        return None
    profile = Profile(data, np.ones((1, data.schools)), reml)
    size = data.students / (data.sums.n > 0).sum()
    grid = np.concatenate([[0.0], 10 ** np.linspace(-4, 8, 37) / size])
    k = int(np.argmin([profile.deviance(np.array([theta]))[0] for theta in grid]))
    low, high = grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)]
    theta = solve(profile, np.array([grid[k]]), np.array([low]), np.array([high]))
    at = profile.derivatives(theta)
    nu, sigma2 = profile.nu[0], at.rss[0] / profile.nu[0]
    hessian = np.array([[at.rss2[0] / sigma2 + at.log2[0], -at.rss1[0] / sigma2**2], [0, nu / sigma2**2]])
    hessian[1, 0] = hessian[0, 1]
    return Fit(
        data,
        at.beta[0] + data.centre * data.constant,
        at.C[0],
        float(theta[0]),
        float(sigma2),
        -0.5 * float(profile.deviance(theta)[0]),
        bool(theta[0] == 0),
        reml,
        hessian,
        at.C[0] @ at.M1[0] @ at.C[0],
    )


def least_squares(data: Data) -> Fit:
    """Ordinary least squares as the same model with θ = 0; raises LinAlgError where the design is not of full rank."""
    profile = Profile(data, np.ones((1, data.schools)), True)
    at = profile.derivatives(np.zeros(1))
    sigma2 = float(at.rss[0] / profile.nu[0])
    return Fit(
        data,
        at.beta[0] + data.centre * data.constant,
        at.C[0],
        0.0,
        sigma2,
        -0.5 * float(profile.deviance(np.zeros(1))[0]),
        True,
        True,
        np.full((2, 2), NAN),
        at.C[0] @ at.M1[0] @ at.C[0],
    )


# ---------------------------------------------------------------- resamples


@dataclass(frozen=True)
class Refits:
    """Estimates of B resamples: ``beta`` (B × p), ``theta`` and ``sigma2`` (B); NaN where a resample has none."""

    beta: Array
    theta: Array
    sigma2: Array


def refit(model: Fit, weights: Array) -> Refits:
    """The model of each resample of schools, by how often each is in it (B × G).

    A resample is NaN where its students lack a level, so that its design is not of full rank. The search starts at the
    model's own θ.
    """
    data = model.data
    B, p = len(weights), data.parameters
    beta, theta, sigma2 = np.full((B, p), NAN), np.full(B, NAN), np.full(B, NAN)
    step = max(1, _CHUNK // max(data.schools, 1))
    for start in range(0, B, step):
        part = weights[start : start + step]
        usable = np.flatnonzero(_full_rank(np.tensordot(part, data.sums.products[:, :-1, :-1], axes=1)))
        if not len(usable):
            continue
        profile = Profile(data, part[usable], model.reml)
        at = np.full(len(usable), model.theta)
        at = solve(profile, at, np.zeros_like(at), np.full_like(at, LARGEST))
        beta[start + usable], rss = profile.estimates(at)
        theta[start + usable], sigma2[start + usable] = at, rss / profile.nu
    return Refits(beta + data.centre * data.constant, theta, sigma2)


def resampled(model: Fit, weights: Array, part: Codes | None = None) -> Array:
    """Fixed effects of resamples (B × p) with θ kept at the model's, on which they hardly depend: one product each.

    ``weights`` says how often each school is in a resample, or each group of schools where ``part`` gives the group of
    each (G). NaN where a resample's design is not of full rank.
    """
    data, sums = model.data, model.data.sums
    shrink = model.theta / (1 + model.theta * sums.n)
    own = sums.products - shrink[:, None, None] * sums.totals[:, :, None] * sums.totals[:, None, :]
    if part is not None:
        joined = np.zeros((weights.shape[1], *own.shape[1:]))
        np.add.at(joined, part, own)
        own = joined
    M = (weights @ own.reshape(len(own), -1)).reshape(-1, *own.shape[1:])
    beta = np.full((len(M), data.parameters), NAN)
    usable = _full_rank(M[:, :-1, :-1])
    beta[usable] = np.linalg.solve(M[usable, :-1, :-1], M[usable, :-1, -1:])[..., 0]
    return beta + data.centre * data.constant


def _full_rank(products: Array) -> NDArray[np.bool_]:
    """Whether each of B cross-products of a design (B × p × p) is of full rank."""
    scale = np.sqrt(np.maximum(np.einsum("bpp->bp", products), 0))
    some = (scale > 0).all(axis=1)
    scale = np.where(scale > 0, scale, 1)
    least = np.linalg.eigvalsh(products / scale[:, :, None] / scale[:, None, :])[:, 0]
    return some & (least > ALIASED)


# ---------------------------------------------------------------- intervals of variances


def variance_intervals(model: Fit, level: float) -> dict[str, Estimate]:
    """``tau2``, ``sigma2`` and ``icc`` with profile-likelihood limits, from the likelihood that the model maximises.

    The limits are the outermost values that some (θ, σ²) has whose -2 log-likelihood is within the chi-square quantile
    (one degree of freedom) of the best (Venzon & Moolgavkar 1988, Applied Statistics 37, 87-94). A lower limit of 0
    means that no difference between schools cannot be ruled out.
    """
    from scipy.special import chdtri, lambertw

    profile = Profile(model.data, np.ones((1, model.data.schools)), model.reml)
    deviance = lambda theta: float(profile.deviance(np.array([theta]))[0])  # noqa: E731
    limit = -2 * model.loglik + float(chdtri(1, 1 - level))
    low = 0.0 if deviance(0.0) <= limit else _crossing(deviance, limit, 0.0, model.theta)
    high = max(model.theta, 1e-6)
    while deviance(high) < limit and high < LARGEST:
        high *= 4
    high = _crossing(deviance, limit, high, model.theta) if high < LARGEST else np.inf
    if not np.isfinite(high):
        icc = Estimate(model.icc, low / (1 + low), 1)
        return {"tau2": Estimate(model.tau2), "sigma2": Estimate(model.sigma2), "icc": icc}
    # For each θ, the σ² at which -2 log-likelihood meets the limit solve ν log σ² + RSS/σ² = constant.
    theta = low + (high - low) * (1 - np.cos(np.linspace(0, np.pi, 801))) / 2
    flat = Profile(model.data, np.ones((len(theta), model.data.schools)), model.reml)
    room = np.maximum(limit - flat.deviance(theta), 0) / model.nu
    best = flat.estimates(theta)[1] / model.nu
    with np.errstate(invalid="ignore"):  # the function's branches meet where there is no room
        roots = (-lambertw(-np.exp(-1 - room), branch).real for branch in (-1, 0))
    small, large = (best / np.where(room > 1e-12, root, 1.0) for root in roots)
    return {
        "tau2": Estimate(model.tau2, _peak(-theta * small, -1), _peak(theta * large)),
        "sigma2": Estimate(model.sigma2, _peak(-small, -1), _peak(large)),
        "icc": Estimate(model.icc, low / (1 + low), high / (1 + high)),
    }


def _peak(values: Array, sign: float = 1) -> float:
    """``sign`` times the largest of values on a grid, as the top of the parabola through it and its neighbours."""
    k = int(np.argmax(values))
    if 0 < k < len(values) - 1:
        a, b, c = values[k - 1 : k + 2]
        bend = a - 2 * b + c
        if bend < 0:
            return float(sign * (b - (c - a) ** 2 / (8 * bend)))
    return float(sign * values[k])


def _crossing(deviance: Callable[[float], float], limit: float, outside: float, inside: float) -> float:
    """Where the deviance passes ``limit`` between a value outside the interval and one inside."""
    from scipy.optimize import brentq

    return float(brentq(lambda theta: deviance(theta) - limit, outside, inside, xtol=1e-14, rtol=1e-12))
