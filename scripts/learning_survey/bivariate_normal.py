"""The bivariate standard normal distribution at many points at once: probability, density and its slope in rho.

Arguments broadcast; limits h and k may be infinite, -1 < rho < 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FAR = 38.0  # beyond it the normal density and tail are zero in double precision


def probability(h: Array, k: Array, rho: Array) -> Array:
    """P(X < h, Y < k) by two of Owen's T functions, to 1e-15.

    Owen 1956, Annals of Mathematical Statistics 27, 1075-1090, eq. 2.1; T as Patefield & Tandy 2000, Journal of
    Statistical Software 5(5).
    """
    from scipy.special import ndtr, owens_t

    # The formula divides by h and k. Its limit at zero is reached long before 1e-30.
    h, k = (np.where(np.abs(x) < 1e-30, 1e-30, np.clip(x, -FAR, FAR)) for x in (h, k))
    root = np.sqrt((1 - rho) * (1 + rho))
    tails = owens_t(h, (k - rho * h) / (h * root)) + owens_t(k, (h - rho * k) / (k * root))
    return np.maximum((ndtr(h) + ndtr(k)) / 2 - tails - np.where((h < 0) != (k < 0), 0.5, 0.0), 0.0)


def density(h: Array, k: Array, rho: Array) -> Array:
    """The density at (h, k), which is also the derivative of ``probability`` by rho (Plackett 1954, Biometrika 41)."""
    h, k = np.clip(h, -FAR, FAR), np.clip(k, -FAR, FAR)
    rest = (1 - rho) * (1 + rho)
    return np.exp(-(h * h - 2 * rho * h * k + k * k) / (2 * rest)) / (2 * np.pi * np.sqrt(rest))


def density_slope(h: Array, k: Array, rho: Array) -> Array:
    """The derivative of ``density`` by rho."""
    h, k = np.clip(h, -FAR, FAR), np.clip(k, -FAR, FAR)
    rest = (1 - rho) * (1 + rho)
    return density(h, k, rho) * (rho + (h * k * (1 + rho * rho) - rho * (h * h + k * k)) / rest) / rest


def normal_density(x: Array) -> Array:
    """The univariate density; zero at infinity."""
    return np.exp(-np.square(x) / 2) / np.sqrt(2 * np.pi)
