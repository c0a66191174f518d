"""A school's mean drawn towards the mean of schools: its interval, its comparison with others, its rank.

Empirical Bayes, with variance components taken as known: Morris (1983, JASA 78, 47-55); Raudenbush & Bryk (2002),
Hierarchical Linear Models, ch. 3. That they are estimated makes intervals a little too narrow where schools are few;
draws of true means allow for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np
from numpy.typing import NDArray

from learning_survey.uncertainty import NAN, Estimate, t_quantile
from learning_survey.variance_components import Components

Array = NDArray[np.float64]
PAIRED = 300
"""Schools from which pairs are taken where there are more: pairs grow with the square of schools."""


@dataclass(frozen=True)
class Shrunken:
    """Schools with ``n`` students and raw means ``raw`` (G each), given variance components.

    With v_j = between + within / n_j, λ_j = between / v_j and μ = Σ(m_j / v_j) / Σ(1 / v_j), the overall mean with
    variance 1 / Σ(1 / v_j), a school's true mean given the data is normal about μ + λ_j (m_j - μ), and two of them
    have the covariance between (1 - λ_j) [i = j] + (1 - λ_i)(1 - λ_j) / Σ(1 / v_j).
    """

    n: Array
    raw: Array
    components: Components

    @property
    def known(self) -> bool:
        """Whether there are components; without them every result is NaN."""
        return not np.isnan(self.components.between)

    @cached_property
    def reliability(self) -> Array:
        """λ (G)."""
        return self.components.between * self._precision

    @cached_property
    def _precision(self) -> Array:
        return 1 / (self.components.between + self.components.within / self.n)

    @cached_property
    def centre(self) -> float:
        """μ."""
        return float((self.raw * self._precision).sum() / self._precision.sum())

    @cached_property
    def value(self) -> Array:
        """The shrunken means (G)."""
        return self.centre + self.reliability * (self.raw - self.centre)

    @cached_property
    def se(self) -> Array:
        """Their standard errors of prediction (G)."""
        return np.sqrt(self._own + self._shared**2)

    @cached_property
    def _own(self) -> Array:
        return self.components.between * (1 - self.reliability)

    @cached_property
    def _shared(self) -> Array:
        """How far an error of μ by one standard error moves each (G)."""
        return (1 - self.reliability) / np.sqrt(self._precision.sum())

    def half(self, level: float) -> Array:
        """Half the width of each interval (G), by t with G - 1 degrees of freedom."""
        return t_quantile(self.components.schools - 1, level) * self.se

    def difference(self, first: int, second: int, level: float) -> Estimate:
        """One school's true mean minus another's.

        Where schools do not differ by more than chance it is 0, without an interval: that the variance between them is
        exactly 0 is no knowledge to build one on.
        """
        if not self.components.between > 0:
            return Estimate(0.0)
        variance = self._own[first] + self._own[second] + (self._shared[first] - self._shared[second]) ** 2
        half = t_quantile(self.components.schools - 1, level) * np.sqrt(variance)
        value = self.value[first] - self.value[second]
        return Estimate(float(value), float(value - half), float(value + half))

    def comparison(self, level: float, shown: NDArray[np.bool_]) -> Array:
        """Half the width (G) of intervals of which two that do not overlap differ, at 1 - ``level`` on average.

        The average is over pairs of the schools that are ``shown`` (G).

        Two intervals value ± z se keep apart by chance, where schools are the same, with probability
        2 Φ(-z (se_i + se_j) / sd(difference)); z makes its mean over pairs 1 - level: Goldstein & Healy (1995),
        Journal of the Royal Statistical Society A 158, 175-177. NaN with fewer than two schools, or where schools do
        not differ by more than chance.
        """
        if shown.sum() < 2 or not self.components.between > 0:
            return np.full(len(self.n), NAN)
        from scipy.special import ndtr, ndtri

        some = np.flatnonzero(shown)[np.argsort(self.se[shown], kind="stable")]
        some = some[np.unique(np.linspace(0, len(some) - 1, min(len(some), PAIRED)).round().astype(int))]
        i, j = np.triu_indices(len(some), 1)
        own, shared, se = self._own[some], self._shared[some], self.se[some]
        ratio = (se[i] + se[j]) / np.sqrt(own[i] + own[j] + (shared[i] - shared[j]) ** 2)
        low, high = (
            0.0,
            float(ndtri(0.5 + level / 2)),
        )  # se_i + se_j is no less than sd(difference)
        for _ in range(40):
            z = (low + high) / 2
            low, high = (z, high) if 2 * ndtr(-z * ratio).mean() > 1 - level else (low, z)
        return z * self.se

    def draws(self, number: int, rng: np.random.Generator) -> Array:
        """Draws of the true means given the data (``number`` × G), the overall mean and ``between`` uncertain too.

        Each draw has its own variance between schools: the mean square between them, within + n0 between, is their true
        one times a chi-square over its degrees of freedom d, so that the true one is drawn as the mean square times d
        over a chi-square. With schools of many sizes d is that of Satterthwaite (1946, Biometrics Bulletin 2, 110-114),
        (Σ w)² / Σ w² - 1 with w_j = within + n_j between; of one size it is G - 1.
        """
        n, within, total = self.n, self.components.within, self.n.sum()
        n0 = (total - (n**2).sum() / total) / (len(n) - 1)
        w = within + n * self.components.between
        df = w.sum() ** 2 / (w**2).sum() - 1
        square = (within + n0 * self.components.between) * df / rng.chisquare(df, (number, 1))
        between = np.maximum(square - within, 0) / n0
        precision = 1 / (between + within / n)
        weight = precision.sum(axis=1, keepdims=True)
        centre = (self.raw * precision).sum(axis=1, keepdims=True) / weight
        left = 1 - between * precision
        common, own = rng.standard_normal((number, 1)), rng.standard_normal((number, len(n)))
        mean = centre + (1 - left) * (self.raw - centre)
        return mean + left / np.sqrt(weight) * common + np.sqrt(between * left) * own


def top_tenth(count: int) -> int:
    """How many of ``count`` schools are the top tenth: a tenth of them, rounded up."""
    return ceil(count / 10)


def ranking(shrunken: Shrunken, shown: NDArray[np.bool_], draws: int, seed: list[int], level: float) -> Array:
    """Of each school (3 × G): the limits of its rank given the data, and how likely it is in the top tenth.

    Quantiles of its ranks among the schools that are ``shown`` (G), in draws of all true means together: Goldstein &
    Spiegelhalter (1996), Journal of the Royal Statistical Society A 159, 385-443. Schools that do not differ by more
    than chance come in any order. NaN without components, with fewer than two schools, and of schools not shown.
    """
    found = np.full((3, len(shown)), NAN)
    count = int(shown.sum())
    if not shrunken.known or count < 2:
        return found
    rng = np.random.default_rng(seed)
    equal = not shrunken.components.between > 0
    drawn = rng.random((draws, count)) if equal else shrunken.draws(draws, rng)[:, shown]
    ranks = np.argsort(np.argsort(-drawn, axis=1), axis=1) + 1.0
    found[:2, shown] = np.quantile(ranks, [0.5 - level / 2, 0.5 + level / 2], axis=0, method="inverted_cdf")
    found[2, shown] = (ranks <= top_tenth(count)).mean(axis=0)
    return found
