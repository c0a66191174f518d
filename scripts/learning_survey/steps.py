"""Ordered groups: tests of the order, the means that it would give, and which step between neighbours is the largest.

A step is the later group's mean minus the earlier one's, in standard deviations of all students in the groups compared;
that of ``ALL`` is its mean over the dimensions. Its interval is Student's t times the spread of school resamples
(``group_draws``). ``largest`` is the share of resamples in which a step is the largest of its dimension, whatever its
sign: how sure it is that the step that looks largest is.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.config import ALL
from learning_survey.group_draws import Draws
from learning_survey.group_sample import Groups, Sample
from learning_survey.groups import trend
from learning_survey.order_restricted import falling, order_tests
from learning_survey.uncertainty import NAN, Estimate, holm, t_quantile

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.cells import Cells
    from learning_survey.config import Loaded

Array = NDArray[np.float64]
FEW = 0.9
"""Share of resamples that must have a number for there to be an interval or a share."""


def order(cells: Cells, study: Loaded, groups: Groups) -> pd.DataFrame:
    """Table ``key_stages.order``: both order-restricted tests of each dimension, for a fall and for a rise."""
    import pandas as pd

    rows = []
    for dimension in study.instrument.dimension_ids:
        sample = Sample.of(cells, dimension, groups)
        part = sample.part(sample.clustered(sample.large(groups.min_group)))
        for direction, tests in order_tests(part, study.seed).items():
            rows.append({"dimension": dimension, "direction": direction} | tests)
    frame = pd.DataFrame(rows)
    for p in ("p_equal", "p_order"):
        frame[f"{p}_holm"] = frame.groupby("direction")[p].transform(lambda column: holm(column.to_numpy()))
    return frame


def isotonic(cells: Cells, study: Loaded, groups: Groups, draws: Draws) -> pd.DataFrame:
    """Table ``key_stages.isotonic``: means pooled where they break the order of their trend, with percentile limits."""
    import pandas as pd

    rows, tails = [], (0.5 - groups.level / 2, 0.5 + groups.level / 2)
    for dimension in study.instrument.dimension_ids:
        sample = Sample.of(cells, dimension, groups)
        large = sample.large(groups.min_group)
        crossing = sample.clustered(large)
        found, drawn = (sums.part(large) for sums in draws.sums(sample, len(groups.ids)))
        sign = -1.0 if trend(sample.part(large), groups.level, robust=False)["statistic"] > 0 else 1.0
        means = sign * falling(sign * found.mean, found.n)
        known = drawn.mean[np.isfinite(drawn.mean).all(axis=1)], drawn.n[np.isfinite(drawn.mean).all(axis=1)]
        limits = np.full((2, len(large)), NAN)
        if len(large) and len(known[0]) >= max(2, FEW * len(drawn.mean)):
            limits = np.quantile(sign * falling(sign * known[0], known[1]), tails, axis=0)
        centre = sample.mean() if len(sample.x) else NAN  # sums are about the mean of all
        for g, name in enumerate(groups.ids):
            at = large.index(g) if g in large else None
            value = NAN if at is None else means[at]
            low, high = limits[:, at] if g in crossing else (NAN, NAN)
            numbers = {
                "mean": NAN if at is None else found.mean[at] + centre,
                **Estimate(value + centre, low + centre, high + centre).columns("isotonic"),
            }
            rows.append(
                {
                    "dimension": dimension,
                    "group": name,
                    "direction": "falls" if sign > 0 else "rises",
                    **numbers,
                    "pooled": at is not None and abs(value - found.mean[at]) > 1e-9,
                }
            )
    return pd.DataFrame(rows)


def steps(cells: Cells, study: Loaded, groups: Groups, draws: Draws) -> pd.DataFrame:
    """Table ``key_stages.steps``: every step of each dimension and of ``ALL``."""
    import pandas as pd

    dimensions = study.instrument.dimension_ids
    each = [steps_of(Sample.of(cells, dimension, groups), groups, draws) for dimension in dimensions]
    found, drawn, freedom = (np.array(a) for a in zip(*each, strict=True))
    every = [*zip(dimensions, found, drawn, freedom, strict=True)]
    every.append((ALL, *over_dimensions(found, drawn), freedom.min(axis=0)))
    rows = []
    for dimension, value, again, df in every:
        largest, half = share_largest(again), half_widths(again, df, groups.level)
        for i, (a, b) in enumerate(pairwise(groups.ids)):
            rows.append(
                {
                    "dimension": dimension,
                    "group_a": a,
                    "group_b": b,
                    **Estimate(value[i], value[i] - half[i], value[i] + half[i]).columns("step"),
                    "largest": largest[i],
                }
            )
    return pd.DataFrame(rows)


def steps_of(sample: Sample, groups: Groups, draws: Draws) -> tuple[Array, Array, list[int]]:
    """One dimension's k - 1 steps: as found, in each resample (B × k - 1), and their degrees of freedom.

    NaN for a step from or to a group that is not shown; in resamples also where a group sits in one cluster.
    """
    k = len(groups.ids)
    large = sample.large(groups.min_group)
    crossing = sample.clustered(large)
    found, drawn = draws.sums(sample, k)
    results = []
    with np.errstate(all="ignore"):
        for sums, shown in ((found, large), (drawn, crossing)):
            sd = sums.part(large).sd()[..., None] if sample.varied() else np.nan
            known = [i in shown and i + 1 in shown for i in range(k - 1)]
            results.append(np.where(known, np.diff(sums.mean, axis=-1) / sd, np.nan))
    return results[0], results[1], [min(sample.clusters(i), sample.clusters(i + 1)) - 1 for i in range(k - 1)]


def over_dimensions(found: Array, drawn: Array) -> tuple[Array, Array]:
    """Mean of each step over the dimensions that have it: as found (steps), and in each resample (B × steps)."""
    has = np.isfinite(found)
    mean = np.where(has, found, 0).sum(axis=0) / np.where(has.any(axis=0), has.sum(axis=0), np.nan)
    kept = np.where(has[:, None, :], drawn, 0).sum(axis=0)
    return mean, kept / np.where(has.any(axis=0), has.sum(axis=0), np.nan)


def half_widths(drawn: Array, freedom: Array, level: float) -> Array:
    """Student's t times the spread of resamples (B × steps); NaN where too few have a number."""
    half = np.full(drawn.shape[1], NAN)
    for i, column in enumerate(drawn.T):
        known = column[np.isfinite(column)]
        if len(known) >= max(2, FEW * len(column)):
            half[i] = t_quantile(freedom[i], level) * known.std(ddof=1)
    return half


def share_largest(drawn: Array) -> Array:
    """Share of resamples (B × steps) in which each step is the largest in size.

    Only steps that nearly every resample has take part; NaN for the others, and where there are not two.
    """
    share = np.full(drawn.shape[1], NAN)
    if not len(drawn):
        return share
    compared = np.flatnonzero(np.isfinite(drawn).mean(axis=0) >= FEW)
    if len(compared) < 2:
        return share
    size = np.abs(drawn[:, compared])
    winner = size[np.isfinite(size).all(axis=1)].argmax(axis=1)
    share[compared] = np.bincount(winner, minlength=len(compared)) / len(winner)
    return share
