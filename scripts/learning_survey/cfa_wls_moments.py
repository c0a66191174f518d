"""Thresholds and polychoric correlations of groups of students, and what a factor model implies for them.

Formulas: ``cfa_wls``, which fits models to these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_survey import polychoric_covariance
from learning_survey.cfa_model import Model, Moments, selection
from learning_survey.errors import SurveyError
from learning_survey.polychoric_estimates import Polychoric
from learning_survey.two_way import Tables, pair_index

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One group: ``n`` students, thresholds ``tau`` (T,) of items ``item`` (T,), correlations ``r`` (P,), Gamma (m, m).

    ``weights`` (m,) are W, m = T + P; ``rank`` (T,) counts an item's thresholds from 0; correlations stand as in
    ``two_way.pair_index``. With clusters Gamma is ``parts``' ``parts``, a row (m,) for each of ``clusters`` (G,).
    """

    n: float
    item: NDArray[np.int64]
    rank: NDArray[np.int64]
    tau: Array
    r: Array
    gamma: Array
    weights: Array
    parts: Array | None = None
    clusters: NDArray[np.str_] | None = None

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

    def clustered(self, fit: Polychoric, labels: Sequence[str], parts: Tables) -> Sample:
        """The same with the Gamma of clusters of students, from their labels and tables (G, …); the weights stay.

        Errors and the adjusted chi-square then know the clusters (Asparouhov & Muthén 2005, Multivariate statistical
        modeling with survey data).
        """
        moved = np.sqrt(self.n) * polychoric_covariance.by_cluster(fit, parts)
        return replace(self, gamma=moved.T @ moved, parts=moved, clusters=np.array(labels, str))

    @cached_property
    def values(self) -> Array:
        return np.concatenate([self.tau, self.r])

    def points(self, items: Sequence[str]) -> dict[str, int]:
        """How many thresholds each item has."""
        return dict(zip(items, np.bincount(self.item, minlength=len(items)).tolist(), strict=True))


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


def implied(model: Model, samples: Sequence[Sample], x: Array) -> list[Implied | None]:
    """What parameters ``x`` (q,) imply for each group; None where that is impossible."""
    found: list[Implied | None] = []
    first, second = pair_index(len(model.items))
    for s, own, at in zip(samples, model.matrices(x), model.implied(x), strict=True):
        sigma, places = at.sigma, at.places
        if not model.scaled and np.diag(sigma).min() <= 0:
            found.append(None)
            continue
        delta, slope = scales(model, own, at)
        above = own["tau"][s.item, s.rank] - at.mu[s.item]
        on_tau = np.zeros((len(s.tau), len(places.row)))
        k = places.of("tau")
        on_tau[:, k] = (s.item[:, None] == places.row[k]) & (s.rank[:, None] == places.column[k])
        tau = delta[s.item, None] * (on_tau - at.d[s.item]) + above[:, None] * slope[s.item]
        common, i, j = sigma[first, second][:, None], delta[first][:, None], delta[second][:, None]
        values = np.concatenate([delta[s.item] * above, (i * j * common)[:, 0]])
        # Thresholds and means, half of the cells, move no correlation.
        k = np.flatnonzero(~np.isin(places.matrix, ("tau", "nu", "alpha")))
        u, v, slope = at.u[:, k], at.v[:, k], slope[:, k]
        r = i * j * (u[first] * v[second] + v[first] * u[second])
        r += common * (slope[first] * j + i * slope[second])
        used, local = np.unique(places.parameter, return_inverse=True)
        slopes = np.zeros((len(values), len(used)))
        slopes[: len(tau)] = _by_parameter(tau, local, len(used))
        slopes[len(tau) :] = _by_parameter(r, local[k], len(used))
        found.append(Implied(values, slopes, used))
    return found


def _by_parameter(cells: Array, parameter: NDArray[np.int64], size: int) -> Array:
    """Columns by cells (m, c) as columns by ``size`` parameters: the sum of a parameter's cells."""
    if len(set(parameter.tolist())) < len(parameter):
        return cells @ selection(parameter, size)
    total = np.zeros((len(cells), size))
    total[:, parameter] = cells
    return total


def values_only(model: Model, s: Sample, own: Mapping[str, Array], sigma: Array, mu: Array) -> Array | None:
    """Implied thresholds and correlations (m,) of a group without derivatives; None where impossible."""
    if not model.scaled and np.diag(sigma).min() <= 0:
        return None
    first, second = pair_index(len(model.items))
    delta = own["delta"][:, 0] if model.scaled else np.diag(sigma) ** -0.5
    above = own["tau"][s.item, s.rank] - mu[s.item]
    return np.concatenate([delta[s.item] * above, delta[first] * delta[second] * sigma[first, second]])


def scales(model: Model, own: Mapping[str, Array], at: Moments) -> tuple[Array, Array]:
    """The items' delta (p,) and its derivatives by the free cells (p, c)."""
    slope = np.zeros(at.u.shape)
    if model.scaled:
        k = at.places.of("delta")
        slope[at.places.row[k], k] = 1
        return own["delta"][:, 0], slope
    variance = np.diag(at.sigma)[:, None]
    return variance[:, 0] ** -0.5, -0.5 * variance**-1.5 * 2 * at.u * at.v
