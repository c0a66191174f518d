"""The stage 'confirmatory' with answers taken as ordinal: each model by weighted least squares, students or schools.

The same students as for maximum likelihood, those who answered every item. Method: docs/methods/polychoric.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from learning_survey import cfa_catml, cfa_wls, cfa_wls_moments, confirmatory_status
from learning_survey.cfa_ml import bounded
from learning_survey.cfa_model import Cell, Model
from learning_survey.cfa_ordinal import ordinal
from learning_survey.cfa_standardised import Standardised, standardised
from learning_survey.errors import SurveyError
from learning_survey.fit_indices import ChiSquare, Indices
from learning_survey.polychoric_estimates import polychoric
from learning_survey.two_way import TwoWay, blocks, choices

if TYPE_CHECKING:
    from learning_survey.config import Loaded

Array = NDArray[np.float64]
Row = dict[str, Any]
ALONE, CLUSTERED = "wlsmv", "wlsmv_clustered"
ESTIMATORS = {
    ALONE: "Weighted least squares, ordinal",
    CLUSTERED: "Weighted least squares, ordinal, by school",
}


@dataclass(frozen=True)
class Samples:
    """Thresholds and polychoric correlations with the Gamma of each of ESTIMATORS that applies, and its units.

    Without any there is a ``problem``.
    """

    own: dict[str, cfa_wls_moments.Sample]
    units: dict[str, int]
    problem: str = ""

    @classmethod
    def of(cls, study: Loaded, whole: NDArray[np.int16], cluster: NDArray[np.str_] | None) -> Samples:
        """Of complete rows (N, p), and the cluster of each where there are schools."""
        instrument = study.instrument
        items, codes = instrument.item_ids, [instrument.response_of(i).codes for i in instrument.item_ids]
        x = choices(whole.astype(float), codes)
        if len(x) <= len(items):
            return cls({}, {}, f"{len(x)} complete respondents for {len(items)} items")
        keys = np.full((len(x), 3), "", dtype="U8")
        if cluster is not None:
            keys[:, 0] = blocks(cluster, study.seed)
        try:
            tables = TwoWay.of(x, items, codes, keys)
            estimates = polychoric(tables.pooled())
            alone = cfa_wls_moments.sample(estimates, x)
        except SurveyError as error:
            return cls({}, {}, error.problem)
        if cluster is None:
            return cls({ALONE: alone}, {ALONE: len(x)})
        labels, parts = tables.by("cluster")
        return cls(
            {ALONE: alone, CLUSTERED: alone.clustered(estimates, labels, parts)},
            {ALONE: len(x), CLUSTERED: len(labels)},
        )


@dataclass(frozen=True)
class Fitted:
    """One model under each of ESTIMATORS that applies; the estimates are the same. Or why there is none."""

    samples: Samples
    fits: dict[str, cfa_wls.Fit]
    held: tuple[Cell, ...] = ()
    problem: str = ""

    @classmethod
    def of(cls, make: Callable[[bool], Model], samples: Samples) -> Fitted:
        """Of the model that ``make`` gives without means. Negative variances of factors are held at zero."""
        if samples.problem:
            return cls(samples, {}, problem=samples.problem)
        own = samples.own[ALONE]
        try:
            model = make(False)
            start = ordinal(model, own.points(model.items))
            fit, held = bounded(start, lambda m: cfa_wls.fit(m, [own]))
        except SurveyError as error:
            return cls(samples, {}, problem=error.problem)
        return cls(samples, {way: cfa_wls.tested(fit, [sample]) for way, sample in samples.own.items()}, held)

    @property
    def usable(self) -> bool:
        return bool(self.fits) and self.fits[ALONE].converged and self.fits[ALONE].identified

    @cached_property
    def standard(self) -> Standardised:
        return standardised(self.fits[ALONE])

    @cached_property
    def values(self) -> Mapping[str, tuple[float, float]]:
        """Each standardised loading or correlation, by the cell's name, and its error: by school where there are."""
        if not self.usable:
            return {}
        error = self.standard.se([*self.fits.values()][-1].vcov)
        error = np.where(error > 1e-12, error, np.nan)
        pairs = zip(self.standard.cells, self.standard.values, error, strict=True)
        return {c.name: (float(v), float(e)) for (_, c), v, e in pairs}

    def rows(self, columns: Mapping[str, Any], names: Mapping[str, str]) -> list[Row]:
        """Rows of the table ``confirmatory.fit`` that begin with ``columns``; ``names`` of items and factors."""
        return [
            {**columns, "estimator": way, "estimator_label": ESTIMATORS[way]} | self._row(way, names)
            for way in (self.samples.own or {ALONE: None})
        ]

    def _row(self, way: str, names: Mapping[str, str]) -> Row:
        fit = self.fits.get(way)
        if fit is None:
            return confirmatory_status.without(self.problem)
        improper = "A residual variance is negative, or a correlation of factors beyond 1"
        row = confirmatory_status.state(self.fits[ALONE], self.held, self.standard, names, improper)
        row |= {"n": fit.n, "parameters": len(fit.x), "df": fit.df}
        if not self.usable:
            return row
        row |= {
            "units": self.samples.units[way],
            "few_units": confirmatory_status.few(self.samples.units[way], fit),
            "chi_square": fit.chi2,
            "scaling": fit.scaling,
            "chi_square_scaled": fit.scaled,
            "p_scaled": ChiSquare(fit.scaled, fit.df).p,
            "srmr": fit.srmr(),
        }
        row |= _columns(fit.indices(scaled=False), "") | _columns(cfa_catml.robust_indices(fit), "_robust")
        # Schools pull the adjusted chi-square of a model far from the truth down, and the baseline's most of all.
        return row | _columns(fit.indices(), "_scaled") if way == ALONE else row


def _columns(found: Indices, suffix: str) -> Row:
    names = ("cfi", "tli", "rmsea", "rmsea_low", "rmsea_high", "p_close")
    return {name + suffix: getattr(found, name) for name in names}
