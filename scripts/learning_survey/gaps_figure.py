"""The best against the worst school of each dimension: what is seen, what chance gives, what correction leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from learning_survey import style
from learning_survey.config import ALL
from learning_survey.shown import limits, ranked, signed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from learning_survey.shown import Shown


def draw(shown: Shown) -> Figure:
    """Two panels, standard deviations and points: a bar for chance, the corrected gap, the seen, the other half's."""
    study = shown.study
    d, high = _rows(shown)
    fig, axes = style.canvas(0.85 + 0.3 * max(len(d), 2), synthetic=study.synthetic, cols=2)
    if not len(d):
        return style.nothing(fig, axes, study.min_group)
    chance = {"marker": "s", "markerfacecolor": style.RULE, "markeredgecolor": style.RULE}
    style.key(
        fig,
        [
            ("chance alone", style.hollow(style.RULE, "s") | chance),
            ("seen", style.hollow(style.COMPUTED, "o")),
            ("corrected, with interval", style.filled()),
            ("in the other half", style.filled(style.GREY, "D")),
        ],
    )
    labels = [study.instrument.label_of(name) for name in d.dimension]
    for ax, frame, label in zip(axes[0], (d, high), ("Standard deviations", "Points of share rated high"), strict=True):
        y = np.arange(len(frame))
        ax.barh(y, frame.chance_most - frame.chance_least, 0.5, frame.chance_least, color=style.RULE, zorder=1)
        value, low, up = limits(frame, "corrected")
        style.points(ax, value, y + 0.1, low, up)
        ax.scatter(frame.observed, y - 0.14, 22, "white", edgecolor=style.COMPUTED, linewidth=1.1, zorder=4)
        ax.scatter(frame.other_half, y + 0.32, 12, style.GREY, marker="D", zorder=3)
        ax.set_xlim(left=0)
        ax.set_xlabel(label)
    style.rows_axis(axes[0, 0], labels, 1.5)
    style.rows_axis(axes[0, 1], [""] * len(d))
    return fig


def words(shown: Shown) -> tuple[str, str]:
    """Alternative text and caption."""
    study = shown.study
    d, high = _rows(shown)
    level = f"{study.resampling.level:.0%}"
    caption = (
        "The best against the worst school on each dimension. Bars: where the gap lies in"
        f" {level} of surveys if schools do not differ. Circles: the gap seen. Dots: the"
        f" gap between the shrunken means of the two schools, with its {level} interval. Diamonds: the gap, in one half"
        " of the students, between the schools that are extremes in the other half."
    )
    what = f"Two panels of gaps between the best and the worst school on {len(d)} dimensions"
    if not len(d):
        return f"{what}. Every number is withheld or could not be computed.", caption
    label = study.instrument.label_of
    first, last = d.iloc[0], d.iloc[-1]
    beyond = int((d.observed > d.chance_most).sum())
    return (
        f"{what}. The widest gap seen is {signed(first.observed)} standard deviations ({label(first.dimension)}), the"
        f" narrowest {signed(last.observed)} ({label(last.dimension)}). Chance alone stays below"
        f" {signed(d.chance_most.max())}, or {high.chance_most.max():.0f} points; {beyond} of {len(d)} gaps lie"
        f" above what it gives. Correction takes at most {signed((d.observed - d.corrected).max())} away.",
        caption,
    )


def _rows(shown: Shown) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables' dimensions with a gap, widest first by the standardised one."""
    d = shown.tables["schools.gaps"]
    d = ranked(d[(d.dimension != ALL) & d.observed.notna()], "observed")
    return d, shown.tables["schools.gaps_high"].set_index("dimension").reindex(d.dimension).reset_index()
