"""Tables of a report on groups of students and on schools; see report_tables."""

from __future__ import annotations

from learning_survey.markdown import WIDEST, Source, escaped, interval_note, pipe
from learning_survey.measurement_tables import mark, mark_note


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
    which = "by group" if len(levels) == len(plan.levels) else "of the first and the last group; the figure has all"
    caption = (
        f"Mean scores {which}. The change per step is a linear trend in standard deviations of all {s.people}."
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
    groups = list(pairs[0]) if len(pairs) == 1 else []
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
    """The sentences of a caption about groups that are counted with another."""
    merged = {r["group_label"]: r["merged_with"] for r in s.rows(table) if r["merged_with"]}
    return "".join(f" {escaped(label)}: few, and counted with {escaped(into)}." for label, into in merged.items())
