"""Schools compared: how much they differ, and each school's mean, shrunken, adjusted, with its rank.

Schools with fewer students than ``least_students`` count in the variance components and appear nowhere else. The top
and the bottom school are in ``school_extremes``, what chance makes of them in ``school_gaps``, strong learning cultures
in ``school_cultures``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.config import ALL
from learning_survey.describe import row_mean
from learning_survey.disclosure import hidden_schools
from learning_survey.school_adjusted import adjusted
from learning_survey.school_means import Shrunken, ranking
from learning_survey.school_scores import SchoolScores
from learning_survey.uncertainty import NAN, Estimate, withhold
from learning_survey.variance_components import components, icc1_interval

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.cells import Cells
    from learning_survey.config import Loaded
    from learning_survey.instrument import Instrument

Array = NDArray[np.float64]


def least_students(study: Loaded) -> int:
    """The smallest school that is shown or ranked: the plan's minimum, and never under the study's ``min_group``."""
    from learning_survey.plans import SchoolPlan

    return max((study.schools or SchoolPlan()).min_students, study.min_group)


def showing(cells: Cells, study: Loaded) -> Callable[[Array], NDArray[np.bool_]]:
    """Says which schools a table of one dimension shows (G), given their students with a score on it (G)."""
    least, hidden = least_students(study), hidden_schools(cells, study)
    return lambda n: (n >= least) & ~hidden


def variance(cells: Cells, instrument: Instrument, level: float, min_group: int) -> pd.DataFrame:
    """Table ``schools.variance``; design effect and effective sample after Kish (1965), with icc1 not below 0."""
    import pandas as pd

    rows = []
    for dimension in instrument.dimension_ids:
        scores = SchoolScores.of(cells, dimension)
        sums = scores.components_of(scores.score)
        c = components(sums)
        effect = 1 + (c.mean_size - 1) * max(c.icc1, 0.0) if not np.isnan(c.icc1) else NAN
        rows.append(
            {
                "dimension": dimension,
                "n": c.students,
                "n_schools": c.schools,
                "variance_between": c.between,
                "variance_within": c.within,
                **icc1_interval(sums, level).columns("icc1"),
                "icc2": c.icc2,
                "design_effect": effect,
                "effective_n": c.students / effect,
            }
        )
    return withhold(pd.DataFrame(rows), "n", list(rows[0])[2:], min_group)


def raw_means(cells: Cells, study: Loaded) -> pd.DataFrame:
    """``dimension``, ``school``, ``n`` and ``mean`` of every school; a school with too few students has no numbers."""
    import pandas as pd

    frames, shown = [], showing(cells, study)
    for dimension in [*study.instrument.dimension_ids, ALL]:
        scores = SchoolScores.of(cells, dimension)
        n, mean = scores.sums(), scores.means(scores.score)
        n, mean = (np.where(shown(n), column, NAN) for column in (n, mean))
        frames.append(pd.DataFrame({"dimension": dimension, "school": scores.names, "n": n, "mean": mean}))
    return pd.concat(frames, ignore_index=True)


def means(cells: Cells, study: Loaded) -> pd.DataFrame:
    """Table ``schools.means``: for each dimension and for 'all', every school with students.

    'all' takes each student's mean over the dimensions; its share high is the mean over dimensions of the school's
    shares. A school that ``showing`` leaves out keeps its row, without numbers and without a rank.
    """
    import pandas as pd

    instrument, frames, shown = study.instrument, [], showing(cells, study)
    for k, dimension in enumerate([*instrument.dimension_ids, ALL]):
        scores = SchoolScores.of(cells, dimension)
        n, mean = scores.sums(), scores.means(scores.score)
        large = shown(n)
        frame = pd.DataFrame({"dimension": dimension, "school": scores.names, "n": n, "mean": mean})
        frame = frame.assign(**_drawn(scores, mean, large, study, [study.seed, k]))
        value, half = adjusted(cells, dimension, study)
        frame = frame.assign(**Estimate(value, value - half, value + half).columns("adjusted"))
        if dimension == ALL:
            frame["share_high"] = row_mean(f["share_high"].to_numpy() for f in frames)
        else:
            frame["share_high"] = scores.means(scores.high(instrument.high_from))
        frame["rank"] = frame["mean"].where(large).rank(ascending=False, method="min")
        frame.loc[~large, frame.columns[2:]] = NAN
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _drawn(
    scores: SchoolScores, mean: Array, large: NDArray[np.bool_], study: Loaded, seed: list[int]
) -> dict[str, Array]:
    """What ``means`` says of each school beside its raw mean: columns of length G."""
    level, some = study.resampling.level, scores.sums() > 0
    names = [*Estimate().columns("shrunken"), "compare_low", "compare_high", "rank_ci_low", "rank_ci_high", "top_tenth"]
    columns = {name: np.full(len(some), NAN) for name in names}
    shrunken = Shrunken(scores.sums()[some], mean[some], components(scores.components_of(scores.score)))
    if not shrunken.known:
        return columns
    half, near = shrunken.half(level), shrunken.comparison(level, large[some])
    value, ranks = shrunken.value, ranking(shrunken, large[some], study.resampling.draws, seed, level)
    found = [value, value - half, value + half, value - near, value + near, *ranks]
    for name, column in zip(names, found, strict=True):
        columns[name][some] = column
    return columns
