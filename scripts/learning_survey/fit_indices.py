"""How well a factor model fits: CFI, TLI, RMSEA with its interval, SRMR, AIC, BIC.

With chi-square X of df degrees for the model, X0 of df0 for items that do not correlate, n respondents, G groups:

    CFI    1 - max(X - c df, 0) / max(X - c df, X0 - c0 df0, 0)         Bentler 1990, Psychological Bulletin 107, 238-246
    TLI    1 - (X - c df) df0 / ((X0 - c0 df0) df)                      Tucker & Lewis 1973, Psychometrika 38, 1-10
    RMSEA  sqrt(G max(X - c df, 0) / (n df))                            Steiger 1990, Multivariate Behavioral Research 25

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
class Test:
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


def plain(model: Test, base: Test, n: float, groups: int = 1) -> Indices:
    """Of the chi-squares as they are."""
    X, df = model.chi2, model.df
    return _indices(X, df, base.chi2, base.df, rmsea(X, df, n, groups), (X, df, 1.0), n, groups)


def scaled(model: Test, base: Test, n: float, groups: int = 1) -> Indices:
    """Of the scaled chi-squares; RMSEA's interval takes X as chi-square of c df degrees, as lavaan does."""
    X, df = model.scaled, model.df
    about = (model.chi2, df * model.scaling, 1.0)
    return _indices(X, df, base.scaled, base.df, rmsea(X, df, n, groups), about, n, groups)


def robust(model: Test, base: Test, n: float, groups: int = 1) -> Indices:
    """Corrected so that they estimate what they are for normal data."""
    X, df, c = model.chi2, model.df, model.scaling
    value = np.sqrt(c) * rmsea(model.scaled, df, n, groups)
    return _indices(X, df, base.chi2, base.df, value, (model.scaled, df, c), n, groups, c, base.scaling)


def _indices(
    X: float,
    df: int,
    X0: float,
    df0: int,
    value: float,
    about: tuple[float, float, float],
    n: float,
    groups: int,
    c: float = 1.0,
    c0: float = 1.0,
) -> Indices:
    if df <= 0 or not np.isfinite([X, X0, c, c0]).all():
        return Indices(*[np.nan] * 6)
    over, over0 = X - c * df, X0 - c0 * df0
    cfi = 1 - max(over, 0) / max(over, over0, 0) if max(over, over0) > 0 else 1.0
    tli = 1 - over * df0 / (over0 * df) if over0 else np.nan
    return Indices(cfi, tli, value, *rmsea_interval(*about[:2], n, groups, about[2]), _p_close(*about, n, groups))


def rmsea(X: float, df: float, n: float, groups: int = 1) -> float:
    """NaN without degrees of freedom."""
    return float(np.sqrt(groups * max(X - df, 0) / (n * df))) if df > 0 else np.nan


def rmsea_interval(
    X: float, df: float, n: float, groups: int = 1, c: float = 1.0, level: float = 0.9
) -> tuple[float, float]:
    """Limits of RMSEA: noncentralities for which X stands at the ends of a noncentral chi-square's middle ``level``.

    Browne & Cudeck (1992), Sociological Methods & Research 21, 230-258.
    """
    return tuple(
        float(np.sqrt(groups * c * _noncentrality(X, df, tail) / (n * df)))
        for tail in ((1 + level) / 2, (1 - level) / 2)
    )


def _noncentrality(X: float, df: float, tail: float) -> float:
    """The noncentrality at which a noncentral chi-square is below X with probability ``tail``; 0 where none is."""
    from scipy.optimize import brentq

    def over(at: float) -> float:
        return noncentral(X, df, at) - tail

    if over(0.0) <= 0:
        return 0.0
    top = max(X, 1.0)
    while over(top) > 0:
        top *= 2
    return brentq(over, 0.0, top, xtol=1e-10 * top, rtol=1e-13)


def noncentral(X: float, df: float, nc: float) -> float:
    """Distribution function of the noncentral chi-square; Sankaran's (1959, Biometrika 46) where it is all but normal."""
    from scipy.special import chndtr, ndtr

    if nc < 1e5:
        return float(chndtr(X, df, nc))
    h = 1 - 2 * (df + nc) * (df + 3 * nc) / (3 * (df + 2 * nc) ** 2)
    p = (df + 2 * nc) / (df + nc) ** 2
    m = (h - 1) * (1 - 3 * h)
    mean = 1 + h * p * (h - 1 - (2 - h) * m * p / 2)
    return float(ndtr(((X / (df + nc)) ** h - mean) / (h * np.sqrt(2 * p) * (1 + m * p / 2))))


def _p_close(X: float, df: float, c: float, n: float, groups: int, close: float = 0.05) -> float:
    return 1 - noncentral(X, df, n * df * close**2 / (c * groups))


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


def baseline(samples: Sequence[Sample]) -> Test:
    """Chi-square of items that do not correlate: n times -log|R|, summed over groups."""
    chi2, df = 0.0, 0
    for s in samples:
        sd = np.sqrt(np.diag(s.cov))
        chi2 -= s.n * float(np.linalg.slogdet(s.cov / np.outer(sd, sd))[1])
        df += len(sd) * (len(sd) - 1) // 2
    return Test(chi2, df)
