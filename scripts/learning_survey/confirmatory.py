"""Factor models that the questionnaire's dimensions stand for: how they fit, and what they say of items and factors.

Each model is estimated from the students who answered every item, by maximum likelihood, and with full information
from all. Nothing here is about one student. Methods and sources: docs/methods/confirmatory.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import (
    cfa_builders,
    cfa_fiml,
    cfa_fiml_indices,
    cfa_ml,
    cfa_robust,
    confirmatory_ordinal,
    fit_indices,
)
from learning_survey.cfa_fiml import Data, Free
from learning_survey.cfa_ml import Fit
from learning_survey.cfa_model import Cell, Model
from learning_survey.cfa_modification import modification
from learning_survey.cfa_robust import Clusters, Robust
from learning_survey.cfa_standardised import Standardised, ave, htmt, omega, r_squared, standardised
from learning_survey.confirmatory_ordinal import Samples, note
from learning_survey.errors import SurveyError
from learning_survey.fit_indices import ChiSquare
from learning_survey.schemas import TABLES
from learning_survey.students import Students
from learning_survey.uncertainty import t_quantile

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded

Array = NDArray[np.float64]
Row = dict[str, Any]
Pair = tuple[float, float]  # a value and its error
NONE: Pair = (np.nan, np.nan)
GENERAL, HIGHER = "general", "higher_"  # a higher factor may have the name of a dimension
GAPS = 250_000  # most students with gaps for full information
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


# ---------------------------------------------------------------- students


@dataclass(frozen=True)
class Sample:
    """Answers of complete rows and of all, and the cluster of each row; ``clustered`` where there are schools."""

    whole: NDArray[np.int16]
    clusters: Clusters
    x: Array
    cluster: NDArray[np.str_]
    clustered: bool
    ordinal: Samples

    @classmethod
    def read(cls, study: Loaded, processed: Path) -> Sample:
        students = Students.read(processed)
        ids = study.instrument.item_ids
        frame = students.rows.select(pl.col(ids).cast(pl.Int16)).collect()
        cluster = students.cluster.astype(str)
        complete = frame.select(pl.all_horizontal(pl.all().is_not_null())).to_series().to_numpy()
        whole = frame.filter(pl.Series(complete)).to_numpy()
        some = len(complete) - int(complete.sum()) <= GAPS and study.confirmatory.full_information
        x = frame.cast(pl.Float64).fill_null(np.nan).to_numpy() if some else np.empty((0, len(ids)))
        clusters = Clusters.of(whole, cluster[complete] if students.schools else np.zeros(len(whole), "U1"))
        clustered = bool(students.schools) and len(clusters.n) > 1
        ordinal = Samples.of(study, whole, cluster[complete] if clustered else None)
        return cls(whole, clusters, x, cluster, clustered, ordinal)

    @cached_property
    def moments(self) -> cfa_ml.Sample:
        return self.clusters.sample

    @cached_property
    def data(self) -> Data | None:
        """All rows for full information; None without gaps, where there are too many, or where EM has no answer."""
        if len(self.x) <= len(self.whole):
            return None
        try:
            return Data.of(self.x, self.cluster if self.clustered else None)
        except SurveyError:
            return None

    @cached_property
    def free(self) -> list[Free]:
        return [Free.of(self.data)]

    def robust(self, fit: Fit, way: str) -> Robust | None:
        """Errors of a fit as one of ESTIMATORS has them; None where it has those of its information."""
        if way in ("ml", "fiml"):
            return None
        if way == "mlr":
            return cfa_robust.by_row(fit, [self.whole])
        if way == "mlr_clustered":
            return cfa_robust.by_cluster(fit, [self.clusters])
        return cfa_fiml.robust(fit, [self.data], self.free)

    def complete(self, fit: Fit, way: str) -> ChiSquare:
        """What robust indices of a fit with full information are made of."""
        return cfa_fiml_indices.complete(fit, self.free, normal=way == "fiml")

    @property
    def estimators(self) -> list[str]:
        """Those that apply: by school where there are schools, full information where answers are missing."""
        found = ["ml", "mlr", *(["mlr_clustered"] if self.clustered else [])]
        if self.data is not None:
            found += ["fiml", "fiml_clustered" if self.clustered else "fiml_robust"]
        return found


# ---------------------------------------------------------------- models


def models(study: Loaded) -> dict[str, Callable[[bool], Model]]:
    """How to make each model that the study asks for and its instrument allows, with or without means."""
    instrument, plan = study.instrument, study.confirmatory
    scales = {d: instrument.items_of(d) for d in instrument.dimension_ids}
    higher = {f"{HIGHER}{f}": below for f, below in plan.second_order.items()}
    makers = {
        "correlated": lambda means: cfa_builders.correlated(scales, std=True, means=means),
        "second_order": lambda means: cfa_builders.second_order(scales, higher, means=means),
        "one_factor": lambda means: cfa_builders.one_factor(instrument.item_ids, name=GENERAL, std=True, means=means),
        "bifactor": lambda means: cfa_builders.bifactor(scales, name=GENERAL, means=means),
    }
    # One dimension is one factor, and there is nothing above it.
    left_out = set() if higher else {"second_order"}
    left_out |= {"second_order", "one_factor", "bifactor"} if len(scales) == 1 else set()
    return {name: makers[name] for name in plan.models if name not in left_out}


def labels(study: Loaded) -> dict[str, str]:
    """Names of items, factors and higher factors as printed."""
    instrument = study.instrument
    own = {f.id: f.label for f in instrument.factors}
    return {
        GENERAL: "General factor",
        **{d.id: d.label for d in instrument.dimensions},
        **{i.id: i.wording for i in instrument.items},
        **{f"{HIGHER}{f}": own.get(f, f) for f in study.confirmatory.second_order},
    }


@dataclass(frozen=True)
class Fitted:
    """A model's two fits, the variances that had to be held at zero, or why there is none."""

    name: str
    sample: Sample
    ml: Fit | None
    fiml: Fit | None
    held: tuple[Cell, ...]
    problem: str = ""

    @classmethod
    def of(cls, name: str, make: Callable[[bool], Model], sample: Sample) -> Fitted:
        try:
            ml, held = cfa_ml.bounded(make(False), lambda m: cfa_ml.fit(m, [sample.moments]))
        except SurveyError as error:
            return cls(name, sample, None, None, (), error.problem)
        if sample.data is None:
            return cls(name, sample, ml, None, held)
        model = make(True).with_cells(*(cell.fixed(0.0) for cell in held))
        try:
            fiml, more = cfa_ml.bounded(model, lambda m: cfa_fiml.fit(m, [sample.data]))
        except SurveyError as error:
            return cls(name, sample, ml, None, held, error.problem)
        return cls(name, sample, ml, fiml, (*held, *more))

    def fit(self, way: str) -> Fit | None:
        return self.fiml if way.startswith("fiml") else self.ml

    @cached_property
    def errors(self) -> dict[str, Array]:
        """The covariance matrix of the estimates under each estimator that has a fit."""
        found = {}
        for way, robust in self.robust.items():
            found[way] = self.fit(way).vcov if robust is None else robust.vcov
        return found

    @cached_property
    def robust(self) -> dict[str, Robust | None]:
        return {w: self.sample.robust(self.fit(w), w) for w in self.sample.estimators if self.fit(w) is not None}

    @cached_property
    def standard(self) -> Standardised:
        return standardised(self.ml)

    @cached_property
    def standard_fiml(self) -> Standardised | None:
        return None if self.fiml is None else standardised(self.fiml)

    @property
    def usable(self) -> bool:
        """Whether its estimates may be shown: found, and the only ones."""
        return self.ml is not None and self.ml.converged and self.ml.identified


# ---------------------------------------------------------------- tables


def tables(study: Loaded, processed: Path) -> dict[str, pd.DataFrame]:
    """The tables ``confirmatory.*``. A model that cannot be estimated has its rows, a note and no numbers."""
    sample = Sample.read(study, processed)
    rows: dict[str, list[Row]] = {n.partition(".")[2]: [] for n in TABLES if n.startswith("confirmatory.")}
    names = labels(study)
    base: dict[str, Bases] = {}
    for name, make in models(study).items():
        found = Fitted.of(name, make, sample)
        weighted = confirmatory_ordinal.Fitted.of(make, sample.ordinal)
        rows["fit"] += [_fit_row(found, way, base, names) for way in sample.estimators]
        rows["fit"] += weighted.rows({"model": name, "model_label": LABELS[name]}, names)
        if found.usable:
            rows["loadings"] += _loadings(found, weighted.values, study, names)
            rows["factors"] += _factors(found, names)
            rows["factor_correlations"] += _correlations(found, weighted.values, study, names)
            rows["modification"] += _modification(found, study.confirmatory.modifications, names)
    return {name: _frame(name, rows[name], len(sample.whole), study) for name in rows}


def _frame(name: str, rows: list[Row], n: int, study: Loaded) -> pd.DataFrame:
    """Rows with the table's columns; from too few students they keep their names and lose their numbers."""
    import pandas as pd

    columns = TABLES[f"confirmatory.{name}"].columns
    frame = pd.DataFrame(rows, columns=list(columns))
    if n < study.min_group:
        for column, spec in columns.items():
            if spec.unit not in ("id", "text", "flag"):
                frame[column] = np.nan
    return frame


def _fit_row(found: Fitted, way: str, base: dict[str, Bases], names: dict[str, str]) -> Row:
    head = {
        "model": found.name,
        "model_label": LABELS[found.name],
        "estimator": way,
        "estimator_label": ESTIMATORS[way],
        "converged": False,
        "identified": False,
        "admissible": False,
        "note": found.problem,
    }
    fit = found.fit(way)
    if fit is None:
        return head
    head |= {
        "converged": fit.converged,
        "identified": fit.identified,
        "admissible": fit.admissible and not found.held,
        "note": note(fit, found.held, names, "A correlation of factors is beyond 1"),
        "n": fit.n,
        "parameters": len(fit.x),
        "df": fit.df,
    }
    if not (fit.converged and fit.identified):
        return head
    robust = found.robust[way]
    test = ChiSquare(fit.chi2, fit.df, robust.scaling if robust else 1.0)
    against = _base(found.sample, way, base)
    plain = fit_indices.plain(ChiSquare(fit.chi2, fit.df), against.own, fit.n)
    head |= {
        "units": robust.units if robust else fit.n,
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


def _last(found: Fitted, full: bool) -> str:
    """The estimator whose errors go into intervals: by school where there are schools."""
    return [way for way in found.errors if way.startswith("fiml") == full][-1]


def _loadings(found: Fitted, weighted: Mapping[str, Pair], study: Loaded, names: dict[str, str]) -> list[Row]:
    std, way = found.standard, _last(found, False)
    at = [k for k, (_, c) in enumerate(std.cells) if c.matrix in ("lambda", "beta")]
    error = {w: _errors(std, found.errors[w]) for w in ("ml", "mlr", way)}
    low, high = _limits(std.values, error[way], found.robust[way].units, study.resampling.level)
    (shares,) = r_squared(found.ml)
    explained = dict(zip(found.ml.model.items, shares, strict=True)) | _explained(found)
    full: dict[str, Pair] = {}
    if found.standard_fiml is not None and found.fiml.converged and found.fiml.identified:
        other, errors = found.standard_fiml, _errors(found.standard_fiml, found.errors[_last(found, True)])
        full = {c.name: (v, e) for (_, c), v, e in zip(other.cells, other.values, errors, strict=True)}
    rows = []
    for k in at:
        cell = std.cells[k][1]
        rows.append(
            {
                "model": found.name,
                "variable": cell.row,
                "factor": cell.column,
                "variable_label": names[cell.row],
                "factor_label": names[cell.column],
                "loading": std.values[k],
                "se": error["ml"][k],
                "se_robust": error["mlr"][k],
                "se_clustered": error[way][k] if found.sample.clustered else np.nan,
                "loading_ci_low": low[k],
                "loading_ci_high": high[k],
                "loading_fiml": full.get(cell.name, NONE)[0],
                "se_fiml": full.get(cell.name, NONE)[1],
                "loading_wlsmv": weighted.get(cell.name, NONE)[0],
                "se_wlsmv": weighted.get(cell.name, NONE)[1],
                "r_squared": explained[cell.row],
            }
        )
    return rows


def _explained(found: Fitted) -> dict[str, float]:
    """Share of each factor's variance that the factors above it explain."""
    own, at = found.ml.model.matrices(found.ml.x)[0], found.ml.moments[0]
    shares = 1 - np.diag(own["psi"]) / np.diag(at.total)
    return {f: float(s) for f, s, below in zip(found.ml.model.factors, shares, own["beta"], strict=True) if below.any()}


def _factors(found: Fitted, names: dict[str, str]) -> list[Row]:
    own = found.ml.model.matrices(found.ml.x)[0]["lambda"]
    explained = _explained(found)
    return [
        {
            "model": found.name,
            "factor": factor,
            "factor_label": names[factor],
            "items": int(np.count_nonzero(own[:, f])),
            "omega": omega(found.ml, factor),
            "ave": np.nan if found.name == "bifactor" else ave(found.ml, factor),  # its items have two factors
            "r_squared": explained.get(factor, np.nan),
        }
        for f, factor in enumerate(found.ml.model.factors)
        if own[:, f].any()
    ]


def _correlations(found: Fitted, weighted: Mapping[str, Pair], study: Loaded, names: dict[str, str]) -> list[Row]:
    std, way, model = found.standard, _last(found, False), found.ml.model
    level, units = study.resampling.level, found.robust[way].units
    error = {w: _errors(std, found.errors[w]) for w in ("ml", "mlr", way)}
    ratios = np.full((len(model.factors),) * 2, np.nan)
    if found.name == "correlated":
        C = found.sample.moments.cov
        sd = np.sqrt(np.diag(C))
        instrument = study.instrument
        places = [[instrument.item_ids.index(i) for i in instrument.items_of(d)] for d in model.factors]
        ratios = htmt(C / np.outer(sd, sd), places)
    rows = []
    for k, (_, cell) in enumerate(std.cells):
        if cell.matrix != "psi" or cell.row == cell.column:
            continue
        r, spread = std.values[k], error[way][k]
        # Fisher's z keeps limits of a correlation within -1 and 1.
        z = _limits(np.arctanh(r), spread / (1 - r**2), units, level) if abs(r) < 1 else (np.nan, np.nan)
        i, j = model.at(cell)
        rows.append(
            {
                "model": found.name,
                "factor_a": cell.column,
                "factor_b": cell.row,
                "factor_a_label": names[cell.column],
                "factor_b_label": names[cell.row],
                "correlation": r,
                "se": error["ml"][k],
                "se_robust": error["mlr"][k],
                "se_clustered": spread if found.sample.clustered else np.nan,
                "correlation_ci_low": np.tanh(z[0]),
                "correlation_ci_high": np.tanh(z[1]),
                "correlation_wlsmv": weighted.get(cell.name, NONE)[0],
                "se_wlsmv": weighted.get(cell.name, NONE)[1],
                "htmt": ratios[i, j],
            }
        )
    return rows


def _modification(found: Fitted, most: int, names: dict[str, str]) -> list[Row]:
    tested = modification(found.ml)
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
            "change": tested.change[k],
            "change_standardised": tested.standardised[k],
        }
        for rank, k in enumerate(order, 1)
    ]
