"""Extraction of factors: minimum residuals, maximum likelihood and principal axis, for one matrix or a stack of them.

Correlations are (..., p, p), unrotated loadings (..., p, k). Methods and sources: docs/methods/factors.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_survey import minres
from learning_survey.errors import SurveyError

Array = NDArray[np.float64]

EXTRACTIONS = ("minres", "ml", "pa")


class MaximumLikelihood:
    """Minus the log-likelihood of k factors, as a function of uniquenesses: Jöreskog (1967), Psychometrika 32, 443-482.

    With w the eigenvalues of psi^-1/2 R psi^-1/2, the sum over those discarded of w - log w - 1: what R's factanal
    minimises. It has no value for a matrix that is not positive definite.
    """

    @staticmethod
    def evaluate(R: Array, psi: Array, k: int) -> tuple[Array, Array, Array]:
        w, V = np.linalg.eigh(_scaled(R, psi))
        rest = w[:, :-k]
        with np.errstate(all="ignore"):
            value = (rest - np.log(rest) - 1).sum(axis=1)
        return np.where((w > 1e-10).all(axis=1), value, np.inf), w, V

    @staticmethod
    def gradient(psi: Array, w: Array, V: Array, k: int) -> Array:
        return ((1 - w[:, None, :-k]) * V[:, :, :-k] ** 2).sum(axis=2) / psi

    @staticmethod
    def curvature(psi: Array, w: Array, V: Array, k: int) -> tuple[Array, Array]:
        """Second derivatives in two parts, of which the first alone is never negative.

        By the logarithms of psi, with m the eigenvectors v discarded and l those kept, the parts are
        sum_m w_m v_im v_jm times sum_m v_im v_jm, and sum_l v_il v_jl sum_m v_im v_jm (1 - w_m)(w_m + w_l)/(w_l - w_m).
        """
        rest, at, low = V[:, :, :-k], np.arange(psi.shape[1]), w[:, :-k]
        back = rest.transpose(0, 2, 1)
        scale = psi[:, :, None] * psi[:, None, :]
        first = (rest * low[:, None, :]) @ back * (rest @ back) / scale
        second = np.zeros_like(first)
        for n in range(1, k + 1):
            high, kept = w[:, -n, None], V[:, :, -n]
            weight = (1 - low) * (low + high) / np.maximum(high - low, 1e-8)
            second += kept[:, :, None] * kept[:, None, :] * ((rest * weight[:, None, :]) @ back)
        second /= scale
        second[:, at, at] -= MaximumLikelihood.gradient(psi, w, V, k) / psi
        return first, second


def _scaled(R: Array, psi: Array) -> Array:
    root = np.sqrt(psi)
    return R / (root[..., :, None] * root[..., None, :])


def unrotated(R: Array, k: int, method: str = "minres", start: Array | None = None) -> tuple[Array, Array]:
    """Loadings (..., p, k) and uniquenesses (..., p) by ``method``, one of ``EXTRACTIONS``; NaN without a solution."""
    if method == "pa":
        return principal_axis(R, k)
    psi = minres.uniquenesses(R, k, start, objective=MaximumLikelihood if method == "ml" else minres.Minres)
    found = np.isfinite(psi).all(axis=-1)
    safe, level = np.where(found[..., None, None], R, np.eye(R.shape[-1])), np.where(found[..., None], psi, 0.5)
    loadings = _likely(safe, level, k) if method == "ml" else minres.loadings(safe, level, k)
    return np.where(found[..., None, None], loadings, np.nan), psi


def _likely(R: Array, psi: Array, k: int) -> Array:
    """Loadings that have the greatest likelihood for given uniquenesses: Lawley & Maxwell (1971), section 4.2."""
    w, V = np.linalg.eigh(_scaled(R, psi))
    size = np.sqrt(np.maximum(w[..., None, -k:] - 1, 0))
    return (np.sqrt(psi)[..., None] * V[..., -k:] * size)[..., ::-1]


def principal_axis(R: Array, k: int, tolerance: float = 1e-3, steps: int = 50) -> tuple[Array, Array]:
    """Iterated principal axes, loadings (..., p, k) and uniquenesses (..., p): Thurstone (1947).

    Communalities go into the diagonal, starting from squared multiple correlations, until their sum moves by less than
    ``tolerance`` or after ``steps``: psych's rule and defaults. Carried to the end it is minimum residuals (Harman &
    Jones 1966, Psychometrika 31, 351-368); a communality may pass one on the way. NaN where an axis has no variance
    or R no inverse.
    """
    stack = R.reshape(-1, *R.shape[-2:])
    at, found = np.arange(R.shape[-1]), np.isfinite(stack).all(axis=(1, 2))
    safe = np.where(found[:, None, None], stack, np.eye(R.shape[-1]))
    found &= np.linalg.eigvalsh(safe)[:, 0] > 1e-10
    safe = np.where(found[:, None, None], safe, np.eye(R.shape[-1]))
    h = 1 - 1 / np.diagonal(np.linalg.inv(safe), axis1=1, axis2=2)
    loadings, going = np.full((*stack.shape[:2], k), np.nan), found.copy()
    for _ in range(steps):
        todo = np.flatnonzero(going)
        if not len(todo):
            break
        reduced = safe[todo]
        reduced[:, at, at] = h[todo]
        w, V = np.linalg.eigh(reduced)
        with np.errstate(invalid="ignore"):
            loadings[todo] = (V[:, :, -k:] * np.sqrt(w[:, None, -k:]))[..., ::-1]
        new = (loadings[todo] ** 2).sum(axis=2)
        going[todo] = np.abs(new.sum(axis=1) - h[todo].sum(axis=1)) > tolerance
        h[todo] = new
    loadings[~np.isfinite(loadings).all(axis=(1, 2))] = np.nan
    return loadings.reshape(*R.shape[:-1], k), 1 - (loadings**2).sum(axis=2).reshape(R.shape[:-1])


def best_unrotated(R: Array, k: int, method: str = "minres") -> Array:
    """Unrotated loadings (p, k) of one R: the best of several starts. Raises SurveyError when none leads anywhere.

    Principal axes start from squared multiple correlations alone.
    """
    starts = [None, *(np.full(len(R), level) for level in (0.1, 0.3, 0.5, 0.7, 0.9))]
    objective = MaximumLikelihood if method == "ml" else minres.Minres
    found = []
    for start in starts if method != "pa" else starts[:1]:
        loadings, psi = unrotated(R, k, method, start)
        if np.isfinite(loadings).all():
            # Principal axes have no bounds of uniqueness, and no other start to be held against.
            misfit = 0.0 if method == "pa" else float(objective.evaluate(R[None], psi[None], k)[0][0])
            found.append((misfit, loadings))
    if not found:
        raise SurveyError(f"no solution of {k} factors was found", remedy="Ask for fewer factors.")
    # The first start, squared multiple correlations, unless another is better by more than rounding.
    least = min(misfit for misfit, _ in found)
    return next(loadings for misfit, loadings in found if misfit <= least + 1e-9)
