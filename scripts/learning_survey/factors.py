"""The tables ``factors.*``: adequacy, retention, the reported factors, their intervals, and agreement with print.

Matrices are correlations (p, p); students of a study are n. What stands beside the reported factors is made by
``alternatives``. Methods and sources: docs/methods/factors.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import alternatives, bootstrap, retention
from learning_survey.adequacy import bartlett, kmo, smallest_eigenvalue
from learning_survey.errors import SurveyError
from learning_survey.extraction import best_unrotated
from learning_survey.jackknife import interval, leave_one_out, require_variance
from learning_survey.moments import Moments
from learning_survey.printed import published_loadings
from learning_survey.solution import (
    Method,
    Solution,
    by_dimension,
    match,
    replicates,
    require_identified,
    rotated,
    tucker,
)
from learning_survey.students import Students

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded

Array = NDArray[np.float64]
Rows = list[dict[str, object]]
LOADING_DRAWS = 200
"""Resamples of schools for the second interval of loadings: enough for a standard error (Efron & Tibshirani 1993)."""


def tables(study: Loaded, processed: Path) -> dict[str, pd.DataFrame]:
    """The tables ``factors.*``; raises SurveyError for a variable without variance or too many factors.

    A matrix of fewer than three variables has no factors to find and no rows.
    """
    import pandas as pd

    from learning_survey.schemas import TABLES

    source = processed / "moments.npz"
    moments = Moments.load(source)
    n = int(Students.read(processed).rows.select(pl.len()).collect().item())
    rng = np.random.default_rng(study.seed)
    instrument, plan = study.instrument, study.factors
    matrices = {
        "dimensions": (instrument.dimension_ids, plan.dimension_factors, "dimension"),
        "items": (instrument.item_ids, plan.item_factors, "item"),
    }
    rows: dict[str, Rows] = {name.split(".")[1]: [] for name in TABLES if name.startswith("factors.")}
    for name, (variables, k, kind) in matrices.items():
        if len(variables) < 3:
            continue
        chosen = moments.select(variables)
        pooled = chosen.pooled()
        require_variance(pooled, kind, source)
        R = pooled.cor()
        rows["adequacy"] += _adequacy(name, R, chosen.variables, n)
        retention, suggested = _retention(name, R, n, study, rng)
        rows["retention"] += retention
        rows["suggested"] += suggested
        if name == "items":
            retention_rows, suggested = _polychoric(processed / "pairs.npz", n, study, rng)
            rows["retention"] += retention_rows
            rows["suggested"] += suggested
        if k is not None:
            for table, more in _solution(name, chosen, R, k, study).items():
                rows[table] += more
    return {name: _frame(pd, TABLES[f"factors.{name}"].columns, rows[name], n, study) for name in rows}


def _frame(pd: object, columns: dict, rows: Rows, n: int, study: Loaded) -> pd.DataFrame:
    """Rows as a frame with the table's columns; too small a study keeps its rows and loses its numbers."""
    frame = pd.DataFrame(rows, columns=list(columns))
    if n < study.min_group:
        for name, column in columns.items():
            if not column.key and column.unit not in ("id", "text", "flag"):
                frame[name] = np.nan
    return frame


def _adequacy(name: str, R: Array, variables: tuple[str, ...], n: int) -> Rows:
    """A matrix that is not positive definite has its smallest eigenvalue for a reason, and no other statistic."""
    smallest = smallest_eigenvalue(R)
    overall, each = np.nan, np.full(len(R), np.nan)
    statistic = df = p = log_determinant = np.nan
    if smallest > 1e-10:
        overall, each = kmo(R)
        statistic, df, p, log_determinant = bartlett(R, n)
    values = {"kmo": overall, "bartlett": statistic, "determinant_log": log_determinant}
    values |= {"smallest_eigenvalue": smallest} | {f"kmo:{v}": x for v, x in zip(variables, each, strict=True)}
    rows: Rows = [{"matrix": name, "statistic": key, "value": value} for key, value in values.items()]
    rows[1] |= {"df": df, "p": p}
    return rows


def _retention(name: str, R: Array, n: int, study: Loaded, rng: np.random.Generator) -> tuple[Rows, Rows]:
    plan, p = study.factors, len(R)
    components, found = retention.eigenvalues(R), retention.reduced_eigenvalues(R[None])
    factors = found[0] if len(found) else np.full(p, np.nan)
    random_components, random_factors = retention.parallel(n, p, plan.parallel_draws, plan.parallel_quantile, rng)
    partials, expected = retention.average_partials(R), retention.empirical_kaiser(R, n)
    suggested = {
        "parallel_factors": retention.first_below(factors, random_factors) if np.isfinite(factors).all() else np.nan,
        "parallel_components": retention.first_below(components, random_components),
        "map": int(np.nanargmin(partials)),
    }
    # Hull looks one factor further than parallel analysis does.
    most = min(int(max(suggested["parallel_components"], np.nan_to_num(suggested["parallel_factors"]))) + 1, p)
    fit = retention.hull_fit(R, most)
    elbow, st = retention.hull(fit, p)
    suggested |= {
        "hull": elbow,
        "empirical_kaiser": retention.first_below(components, expected),
        "kaiser": int((components > 1).sum()),
    }
    blank = np.full(p - most, np.nan)
    columns = {
        "k": np.arange(1, p + 1),
        "eigenvalue_components": components,
        "parallel_components": random_components,
        "eigenvalue_factors": factors,
        "parallel_factors": random_factors,
        "map": np.append(partials[1:], np.nan),
        "empirical_kaiser": expected,
        "hull_fit": np.append(fit[1:], blank),
        "hull_st": np.append(st[1:], blank),
    }
    rows = [{"matrix": name} | dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return rows, [{"matrix": name, "method": method, "factors": k} for method, k in suggested.items()]


def _polychoric(path: Path, n: int, study: Loaded, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Parallel analysis of the items' polychoric correlations, against random answers in the shares observed.

    Nothing where a pair of items has no polychoric correlation.
    """
    from learning_survey.polychoric_estimates import polychoric
    from learning_survey.polychoric_parallel import random_polychorics
    from learning_survey.two_way import TwoWay

    plan, name = study.factors, "polychoric"
    fit = polychoric(TwoWay.load(path).pooled().select(study.instrument.item_ids), path)
    R, items = fit.matrix, fit.tables.items
    if not np.isfinite(R).all():
        return [], []
    components, found = retention.eigenvalues(R), retention.reduced_eigenvalues(R[None])
    factors = found[0] if len(found) else np.full(len(R), np.nan)
    random_components, random_factors = retention.parallel(
        n,
        len(R),
        plan.parallel_draws,
        plan.parallel_quantile,
        rng,
        draw=lambda n, _, draws, rng: random_polychorics(items, n, draws, rng),
    )
    columns = {
        "k": np.arange(1, len(R) + 1),
        "eigenvalue_components": components,
        "parallel_components": random_components,
        "eigenvalue_factors": factors,
        "parallel_factors": random_factors,
    }
    suggested = {
        "parallel_factors": retention.first_below(factors, random_factors) if np.isfinite(factors).all() else np.nan,
        "parallel_components": retention.first_below(components, random_components),
    }
    rows = [{"matrix": name} | dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return rows, [{"matrix": name, "method": method, "factors": k} for method, k in suggested.items()]


def _solution(name: str, moments: Moments, R: Array, k: int, study: Loaded) -> dict[str, Rows]:
    plan, instrument, variables = study.factors, study.instrument, moments.variables
    method = Method.of(plan)
    try:
        require_identified(len(variables), k)
        unrotated = best_unrotated(R, k, method.extraction)
    except SurveyError as error:
        where = study.root / "config" / "studies" / f"{study.id}.yaml"
        raise SurveyError(
            error.problem, where=f"{where}: factors.{name.removesuffix('s')}_factors", remedy=error.remedy
        ) from None
    unrotated, tried = alternatives.from_best_start(name, unrotated, method, plan.starts, study.seed)
    found = rotated(unrotated, variables, method)
    published = published_loadings(study) if name == "dimensions" else None
    if published is not None and published.shape[1] == k:
        found = found.arranged(*match(published, found.pattern))
        found = found.named([f.id for f in instrument.factors], [f.label for f in instrument.factors])
    else:
        published = None
    wanted = published
    if name == "items":
        own = [i.dimension for i in instrument.items]
        order = by_dimension(found, own, instrument.dimension_ids)
        if order is not None:
            found = found.arranged(order, np.where(found.pattern[:, order].sum(axis=0) < 0, -1.0, 1.0))
            found = found.named(instrument.dimension_ids, [d.label for d in instrument.dimensions])
            # An item's own factor is free, all others are to be nothing.
            wanted = np.where(np.array(own)[:, None] == np.array(instrument.dimension_ids), np.nan, 0.0)
    resamples = leave_one_out(moments, study.seed)
    resampled = replicates(resamples, found, method)
    drawn = bootstrap.pooled(moments, LOADING_DRAWS, study.seed)
    loadings = (resampled[0], replicates(drawn, found, method)[0])
    rows = _rows(name, found, (*loadings, resampled[1]), study.resampling.level, published)
    general, hierarchy, more = alternatives.general(name, R, found, (resamples, *resampled), study)
    return rows | {
        "optima": tried + more,
        "alternatives": alternatives.others(name, R, found, method, wanted=wanted, published=published),
        "general": general,
        "hierarchy": hierarchy,
    }


def _rows(
    name: str, found: Solution, resampled: tuple[Array, Array, Array], level: float, published: Array | None
) -> dict:
    """Rows of the tables; ``resampled`` has patterns with clusters left out and drawn again, and phi."""
    pattern, drawn, phi = resampled
    if found.heywood.any():
        # At its bound a solution does not move smoothly with the sample, so leaving clusters out shows nothing.
        pattern, drawn, phi = pattern * np.nan, drawn * np.nan, phi * np.nan
    low, high = interval(found.pattern, pattern, level)
    boot_low, boot_high = bootstrap.normal_interval(found.pattern, drawn, len(pattern), level)
    # Fisher's z keeps limits of a correlation within -1 and 1.
    phi_low, phi_high = interval(found.phi, phi, level, np.arctanh, np.tanh)
    compared = np.full(found.pattern.shape, np.nan) if published is None else published
    difference = found.pattern - compared
    structure, communality, heywood = found.structure, found.communality, found.heywood
    loadings = [
        {
            "solution": name,
            "variable": variable,
            "factor": factor,
            "factor_label": found.labels[j],
            "pattern": found.pattern[i, j],
            "pattern_ci_low": low[i, j],
            "pattern_ci_high": high[i, j],
            "boot_ci_low": boot_low[i, j],
            "boot_ci_high": boot_high[i, j],
            "structure": structure[i, j],
            "published": compared[i, j],
            "difference": difference[i, j],
        }
        for i, variable in enumerate(found.variables)
        for j, factor in enumerate(found.factors)
    ]
    pairs = [
        {
            "solution": name,
            "factor_a": a,
            "factor_b": found.factors[j],
            "phi": found.phi[i, j],
            "phi_ci_low": phi_low[i, j],
            "phi_ci_high": phi_high[i, j],
        }
        for i, a in enumerate(found.factors)
        for j in range(i + 1, len(found.factors))
    ]
    communalities = [
        {"solution": name, "variable": v, "communality": h, "uniqueness": 1 - h, "heywood": bool(at_bound)}
        for v, h, at_bound in zip(found.variables, communality, heywood, strict=True)
    ]
    congruence = [
        {
            "solution": name,
            "factor": factor,
            "tucker": tucker(compared[:, [j]], found.pattern[:, [j]])[0, 0],
            "rms_difference": np.sqrt((difference[:, j] ** 2).mean()),
            "max_difference": np.abs(difference[:, j]).max(),
        }
        for j, factor in enumerate(found.factors)
        if published is not None
    ]
    return {"loadings": loadings, "phi": pairs, "communalities": communalities, "congruence": congruence}
