"""Rotation of factors: varimax and promax, and any criterion by gradient projection, from many starts at once.

Loadings are (..., p, k); leading axes are resamples or starts. A rotation gives the pattern and the factor correlations
phi (..., k, k). Methods and sources: docs/methods/factors.md; tests hold all to R's psych and GPArotation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Criterion = Callable[[Array], tuple[Array, Array]]
"""Takes loadings (..., p, k) to what is to be least (...) and its derivatives (..., p, k)."""

ROTATIONS = ("promax", "oblimin", "varimax")


# ---------------------------------------------------------------- varimax and promax


def kaiser_weights(loadings: Array) -> Array:
    """Lengths of the rows (..., p, 1), by which Kaiser (1958) divides them for the rotation."""
    return np.maximum(np.sqrt((loadings**2).sum(axis=-1, keepdims=True)), np.finfo(float).tiny)


def varimax(x: Array, tolerance: float = 1e-12, steps: int = 1000) -> Array:
    """Orthogonal rotation (..., k, k) that maximises the variance of squared loadings (Kaiser 1958; R's algorithm).

    Ends when the criterion grows by less than ``tolerance`` of itself. R stops at 1e-5.
    """
    rotation = np.broadcast_to(np.eye(x.shape[-1]), (*x.shape[:-2], x.shape[-1], x.shape[-1]))
    before = np.zeros(x.shape[:-2])
    for _ in range(steps):
        z = x @ rotation
        left, size, right = np.linalg.svd(_t(x) @ (z**3 - z * (z**2).mean(axis=-2, keepdims=True)))
        rotation, now = left @ right, size.sum(axis=-1)
        if np.all(now < before * (1 + tolerance)):
            break
        before = now
    return rotation


def promax(unrotated: Array, kappa: float = 4, kaiser: bool = True, tolerance: float = 1e-12) -> tuple[Array, Array]:
    """Promax rotation (Hendrickson & White 1964): pattern (..., p, k) and factor correlations phi (..., k, k).

    Varimax, a target of the loadings to the power ``kappa`` with their signs kept, and the least-squares way there.
    ``kaiser`` sets every variable's communality to one for the rotation. One factor is returned as it is.
    """
    if unrotated.shape[-1] == 1:
        return unrotated, np.ones((*unrotated.shape[:-2], 1, 1))
    length = kaiser_weights(unrotated) if kaiser else np.ones(1)
    rows = unrotated / length
    pattern, phi = towards_powers(rows @ varimax(rows, tolerance), kappa)
    return pattern * length, phi


def towards_powers(x: Array, kappa: float) -> tuple[Array, Array]:
    """The second half of promax: the oblique factors nearest to x (..., p, k) to the power ``kappa``, signs kept."""
    to = np.linalg.solve(_t(x) @ x, _t(x) @ (x * np.abs(x) ** (kappa - 1)))
    spread = np.diagonal(np.linalg.inv(_t(to) @ to), axis1=-2, axis2=-1)
    to = to * np.sqrt(spread)[..., None, :]
    back = np.linalg.inv(to)
    return x @ to, back @ _t(back)


# ---------------------------------------------------------------- criteria


def oblimin(gamma: float = 0) -> Criterion:
    """Direct oblimin (Jennrich & Sampson 1966, Psychometrika 31, 313-323); gamma 0 is quartimin."""

    def criterion(L: Array) -> tuple[Array, Array]:
        squares = L**2
        others = squares.sum(axis=-1, keepdims=True) - squares
        if gamma:
            others = others - gamma * others.mean(axis=-2, keepdims=True)
        return (squares * others).sum(axis=(-2, -1)) / 4, L * others

    return criterion


def minus_varimax(L: Array) -> tuple[Array, Array]:
    """Kaiser's (1958) criterion with its sign turned: a quarter of the summed squared deviations of squares."""
    deviation = L**2 - (L**2).mean(axis=-2, keepdims=True)
    return -(deviation**2).sum(axis=(-2, -1)) / 4, -L * deviation


def target(wanted: Array) -> Criterion:
    """Distance from a target (p, k) in the cells that are not NaN: Browne (2001), MBR 36, 111-150."""

    def criterion(L: Array) -> tuple[Array, Array]:
        left = np.where(np.isnan(wanted), 0, L - wanted)
        return (left**2).sum(axis=(-2, -1)), 2 * left

    return criterion


def bifactor(L: Array) -> tuple[Array, Array]:
    """Quartimin of all columns but the first, the general factor: Jennrich & Bentler (2011), Psychometrika 76, 537."""
    value, gradient = oblimin()(L[..., 1:])
    return value, np.concatenate([np.zeros_like(L[..., :1]), gradient], axis=-1)


# ---------------------------------------------------------------- gradient projection


@dataclass(frozen=True)
class Rotated:
    """Pattern (..., p, k), phi (..., k, k), the least value (...) and whether the search came to its end (...)."""

    pattern: Array
    phi: Array
    value: Array
    converged: NDArray[np.bool_]


def project(
    unrotated: Array,
    criterion: Criterion,
    oblique: bool,
    start: Array | None = None,
    *,
    kaiser: bool = False,
    tolerance: float = 1e-5,
    steps: int = 1000,
) -> Rotated:
    """Rotate by gradient projection, from ``start`` (..., k, k), else from the loadings as they are.

    Jennrich (2001, Psychometrika 66, 289-306) for orthogonal factors, Jennrich (2002, Psychometrika 67, 7-20) for
    oblique ones, with the steps of Bernaards & Jennrich (2005, EPM 65, 676-696): a step is doubled, then halved until
    it gains enough, at most ten times. Ends when the projected gradient is shorter than ``tolerance``.
    """
    k = unrotated.shape[-1]
    length = kaiser_weights(unrotated) if kaiser else np.ones(1)
    T = np.eye(k) if start is None else start
    shape = np.broadcast_shapes(unrotated.shape[:-2], T.shape[:-2])
    A = np.broadcast_to(unrotated / length, (*shape, *unrotated.shape[-2:])).reshape(-1, *unrotated.shape[-2:])
    T = np.broadcast_to(T, (*shape, k, k)).reshape(-1, k, k).copy()
    way = _Oblique if oblique else _Orthogonal
    values, converged = np.full(len(T), np.nan), np.zeros(len(T), bool)
    todo, size = np.arange(len(T)), np.ones(len(T))
    for step in range(steps + 1):
        a, t = A[todo], T[todo]
        value, gradient = criterion(way.loadings(a, t))
        slope = way.projected(a, t, gradient)
        steep = np.sqrt((slope**2).sum(axis=(-2, -1)))
        values[todo], converged[todo] = value, steep < tolerance
        going = steep >= tolerance
        todo, size = todo[going], size[going]
        if step == steps or not len(todo):
            break
        T[todo], size = _descend(way, criterion, (a[going], t[going]), (value[going], slope[going], steep[going]), size)
    pattern = way.loadings(A, T).reshape(*shape, *unrotated.shape[-2:]) * length
    phi = _t(T) @ T if oblique else np.broadcast_to(np.eye(k), T.shape)
    return Rotated(pattern, phi.reshape(*shape, k, k), values.reshape(shape), converged.reshape(shape))


def random_starts(k: int, count: int, rng: np.random.Generator) -> Array:
    """Orthogonal matrices (count, k, k), the first one the identity, the rest uniform: Stewart (1980), SIAM JNA 17."""
    q, r = np.linalg.qr(rng.standard_normal((count, k, k)))
    q = q * np.where(np.diagonal(r, axis1=1, axis2=2) < 0, -1.0, 1.0)[:, None, :]
    q[0] = np.eye(k)
    return q


class _Oblique:
    @staticmethod
    def loadings(A: Array, T: Array) -> Array:
        return A @ _t(np.linalg.inv(T))

    @staticmethod
    def projected(A: Array, T: Array, gradient: Array) -> Array:
        """Of the derivatives by T, the part along which its columns keep their length."""
        back = np.linalg.inv(T)
        by = -_t(_t(A @ _t(back)) @ gradient @ back)
        return by - T * (T * by).sum(axis=-2, keepdims=True)

    @staticmethod
    def onto(X: Array) -> Array:
        return X / np.sqrt((X**2).sum(axis=-2, keepdims=True))


class _Orthogonal:
    @staticmethod
    def loadings(A: Array, T: Array) -> Array:
        return A @ T

    @staticmethod
    def projected(A: Array, T: Array, gradient: Array) -> Array:
        by = _t(A) @ gradient
        across = _t(T) @ by
        return by - T @ (across + _t(across)) / 2

    @staticmethod
    def onto(X: Array) -> Array:
        left, _, right = np.linalg.svd(X)
        return left @ right


def _descend(
    way: type, criterion: Criterion, place: tuple[Array, Array], found: tuple[Array, ...], size: Array
) -> tuple[Array, Array]:
    """One step of each search, and the sizes of the steps taken: the last size tried stands, as in GPArotation."""
    (A, T), (value, slope, steep) = place, found
    size, new, todo = 2 * size, T.copy(), np.arange(len(T))
    for _ in range(11):
        new[todo] = way.onto(T[todo] - size[todo, None, None] * slope[todo])
        gain = value[todo] - criterion(way.loadings(A[todo], new[todo]))[0]
        todo = todo[~(gain > 0.5 * steep[todo] ** 2 * size[todo])]
        if not len(todo):
            break
        size[todo] /= 2
    return new, size


def _t(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)
