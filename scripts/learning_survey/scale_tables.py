"""Tables of a report on the scales: reliability, scores, items; see report_tables."""

from __future__ import annotations

from learning_survey.markdown import Source, escaped, interval_note, pipe
from learning_survey.values import NOTHING


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
    caption = (
        f"Internal consistency. {interval_note(s)} Omega total comes from one common factor and the items' own parts."
    )
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
        f"Dimension scores. {interval_note(s)} The design effect is how many times larger the variance of the mean is"
        f" than it would be for as many independent {s.people}."
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
        f" {interval_note(s)}"
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
    caption = f"What students want against what they experience: means of the items marked so. {interval_note(s)}"
    header = ["Dimension", "n", "Wanted", "Experienced", "Difference (interval)"]
    return pipe(header, "lrrrr", rows, caption, "contrasts") if rows else None


def _percent(text: str) -> str:
    return text if text == NOTHING else f"{text}%"
