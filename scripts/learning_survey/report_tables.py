"""Tables of a report: Markdown pipe tables with captions, made from the aggregate tables.

Each function takes ``Source`` and returns a table, or None where the study does not have it. A table fits a portrait A4
page, names things by their labels, and each number carries a note with its interval and its row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from learning_survey.values import (
    NOTHING,
    Row,
    row_values,
    span_of,
    text_of,
)

if TYPE_CHECKING:
    pass

from learning_survey.markdown import Source, escaped, pipe, span
from learning_survey.published_tables import published_effects, published_rotations
from learning_survey.scorecard_tables import scorecard, scorecard_failures, scorecard_totals

WIDEST = 6


def flow(s: Source) -> str | None:
    table = "clean.flow"
    rows = [
        [
            escaped(r["label"] or r["step"]),
            *(s.cell(table, r, c) for c in ("rows_in", "rows_dropped", "rows_out", "cells_emptied")),
        ]
        for r in s.rows(table)
    ]
    header = ["Step", "Rows in", "Dropped", "Rows out", "Cells emptied"]
    caption = "From rows received to rows kept. Every dropped row and emptied cell is in the ledger, with its reason."
    return pipe(header, "lrrrr", rows, caption, "flow") if rows else None


def sample(s: Source) -> str | None:
    rows = [
        [escaped(r["label"] or r["fact"]), s.cell("clean.sample", r, "text")]
        for r in s.rows("clean.sample")
        if r["text"] is not None
    ]
    return pipe(["Fact", "Value"], "lr", rows, "Who is in the data after cleaning.", "sample") if rows else None


def instrument(s: Source) -> str:
    i = s.study.instrument
    described = any(d.description for d in i.dimensions)
    rows = []
    for d in i.dimensions:
        items = i.items_of(d.id)
        turned = sum(x in i.reversed_ids for x in items)
        rows.append(
            [escaped(d.label), *([escaped(d.description)] if described else []), str(len(items)), str(turned or "none")]
        )
    header = ["Dimension", *(["What it covers"] if described else []), "Items", "Reversed"]
    align = "l" + "l" * described + "rr"
    return pipe(header, align, rows, "The dimensions of the instrument and their items.", "instrument")


def reliability(s: Source) -> str | None:
    table, compare = "reliability.alpha", s.has_published("reliability.")
    rows = []
    for r in s.rows(table):
        claim = f"reliability.{'overall' if r['scale'] == 'all' else r['scale']}"
        rows.append(
            [
                escaped(r["label"] or r["scale"]),
                s.cell(table, r, "n_items"),
                s.cell(table, r, "alpha", interval=True),
                *([s.published(claim)] if compare else []),
                s.cell(table, r, "alpha_std"),
                s.cell(table, r, "omega_total"),
            ]
        )
    header = ["Scale", "Items", "Alpha (interval)", *(["Published"] if compare else []), "Standardised", "Omega total"]
    caption = f"Internal consistency. {_interval(s)} Omega total comes from one common factor and the items' own parts."
    return pipe(header, "lrr" + "r" * compare + "rr", rows, caption, "reliability") if rows else None


def share_high(s: Source) -> str | None:
    table, compare = "describe.dimensions", s.has_published("high.")
    rows = [
        [
            escaped(r["label"] or r["dimension"]),
            s.cell(table, r, "n"),
            s.cell(table, r, "mean"),
            s.cell(table, r, "sd"),
            s.cell(table, r, "share_high", interval=True),
            *([_percent(s.published(f"high.{r['dimension']}"))] if compare else []),
            s.cell(table, r, "design_effect"),
        ]
        for r in s.rows(table)
    ]
    header = ["Dimension", "n", "Mean", "SD", "Rated high (interval)", *(["Published"] if compare else [])]
    caption = (
        f"Dimension scores. {_interval(s)} The design effect is how many times larger the variance of the mean is than"
        f" it would be for as many independent {s.people}."
    )
    align = "lrrrr" + "r" * compare + "r"
    return pipe([*header, "Design effect"], align, rows, caption, "share-high") if rows else None


def bands(s: Source) -> str | None:
    table, labels = "describe.bands", [b.label for b in s.study.instrument.bands]
    rows = [
        [
            escaped(s.label(d)),
            *(s.cell(table, s.one(table, dimension=d, band=b.id), "share") for b in s.study.instrument.bands),
        ]
        for d in s.dimensions
    ]
    caption = f"Share of {s.people} in each band of the dimension score."
    return pipe(["Dimension", *map(escaped, labels)], "l" + "r" * len(labels), rows, caption, "bands")


def items(s: Source) -> str | None:
    i, rows = s.study.instrument, []
    for d in s.dimensions:
        rows.append(["", f"**{escaped(s.label(d))}**", "", "", "", ""])
        for item in i.items_of(d):
            row = s.one("describe.items", item=item)
            rest = s.one("reliability.items", scale=d, item=item)
            turned = " *(reversed)*" if item in i.reversed_ids else ""
            rows.append(
                [
                    escaped(item),
                    escaped(next(x.wording for x in i.items if x.id == item)) + turned,
                    s.cell("describe.items", row, "mean"),
                    s.cell("describe.items", row, "share_high"),
                    s.cell("reliability.items", rest, "item_rest_r"),
                    s.cell("reliability.items", rest, "alpha_if_dropped"),
                ]
            )
    caption = (
        "Every item, scored in the direction of its dimension. Item–rest is the correlation with the sum of the"
        " dimension's other items; the last column is the dimension's alpha without the item."
    )
    header = ["Id", "Item", "Mean", "High", "Item–rest", "Alpha without"]
    return pipe(header, "llrrrr", rows, caption, "items")


def ranked_items(s: Source) -> str | None:
    table = "describe.items"
    ranked = sorted(s.rows(table), key=lambda r: (r["rank"] is None, r["rank"]))
    ranked = [r for r in ranked if r["mean"] is not None]
    if not ranked:
        return None
    k = min(5, len(ranked) // 2)
    rows = [
        [
            f"{r['rank']:.0f}",
            escaped(r["wording"]) + (" *(reversed)*" if r["reversed"] else ""),
            escaped(s.label(r["dimension"])),
            s.cell(table, r, "mean", interval=True),
            s.cell(table, r, "share_high"),
        ]
        for r in ranked[:k] + ranked[-k:]
    ]
    caption = (
        f"The {k} items with the highest and the {k} with the lowest means, scored in the direction of their dimension."
        f" {_interval(s)}"
    )
    return pipe(["Rank", "Item", "Dimension", "Mean (interval)", "High"], "rllrr", rows, caption, "ranked-items")


def contrasts(s: Source) -> str | None:
    table = "describe.contrasts"
    rows = [
        [
            escaped(s.label(r["dimension"])),
            s.cell(table, r, "n"),
            s.cell(table, r, "wanted"),
            s.cell(table, r, "experienced"),
            s.cell(table, r, "difference", interval=True),
        ]
        for r in s.rows(table)
    ]
    caption = f"What students want against what they experience: means of the items marked so. {_interval(s)}"
    header = ["Dimension", "n", "Wanted", "Experienced", "Difference (interval)"]
    return pipe(header, "lrrrr", rows, caption, "contrasts") if rows else None


def loadings(s: Source) -> str | None:
    """Factors of the dimension scores; published loadings, where there are any, in brackets."""
    table = "factors.loadings"
    mine = s.rows(table, solution="dimensions")
    if not mine:
        return None
    factors = list(dict.fromkeys(r["factor"] for r in mine))
    labels = {r["factor"]: r["factor_label"] or r["factor"] for r in mine}
    compare = any(r["published"] is not None for r in mine)
    rows = []
    for d in s.dimensions:
        cells = [s.one(table, solution="dimensions", variable=d, factor=f) for f in factors]
        shown = []
        for r in cells:
            shown.append(s.cell(table, r, "pattern"))
            if compare:
                shown[-1] += f" ({text_of(r['published'], 'loading')})" if r else ""
        known = [r for r in cells if r and r["difference"] is not None]
        if compare:
            most = max(known, key=lambda r: abs(r["difference"]), default=None)
            shown.append(s.cell(table, most, "difference"))
        r = s.one("factors.communalities", solution="dimensions", variable=d)
        rows.append([escaped(s.label(d)), *shown, s.cell("factors.communalities", r, "communality")])
    if not mine:
        return None
    header = ["Dimension", *(escaped(labels[f]) for f in factors), *(["Largest difference"] if compare else [])]
    caption = (
        "Pattern loadings of the dimension scores"
        + (
            ", with the published loadings in brackets; the largest difference is computed minus published"
            if compare
            else ""
        )
        + ". The communality is the share of a score's variance that the factors account for."
    )
    align = "l" + "r" * (len(header))
    return pipe([*header, "Communality"], align, rows, caption, "loadings")


def item_loadings(s: Source) -> str | None:
    """Factors of the items: every loading where there are few factors, else the largest two of each item."""
    table = "factors.loadings"
    mine = s.rows(table, solution="items")
    if not mine:
        return None
    factors = list(dict.fromkeys(r["factor"] for r in mine))
    labels = {r["factor"]: r["factor_label"] or r["factor"] for r in mine}
    by_item: dict[str, list[Row]] = {}
    for r in mine:
        by_item.setdefault(r["variable"], []).append(r)
    wording = {i.id: i.wording for i in s.study.instrument.items}
    rows, own_dimension = [], {i.id: i.dimension for i in s.study.instrument.items}
    for before, (item, found) in zip([None, *by_item], by_item.items(), strict=False):
        if len(factors) > WIDEST and own_dimension[item] != own_dimension.get(before):
            rows.append([f"**{escaped(s.label(own_dimension[item]))}**", "", "", ""])
        if len(factors) <= WIDEST:
            own = {r["factor"]: s.cell(table, r, "pattern") for r in found}
            rows.append([escaped(item), *(own.get(f, NOTHING) for f in factors)])
        else:
            first, second = sorted((r for r in found), key=lambda r: -abs(r["pattern"] or 0))[:2]
            rows.append(
                [
                    escaped(wording[item]),
                    escaped(labels[first["factor"]]),
                    s.cell(table, first, "pattern"),
                    s.cell(table, second, "pattern"),
                ]
            )
    if len(factors) <= WIDEST:
        header, align = ["Item", *(escaped(labels[f]) for f in factors)], "l" + "r" * len(factors)
        caption = "Pattern loadings of the items, scored in the direction of their dimension."
    else:
        header, align = ["Item", "Factor", "Loading", "Next largest"], "llrr"
        caption = "The factor on which each item loads most, that pattern loading, and the next largest in size."
    return pipe(header, align, rows, caption, "item-loadings")


def retention(s: Source) -> str | None:
    names = {
        "parallel_factors": "Parallel analysis, common factors",
        "parallel_components": "Parallel analysis, components",
        "map": "Minimum average partial",
        "hull": "Hull",
        "empirical_kaiser": "Empirical Kaiser criterion",
        "kaiser": "Eigenvalues above one",
    }
    table = "factors.suggested"
    matrices = list(dict.fromkeys(r["matrix"] for r in s.rows(table)))
    rows = [
        [names.get(m, m), *(s.cell(table, s.one(table, matrix=x, method=m), "factors") for x in matrices)]
        for m in dict.fromkeys(r["method"] for r in s.rows(table))
    ]
    for statistic, label in (("kmo", "Kaiser–Meyer–Olkin"), ("bartlett", "Bartlett's chi-square")):
        found = [s.one("factors.adequacy", matrix=x, statistic=statistic) for x in matrices]
        if any(found):
            rows.append([f"{label} (adequacy)", *(s.cell("factors.adequacy", r, "value") for r in found)])
    words = {"dimensions": "Dimension scores", "items": "Items", "polychoric": "Items, polychoric"}
    header = ["Method", *(words.get(m, m) for m in matrices)]
    caption = "How many factors each method suggests, and whether the correlations can be factored at all."
    return pipe(header, "l" + "r" * len(matrices), rows, caption, "retention") if rows else None


def phi(s: Source) -> str | None:
    table = "factors.phi"
    words = {
        r["factor"]: escaped(r["factor_label"] or r["factor"])
        for r in s.rows("factors.loadings", solution="dimensions")
    }
    rows = [
        [
            f"{words[r['factor_a']]} and {words[r['factor_b']]}",
            s.cell(table, r, "phi", interval=True),
        ]
        for r in s.rows(table, solution="dimensions")
        if r["factor_a"] != r["factor_b"]
    ]
    caption = f"Correlations between the factors of the dimension scores. {_interval(s)}"
    return pipe(["Factors", "Correlation (interval)"], "lr", rows, caption, "phi") if rows else None


def key_stages(s: Source) -> str | None:
    table, plan = "key_stages.means", s.study.key_stages
    if not s.rows(table) or plan is None:
        return None
    levels = plan.levels if len(plan.levels) <= WIDEST else [plan.levels[0], plan.levels[-1]]
    rows = [
        [
            escaped(s.label(d)),
            *(s.cell(table, s.one(table, dimension=d, group=level.id), "mean") for level in levels),
            s.cell(
                "key_stages.tests",
                s.one("key_stages.tests", dimension=d, test="trend_clustered"),
                "slope",
                interval=True,
            ),
        ]
        for d in s.dimensions
    ]
    rows.append(
        [
            f"*{s.people.capitalize()}*",
            *(
                s.cell(table, max(s.rows(table, group=level.id), key=lambda r: r["n"] or 0, default=None), "n")
                for level in levels
            ),
            "",
        ]
    )
    header = ["Dimension", *(escaped(level.label) for level in levels), "Change per step (interval)"]
    caption = (
        f"Mean scores by group. The change per step is a linear trend in standard deviations of all {s.people}."
        f" {_interval(s)}"
    )
    return pipe(header, "l" + "r" * (len(levels) + 1), rows, caption, "key-stages")


def gender(s: Source) -> str | None:
    table = "gender.pairs"
    pairs = list(dict.fromkeys((r["group_a"], r["group_b"]) for r in s.rows(table)))
    if not pairs or s.study.gender is None:
        return None
    if len(pairs) > 3:
        adjacent = {(r["group_a"], r["group_b"]) for r in s.rows(table) if r["adjacent"]}
        pairs = [p for p in pairs if p in adjacent]
    labels = {c.id: c.label for c in s.study.gender.categories}
    groups = list(labels) if len(pairs) == 1 else []
    rows = [
        [
            escaped(s.label(d)),
            *(s.cell("gender.means", s.one("gender.means", dimension=d, group=g), "mean") for g in groups),
            *(
                s.cell(table, s.one(table, dimension=d, group_a=a, group_b=b), "hedges_g", interval=True)
                for a, b in pairs
            ),
        ]
        for d in s.dimensions
    ]
    short = {g: label.split(" or ")[0] for g, label in labels.items()}
    header = [
        "Dimension",
        *(escaped(labels[g]) for g in groups),
        *(f"{escaped(short[a])} − {escaped(short[b])}" for a, b in pairs),
    ]
    caption = (
        f"Differences between groups as Hedges' *g*; above zero, the first group scores higher.{' ' + _interval(s)}"
    )
    return pipe(header, "l" + "r" * (len(groups) + len(pairs)), rows, caption, "gender")


def schools(s: Source) -> str | None:
    table = "schools.variance"
    rows = [
        [
            escaped(s.label(r["dimension"])),
            s.cell(table, r, "icc1", interval=True),
            s.cell(table, r, "icc2"),
            s.cell(table, r, "design_effect"),
            s.cell(table, r, "effective_n"),
        ]
        for r in s.rows(table)
    ]
    header = ["Dimension", "ICC(1) (interval)", "ICC(2)", "Design effect", "Effective n"]
    caption = (
        "How much schools differ. ICC(1) is the share of variance that lies between schools; ICC(2) is the reliability"
        f" of a school's mean; the effective n is students divided by the design effect. {_interval(s)}"
    )
    return pipe(header, "lrrrr", rows, caption, "schools") if rows else None


def extremes(s: Source) -> str | None:
    table, compare = "schools.extremes", s.has_published("schools.top_bottom_effect.")
    rows = [
        [
            escaped(s.label(r["dimension"])),
            s.cell(table, r, "share_top"),
            s.cell(table, r, "share_bottom"),
            s.cell(table, r, "gap", interval=True),
            s.cell(table, r, "d_total", interval=True),
            s.cell(table, r, "d_pooled_within"),
            *([s.published(f"schools.top_bottom_effect.{r['dimension']}")] if compare else []),
        ]
        for r in s.rows(table)
    ]
    header = ["Dimension", "Top", "Bottom", "Gap, points (interval)", "*d*, all students (interval)", "*d*, inside"]
    caption = (
        "The school with the highest mean over all dimensions against the one with the lowest: shares rated high, the"
        " gap in percentage points, and the difference of means divided by the spread of all students and by the spread"
        f" inside the two schools. {_interval(s, ', for the students of these two schools')}"
    )
    align = "lrrrrr" + "r" * compare
    return pipe([*header, *(["Published"] if compare else [])], align, rows, caption, "extremes") if rows else None


def inspection(s: Source) -> str | None:
    plan, table = s.study.inspection, "inspection.means"
    if plan is None or not s.rows(table):
        return None
    rows = []
    for d in s.dimensions:
        test = s.one("inspection.tests", dimension=d, test="welch_anova")
        pair = next(
            (
                r
                for r in s.rows("inspection.pairs", dimension=d)
                if {r["rating_a"], r["rating_b"]} == {plan.higher, plan.lower}
            ),
            None,
        )
        rows.append(
            [
                escaped(s.label(d)),
                *(s.cell(table, s.one(table, dimension=d, rating=g), "mean") for g in plan.ratings),
                s.cell("inspection.tests", test, "p"),
                s.cell("inspection.tests", test, "p_holm"),
                *([_turned(s, pair, plan.higher)] if plan.higher and plan.lower else []),
            ]
        )
    number = [max(s.rows(table, rating=g), key=lambda r: r["n_schools"] or 0, default=None) for g in plan.ratings]
    pair_header = [f"{plan.higher} − {plan.lower}, *g* (interval)"] if plan.higher and plan.lower else []
    rows.append(["*Schools*", *(s.cell(table, r, "n_schools") for r in number), "", "", *["" for _ in pair_header]])
    header = ["Dimension", *map(escaped, plan.ratings), "*p*", "*p*, Holm", *pair_header]
    caption = (
        "School means by rating, schools as units. The *p* values are of Welch's analysis of variance, before and after"
        f" Holm's correction over the dimensions. {_interval(s, ', schools as units')}"
    )
    return pipe(header, "l" + "r" * (len(header) - 1), rows, caption, "inspection")


def _turned(s: Source, pair: Row | None, first: str) -> str:
    """A pair's effect with ``first`` minus the other, whichever way the table has it."""
    if pair is None or pair["hedges_g"] is None or pair["rating_a"] == first:
        return s.cell("inspection.pairs", pair, "hedges_g", interval=pair is not None)
    g, low, high = -pair["hedges_g"], -pair["hedges_g_ci_high"], -pair["hedges_g_ci_low"]
    cells = row_values(pair, "inspection.pairs", s.tables["inspection.pairs"].index(pair) + 2)
    note = cells["hedges_g"] | {"text": text_of(g, "effect"), "title": cells["hedges_g"]["title"] + " (sign turned)"}
    return f"{span(note)} ({span_of(low, high, 'effect')})"


def _percent(text: str) -> str:
    return text if text == NOTHING else f"{text}%"


def _interval(s: Source, over: str = "") -> str:
    if not over and s.study.columns.school:
        over = " and allow for students sitting in schools"
    return f"Intervals are {s.study.resampling.level:.0%}{over}."


TABLES: dict[str, Callable[[Source], str | None]] = {
    f.__name__: f
    for f in (
        flow,
        sample,
        instrument,
        reliability,
        share_high,
        bands,
        items,
        ranked_items,
        contrasts,
        loadings,
        item_loadings,
        retention,
        phi,
        key_stages,
        gender,
        schools,
        extremes,
        inspection,
        published_rotations,
        published_effects,
        scorecard_totals,
        scorecard_failures,
        scorecard,
    )
}
