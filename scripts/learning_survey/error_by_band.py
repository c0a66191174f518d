"""The standard error of measurement of a score, band by band: where on its scale a dimension tells students apart.

One standard error for all students takes for granted that scores are as exact at the ends of the scale as in its
middle. Each student's own answers say how exact: with p items as p parts of the score, item means taken out,

    error variance of the mean of a student's answers = Σ_j (d_j - mean d)² / (p (p - 1)),   d_j = x_j - mean of item j,

averaged over the students of a band: Feldt, Steffen & Gupta (1985), Applied Psychological Measurement 9, 351-361 (the
analysis-of-variance method); Feldt & Qualls (1996), Journal of Educational Measurement 33, 141-156. Averaged over all
students it is the variance of the score times 1 - alpha.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey.bands import band_of
from learning_survey.uncertainty import NAN, Codes, Estimate, mean, t_quantile, withhold

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded
    from learning_survey.students import Students

Array = NDArray[np.float64]
ALL = "all"


def table(students: Students, study: Loaded) -> pd.DataFrame:
    """Table ``reliability.error_by_band``: each dimension's bands, over students who answered all its items."""
    import pandas as pd

    instrument, rows = study.instrument, []
    for dimension in instrument.dimensions:
        items = instrument.items_of(dimension.id)
        score, error, cluster = error_variances(students, items)
        band = band_of(score, instrument)
        places = [(b.id, b.label, band == i) for i, b in enumerate(instrument.bands)]
        for name, label, at in [*places, (ALL, "All scores", np.ones(len(score), bool))]:
            rows.append(
                {
                    "dimension": dimension.id,
                    "band": name,
                    "band_label": label,
                    "n": int(at.sum()),
                    "mean": score[at].mean() if at.any() else NAN,
                    **standard_error(error[at], cluster[at], study.resampling.level).columns("sem"),
                }
            )
    return withhold(pd.DataFrame(rows), "n", list(rows[0])[4:], study.min_group)


def error_variances(students: Students, items: list[str]) -> tuple[Array, Array, Codes]:
    """Score and error variance (module docstring) of each student who answered all ``items``, and their cluster.

    The score is the mean of the items. Error variances are NaN for a scale of one item.
    """
    p = len(items)
    complete = pl.all_horizontal(pl.col(items).is_not_null())
    columns = students.rows.select(items).filter(complete).collect().to_numpy()
    kept = students.rows.select(complete.alias("kept")).collect()["kept"].to_numpy()
    score = columns.mean(axis=1) if len(columns) else np.empty(0)
    d = columns - columns.mean(axis=0) if len(columns) else columns
    squares = ((d - d.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    error = squares / (p * (p - 1)) if p > 1 else np.full(len(d), NAN)
    return score, error, students.cluster[kept]


def standard_error(error: Array, cluster: Codes, level: float) -> Estimate:
    """Root of the mean error variance, with the limits of the mean's logarithm, clustered by school.

    NaN without students; no interval in one school, or where all error variances are the same.
    """
    found = mean(error, cluster, level)
    if not found.value > 0 or not found.se > 0:
        return Estimate(float(np.sqrt(found.value)))
    half = t_quantile(found.clusters - 1, level) * found.se / found.value
    return Estimate(*(float(np.sqrt(found.value * np.exp(x))) for x in (0.0, -half, half)))
