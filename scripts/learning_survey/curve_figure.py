"""The specification curve of a headline claim (Simonsohn, Simmons & Nelson 2020): drawing and words.

Above, the estimate of every specification with its interval, in order of size; below, which choices each one makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from learning_survey import style
from learning_survey.multiverse_plan import load_multiverse
from learning_survey.multiverse_words import CHOICE, PRINTED, UNIT, levels
from learning_survey.shown import limits
from learning_survey.values import text_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from learning_survey.multiverse_plan import Holds
    from learning_survey.shown import Shown

UPPER, ROW = 1.35, 0.145  # inches: the panel of estimates, and a row of choices


def curve(shown: Shown, claim: str) -> tuple[Any, pd.DataFrame]:
    """The claim as the plan has it, and its computed specifications, least estimate first."""
    about = next(c for c in load_multiverse(shown.study).claims if c.id == claim)
    d = shown.tables["multiverse.specifications"]
    d = d[(d.claim == claim) & d.computed & d.estimate.notna()]
    return about, d.sort_values(["estimate", "specification"], kind="stable").reset_index(drop=True)


def draw(shown: Shown, claim: str) -> Figure:
    """Estimates in order of size above, a mark for each choice that a specification makes below."""
    study = shown.study
    about, d = curve(shown, claim)
    rows = _rows(shown, d)
    height = 0.75 + UPPER + ROW * max(len(rows), 1)
    ratio = [UPPER, ROW * max(len(rows), 1)]
    fig, axes = style.canvas(height, synthetic=study.synthetic, rows=2, sharex=True, height_ratios=ratio)
    if d.empty:
        return style.nothing(fig, axes, study.min_group)
    upper, lower = axes[:, 0]
    x, (value, low, high) = np.arange(len(d)), limits(d, "estimate")
    scale = 100 if about.UNIT == "share" else 1
    value, low, high = scale * value, scale * low, scale * high
    held, own = d.holds.to_numpy(), d.configured.to_numpy()
    size = float(np.clip(700 / len(d), 7, 20))
    _shade(upper, about.holds, scale, np.concatenate([value, low, high]))
    looks = []
    for chosen, name, colour, face in (
        (held, "bears the claim out", style.COMPUTED, style.COMPUTED),
        (~held, "does not", style.GREY, "white"),
    ):
        upper.vlines(x[chosen], low[chosen], high[chosen], color=colour, linewidth=min(1.2, 60 / len(d)), alpha=0.6)
        upper.scatter(x[chosen], value[chosen], size, face, edgecolor=colour, linewidth=0.8, zorder=3)
        look = {"marker": "o", "markerfacecolor": face, "markeredgecolor": colour}
        looks += [(f"{name} ({chosen.sum()})", look)] if chosen.any() else []
    for ax in (upper, lower):
        for at in x[own]:
            ax.axvline(at, color=style.INK, linewidth=0.7, dashes=(4, 3), zorder=0)
    looks += [("the study's own (dashed line)", {"marker": "|", "markeredgecolor": style.INK})] if own.any() else []
    style.key(fig, looks)
    unit = UNIT[about.UNIT] + (" (%)" if scale == 100 else "")
    upper.set_ylabel(style.folded(unit, UPPER))
    upper.tick_params(axis="x", length=0)
    upper.spines["bottom"].set_visible(False)
    _mark_choices(lower, rows, d, size)
    return fig


def _rows(shown: Shown, d: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Choice, level and label of each row of the lower panel: choices that differ between specifications."""
    return [
        (choice, level, label)
        for choice, words in levels(shown.study).items()
        if d[choice].nunique() > 1
        for level, label in words.items()
        if (d[choice] == level).any()
    ]


def _shade(ax: Axes, holds: Holds, scale: int, drawn: np.ndarray) -> None:
    """A band where estimates bear the claim out; a line where the interval must include a value."""
    drawn = drawn[np.isfinite(drawn)]
    edges = [scale * edge for edge in (holds.above, holds.below, holds.includes) if edge is not None]
    least, most = min(drawn.min(), *edges), max(drawn.max(), *edges)
    room = 0.06 * (most - least) or 0.1
    ax.set_ylim(least - room, most + room)
    if holds.includes is not None:
        ax.axhline(scale * holds.includes, color=style.GREY, linewidth=0.8)
        return
    bottom = least - room if holds.above is None else scale * holds.above
    top = most + room if holds.below is None else scale * holds.below
    ax.axhspan(bottom, top, color=style.WASH, linewidth=0, zorder=-1)


def _mark_choices(ax: Axes, rows: list[tuple[str, str, str]], d: pd.DataFrame, size: float) -> None:
    x, held = np.arange(len(d)), d.holds.to_numpy()
    for y, (choice, level, _) in enumerate(rows):
        here = (d[choice] == level).to_numpy()
        colours = np.where(held[here], style.COMPUTED, style.GREY)
        ax.scatter(x[here], np.full(here.sum(), y), size, marker="|", color=colours, linewidth=min(1.6, 90 / len(d)))
        if y and rows[y - 1][0] != choice:
            ax.axhline(y - 0.5, color=style.RULE, linewidth=0.7)
    style.rows_axis(ax, [label for _, _, label in rows], 2.0)
    ax.grid(visible=False)
    ax.set_xlim(-1, len(d))
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    ax.set_xlabel(f"{len(d)} specifications, from the least estimate to the greatest")


def words(shown: Shown, claim: str) -> tuple[str, str]:
    """Alternative text and caption."""
    about, d = curve(shown, claim)
    caption = (
        f"{about.label}: every way to compute it. An estimate bears the claim out when {about.holds.words} (shaded); of"
        " a claim in several parts the weakest is drawn."
    )
    if about.holds.includes is not None:
        caption = caption.replace(" (shaded)", "")
    what = f"Specification curve of the claim: {about.label}"
    if d.empty:
        return f"{what}. Every number is withheld or could not be computed.", caption
    unit = PRINTED[about.UNIT]
    least, most = (text_of(v, unit) for v in (d.estimate.iloc[0], d.estimate.iloc[-1]))
    alt = f"{what}. {int(d.holds.sum())} of {len(d)} specifications bear it out; estimates run from {least} to {most}."
    own = d[d.configured]
    if len(own):
        row = own.iloc[0]
        alt += f" The study's own is {text_of(row.estimate, unit)} and {'does' if row.holds else 'does not'}."
    claims = shown.tables["multiverse.claims"]
    if (most := [c for c in claims.matters_most[claims.claim == claim] if c in CHOICE]) and len(d) > 1:
        alt += f" The choice that matters most is the {CHOICE[most[0]]}."
    return alt, caption
