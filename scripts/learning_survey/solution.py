"""Factor solutions: extracted, rotated, put in order and direction, held against others, and found again in resamples.

Correlations are (p, p), k factors. Methods and sources: docs/methods/factors.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey import minres, rotation
from learning_survey.errors import SurveyError
from learning_survey.extraction import best_unrotated, unrotated
from learning_survey.moments import Pooled

if TYPE_CHECKING:
    from learning_survey.plans import FactorPlan

Array = NDArray[np.float64]
ENDED = 1e-7
"""Length of the projected gradient at which a rotation has come to its end."""


@dataclass(frozen=True)
class Solution:
    """Oblique factors: pattern (p, k), factor correlations phi (k, k), ids and labels of variables and factors."""

    variables: tuple[str, ...]
    pattern: Array
    phi: Array
    factors: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def structure(self) -> Array:
        """Correlations of variables with factors, pattern · phi."""
        return self.pattern @ self.phi

    @property
    def communality(self) -> Array:
        """Variance that the factors explain, the diagonal of P phi P'."""
        return np.einsum("ij,ij->i", self.structure, self.pattern)

    @property
    def heywood(self) -> NDArray[np.bool_]:
        """Which uniquenesses stand at their lower bound: the solution is improper there."""
        return self.communality >= 1 - minres.LOWEST - 1e-6

    def arranged(self, order: NDArray[np.int64], sign: Array) -> Solution:
        """Factors in another order and direction."""
        phi = self.phi[np.ix_(order, order)] * np.outer(sign, sign)
        return replace(self, pattern=self.pattern[:, order] * sign, phi=phi)

    def named(self, factors: list[str], labels: list[str]) -> Solution:
        return replace(self, factors=tuple(factors), labels=tuple(labels))


@dataclass(frozen=True)
class Method:
    """How factors are found: extraction and rotation by name, promax's power, Kaiser's normalisation."""

    extraction: str = "minres"
    rotation: str = "promax"
    kappa: float = 4
    kaiser: bool = True

    @classmethod
    def of(cls, plan: FactorPlan) -> Method:
        return cls(plan.extraction, plan.rotation, plan.kappa, plan.kaiser)


PROMAX = Method()


def require_identified(p: int, k: int) -> None:
    """Raise SurveyError when k factors of p variables are not identified."""
    if not minres.identified(p, k):
        most = max((m for m in range(1, p) if minres.identified(p, m)), default=0)
        raise SurveyError(
            f"{k} factors of {p} variables are not identified; {most} is the most", remedy="Ask for fewer factors."
        )


def solution(
    R: Array, variables: tuple[str, ...], k: int, method: Method = PROMAX, wanted: Array | None = None
) -> Solution:
    """The k factors of R, in psych's order (variance explained) and direction (positive sums).

    ``wanted`` is the target (p, k) of a target rotation, NaN where a cell is free. Raises SurveyError when k factors of
    p variables are not identified, or when no start leads to a solution.
    """
    require_identified(len(variables), k)
    return rotated(best_unrotated(R, k, method.extraction), variables, method, wanted)


def rotated(loadings: Array, variables: tuple[str, ...], method: Method, wanted: Array | None = None) -> Solution:
    """Unrotated loadings (p, k) after the method's rotation, ordered and directed.

    Promax is factor_analyzer's Rotator, which stops varimax where R does and so agrees with psych. Extraction is not
    factor_analyzer's: its FactorAnalyzer has one start, stops early, and loses the order of phi; nor are the other
    rotations, of which it has oblimin without Kaiser's normalisation and no targets.
    """
    k = loadings.shape[1]
    if k == 1:
        pattern, phi = loadings, np.eye(1)
    elif method.rotation == "promax":
        from factor_analyzer.rotator import Rotator

        rotator = Rotator(method="promax", power=method.kappa, normalize=method.kaiser)
        pattern, phi = rotator.fit_transform(loadings), rotator.phi_
    else:
        pattern, phi = _rotate(loadings, method, wanted)
    return ordered(Solution(variables, np.asarray(pattern), np.asarray(phi)))


def _rotate(loadings: Array, method: Method, wanted: Array | None = None) -> tuple[Array, Array]:
    """Pattern (..., p, k) and phi (..., k, k), each rotation carried to its end."""
    k = loadings.shape[-1]
    if k > 1 and method.rotation == "varimax":
        length = rotation.kaiser_weights(loadings) if method.kaiser else np.ones(1)
        to = rotation.varimax(loadings / length)
        return loadings @ to, np.broadcast_to(np.eye(k), to.shape)
    if k > 1 and method.rotation == "oblimin":
        found = rotation.project(loadings, rotation.oblimin(), True, kaiser=method.kaiser, tolerance=ENDED)
        return found.pattern, found.phi
    if k > 1 and method.rotation == "target":
        found = rotation.project(loadings, rotation.target(wanted), True, tolerance=ENDED)
        return found.pattern, found.phi
    return rotation.promax(loadings, method.kappa, method.kaiser)


def ordered(found: Solution) -> Solution:
    """Factors by variance explained, each pointing where its loadings have a positive sum, and numbered."""
    k = found.pattern.shape[1]
    order = np.argsort(-np.diag(found.phi @ found.pattern.T @ found.pattern), kind="stable")
    found = found.arranged(order, np.where(found.pattern[:, order].sum(axis=0) < 0, -1.0, 1.0))
    return found.named([f"f{i + 1}" for i in range(k)], [f"Factor {i + 1}" for i in range(k)])


def tucker(a: Array, b: Array) -> Array:
    """Congruence of each column of ``a`` (p, j) with each of ``b`` (..., p, k): Tucker (1951). Shape (..., j, k)."""
    length = np.sqrt((a**2).sum(axis=0))[:, None] * np.sqrt((b**2).sum(axis=-2))[..., None, :]
    with np.errstate(all="ignore"):
        return np.nan_to_num(a.T @ b / length)


def match(reference: Array, pattern: Array) -> tuple[NDArray[np.int64], Array]:
    """Order and sign in which the columns of ``pattern`` are most congruent with those of ``reference``, in total."""
    from scipy.optimize import linear_sum_assignment

    congruence = tucker(reference, pattern)
    rows, order = linear_sum_assignment(-np.abs(congruence))
    return order, np.where(congruence[rows, order] < 0, -1.0, 1.0)


def replicates(resamples: Pooled, estimate: Solution, method: Method = PROMAX) -> tuple[Array, Array]:
    """Pattern (G, p, k) and phi (G, k, k) of each resample, in the order and direction of the estimate.

    A resample without a solution is NaN. Rotations go to their end here, where R's varimax stops short: otherwise the
    stopping, not the sample, would make replicates differ.
    """
    k = estimate.pattern.shape[1]
    with np.errstate(all="ignore"):
        R = resamples.cor()
    start = np.clip(1 - estimate.communality, minres.LOWEST, minres.HIGHEST)
    loadings, _ = unrotated(R, k, method.extraction, start)
    pattern, phi = np.full(loadings.shape, np.nan), np.full((len(loadings), k, k), np.nan)
    good = np.flatnonzero(np.isfinite(loadings).all(axis=(1, 2)))
    for g, one_pattern, one_phi in zip(good, *_rotate(loadings[good], method), strict=True):
        order, sign = match(estimate.pattern, one_pattern)
        pattern[g], phi[g] = one_pattern[:, order] * sign, one_phi[np.ix_(order, order)] * np.outer(sign, sign)
    return pattern, phi


def by_dimension(found: Solution, dimension_of: list[str], dimensions: list[str]) -> NDArray[np.int64] | None:
    """Order of factors in which each belongs to one dimension, or None when they do not belong so.

    A factor belongs to the dimension whose items load on it most in the mean, and that dimension's items on no other
    factor more.
    """
    mean = np.array([np.abs(found.pattern[[d == name for d in dimension_of]]).mean(axis=0) for name in dimensions])
    if mean.shape[0] != mean.shape[1]:
        return None
    order = mean.argmax(axis=1)
    return order if np.array_equal(mean.argmax(axis=0)[order], np.arange(len(order))) else None
