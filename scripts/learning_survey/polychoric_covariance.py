"""Covariance matrix of thresholds and polychoric correlations, from the rows or from the tables of clusters.

The estimates stand in one order: thresholds that exist, item by item, then the correlations (``two_way.pair_index``).
N times the matrix is the Gamma of Muthén (1984, Psychometrika 49, 115-132) that weighted least squares needs. What a
student moves the estimates by depends on the student's answers alone (``polychoric_estimates.Polychoric``): it is
looked up, and the matrix is the sum of its products over students, or over clusters of them (Liang & Zeger 1986,
Biometrika 73, 13-22).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_survey.polychoric_estimates import Polychoric
from learning_survey.two_way import Choices, Tables, pair_index

Array = NDArray[np.float64]
BLOCK = 4096  # rows whose influences are in memory at a time


def estimates(fit: Polychoric) -> Array:
    """The vector (m,) whose covariance this is: thresholds, then correlations."""
    return np.concatenate([fit.tau[fit.cuts], fit.r])


def from_rows(fit: Polychoric, x: Choices) -> Array:
    """Covariance (m, m) with students independent; ``x`` (N, p) are the rows that ``fit`` was made of, as categories.

    Rows are taken in blocks: memory does not grow with them. NaN in the rows and columns of a perfect association.
    """
    p, size = x.shape[1], fit.tables.items.shape[-1]
    cuts = fit.cuts
    by_item = np.concatenate([fit.on_tau, np.zeros((p, 1, size - 1))], axis=1)
    per_item = [np.ascontiguousarray(by_item[i][:, cuts[i]]) for i in range(p)]
    flat, width = fit.on_r.reshape(-1), (size + 1) ** 2
    first, second = pair_index(p)
    starts = np.arange(len(first), dtype=np.int32) * width
    total = np.zeros((len(starts) + cuts.sum(),) * 2)
    for at in range(0, len(x), BLOCK):
        own = x[at : at + BLOCK].astype(np.int32)
        own[own < 0] = size
        moved = np.empty((len(own), len(total)))
        column = 0
        for i, table in enumerate(per_item):
            moved[:, column : column + table.shape[1]] = table[own[:, i]]
            column += table.shape[1]
        np.take(flat, own[:, first] * (size + 1) + own[:, second] + starts, out=moved[:, column:])
        total += moved.T @ moved
    return total


def from_clusters(fit: Polychoric, parts: Tables) -> Array:
    """Covariance (m, m) with students in clusters, from stacked tables (G, …) of clusters that add up to ``fit``'s.

    G/(G-1) times the sum over clusters of the products of what each moves; its rank is G - 1 at most. NaN with fewer
    than two clusters.
    """
    count = len(parts.items)
    r, tau = fit.moved(parts)
    moved = np.concatenate([tau[:, fit.cuts], r], axis=1)
    return count / (count - 1) * (moved.T @ moved) if count > 1 else np.full((moved.shape[1],) * 2, np.nan)
