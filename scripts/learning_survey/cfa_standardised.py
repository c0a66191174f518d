"""Standardised estimates with errors, and what follows from them: R squared, composite reliability, AVE, HTMT.

Items and factors get a variance of 1: a loading is lambda sd(factor) / sd(item), a covariance is a correlation (of
residuals or disturbances: their correlation), a variance is its share of the whole. lavaan calls this std.all. Errors
are by the delta method with exact derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_survey.cfa_ml import Fit, derivatives
from learning_survey.cfa_model import Cell, Model

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Standardised:
    """Standardised values of the cells named in a model, fixed ones too: ``values`` (c,), ``slopes`` (c, q)."""

    cells: tuple[tuple[str, Cell], ...]
    values: Array
    slopes: Array

    def se(self, vcov: Array) -> Array:
        """Standard errors (c,) where the parameters have covariance matrix ``vcov`` (q, q)."""
        return np.sqrt(np.maximum(np.einsum("ci,ij,cj->c", self.slopes, vcov, self.slopes), 0))


def standardised(fit: Fit) -> Standardised:
    """Of the loadings, paths, variances, covariances, intercepts and factor means. NaN beside a negative variance."""
    cells = [(g, c) for g, own in fit.model.groups.items() for c in own if c.matrix not in ("tau", "delta")]
    places = [fit.model.at(c) for _, c in cells]

    def values(x: NDArray[Any]) -> NDArray[Any]:
        found = dict(zip(fit.model.groups, _matrices(fit.model, x), strict=True))
        return np.array([found[g][c.matrix][at] for (g, c), at in zip(cells, places, strict=True)])

    with np.errstate(invalid="ignore", divide="ignore"):
        at = values(fit.x)
        slopes = derivatives(values, fit.x)
    return Standardised(tuple(cells), at, np.where(np.isfinite(at)[:, None], slopes, np.nan))


def _matrices(model: Model, x: NDArray[Any]) -> list[dict[str, NDArray[Any]]]:
    found = []
    for own, at in zip(model.matrices(x), model.implied(x), strict=True):
        item, factor = np.sqrt(np.diag(at.sigma))[:, None], np.sqrt(np.diag(at.total))[:, None]
        found.append(
            {
                "lambda": own["lambda"] * factor.T / item,
                "beta": own["beta"] * factor.T / factor,
                "psi": _correlation(own["psi"], np.diag(at.total)),
                "theta": _correlation(own["theta"], np.diag(at.sigma)),
                "nu": own["nu"] / item,
                "alpha": own["alpha"] / factor,
            }
        )
    return found


def _correlation(C: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    """Correlations off the diagonal, shares of the whole variances on it."""
    variance = np.diag(C)
    sd = np.sqrt(np.where(variance == 0, 1, variance))
    return np.where(np.eye(len(C), dtype=bool), C / whole, C / sd / sd[:, None])


def r_squared(fit: Fit) -> list[Array]:
    """Share of each item's variance that is not residual, (p,) for each group."""
    pairs = zip(fit.model.matrices(fit.x), fit.moments, strict=True)
    return [1 - np.diag(own["theta"]) / np.diag(at.sigma) for own, at in pairs]


def omega(fit: Fit, factor: str, group: int = 0) -> float:
    """Composite reliability of the sum of a factor's items, of that factor alone: 1'l l'1 / 1'S1.

    l are loadings times the factor's standard deviation, S the observed covariances (McDonald 1999, Test Theory,
    p. 90), as semTools' compRelSEM takes it. For a general factor of a bifactor model it is omega hierarchical.
    """
    own, at = fit.model.matrices(fit.x)[group], fit.moments[group]
    f = fit.model.factors.index(factor)
    items = np.flatnonzero(own["lambda"][:, f])
    common = own["lambda"][items, f].sum() ** 2 * at.total[f, f]
    return float(common / fit.samples[group].cov[np.ix_(items, items)].sum())


def ave(fit: Fit, factor: str, group: int = 0) -> float:
    """Average variance extracted: the factor's part of its items' variances (Fornell & Larcker 1981, JMR 18, 39-50)."""
    own, at = fit.model.matrices(fit.x)[group], fit.moments[group]
    f = fit.model.factors.index(factor)
    common = own["lambda"][:, f] ** 2 * at.total[f, f]
    items = common > 0
    return float(common[items].sum() / (common[items] + np.diag(own["theta"])[items]).sum())


def htmt(R: Array, scales: Sequence[Sequence[int]]) -> Array:
    """Heterotrait-monotrait ratios of correlations ``R`` (p, p) of items in ``scales``, shape (m, m).

    Geometric mean of absolute correlations between two scales over the root of the product of those within each:
    HTMT2 (Roemer, Schuberth & Henseler 2021, Industrial Management & Data Systems 121, 2637-2650), which does not
    assume equal loadings, and is what semTools gives. NaN for a scale of one item.
    """
    with np.errstate(divide="ignore"):
        L = np.log(np.abs(R))
    np.fill_diagonal(L, 0.0)
    mean = np.array([[np.exp(L[np.ix_(a, b)].mean()) for b in scales] for a in scales])
    with np.errstate(invalid="ignore", divide="ignore"):
        within = np.array([np.exp(np.divide(L[np.ix_(a, a)].sum(), len(a) * (len(a) - 1))) for a in scales])
    ratio = mean / np.sqrt(np.outer(within, within))
    np.fill_diagonal(ratio, 1.0)
    return ratio
