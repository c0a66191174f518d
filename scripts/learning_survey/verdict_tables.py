"""Tables of a report on what holds: verdicts, the multiverse, families of tests; see report_tables."""

from __future__ import annotations

from learning_survey.markdown import Source, escaped, pipe, span
from learning_survey.multiverse_words import CHOICE, PRINTED
from learning_survey.values import NOTHING, Row, row_values, span_of, text_of

SIGNIFICANT = 0.05


def verdicts(s: Source) -> str | None:
    rows = [
        [f"{r['number']:.0f}", escaped(r["title"]), f"**{escaped(r['label'])}**", escaped(r["why"])]
        for r in s.rows("verdicts.findings")
    ]
    data = "the synthetic cohort says" if s.study.synthetic else "these data say"
    caption = f"The key findings of the published report, in our words, and what {data} of each."
    return pipe(["", "Key finding", "Verdict", "Why"], "rlll", rows, caption, "verdicts") if rows else None


def multiverse(s: Source) -> str | None:
    rows = [_claim(s, r) for r in s.rows("multiverse.claims") if r["n_computed"]]
    header = ["Claim", "Holds in", "Own choice (interval)", "Least", "Greatest", "Matters most"]
    caption = (
        "Headline claims in every way that this analysis computes them: in how many a claim holds, the estimate by the"
        " study's own choices, the least and the greatest, and the choice that most of their differences go with. Of a"
        " claim in several parts the weakest counts. Shares are of students; other figures are standard deviations,"
        " points of the scale, ratios or correlations, as the figures below say."
    )
    return pipe(header, "lrrrrl", rows, caption, "multiverse") if rows else None


def _claim(s: Source, row: Row) -> list[str]:
    table, unit = "multiverse.claims", PRINTED[row["unit"]]
    cells = row_values(row, table, s.tables[table].index(row) + 2, f"{s.study.resampling.level:.0%}")

    def shown(column: str) -> str:
        return span(cells[column] | {"text": text_of(row[column], unit)})

    own = shown("estimate")
    if row["estimate_ci_low"] is not None:
        own += f" ({escaped(span_of(row['estimate_ci_low'], row['estimate_ci_high'], unit))})"
    return [
        escaped(row["label"]),
        f"{row['n_holds']:.0f} of {row['n_computed']:.0f}",
        own,
        shown("least"),
        shown("greatest"),
        CHOICE.get(row["matters_most"] or "", NOTHING),
    ]


def families(s: Source) -> str | None:
    every = s.rows("verdicts.families")
    rows = []
    for family in dict.fromkeys(r["family"] for r in every):
        members = [r for r in every if r["family"] == family and r["p"] is not None]
        if members:
            rows.append([escaped(members[0]["label"]), *_below(members)])
    if not rows:
        return None
    known = [r for r in every if r["p"] is not None]
    rows.append(["**All tests**", *(f"**{cell}**" for cell in _below(known))])
    header = ["Family of tests", "Tests", "*p* below .05", "after Holm", "after Benjamini–Hochberg"]
    caption = (
        "How many tests stay below .05 when their number is allowed for: inside each family by Holm's method, across"
        " all families by Benjamini and Hochberg's."
    )
    return pipe(header, "lrrrr", rows, caption, "families")


def _below(rows: list[Row]) -> list[str]:
    return [str(len(rows)), *(str(sum(r[p] < SIGNIFICANT for r in rows)) for p in ("p", "p_holm", "p_bh"))]
