"""Whether a correlation matrix (p, p) can be factored: Kaiser-Meyer-Olkin and Bartlett.

Sources: docs/methods/factors.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def smallest_eigenvalue(R: Array) -> float:
    """Not above zero when a variable repeats others, or when missing answers differ too much from pair to pair."""
    return float(np.linalg.eigvalsh(R)[0])


def kmo(R: Array) -> tuple[float, Array]:
    """Kaiser-Meyer-Olkin measure, overall and of each variable (p): Kaiser & Rice (1974), EPM 34, 111-117.

    Σ r² / (Σ r² + Σ q²) over pairs, with q the correlations that remain given all other variables. R must be positive
    definite.
    """
    inverse = np.linalg.inv(R)
    scale = np.sqrt(np.diag(inverse))
    partial = inverse / np.outer(scale, scale)
    off = ~np.eye(len(R), dtype=bool)
    r, q = (R**2 * off).sum(axis=1), (partial**2 * off).sum(axis=1)
    with np.errstate(all="ignore"):
        return float(r.sum() / (r.sum() + q.sum())), r / (r + q)


def bartlett(R: Array, n: int) -> tuple[float, int, float, float]:
    """Bartlett's (1951) test that nothing correlates: chi-square, degrees of freedom, p, and log |R|.

    chi-square = -(n - 1 - (2p + 5)/6) log |R| with p(p-1)/2 degrees of freedom. R must be positive definite. The
    log-determinant is found as such: the determinant of many variables is too small a number to hold.
    """
    from scipy.special import chdtrc

    p, log_determinant = len(R), float(np.linalg.slogdet(R)[1])
    statistic, df = -(n - 1 - (2 * p + 5) / 6) * log_determinant, p * (p - 1) // 2
    return statistic, df, float(chdtrc(df, max(statistic, 0))), log_determinant
