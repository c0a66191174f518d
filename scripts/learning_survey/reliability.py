"""How consistently the items of a scale measure the same thing: alpha, split halves, and what each item adds.

Every function takes one covariance or correlation matrix (p, p) or a stack (..., p, p). Items stand in the direction
of their dimension. Methods and sources: docs/methods/reliability.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def alpha(C: Array) -> Array:
    """Cronbach's (1951) alpha, p/(p-1) (1 - Σ variances / variance of the sum); raw from covariances. Shape (...).

    NaN with one item, or where the sum of the matrix is not above zero (as pairwise covariances may make it).
    """
    p, total = C.shape[-1], C.sum(axis=(-2, -1))
    if p < 2:
        return np.full(total.shape, np.nan)
    with np.errstate(all="ignore"):
        return np.where(total > 0, p / (p - 1) * (1 - np.trace(C, axis1=-2, axis2=-1) / total), np.nan)


def standardised(C: Array) -> Array:
    """The correlations that go with covariances, as R's ``cov2cor``; psych::alpha takes its standardised alpha there.

    With missing answers it differs a little from the pairwise correlation, which has the variances of shared rows.
    """
    sd = np.sqrt(np.diagonal(C, axis1=-2, axis2=-1))
    return C / (sd[..., :, None] * sd[..., None, :])


def average_r(R: Array) -> Array:
    """Mean correlation between different items, shape (...)."""
    p = R.shape[-1]
    return (R.sum(axis=(-2, -1)) - np.trace(R, axis1=-2, axis2=-1)) / (p * (p - 1))


def alpha_if_dropped(C: Array) -> Array:
    """Alpha of the scale without each item, shape (..., p); NaN for a scale of two."""
    keep = [np.delete(np.arange(C.shape[-1]), i) for i in range(C.shape[-1])]
    return np.stack([alpha(C[(..., *np.ix_(k, k))]) for k in keep], axis=-1)


def item_rest_r(C: Array) -> Array:
    """Correlation of each item with the sum of the others, from covariances: psych's ``r.drop``. Shape (..., p)."""
    variance = np.diagonal(C, axis1=-2, axis2=-1)
    with_rest = C.sum(axis=-1) - variance
    rest = C.sum(axis=(-2, -1))[..., None] - 2 * with_rest - variance
    with np.errstate(all="ignore"):
        return np.where(rest > 0, with_rest / np.sqrt(variance * rest), np.nan)


def feldt(value: float, n: int, p: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of alpha for n independent students and p items: Feldt (1965), Psychometrika 30, 357-370.

    (1 - alpha) / (1 - estimate) is taken as F with n-1 and (n-1)(p-1) degrees of freedom, as psych does.
    """
    from scipy.special import fdtri

    df1, df2 = n - 1, (n - 1) * (p - 1)
    if not (df1 > 0 and df2 > 0 and np.isfinite(value)):
        return np.nan, np.nan
    tails = (0.5 + level / 2, 0.5 - level / 2)
    low, high = (1 - (1 - value) * float(fdtri(df1, df2, q)) for q in tails)
    return low, high


def lambda6(R: Array) -> Array:
    """Guttman's (1945, Psychometrika 10, 255-282) lambda 6: 1 - Σ (1 - smc_i) / Σ R, from correlations. Shape (...).

    smc_i is the squared multiple correlation of item i with the others, held within 0 and 1 as in psych::smc. NaN where
    R is not positive definite: pairwise correlations may not be, and then none is a squared correlation.
    """
    stack = R.reshape(-1, *R.shape[-2:])
    proper = np.isfinite(stack).all(axis=(1, 2))
    proper[proper] = np.linalg.eigvalsh(stack[proper])[:, 0] > 1e-12
    smc = np.clip(1 - 1 / np.diagonal(np.linalg.inv(stack[proper]), axis1=1, axis2=2), 0, 1)
    result = np.full(len(stack), np.nan)
    result[proper] = 1 - (1 - smc).sum(axis=1) / stack[proper].sum(axis=(1, 2))
    return result.reshape(R.shape[:-2])


MOST_SPLIT = 16
"""Items up to which every split into halves is tried: 6,435 of them."""


def split_half_max(R: Array) -> Array:
    """Guttman's (1945) lambda 4 at its greatest: 4 cov(A, B) / var(A + B) over all halves A and B. Shape (...).

    As psych::splitHalf has it: standardised items, halves of equal size (by one item, where the number is odd). It
    capitalises on chance in small samples. NaN with fewer than two items or more than ``MOST_SPLIT``.
    """
    p, total = R.shape[-1], R.sum(axis=(-2, -1))
    if not 2 <= p <= MOST_SPLIT:
        return np.full(total.shape, np.nan)
    first = (np.arange(1, 2**p, 2)[:, None] >> np.arange(p)) & 1  # every set that holds the first item
    first = first[np.isin(first.sum(axis=1), (p // 2, p - p // 2))].astype(float)
    across = np.einsum("ai,...ij,aj->...a", first, R, 1 - first, optimize=True)
    with np.errstate(all="ignore"):
        return np.where(total > 0, 4 * across.max(axis=-1) / total, np.nan)
