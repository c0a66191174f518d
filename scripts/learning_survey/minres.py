"""Minimum-residual factors and promax, for one correlation matrix or a stack of them.

Resampling and parallel analysis need hundreds of fits, so everything here takes stacks (leading axes) and starts
warm. Tests hold it to psych and to factor_analyzer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LOWEST, HIGHEST = 0.005, 1.0
"""Bounds of a uniqueness, those of psych and factor_analyzer. At the lower one the solution is a Heywood case."""


def identified(p: int, k: int) -> bool:
    """Whether k factors of p variables leave no fewer than zero degrees of freedom, ((p - k)² - p - k) / 2."""
    return 0 < k < p and (p - k) ** 2 >= p + k


def uniquenesses(R: Array, k: int, start: Array | None = None, tolerance: float = 1e-9, steps: int = 100) -> Array:
    """Uniquenesses of k minimum-residual factors: shape (..., p) for correlations of shape (..., p, p).

    Minimises the sum of squared residuals of R - diag(psi) after its k largest eigenvalues, over .005 <= psi <= 1
    (Harman & Jones 1966; the form of Jöreskog 1977), by Newton's method with the exact second derivatives of the
    discarded eigenvalues. ``start`` (p, or as the result) is where to begin; else 1 less the squared multiple
    correlations. A matrix that is not finite or does not converge within ``steps`` gives NaN.
    """
    stack = R.reshape(-1, *R.shape[-2:])
    p = stack.shape[-1]
    psi = np.broadcast_to(_cold_start(stack) if start is None else start, stack.shape[:2])
    psi = np.clip(psi, LOWEST, HIGHEST)
    result = np.full_like(psi, np.nan)
    todo = np.flatnonzero(np.isfinite(stack).all(axis=(1, 2)) & np.isfinite(psi).all(axis=1))
    psi = psi[todo]
    value, w, V = _objective(stack[todo], psi, k)
    for _ in range(steps):
        gradient = -2 * np.einsum("bm,bim->bi", w[:, : p - k], V[:, :, : p - k] ** 2)
        held = ((psi <= LOWEST) & (gradient > 0)) | ((psi >= HIGHEST) & (gradient < 0))
        done = np.abs(np.where(held, 0, gradient)).max(axis=1) < tolerance
        result[todo[done]] = psi[done]
        todo, psi, value, w, V, gradient, held = (a[~done] for a in (todo, psi, value, w, V, gradient, held))
        if not len(todo):
            break
        step = _newton_step(gradient, held, w, V, k)
        psi, value, w, V = _descend(stack[todo], k, (psi, value, w, V), gradient, step)
    return result.reshape(R.shape[:-1])


def loadings(R: Array, psi: Array, k: int) -> Array:
    """Unrotated loadings (..., p, k): the k largest eigenvalues and vectors of R - diag(psi)."""
    w, V = np.linalg.eigh(_reduced(R, psi))
    return (V[..., -k:] * np.sqrt(np.maximum(w[..., None, -k:], 0)))[..., ::-1]


def promax(unrotated: Array, kappa: float = 4, kaiser: bool = True, tolerance: float = 1e-12) -> tuple[Array, Array]:
    """Promax rotation (Hendrickson & White 1964): pattern (..., p, k) and factor correlations phi (..., k, k).

    Varimax, a target of the loadings to the power ``kappa`` with their signs kept, and the least-squares way there.
    ``kaiser`` sets every variable's communality to one for the rotation. One factor is returned as it is.
    """
    k = unrotated.shape[-1]
    if k == 1:
        return unrotated, np.ones((*unrotated.shape[:-2], 1, 1))
    length = np.sqrt((unrotated**2).sum(axis=-1, keepdims=True)) if kaiser else np.ones(1)
    rows = unrotated / np.maximum(length, np.finfo(float).tiny)
    x = rows @ varimax(rows, tolerance)
    xt = np.swapaxes(x, -1, -2)
    to = np.linalg.solve(xt @ x, xt @ (x * np.abs(x) ** (kappa - 1)))
    spread = np.diagonal(np.linalg.inv(np.swapaxes(to, -1, -2) @ to), axis1=-2, axis2=-1)
    to = to * np.sqrt(spread)[..., None, :]
    back = np.linalg.inv(to)
    return x @ to * length, back @ np.swapaxes(back, -1, -2)


def varimax(x: Array, tolerance: float = 1e-12, steps: int = 1000) -> Array:
    """Orthogonal rotation (..., k, k) that maximises the variance of squared loadings (Kaiser 1958; R's algorithm).

    Ends when the criterion grows by less than ``tolerance`` of itself. R stops at 1e-5.
    """
    rotation = np.broadcast_to(np.eye(x.shape[-1]), (*x.shape[:-2], x.shape[-1], x.shape[-1]))
    before = np.zeros(x.shape[:-2])
    for _ in range(steps):
        z = x @ rotation
        left, size, right = np.linalg.svd(np.swapaxes(x, -1, -2) @ (z**3 - z * (z**2).mean(axis=-2, keepdims=True)))
        rotation, now = left @ right, size.sum(axis=-1)
        if np.all(now < before * (1 + tolerance)):
            break
        before = now
    return rotation


def misfit(R: Array, psi: Array, k: int) -> float:
    """What minimum residuals minimise: the sum of squares of R - diag(psi) after k factors, for one R (p, p)."""
    return float(_objective(R[None], psi[None], k)[0][0])


# ---------------------------------------------------------------- Newton's method


def _cold_start(R: Array) -> Array:
    """1 less the squared multiple correlations; one half where the matrix has no inverse."""
    start = np.full(R.shape[:2], 0.5)
    for b, matrix in enumerate(R):
        try:
            inverse = np.diagonal(np.linalg.inv(matrix))
        except np.linalg.LinAlgError:
            continue
        if np.all(np.isfinite(inverse)) and np.all(inverse >= 1):
            start[b] = 1 / inverse
    return start


def _reduced(R: Array, psi: Array) -> Array:
    reduced = np.array(R)
    at = np.arange(R.shape[-1])
    reduced[..., at, at] = 1 - psi
    return reduced


def _objective(R: Array, psi: Array, k: int) -> tuple[Array, Array, Array]:
    """Sum of squares of what k factors leave, with the eigenvalues (ascending) and vectors of R - diag(psi)."""
    w, V = np.linalg.eigh(_reduced(R, psi))
    return (w[:, :-k] ** 2).sum(axis=1) + (np.minimum(w[:, -k:], 0) ** 2).sum(axis=1), w, V


def _newton_step(gradient: Array, held: Array, w: Array, V: Array, k: int) -> Array:
    """Minus the inverse second derivatives times the gradient, among the variables not held at a bound.

    With v, w the eigenvectors and eigenvalues, m those discarded and l those kept, the second derivative is
    2 (sum_m v_im v_jm)² + 4 sum_l v_il v_jl sum_m v_im v_jm w_m / (w_m - w_l). Its first term alone is never
    negative; it stands in where the whole does not lead downhill.
    """
    p = gradient.shape[1]
    rest, kept = V[:, :, : p - k], V[:, :, p - k :]
    first = 2 * (rest @ rest.transpose(0, 2, 1)) ** 2
    second = np.zeros_like(first)
    for at in range(k):
        gap = np.minimum(w[:, : p - k] - w[:, p - k + at, None], -1e-8)
        weighted = (rest * (w[:, : p - k] / gap)[:, None, :]) @ rest.transpose(0, 2, 1)
        second += 4 * kept[:, :, at, None] * kept[:, None, :, at] * weighted
    free = np.where(held, 0.0, gradient)
    both = held[:, :, None] | held[:, None, :]
    identity = np.eye(p)

    def solve(second_derivatives: Array) -> Array:
        return -np.linalg.solve(np.where(both, identity, second_derivatives) + 1e-12 * identity, free[..., None])[
            ..., 0
        ]

    step, safe = solve(first + second), solve(first + 1e-6 * identity)
    downhill = np.einsum("bi,bi->b", step, free) < -1e-12 * np.einsum("bi,bi->b", free, free)
    return np.where(downhill[:, None], step, safe)


def _descend(R: Array, k: int, state: tuple[Array, ...], gradient: Array, step: Array) -> tuple[Array, ...]:
    """Go along ``step``, within the bounds, half as far at a time until the objective falls enough (Armijo).

    ``state`` holds psi and what ``_objective`` gives there.
    """
    psi, value, w, V = (a.copy() for a in state)
    todo, size = np.arange(len(psi)), 1.0
    for _ in range(40):
        trial = np.clip(psi[todo] + size * step[todo], LOWEST, HIGHEST)
        new_value, new_w, new_v = _objective(R[todo], trial, k)
        slope = np.einsum("bi,bi->b", gradient[todo], trial - psi[todo])
        good = new_value <= value[todo] + 1e-4 * np.minimum(slope, 0) + 1e-14
        at = todo[good]
        psi[at], value[at], w[at], V[at] = trial[good], new_value[good], new_w[good], new_v[good]
        todo, size = todo[~good], size / 2
        if not len(todo):
            break
    return psi, value, w, V
