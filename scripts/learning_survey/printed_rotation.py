"""Which rotation and factor correlations give a printed pattern back: the search behind ``published.rotations``.

A pattern (p, k) that a rotation has made is where the rotation's criterion does not change to first order. Among such
patterns the search finds the one nearest to the printed one, with communalities that reliabilities allow. Then it
builds the correlations that it implies, and extracts and rotates their factors anew: what comes back is what counts.
Method and sources: docs/methods/published.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey import minres, rotation
from learning_survey.solution import match

Array = NDArray[np.float64]

STATIONARY, BOUND = 30.0, 10.0
"""How much a slope of the criterion, and a communality above its bound, weigh beside a difference of loadings."""


@dataclass(frozen=True)
class Way:
    """A rotation to try: its name, promax's power, Kaiser's normalisation."""

    name: str
    kaiser: bool
    kappa: int | None = None

    @property
    def id(self) -> str:
        return "_".join([self.name, *([str(self.kappa)] if self.kappa else []), *(["kaiser"] if self.kaiser else [])])

    def rotate(self, loadings: Array) -> tuple[Array, Array]:
        """Pattern and phi of unrotated loadings (p, k)."""
        if self.kappa:
            return rotation.promax(loadings, self.kappa, self.kaiser)
        if self.name == "varimax":
            length = rotation.kaiser_weights(loadings) if self.kaiser else np.ones(1)
            return loadings @ rotation.varimax(loadings / length), np.eye(loadings.shape[1])
        found = rotation.project(loadings, rotation.oblimin(), True, kaiser=self.kaiser, tolerance=1e-7)
        return found.pattern, found.phi


WAYS = (
    *(Way("promax", kaiser, kappa) for kappa in (3, 4, 5) for kaiser in (True, False)),
    *(Way("oblimin", kaiser) for kaiser in (True, False)),
    *(Way("varimax", kaiser) for kaiser in (True, False)),
)


@dataclass(frozen=True)
class Fit:
    """A pattern and phi that the rotation returns from the correlations they imply, and their distance from print."""

    pattern: Array
    phi: Array
    rms: float
    largest: float

    @property
    def communality(self) -> Array:
        return communality(self.pattern, self.phi)


def communality(pattern: Array, phi: Array) -> Array:
    """The diagonal of P phi P', shape (..., p)."""
    return ((pattern @ phi) * pattern).sum(axis=-1)


def nearest_solution(printed: Array, way: Way, bound: Array, starts: tuple[float, ...] = (0.3, 0.6)) -> Fit:
    """The solution of ``way`` nearest to ``printed`` (p, k), with communalities at most ``bound`` (p).

    Searches start where all factors correlate as much as each of ``starts`` says. All NaN where no implied matrix gives
    a solution back.
    """
    from scipy.optimize import least_squares

    fits = []
    for r in starts if way.name != "varimax" else (0.0,):
        model = _Model(way, printed, bound)
        x = least_squares(lambda x, m=model: m(x[None])[0], model.start(r), model.slopes, max_nfev=100).x
        fits.append(_returned(printed, way, *model.common(x[None])))
    return min(fits, key=lambda fit: np.inf if np.isnan(fit.rms) else fit.rms)


def _returned(printed: Array, way: Way, pattern: Array, phi: Array) -> Fit:
    """What comes back when minimum-residual factors of the implied correlations are extracted and rotated."""
    R = pattern[0] @ phi[0] @ pattern[0].T
    p, k = printed.shape
    nothing = Fit(printed * np.nan, np.full((k, k), np.nan), np.nan, np.nan)
    if not (minres.identified(p, k) and np.diag(R).max() < 1 and np.linalg.eigvalsh(phi[0])[0] > 0):
        return nothing
    start = np.clip(1 - np.diag(R), minres.LOWEST, minres.HIGHEST)
    np.fill_diagonal(R, 1)
    psi = minres.uniquenesses(R, k, start)
    if not np.isfinite(psi).all():
        return nothing
    turned, phi = way.rotate(minres.loadings(R, psi, k))
    order, sign = match(printed, turned)
    turned, phi = turned[:, order] * sign, phi[np.ix_(order, order)] * np.outer(sign, sign)
    off = turned - printed
    return Fit(turned, phi, float(np.sqrt((off**2).mean())), float(np.abs(off).max()))


class _Model:
    """Residuals of a search: the difference from print, slopes of the criterion, communalities above their bounds.

    Unknowns are the loadings after varimax (promax and varimax), or the pattern and the pairs of phi (oblimin).
    """

    def __init__(self, way: Way, printed: Array, bound: Array) -> None:
        self.way, self.printed, self.bound = way, printed, bound
        self.p, self.k = printed.shape
        self.pairs = np.triu_indices(self.k, 1)

    def start(self, r: float) -> Array:
        phi = np.full((self.k, self.k), r) + (1 - r) * np.eye(self.k)
        common = self.printed @ np.linalg.cholesky(phi)
        if self.way.name == "oblimin":
            return np.concatenate([self.printed.ravel(), phi[self.pairs]])
        length = rotation.kaiser_weights(common) if self.way.kaiser else np.ones(1)
        turned = common @ rotation.varimax(common / length)
        order, sign = match(self.printed, turned)
        return (turned[:, order] * sign).ravel()

    def common(self, x: Array) -> tuple[Array, Array]:
        """Pattern (b, p, k) and phi (b, k, k) of unknowns (b, …)."""
        loadings = x[:, : self.p * self.k].reshape(-1, self.p, self.k)
        if self.way.kappa:
            length = rotation.kaiser_weights(loadings) if self.way.kaiser else np.ones(1)
            pattern, phi = rotation.towards_powers(loadings / length, self.way.kappa)
            return pattern * length, phi
        phi = np.tile(np.eye(self.k), (len(x), 1, 1))
        if self.way.name == "oblimin":
            a, b = self.pairs
            phi[:, a, b] = phi[:, b, a] = x[:, self.p * self.k :]
        return loadings, phi

    def __call__(self, x: Array) -> Array:
        pattern, phi = self.common(x)
        h = communality(pattern, phi)
        length = np.sqrt(np.maximum(h, 1e-12))[..., None] if self.way.kaiser else np.ones(1)
        if self.way.name == "oblimin":
            rows = pattern / length
            across = np.swapaxes(rows, -1, -2) @ rotation.oblimin()(rows)[1] @ np.linalg.inv(phi)
            slope = across[:, ~np.eye(self.k, dtype=bool)]
        else:
            rows = x.reshape(-1, self.p, self.k) / length
            across = np.swapaxes(rows, -1, -2) @ rotation.minus_varimax(rows)[1]
            slope = (across - np.swapaxes(across, -1, -2))[:, *self.pairs]
        off = (pattern - self.printed).reshape(len(x), -1)
        return np.concatenate([off, STATIONARY * slope, BOUND * np.maximum(h - self.bound, 0)], axis=1)

    def slopes(self, x: Array) -> Array:
        """Derivatives by central differences, all unknowns at once."""
        step = 1e-6 * np.eye(len(x))
        ends = self(np.concatenate([x + step, x - step]))
        return ((ends[: len(x)] - ends[len(x) :]) / 2e-6).T
