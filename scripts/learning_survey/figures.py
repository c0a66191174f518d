"""The figures of a study: for each its drawing, its alternative text and its caption (``figure_plan`` says which).

The words are made from the numbers that the drawing shows. Only aggregate tables are read.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from learning_survey import curve_figure, flow_figure, gaps_figure, plots, steps_figure, style, tables
from learning_survey.errors import SurveyError
from learning_survey.figure_plan import SAMPLE, names, tables_of
from learning_survey.multiverse_plan import CURVE
from learning_survey.shown import (
    Shown,
    gender_panels,
    item_names,
    lowered,
    published_values,
    ranked,
    school_means,
    signed,
    stage_steps,
)
from learning_survey.values import in_schools, read_rows

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from learning_survey.config import Loaded


def draw(name: str, shown: Shown) -> Figure:
    """The figure; call it inside ``style.applied()``."""
    if name.startswith(CURVE):
        return curve_figure.draw(shown, name.removeprefix(CURVE))
    return getattr(plots, name)(shown)


def make(study: Loaded, folder: Path, out: Path) -> None:
    """Draw every figure of ``study`` from the tables below ``folder`` into ``out``, then write ``out/figures.json``.

    ``figures.json`` gives for each figure its ``file`` (without suffix), ``alt`` and ``caption``. Raises SurveyError
    when a table or the file of published figures is missing.
    """
    published = read_published(study)
    one = study.columns.school is not None and not in_schools(study, read_rows(folder / "clean/sample.csv", SAMPLE))
    shown = {
        name: Shown(study, {table: tables.read(folder, table) for table in tables_of(name)}, published, one)
        for name in names(study)
    }
    about = {}
    with style.applied():
        for name, content in shown.items():
            file = name + study.mark
            style.save(draw(name, content), out / file)
            alt, caption = describe(name, content)
            about[name] = {"file": file, "alt": alt, "caption": caption}
    tables.write_json(out / "figures.json", about)


def read_published(study: Loaded) -> dict[str, str]:
    """Published figures by claim id, as printed; none when the study names no file."""
    if study.published is None:
        return {}
    path = study.root / "config" / "published" / f"{study.published}.csv"
    if not path.is_file():
        raise SurveyError(
            "no such file", where=path, remedy="Correct 'published' in the study's configuration, or leave it out."
        )
    with path.open(encoding="utf-8", newline="") as file:
        return {row["claim_id"]: row["published"] for row in csv.DictReader(file)}


def describe(name: str, shown: Shown) -> tuple[str, str]:
    """Alternative text and caption of one figure; both say so when the cohort is synthetic."""
    curve = name.startswith(CURVE)
    alt, caption = curve_figure.words(shown, name.removeprefix(CURVE)) if curve else WORDS[name](shown)
    tail = " Synthetic cohort." if shown.study.synthetic else ""
    return alt + tail, caption + tail


# ---------------------------------------------------------------- words


def intervals(shown: Shown) -> str:
    """What the intervals of student-level figures are."""
    level = shown.study.resampling.level
    if shown.in_schools:
        return f"Intervals are {level:.0%} and allow for students sitting in schools."
    return f"Intervals are {level:.0%}, from random groups of {shown.study.people}."


def empty(what: str) -> str:
    return f"{what}. Every number is withheld or could not be computed."


def count_of(number: int, total: int) -> str:
    return f"all {total}" if number == total and total > 1 else f"{number} of {total}"


def share_high(shown: Shown) -> tuple[str, str]:
    study = shown.study
    d, level = ranked(shown.tables["describe.dimensions"], "share_high"), f"{study.resampling.level:.0%}"
    caption = f"Share of {study.people} rated high on each dimension, highest first. {intervals(shown)}"
    known = d[d.share_high.notna()]
    what = f"Dot plot of the share of {study.people} rated high on {len(d)} dimensions, with {level} intervals"
    if known.empty:
        return empty(what), caption

    def one(row: pd.Series) -> str:
        low, high = 100 * row.share_high_ci_low, 100 * row.share_high_ci_high
        return f"{row.label} with {100 * row.share_high:.0f}% ({low:.0f} to {high:.0f})"

    alt = f"{what}. The highest is {one(known.iloc[0])}, the lowest {one(known.iloc[-1])}."
    claimed = published_values(shown.published, "high", known.dimension)
    if np.isfinite(claimed).any():
        gap = np.abs(100 * known.share_high.to_numpy() - claimed)
        worst = int(np.nanargmax(gap))
        alt += (
            f" Published shares are marked; the largest distance from one is {gap[worst]:.1f} percentage points,"
            f" for {known.label.iloc[worst]}."
        )
        caption += " Diamonds are the published shares."
    return alt, caption


def items(shown: Shown) -> tuple[str, str]:
    study = shown.study
    d = ranked(shown.tables["describe.items"], "mean")
    middle = ", with the neutral answer centred" if len(study.instrument.response.codes) % 2 else ""
    caption = f"Answers to each item as a share of all answers{middle}; sorted by mean."
    if d.reversed.any():
        caption += " Items marked (R) are shown in the direction of their dimension, so that agreeing means more of it."
    if item_names(d)[1]:
        caption += " Items are named by their ids; the table of items holds their wordings."
    what = f"Stacked bars of the answers to {len(d)} items, sorted by mean, meeting at the middle of the scale"
    known = d[d["mean"].notna()]
    if known.empty:
        return empty(what), caption

    def one(row: pd.Series) -> str:
        turned = ", scored in reverse" if row.reversed else ""
        return f"“{row.wording}” (mean {row['mean']:.2f}{turned}, {100 * row.share_high:.0f}% in the upper half)"

    return f"{what}. The highest is {one(known.iloc[0])}. The lowest is {one(known.iloc[-1])}.", caption


def loadings(shown: Shown) -> tuple[str, str]:
    study = shown.study
    d = shown.tables["factors.loadings"]
    d = d[d.solution == "dimensions"]
    known = d[d.pattern.notna()]
    count = d.factor.nunique()
    size = f"{d.variable.nunique()} dimension scores on {count} factor{'s' * (count != 1)}"
    rotation = f"; {study.factors.rotation} rotation" if count > 1 else ""
    compared = known.published.notna().any()
    panels = " (published, computed, and computed minus published)" if compared else ""
    caption = f"Pattern loadings of {size}{panels}{rotation}. Blue is positive, orange negative."
    what = f"Heat map of the pattern loadings of {size}"
    if known.empty:
        return empty(what), caption
    strongest = []
    for _, one in known.groupby("factor", sort=False):
        top = one.loc[one.pattern.abs().idxmax()]
        strongest.append(f"{study.instrument.label_of(top.variable)} on {top.factor_label} ({signed(top.pattern)})")
    alt = f"{what}. The strongest are {listed(strongest)}."
    if compared:
        worst = known.loc[known.difference.abs().idxmax()]
        alt += (
            f" The largest difference from the published loadings is {signed(worst.difference)},"
            f" for {study.instrument.label_of(worst.variable)} on {worst.factor_label}."
        )
    return alt, caption


def key_stages(shown: Shown) -> tuple[str, str]:
    study = shown.study
    plan, dimensions = study.key_stages, study.instrument.dimensions
    wide = shown.tables["key_stages.means"].pivot(index="dimension", columns="group", values="mean")
    wide = wide.reindex(index=[v.id for v in dimensions], columns=[v.id for v in plan.levels])
    caption = f"Mean score by {lowered(plan.label)}, one panel for each dimension. {intervals(shown)}"
    if stage_steps(plan.levels):
        stages = list(dict.fromkeys(v.stage for v in plan.levels if v.stage))
        caption += f" Dashed lines stand between {listed(stages)}."
    what = f"Line charts of the mean score over {len(plan.levels)} levels of {lowered(plan.label)}"
    what += f", one for each of {len(dimensions)} dimensions"
    some = wide.dropna(axis=1, how="all")
    if some.shape[1] < 2:
        return empty(what), caption
    change = (some.iloc[:, -1] - some.iloc[:, 0]).dropna()
    if change.empty:
        return empty(what), caption
    label = {v.id: v.label for v in plan.levels}

    def one(name: str) -> str:
        first, last = some.loc[name].iloc[[0, -1]]
        return f"{study.instrument.label_of(name)} ({first:.2f} to {last:.2f})"

    down = count_of(int((change < 0).sum()), len(change))
    alt = f"{what}. From {label[some.columns[0]]} to {label[some.columns[-1]]} the mean falls on {down} dimensions."
    if len(change) > 1:
        size = change.abs()
        alt += f" It changes most for {one(size.idxmax())} and least for {one(size.idxmin())}."
    steps = wide.diff(axis=1).mean().iloc[1:]
    if len(steps) > 1 and steps.notna().any():
        i = int(np.nanargmax(steps.abs()))
        before, after = list(pairwise(plan.levels))[i]
        alt += (
            f" Averaged over dimensions the largest step is from {before.label} to {after.label},"
            f" {signed(steps.iloc[i])}."
        )
    return alt, caption


def gender(shown: Shown) -> tuple[str, str]:
    study = shown.study
    d, label = shown.tables["gender.pairs"], {c.id: c.label for c in study.gender.categories}
    panels = gender_panels(study, d)
    pairs = [pair for panel in panels for pair in panel]
    number = "one pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
    caption = (
        f"Differences by {lowered(study.gender.label)} in Hedges g for each dimension and pair of groups."
        f" {intervals(shown)}"
    )
    if len(panels) < len(pairs):
        caption += " Only pairs with the first group are drawn; the tables hold all."
    elif {"gender.effect_min", "gender.effect_max"} <= shown.published.keys():
        low, high = shown.published["gender.effect_min"], shown.published["gender.effect_max"]
        caption += f" The band is the published range of effects, {low} to {high}."
    d = d[np.array([pair in pairs for pair in zip(d.group_a, d.group_b, strict=True)], dtype=bool)]
    known = d[d.hedges_g.notna()]
    what = f"Forest plot of Hedges g for {number} of groups on {len(study.instrument.dimensions)} dimensions"
    if known.empty:
        return empty(what), caption

    def one(row: pd.Series) -> str:
        pair = f"{label[row.group_a]} minus {lowered(label[row.group_b])}"
        limit = f"{signed(row.hedges_g_ci_low)} to {signed(row.hedges_g_ci_high)}"
        return f"{pair} on {study.instrument.label_of(row.dimension)}, {signed(row.hedges_g)} ({limit})"

    size = known.hedges_g.abs()
    clear = int(((known.hedges_g_ci_low > 0) | (known.hedges_g_ci_high < 0)).sum())
    return (
        f"{what}. The largest difference is {one(known.loc[size.idxmax()])}; the smallest is"
        f" {one(known.loc[size.idxmin()])}. Intervals that exclude zero: {count_of(clear, len(known))}.",
        caption,
    )


def schools(shown: Shown) -> tuple[str, str]:
    study = shown.study
    d = school_means(shown.tables["schools.means"])
    caption = (
        f"School means over all dimensions, drawn towards the mean of schools by their reliability, lowest to highest."
        f" Thin lines are {study.resampling.level:.0%} intervals; two schools whose thick lines do not overlap differ,"
        f" at {1 - study.resampling.level:.0%} on average of pairs. The horizontal line is the mean of schools."
    )
    what = f"Caterpillar plot of the shrunken means of {len(d)} schools"
    if d.empty:
        return empty(what), caption
    centre, bottom, top = d.shrunken.mean(), d.iloc[0], d.iloc[-1]
    above, below = int((d.shrunken_ci_low > centre).sum()), int((d.shrunken_ci_high < centre).sum())
    return (
        f"{what}, from {bottom.shrunken:.2f} (school {bottom.school}) to {top.shrunken:.2f} (school {top.school})"
        f" around a mean of {centre:.2f}. Intervals lie above that mean for {above} schools and below it for {below}.",
        caption,
    )


def extremes(shown: Shown) -> tuple[str, str]:
    study = shown.study
    d = shown.tables["schools.extremes"]
    caption = (
        f"The school with the highest mean over all dimensions against the school with the lowest: share rated high,"
        f" and the difference in standard deviations with its {study.resampling.level:.0%} interval."
    )
    claimed = published_values(shown.published, "schools.top_bottom_effect", d.dimension)
    if np.isfinite(claimed).any():
        caption += " Diamonds are the published differences."
    d = d.assign(gap=100 * (d.share_top - d.share_bottom), claimed=claimed)
    what = f"Two panels that compare the top and the bottom school on {len(d)} dimensions"
    known, effects = ranked(d[d.gap.notna()], "gap"), ranked(d[d.d.notna()], "d")
    if known.empty or effects.empty:
        return empty(what), caption
    top, bottom, label = d.top_school.iloc[0], d.bottom_school.iloc[0], study.instrument.label_of

    def one(row: pd.Series) -> str:
        return f"{label(row.dimension)} ({100 * row.share_top:.0f}% against {100 * row.share_bottom:.0f}%)"

    alt = (
        f"{what}, {top} and {bottom}. The gap in share high is widest for {one(known.iloc[0])} and narrowest for"
        f" {one(known.iloc[-1])}. Standardised differences run from {signed(effects.d.iloc[-1])}"
        f" ({label(effects.dimension.iloc[-1])}) to {signed(effects.d.iloc[0])} ({label(effects.dimension.iloc[0])})."
    )
    if (distance := (effects.d - effects.claimed).abs()).notna().any():
        worst = effects.loc[distance.idxmax()]
        alt += f" The largest distance from a published one is {distance.max():.2f}, for {label(worst.dimension)}."
    return alt, caption


def inspection(shown: Shown) -> tuple[str, str]:
    study = shown.study
    d, plan, dimensions = shown.tables["inspection.means"], study.inspection, study.instrument.dimensions
    caption = (
        f"Means of school means by {plan.label} for each dimension, schools as units,"
        f" with {study.resampling.level:.0%} intervals."
    )
    what = f"Dot plot of the means of school means by {plan.label} on {len(dimensions)} dimensions"
    wide = d.pivot(index="dimension", columns="rating", values="mean")
    wide = wide.reindex(index=[v.id for v in dimensions], columns=plan.ratings)
    spread = (wide.max(axis=1) - wide.min(axis=1))[wide.notna().sum(axis=1) > 1]
    if spread.empty:
        return empty(what), caption
    number = d.groupby("rating").n_schools.max().reindex(plan.ratings).fillna(0)
    alt = f"{what}: {listed([f'{rating} ({number[rating]:.0f} schools)' for rating in plan.ratings])}."
    row = wide.loc[spread.idxmax()]
    alt += (
        f" The ratings lie furthest apart on {study.instrument.label_of(spread.idxmax())}, from"
        f" {row.min():.2f} ({row.idxmin()}) to {row.max():.2f} ({row.idxmax()})."
    )
    if plan.higher and plan.lower and len(both := wide[[plan.higher, plan.lower]].dropna()):
        above = count_of(int((both[plan.higher] > both[plan.lower]).sum()), len(both))
        alt += f" {plan.higher} is above {plan.lower} on {above} dimensions."
    return alt, caption


def listed(parts: list[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


WORDS: dict[str, Callable[[Shown], tuple[str, str]]] = {
    "flow": flow_figure.words,
    "share_high": share_high,
    "items": items,
    "loadings": loadings,
    "key_stages": key_stages,
    "key_stage_steps": steps_figure.words,
    "gender": gender,
    "schools": schools,
    "extremes": extremes,
    "gaps": gaps_figure.words,
    "inspection": inspection,
}
