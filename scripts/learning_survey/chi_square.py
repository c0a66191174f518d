"""The upper tail of chi-square for whole degrees of freedom, without scipy.special: importing that takes longer."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def above(x: NDArray[np.float64], df: NDArray[np.integer]) -> NDArray[np.float64]:
    """The chance that chi-square with ``df`` degrees of freedom, 1 or more, exceeds ``x``, 0 or more; (N,) each.

    NaN where ``x`` is NaN, 0 where exp(-x / 2) is. Abramowitz and Stegun (1964), 26.4.4 for odd and 26.4.5 for even
    degrees: finite sums.
    """
    found, half = np.full(len(x), np.nan), x / 2
    for n in np.unique(df[~np.isnan(x)]).tolist():
        rows = np.flatnonzero(df == n)
        h, total = half[rows], np.zeros(len(rows))
        for k in range(n // 2 - 1, -1, -1):  # from the innermost bracket out
            total = 1 + total * h / (k + 1 + n % 2 / 2)
        found[rows] = np.exp(-h) * total
        if n % 2:
            tails = np.fromiter(map(math.erfc, np.sqrt(h).tolist()), float, len(h))
            found[rows] = tails + found[rows] * np.sqrt(h) * (2 / math.sqrt(math.pi))
    return found
