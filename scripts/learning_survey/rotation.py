"""Rotation of factors: varimax and promax, and any criterion by gradient projection, from many starts at once.

Loadings are (..., p, k); leading axes are resamples or starts. A rotation gives the pattern and the factor correlations
phi (..., k, k). Methods and sources: docs/methods/factors.md; tests hold all to R's psych and GPArotation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

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
    todo, size, here = np.arange(len(T)), np.ones(len(T)), _place(way, criterion, A, T)
    for step in range(steps + 1):
        slope = way.projected(A[todo], here)
        steep = np.sqrt((slope**2).sum(axis=(-2, -1)))
        T[todo], values[todo], converged[todo] = here.T, here.value, steep < tolerance
        going = steep >= tolerance
        todo, size = todo[going], size[going]
        if step == steps or not len(todo):
            break
        here = _Place(*(x[going] for x in here))
        here, size = _descend(way, criterion, A[todo], here, (slope[going], steep[going], size))
    pattern = (A @ _t(way.back(T))).reshape(*shape, *unrotated.shape[-2:]) * length
    phi = _t(T) @ T if oblique else np.broadcast_to(np.eye(k), T.shape)
    return Rotated(pattern, phi.reshape(*shape, k, k), values.reshape(shape), converged.reshape(shape))


def random_starts(k: int, count: int, rng: np.random.Generator) -> Array:
    """Orthogonal matrices (count, k, k), the first one the identity, the rest uniform: Stewart (1980), SIAM JNA 17."""
    q, r = np.linalg.qr(rng.standard_normal((count, k, k)))
    q = q * np.where(np.diagonal(r, axis1=1, axis2=2) < 0, -1.0, 1.0)[:, None, :]
    q[0] = np.eye(k)
    return q


class _Place(NamedTuple):
    """Where searches stand: T (m, k, k), the transpose of what takes loadings there, and the criterion there."""

    T: Array
    back: Array
    loadings: Array
    value: Array
    gradient: Array


def _place(way: type, criterion: Criterion, A: Array, T: Array) -> _Place:
    back = way.back(T)
    loadings = A @ _t(back)
    return _Place(T, back, loadings, *criterion(loadings))


class _Oblique:
    @staticmethod
    def back(T: Array) -> Array:
        return np.linalg.inv(T)

    @staticmethod
    def projected(_: Array, at: _Place) -> Array:
        """Of the derivatives by T, the part along which its columns keep their length."""
        by = -_t(_t(at.loadings) @ at.gradient @ at.back)
        return by - at.T * (at.T * by).sum(axis=-2, keepdims=True)

    @staticmethod
    def onto(X: Array) -> Array:
        return X / np.sqrt((X**2).sum(axis=-2, keepdims=True))


class _Orthogonal:
    @staticmethod
    def back(T: Array) -> Array:
        return _t(T)

    @staticmethod
    def projected(A: Array, at: _Place) -> Array:
        by = _t(A) @ at.gradient
        across = _t(at.T) @ by
        return by - at.T @ (across + _t(across)) / 2

    @staticmethod
    def onto(X: Array) -> Array:
        left, _, right = np.linalg.svd(X)
        return left @ right


def _descend(
    way: type, criterion: Criterion, A: Array, here: _Place, found: tuple[Array, Array, Array]
) -> tuple[_Place, Array]:
    """One step of each search, and the sizes of the steps taken: the last size tried stands, as in GPArotation."""
    slope, steep, size = found
    size, new, todo = 2 * size, _Place(*(x.copy() for x in here)), np.arange(len(A))
    for _ in range(11):
        T = way.onto(here.T[todo] - size[todo, None, None] * slope[todo])
        trial = _place(way, criterion, A[todo], T)
        for all_, own in zip(new, trial, strict=True):
            all_[todo] = own
        todo = todo[~(here.value[todo] - trial.value > 0.5 * steep[todo] ** 2 * size[todo])]
        if not len(todo):
            break
        size[todo] /= 2
    return new, size


def _t(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)
