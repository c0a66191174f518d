"""How each figure is drawn: from a study and its aggregate tables to a matplotlib figure.

Every drawing takes ``study``, the tables it needs by name (``learning_survey.schemas``) and the published figures by
claim id (empty where there are none), and gives a figure; call it inside ``style.applied()``. A withheld number leaves
its place empty.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from learning_survey import style
from learning_survey.shown import (ends, gender_order, gender_pairs, limits, published_values, ranked, school_means, signed, stage_steps)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from learning_survey.config import Level, Loaded

    Tables = dict[str, pd.DataFrame]
    Published = dict[str, str]

PAGE_ROWS = 44  # rows of small type that fit on a page


def share_high(study: Loaded, tables: Tables, published: Published) -> Figure:
    """Share rated high: a dot with its interval for each dimension, highest first, and the published share."""
    d = ranked(tables["describe.dimensions"], "share_high")
    fig, axes = style.canvas(0.75 + 0.25 * len(d), synthetic=study.synthetic)
    ax, y = axes[0, 0], np.arange(len(d))
    share, low, high = (100 * column for column in limits(d, "share_high"))
    if not np.isfinite(share).any():
        return style.nothing(fig, axes, study.min_group)
    claimed = published_values(published, "high", d.dimension)
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


def key_stages(study: Loaded, tables: Tables, published: Published) -> Figure:
    """Means by ordered group, a panel for each dimension on one scale; dashed lines where the stage changes."""
    del published  # no mean by group was printed
    d, levels, count = tables["key_stages.means"], study.key_stages.levels, len(study.instrument.dimensions)
    cols = min(3 if count <= 12 else 4, count)
    fig, axes = style.canvas(
        0.7 + 1.5 * ceil(count / cols), synthetic=study.synthetic, rows=ceil(count / cols), cols=cols, sharey=True
    )
    drawn = d[["mean", "mean_ci_low", "mean_ci_high"]].to_numpy()
    if not np.isfinite(drawn).any():
        return style.nothing(fig, axes, study.min_group)
    bottom, top = np.nanmin(drawn), np.nanmax(drawn)
    axes[0, 0].set_ylim(bottom - 0.1 * (top - bottom) - 0.02, top + 0.3 * (top - bottom) + 0.02)
    width, x = (style.WIDTH - 0.5) / cols - 0.1, np.arange(len(levels))
    ticks, legend = short_labels([v.label for v in levels], [v.id for v in levels], width / len(levels))
    for ax, dimension in zip(axes.flat, study.instrument.dimensions, strict=False):
        one = d[d.dimension == dimension.id].set_index("group").reindex([v.id for v in levels])
        mean, low, high = limits(one, "mean")
        for at in stage_steps(levels):
            ax.axvline(at, color=style.GREY, linewidth=0.7, dashes=(4, 3), zorder=0)
        ax.vlines(x, low, high, color=style.COMPUTED, linewidth=1.3)
        ax.plot(x, mean, marker="o", markersize=3.6, color=style.COMPUTED)
        for i in ends(mean):
            at = (x[i], np.nanmax([mean[i], high[i]]))
            ax.annotate(f"{mean[i]:.2f}", at, (0, 3), textcoords="offset points", ha="center")
        ax.set_title(style.folded(dimension.label, width, style.TYPE * 1.15))
        ax.set_xticks(x, ticks)
        ax.set_xlim(-0.5, len(levels) - 0.5)
        ax.grid(axis="y", color=style.WASH, linewidth=0.7)
    name_stages(axes[0, 0], levels)
    style.leave_out(axes, count)
    fig.supylabel("Mean score", fontsize=style.SMALL)
    fig.supxlabel(style.folded(legend or study.key_stages.label, style.WIDTH - 0.3), fontsize=style.SMALL)
    return fig


def items(study: Loaded, tables: Tables, published: Published) -> Figure:
    """Answers to each item as bars that meet at the middle of the scale, sorted by mean."""
    del published  # no distribution was printed
    d = ranked(tables["describe.items"], "mean")
    shares = tables["describe.item_distribution"].pivot(index="item", columns="code", values="share")
    codes, labels = study.instrument.response.codes, study.instrument.response.labels
    shares = 100 * shares.reindex(index=d["item"], columns=codes).to_numpy()
    wording = [style.folded(w + (" (R)" if r else ""), 3.05) for w, r in zip(d.wording, d.reversed, strict=True)]
    tall = np.array([max(0.165, 0.118 * style.lines(text) + 0.035) for text in wording])
    cols = 1
    if tall.sum() > style.TALLEST - 0.7:  # too many for their wordings on one page: ids, in columns
        cols = ceil(len(d) / PAGE_ROWS)
        wording = [f"{item} (R)" if r else item for item, r in zip(d["item"], d.reversed, strict=True)]
        tall = np.full(len(d), 0.165)
    per = ceil(len(d) / cols)
    fig, axes = style.canvas(0.75 + max(tall[:per].sum(), 0.8), synthetic=study.synthetic, cols=cols, sharex=True)
    if not np.isfinite(shares).any():
        return style.nothing(fig, axes, study.min_group)
    colours, half = style.answer_colours(len(codes)), len(codes) // 2
    shown = labels if len(codes) <= 7 else {c: [f"{c}"] for c in codes[1:-1]} | {c: labels[c] for c in codes[:: len(codes) - 1]}
    style.key(fig, [(shown[c][0], style.filled(colour, "s")) for c, colour in zip(codes, colours, strict=True)])
    start = -shares[:, :half].sum(axis=1) - (shares[:, half] / 2 if len(codes) % 2 else 0)
    for column, ax in enumerate(axes[0]):
        part = slice(column * per, (column + 1) * per)
        y = np.cumsum(tall[part]) - tall[part] / 2
        left = start[part].copy()
        for code, colour in enumerate(colours):
            ax.barh(y, shares[part, code], 0.125, left, color=colour, edgecolor="white", linewidth=0.3)
            left += shares[part, code]
        ax.axvline(0, color=style.INK, linewidth=0.6)
        ax.set_ylim(tall[:per].sum() + 0.02, -0.02)
        ax.set_yticks(y, wording[part], linespacing=1.0)
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


def gender(study: Loaded, tables: Tables, published: Published) -> Figure:
    """Hedges g with intervals for every dimension, a panel for each pair of groups."""
    d, label = tables["gender.pairs"], {c.id: c.label for c in study.gender.categories}
    dimensions = study.instrument.dimensions
    pairs = gender_pairs(d, len(dimensions))
    cols = min(3, len(pairs))
    rows = ceil(len(pairs) / max(cols, 1))
    height = 0.6 + rows * (0.55 + (0.25 if rows == 1 else 0.19) * len(dimensions))
    fig, axes = style.canvas(
        height, synthetic=study.synthetic, rows=max(rows, 1), cols=max(cols, 1), sharex=True, sharey=True
    )
    if not np.isfinite(d.hedges_g).any():
        return style.nothing(fig, axes, study.min_group)
    band, order = published_values(published, "gender", ["effect_min", "effect_max"]), gender_order(published)
    if known := np.isfinite(band).all():
        style.key(fig, [("computed, with interval", style.filled()), ("published range", style.filled("#f3dcc6", "s"))])
    style.rows_axis(axes[0, 0], [v.label for v in dimensions], 1.5)
    for ax, (a, b) in zip(axes.flat, pairs, strict=False):
        one = d[(d.group_a == a) & (d.group_b == b)].set_index("dimension").reindex([v.id for v in dimensions])
        if known and a in order and b in order:
            sign = 1 if order.index(a) < order.index(b) else -1
            ax.axvspan(*sorted(sign * band), color="#f3dcc6", linewidth=0, zorder=0)
        ax.axvline(0, color=style.GREY, linewidth=0.8)
        g, low, high = limits(one, "hedges_g")
        style.points(ax, g, np.arange(len(dimensions)), low, high)
        ax.set_title(style.folded(f"{label[a]} minus {label[b].lower()}", 4.3 / cols, style.TYPE * 1.15))
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.grid(axis="y", color=style.WASH, linewidth=0.7)
    style.leave_out(axes, len(pairs))
    fig.supxlabel("Hedges g (above zero: the first group is higher)", fontsize=style.SMALL)
    return fig


def schools(study: Loaded, tables: Tables, published: Published) -> Figure:
    """Shrunken school means over all dimensions with intervals, lowest to highest; shape says where an interval lies."""
    del published  # no school mean was printed
    d = school_means(tables["schools.means"])
    fig, axes = style.canvas(3.3, synthetic=study.synthetic)
    if d.empty:
        return style.nothing(fig, axes, study.min_group)
    ax, x, centre = axes[0, 0], np.arange(1, len(d) + 1), d.shrunken.mean()
    mean, low, high = limits(d, "shrunken")
    size = float(np.clip(1400 / len(d), 3, 22))
    groups = [
        ("interval above the mean of schools", low > centre, style.filled(style.COMPUTED, "^")),
        ("interval below it", high < centre, style.filled(style.HELD, "v")),
        ("interval holds it", ~((low > centre) | (high < centre)), style.hollow(style.GREY, "o")),
    ]
    for _, chosen, look in groups:
        ax.vlines(x[chosen], low[chosen], high[chosen], color=look["markeredgecolor"], linewidth=min(1.0, 80 / len(d)))
        ax.scatter(x[chosen], mean[chosen], size, look["markerfacecolor"], look["marker"], zorder=3,
                   edgecolor=look["markeredgecolor"], linewidth=0.7)  # fmt: skip
    ax.axhline(centre, color=style.INK, linewidth=0.7, zorder=1)
    style.key(fig, [(f"{text} ({chosen.sum()})", look) for text, chosen, look in groups if chosen.any()])
    for i, place, side in ((0, (7, -2), "left"), (len(d) - 1, (-7, 2), "right")):
        ax.annotate(f"{d.school[i]}: {mean[i]:.2f}", (x[i], mean[i]), place, textcoords="offset points", ha=side, va="center")
    ax.set_xlim(0, len(d) + 1)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("Schools, from the lowest mean to the highest")
    ax.set_ylabel("Mean over all dimensions")
    return fig


def extremes(study: Loaded, tables: Tables, published: Published) -> Figure:
    """The top school against the bottom school: shares high, and standardised differences with intervals."""
    d = ranked(tables["schools.extremes"].assign(gap=lambda t: t.share_top - t.share_bottom), "gap")
    fig, axes = style.canvas(0.85 + 0.27 * max(len(d), 2), synthetic=study.synthetic, cols=2, width_ratios=[1.25, 1])
    (left, right), y = axes[0], np.arange(len(d))
    if not np.isfinite(d[["gap", "d"]]).any(axis=None):
        return style.nothing(fig, axes, study.min_group)
    left.hlines(y, 100 * d.share_bottom, 100 * d.share_top, color=style.RULE, linewidth=3)
    left.scatter(100 * d.share_bottom, y, 24, "white", "o", edgecolor=style.COMPUTED, linewidth=1.1, zorder=3)
    left.scatter(100 * d.share_top, y, 26, style.COMPUTED, "o", zorder=3)
    effect, low, high = limits(d, "d")
    claimed = published_values(published, "schools.top_bottom_effect", d.dimension)
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
    right.set_xlabel("Standardised difference, top minus bottom")
    return fig


def inspection(study: Loaded, tables: Tables, published: Published) -> Figure:
    """Means of school means by rating with intervals, the ratings of a dimension under one another."""
    del published  # no mean by rating was printed
    d, ratings, dimensions = tables["inspection.means"], study.inspection.ratings, study.instrument.dimensions
    pitch = 0.13 + 0.1 * len(ratings)
    fig, axes = style.canvas(0.75 + pitch * len(dimensions), synthetic=study.synthetic)
    if not np.isfinite(d["mean"]).any():
        return style.nothing(fig, axes, study.min_group)
    ax, marks = axes[0, 0], []
    for i, rating in enumerate(ratings):
        one = d[d.rating == rating].set_index("dimension").reindex([v.id for v in dimensions])
        y = np.arange(len(dimensions)) + (i - (len(ratings) - 1) / 2) * 0.1 / pitch
        mean, low, high = limits(one, "mean")
        colour, marker = style.SHADES[i % len(style.SHADES)], style.MARKS[i % len(style.MARKS)]
        style.points(ax, mean, y, low, high, colour=colour, marker=marker, s=16)
        number = one.n_schools.max()
        marks.append((f"{rating} ({number:.0f} schools)" if number > 0 else rating, style.filled(colour, marker)))
    style.key(fig, marks)
    style.rows_axis(ax, [v.label for v in dimensions])
    ax.set_xlabel("Mean of school means")
    return fig


def loadings(study: Loaded, tables: Tables, published: Published) -> Figure:
    """Pattern loadings of the dimension scores as a heat map; beside it the published ones and the differences."""
    del published  # the table holds the published loadings already
    import seaborn as sns

    d = tables["factors.loadings"]
    d = d[d.solution == "dimensions"]
    factors = d.drop_duplicates("factor").set_index("factor").factor_label
    wide = {c: d.pivot(index="variable", columns="factor", values=c) for c in ("published", "pattern", "difference")}
    panels = {"published": "Published", "pattern": "Computed", "difference": "Computed minus published"}
    if not np.isfinite(d.published.astype(float)).any():
        panels = {"pattern": "Pattern loadings"}
    dimensions = [v for v in study.instrument.dimensions if v.id in set(d.variable)]
    names = [style.folded(text, 4.2 / len(panels) / max(len(factors), 1)) for text in factors]
    height = 0.55 + 0.13 * max(map(style.lines, names), default=1) + 0.25 * max(len(dimensions), 2)
    fig, axes = style.canvas(height, synthetic=study.synthetic, cols=len(panels), sharey=True)
    if not np.isfinite(d.pattern).any():
        return style.nothing(fig, axes, study.min_group)
    for ax, (column, title) in zip(axes[0], panels.items(), strict=True):
        values = wide[column].reindex(index=[v.id for v in dimensions], columns=factors.index).astype(float)
        text = values.map(lambda v: signed(v) if np.isfinite(v) else "")
        sns.heatmap(values, ax=ax, cmap=style.diverging(), vmin=-1, vmax=1, cbar=False, annot=text, fmt="",
                    linewidths=0.8, linecolor="white", annot_kws={"size": style.SMALL})  # fmt: skip
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


def short_labels(labels: list[str], ids: list[str], width: float) -> tuple[list[str], str]:
    """Tick labels that fit ``width`` inches: the labels, else short ids, else numbers with the line that explains them."""
    fits = lambda texts: max(map(len, texts)) * style.LETTER <= width  # noqa: E731
    if fits(labels):
        return labels, ""
    if fits(ids) and max(map(len, ids)) <= 4:
        return ids, ""
    numbers = [str(i) for i in range(1, len(labels) + 1)]
    return numbers, "    ".join(f"{i} {label}" for i, label in zip(numbers, labels, strict=True))
