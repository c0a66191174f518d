"""How well a factor model fits: CFI, TLI, RMSEA with its interval, SRMR, AIC, BIC.

With chi-square X of df degrees for the model, X0 of df0 for items that do not correlate, and n respondents:

    CFI    1 - max(X - c df, 0) / max(X - c df, X0 - c0 df0, 0)     Bentler 1990, Psychological Bulletin 107, 238-246
    TLI    1 - (X - c df) df0 / ((X0 - c0 df0) df)                  Tucker & Lewis 1973, Psychometrika 38, 1-10
    RMSEA  sqrt(max(X - c df, 0) / (n df))                          Steiger 1990, Multivariate Behav. Res. 25, 173-180

With several groups n is their mean size (Steiger 1998, Structural Equation Modeling 5, 411-419).
c = c0 = 1 for the plain and for the scaled chi-squares. The robust versions put the plain ones and their scaling
factors in: they estimate what normal data would give (Brosseau-Liard, Savalei & Li 2012, Multivariate Behavioral
Research 47, 904-930; Brosseau-Liard & Savalei 2014, 49, 460-470).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey.cfa_ml import Fit, Sample

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ChiSquare:
    """A chi-square, its degrees of freedom, and its scaling factor: 1 where it is not scaled."""

    chi2: float
    df: int
    scaling: float = 1.0

    @property
    def scaled(self) -> float:
        return self.chi2 / self.scaling

    @property
    def p(self) -> float:
        """Of the scaled chi-square; NaN without degrees of freedom."""
        from scipy.special import chdtrc

        return float(chdtrc(self.df, self.scaled)) if self.df > 0 else np.nan


@dataclass(frozen=True)
class Indices:
    """CFI, TLI, and RMSEA with its 90% interval and the p of its being .05 or less. NaN without degrees of freedom."""

    cfi: float
    tli: float
    rmsea: float
    rmsea_low: float
    rmsea_high: float
    p_close: float


UNTESTED = Indices(*[np.nan] * 6)


def plain(model: ChiSquare, base: ChiSquare, n: float) -> Indices:
    """Of the chi-squares as they are, whatever their scaling factors."""
    X, df = model.chi2, model.df
    model, base = ChiSquare(X, df), ChiSquare(base.chi2, base.df)
    if not _testable(model, base):
        return UNTESTED
    value = rmsea(X, df, n)
    return Indices(*_relative(model, base), value, *rmsea_interval(X, df, n), p_close(X, df, n))


def scaled(model: ChiSquare, base: ChiSquare, n: float) -> Indices:
    """Of the scaled chi-squares; RMSEA's interval takes X as chi-square of c df degrees, as lavaan does."""
    if not _testable(model, base):
        return UNTESTED
    X, df = model.chi2, model.df * model.scaling
    relative = _relative(ChiSquare(model.scaled, model.df), ChiSquare(base.scaled, base.df))
    return Indices(*relative, rmsea(X, df, n), *rmsea_interval(X, df, n), p_close(X, df, n))


def robust(model: ChiSquare, base: ChiSquare, n: float) -> Indices:
    """Corrected so that they estimate what they are for normal data."""
    if not _testable(model, base):
        return UNTESTED
    X, df, c = model.scaled, model.df, model.scaling
    relative = _relative(model, base, c, base.scaling)
    return Indices(*relative, np.sqrt(c) * rmsea(X, df, n), *rmsea_interval(X, df, n, c), p_close(X, df, n, c))


def _testable(model: ChiSquare, base: ChiSquare) -> bool:
    return model.df > 0 and bool(np.isfinite([model.scaled, base.scaled]).all())


def _relative(model: ChiSquare, base: ChiSquare, c: float = 1.0, c0: float = 1.0) -> tuple[float, float]:
    """CFI and TLI."""
    over, over0 = model.chi2 - c * model.df, base.chi2 - c0 * base.df
    cfi = 1 - max(over, 0) / max(over, over0, 0) if max(over, over0) > 0 else 1.0
    return cfi, 1 - over * base.df / (over0 * model.df) if over0 and base.df else np.nan


def rmsea(X: float, df: float, n: float) -> float:
    return float(np.sqrt(max(X - df, 0) / (n * df)))


def rmsea_interval(X: float, df: float, n: float, c: float = 1.0, level: float = 0.9) -> tuple[float, float]:
    """Limits of RMSEA: noncentralities for which X stands at the ends of a noncentral chi-square's middle ``level``.

    Browne & Cudeck (1992), Sociological Methods & Research 21, 230-258. ``c`` is what the discrepancy was divided by.
    """
    low, high = (_noncentrality(X, df, tail) for tail in ((1 + level) / 2, (1 - level) / 2))
    return float(np.sqrt(c * low / (n * df))), float(np.sqrt(c * high / (n * df)))


def p_close(X: float, df: float, n: float, c: float = 1.0, close: float = 0.05) -> float:
    """Probability of X or more if RMSEA is ``close``."""
    from scipy.special import chndtr

    return 1 - float(chndtr(X, df, n * df * close**2 / c))


def _noncentrality(X: float, df: float, tail: float) -> float:
    """The noncentrality at which a noncentral chi-square is below X with probability ``tail``; 0 where none is."""
    from scipy.optimize import brentq
    from scipy.special import chndtr

    def over(at: float) -> float:
        return float(chndtr(X, df, at)) - tail

    if over(0.0) <= 0:
        return 0.0
    top = max(X, 1.0)
    while over(top) > 0:
        top *= 2
    return brentq(over, 0.0, top, xtol=1e-10 * top, rtol=1e-13)


def srmr(fit: Fit) -> float:
    """Root mean square of standardised residuals of covariances and, where the model has them, means.

    Bentler (1995), EQS Structural Equations Program Manual: residuals are divided by observed standard deviations.
    Groups count by their size.
    """
    total = 0.0
    for s, at in zip(fit.samples, fit.moments, strict=True):
        sd = np.sqrt(np.diag(s.cov))
        residuals = ((s.cov - at.sigma) / np.outer(sd, sd))[np.tril_indices(len(sd))]
        if fit.model.means:
            residuals = np.append(residuals, (s.mean - at.mu) / sd)
        total += s.n / fit.n * np.sqrt(np.mean(residuals**2))
    return float(total)


def aic(fit: Fit) -> float:
    return 2 * len(fit.x) - 2 * fit.loglikelihood


def bic(fit: Fit) -> float:
    return float(np.log(fit.n)) * len(fit.x) - 2 * fit.loglikelihood


def baseline(samples: Sequence[Sample]) -> ChiSquare:
    """Chi-square of items that do not correlate: n times -log|R|, summed over groups."""
    chi2, df = 0.0, 0
    for s in samples:
        sd = np.sqrt(np.diag(s.cov))
        chi2 -= s.n * float(np.linalg.slogdet(s.cov / np.outer(sd, sd))[1])
        df += len(sd) * (len(sd) - 1) // 2
    return ChiSquare(chi2, df)
