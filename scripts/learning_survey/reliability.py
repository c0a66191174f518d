"""How consistently the items of a scale measure the same thing: alpha, omega total and what each item adds.

Every function takes one covariance or correlation matrix (p, p) or a stack (..., p, p). Items stand in the direction
of their dimension. Methods and sources: docs/methods/reliability.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import minres
from learning_survey.jackknife import interval, leave_one_out, require_variance
from learning_survey.moments import Moments, Pooled
from learning_survey.students import Students
from learning_survey.uncertainty import withhold

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded

Array = NDArray[np.float64]


def alpha(C: Array) -> Array:
    """Cronbach's (1951) alpha, p/(p-1) (1 - Σ variances / variance of the sum); raw from covariances. Shape (...).

    NaN with one item, or where the sum of the matrix is not above zero (as pairwise covariances may make it).
    """
    p, total = C.shape[-1], C.sum(axis=(-2, -1))
    if p < 2:
        return np.full(total.shape, np.nan)
    with np.errstate(all="ignore"):
        return np.where(total > 0, p / (p - 1) * (1 - np.trace(C, axis1=-2, axis2=-1) / total), np.nan)


def standardised(C: Array) -> Array:
    """The correlations that go with covariances, as R's ``cov2cor``; psych::alpha takes its standardised alpha there.

    With missing answers it differs a little from the pairwise correlation, which has the variances of shared rows.
    """
    sd = np.sqrt(np.diagonal(C, axis1=-2, axis2=-1))
    return C / (sd[..., :, None] * sd[..., None, :])


def average_r(R: Array) -> Array:
    """Mean correlation between different items, shape (...)."""
    p = R.shape[-1]
    return (R.sum(axis=(-2, -1)) - np.trace(R, axis1=-2, axis2=-1)) / (p * (p - 1))


def alpha_if_dropped(C: Array) -> Array:
    """Alpha of the scale without each item, shape (..., p); NaN for a scale of two."""
    keep = [np.delete(np.arange(C.shape[-1]), i) for i in range(C.shape[-1])]
    return np.stack([alpha(C[(..., *np.ix_(k, k))]) for k in keep], axis=-1)


def item_rest_r(C: Array) -> Array:
    """Correlation of each item with the sum of the others, from covariances: psych's ``r.drop``. Shape (..., p)."""
    variance = np.diagonal(C, axis1=-2, axis2=-1)
    with_rest = C.sum(axis=-1) - variance
    rest = C.sum(axis=(-2, -1))[..., None] - 2 * with_rest - variance
    with np.errstate(all="ignore"):
        return np.where(rest > 0, with_rest / np.sqrt(variance * rest), np.nan)


def feldt(value: float, n: int, p: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of alpha for n independent students and p items: Feldt (1965), Psychometrika 30, 357-370.

    (1 - alpha) / (1 - estimate) is taken as F with n-1 and (n-1)(p-1) degrees of freedom, as psych does.
    """
    from scipy.special import fdtri

    df1, df2 = n - 1, (n - 1) * (p - 1)
    if not (df1 > 0 and df2 > 0 and np.isfinite(value)):
        return np.nan, np.nan
    tails = (0.5 + level / 2, 0.5 - level / 2)
    low, high = (1 - (1 - value) * float(fdtri(df1, df2, q)) for q in tails)
    return low, high


def omega_total(R: Array, k: int = 1, start: Array | None = None) -> tuple[Array, Array]:
    """McDonald's (1999) omega total: 1 - Σ uniquenesses / Σ R, with k minres factors. Shapes (...) and (..., p).

    It is psych::omega's ``omega.tot``: a Schmid-Leiman rotation does not change uniquenesses. The second array holds
    them, to start resamples from. Two items do not identify a factor; equal loadings are assumed, so that omega is
    their standardised alpha. NaN where k factors of p items are not identified.
    """
    p, total = R.shape[-1], R.sum(axis=(-2, -1))
    with np.errstate(all="ignore"):
        if p == 2 and k == 1:
            psi = np.repeat(np.where(R[..., :1, 1] >= 0, 1 - R[..., :1, 1], np.nan), 2, axis=-1)
        elif minres.identified(p, k):
            psi = minres.uniquenesses(R, k, start)
        else:
            psi = np.full(R.shape[:-1], np.nan)
        return np.where(total > 0, 1 - psi.sum(axis=-1) / total, np.nan), psi


# ---------------------------------------------------------------- tables


def scales_of(study: Loaded) -> dict[str, tuple[str, list[str], int]]:
    """Each scale's label, items and number of factors for omega: the dimensions with one, all items with one each."""
    instrument = study.instrument
    scales = {d.id: (d.label, instrument.items_of(d.id), 1) for d in instrument.dimensions}
    return scales | {"all": ("All items", instrument.item_ids, len(instrument.dimensions))}


def tables(study: Loaded, processed: Path) -> dict[str, pd.DataFrame]:
    """The tables ``reliability.alpha`` and ``reliability.items``; raises SurveyError for an item without variance."""
    import pandas as pd

    moments = Moments.load(processed / "moments.npz").select(study.instrument.item_ids)
    pooled = moments.pooled()
    require_variance(pooled, "item", processed / "moments.npz")
    resamples = leave_one_out(moments, study.seed)
    rows, answered = _counts(processed, {scale: items for scale, (_, items, _) in scales_of(study).items()})
    level = study.resampling.level
    scale_rows, item_rows = [], []
    for scale, (label, items, k) in scales_of(study).items():
        head = {"scale": scale, "label": label, "n_items": len(items), "n": answered[scale]}
        scale_rows.append(head | _scale(pooled.select(items), resamples.select(items), k, rows, level))
        item_rows += [{"scale": scale} | row for row in _items(pooled.select(items))]
    scale_frame, item_frame = pd.DataFrame(scale_rows), pd.DataFrame(item_rows)
    return {
        "alpha": withhold(scale_frame, "n", list(scale_frame.columns[4:]), study.min_group),
        "items": withhold(item_frame, "n", list(item_frame.columns[3:]), study.min_group),
    }


def _counts(processed: Path, scales: dict[str, list[str]]) -> tuple[int, dict[str, int]]:
    """Students, and for each scale those who answered any of its items."""
    some = [pl.any_horizontal(pl.col(items).is_not_null()).sum().alias(scale) for scale, items in scales.items()]
    row = Students.read(processed).rows.select(pl.len().alias("*"), *some).collect().row(0, named=True)
    return row.pop("*"), row


def _scale(pooled: Pooled, resamples: Pooled, k: int, rows: int, level: float) -> dict[str, float]:
    C, p = pooled.cov(), len(pooled.variables)
    estimate = alpha(C)
    omega, psi = omega_total(pooled.cor(), k)
    with np.errstate(all="ignore"):
        alphas, (omegas, _) = alpha(resamples.cov()), omega_total(resamples.cor(), k, psi)
    low, high = feldt(float(estimate), rows, p, level)
    return {
        **_columns("alpha", estimate, alphas, level),
        "feldt_ci_low": low,
        "feldt_ci_high": high,
        "alpha_std": float(alpha(standardised(C))),
        "average_r": float(average_r(standardised(C))),
        **_columns("omega_total", omega, omegas, level),
    }


def _columns(name: str, estimate: Array, replicates: Array, level: float) -> dict[str, float]:
    """An estimate and its interval, found on the scale log(1 - x), on which alpha is nearer to normal."""
    to: Callable[[Array], Array] = lambda x: np.log(1 - x)  # noqa: E731
    low, high = interval(estimate, replicates, level, to, lambda y: 1 - np.exp(y))
    return {name: float(estimate), f"{name}_ci_low": float(low), f"{name}_ci_high": float(high)}


def _items(pooled: Pooled) -> list[dict[str, object]]:
    C = pooled.cov()
    columns = {
        "item": pooled.variables,
        "n": pooled.count,
        "alpha_if_dropped": alpha_if_dropped(C),
        "alpha_std_if_dropped": alpha_if_dropped(standardised(C)),
        "item_rest_r": item_rest_r(C),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
