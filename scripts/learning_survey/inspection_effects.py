"""The two compared ratings, schools as units: adjusted differences, equivalence, Bayes factors, power.

Differences are ``higher`` minus ``lower`` of the study's plan, in standard deviations between schools of one rating.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.cr2 import hc2
from learning_survey.mixed import Fit, fit, least_squares
from learning_survey.mixed_likelihood import Data, independent
from learning_survey.uncertainty import NAN, Estimate, holm, t_p, t_quantile

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.cells import Cells
    from learning_survey.config import Loaded
    from learning_survey.plans import InspectionPlan

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
WIDTHS = {"narrow": 0.5, "medium": 2**-0.5, "wide": 1.0}
"""Scales of the Cauchy prior of a standardised difference under which Bayes factors are given."""
SIZES = (0.2, 0.3, 0.5, 0.8, 1.0)
"""Differences, in standard deviations between schools, of which the power is given."""


@dataclass(frozen=True)
class Pair:
    """K schools of the two ratings, one dimension: mean, students, whether ``higher``, phase's code, name (K each)."""

    y: Array
    n: Array
    higher: NDArray[np.bool_]
    phase: Codes
    schools: list[str]

    @classmethod
    def of(cls, rows: pd.DataFrame, dimension: str, phases: dict[str, str | None], plan: InspectionPlan) -> Pair:
        """From the rows of ``inspection.units``; schools without a phase are a phase of their own."""
        rows = rows[(rows["dimension"] == dimension) & rows["rating"].isin([plan.higher, plan.lower])]
        names = rows["school"].tolist()
        phase = np.unique([phases.get(name) or "" for name in names], return_inverse=True)[1] if names else np.empty(0)
        higher = (rows["rating"] == plan.higher).to_numpy(bool)
        return cls(rows["mean"].to_numpy(float), rows["n"].to_numpy(float), higher, phase.astype(np.int64), names)

    @property
    def sizes(self) -> tuple[int, int]:
        """Schools with the higher rating and with the lower."""
        return int(self.higher.sum()), int((~self.higher).sum())

    @property
    def usable(self) -> bool:
        """Whether both ratings have two schools or more and their means vary."""
        return min(self.sizes) > 1 and self.sd > 0

    @cached_property
    def sd(self) -> float:
        """Standard deviation of school means inside the two ratings, pooled; NaN with fewer than three schools."""
        if len(self.y) < 3 or np.ptp(self.y) == 0:
            return NAN
        squares = sum(((x - x.mean()) ** 2).sum() for x in (self.y[self.higher], self.y[~self.higher]) if len(x))
        return float(np.sqrt(squares / (len(self.y) - 2)))

    def design(self, *, phase: bool) -> Array | None:
        """Constant, with ``phase`` all phases but the first, and last the rating (K × p).

        None where the rating cannot be told from the phases.
        """
        phases = range(1, int(self.phase.max(initial=0)) + 1) if phase else ()
        columns = [np.ones(len(self.y)), *(self.phase == k for k in phases), self.higher]
        return estimable(columns, np.ones(len(self.y)))

    def fitted(self, *, phase: bool, weights: Array | None = None) -> Fit | None:
        """Least squares of the school means; None where the rating cannot be told from phases or nothing is left."""
        X, y = self.design(phase=phase), self.y - self.y.mean()
        if X is None or len(y) <= X.shape[1]:
            return None
        root = np.ones(len(y)) if weights is None else np.sqrt(weights / weights.mean())
        X, y = X * root[:, None], y * root
        return least_squares(Data(X, np.arange(len(y)), np.ones(len(y)), y, y**2))


def estimable(columns: list[Array], n: Array) -> Array | None:
    """The columns of a design that are no combination of those before them; None where the last is one."""
    X = np.column_stack(columns).astype(float)
    kept = independent(X, n)
    return X[:, kept] if len(kept) and kept[-1] else None


# ---------------------------------------------------------------- differences


def effects(pairs: dict[str, Pair], cells: Cells, study: Loaded) -> pd.DataFrame:
    """Table ``inspection.effects``: one row for each dimension and model.

    ``unadjusted`` and ``phase``: least squares of school means without and with phase, HC2 with Satterthwaite's degrees
    of freedom (Bell & McCaffrey 2002, Survey Methodology 28, 169-181; of two groups it is Welch's standard error).
    ``weighted``: with phase, schools weighted by 1 / (between + within / n_j). ``mixed``: students in schools, with key
    stage, gender and phase, Satterthwaite's degrees of freedom. All in the pooled standard deviation of school means
    inside the two ratings, which counts as known. Holm's correction runs over the dimensions of a model.
    """
    import pandas as pd

    level, rows = study.resampling.level, []
    for dimension, pair in pairs.items():
        components = mixed_model(pair, cells, dimension, study) if pair.usable else None
        fits: dict[str, Fit | None] = dict.fromkeys(("unadjusted", "phase", "weighted"))
        if pair.usable:
            fits |= {"unadjusted": pair.fitted(phase=False), "phase": pair.fitted(phase=True)}
        if components is not None:
            weights = 1 / (components.tau2 + components.sigma2 / pair.n)
            fits["weighted"] = pair.fitted(phase=True, weights=weights)
        for model, found in (*fits.items(), ("mixed", components)):
            estimate, df, p = Estimate(), NAN, NAN
            if found is not None:
                estimate, df, p = rating_estimate(found, level, robust=model != "mixed")
            scaled = Estimate(*(v / pair.sd for v in (estimate.value, estimate.low, estimate.high)))
            higher, lower = pair.sizes
            row = {"dimension": dimension, "model": model, "n_higher": higher, "n_lower": lower}
            rows.append(row | estimate.columns("difference") | scaled.columns("effect") | {"df": df, "p": p})
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    return frame.assign(p_holm=frame.groupby("model")["p"].transform(lambda p: holm(p.to_numpy())))


def rating_estimate(found: Fit, level: float, *, robust: bool) -> tuple[Estimate, float, float]:
    """The coefficient of the rating with its interval, degrees of freedom and p."""
    at = np.eye(found.data.parameters)[-1]
    errors = hc2(found) if robust else found
    variance, df = float(at @ errors.covariance @ at), float(errors.df(at)[0])
    value = float(found.beta[-1])
    if not variance > 0 or not df > 0:
        return Estimate(value), NAN, NAN
    half = t_quantile(df, level) * np.sqrt(variance)
    return Estimate(value, value - half, value + half), df, t_p(value / np.sqrt(variance), df)


def mixed_model(pair: Pair, cells: Cells, dimension: str, study: Loaded) -> Fit | None:
    """Students of the pair's schools: rating and phase of the school, key stage and gender of the student.

    None where the model has no estimate, or the rating cannot be told from the others. Students whose key stage or
    gender is not known are a group of their own.
    """
    counts = cells.counts(dimension)
    school, n = cells.codes("school", pair.schools), counts.sums()
    keep = (school >= 0) & (n > 0)
    school = school[keep]
    columns = [np.ones(len(school))]
    columns += [pair.phase[school] == k for k in range(1, int(pair.phase.max(initial=0)) + 1)]
    for key, ids in (
        ("group", [level.id for level in study.key_stages.levels] if study.key_stages else []),
        ("gender", [category.id for category in study.gender.categories] if study.gender else []),
    ):
        code = cells.codes(key, ids)[keep]
        columns += [code == k for k in [*range(1, len(ids)), -1]] if ids else []
    X = estimable([*columns, pair.higher[school]], n[keep])
    if X is None:
        return None
    centre = float(counts.sums(counts.score)[keep].sum() / n[keep].sum())
    moments = (counts.sums((counts.score - centre) ** k)[keep] for k in (1, 2))
    return fit(Data(X, school, n[keep], *moments, centre))


# ---------------------------------------------------------------- equivalence


@dataclass(frozen=True)
class T:
    """Student's t of the rating on ``df`` degrees of freedom; ``size`` is 1 over the variance of the coefficient when
    the variance left is 1: n_a n_b / (n_a + n_b) without adjustment. t / √size is the standardised difference.
    """

    t: float
    df: float
    size: float

    @classmethod
    def of(cls, pair: Pair, *, phase: bool) -> T | None:
        """None where there is no difference to test."""
        found = pair.fitted(phase=phase) if pair.usable else None
        if found is None or not found.sigma2 > 0:
            return None
        return cls(float(found.beta[-1] / np.sqrt(found.covariance[-1, -1])), found.nu, float(1 / found.C[-1, -1]))


def equivalence(pairs: dict[str, Pair], study: Loaded) -> pd.DataFrame:
    """Table ``inspection.equivalence``: for each dimension, without and with phase, whether the ratings are alike.

    Two one-sided tests (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680) of a
    standardised difference within ± ``equivalence``, by the noncentral t distribution; the interval at 1 - 2α is the
    one that lies within the bounds when they reject. Bayes factors of no difference against one, ``bayes_factor``.
    """
    import pandas as pd

    alpha, bound, rows = 1 - study.resampling.level, study.inspection.equivalence, []
    for dimension, pair in pairs.items():
        for model, phase in (("unadjusted", False), ("phase", True)):
            found = T.of(pair, phase=phase)
            row: dict[str, float | str] = {"dimension": dimension, "model": model, "bound": bound}
            if found is not None:
                p, same = t_p(found.t, found.df), equivalence_p(found, bound)
                verdict = "alike" if same < alpha else "different" if p < alpha else "open"
                row |= noncentral(found, 1 - 2 * alpha).columns("d")
                row |= {"t": found.t, "df": found.df, "p": p, "p_equivalence": same, "verdict": verdict}
                row |= {f"bf01_{name}": 1 / bayes_factor(found, width) for name, width in WIDTHS.items()}
            rows.append(row)
    from learning_survey.schemas import TABLES

    return pd.DataFrame(rows, columns=list(TABLES["inspection.equivalence"].columns))


def equivalence_p(found: T, bound: float) -> float:
    """The larger p of the tests that d is not above -``bound`` and not below ``bound``: noncentral t, √size times d."""
    from scipy.special import nctdtr

    shift = bound * np.sqrt(found.size)
    below = 1 - nctdtr(found.df, -shift, found.t)  # as large, were d the lower bound
    above = nctdtr(found.df, shift, found.t)
    return float(np.clip(max(below, above), 0, 1))


def noncentral(found: T, level: float) -> Estimate:
    """D = t / √size with the limits of the noncentral t distribution (Steiger & Fouladi 1997)."""
    from scipy.special import nctdtrinc

    root = np.sqrt(found.size)
    limits = (float(nctdtrinc(found.df, tail, found.t)) / root for tail in (0.5 + level / 2, 0.5 - level / 2))
    return Estimate(found.t / root, *limits)


def bayes_factor(found: T, width: float) -> float:
    """How much likelier the data are under a difference, with a Cauchy prior of scale ``width``, than under none.

    Rouder, Speckman, Sun, Morey & Iverson (2009), Psychonomic Bulletin & Review 16, 225-237, eq. 1 with g ~ inverse
    gamma(1/2, r²/2). The integral over log g is a sum at even steps, exact to rounding for so smooth a function.
    """
    u = np.linspace(-30, 40, 1401)  # log g
    spread = found.size * np.exp(u) * width**2
    nu, t2 = found.df, found.t**2
    likelihood = -0.5 * np.log1p(spread) - (nu + 1) / 2 * np.log1p(t2 / ((1 + spread) * nu))
    prior = -0.5 * np.log(2 * np.pi) - 0.5 * u - np.exp(-u) / 2  # of g, times dg / du = g
    null = -(nu + 1) / 2 * np.log1p(t2 / nu)
    return float(np.exp(likelihood + prior - null).sum() * (u[1] - u[0]))


# ---------------------------------------------------------------- power


def powers(pairs: dict[str, Pair], study: Loaded) -> pd.DataFrame:
    """Table ``inspection.power``: the chance that a two-sided t test of the schools at hand finds a true difference.

    Of the dimension with the most schools: they hardly differ in number. No rows without two schools of each rating.
    """
    import pandas as pd

    alpha = 1 - study.resampling.level
    sizes = max((pair.sizes for pair in pairs.values()), default=(0, 0), key=min)
    rows = []
    for d in SIZES if min(sizes) > 1 else ():
        rows.append({"d": d, "n_higher": sizes[0], "n_lower": sizes[1], "power": power(d, *sizes, alpha)})
    return pd.DataFrame(rows, columns=["d", "n_higher", "n_lower", "power"])


def power(d: float, a: int, b: int, alpha: float) -> float:
    """Power of a two-sided t test of ``a`` and ``b`` schools of which the true difference is ``d``, by pingouin."""
    import pingouin

    return float(pingouin.power_ttest2n(a, b, d=d, alpha=alpha))


def detectable(a: int, b: int, alpha: float, wanted: float = 0.8) -> float:
    """The smallest true difference that ``power`` finds with the chance ``wanted``; NaN with fewer than two schools."""
    if min(a, b) < 2:
        return NAN
    import pingouin

    return float(pingouin.power_ttest2n(a, b, power=wanted, alpha=alpha))
