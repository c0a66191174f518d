"""The flow of rows from the exports to the analysis, as STROBE asks (von Elm et al. 2007, item 13): drawing and words.

Boxes on the left hold rows, boxes on the right what left them and why. All numbers are those of ``clean.flow``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from learning_survey import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from learning_survey.shown import Shown

LEFT, RIGHT = 1.9, 3.7  # inches: widths of the boxes
ROW, PAD, GAP = 0.15, 0.1, 0.22  # inches: a line of type, the room inside a box, and between boxes
MOST = 14  # reasons that are listed one by one


@dataclass(frozen=True)
class Flow:
    """Rows received and kept, cells emptied in all, and each step's reason with its number."""

    received: int
    kept: int
    dropped: list[tuple[str, int]]
    emptied: list[tuple[str, int]]

    @classmethod
    def of(cls, flow: pd.DataFrame) -> Flow | None:
        """From the table ``clean.flow``: the steps that took something. None for a table without numbers."""
        flow = flow.dropna(subset=["rows_in", "rows_dropped", "rows_out", "cells_emptied"])
        if flow.empty:
            return None
        cells = flow[(flow.cells_emptied > 0) & (flow.rows_dropped == 0)]
        rows = flow[flow.rows_dropped > 0]
        return cls(
            int(flow.rows_in.iloc[0]),
            int(flow.rows_out.iloc[-1]),
            [(str(r.label), int(r.rows_dropped)) for r in rows.itertuples()],
            [(str(r.label), int(r.cells_emptied)) for r in cells.itertuples()],
        )


def draw(shown: Shown) -> Figure:
    """Two boxes of rows, one above the other, and at their side what was dropped and what was emptied."""
    flow = Flow.of(shown.tables["clean.flow"])
    if flow is None:
        return style.nothing(*style.canvas(1.2, synthetic=shown.study.synthetic), shown.study.min_group)
    taken, emptied = _box("Rows dropped", flow.dropped), _box("Cells emptied, rows kept", flow.emptied)
    start, end = [f"Rows received: {flow.received:,}"], [f"{shown.study.people.capitalize()} analysed: {flow.kept:,}"]
    heights = [_tall(start), _tall(taken), _tall(emptied), _tall(end)]
    height = sum(heights) + 3 * GAP
    fig, axes = style.canvas(height + 0.45, synthetic=shown.study.synthetic)
    ax = axes[0, 0]
    ax.set_axis_off()
    ax.set_xlim(0, style.WIDTH - 0.2)
    ax.set_ylim(height + 0.03, -0.03)
    top, tops = 0.0, []
    for tall in heights:
        tops.append(top)
        top += tall + GAP
    middle, side = LEFT / 2 + 0.05, style.WIDTH - 0.25 - RIGHT
    _draw(ax, start, 0.05, tops[0], LEFT, strong=True)
    _draw(ax, end, 0.05, tops[3], LEFT, strong=True)
    arrow = {"arrowstyle": "-|>", "color": style.GREY, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (middle, tops[3]), (middle, heights[0]), arrowprops=arrow)
    for k, box in ((1, taken), (2, emptied)):
        _draw(ax, box, side, tops[k], RIGHT)
        at = tops[k] + heights[k] / 2
        ax.annotate("", (side, at), (middle, at), arrowprops=arrow)
    return fig


def words(shown: Shown) -> tuple[str, str]:
    """Alternative text and caption."""
    flow = Flow.of(shown.tables["clean.flow"])
    caption = (
        "From rows received to rows analysed, with the number that each rule took. "
        "Every row and cell taken is in the ledger with its rule."
    )
    if flow is None:
        return "Flow diagram. Every number is withheld or could not be computed.", caption
    dropped = "; ".join(f"{label}, {n:,}" for label, n in flow.dropped) or "no rule took any"
    emptied = "; ".join(f"{label}, {n:,}" for label, n in flow.emptied) or "none"
    alt = (
        f"Flow diagram. {flow.received:,} rows were received, {sum(n for _, n in flow.dropped):,} dropped and"
        f" {flow.kept:,} analysed. Dropped: {dropped}. Cells emptied in rows kept at that step: {emptied}."
    )
    return alt, caption


def _box(title: str, reasons: list[tuple[str, int]]) -> list[str]:
    """A box's lines: its title with the sum, then each reason with its number; of many, the largest."""
    lines = [f"{title}: {sum(n for _, n in reasons):,}"]
    if len(reasons) > MOST:
        ranked = sorted(reasons, key=lambda reason: -reason[1])
        reasons = [*ranked[:MOST], (f"{len(ranked) - MOST} other rules", sum(n for _, n in ranked[MOST:]))]
    for label, n in reasons:
        lines += style.folded(f"{label}: {n:,}", RIGHT - 2 * PAD - 0.1).split("\n")
    return lines


def _tall(lines: list[str]) -> float:
    return ROW * len(lines) + 2 * PAD


def _draw(ax: Axes, lines: list[str], x: float, top: float, width: float, *, strong: bool = False) -> None:
    from matplotlib.patches import Rectangle

    look = {"edgecolor": style.COMPUTED if strong else style.GREY, "facecolor": "white", "linewidth": 0.9}
    ax.add_patch(Rectangle((x, top), width, _tall(lines), zorder=2, **look))
    for k, line in enumerate(lines):
        weight = "bold" if k == 0 else "normal"
        ax.text(x + PAD, top + PAD + ROW * (k + 0.5), line, va="center", fontweight=weight, zorder=3)
