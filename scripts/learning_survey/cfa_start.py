"""Where estimation of a factor model starts: loadings of each factor's own indicators, then correlations of factors.

Each factor takes the leading eigenvector of its indicators' correlations with communalities in the diagonal, the factor
with most indicators first; where factors share indicators, what one explains is taken away before the next. Higher
factors do the same with the correlations of the factors below them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_survey.cfa_model import Model

Array = NDArray[np.float64]


def start(model: Model, cov: Array, means: list[Array] | None = None) -> Array:
    """Start values (q,) from covariances (p, p) of all groups together and, for intercepts, each group's means (p,).

    A cell's own start value goes first. A parameter that is several cells starts at their mean.
    """
    total, count = np.zeros(len(model.parameters)), np.zeros(len(model.parameters))
    number = {label: k for k, label in enumerate(model.parameters)}
    for g, cells in enumerate(model.groups.values()):
        guess = _matrices(model, g, cov)
        guess["nu"] = (np.zeros(len(cov)) if means is None else means[g])[:, None]
        for cell in cells:
            if cell.label:
                own = cell.value if np.isfinite(cell.value) else guess[cell.matrix][model.at(cell)]
                total[number[cell.label]] += own
                count[number[cell.label]] += 1
    return total / count


def _matrices(model: Model, g: int, cov: Array) -> dict[str, Array]:
    p, m = len(model.items), len(model.factors)
    fixed, places = model.fixed[g], model.places[g]
    free = {name: np.zeros(M.shape, bool) for name, M in fixed.items()}
    for name, mask in free.items():
        k = places.of(name)
        mask[places.row[k], places.column[k]] = True
    sd = np.sqrt(np.diag(cov))
    R = cov / np.outer(sd, sd)
    loading = _loadings(R, free["lambda"] | (fixed["lambda"] != 0))
    weight = loading / np.maximum((loading**2).sum(axis=0), 1e-6)
    phi = np.clip(weight.T @ R @ weight, -0.9, 0.9)
    np.fill_diagonal(phi, 1.0)
    below = free["beta"] | (fixed["beta"] != 0)
    path = _loadings(phi, below)
    for h in np.flatnonzero(below.any(axis=0)):  # a higher factor's correlations are those of what it is made of
        weight[:, h] = weight @ (path[:, h] / (path[:, h] ** 2).sum())
    phi = np.clip(weight.T @ R @ weight, -0.9, 0.9)

    explained = np.minimum((path**2).sum(axis=1), 0.9)
    scale = np.ones(m)
    for f in np.argsort(below.any(axis=0), kind="stable"):  # those with items first, then higher ones
        marks = [(loading[i, f] * sd[i], fixed["lambda"][i, f]) for i in np.flatnonzero(fixed["lambda"][:, f])]
        marks += [(path[i, f] * scale[i], fixed["beta"][i, f]) for i in np.flatnonzero(fixed["beta"][:, f])]
        if marks:
            scale[f] = max(abs(marks[0][0] / marks[0][1]), 0.2)
        elif not free["psi"][f, f] and fixed["psi"][f, f] > 0:
            scale[f] = np.sqrt(fixed["psi"][f, f] / (1 - explained[f]))
    psi = phi * np.outer(scale, scale)
    np.fill_diagonal(psi, scale**2 * (1 - explained))
    communality = np.minimum((loading**2).sum(axis=1), 0.9)
    theta = np.diag(sd**2 * (1 - communality))
    return {
        "lambda": loading * sd[:, None] / scale,
        "beta": path * scale[:, None] / scale,
        "psi": psi,
        "theta": theta,
        "alpha": np.zeros((m, 1)),
        "tau": np.zeros((p, len(model.thresholds))),
        "delta": np.ones((p, 1)),
    }


def _loadings(R: Array, indicator: NDArray[np.bool_]) -> Array:
    """Standardised loadings (p, m) of the marked indicators, first ones positive; two steps of principal axes."""
    rest, found = R.copy(), np.zeros(indicator.shape)
    for f in np.argsort(-indicator.sum(axis=0), kind="stable"):
        at = np.flatnonzero(indicator[:, f])
        if not len(at):
            continue
        block = rest[np.ix_(at, at)].copy()
        off = np.abs(block - np.diag(np.diag(block)))
        communality = off.max(axis=1) if len(at) > 1 else np.array([0.8])
        for _ in range(2):
            np.fill_diagonal(block, communality)
            values, vectors = np.linalg.eigh(block)
            column = vectors[:, -1] * np.sqrt(max(values[-1], 0.04))
            communality = np.minimum(column**2, 0.9)
        column = np.clip(column, -0.95, 0.95) * (1 if column[0] >= 0 else -1)
        found[at, f] = column
        rest[np.ix_(at, at)] -= np.outer(column, column)
    return found
