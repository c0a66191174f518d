"""The studentised range: how far apart the smallest and the largest of k means lie, in standard errors.

For k normal values with a standard error from ``df`` degrees of freedom, with Φ and φ the normal distribution,

    P(range > w) = 1 - k ∫ φ(z) (Φ(z) - Φ(z - w))^(k-1) dz,    P(Q > q) = ∫ f(s) P(range > q s) ds,

s being the square root of chi-square over its degrees of freedom (Tukey 1953; Copenhaver & Holland 1988, Journal of
Statistical Computation and Simulation 30, 1-15). Both integrals are by Gauss and Legendre's rule between limits beyond
which less than 1e-15 lies. f is only needed up to a factor, since it makes 1 between its limits. scipy.stats has the
same function; importing it takes as long as all else that a comparison of groups does, and each value ten milliseconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
NODES = 128
FARTHEST = 8.5  # standard deviations, beyond which a normal value is not to be expected
REST = 1e-16


def upper_tail(q: Array, k: int, df: Array) -> Array:
    """P(Q > q) for each ``q`` ≥ 0 (N) with its ``df`` > 0 (N), of ``k`` ≥ 2 means."""
    from scipy.special import chdtri

    q, df = np.asarray(q, float), np.asarray(df, float)
    low, high = (np.sqrt(chdtri(df, tail) / df) for tail in (1 - 1e-16, REST))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    v = (nodes + 1) / 2
    s = low[:, None] + (high - low)[:, None] * v**2  # a root of s at its lower end would be hard on the rule
    d = df[:, None]
    with np.errstate(divide="ignore"):
        density = np.exp((d - 1) * np.log(s) - d * (s**2 - 1) / 2)
    share = weights * v * density
    beyond = _range_beyond(q[:, None] * s, k)
    return np.clip((share * beyond).sum(axis=1) / share.sum(axis=1), 0, 1)


def _range_beyond(w: Array, k: int) -> Array:
    """P(range of ``k`` normal values > w), for an array of any shape."""
    from scipy.special import ndtr

    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    z = FARTHEST * nodes
    density = FARTHEST * weights * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    within = ndtr(z) - ndtr(z - w[..., None])
    return 1 - k * within ** (k - 1) @ density
