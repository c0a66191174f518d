"""Factor models of ordinal items by diagonally weighted least squares, with a mean-and-variance adjusted chi-square.

Each item is a normal variable cut at thresholds. In each group, with Sigma and mu as in ``cfa_model`` and delta the
items' scales, the model implies thresholds and correlations of standardised variables (Muthén 1984, Psychometrika 49,
115-132):

    t_ik = delta_i (tau_ik - mu_i)          r_ij = delta_i delta_j sigma_ij

In the delta parameterisation delta is in the model, and what an item's factors leave of its variance 1/delta² is its
residual variance. In the theta parameterisation residual variances are in the model, and delta_i = sigma_ii^(-1/2).

With s the observed thresholds and polychoric correlations of a group, Gamma n times their covariance and W the inverse
of its diagonal, the estimates minimise F = sum of (n_g / n) (s - sigma)' W (s - sigma). With D the derivatives of the
implied moments, E = D'WD, U = W - W D E^-1 D'W, everything over groups,

    V = E^-1 D'W Gamma W D E^-1 / (n - 1)
    X = a (n - 1) F + df - a tr(U Gamma),   a = sqrt(df / tr(U Gamma U Gamma))

With clusters of students Gamma is the sum of y y' over G clusters, y of length m. As m is larger than G, tr(U Gamma U
Gamma) = sum over pairs of clusters of (y'U y)² is far above its expectation, by what each cluster adds with itself.
Those terms are left out (Chen & Qin 2010, Annals of Statistics 38, 808-835), and the rest taken (G - 1) / G times. A
cluster that is in several groups is one unit: its y is as long as all of their moments together.

(Muthén, du Toit & Spisic 1997, Robust inference using weighted least squares; Asparouhov & Muthén 2010, Simple second
order chi-square correction). lavaan calls this WLSMV.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from learning_survey import cfa_start
from learning_survey.cfa_ml import scored
from learning_survey.cfa_model import Model, Moments, sigma_mu
from learning_survey.cfa_wls_moments import Sample, implied, scales, values_only
from learning_survey.cfa_wls_point import Point, Sandwich, by_cluster, sandwich
from learning_survey.errors import SurveyError
from learning_survey.fit_indices import ChiSquare, Indices, plain
from learning_survey.two_way import pair_index

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Estimates, their robust covariance ``vcov``, and the chi-squares: ``chi2`` as it is, ``scaled`` adjusted.

    What needs Gamma is worked out when it is first asked for.
    """

    point: Point
    samples: tuple[Sample, ...]
    converged: bool
    steps: int

    @property
    def model(self) -> Model:
        return self.point.model

    @property
    def x(self) -> Array:
        """The estimates (q,)."""
        return self.point.x

    @property
    def n(self) -> float:
        return sum(s.n for s in self.samples)

    @property
    def df(self) -> int:
        return sum(len(s.values) for s in self.samples) - len(self.x)

    @property
    def condition(self) -> float:
        return self.point.condition

    @property
    def identified(self) -> bool:
        return self.point.identified

    @cached_property
    def chi2(self) -> float:
        pairs = zip(self.samples, self.point.implied, strict=True)
        return sum((s.n - 1) * float((s.weights * (s.values - at.values) ** 2).sum()) for s, at in pairs)

    @cached_property
    def sandwich(self) -> Sandwich:
        return sandwich(self.point, self.samples)

    @cached_property
    def vcov(self) -> Array:
        """Of the estimates (q, q)."""
        bread = self.point.bread
        return bread @ self.sandwich.B @ bread / (self.n - len(self.samples))

    @cached_property
    def _traces(self) -> tuple[float, float]:
        return _traces(self)

    @property
    def scaled(self) -> float:
        return _adjusted(self.chi2, self.df, *self._traces)

    @property
    def scaling(self) -> float:
        _, squared = self._traces
        return float(np.sqrt(squared / self.df)) if self.df > 0 and squared > 0 else np.nan

    @property
    def moments(self) -> tuple[Moments, ...]:
        return self.model.implied(self.x)

    @property
    def residual_variances(self) -> list[Array]:
        """Of each group's items (p,), where an item's variance is 1/delta²."""
        found = []
        for own, at in zip(self.model.matrices(self.x), self.moments, strict=True):
            explained = np.diag(at.sigma) - np.diag(own["theta"])
            found.append(scales(self.model, own, at)[0] ** -2.0 - explained)
        return found

    @property
    def admissible(self) -> bool:
        """Whether no residual variance is negative and no covariance matrix of factors impossible."""
        psi = [own["psi"] for own in self.model.matrices(self.x) if own["psi"].size]
        return all(v.min() > -1e-8 for v in self.residual_variances) and all(
            np.linalg.eigvalsh(C)[0] > -1e-8 * np.abs(C).max() for C in psi
        )

    def srmr(self) -> float:
        """Root mean square of residual correlations, the diagonal counted in (p(p+1)/2 of them); groups by size."""
        p, total = len(self.model.items), 0.0
        for s, at in zip(self.samples, self.point.implied, strict=True):
            residual = (s.values - at.values)[len(s.tau) :]
            total += s.n / self.n * np.sqrt((residual**2).sum() / (p * (p + 1) / 2))
        return float(total)

    def indices(self, *, scaled: bool = True) -> Indices:
        """Fit indices from the scaled chi-squares of the model and the baseline, or from the plain ones."""
        base = baseline(self.samples)
        own, other = (self.scaled, base.scaled) if scaled else (self.chi2, base.chi2)
        # As in lavaan, a group counts n - 1, as in the chi-square.
        return plain(ChiSquare(own, self.df), ChiSquare(other, base.df), self.n / len(self.samples) - 1)


@dataclass(frozen=True)
class Baseline:
    """Chi-squares of the model in which items do not correlate and thresholds are free."""

    chi2: float
    df: int
    scaled: float


def fit(model: Model, samples: Sequence[Sample], x: Array | None = None) -> Fit:
    """Estimates of ``model`` (``cfa_ordinal`` makes one), a sample for each group, starting from ``x`` or the moments.

    Raises SurveyError where the model's thresholds are not the sample's, or it has more parameters than moments.
    """
    samples = tuple(samples)
    _require(model, samples)
    if x is None:
        x = _start(model, samples)
    shares = np.array([s.n for s in samples]) / sum(s.n for s in samples)

    def objective(at: Array) -> tuple[float, Array, Array] | None:
        value, gradient, information = 0.0, np.zeros(len(at)), np.zeros((len(at), len(at)))
        for share, s, found in zip(shares, samples, implied(model, samples, at), strict=True):
            if found is None:
                return None
            expected, D, used = found
            weighted = share * s.weights
            gap = s.values - expected
            value += (weighted * gap**2).sum() / 2
            gradient[used] -= D.T @ (weighted * gap)
            information[np.ix_(used, used)] += D.T @ (weighted[:, None] * D)
        return value, gradient, information

    def value_at(at: Array) -> float | None:
        value = 0.0
        for share, s, own in zip(shares, samples, model.matrices(at), strict=True):
            expected = values_only(model, s, own, *sigma_mu(own))
            if expected is None:
                return None
            value += (share * s.weights * (s.values - expected) ** 2).sum() / 2
        return float(value)

    x, converged, steps = scored(x, objective, value_at=value_at)
    return Fit(Point(model, samples, x), samples, converged, steps)


def tested(fit: Fit, samples: Sequence[Sample]) -> Fit:
    """The same estimates with the errors and chi-square of ``samples`` that differ in Gamma alone."""
    return Fit(fit.point, tuple(samples), fit.converged, fit.steps)


def baseline(samples: Sequence[Sample]) -> Baseline:
    """Of all groups; see ``Baseline``."""
    total, df, trace, squared, rest = 0.0, 0, 0.0, 0.0, []
    for s in samples:
        at = slice(len(s.tau), None)
        w, gamma = s.weights[at], s.gamma[at, at]
        total += (s.n - 1) * (w * s.r**2).sum()
        df += len(s.r)
        trace += (w * np.diag(gamma)).sum()
        squared += w @ gamma**2 @ w
        if s.parts is not None:
            rest.append(s.parts[:, at] * np.sqrt(w))
    if rest:
        trace, squared = _traces_of(sum(y @ y.T for y in by_cluster(samples, rest)))
    return Baseline(float(total), df, _adjusted(total, df, trace, squared))


def difference(restricted: Fit, general: Fit) -> ChiSquare:
    """Chi-square of what a model adds to a ``general`` one of the same samples, adjusted in mean and variance.

    With H what takes the derivatives of the general model's moments nearest to those of the restricted one's, and E and
    B = D'W Gamma W D the general model's, X is adjusted as above by the traces of N B and N B N B with
    N = E^-1 - H (H'E H)^-1 H' (Satorra 2000, in Innovations in multivariate statistical analysis, 233-247). NaN where
    one of the two is not identified.
    """
    df, chi2 = restricted.df - general.df, max(restricted.chi2 - general.chi2, 0.0)
    if not (restricted.identified and general.identified) or df < 1:
        return ChiSquare(np.nan, df)
    E, B, Y = general.sandwich
    squares, across = np.zeros(E.shape), np.zeros((len(general.x), len(restricted.x)))
    for (_, D, used), (_, other, at) in zip(general.point.implied, restricted.point.implied, strict=True):
        squares[np.ix_(used, used)] += D.T @ D
        across[np.ix_(used, at)] += D.T @ other
    H = np.linalg.solve(squares, across)
    within = H.T @ E @ H
    if Y is None:
        NB = (general.point.bread - H @ np.linalg.solve(within, H.T)) @ B
        trace, squared = float(np.trace(NB)), float(np.sum(NB * NB.T))
    else:
        YH = Y @ H
        trace, squared = _traces_of(Y @ general.point.bread @ Y.T - YH @ np.linalg.solve(within, YH.T))
    return ChiSquare(_adjusted(chi2, df, trace, squared), df)


# ---------------------------------------------------------------- pieces


def _traces(fit: Fit) -> tuple[float, float]:
    """tr(U Gamma) and tr(U Gamma U Gamma)."""
    n, bread = fit.n, fit.point.bread
    _, B, Y = fit.sandwich
    if Y is None:
        C, trace, squared = np.zeros(B.shape), 0.0, 0.0
        for s, (_, D, used) in zip(fit.samples, fit.point.implied, strict=True):
            w = s.weights
            H = s.gamma @ (w[:, None] * D)
            C[np.ix_(used, used)] += s.n / n * H.T @ (w[:, None] * H)
            trace += float((w * np.diag(s.gamma)).sum())
            squared += float(w @ s.gamma**2 @ w)
        moved = bread @ B
        trace -= float(np.trace(moved))
        squared += float(-2 * np.sum(bread * C) + np.sum(moved * moved.T))
        return trace, squared
    whole = sum(y @ y.T for y in by_cluster(fit.samples, [s.parts * np.sqrt(s.weights) for s in fit.samples]))
    return _traces_of(whole - Y @ bread @ Y.T)


def _traces_of(K: Array) -> tuple[float, float]:
    """tr(U Gamma) and tr(U Gamma U Gamma) from K = y'U y of all pairs of clusters (G, G), without a cluster's own."""
    G = len(K)
    return float(np.trace(K)), float((np.sum(K**2) - np.sum(np.diag(K) ** 2)) * (G - 1) / G)


def _adjusted(chi2: float, df: int, trace: float, squared: float) -> float:
    """A chi-square whose mean and variance are adjusted; NaN without degrees of freedom, or a variance."""
    if df < 1 or not squared > 0:
        return float("nan")
    a = np.sqrt(df / squared)
    return float(a * chi2 + df - a * trace)


def _start(model: Model, samples: Sequence[Sample]) -> Array:
    """Start values from the mean correlations of the groups, and the thresholds as observed."""
    n, p = sum(s.n for s in samples), len(model.items)
    R = np.eye(p)
    R[pair_index(p)] = sum(s.n / n * s.r for s in samples)
    x = cfa_start.start(model, R + np.triu(R, 1).T)
    for s, places in zip(samples, model.places, strict=True):
        observed = np.zeros((p, len(model.thresholds)))
        observed[s.item, s.rank] = s.tau
        k = places.of("tau")
        x[places.parameter[k]] = observed[places.row[k], places.column[k]]
    return x


def _require(model: Model, samples: Sequence[Sample]) -> None:
    """Raise SurveyError for samples that the model cannot be estimated from."""
    for group, s in zip(model.groups, samples, strict=True):
        if s.n <= len(model.items):
            raise SurveyError(
                f"{s.n:.0f} complete respondents for {len(model.items)} items",
                where=f"ordinal factor model, group {group}",
                remedy="It needs more respondents than items; join the group with another or leave it out.",
            )
    for (group, cells), s in zip(model.groups.items(), samples, strict=True):
        named = {(c.row, c.column) for c in cells if c.matrix == "tau"}
        found = {(model.items[i], f"t{k + 1}") for i, k in zip(s.item, s.rank, strict=True)}
        if at_fault := sorted({item for item, _ in named ^ found}):
            raise SurveyError(
                f"the categories in use of {', '.join(at_fault)} are not those of the model",
                where=f"ordinal factor model, group {group}",
                remedy="A category that nobody in a group chose must be joined with its neighbour in all groups.",
            )
    if sum(len(s.values) for s in samples) < len(model.parameters):
        raise SurveyError(
            f"{len(model.parameters)} parameters for fewer moments",
            where="ordinal factor model",
            remedy="Leave the model out: it needs more items, or more of them per factor.",
        )
