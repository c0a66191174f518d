"""Minimum-residual factors, for one correlation matrix or a stack of them, and the search that finds uniquenesses.

Resampling and parallel analysis need hundreds of fits, so everything here takes stacks (leading axes) and starts
warm. Tests hold it to psych and to factor_analyzer. ``extraction`` has the other methods.
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


class Minres:
    """The sum of squared residuals of R - diag(psi) after its k largest eigenvalues (Jöreskog 1977)."""

    @staticmethod
    def evaluate(R: Array, psi: Array, k: int) -> tuple[Array, Array, Array]:
        """The objective (b,), with the eigenvalues (ascending) and vectors that it and its derivatives rest on."""
        w, V = np.linalg.eigh(_reduced(R, psi))
        return (w[:, :-k] ** 2).sum(axis=1) + (np.minimum(w[:, -k:], 0) ** 2).sum(axis=1), w, V

    @staticmethod
    def gradient(psi: Array, w: Array, V: Array, k: int) -> Array:
        p = psi.shape[1]
        return -2 * np.einsum("bm,bim->bi", w[:, : p - k], V[:, :, : p - k] ** 2)

    @staticmethod
    def curvature(psi: Array, w: Array, V: Array, k: int) -> tuple[Array, Array]:
        """Second derivatives in two parts, of which the first alone is never negative.

        With v, w the eigenvectors and eigenvalues, m those discarded and l those kept, they are
        2 (sum_m v_im v_jm)² and 4 sum_l v_il v_jl sum_m v_im v_jm w_m / (w_m - w_l).
        """
        p = psi.shape[1]
        rest, kept = V[:, :, : p - k], V[:, :, p - k :]
        first = 2 * (rest @ rest.transpose(0, 2, 1)) ** 2
        second = np.zeros_like(first)
        for at in range(k):
            gap = np.minimum(w[:, : p - k] - w[:, p - k + at, None], -1e-8)
            weighted = (rest * (w[:, : p - k] / gap)[:, None, :]) @ rest.transpose(0, 2, 1)
            second += 4 * kept[:, :, at, None] * kept[:, None, :, at] * weighted
        return first, second


def uniquenesses(
    R: Array, k: int, start: Array | None = None, tolerance: float = 1e-9, *, steps: int = 100, objective: type = Minres
) -> Array:
    """Uniquenesses of k factors, by default minimum-residual: shape (..., p) for correlations of shape (..., p, p).

    Minimises the objective over .005 <= psi <= 1 (minimum residuals: Harman & Jones 1966), by Newton's method with
    the exact second derivatives of the discarded eigenvalues. ``start`` (p, or as the result) is where to begin; else
    1 less the squared multiple correlations. A matrix that is not finite, for which the objective has no value, or
    whose search does not end within ``steps`` gives NaN.
    """
    stack = R.reshape(-1, *R.shape[-2:])
    psi = np.broadcast_to(_cold_start(stack) if start is None else start, stack.shape[:2])
    psi = np.clip(psi, LOWEST, HIGHEST)
    result = np.full_like(psi, np.nan)
    todo = np.flatnonzero(np.isfinite(stack).all(axis=(1, 2)) & np.isfinite(psi).all(axis=1))
    psi = psi[todo]
    value, w, V = objective.evaluate(stack[todo], psi, k)
    todo, psi, value, w, V = (a[np.isfinite(value)] for a in (todo, psi, value, w, V))
    for _ in range(steps):
        gradient = objective.gradient(psi, w, V, k)
        held = ((psi <= LOWEST) & (gradient > 0)) | ((psi >= HIGHEST) & (gradient < 0))
        done = np.abs(np.where(held, 0, gradient)).max(axis=1, initial=0) < tolerance
        result[todo[done]] = psi[done]
        todo, psi, value, w, V, gradient, held = (a[~done] for a in (todo, psi, value, w, V, gradient, held))
        if not len(todo):
            break
        step = _newton_step(gradient, held, *objective.curvature(psi, w, V, k))
        psi, value, w, V = _descend(objective, stack[todo], k, (psi, value, w, V), gradient=gradient, step=step)
    return result.reshape(R.shape[:-1])


def loadings(R: Array, psi: Array, k: int) -> Array:
    """Unrotated loadings (..., p, k): the k largest eigenvalues and vectors of R - diag(psi)."""
    w, V = np.linalg.eigh(_reduced(R, psi))
    return (V[..., -k:] * np.sqrt(np.maximum(w[..., None, -k:], 0)))[..., ::-1]


def misfit(R: Array, psi: Array, k: int) -> float:
    """What minimum residuals minimise: the sum of squares of R - diag(psi) after k factors, for one R (p, p)."""
    return float(Minres.evaluate(R[None], psi[None], k)[0][0])


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


def _newton_step(gradient: Array, held: Array, first: Array, second: Array) -> Array:
    """Minus the inverse second derivatives times the gradient, among the variables not held at a bound.

    The first part of the second derivatives stands in where the whole does not lead downhill.
    """
    p = gradient.shape[1]
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


def _descend(
    objective: type, R: Array, k: int, state: tuple[Array, ...], *, gradient: Array, step: Array
) -> tuple[Array, ...]:
    """Go along ``step``, within the bounds, half as far at a time until the objective falls enough (Armijo).

    ``state`` holds psi and what the objective is there.
    """
    psi, value, w, V = (a.copy() for a in state)
    todo, size = np.arange(len(psi)), 1.0
    for _ in range(40):
        trial = np.clip(psi[todo] + size * step[todo], LOWEST, HIGHEST)
        new_value, new_w, new_v = objective.evaluate(R[todo], trial, k)
        slope = np.einsum("bi,bi->b", gradient[todo], trial - psi[todo])
        good = new_value <= value[todo] + 1e-4 * np.minimum(slope, 0) + 1e-14
        at = todo[good]
        psi[at], value[at], w[at], V[at] = trial[good], new_value[good], new_w[good], new_v[good]
        todo, size = todo[~good], size / 2
        if not len(todo):
            break
    return psi, value, w, V
