"""How each figure is drawn: from a study and its aggregate tables to a matplotlib figure.

Every function takes ``study``, the tables it needs by name (``learning_survey.schemas``) and the study's published
figures by claim id (empty where there are none), and gives a figure; call it inside ``style.applied()``. A withheld
number leaves its place empty.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from learning_survey import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from learning_survey.config import Loaded

    Tables = dict[str, pd.DataFrame]
    Published = dict[str, str]


def ranked(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """Rows from the highest ``by`` to the lowest, withheld ones last, ties in the order of the table."""
    return frame.sort_values(by, ascending=False, kind="stable", na_position="last").reset_index(drop=True)


def published_values(published: Published, prefix: str, names: list[str]) -> np.ndarray:
    """The published number ``<prefix>.<name>`` for each name, NaN where there is none."""
    return np.array([float(published.get(f"{prefix}.{name}", "nan")) for name in names])


def signed(value: float, digits: int = 2) -> str:
    """A number with a true minus sign, and without one when it rounds to zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def share_high(study: Loaded, tables: Tables, published: Published) -> Figure:
    """Share of students rated high: a dot and interval for each dimension, highest first."""
    d = ranked(tables["describe.dimensions"], "share_high")
    fig, axes = style.canvas(0.75 + 0.25 * len(d), synthetic=study.synthetic)
    ax, y = axes[0, 0], np.arange(len(d))
    share, low, high = (100 * d[c].to_numpy() for c in ("share_high", "share_high_ci_low", "share_high_ci_high"))
    if not np.isfinite(share).any():
        return style.nothing(fig, ax, withheld(study))
    claimed = published_values(published, "high", list(d.dimension))
    if np.isfinite(claimed).any():
        style.key(fig, [("computed, with interval", style.filled()), ("published", style.hollow(style.HELD, "D"))])
    style.points(ax, share, y, low, high)
    style.held_against(ax, claimed, y)
    style.rows_axis(ax, list(d.label))
    for row, value in enumerate(share):
        text = f"{value:.0f}% ({low[row]:.0f}–{high[row]:.0f})" if np.isfinite(value) else "withheld"
        ax.text(1.02, row, text, transform=ax.get_yaxis_transform(), va="center")
    ax.set_xlim(0, min(100, 5 * ceil(np.nanmax([share, high, claimed]) / 5 + 0.4)))
    ax.set_xlabel("Share rated high (%)")
    return fig


def key_stages(study: Loaded, tables: Tables, published: Published) -> Figure:
    """Means by ordered group in small multiples on one scale; a dashed line stands where the stage changes."""
    del published  # the report prints no means
    d, plan = tables["key_stages.means"], study.key_stages
    count, groups = len(study.instrument.dimensions), len(plan.levels)
    cols = min(3 if count <= 12 else 4, count)
    rows = ceil(count / cols)
    fig, axes = style.canvas(
        0.7 + 1.5 * rows, synthetic=study.synthetic, rows=rows, cols=cols, sharex=True, sharey=True
    )
    pitch = (style.WIDTH - 0.4) / cols * 0.85 / groups
    ticks, legend = short_labels([v.label for v in plan.levels], [v.id for v in plan.levels], pitch)
    steps = [i + 0.5 for i, (a, b) in enumerate(pairwise(plan.levels)) if a.stage != b.stage]
    for ax, dimension in zip(axes.flat, study.instrument.dimensions, strict=False):
        one = d[d.dimension == dimension.id].set_index("group").reindex([v.id for v in plan.levels])
        x, mean = np.arange(groups), one["mean"].to_numpy()
        ax.vlines(x, one.mean_ci_low, one.mean_ci_high, color=style.COMPUTED, linewidth=1.3)
        ax.plot(x, mean, marker="o", markersize=3.6, color=style.COMPUTED)
        for at in steps:
            ax.axvline(at, color=style.GREY, linewidth=0.7, dashes=(3, 2), zorder=0)
        for end, shift in (first_and_last(mean) if np.isfinite(mean).any() else ()):
            ax.annotate(f"{mean[end]:.2f}", (x[end], shift(one, end)), (0, 4), textcoords="offset points", ha="center")
        ax.set_title(style.folded(dimension.label, (style.WIDTH - 0.5) / cols, style.TYPE * 1.15))
        ax.set_xticks(x, ticks)
        ax.set_xlim(-0.5, groups - 0.5)
        ax.grid(axis="y", color=style.WASH, linewidth=0.7)
    used = d[["mean_ci_low", "mean_ci_high"]].to_numpy()
    if not np.isfinite(used).any():
        return style.nothing(fig, axes[0, 0], withheld(study))
    bottom, top = np.nanmin(used), np.nanmax(used)
    axes[0, 0].set_ylim(bottom - 0.08 * (top - bottom) - 0.02, top + 0.25 * (top - bottom) + 0.02)
    name_stages(axes[0, 0], plan.levels)
    blank_rest(axes, count)
    fig.supylabel("Mean score", fontsize=style.SMALL)
    fig.supxlabel(style.folded(legend or plan.label, style.WIDTH - 0.3), fontsize=style.SMALL)
    return fig


def first_and_last(mean: np.ndarray) -> tuple[tuple[int, Callable], ...]:
    """Which points carry their number, and the height that clears their intervals."""
    known = np.flatnonzero(np.isfinite(mean))
    above = lambda one, i: np.nanmax([one["mean"].iloc[i], one.mean_ci_high.iloc[i]])  # noqa: E731
    return tuple((int(i), above) for i in sorted({known[0], known[-1]}))
