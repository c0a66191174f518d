"""The factor models of a study, the students that they are fitted to, and their fits.

``confirmatory`` makes tables of them. Each model is estimated by maximum likelihood from the students who answered
every item, and with full information from all. Methods and sources: docs/methods/confirmatory.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import cfa_builders, cfa_fiml, cfa_fiml_indices, cfa_ml, cfa_robust
from learning_survey.cfa_fiml import Data, Free
from learning_survey.cfa_ml import Fit
from learning_survey.cfa_model import Cell, Model
from learning_survey.cfa_robust import Clusters, Robust
from learning_survey.cfa_standardised import Standardised, standardised
from learning_survey.confirmatory_ordinal import Samples
from learning_survey.errors import SurveyError
from learning_survey.fit_indices import ChiSquare
from learning_survey.students import Students

if TYPE_CHECKING:
    from learning_survey.config import Loaded

Array = NDArray[np.float64]
GENERAL, HIGHER = "general", "higher_"  # a higher factor may have the name of a dimension
GAPS = 250_000  # most students with gaps for full information


# ---------------------------------------------------------------- students


@dataclass(frozen=True)
class Sample:
    """Answers of complete rows and of all, and the cluster of each row; ``clustered`` where there are schools.

    ``problem`` says why the complete rows are not enough; "" where they are.
    """

    whole: NDArray[np.int16]
    whole_cluster: NDArray[np.str_]
    x: Array
    cluster: NDArray[np.str_]
    clustered: bool
    ordinal: Samples
    least: int
    problem: str

    @classmethod
    def read(cls, study: Loaded, processed: Path) -> Sample:
        students = Students.read(processed)
        ids = study.instrument.item_ids
        frame = students.rows.select(pl.col(ids).cast(pl.Int16)).collect()
        cluster = students.cluster.astype(str)
        complete = frame.select(pl.all_horizontal(pl.all().is_not_null())).to_series().to_numpy()
        whole = frame.filter(pl.Series(complete)).to_numpy()
        some = len(complete) - len(whole) <= GAPS and study.confirmatory.full_information
        x = frame.cast(pl.Float64).fill_null(np.nan).to_numpy() if some else np.empty((0, len(ids)))
        few = f"fewer than {study.min_group} students answered every item" if len(whole) < study.min_group else ""
        used = cluster if few else cluster[complete]
        clustered = not students.alone and len(np.unique(used)) > 1
        own = cluster[complete] if clustered else np.zeros(len(whole), "U1")
        ordinal = Samples({}, {}, few) if few else Samples.of(study, whole, own if clustered else None)
        return cls(whole, own, x, cluster, clustered, ordinal, study.min_group, few)

    @cached_property
    def clusters(self) -> Clusters:
        return Clusters.of(self.whole, self.whole_cluster)

    @cached_property
    def moments(self) -> cfa_ml.Sample:
        """Of complete rows. Raises SurveyError where there are too few."""
        if self.problem:
            raise SurveyError(self.problem, where="factor model", remedy="Use full information.")
        return self.clusters.sample

    @cached_property
    def full(self) -> tuple[Data | None, str]:
        """All rows for full information, or why there is none: "" without gaps, or where there are too many."""
        if len(self.x) <= len(self.whole):
            return None, ""
        try:
            data = Data.of(self.x, self.cluster if self.clustered else None)
        except SurveyError as error:
            return None, error.problem
        return (data, "") if data.answers.n >= self.least else (None, f"fewer than {self.least} students answered")

    @property
    def data(self) -> Data | None:
        return self.full[0]

    @cached_property
    def free(self) -> list[Free]:
        return [Free.of(self.data)]

    def robust(self, fit: Fit, way: str) -> Robust | None:
        """Errors of a fit as the estimator ``way`` has them; None where it has those of its information."""
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
        return [*found, "fiml"] if self.full[1] else found


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
class Estimated:
    """A model's fit and the variances that had to be held at zero, or why there is none."""

    fit: Fit | None = None
    held: tuple[Cell, ...] = ()
    problem: str = ""

    @classmethod
    def of(cls, make: Callable[[], Model], estimate: Callable[[Model], Fit]) -> Estimated:
        try:
            return cls(*cfa_ml.bounded(make(), estimate))
        except SurveyError as error:
            return cls(problem=error.problem)

    @property
    def usable(self) -> bool:
        """Whether its estimates may be shown: found, and the only ones."""
        return self.fit is not None and self.fit.converged and self.fit.identified

    @cached_property
    def standard(self) -> Standardised:
        return standardised(self.fit)


@dataclass(frozen=True)
class Fitted:
    """A model's two fits: from complete rows, and with full information."""

    name: str
    sample: Sample
    ml: Estimated
    fiml: Estimated

    @classmethod
    def of(cls, name: str, make: Callable[[bool], Model], sample: Sample) -> Fitted:
        ml = Estimated.of(lambda: make(False), lambda m: cfa_ml.fit(m, [sample.moments]))
        if sample.data is None:
            return cls(name, sample, ml, Estimated(problem=sample.full[1]))
        zero = [cell.fixed(0.0) for cell in ml.held]
        fiml = Estimated.of(lambda: make(True).with_cells(*zero), lambda m: cfa_fiml.fit(m, [sample.data]))
        return cls(name, sample, ml, replace(fiml, held=(*ml.held, *fiml.held)))

    def of_way(self, way: str) -> Estimated:
        return self.fiml if way.startswith("fiml") else self.ml

    @property
    def best(self) -> Estimated | None:
        """The fit that tables describe: from complete rows, else with full information; None without either."""
        return next((found for found in (self.ml, self.fiml) if found.usable), None)

    @cached_property
    def robust(self) -> dict[str, Robust | None]:
        """Under each estimator that has a fit."""
        ways = {way: self.of_way(way).fit for way in self.sample.estimators}
        return {way: self.sample.robust(fit, way) for way, fit in ways.items() if fit is not None}

    @cached_property
    def errors(self) -> dict[str, Array]:
        """The covariance matrix of the estimates under each estimator that has a fit."""
        return {w: self.of_way(w).fit.vcov if own is None else own.vcov for w, own in self.robust.items()}

    def last(self, full: bool) -> str:
        """The estimator whose errors go into intervals: by school where there are schools."""
        return [way for way in self.errors if way.startswith("fiml") == full][-1]
