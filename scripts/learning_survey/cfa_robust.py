"""Standard errors and a chi-square that hold without normality, for respondents or for whole schools.

Each unit (a respondent, or the sum over a school's) has a score: what it adds to the gradient of the loglikelihood.
With H the observed information per respondent and M the mean over respondents of products of scores,

    V = H^-1 M H^-1 / n                                                       (Huber 1967; White 1982; Binder 1983)
    c = (tr(H1^-1 M1) - tr(H^-1 M)) / df,   scaled chi-square = chi-square / c

where 1 marks the model of free moments (Yuan & Bentler 2000, Sociological Methodology 30, 165-200; in the form of
Asparouhov & Muthén 2005, Multivariate statistical modeling with survey data, FCSM). With schools M has the factor
G / (G - 1) for G schools. lavaan calls this MLR, and with schools ``cluster``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey.cfa_hessian import hessian
from learning_survey.cfa_ml import Fit, Sample, inverse
from learning_survey.cfa_model import Moments, selection
from learning_survey.errors import SurveyError

Array = NDArray[np.float64]
CHUNK = 20_000  # rows held at once


@dataclass(frozen=True)
class Robust:
    """Covariance matrix of estimates (q, q), and the scaled chi-square of the model. NaN where not identified."""

    vcov: Array
    chi2: float
    scaling: float
    units: int


@dataclass(frozen=True)
class Clusters:
    """Sums of one group's complete rows by cluster: ``n`` (G,), ``s`` (G, p), products ``c`` (G, p, p)."""

    labels: NDArray[np.str_]
    n: Array
    s: Array
    c: Array

    @classmethod
    def of(cls, x: Array, labels: NDArray[np.str_]) -> Clusters:
        """Of rows (N, p) of any numbers, without gaps, and the cluster of each."""
        known, code = np.unique(labels, return_inverse=True)
        order = np.argsort(code, kind="stable")
        places = np.split(order, np.searchsorted(code[order], np.arange(1, len(known))))
        parts = [x[at].astype(float) for at in places]
        n = np.array([len(part) for part in parts], float)
        sums, products = [part.sum(axis=0) for part in parts], [part.T @ part for part in parts]
        return cls(known, n, np.stack(sums), np.stack(products))

    @property
    def sample(self) -> Sample:
        """The group's moments."""
        n = self.n.sum()
        mean = self.s.sum(axis=0) / n
        return Sample(n, mean, self.c.sum(axis=0) / n - np.outer(mean, mean))

    def about(self, mean: Array) -> tuple[Array, Array]:
        """Sums of deviations (G, p) and of their products (G, p, p) from ``mean``."""
        across = self.s[:, :, None] * mean
        return self.s - self.n[:, None] * mean, (
            self.c - across - np.swapaxes(across, 1, 2) + self.n[:, None, None] * np.outer(mean, mean)
        )


def by_row(fit: Fit, rows: Sequence[Array]) -> Robust:
    """Respondents as independent units: ``rows`` (N, p) of each group, without gaps."""
    q = len(fit.x)
    meat, trace = np.zeros((q, q)), 0.0
    for x, s, at in zip(rows, fit.samples, fit.moments, strict=True):
        W, centre = np.linalg.inv(at.sigma), at.mu if fit.model.means else s.mean
        own, fourth = np.linalg.inv(s.cov), 0.0
        for start in range(0, len(x), CHUNK):
            part = x[start : start + CHUNK]
            scores = by_parameter(at, row_scores(at, (part - centre) @ W, _within(at, W)), q)
            meat += scores.T @ scores
            d = part - s.mean
            fourth += float((np.einsum("ni,ni->n", d @ own, d) ** 2).sum())
        trace += (fourth / s.n - len(s.mean)) / 2 + (len(s.mean) if fit.model.means else 0)
    return result(fit, hessian(fit.model, fit.samples, fit.x), meat / fit.n, trace, int(fit.n))


def by_cluster(fit: Fit, groups: Sequence[Clusters]) -> Robust:
    """Clusters as independent units; one that is in several groups is one unit."""
    q, known = len(fit.x), np.unique(np.concatenate([g.labels for g in groups]))
    total, trace = np.zeros((len(known), q)), 0.0
    if len(known) < 2:
        raise SurveyError(
            "errors by school need at least two schools", where="factor model", remedy="Use errors by respondent."
        )
    for g, s, at in zip(groups, fit.samples, fit.moments, strict=True):
        W = np.linalg.inv(at.sigma)
        cells = cluster_scores(at, g, W, fit.model.means)
        total[np.searchsorted(known, g.labels)] += by_parameter(at, cells, q)
        t, c = g.about(s.mean)
        E = np.linalg.solve(s.cov, c - g.n[:, None, None] * s.cov)
        mean_part = np.einsum("gi,gi->", t @ np.linalg.inv(s.cov), t) if fit.model.means else 0.0
        trace += (np.einsum("gij,gji->", E, E) / 2 + mean_part) / s.n
    meat, units = of_units(total)
    correction = units / (units - 1)
    return result(fit, hessian(fit.model, fit.samples, fit.x), meat / fit.n, trace * correction, units)


# ---------------------------------------------------------------- pieces


def row_scores(at: Moments, y: Array, within: Array) -> Array:
    """Scores (N, c) of rows by cell: (u'y)(v'y) - u'Wv + d'y with y = W (x - mu).

    ``within`` is u'Wv, shape (c,) or (N, c).
    """
    return (y @ at.u) * (y @ at.v) - within + y @ at.d


def cluster_scores(at: Moments, g: Clusters, W: Array, means: bool = True) -> Array:
    """Scores (G, c) of one group's clusters by cell; ``W`` is the inverse of sigma."""
    t, c = g.about(at.mu if means else g.sample.mean)
    pairs = ((W @ at.u)[:, None] * (W @ at.v)).reshape(len(W) ** 2, -1)  # (Wu)_a (Wv)_b of each cell
    cells = c.reshape(len(c), -1) @ pairs - g.n[:, None] * _within(at, W)
    return cells + (t @ W) @ at.d if means else cells


def row_products(x: Array, at: Moments) -> Array:
    """Sum (c, c) over rows ``x`` (N, p) of the products of their scores by cell, of a model with means."""
    W, c = np.linalg.inv(at.sigma), at.u.shape[1]
    total, within = np.zeros((c, c)), _within(at, W)
    for start in range(0, len(x), CHUNK):
        scores = row_scores(at, (x[start : start + CHUNK] - at.mu) @ W, within)
        total += scores.T @ scores
    return total


def _within(at: Moments, W: Array) -> Array:
    return np.einsum("ik,ij,jk->k", at.u, W, at.v, optimize=True)


def by_parameter(at: Moments, cells: Array, size: int) -> Array:
    """Scores (N, size) by parameter of those by cell (N, c)."""
    number = at.places.parameter
    return cells if np.array_equal(number, np.arange(size)) else cells @ selection(number, size)


def of_units(scores: Array) -> tuple[Array, int]:
    """Sum of products (q, q) of the scores of G clusters (G, q) with the factor G / (G - 1), and G."""
    units = len(scores)
    return units / (units - 1) * scores.T @ scores, units


def result(fit: Fit, information: Array, meat: Array, trace: float, units: int) -> Robust:
    """Sandwich and scaled chi-square; ``trace`` is that of the model of free moments."""
    bread = inverse(information, fit.identified)
    scaling = (trace - float(np.sum(bread * meat))) / fit.df if fit.df > 0 else np.nan
    scaling = scaling if scaling > 0 else np.nan
    return Robust(bread @ meat @ bread / fit.n, fit.chi2 / scaling, scaling, units)
