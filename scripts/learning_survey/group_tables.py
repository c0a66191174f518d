"""Tables of a report on groups of students and on schools; see report_tables."""

from __future__ import annotations

from learning_survey.markdown import WIDEST, Source, escaped, interval_note, pipe, span
from learning_survey.measurement_tables import mark, mark_note
from learning_survey.values import Row, row_values, span_of, text_of


def key_stages(s: Source) -> str | None:
    table, plan = "key_stages.means", s.study.key_stages
    if not s.rows(table) or plan is None:
        return None
    levels = plan.levels if len(plan.levels) <= WIDEST else [plan.levels[0], plan.levels[-1]]
    rows = [
        [
            mark(s, "group", d),
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
        f" {interval_note(s)}{small_note(s, table)}{mark_note(s, 'group')}"
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
            mark(s, "gender", d),
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
        f"Differences between groups as Hedges' *g*; above zero, the first group scores higher. {interval_note(s)}"
        f"{small_note(s, 'gender.means')}{mark_note(s, 'gender')}"
    )
    return pipe(header, "l" + "r" * (len(groups) + len(pairs)), rows, caption, "gender")


def small_note(s: Source, table: str) -> str:
    """The sentences of a caption about groups that are counted with another, and about rounding."""
    merged = {r["group_label"]: r["merged_with"] for r in s.rows(table) if r["merged_with"]}
    notes = [f" {escaped(label)}: few, and counted with {escaped(into)}." for label, into in merged.items()]
    rounded = any(r["rounded_to"] for r in s.rows(table))
    return "".join(notes) + " Rounded, to protect a small group." * rounded


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
        f" of a school's mean; the effective n is students divided by the design effect. {interval_note(s)}"
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
        f" inside the two schools. {interval_note(s, ', for the students of these two schools')}"
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
        f" Holm's correction over the dimensions. {interval_note(s, ', schools as units')}"
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
