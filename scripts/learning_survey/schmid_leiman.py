"""A general factor beside group factors, from oblique ones: Schmid & Leiman (1957), Psychometrika 22, 53-61.

The factors' own correlations get one factor, of second order. What of a loading goes through it becomes the variable's
loading on the general factor; the rest stays on its group factor. All factors are then uncorrelated. Everything takes
stacks (leading axes), for resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey import minres

Array = NDArray[np.float64]
BOUND = float(np.sqrt(1 - minres.LOWEST))
"""Largest second-order loading. A factor there is the general factor itself: no hierarchy, an improper solution."""


@dataclass(frozen=True)
class SchmidLeiman:
    """Loadings on the general factor (..., p) and on the group factors (..., p, k); the second order's (..., k)."""

    general: Array
    group: Array
    second_order: Array

    def omega_hierarchical(self, R: Array) -> Array:
        """Share of the variance of the sum of all variables that the general factor makes: shape (...).

        (Σ general)² / Σ R, for correlations R (..., p, p) of variables scored in one direction: McDonald (1999), Test
        Theory, 6; Zinbarg, Revelle, Yovel & Li (2005), Psychometrika 70, 123-133.
        """
        return self.general.sum(axis=-1) ** 2 / R.sum(axis=(-2, -1))

    @property
    def improper(self) -> NDArray[np.bool_]:
        """Whether a second-order loading stands at its bound, shape (...)."""
        return (np.abs(self.second_order) >= BOUND).any(axis=-1)

    @property
    def explained_common_variance(self) -> Array:
        """Share of the common variance that is the general factor's, shape (...): Reise, Moore & Haviland (2010).

        Journal of Personality Assessment 92, 544-559.
        """
        general = (self.general**2).sum(axis=-1)
        return general / (general + (self.group**2).sum(axis=(-2, -1)))


def schmid_leiman(pattern: Array, phi: Array) -> SchmidLeiman:
    """The general and the group factors of k oblique ones: pattern (..., p, k), factor correlations phi (..., k, k).

    Two factors share one correlation, which does not identify two second-order loadings: they are taken as equal in
    size, as psych does. One factor leaves nothing to share, so all is NaN, as is a solution that is not finite. With
    more than three factors a second-order factor need not fit phi; general and group loadings then give back the
    communalities only as far as it does. The general factor points where the second-order loadings have a positive sum.
    """
    general = second_order(phi)
    with np.errstate(invalid="ignore"):
        rest = np.sqrt(1 - general**2)
    return SchmidLeiman((pattern @ general[..., None])[..., 0], pattern * rest[..., None, :], general)


def second_order(phi: Array, sweeps: int = 1000) -> Array:
    """Loadings of k factors on one of second order, by minimum residuals of phi (..., k, k). Shape (..., k).

    The squared residuals off the diagonal are least among loadings up to ``BOUND`` in size. Where the free optimum lies
    beyond it, that is Harman & Fukuda's (1966, Psychometrika 31, 563-571) way with a Heywood case: one loading at a
    time, with the others held.
    """
    k = phi.shape[-1]
    if k == 1:
        return np.full(phi.shape[:-1], np.nan)
    if k == 2:
        shared = phi[..., 0, 1]
        size = np.sqrt(np.abs(shared))
        return np.stack([size, np.sign(shared) * size], axis=-1)
    psi = minres.uniquenesses(phi, 1)
    found = np.isfinite(psi).all(axis=-1)[..., None]
    safe = np.where(found[..., None], phi, np.eye(k))
    g = np.clip(minres.loadings(safe, np.where(found, psi, 1.0), 1)[..., 0], -BOUND, BOUND)
    if np.any(np.abs(g) >= BOUND):
        for _ in range(sweeps):
            before = g.copy()
            for i in range(k):
                others = np.delete(np.arange(k), i)
                to = (safe[..., i, others] * g[..., others]).sum(axis=-1)
                g[..., i] = np.clip(to / np.maximum((g[..., others] ** 2).sum(axis=-1), 1e-300), -BOUND, BOUND)
            if np.abs(g - before).max(initial=0) < 1e-12:
                break
    return np.where(found, g * np.where(g.sum(axis=-1, keepdims=True) < 0, -1.0, 1.0), np.nan)
