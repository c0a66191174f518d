"""How much fit changes between levels when invariance holds exactly: schools drawn again from a world where it does.

The answers of each group are turned so that its means and covariances are those that the scalar model implies, with
schools staying whole (Bollen & Stine 1992, Sociological Methods & Research 21, 205-229). Drawing schools with
replacement then gives residuals r of the moments, and a level's chi-square is, to first order, the part of r that its
parameters cannot follow:

    T = sum over groups n_g r' V r - b' J^-1 b,    b = sum over groups n_g D' V r,    J = sum over groups n_g D' V D

with D the derivatives of the level's moments and V their weight under normality (Browne 1984, British Journal of
Mathematical and Statistical Psychology 37, 62-83). Everything is linear in the schools' weights, so that a
thousand draws are a few matrix products.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from learning_survey import cfa_ml
from learning_survey.cfa_model import Model
from learning_survey.cfa_robust import Clusters, cluster_scores
from learning_survey.fit_indices import ChiSquare
from learning_survey.invariance_levels import LEVELS, Fitted, carried, model

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Changes:
    """Changes from one level to the next in CFI (a fall is positive) and RMSEA (a rise is), shape (draws,)."""

    cfi: Array
    rmsea: Array


def chi_squares(
    scalar: Fitted, scales: Mapping[str, Sequence[str]], groups: Mapping[str, Clusters], draws: int, seed: int
) -> dict[str, Array]:
    """Chi-squares (draws,) of each level in worlds in which ``scalar`` holds; schools are drawn ``draws`` times."""
    turned = {name: _turned(g, at) for (name, g), at in zip(groups.items(), scalar.fit.moments, strict=True)}
    known = np.unique(np.concatenate([g.labels for g in groups.values()]))
    rng = np.random.default_rng(seed)
    extra = rng.multinomial(len(known), np.full(len(known), 1 / len(known)), size=draws) - 1.0
    # r' V r of each group, from the draws' summed deviations.
    total = np.zeros(draws)
    for g, at in zip(turned.values(), scalar.fit.moments, strict=True):
        W, weight = np.linalg.inv(at.sigma), extra[:, np.searchsorted(known, g.labels)]
        t, c = g.about(at.mu)
        n = g.n.sum()
        drawn = np.tensordot(weight, c - g.n[:, None, None] * at.sigma, axes=1) / n
        E = np.matmul(W, drawn)
        mean = weight @ t / n
        total += n * (np.einsum("bij,bji->b", E, E) / 2 + np.einsum("bi,ij,bj->b", mean, W, mean))
    found = {}
    for level in LEVELS:
        wanted = model(scales, list(groups), level)
        followed = _followed(wanted, carried(scalar.fit, wanted), turned, known, extra)
        found[level] = np.maximum(total - followed, 0)
    return found


def _followed(wanted: Model, x: Array, groups: Mapping[str, Clusters], known: NDArray[np.str_], extra: Array) -> Array:
    """The part b' J^-1 b of a level at parameters ``x`` in each draw."""
    q = len(x)
    J, scores = np.zeros((q, q)), np.zeros((len(known), q))
    for g, at in zip(groups.values(), wanted.implied(x), strict=True):
        W = np.linalg.inv(at.sigma)
        J += g.n.sum() * cfa_ml.cell_information(at, W, q)
        cells = cluster_scores(at, g, W)
        by_parameter = np.zeros((q, len(g.n)))
        np.add.at(by_parameter, at.places.parameter, cells.T)
        scores[np.searchsorted(known, g.labels)] += by_parameter.T
    b = extra @ scores
    scale = np.sqrt(np.diag(J))
    return np.einsum("bi,bi->b", b / scale, np.linalg.solve(J / np.outer(scale, scale), (b / scale).T).T)


def changes(drawn: Mapping[str, Array], df: Mapping[str, int], base: ChiSquare, n: float) -> dict[str, Changes]:
    """Changes of fit from each level to the next, for chi-squares as ``chi_squares`` gives them.

    ``df`` are the levels' degrees of freedom, ``base`` the chi-square of items that do not correlate, ``n`` the mean
    size of the groups. CFI and RMSEA as in ``fit_indices``.
    """
    over = {v: np.maximum(x - df[v], 0) for v, x in drawn.items()}
    cfi = {v: 1 - x / np.maximum(x, max(base.chi2 - base.df, 1e-300)) for v, x in over.items()}
    rmsea = {v: np.sqrt(x / (n * df[v])) if df[v] else np.full(len(x), np.nan) for v, x in over.items()}
    return {b: Changes(cfi[a] - cfi[b], rmsea[b] - rmsea[a]) for a, b in pairwise(drawn)}


def _turned(g: Clusters, at: cfa_ml.Moments) -> Clusters:
    """The group's clusters with their answers turned so that means and covariances are those of ``at``."""
    s = g.sample
    A = _root(at.sigma) @ _root(np.linalg.inv(s.cov))
    t, c = g.about(s.mean)
    t, c = t @ A.T, A @ c @ A.T
    mean = at.mu
    across = t[:, :, None] * mean
    products = c + across + np.swapaxes(across, 1, 2) + g.n[:, None, None] * np.outer(mean, mean)
    return Clusters(g.labels, g.n, t + g.n[:, None] * mean, products)


def _root(S: Array) -> Array:
    """The symmetric square root."""
    values, vectors = np.linalg.eigh(S)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
