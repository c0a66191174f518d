"""How each figure is drawn: from a study and its aggregate tables to a matplotlib figure.

Call a drawing inside ``style.applied()``. A withheld number leaves its place empty.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from learning_survey import style
from learning_survey.flow_figure import draw as flow  # noqa: F401
from learning_survey.gaps_figure import draw as gaps  # noqa: F401
from learning_survey.shown import (
    PAGE_ROWS,
    ends,
    gender_panels,
    item_names,
    limits,
    lowered,
    published_values,
    ranked,
    row_heights,
    school_means,
    signed,
    stage_steps,
)
from learning_survey.steps_figure import draw as key_stage_steps  # noqa: F401

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from learning_survey.config import Level, Loaded
    from learning_survey.shown import Shown


def share_high(shown: Shown) -> Figure:
    """Share rated high: a dot with its interval for each dimension, highest first, and the published share."""
    study, tables = shown.study, shown.tables
    d = ranked(tables["describe.dimensions"], "share_high")
    fig, axes = style.canvas(0.75 + 0.25 * len(d), synthetic=study.synthetic)
    ax, y = axes[0, 0], np.arange(len(d))
    share, low, high = (100 * column for column in limits(d, "share_high"))
    if not np.isfinite(share).any():
        return style.nothing(fig, axes, study.min_group)
    claimed = published_values(shown.published, "high", d.dimension)
    if np.isfinite(claimed).any():
        style.key(fig, [("computed, with interval", style.filled()), ("published", style.hollow(style.HELD, "D"))])
    style.points(ax, share, y, low, high)
    style.held_against(ax, claimed, y)
    style.rows_axis(ax, list(d.label))
    for row in y:
        text = f"{share[row]:.0f}% ({low[row]:.0f}–{high[row]:.0f})" if np.isfinite(share[row]) else "withheld"
        ax.text(1.02, row, text, transform=ax.get_yaxis_transform(), va="center")
    ax.set_xlim(0, min(100, 1.08 * np.nanmax([share, high, claimed])))
    ax.set_xlabel("Share rated high (%)")
    return fig


def key_stages(shown: Shown) -> Figure:
    """Means by ordered group, a panel for each dimension on one scale; dashed lines where the stage changes."""
    study, tables = shown.study, shown.tables
    d, levels, count = tables["key_stages.means"], study.key_stages.levels, len(study.instrument.dimensions)
    cols = min(3 if count <= 12 else 4, count)
    fig, axes = style.canvas(
        0.7 + 1.5 * ceil(count / cols), synthetic=study.synthetic, rows=ceil(count / cols), cols=cols, sharey=True
    )
    drawn = np.stack(limits(d, "mean"))
    if not np.isfinite(drawn).any():
        return style.nothing(fig, axes, study.min_group)
    bottom, top = np.nanmin(drawn), np.nanmax(drawn)
    axes[0, 0].set_ylim(bottom - 0.1 * (top - bottom) - 0.02, top + 0.3 * (top - bottom) + 0.02)
    width, x = (style.WIDTH - 0.5) / cols - 0.1, np.arange(len(levels))
    side = max(0.5, 0.17 * len(levels) / width)  # room for a number beside the axis
    ticks, legend = style.short_labels([v.label for v in levels], [v.id for v in levels], width / len(levels))
    for ax, dimension in zip(axes.flat, study.instrument.dimensions, strict=False):
        one = d[d.dimension == dimension.id].set_index("group").reindex([v.id for v in levels])
        mean, low, high = limits(one, "mean")
        for at in stage_steps(levels):
            ax.axvline(at, color=style.GREY, linewidth=0.7, dashes=(4, 3), zorder=0)
        ax.vlines(x, low, high, color=style.COMPUTED, linewidth=1.3)
        ax.plot(x, mean, marker="o", markersize=3, color=style.COMPUTED)
        for i in ends(mean):
            at = (x[i], np.nanmax([mean[i], high[i]]))
            ax.annotate(f"{mean[i]:.2f}", at, (0, 3), textcoords="offset points", ha="center")
        ax.set_title(style.folded(dimension.label, width, style.TYPE * 1.15))
        ax.set_xticks(x, ticks)
        ax.set_xlim(-side, len(levels) - 1 + side)
        ax.grid(axis="y", color=style.WASH, linewidth=0.7)
    name_stages(axes[0, 0], levels)
    style.leave_out(axes, count)
    fig.supylabel("Mean score", fontsize=style.SMALL)
    fig.supxlabel(style.folded(legend or study.key_stages.label, style.WIDTH - 0.3), fontsize=style.SMALL)
    return fig


def items(shown: Shown) -> Figure:
    """Answers to each item as bars that meet at the middle of the scale, sorted by mean."""
    study, d = shown.study, ranked(shown.tables["describe.items"], "mean")
    codes, (names, by_id) = study.instrument.response.codes, item_names(d)
    shares = shown.tables["describe.item_distribution"].pivot(index="item", columns="code", values="share")
    shares = 100 * shares.reindex(index=d["item"], columns=codes).to_numpy(float)
    shares[np.isnan(shares).any(axis=1)] = np.nan  # a bar with a part missing would mislead
    tall, cols = row_heights(names), ceil(len(d) / PAGE_ROWS) if by_id else 1
    per = ceil(len(d) / cols)
    fig, axes = style.canvas(0.75 + max(tall[:per].sum(), 0.8), synthetic=study.synthetic, cols=cols, sharex=True)
    if not np.isfinite(shares).any():
        return style.nothing(fig, axes, study.min_group)
    colours, half = style.answer_colours(len(codes)), len(codes) // 2
    style.key(fig, [(v, style.filled(c, "s")) for v, c in zip(answers(study), colours, strict=True)])
    start = -shares[:, :half].sum(axis=1) - (shares[:, half] / 2 if len(codes) % 2 else 0)
    for column, ax in enumerate(axes[0]):
        part = slice(column * per, (column + 1) * per)
        y, left = np.cumsum(tall[part]) - tall[part] / 2, start[part].copy()
        for code, colour in enumerate(colours):
            ax.barh(y, shares[part, code], 0.125, left, color=colour, edgecolor="white", linewidth=0.5)
            left += shares[part, code]
        ax.axvline(0, color=style.INK, linewidth=0.6)
        ax.set_ylim(tall[:per].sum() + 0.02, -0.02)
        ax.set_yticks(y, names[part], linespacing=1.0)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.annotate("Mean", (1, 1), (4, 2), "axes fraction", textcoords="offset points", color=style.GREY)
        for at, mean in zip(y, d["mean"][part], strict=True):
            text = f"{mean:.2f}" if np.isfinite(mean) else "withheld"
            ax.annotate(text, (1, at), (4, 0), ax.get_yaxis_transform(), textcoords="offset points", va="center")
        ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
        ax.xaxis.get_major_locator().set_params(nbins=5 if cols < 3 else 3)
    axes[0, 0].set_xlim(1.04 * np.nanmin(start), 1.04 * np.nanmax(start + shares.sum(axis=1)))
    fig.supxlabel("Share of answers on either side of the middle of the scale (%)", fontsize=style.SMALL)
    return fig


def gender(shown: Shown) -> Figure:
    """Hedges g with intervals for every dimension, a panel for each pair of groups."""
    study, d = shown.study, shown.tables["gender.pairs"]
    label, dimensions = {c.id: c.label for c in study.gender.categories}, study.instrument.dimensions
    panels = gender_panels(study, d)
    cols, most = max(1, min(3, len(panels))), max(map(len, panels), default=1)
    rows = max(1, ceil(len(panels) / cols))
    pitch = style.pitch([v.label for v in dimensions], 1.5, 0.25 if rows == 1 else 0.19, most)
    height = 0.6 + rows * (0.55 + pitch * len(dimensions))
    fig, axes = style.canvas(height, synthetic=study.synthetic, rows=rows, cols=cols, sharex=True, sharey=True)
    if not d.hedges_g.notna().any():
        return style.nothing(fig, axes, study.min_group)
    band = published_values(shown.published, "gender", ["effect_min", "effect_max"])
    order = shown.published.get("gender.order", "").split(">")
    if known := np.isfinite(band).all() and most == 1:
        looks = {"computed, with interval": style.filled(), "published range": style.filled(style.BAND, "s")}
        style.key(fig, list(looks.items()))
    style.rows_axis(axes[0, 0], [v.label for v in dimensions], 1.5)
    for ax, pairs in zip(axes.flat, panels, strict=False):
        a, b = pairs[0]
        if known and a in order and b in order:
            sign = 1 if order.index(a) < order.index(b) else -1
            ax.axvspan(*sorted(sign * band), color=style.BAND, linewidth=0, zorder=0)
        ax.axvline(0, color=style.GREY, linewidth=0.8)
        series = [d[(d.group_a == first) & (d.group_b == second)] for first, second in pairs]
        marks = dodged(ax, study, series, "hedges_g", pitch)
        if most > 1:
            style.key(fig, [(label[second], look) for (_, second), look in zip(pairs, marks, strict=True)])
        title = f"{label[a]} minus {lowered(label[b]) if most == 1 else 'each other group'}"
        ax.set_title(style.folded(title, 4.7 / cols, style.TYPE * 1.15))
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.grid(axis="y", color=style.WASH, linewidth=0.7)
    style.leave_out(axes, len(panels))
    fig.supxlabel("Hedges g (above zero: the first group is higher)", fontsize=style.SMALL)
    return fig


def schools(shown: Shown) -> Figure:
    """Shrunken school means over all dimensions, lowest first; shapes say where intervals lie.

    A thin line is the school's interval, a thick one its comparison interval.
    """
    study, tables = shown.study, shown.tables
    d = school_means(tables["schools.means"])
    fig, axes = style.canvas(3.3, synthetic=study.synthetic)
    if d.empty:
        return style.nothing(fig, axes, study.min_group)
    ax, x, centre = axes[0, 0], np.arange(1, len(d) + 1), d.shrunken.mean()
    mean, low, high = limits(d, "shrunken")
    size = float(np.clip(1400 / len(d), 3, 22))
    groups = [
        ("interval above the mean", low > centre, style.filled(style.COMPUTED, "^")),
        ("below it", high < centre, style.filled(style.LIGHT, "v")),
        ("around it", ~((low > centre) | (high < centre)), style.hollow(style.GREY, "o")),
    ]
    for _, chosen, look in groups:
        ax.vlines(x[chosen], low[chosen], high[chosen], color=look["markeredgecolor"], linewidth=min(1.0, 80 / len(d)))
        thick = {"color": look["markeredgecolor"], "linewidth": min(2.6, 200 / len(d)), "alpha": 0.55}
        ax.vlines(x[chosen], d.compare_low[chosen], d.compare_high[chosen], **thick)
        marks = {"marker": look["marker"], "edgecolor": look["markeredgecolor"], "linewidth": 0.7, "zorder": 3}
        ax.scatter(x[chosen], mean[chosen], size, look["markerfacecolor"], **marks)
    ax.axhline(centre, color=style.INK, linewidth=0.7, zorder=1)
    style.key(fig, [(f"{text} ({chosen.sum()})", look) for text, chosen, look in groups if chosen.any()])
    bottom, top = np.nanmin([low, mean]), np.nanmax([high, mean])
    room, near = max(0.06 * (top - bottom), 0.01), max(1, round(0.13 * len(d)))  # a label stretches over some schools
    label_end(ax, d, 0, np.nanmin([low[:near], mean[:near]]) - room, "left")
    label_end(ax, d, len(d) - 1, np.nanmax([high[-near:], mean[-near:]]) + room, "right")
    ax.set_ylim(bottom - 1.8 * room, top + 1.8 * room)
    ax.set_xlim(0.4, len(d) + 0.6)  # no place before the first school or after the last
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("Schools, from the lowest mean to the highest")
    ax.set_ylabel("Mean over all dimensions")
    return fig


def extremes(shown: Shown) -> Figure:
    """The top school against the bottom school: shares high, and standardised differences with intervals."""
    study, tables = shown.study, shown.tables
    d = ranked(tables["schools.extremes"].assign(gap=lambda t: t.share_top - t.share_bottom), "gap")
    fig, axes = style.canvas(0.85 + 0.27 * max(len(d), 2), synthetic=study.synthetic, cols=2, width_ratios=[1.25, 1])
    (left, right), y = axes[0], np.arange(len(d))
    if not (d.gap.notna() | d.d.notna()).any():
        return style.nothing(fig, axes, study.min_group)
    left.hlines(y, 100 * d.share_bottom, 100 * d.share_top, color=style.RULE, linewidth=3)
    left.scatter(100 * d.share_bottom, y, 24, "white", edgecolor=style.COMPUTED, linewidth=1.1, zorder=3)
    left.scatter(100 * d.share_top, y, 26, style.COMPUTED, zorder=3)
    effect, low, high = limits(d, "d")
    claimed = published_values(shown.published, "schools.top_bottom_effect", d.dimension)
    right.axvline(0, color=style.GREY, linewidth=0.8)
    style.points(right, effect, y, low, high, marker="s")
    style.held_against(right, claimed, y)
    marks = [
        (f"top school ({d.top_school[0]})", style.filled()),
        (f"bottom school ({d.bottom_school[0]})", style.hollow(style.COMPUTED, "o")),
        ("difference, with interval", style.filled(style.COMPUTED, "s")),
        ("published", style.hollow(style.HELD, "D")),
    ]
    style.key(fig, marks if np.isfinite(claimed).any() else marks[:3])
    style.rows_axis(left, [study.instrument.label_of(name) for name in d.dimension], 1.5)
    style.rows_axis(right, [""] * len(d))
    left.set_xlim(-3, 103)
    left.set_xlabel("Share rated high (%)")
    right.set_xlabel("Difference in standard deviations")
    return fig


def inspection(shown: Shown) -> Figure:
    """Means of school means by rating with intervals, the ratings of a dimension under one another."""
    study, d = shown.study, shown.tables["inspection.means"]
    ratings, dimensions = study.inspection.ratings, study.instrument.dimensions
    pitch = style.pitch([v.label for v in dimensions], 1.9, 0.25, len(ratings))
    fig, axes = style.canvas(0.75 + pitch * len(dimensions), synthetic=study.synthetic)
    if not d["mean"].notna().any():
        return style.nothing(fig, axes, study.min_group)
    looks = dodged(axes[0, 0], study, [d[d.rating == rating] for rating in ratings], "mean", pitch)
    number = d.groupby("rating").n_schools.max().reindex(ratings).fillna(0)
    names = [f"{rating} ({number[rating]:.0f} schools)" if number[rating] else rating for rating in ratings]
    style.key(fig, list(zip(names, looks, strict=True)))
    style.rows_axis(axes[0, 0], [v.label for v in dimensions])
    axes[0, 0].set_xlabel("Mean of school means")
    return fig


def loadings(shown: Shown) -> Figure:
    """Pattern loadings of the dimension scores as a heat map; beside it the published ones and the differences."""
    study, tables = shown.study, shown.tables
    import seaborn as sns

    d = tables["factors.loadings"]
    d = d[d.solution == "dimensions"]
    factors = d.drop_duplicates("factor").set_index("factor").factor_label
    wide = {c: d.pivot(index="variable", columns="factor", values=c) for c in ("published", "pattern", "difference")}
    panels = {"published": "Published", "pattern": "Computed", "difference": "Difference"}
    if not d.published.notna().any():
        panels = {"pattern": "Pattern loadings"}
    dimensions = [v for v in study.instrument.dimensions if v.id in set(d.variable)]
    names = [style.folded(text, 4.2 / len(panels) / max(len(factors), 1)) for text in factors]
    height = 0.55 + 0.13 * max(map(style.lines, names), default=1) + 0.25 * max(len(dimensions), 2)
    fig, axes = style.canvas(height, synthetic=study.synthetic, cols=len(panels), sharey=True)
    if not d.pattern.notna().any():
        return style.nothing(fig, axes, study.min_group)
    for ax, (column, title) in zip(axes[0], panels.items(), strict=True):
        values = wide[column].reindex(index=[v.id for v in dimensions], columns=factors.index).astype(float)
        text = values.map(lambda v: signed(v) if np.isfinite(v) else "")
        sns.heatmap(values, ax=ax, cmap=style.diverging(), vmin=-1, vmax=1, cbar=False, annot=text, fmt="",
                    linewidths=0.8, linecolor="white", annot_kws={"size": style.SMALL})  # fmt: skip
        for cell, value in zip(ax.texts, values.to_numpy()[np.isfinite(values)], strict=True):
            cell.set_color("white" if abs(value) > 0.8 else style.INK)
        ax.spines[:].set(visible=True, color=style.RULE)
        if len(panels) == 1 and len(factors) < 6:  # a few factors do not need the whole width
            ax.set_box_aspect(0.25 * len(dimensions) / (0.8 * len(factors)))
        ax.set_title(title)
        ax.set(xlabel="", ylabel="")
        ax.set_xticklabels(names, rotation=0)
        ax.tick_params(length=0)
    axes[0, 0].set_yticklabels([style.folded(v.label, 1.5) for v in dimensions], rotation=0)
    return fig


# ---------------------------------------------------------------- parts


def name_stages(ax: Axes, levels: list[Level]) -> None:
    """The names of two stages on either side of the line between them; more stages are told in the caption."""
    if len(steps := stage_steps(levels)) == 1:
        for stage, side, shift in ((levels[0].stage, "right", -4), (levels[-1].stage, "left", 4)):
            ax.annotate(stage or "", (steps[0], 0.02), (shift, 0), ("data", "axes fraction"),
                        textcoords="offset points", ha=side, va="bottom", color=style.GREY)  # fmt: skip


def label_end(ax: Axes, schools: pd.DataFrame, row: int, height: float, side: str) -> None:
    """Name the school at one end of the caterpillar, at a height where no interval runs through the name."""
    x, mean = row + 1, schools.shrunken.iloc[row]
    ax.annotate(f"{schools.school.iloc[row]}: {mean:.2f}", (x, mean), (x, height), ha=side, va="center",
                arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": style.GREY})  # fmt: skip


def dodged(ax: Axes, study: Loaded, series: list[pd.DataFrame], name: str, pitch: float) -> list[dict]:
    """Several series of estimates by dimension under one another, 0.1 inches apart; gives the look of each."""
    ids, looks = study.instrument.dimension_ids, []
    for i, frame in enumerate(series):
        y = np.arange(len(ids)) + (i - (len(series) - 1) / 2) * 0.1 / pitch
        value, low, high = limits(frame.set_index("dimension").reindex(ids), name)
        colour, marker = style.SHADES[i % len(style.SHADES)], style.MARKS[i % len(style.MARKS)]
        style.points(ax, value, y, low, high, colour=colour, marker=marker, s=16 if len(series) > 1 else 20)
        looks.append(style.filled(colour, marker))
    return looks


def answers(study: Loaded) -> list[str]:
    """What each answer is called in the key: its label, or on a long scale the ends' labels and codes between.

    Where items are answered on several scales, the key names what each of them calls the answer.
    """
    codes, used = study.instrument.response.codes, [study.instrument.response_of(i) for i in study.instrument.item_ids]
    names = {c: " / ".join(dict.fromkeys(s.labels[c][0] for s in used if c in s.labels)) or str(c) for c in codes}
    return [names[c] if len(codes) <= 7 or c in (codes[0], codes[-1]) else str(c) for c in codes]
