"""The smallest and the largest difference over many comparisons, with their number accounted for.

With c comparisons (dimensions and pairs of groups), g_k as found, g_kb in school resample b and s_k the spread of the
g_kb:

- simultaneous limits g_k ± q s_k, where q is the level's quantile of max_k |g_kb - g_k| / s_k over resamples: all c
  intervals hold the truth together as often as the level says (Romano & Wolf 2005, Econometrica 73, 1237-1282; max-t).
  q is never less than Student's t of the comparison with the fewest schools;
- ``bound``: for the largest, no difference is larger than the largest upper limit of any |g_k|; for the smallest, none
  is smaller than the least lower limit;
- ``corrected``: the one that looks largest is likely to look larger than it is. In each resample the largest, k(b),
  is picked anew; the mean of |g_k(b)b| - |g_k(b)| is what being picked adds, and is taken away (Efron 2011, Journal of
  the American Statistical Association 106, 1602-1614, on the bias of the selected). The smallest likewise. It takes
  away the first-order part of that bias, not all;
- ``picked``: the share of resamples in which this comparison is the one that is picked.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.group_sample import Groups, Sample
from learning_survey.groups import hedges_j
from learning_survey.uncertainty import NAN, t_quantile

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.cells import Cells
    from learning_survey.config import Loaded
    from learning_survey.group_draws import Draws

Array = NDArray[np.float64]
FEW = 0.9
"""Share of resamples that must have a number for a comparison to take part."""


@dataclass(frozen=True)
class Comparisons:
    """c differences by name (dimension, both groups), as found (c), in resamples (B × c); degrees of freedom (c)."""

    names: list[tuple[str, str, str]]
    found: Array
    drawn: Array
    freedom: Array


def effect_range(cells: Cells, study: Loaded, groups: Groups, draws: Draws) -> pd.DataFrame:
    """Table ``gender.range``: the smallest and the largest difference; without numbers where nothing was compared."""
    import pandas as pd

    found = comparisons(cells, study, groups, draws)
    return pd.DataFrame([extreme(found, side, groups.level) for side in ("smallest", "largest")])


def comparisons(cells: Cells, study: Loaded, groups: Groups, draws: Draws) -> Comparisons:
    """Hedges g (pooled standard deviation of the two groups) of every pair of groups in two schools or more each."""
    names, found, drawn, freedom = [], [], [], []
    for dimension in study.instrument.dimension_ids:
        sample = Sample.of(cells, dimension, groups)
        crossing = sample.clustered(sample.large(groups.min_group))
        sums = draws.sums(sample, len(groups.ids))
        for pair in combinations(crossing, 2):
            part = sample.part(list(pair))
            if not part.varied():
                continue
            with np.errstate(all="ignore"):
                own, again = (_g(s.n[..., pair], s.mean[..., pair], s.squares[..., pair]) for s in sums)
            if not np.isfinite(again).sum() >= max(2, FEW * len(again)) or not np.nanstd(again) > 0:
                continue
            names.append((dimension, *(groups.ids[g] for g in pair)))
            found.append(hedges_j(part.students - 2) * float(own))
            drawn.append(hedges_j(part.students - 2) * again)
            freedom.append(part.freedom())
    resampled = np.array(drawn).T if drawn else np.empty((len(draws.weights), 0))
    return Comparisons(names, np.array(found), resampled, np.array(freedom))


def _g(n: Array, mean: Array, squares: Array) -> Array:
    return (mean[..., 0] - mean[..., 1]) / np.sqrt(squares.sum(axis=-1) / (n.sum(axis=-1) - 2))


def extreme(c: Comparisons, side: str, level: float) -> dict[str, float | str | None]:
    """One row: the comparison that is ``smallest`` or ``largest`` in size."""
    empty = dict.fromkeys(("hedges_g", "hedges_g_ci_low", "hedges_g_ci_high", "size", "corrected", "bound"), NAN)
    row: dict[str, float | str | None] = {"side": side, "dimension": None, "group_a": None, "group_b": None}
    if not c.names:
        return row | {"comparisons": 0} | empty | {"critical": NAN, "picked": NAN}
    pick = np.argmin if side == "smallest" else np.argmax
    k, size = int(pick(np.abs(c.found))), np.abs(c.found)
    critical, spread = simultaneous(c, level)
    low, high = c.found - critical * spread, c.found + critical * spread
    least = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    most = np.maximum(np.abs(low), np.abs(high))
    drawn = np.abs(c.drawn[np.isfinite(c.drawn).all(axis=1)])
    again = pick(drawn, axis=1)
    added = float(np.mean(drawn[np.arange(len(drawn)), again] - size[again]))
    return row | {
        "dimension": c.names[k][0],
        "group_a": c.names[k][1],
        "group_b": c.names[k][2],
        "comparisons": len(c.names),
        "hedges_g": float(c.found[k]),
        "hedges_g_ci_low": float(low[k]),
        "hedges_g_ci_high": float(high[k]),
        "size": float(size[k]),
        "corrected": max(float(size[k]) - added, 0.0),
        "bound": float(least.min() if side == "smallest" else most.max()),
        "critical": critical,
        "picked": float(np.mean(again == k)),
    }


def simultaneous(c: Comparisons, level: float) -> tuple[float, Array]:
    """The critical value q that all comparisons share, and the spread of each (c)."""
    spread = np.nanstd(c.drawn, axis=0, ddof=1)
    t = np.nanmax(np.abs(c.drawn - c.found) / spread, axis=1)
    return max(float(np.nanquantile(t, level)), t_quantile(float(c.freedom.min()), level)), spread
