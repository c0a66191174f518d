"""Normal-theory maximum likelihood of a factor model: moments in, estimates out.

With S and m a group's covariances (divided by n) and means, r = m - mu and W = Sigma^-1, the discrepancy is

    F = sum over groups n_g / n (log|Sigma| + tr(W (S + r r')) - log|S| - p)

(Jöreskog 1969, Psychometrika 34, 183-202); n F is the chi-square. Everything else is per respondent, of F / 2:

    gradient of a cell     u'Q v - d'W r                   Q = W (Sigma - S - r r') W
    expected information   (u'Wu)(v'Wv) + (u'Wv)(v'Wu) + d'Wd

It is minimised by Fisher scoring (Lange 2010, Numerical Analysis for Statisticians, ch. 14) with shortened steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey import cfa_start
from learning_survey.cfa_hessian import hessian
from learning_survey.cfa_model import SYMMETRIC, Cell, Model, Moments, cell_gradient, collected, sigma_mu
from learning_survey.errors import SurveyError

Array = NDArray[np.float64]
STEPS, CLOSE = 200, 1e-18  # most steps, and the squared Newton decrement per respondent that ends them
RANK = 1e-9  # the condition above which an information matrix is of full rank
NEAR = 1e-6  # the decrement from which second derivatives pay


@dataclass(frozen=True)
class Sample:
    """One group's ``n``, means (p,) and covariances (p, p) divided by n."""

    n: float
    mean: Array
    cov: Array

    @classmethod
    def of(cls, x: Array) -> Sample:
        """Of rows (N, p) without gaps."""
        mean = x.mean(axis=0)
        return cls(len(x), mean, (x - mean).T @ (x - mean) / len(x))


@dataclass(frozen=True)
class Fit:
    """Estimates ``x`` (q,) of a model, and what their errors come from.

    ``information`` (q, q) is per respondent: expected for normal-theory ML, observed where answers are missing.
    ``chi2`` compares with the model of free moments, whose loglikelihood is ``saturated``.
    ``identified`` says whether the information is of full rank; where not, there are no standard errors.
    """

    model: Model
    x: Array
    n: float
    samples: tuple[Sample, ...]
    chi2: float
    df: int
    loglikelihood: float
    saturated: float
    information: Array
    identified: bool
    converged: bool
    steps: int

    @property
    def vcov(self) -> Array:
        """Covariance matrix of the estimates from the information; NaN where the model is not identified."""
        return inverse(self.information, self.identified) / self.n

    @property
    def condition(self) -> float:
        return condition(self.information)

    @property
    def moments(self) -> tuple[Moments, ...]:
        return self.model.implied(self.x)

    @property
    def admissible(self) -> bool:
        """Whether no variance is negative and no covariance matrix of factors or residuals impossible."""
        return all(
            np.linalg.eigvalsh(own[name])[0] > -1e-8 * max(np.abs(own[name]).max(), 1e-300)
            for own in self.model.matrices(self.x)
            for name in ("psi", "theta")
            if own[name].size
        )


def inverse(information: Array, identified: bool = True) -> Array:
    if not identified:
        return np.full(information.shape, np.nan)
    scale = np.sqrt(np.diag(information))
    return np.linalg.inv(information / np.outer(scale, scale)) / np.outer(scale, scale)


def fit(model: Model, samples: Sequence[Sample], x: Array | None = None) -> Fit:
    """Estimates of ``model`` from the moments of each of its groups, starting from ``x`` or from the moments.

    A fit that does not converge or is not admissible says so; SurveyError where S is not positive definite, a group
    has too few respondents, or the model has more parameters than there are moments.
    """
    samples = tuple(samples)
    require(model, samples)
    n = sum(s.n for s in samples)
    if x is None:
        pooled = sum(s.n * s.cov for s in samples) / n
        x = cfa_start.start(model, pooled, [s.mean for s in samples] if model.means else None)
    # Scoring finds the way from afar. Near the end Newton's steps need fewer, where second derivatives are cheap.
    newton = not model.paths
    close, value_at = NEAR if newton else CLOSE, lambda at: value_only(model, samples, at)
    x, converged, steps = scored(x, lambda at: objective(model, samples, at), close, value_at)
    if newton:
        x, converged, more = scored(x, lambda at: objective(model, samples, at, observed=True))
        steps += more
    least, _, information = objective(model, samples, x)
    saturated = -sum(s.n * (_logdet(s.cov) + len(s.cov) * (1 + np.log(2 * np.pi))) for s in samples) / 2
    chi2 = max(2 * n * (least - _least(samples)), 0.0)
    return Fit(
        model=model,
        x=x,
        n=n,
        samples=samples,
        chi2=chi2,
        df=degrees(model),
        loglikelihood=saturated - chi2 / 2,
        saturated=saturated,
        information=information,
        identified=full_rank(information),
        converged=converged,
        steps=steps,
    )


def bounded(model: Model, estimate: Callable[[Model], Fit]) -> tuple[Fit, tuple[Cell, ...]]:
    """The fit that ``estimate`` gives, and the variances that it had to hold at zero.

    Where a variance would be negative (a Heywood case) the most negative one, as a share of its whole, is fixed at
    zero and the rest estimated again: the best fit among possible models (Savalei & Kolenikov 2008, Psychological
    Methods 13, 150-170).
    """
    held: list[Cell] = []
    while True:
        found = estimate(model)
        worst = _most_negative(found)
        if worst is None or len(held) == len(model.items):
            return found, tuple(held)
        group, cell = worst
        held.append(cell)
        model = model.with_cells(cell.fixed(0.0), group=group)


def _most_negative(fit: Fit) -> tuple[str, Cell] | None:
    worst, least = None, -1e-8
    for (group, cells), own, at in zip(fit.model.groups.items(), fit.model.matrices(fit.x), fit.moments, strict=True):
        for cell in cells:
            if cell.label and cell.row == cell.column and cell.matrix in SYMMETRIC:
                i, _ = fit.model.at(cell)
                whole = (at.total if cell.matrix == "psi" else at.sigma)[i, i]
                share = own[cell.matrix][i, i] / max(abs(whole), 1e-300)
                if share < least:
                    worst, least = (group, cell), share
    return worst


def degrees(model: Model) -> int:
    """Degrees of freedom: moments less parameters. Means count only where the model has them."""
    p = len(model.items)
    moments = p * (p + 1) // 2 + (p if model.means else 0)
    return moments * len(model.groups) - len(model.parameters)


def require(model: Model, samples: Sequence[Sample]) -> None:
    """Raise SurveyError for moments that no factor model can be estimated from."""
    if degrees(model) < 0:
        raise SurveyError(
            f"{len(model.parameters)} parameters for fewer moments",
            where="factor model",
            remedy="Leave the model out: it needs more items, or more of them per factor.",
        )
    for group, s in zip(model.groups, samples, strict=True):
        where = f"factor model, group {group}"
        if s.n <= len(s.mean):
            raise SurveyError(
                f"{s.n:.0f} complete respondents for {len(s.mean)} items",
                where=where,
                remedy="It needs more respondents than items; join the group with another or leave it out.",
            )
        if constant := [i for i, v in zip(model.items, np.diag(s.cov), strict=True) if not v > 1e-12]:
            raise SurveyError(
                f"everyone gave the same answer to: {', '.join(constant)}",
                where=where,
                remedy="Leave the item out, or join the group with another.",
            )
        sd = np.sqrt(np.diag(s.cov))
        if np.linalg.eigvalsh(s.cov / np.outer(sd, sd))[0] < 1e-10:
            raise SurveyError(
                "covariances are not positive definite",
                where=where,
                remedy="An item is made of others, or missing answers were deleted pair by pair.",
            )


# ---------------------------------------------------------------- pieces


Objective = Callable[[Array], tuple[float, Array, Array] | None]
Value = Callable[[Array], float | None]


def scored(x: Array, loss: Objective, close: float = CLOSE, value_at: Value | None = None) -> tuple[Array, bool, int]:
    """Minimise ``loss`` (value, gradient, information; None where there is none) by scoring from ``x``.

    Ends when the squared Newton decrement is below ``close``. ``value_at`` gives the value alone, at less cost: it
    decides how far a step is shortened. Returns the parameters, whether it converged, and the steps taken. Raises
    SurveyError where even the start fails.
    """
    now = loss(x)
    if now is None:
        raise SurveyError(
            "start values imply no positive definite covariances",
            where="factor model",
            remedy="Check that each factor's items correlate with one another.",
        )
    for step in range(1, STEPS + 1):
        value, gradient, information = now
        move = -_solved(information, gradient)
        decrement = float(-gradient @ move)
        if decrement < close:
            return x, True, step
        size, new = 1.0, loss(x + move)
        there = None if new is None else new[0]
        # The last steps gain less than rounding does: then the decrement alone says when to stop.
        while there is None or there > value - 1e-4 * size * decrement + 1e-13 * max(abs(value), 1):
            size /= 2
            if size < 1e-8:
                return x, decrement < 1e-12, step
            new = None if value_at else loss(x + size * move)
            there = value_at(x + size * move) if value_at else new and new[0]
        x = x + size * move
        now = loss(x) if new is None else new
    return x, False, STEPS


def value_only(model: Model, samples: Sequence[Sample], x: Array) -> float | None:
    """The value of ``objective`` without derivatives."""
    n, value = sum(s.n for s in samples), 0.0
    for s, own in zip(samples, model.matrices(x), strict=True):
        sigma, mu = sigma_mu(own)
        try:
            lower = np.linalg.cholesky(sigma)
        except np.linalg.LinAlgError:
            return None
        r = s.mean - mu if model.means else np.zeros(len(mu))
        second = s.cov + np.outer(r, r)
        value += s.n / n * (np.log(np.diag(lower)).sum() + np.sum(np.linalg.inv(sigma) * second) / 2)
    return float(value)


def _solved(information: Array, gradient: Array) -> Array:
    """A scoring step; directions in which there is no information are left alone."""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    unit = information / np.outer(scale, scale)
    try:
        lower = np.linalg.cholesky(unit)
        if np.diag(lower).min() > 1e-4:  # well away from singular
            return np.linalg.solve(unit, gradient / scale) / scale
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(unit)
    along = vectors.T @ (gradient / scale)
    keep = values > 1e-10 * values[-1]
    return vectors[:, keep] @ (along[keep] / values[keep]) / scale


def objective(
    model: Model, samples: Sequence[Sample], x: Array, *, observed: bool = False
) -> tuple[float, Array, Array] | None:
    """Half of log|Sigma| + tr(W (S + r r')), its gradient and expected or observed information.

    None where Sigma is impossible.
    """
    n, value = sum(s.n for s in samples), 0.0
    gradient, information = np.zeros(len(x)), np.zeros((len(x), len(x)))
    for s, at in zip(samples, model.implied(x), strict=True):
        try:
            lower = np.linalg.cholesky(at.sigma)
        except np.linalg.LinAlgError:
            return None
        W, r, share = np.linalg.inv(at.sigma), residual(model, s, at), s.n / n
        second = s.cov + np.outer(r, r)
        value += share * (np.log(np.diag(lower)).sum() + np.sum(W * second) / 2)
        gradient += share * cell_gradient(at, W - W @ second @ W, W @ r, len(x))
        if not observed:
            information += share * cell_information(at, W, len(x))
    return value, gradient, hessian(model, samples, x) if observed else information


def residual(model: Model, s: Sample, at: Moments) -> Array:
    """Observed minus implied means; zero where the model says nothing of means."""
    return s.mean - at.mu if model.means else np.zeros(len(at.mu))


def cell_information(at: Moments, W: Array, size: int) -> Array:
    """Expected information (size, size) of one respondent."""
    WU, WV = W @ at.u, W @ at.v
    K = at.u.T @ WV
    cells = (at.u.T @ WU) * (at.v.T @ WV) + K * K.T + at.d.T @ W @ at.d
    return collected(cells, at.places.parameter, size)


def full_rank(information: Array) -> bool:
    return condition(information) > RANK


def condition(information: Array) -> float:
    """The smallest eigenvalue over the largest, each parameter in the unit that makes its own information 1."""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    values = np.linalg.eigvalsh(information / np.outer(scale, scale))
    return float(values[0] / values[-1])


def _logdet(S: Array) -> float:
    return float(np.linalg.slogdet(S)[1])


def _least(samples: Sequence[Sample]) -> float:
    """The objective of free moments."""
    n = sum(s.n for s in samples)
    return sum(s.n / n * (_logdet(s.cov) + len(s.cov)) / 2 for s in samples)
