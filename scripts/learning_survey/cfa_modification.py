"""What a factor model leaves out: score tests of cells that are fixed at zero, all at once.

With s the score of a cell, I the expected information and o the free parameters, per respondent (Sörbom 1989,
Psychometrika 54, 371-384):

    V   = I_cc - I_co I_oo^-1 I_oc
    MI  = n s^2 / V      the fall of chi-square if the cell were free
    EPC = s / V          what its estimate would be (Saris, Satorra & Sörbom 1987, Sociological Methodology 17, 105-129)

These take answers as normal and students as independent. With schools as units, and u_g what school g adds to the score
of the cell less I_co I_oo^-1 times what it adds to those of the free parameters, the same test is

    (sum of u_g)^2 / (G / (G - 1) sum of u_g^2)            (Boos 1992, American Statistician 46, 327-333)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey.cfa_ml import Fit, inverse, objective
from learning_survey.cfa_model import Cell, Model, free
from learning_survey.cfa_robust import Clusters, by_parameter, cluster_scores

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Modification:
    """Cells that could be free: ``index`` is the fall of chi-square, ``change`` the estimate. Shape (c,) each.

    ``clustered`` is the index with clusters as units; NaN where none were given.
    """

    cells: tuple[Cell, ...]
    index: Array
    clustered: Array
    change: Array
    standardised: Array


def candidates(model: Model) -> list[Cell]:
    """Loadings of items on factors that have items, and residual covariances, but for those that the model names."""
    (own,) = model.groups.values()
    named = {(c.matrix, c.row, c.column) for c in own} | {
        (c.matrix, c.column, c.row) for c in own if c.matrix == "theta"
    }
    factors = [f for f in model.factors if any(c.matrix == "lambda" and c.column == f for c in own)]
    pairs = [("lambda", i, f) for f in factors for i in model.items]
    pairs += [("theta", b, a) for i, a in enumerate(model.items) for b in model.items[i + 1 :]]
    return [free(*pair, start=0.0) for pair in pairs if pair not in named]


def modification(fit: Fit, cells: Sequence[Cell] | None = None, clusters: Clusters | None = None) -> Modification:
    """Score tests of ``cells`` (all ``candidates`` without) of a one-group model that was fitted to moments.

    ``clusters`` are those whose sums the moments are. NaN for a cell that is not identified beside the others, and
    everywhere where the model is not.
    """
    cells = candidates(fit.model) if cells is None else list(cells)
    q = len(fit.x)
    wider = fit.model.with_cells(*cells)
    x = np.append(fit.x, np.zeros(len(cells)))
    _, gradient, information = objective(wider, fit.samples, x)
    score, across = -gradient[q:], information[q:, :q]
    own = np.diag(information)[q:]
    taken = across @ inverse(fit.information, fit.identified)
    V = own - np.einsum("ci,ci->c", taken, across)
    V = np.where(own * 1e-9 < V, V, np.nan)
    change, squares = score / V, np.full(len(cells), np.nan)
    if clusters is not None:
        (at,) = wider.implied(x)
        scores = by_parameter(at, cluster_scores(at, clusters, np.linalg.inv(at.sigma), fit.model.means), len(x))
        moved, count = scores[:, q:] - scores[:, :q] @ taken.T, len(scores)
        squares = count / (count - 1) * (moved**2).sum(axis=0)
    clustered = np.where(np.isfinite(V), (fit.n * score) ** 2 / squares, np.nan)
    return Modification(tuple(cells), fit.n * score**2 / V, clustered, change, change * _unit(fit, cells))


def _unit(fit: Fit, cells: Sequence[Cell]) -> Array:
    """What standardises each cell: sd(factor) / sd(item) of a loading, 1 / sd sd of the residuals of a covariance.

    NaN where a residual variance is zero: nothing is left that could correlate.
    """
    (own,), (at,) = fit.model.matrices(fit.x), fit.moments
    with np.errstate(invalid="ignore"):
        item, factor, rest = (np.sqrt(np.diag(C)) for C in (at.sigma, at.total, own["theta"]))
    rest = np.where(rest > 0, rest, np.nan)
    units = []
    for cell in cells:
        i, j = fit.model.at(cell)
        units.append(factor[j] / item[i] if cell.matrix == "lambda" else 1 / (rest[i] * rest[j]))
    return np.array(units)
