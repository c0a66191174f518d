"""CFI, TLI and RMSEA from answers with gaps that estimate what they would be without any.

Full information's chi-square counts what was answered: the more is missing, the smaller it is for the same misfit.
Zhang & Savalei (2023, Psychological Methods 28, 263-283) take the discrepancy of complete answers instead, between the
free moments S, m that full information estimates and those that the model's estimates imply (their FIML-C):

    X = n (log|Sigma| - log|S| + tr(S Sigma^-1) - p + (m - mu)' Sigma^-1 (m - mu))
    c = tr(Q' C Q Gamma) / df,    Q = I - D (D'H D)^-1 D'H

with D the derivatives of the implied moments, H the observed information of the free moments and C what it would be
without gaps. Gamma, n times the covariance of the free moments, is H^-1 as for normal answers, or H^-1 M H^-1 with M
the mean products of scores. lavaan calls the indices ``robust``, with and without a scaled chi-square.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from learning_survey import cfa_ml
from learning_survey.cfa_fiml import Free
from learning_survey.cfa_ml import Fit
from learning_survey.fit_indices import ChiSquare

Array = NDArray[np.float64]


def complete(fit: Fit, free: Sequence[Free], *, normal: bool) -> ChiSquare:
    """X and its scaling factor c, for ``fit_indices.robust``; ``free`` are those of the answers that ``fit`` is of.

    ``normal`` takes answers as normal and students as independent. NaN where the model is not identified, or without
    degrees of freedom.
    """
    q, X, trace = len(fit.x), 0.0, 0.0
    E, across, middle, moved = (np.zeros((q, q)) for _ in range(4))
    for s, at, own in zip(fit.samples, fit.moments, free, strict=True):
        share, W, r = s.n / fit.n, np.linalg.inv(at.sigma), s.mean - at.mu
        gap = np.linalg.slogdet(at.sigma)[1] - np.linalg.slogdet(s.cov)[1]
        X += s.n * float(gap + np.sum(W * (s.cov + np.outer(r, r))) - len(r))
        C, gamma = own.whole, own.bread if normal else own.sandwich
        D = np.concatenate(at.jacobian(q))
        HD, CD = own.information @ D, C @ D
        # tr(Q'C Q Gamma) = tr(C Gamma) - 2 tr(E^-1 D'H Gamma C D) + tr(E^-1 D'C D E^-1 D'H Gamma H D)
        trace += float(np.sum(C * gamma))
        E += share * D.T @ HD
        across += share * HD.T @ gamma @ CD
        middle += share * D.T @ CD
        moved += share * HD.T @ gamma @ HD
    bread = cfa_ml.inverse(E, fit.identified and cfa_ml.full_rank(E))
    trace += float(np.sum(bread @ middle @ bread * moved) - 2 * np.sum(bread * across))
    return ChiSquare(X, fit.df, trace / fit.df if fit.df > 0 and trace > 0 else np.nan)
