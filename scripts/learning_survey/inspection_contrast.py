"""All dimensions at once: whether schools of one rating are above those of another on every measure.

Dimensions are correlated, so nine equal signs are not nine pieces of evidence.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.inspection_effects import Pair, T, rating_estimate
from learning_survey.uncertainty import NAN, f_p

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded

Array = NDArray[np.float64]


def contrast(pairs: dict[str, Pair], study: Loaded) -> pd.DataFrame:
    """Table ``inspection.contrast``: one row without and one with adjustment for phase.

    Only schools with a mean on every dimension. Hotelling's T² of equal means on all of them (``hotelling``). The mean
    over dimensions of standardised differences, with its interval and p as in ``inspection_effects.effects``, and p by
    permutation. ``p_every``: the largest one-sided p of the dimensions, a test that the first rating is above on each
    of them (intersection-union: Berger 1982, Technometrics 24, 295-300). ``chance_above``: how often as many
    dimensions are above zero, or more, when ratings are dealt anew among the schools (of a phase), which keeps the
    correlations at hand; ``chance_one_sign``: how often all have one sign, either.
    """
    import pandas as pd

    from learning_survey.schemas import TABLES

    common = sorted(set.intersection(*(set(pair.schools) for pair in pairs.values()))) if pairs else []
    rows = []
    for model, phase in (("unadjusted", False), ("phase", True)) if pairs else ():
        row: dict[str, float | str] = {"model": model, "n_dimensions": len(pairs)}
        if common:
            whole = [_at(pair, common) for pair in pairs.values()]
            row |= dict(zip(("n_higher", "n_lower"), whole[0].sizes, strict=True))
            row |= _row(whole, study, phase=phase)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(TABLES["inspection.contrast"].columns))


def _at(pair: Pair, schools: list[str]) -> Pair:
    at = [pair.schools.index(name) for name in schools]
    return Pair(pair.y[at], pair.n[at], pair.higher[at], pair.phase[at], schools)


def _row(pairs: list[Pair], study: Loaded, *, phase: bool) -> dict[str, float]:
    """What the columns say of dimensions with the same schools; nothing where one has no test."""
    from scipy.special import stdtr

    tests = [T.of(pair, phase=phase) for pair in pairs]
    if any(test is None for test in tests):
        return {}
    first, level = pairs[0], study.resampling.level
    y = np.column_stack([pair.y for pair in pairs])
    X = first.design(phase=phase)
    residuals = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    df = tests[0].df
    sd = np.sqrt((residuals**2).sum(axis=0) / df)
    effect = np.array([test.t for test in tests]) / np.sqrt(tests[0].size)
    row = hotelling(effect * sd, residuals.T @ residuals / df, df, tests[0].size)
    averaged = replace(first, y=(y / sd).mean(axis=1))
    estimate, _, p = rating_estimate(averaged.fitted(phase=phase), level, robust=True)
    R = np.corrcoef(residuals, rowvar=False)
    row |= estimate.columns("contrast") | {
        "p_contrast": p,
        "p_every": max(float(stdtr(test.df, -test.t)) for test in tests),
        "n_above": float((effect > 0).sum()),
        "mean_correlation": float(R[np.triu_indices(len(R), 1)].mean()) if len(pairs) > 1 else NAN,
    }
    return row | permuted(y / sd, first, study, phase=phase)


def hotelling(difference: Array, S: Array, df: float, size: float) -> dict[str, float]:
    """T² = size d'S⁻¹d of differences d (p) with the covariance S (p × p) on ``df`` degrees of freedom, and its F.

    F = T² (df - p + 1) / (df p) on p and df - p + 1 degrees of freedom: Anderson (2003), An Introduction to
    Multivariate Statistical Analysis, 5.3 and 8.4. No F where schools are fewer than dimensions.
    """
    p = len(difference)
    df2 = df - p + 1
    if df2 <= 0 or np.linalg.matrix_rank(S) < p:
        return {"hotelling": NAN, "f": NAN, "df1": p, "df2": NAN, "p": NAN}
    t2 = size * float(difference @ np.linalg.solve(S, difference))
    f = t2 * df2 / (df * p)
    return {"hotelling": t2, "f": f, "df1": p, "df2": df2, "p": f_p(f, p, df2)}


def permuted(z: Array, pair: Pair, study: Loaded, *, phase: bool) -> dict[str, float]:
    """What dealing the ratings anew gives of standardised scores ``z`` (K × dimensions): chances and p by permutation.

    With ``phase`` ratings stay within their phase and differences are of deviations from the phase's mean. p counts
    deals whose mean difference is as far from zero, the one at hand among them.
    """
    rng, draws = np.random.default_rng([study.seed, 3]), study.resampling.draws
    block = pair.phase if phase else np.zeros(len(z), dtype=np.int64)
    dealt = np.empty((draws + 1, len(z)))
    dealt[0] = pair.higher
    for k in np.unique(block):
        own = np.flatnonzero(block == k)
        order = np.argsort(rng.random((draws, len(own))), axis=1)
        dealt[1:, own] = pair.higher[own][order]
        dealt[:, own] -= pair.higher[own].mean()
    differences = dealt @ z / (dealt**2).sum(axis=1, keepdims=True)
    above = (differences > 0).sum(axis=1)
    size = np.abs(differences.mean(axis=1))
    one_sign = (above[1:] == z.shape[1]) | (above[1:] == 0)
    return {
        "p_permutation": float((size >= size[0] * (1 - 1e-12)).mean()),
        "chance_above": float((above[1:] >= above[0]).mean()),
        "chance_one_sign": float(one_sign.mean()),
        "deals": draws,
    }
