"""A school's mean as if its students were of the key stages and genders of all schools together.

A mixed model with key stage and gender as fixed effects; the school's mean is predicted for students of the average
composition (Goldstein & Spiegelhalter 1996, Journal of the Royal Statistical Society A 159, 385-443, on why a
comparison of institutions needs both shrinkage and adjustment).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.mixed import fit
from learning_survey.mixed_likelihood import Data, independent
from learning_survey.uncertainty import NAN, t_quantile

if TYPE_CHECKING:
    from learning_survey.cells import Cells
    from learning_survey.config import Loaded

Array = NDArray[np.float64]


def adjusted(cells: Cells, dimension: str, study: Loaded) -> tuple[Array, Array]:
    """Predicted means of all schools and half the widths of their intervals (G each), t with G - 1 degrees of freedom.

    The composition is that of all students with a school and a score. Students whose key stage or gender is not known
    are a group of their own. NaN where the study has neither grouping, where the model has no estimate, and for a
    school without students.
    """
    value, half = np.full(len(cells.schools), NAN), np.full(len(cells.schools), NAN)
    groupings = {
        "group": [level.id for level in study.key_stages.levels] if study.key_stages else [],
        "gender": [category.id for category in study.gender.categories] if study.gender else [],
    }
    if not any(groupings.values()):
        return value, half
    counts, school = cells.counts(dimension), cells.codes("school", cells.schools)
    n = counts.sums()
    keep = (n > 0) & (school >= 0)
    if not keep.any():
        return value, half
    columns = [np.ones(keep.sum())]
    for key, ids in groupings.items():
        code = cells.codes(key, ids)[keep]
        columns += [(code == k).astype(float) for k in [*range(1, len(ids)), -1]]
    X = np.column_stack(columns)
    X = X[:, independent(X, n[keep])]
    centre = float(counts.sums(counts.score)[keep].sum() / n[keep].sum())
    moments = (counts.sums((counts.score - centre) ** k)[keep] for k in (1, 2))
    present, at = np.unique(school[keep], return_inverse=True)
    model = fit(Data(X, at, n[keep], *moments, centre))
    if model is None:
        return value, half
    predicted, variance = model.predicted(n[keep] @ X / n[keep].sum())
    value[present], half[present] = predicted, t_quantile(len(present) - 1, study.resampling.level) * np.sqrt(variance)
    return value, half
