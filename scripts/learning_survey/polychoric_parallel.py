"""Polychoric correlations of random ordinal answers, for parallel analysis (Horn 1965, Psychometrika 30, 179-185).

The answers are independent with the observed shares in each category. To draw them row by row and estimate thousands of
polychorics costs in proportion to the students; this costs the same for any number of them.

With m_i(a) the mean of a standard normal variable within category a of item i, and v_i the variance of m_i over
students, the likelihood's slope at rho = 0 is the sum over students of m_i m_j and its expected information n v_i v_j.
So a polychoric of independent items is, to terms of order 1/n,

    r_ij = sum m_i m_j / (n v_i v_j) = pearson(m_i, m_j) / √(v_i v_j)

and the Pearson correlations of independent variables are those of a Wishart matrix (``retention``). v_i < 1 is what
an item loses by being cut: polychorics of random data spread more than Pearson correlations do, and so do their
eigenvalues. docs/methods/polychoric.md holds it against answers drawn row by row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_survey.bivariate_normal import normal_density
from learning_survey.polychoric_estimates import thresholds
from learning_survey.retention import random_correlations

Array = NDArray[np.float64]


def kept(items: Array) -> Array:
    """Share v (p,) of a normal variable's variance that is between the categories that cut it, counts ``items`` (p, K).

    v_i = sum over categories of (phi(lower end) - phi(upper end))² / share.
    """
    share = items / items.sum(axis=1, keepdims=True)
    density = np.pad(normal_density(thresholds(items)), ((0, 0), (1, 1)))
    return (np.diff(density, axis=1) ** 2 / np.where(share > 0, share, 1)).sum(axis=1)


def random_polychorics(items: Array, n: int, draws: int, rng: np.random.Generator) -> Array:
    """Polychoric correlations (draws, p, p) of ``n`` students who answer at random, in the shares of ``items`` (p, K).

    A correlation drawn beyond 1, as few students with very uneven answers may give, is 1.
    """
    v = kept(items)
    R = random_correlations(n, len(v), draws, rng) / np.sqrt(np.outer(v, v))
    at = np.arange(len(v))
    R[:, at, at] = 1.0
    return np.clip(R, -1, 1)
