"""Factor models that the questionnaire's dimensions stand for: how they fit, and what they say of items and factors.

Each model is estimated from the students who answered every item, by maximum likelihood, and with full information
from all. Nothing here is about one student. Methods and sources: docs/methods/confirmatory.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_survey import (
    cfa_builders,
    cfa_fiml,
    cfa_ml,
    confirmatory_ordinal,
    fit_indices,
)
from learning_survey.cfa_modification import modification
from learning_survey.cfa_standardised import Standardised, ave, htmt, omega, r_squared
from learning_survey.confirmatory_models import Fitted, Sample, labels, models
from learning_survey.confirmatory_status import few, state, without
from learning_survey.fit_indices import ChiSquare
from learning_survey.schemas import TABLES
from learning_survey.uncertainty import t_quantile

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded

Array = NDArray[np.float64]
Row = dict[str, Any]
Pair = tuple[float, float]  # a value and its error
NONE: Pair = (np.nan, np.nan)
LABELS = {
    "correlated": "Correlated dimensions",
    "second_order": "Higher factors above the dimensions",
    "one_factor": "One factor",
    "bifactor": "A general factor and the dimensions",
}
ESTIMATORS = {
    "ml": "Maximum likelihood",
    "mlr": "Maximum likelihood, robust",
    "mlr_clustered": "Maximum likelihood, robust, by school",
    "fiml": "Full information",
    "fiml_robust": "Full information, robust",
    "fiml_clustered": "Full information, robust, by school",
}


# ---------------------------------------------------------------- tables


def tables(study: Loaded, processed: Path) -> dict[str, pd.DataFrame]:
    """The tables ``confirmatory.*``. A model that cannot be estimated has its rows, a note and no numbers."""
    import pandas as pd

    sample = Sample.read(study, processed)
    columns = {n.partition(".")[2]: t.columns for n, t in TABLES.items() if n.startswith("confirmatory.")}
    rows: dict[str, list[Row]] = {name: [] for name in columns}
    names = labels(study)
    base: dict[str, Bases] = {}
    for name, make in models(study).items():
        found = Fitted.of(name, make, sample)
        weighted = confirmatory_ordinal.Fitted.of(make, sample.ordinal)
        rows["fit"] += [_fit_row(found, way, base, names) for way in sample.estimators]
        rows["fit"] += weighted.rows({"model": name, "model_label": LABELS[name]}, names)
        if found.best:
            rows["loadings"] += _loadings(found, weighted.values, study, names)
            rows["factors"] += _factors(found, names)
            rows["factor_correlations"] += _correlations(found, weighted.values, study, names)
        if found.ml.usable:
            rows["modification"] += _modification(found, study.confirmatory.modifications, names)
    return {name: pd.DataFrame(rows[name], columns=list(own)) for name, own in columns.items()}


def _fit_row(found: Fitted, way: str, base: dict[str, Bases], names: dict[str, str]) -> Row:
    head = {
        "model": found.name,
        "model_label": LABELS[found.name],
        "estimator": way,
        "estimator_label": ESTIMATORS[way],
    }
    own = found.of_way(way)
    if own.fit is None:
        return head | without(own.problem)
    fit, robust = own.fit, found.robust[way]
    head |= state(fit, own.held, own.standard, names, "A correlation of factors is beyond 1")
    head |= {"n": fit.n, "parameters": len(fit.x), "df": fit.df}
    if not own.usable:
        return head
    units = robust.units if robust else fit.n
    test = ChiSquare(fit.chi2, fit.df, robust.scaling if robust else 1.0)
    against = _base(found.sample, way, base)
    plain = fit_indices.plain(ChiSquare(fit.chi2, fit.df), against.own, fit.n)
    head |= {
        "units": units,
        "few_units": few(units, fit),
        "chi_square": fit.chi2,
        "p": ChiSquare(fit.chi2, fit.df).p,
        "srmr": fit_indices.srmr(fit),
        "aic": fit_indices.aic(fit),
        "bic": fit_indices.bic(fit),
    } | _indices(plain, "")
    if robust:
        head |= {"scaling": robust.scaling, "chi_square_scaled": robust.chi2, "p_scaled": test.p}
        head |= _indices(fit_indices.scaled(test, against.own, fit.n), "_scaled")
    if way.startswith("fiml"):
        test = found.sample.complete(fit, way)
    if robust or way == "fiml":
        head |= _indices(fit_indices.robust(test, against.complete, fit.n), "_robust")
    return head


def _indices(found: fit_indices.Indices, suffix: str) -> Row:
    row = {"cfi": found.cfi, "tli": found.tli, "rmsea": found.rmsea, "rmsea_low": found.rmsea_low}
    row |= {"rmsea_high": found.rmsea_high, "p_close": found.p_close}
    return {name + suffix: value for name, value in row.items()}


class Bases(NamedTuple):
    """Chi-squares of items that do not correlate: as it is, and what robust indices are made of."""

    own: ChiSquare
    complete: ChiSquare


def _base(sample: Sample, way: str, known: dict[str, Bases]) -> Bases:
    """Of items that do not correlate, under the same estimator."""
    if way not in known:
        items = [f"item {i}" for i in range(sample.whole.shape[1])]
        if way.startswith("fiml"):
            fit = cfa_fiml.independence(items, [sample.data])
        else:
            fit = cfa_ml.fit(cfa_builders.baseline(items), [sample.moments])
        robust = sample.robust(fit, way)
        own = ChiSquare(fit.chi2, fit.df, robust.scaling if robust else 1.0)
        known[way] = Bases(own, sample.complete(fit, way) if way.startswith("fiml") else own)
    return known[way]


def _limits(estimate: Array, error: Array, units: int, level: float) -> tuple[Array, Array]:
    half = t_quantile(units - 1, level) * error
    return estimate - half, estimate + half


def _errors(std: Standardised, vcov: Array) -> Array:
    """Standard errors; none for a value that the model fixes, such as a loading beside a residual held at zero."""
    error = std.se(vcov)
    return np.where(error > 1e-12, error, np.nan)


def _loadings(found: Fitted, weighted: Mapping[str, Pair], study: Loaded, names: dict[str, str]) -> list[Row]:
    whole, full = _complete(found, "loading", study.resampling.level), _full(found, "loading")
    (shares,) = r_squared(found.best.fit)
    explained = dict(zip(found.best.fit.model.items, shares, strict=True)) | _explained(found)
    return [
        {
            "model": found.name,
            "variable": cell.row,
            "factor": cell.column,
            "variable_label": names[cell.row],
            "factor_label": names[cell.column],
            **whole.get(cell.name, {}),
            **full.get(cell.name, {}),
            "loading_wlsmv": weighted.get(cell.name, NONE)[0],
            "se_wlsmv": weighted.get(cell.name, NONE)[1],
            "r_squared": explained[cell.row],
        }
        for _, cell in found.best.standard.cells
        if cell.matrix in ("lambda", "beta")
    ]


def _complete(found: Fitted, kind: str, level: float) -> dict[str, Row]:
    """Columns from complete rows by the cell's name: ``kind``, "loading" or "correlation", its errors and interval."""
    if not found.ml.usable:
        return {}
    std, way = found.ml.standard, found.last(False)
    error = {w: _errors(std, found.errors[w]) for w in ("ml", "mlr", way)}
    units, rows = found.robust[way].units, {}
    for k, (_, cell) in enumerate(std.cells):
        value, spread = std.values[k], error[way][k]
        if kind == "loading":
            low, high = _limits(value, spread, units, level)
        elif abs(value) < 1:  # Fisher's z keeps limits of a correlation within -1 and 1.
            low, high = np.tanh(_limits(np.arctanh(value), spread / (1 - value**2), units, level))
        else:
            low = high = np.nan
        rows[cell.name] = {
            kind: value,
            "se": error["ml"][k],
            "se_robust": error["mlr"][k],
            "se_clustered": spread if found.sample.clustered else np.nan,
            f"{kind}_ci_low": low,
            f"{kind}_ci_high": high,
        }
    return rows


def _full(found: Fitted, kind: str) -> dict[str, Row]:
    """Columns with full information by the cell's name."""
    if not found.fiml.usable:
        return {}
    std = found.fiml.standard
    error = _errors(std, found.errors[found.last(True)])
    triples = zip(std.cells, std.values, error, strict=True)
    return {cell.name: {f"{kind}_fiml": value, "se_fiml": e} for (_, cell), value, e in triples}


def _explained(found: Fitted) -> dict[str, float]:
    """Share of each factor's variance that the factors above it explain."""
    fit = found.best.fit
    own, at = fit.model.matrices(fit.x)[0], fit.moments[0]
    shares = 1 - np.diag(own["psi"]) / np.diag(at.total)
    return {f: float(s) for f, s, below in zip(fit.model.factors, shares, own["beta"], strict=True) if below.any()}


def _factors(found: Fitted, names: dict[str, str]) -> list[Row]:
    fit = found.best.fit
    own = fit.model.matrices(fit.x)[0]["lambda"]
    explained = _explained(found)
    return [
        {
            "model": found.name,
            "factor": factor,
            "factor_label": names[factor],
            "items": int(np.count_nonzero(own[:, f])),
            "omega": omega(fit, factor),
            "ave": np.nan if found.name == "bifactor" else ave(fit, factor),  # its items have two factors
            "r_squared": explained.get(factor, np.nan),
        }
        for f, factor in enumerate(fit.model.factors)
        if own[:, f].any()
    ]


def _correlations(found: Fitted, weighted: Mapping[str, Pair], study: Loaded, names: dict[str, str]) -> list[Row]:
    fit, instrument = found.best.fit, study.instrument
    whole, full = _complete(found, "correlation", study.resampling.level), _full(found, "correlation")
    ratios = np.full((len(fit.model.factors),) * 2, np.nan)
    if found.name == "correlated":
        (sample,) = fit.samples
        sd = np.sqrt(np.diag(sample.cov))
        places = [[instrument.item_ids.index(i) for i in instrument.items_of(d)] for d in fit.model.factors]
        ratios = htmt(sample.cov / np.outer(sd, sd), places)
    return [
        {
            "model": found.name,
            "factor_a": cell.column,
            "factor_b": cell.row,
            "factor_a_label": names[cell.column],
            "factor_b_label": names[cell.row],
            **whole.get(cell.name, {}),
            **full.get(cell.name, {}),
            "correlation_wlsmv": weighted.get(cell.name, NONE)[0],
            "se_wlsmv": weighted.get(cell.name, NONE)[1],
            "htmt": ratios[fit.model.at(cell)],
        }
        for _, cell in found.best.standard.cells
        if cell.matrix == "psi" and cell.row != cell.column
    ]


def _modification(found: Fitted, most: int, names: dict[str, str]) -> list[Row]:
    tested = modification(found.ml.fit, clusters=found.sample.clusters if found.sample.clustered else None)
    known = np.flatnonzero(np.isfinite(tested.index))
    order = known[np.argsort(-tested.index[known], kind="stable")][:most]
    return [
        {
            "model": found.name,
            "rank": rank,
            "kind": "cross_loading" if (cell := tested.cells[k]).matrix == "lambda" else "residual_covariance",
            "variable": cell.row,
            "other": cell.column,
            "variable_label": names[cell.row],
            "other_label": names[cell.column],
            "index": tested.index[k],
            "index_clustered": tested.clustered[k],
            "change": tested.change[k],
            "change_standardised": tested.standardised[k],
        }
        for rank, k in enumerate(order, 1)
    ]
