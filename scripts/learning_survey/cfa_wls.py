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
Those terms are left out (Chen & Qin 2010, Annals of Statistics 38, 808-835), and the rest taken (G - 1) / G times.

(Muthén, du Toit & Spisic 1997, Robust inference using weighted least squares; Asparouhov & Muthén 2010, Simple second
order chi-square correction). lavaan calls this WLSMV.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_survey import cfa_start, polychoric_covariance
from learning_survey.cfa_ml import condition, full_rank, inverse, scored
from learning_survey.cfa_model import Model, Moments, selection, sigma_mu
from learning_survey.errors import SurveyError
from learning_survey.fit_indices import ChiSquare, Indices, plain
from learning_survey.polychoric_estimates import Polychoric
from learning_survey.two_way import Tables, pair_index

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One group: ``n`` students, thresholds ``tau`` (T,) of items ``item`` (T,), correlations ``r`` (P,), Gamma (m, m).

    ``weights`` (m,) are W, m = T + P; ``rank`` (T,) counts an item's thresholds from 0; correlations stand as in
    ``two_way.pair_index``. With clusters Gamma is ``parts``' ``parts``, a row (m,) for each.
    """

    n: float
    item: NDArray[np.int64]
    rank: NDArray[np.int64]
    tau: Array
    r: Array
    gamma: Array
    weights: Array
    parts: Array | None = None

    @classmethod
    def of(cls, fit: Polychoric, covariance: Array, n: float) -> Sample:
        """Of polychoric estimates and their covariance (``polychoric_covariance``).

        Raises SurveyError where a correlation does not exist or is -1 or 1: it has no error to be weighted by.
        """
        if len(at := np.flatnonzero(~np.isfinite(np.diag(covariance)[fit.cuts.sum() :]))):
            first, second = pair_index(len(fit.tau))
            a, b = (fit.tables.variables[k[at[0]]] for k in (first, second))
            raise SurveyError(
                f"{a} and {b} are perfectly associated or were not answered by the same students",
                where="ordinal factor model",
                remedy="Leave one of the items out.",
            )
        item = np.nonzero(fit.cuts)[0]
        rank = np.concatenate([np.arange(k) for k in fit.cuts.sum(axis=1)])
        return cls(n, item, rank, fit.tau[fit.cuts], fit.r, n * covariance, 1 / np.diag(n * covariance))

    def clustered(self, fit: Polychoric, parts: Tables) -> Sample:
        """The same with the Gamma of clusters of students, from their tables (G, …); the weights stay.

        Errors and the adjusted chi-square then know the clusters (Asparouhov & Muthén 2005, Multivariate statistical
        modeling with survey data).
        """
        moved = np.sqrt(self.n) * polychoric_covariance.by_cluster(fit, parts)
        return replace(self, gamma=moved.T @ moved, parts=moved)

    @cached_property
    def values(self) -> Array:
        return np.concatenate([self.tau, self.r])

    def points(self, items: Sequence[str]) -> dict[str, int]:
        """How many thresholds each item has."""
        return dict(zip(items, np.bincount(self.item, minlength=len(items)).tolist(), strict=True))


@dataclass(frozen=True)
class Fit:
    """Estimates ``x`` (q,), their robust covariance, and the chi-squares: ``chi2`` as it is, ``scaled`` adjusted."""

    model: Model
    x: Array
    samples: tuple[Sample, ...]
    vcov: Array
    chi2: float
    df: int
    scaled: float
    scaling: float
    condition: float
    identified: bool
    converged: bool
    steps: int

    @property
    def n(self) -> float:
        return sum(s.n for s in self.samples)

    @property
    def moments(self) -> tuple[Moments, ...]:
        return self.model.implied(self.x)

    @property
    def residual_variances(self) -> list[Array]:
        """Of each group's items (p,), where an item's variance is 1/delta²."""
        found = []
        for own, at in zip(self.model.matrices(self.x), self.moments, strict=True):
            explained = np.diag(at.sigma) - np.diag(own["theta"])
            found.append(_scales(self.model, own, at)[0] ** -2.0 - explained)
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
        for s, at in zip(self.samples, implied(self.model, self.samples, self.x), strict=True):
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


class Implied(NamedTuple):
    """A group's implied thresholds and correlations (m,) and their ``slopes`` (m, u) by the parameters ``used`` (u,).

    A group of several uses few of the model's parameters: what does not concern it costs nothing.
    """

    values: Array
    slopes: Array
    used: NDArray[np.int64]

    def by_all(self, size: int) -> Array:
        """The slopes by all ``size`` parameters of the model (m, size)."""
        full = np.zeros((len(self.values), size))
        full[:, self.used] = self.slopes
        return full


def sample(fit: Polychoric, x: NDArray[np.int8]) -> Sample:
    """A group's moments from the rows ``x`` (N, p) that ``fit`` was made of, students independent."""
    return Sample.of(fit, polychoric_covariance.from_rows(fit, x), len(x))


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
            expected = _values(model, s, own, *sigma_mu(own))
            if expected is None:
                return None
            value += (share * s.weights * (s.values - expected) ** 2).sum() / 2
        return float(value)

    x, converged, steps = scored(x, objective, value_at=value_at)
    return _tested(model, samples, x, converged, steps)


def tested(fit: Fit, samples: Sequence[Sample]) -> Fit:
    """The same estimates with the errors and chi-square of ``samples`` that differ in Gamma alone."""
    return _tested(fit.model, tuple(samples), fit.x, fit.converged, fit.steps)


def baseline(samples: Sequence[Sample]) -> Baseline:
    """Of all groups; see ``Baseline``."""
    total, df, trace, squared, own = 0.0, 0, 0.0, 0.0, 0.0
    for s in samples:
        at = slice(len(s.tau), None)
        w, gamma = s.weights[at], s.gamma[at, at]
        total += (s.n - 1) * (w * s.r**2).sum()
        df += len(s.r)
        trace += (w * np.diag(gamma)).sum()
        squared += w @ gamma**2 @ w
        if s.parts is not None:
            own += ((s.parts[:, at] ** 2 @ w) ** 2).sum()
    a = np.sqrt(df / _without_own(squared, own, samples))
    return Baseline(float(total), df, float(a * total + df - a * trace))


# ---------------------------------------------------------------- pieces


def _tested(model: Model, samples: tuple[Sample, ...], x: Array, converged: bool, steps: int) -> Fit:
    """The covariance of the estimates and the adjusted chi-square."""
    n, q = sum(s.n for s in samples), len(x)
    E, B, C = (np.zeros((q, q)) for _ in range(3))
    chi2, trace, squared, count = 0.0, 0.0, 0.0, 0
    clusters: list[tuple[Array, Array, NDArray[np.int64]]] = []
    for s, (expected, D, used) in zip(samples, implied(model, samples, x), strict=True):
        share, w = s.n / n, s.weights
        WD = w[:, None] * D
        H = s.gamma @ WD
        at = np.ix_(used, used)
        E[at] += share * D.T @ WD
        B[at] += share * WD.T @ H
        C[at] += share * H.T @ (w[:, None] * H)
        chi2 += (s.n - 1) * float((w * (s.values - expected) ** 2).sum())
        trace += float((w * np.diag(s.gamma)).sum())
        squared += float(w @ s.gamma**2 @ w)
        count += len(w)
        if s.parts is not None:
            clusters.append((s.parts**2 @ w, np.sqrt(share) * s.parts @ WD, used))
    identified = full_rank(E)
    bread = inverse(E, identified)
    df = count - q
    moved = bread @ B
    trace -= float(np.trace(moved))
    squared += float(-2 * np.sum(bread * C) + np.sum(moved * moved.T))
    own = sum(((whole - np.sum(y @ bread[np.ix_(used, used)] * y, axis=1)) ** 2).sum() for whole, y, used in clusters)
    squared = _without_own(squared, float(own), samples)
    a = np.sqrt(df / squared) if df > 0 and squared > 0 else np.nan
    return Fit(
        model=model,
        x=x,
        samples=samples,
        vcov=bread @ B @ bread / (n - len(samples)),
        chi2=chi2,
        df=df,
        scaled=float(a * chi2 + df - a * trace),
        scaling=float(1 / a),
        condition=condition(E),
        identified=identified,
        converged=converged,
        steps=steps,
    )


def _without_own(squared: float, own: float, samples: Sequence[Sample]) -> float:
    """tr(U Gamma U Gamma) without what clusters add with themselves; as it is without clusters."""
    count = sum(len(s.parts) for s in samples if s.parts is not None)
    return (squared - own) * (count - 1) / count if count else squared


def implied(model: Model, samples: Sequence[Sample], x: Array) -> list[Implied | None]:
    """What parameters ``x`` (q,) imply for each group; None where that is impossible."""
    found: list[Implied | None] = []
    first, second = pair_index(len(model.items))
    for s, own, at in zip(samples, model.matrices(x), model.implied(x), strict=True):
        sigma, places = at.sigma, at.places
        if not model.scaled and np.diag(sigma).min() <= 0:
            found.append(None)
            continue
        delta, slope = _scales(model, own, at)
        above = own["tau"][s.item, s.rank] - at.mu[s.item]
        on_tau = np.zeros((len(s.tau), len(places.row)))
        k = places.of("tau")
        on_tau[:, k] = (s.item[:, None] == places.row[k]) & (s.rank[:, None] == places.column[k])
        tau = delta[s.item, None] * (on_tau - at.d[s.item]) + above[:, None] * slope[s.item]
        common, i, j = sigma[first, second][:, None], delta[first][:, None], delta[second][:, None]
        on_sigma = at.u[first] * at.v[second] + at.v[first] * at.u[second]
        r = i * j * on_sigma + common * (slope[first] * j + i * slope[second])
        values = np.concatenate([delta[s.item] * above, (i * j * common)[:, 0]])
        used, local = np.unique(places.parameter, return_inverse=True)
        found.append(Implied(values, np.concatenate([tau, r]) @ selection(local, len(used)), used))
    return found


def _values(model: Model, s: Sample, own: Mapping[str, Array], sigma: Array, mu: Array) -> Array | None:
    """Implied thresholds and correlations (m,) of a group without derivatives; None where impossible."""
    if not model.scaled and np.diag(sigma).min() <= 0:
        return None
    first, second = pair_index(len(model.items))
    delta = own["delta"][:, 0] if model.scaled else np.diag(sigma) ** -0.5
    above = own["tau"][s.item, s.rank] - mu[s.item]
    return np.concatenate([delta[s.item] * above, delta[first] * delta[second] * sigma[first, second]])


def _scales(model: Model, own: Mapping[str, Array], at: Moments) -> tuple[Array, Array]:
    """The items' delta (p,) and its derivatives by the free cells (p, c)."""
    slope = np.zeros(at.u.shape)
    if model.scaled:
        k = at.places.of("delta")
        slope[at.places.row[k], k] = 1
        return own["delta"][:, 0], slope
    variance = np.diag(at.sigma)[:, None]
    return variance[:, 0] ** -0.5, -0.5 * variance**-1.5 * 2 * at.u * at.v


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
