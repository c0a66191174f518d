"""Levels of measurement invariance of a correlated-factors model: what is equal in all groups, level by level.

configural   the same items on the same factors
metric       equal loadings: a unit of the factor is the same in every group
scalar       equal loadings and intercepts: the same standing on the factor gives the same expected answers
strict       equal residual variances too

(Meredith 1993, Psychometrika 58, 525-543.) Factors are standardised in the first group; where loadings are equal their
variances, and where intercepts are equal their means, are free in the others. This is the same model as with a marker
item, and treats no item differently from the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey import cfa_builders, cfa_ml
from learning_survey.cfa_ml import Fit
from learning_survey.cfa_model import Model, fixed, free
from learning_survey.cfa_robust import Clusters, Robust, by_cluster, by_row
from learning_survey.fit_indices import ChiSquare

Array = NDArray[np.float64]
EQUAL = {
    "configural": (),
    "metric": ("lambda",),
    "scalar": ("lambda", "nu"),
    "strict": ("lambda", "nu", "theta"),
}
LEVELS = tuple(EQUAL)


@dataclass(frozen=True)
class Fitted:
    """A level's estimates and its chi-square, plain and corrected for clusters."""

    level: str
    fit: Fit
    robust: Robust

    @property
    def test(self) -> ChiSquare:
        return ChiSquare(self.fit.chi2, self.fit.df, self.robust.scaling)


def model(scales: Mapping[str, Sequence[str]], groups: Sequence[str], level: str, freed: Collection[str] = ()) -> Model:
    """The model of a level; loadings, intercepts and residuals of the items in ``freed`` differ between groups."""
    one = cfa_builders.correlated(scales, std=True, means=True)
    own = next(iter(one.groups.values()))
    # Names of cells: factor=~item, item~1, item~~item.
    released = [c.name for c in own if c.row in freed and c.matrix in ("lambda", "nu", "theta")]
    result = one.by_group(groups, EQUAL[level], released)
    for group in list(result.groups)[1:]:
        if "lambda" in EQUAL[level]:
            result = result.with_cells(
                *(free("psi", f, f, start=1.0).freed(f"{f}~~{f} ({group})", 1.0) for f in scales), group=group
            )
        if "nu" in EQUAL[level]:
            result = result.with_cells(*(free("alpha", f).freed(f"{f}~1 ({group})", 0.0) for f in scales), group=group)
    return result.with_cells(*(fixed("alpha", f) for f in scales), group=next(iter(result.groups)))


def fitted(
    scales: Mapping[str, Sequence[str]],
    groups: Mapping[str, Clusters],
    level: str,
    freed: Collection[str] = (),
    *,
    start: Fit | None = None,
    rows: Mapping[str, Array] | None = None,
) -> Fitted:
    """Fit a level to the complete rows of each group; ``start`` is a fit of another level, to begin near its values.

    ``rows`` (N, p) of each group are the units of errors and of the chi-square's correction in place of clusters.
    Raises SurveyError as ``cfa_ml.fit`` does.
    """
    samples = [g.sample for g in groups.values()]
    wanted = model(scales, list(groups), level, freed)
    fit = cfa_ml.fit(wanted, samples, carried(start, wanted) if start else None)
    return Fitted(level, fit, by_row(fit, list(rows.values())) if rows else by_cluster(fit, list(groups.values())))


def carried(fit: Fit, wanted: Model) -> Array:
    """Values for the parameters of ``wanted``, another level: what ``fit`` has, in its unit. Shape (q,).

    A level that fixes a group's factor variances or means takes them up in loadings and intercepts, so that the moments
    of a more restricted level stay as they are. Cells of one parameter give their mean.
    """
    total, count = np.zeros(len(wanted.parameters)), np.zeros(len(wanted.parameters))
    groups = zip(wanted.groups.values(), fit.model.matrices(fit.x), wanted.places, strict=True)
    for cells, own, at in groups:
        free = {(c.matrix, c.row, c.column) for c in cells if c.label}
        for k, factor in enumerate(wanted.factors):
            if ("alpha", factor, "") not in free:
                own["nu"][:, 0] += own["lambda"][:, k] * own["alpha"][k, 0]
                own["alpha"][k] = 0
            if ("psi", factor, factor) not in free:
                sd = np.sqrt(own["psi"][k, k])
                own["lambda"][:, k] *= sd
                own["psi"][k] /= sd
                own["psi"][:, k] /= sd
        values = np.array([own[m][i, j] for m, i, j in zip(at.matrix, at.row, at.column, strict=True)])
        np.add.at(total, at.parameter, values)
        np.add.at(count, at.parameter, 1)
    return total / count


def difference(restricted: Fitted, general: Fitted) -> ChiSquare:
    """Chi-square of what a level adds, corrected for clusters (Satorra & Bentler 2001, Psychometrika 66, 507-514).

    The factor is (df0 c0 - df1 c1) / (df0 - df1); NaN where it is not above zero, as may happen in small samples.
    """
    df = restricted.fit.df - general.fit.df
    free = general.fit.df * general.robust.scaling if general.fit.df else 0.0
    factor = restricted.fit.df * restricted.robust.scaling - free
    factor = factor / df if df > 0 else np.nan
    chi2 = max(restricted.fit.chi2 - general.fit.chi2, 0.0)
    return ChiSquare(chi2, df, factor if factor > 0 else np.nan)
