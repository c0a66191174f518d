"""Steps between neighbouring groups, each dimension's and their mean, and how often a step is the largest."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from learning_survey import style
from learning_survey.config import ALL
from learning_survey.shown import limits, lowered, signed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from learning_survey.shown import Shown


def draw(shown: Shown) -> Figure:
    """A row for each step: a small open mark for each dimension, and their mean with its interval."""
    study, d = shown.study, shown.tables["key_stages.steps"]
    levels = study.key_stages.levels
    labels = [f"{a.label} to {b.label}" for a, b in pairwise(levels)]
    row = style.pitch(labels, 1.9, 0.28)
    fig, axes = style.canvas(0.85 + row * len(labels), synthetic=study.synthetic)
    mean = _mean(d)
    value, low, high = limits(mean, "step")
    if not np.isfinite(value).any():
        return style.nothing(fig, axes, study.min_group)
    ax, y = axes[0, 0], np.arange(len(labels))
    style.key(
        fig, [("mean of dimensions, with interval", style.filled()), ("a dimension", style.hollow(style.GREY, "o"))]
    )
    for i, (a, b) in enumerate(pairwise(levels)):
        own = d[(d.dimension != ALL) & (d.group_a == a.id) & (d.group_b == b.id)].step.to_numpy(float)
        at = i - 0.28 + np.linspace(-0.06, 0.06, len(own)) if len(own) > 1 else np.full(len(own), i - 0.28)
        ax.scatter(own, at, s=10, facecolor="white", edgecolor=style.GREY, linewidth=0.7, zorder=3)
    style.points(ax, value, y, low, high)
    ax.axvline(0, color=style.GREY, linewidth=0.8)
    style.rows_axis(ax, labels)
    for i in y:
        share = mean.largest.iloc[i]
        text = "withheld" if not np.isfinite(value[i]) else f"{100 * share:.0f}%" if np.isfinite(share) else "–"
        ax.text(1.02, i, text, transform=ax.get_yaxis_transform(), va="center")
    ax.annotate("Largest in", (1, 1), (4, 2), "axes fraction", textcoords="offset points", color=style.GREY)
    ax.set_xlabel("Step in standard deviations (below zero: the later group is lower)")
    return fig


def words(shown: Shown) -> tuple[str, str]:
    """Alternative text and caption."""
    study, d = shown.study, shown.tables["key_stages.steps"]
    plan = study.key_stages
    label = {level.id: level.label for level in plan.levels}
    caption = (
        f"Steps between neighbouring levels of {lowered(plan.label)}, in standard deviations: of each dimension, and"
        f" their mean with its {study.resampling.level:.0%} interval. On the right, the share of"
        f" {'school ' if shown.in_schools else ''}resamples in which the mean step is the largest."
    )
    mean = _mean(d)
    known = mean[mean.step.notna()]
    what = f"Dot plot of {len(mean)} steps between levels of {lowered(plan.label)}, averaged over dimensions"
    if known.empty:
        return f"{what}. Every number is withheld or could not be computed.", caption
    top = known.loc[known.step.abs().idxmax()]
    alt = f"{what}. The largest is from {label[top.group_a]} to {label[top.group_b]}, {signed(top.step)}"
    if np.isfinite(top.step_ci_low):
        alt += f" ({signed(top.step_ci_low)} to {signed(top.step_ci_high)})"
    if np.isfinite(top.largest):
        alt += f"; it is the largest in {100 * top.largest:.0f}% of resamples"
    return alt + ".", caption


def _mean(steps: pd.DataFrame) -> pd.DataFrame:
    return steps[steps.dimension == ALL].reset_index(drop=True)
