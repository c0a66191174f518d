"""How many factors a correlation matrix (p, p) of n students holds, by each method.

Sources: docs/methods/factors.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from learning_survey import minres
from learning_survey.adequacy import kmo

Array = NDArray[np.float64]
Draw = Callable[[int, int, int, np.random.Generator], Array]
"""Makes random correlation matrices (draws, p, p) of n rows, p variables, draws and a generator."""


def average_partials(R: Array) -> Array:
    """Velicer's (1976) mean squared partial correlation after 0, 1, … p-1 components, shape (p,).

    psych::VSS starts at one component. NaN where a component leaves a variable no variance.
    """
    p = len(R)
    w, V = np.linalg.eigh(R)
    result, left = np.full(p, np.nan), R.copy()
    for m in range(p):
        if m:
            left = left - w[-m] * np.outer(V[:, -m], V[:, -m])
        variance = np.diag(left)
        if np.all(variance > 1e-10):
            result[m] = ((left**2 / np.outer(variance, variance)).sum() - p) / (p * (p - 1))
    return result


def reduced_eigenvalues(R: Array, tolerance: float = 1e-9) -> Array:
    """Eigenvalues, falling, of R with the communalities of one minres factor in its diagonal: psych's ``fa.values``.

    Shape (draws, p) for R (draws, p, p). Matrices in which the factor is not found are left out.
    """
    psi = minres.uniquenesses(R, 1, tolerance=tolerance)
    found = np.isfinite(psi).all(axis=-1)
    reduced, at = R[found], np.arange(R.shape[-1])
    reduced[..., at, at] = minres.loadings(reduced, psi[found], 1)[..., 0] ** 2
    return eigenvalues(reduced)


def eigenvalues(R: Array) -> Array:
    """Eigenvalues, falling, shape (..., p)."""
    return np.linalg.eigvalsh(R)[..., ::-1]


def random_correlations(n: int, p: int, draws: int, rng: np.random.Generator) -> Array:
    """Correlation matrices (draws, p, p) of n rows of p independent normal variables, without the rows.

    Sums of squares and products about the means are Wishart with n - 1 degrees of freedom: A A', with A lower
    triangular, normal below the diagonal and the root of chi-square with n - 1 - i degrees of freedom on it
    (Bartlett 1933; Odell & Feiveson 1966, JASA 61, 199-203). Fewer rows than variables are drawn as they are.
    """
    if n - 1 >= p:
        a, at = np.tril(rng.standard_normal((draws, p, p)), -1), np.arange(p)
        a[:, at, at] = np.sqrt(rng.chisquare(n - 1 - at, size=(draws, p)))
    else:
        a = rng.standard_normal((draws, p, n - 1))
    products = a @ a.transpose(0, 2, 1)
    scale = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    return products / (scale[:, :, None] * scale[:, None, :])


def parallel(
    n: int, p: int, draws: int, quantile: float, rng: np.random.Generator, *, draw: Draw = random_correlations
) -> tuple[Array, Array]:
    """The quantile of each eigenvalue in random data, of components and of factors, shapes (p,): Horn (1965).

    ``draw`` makes random matrices, by default Pearson's. Draws in which the one factor cannot be found do not count;
    without any, the second is NaN.
    """
    components, factors = [], []
    for start in range(0, draws, 100):
        R = draw(n, p, min(100, draws - start), rng)
        components.append(eigenvalues(R))
        factors.append(reduced_eigenvalues(R, tolerance=1e-6))
    return _quantile(np.concatenate(components), quantile), _quantile(np.concatenate(factors), quantile)


def _quantile(values: Array, quantile: float) -> Array:
    return np.quantile(values, quantile, axis=0) if len(values) else np.full(values.shape[1], np.nan)


def first_below(values: Array, random: Array) -> int:
    """How many leading eigenvalues are above those of random data, up to the first that is not."""
    above = values > random
    return len(above) if above.all() else int(np.argmin(above))


def empirical_kaiser(R: Array, n: int) -> Array:
    """Eigenvalues that components must exceed, shape (p,): Braeken & van Assen (2017), Psychol. Methods 22, 450-466.

    The largest eigenvalue expected of p uncorrelated variables, (1 + √(p/n))², times the variance that the earlier
    eigenvalues leave each later one; never below 1.
    """
    values, p = eigenvalues(R), len(R)
    left = (p - np.append(0, np.cumsum(values)[:-1])) / np.arange(p, 0, -1)
    return np.maximum(left * (1 + np.sqrt(p / n)) ** 2, 1)


def hull_fit(R: Array, most: int) -> Array:
    """Common part accounted for by 0, 1, … ``most`` minres factors: Lorenzo-Seva, Timmerman & Kiers (2011).

    1 - KMO of the residual correlations, with ones in their diagonal. NaN where k factors are not identified, were not
    found, or leave a residual matrix that is not positive definite.
    """
    fit, at = np.full(most + 1, np.nan), np.arange(len(R))
    for k in range(most + 1):
        residual = R.copy()
        if k:
            psi = minres.uniquenesses(R, k) if minres.identified(len(R), k) else np.full(len(R), np.nan)
            if not np.isfinite(psi).all():
                continue
            a = minres.loadings(R, psi, k)
            residual = R - a @ a.T
        residual[at, at] = 1
        if np.linalg.eigvalsh(residual)[0] > 1e-10:
            fit[k] = 1 - kmo(residual)[0]
    return fit


def hull(fit: Array, p: int) -> tuple[float, Array]:
    """The number of factors at the elbow of fit against parameters, and the scree test st of each: (…, fit's shape).

    Lorenzo-Seva, Timmerman & Kiers (2011), Multivariate Behavioral Research 46, 340-364: of the solutions on the upper
    convex hull, the one after which fit grows least, compared with its growth before. NaN with fewer than three there.
    """
    k = np.arange(len(fit))
    parameters = p * k - k * (k - 1) / 2
    st, on = np.full(len(fit), np.nan), []
    for i in np.flatnonzero(np.isfinite(fit)):
        if on and fit[i] <= fit[on[-1]]:
            continue
        while len(on) > 1 and _rise(fit, parameters, on[-2], on[-1]) <= _rise(fit, parameters, on[-2], i):
            on.pop()
        on.append(int(i))
    for before, here, after in zip(on, on[1:], on[2:], strict=False):
        st[here] = _rise(fit, parameters, before, here) / _rise(fit, parameters, here, after)
    return (float(np.nanargmax(st)) if np.isfinite(st).any() else np.nan), st


def _rise(fit: Array, parameters: Array, a: int, b: int) -> float:
    return (fit[b] - fit[a]) / (parameters[b] - parameters[a])
