"""Tables of a report on how large differences between groups are; see report_tables."""

from __future__ import annotations

from learning_survey.markdown import Source, escaped, interval_note, pipe
from learning_survey.measurement_tables import mark, mark_note


def key_stage_effects(s: Source) -> str | None:
    plan = s.study.key_stages
    if plan is None:
        return None
    first, last = plan.levels[0], plan.levels[-1]
    return _effects(s, "key_stages", (first.id, last.id), (first.label, last.label))


def gender_effects(s: Source) -> str | None:
    """Of the pair with the largest difference."""
    row = s.one("gender.range", side="largest")
    if s.study.gender is None or row is None or not row["group_a"]:
        return None
    labels = {c.id: c.label for c in s.study.gender.categories}
    pair = (row["group_a"], row["group_b"])
    return _effects(s, "gender", pair, (labels[pair[0]], labels[pair[1]]))


def _effects(s: Source, stage: str, pair: tuple[str, str], labels: tuple[str, str]) -> str | None:
    """One pair of groups on every dimension, by every measure; in a study without schools by those that it has."""
    table, schools = f"{stage}.effects", s.tables.in_schools
    grouping = "group" if stage == "key_stages" else "gender"
    found = [(d, s.one(table, dimension=d, group_a=pair[0], group_b=pair[1])) for d in s.dimensions]
    if not any(row and row["g_total"] is not None for _, row in found):
        return None
    rows = [
        [
            mark(s, grouping, d),
            s.cell(table, row, "g_total", interval=True),
            *([s.cell(table, row, "g_within"), s.cell(table, row, "g_between")] if schools else []),
            s.cell(table, row, "p_superiority", interval=True),
            s.cell(table, row, "share_difference", interval=True),
        ]
        for d, row in found
    ]
    split = ["*g*, in schools", "*g*, of schools"] if schools else []
    header = ["Dimension", f"*g*, all {s.people} (interval)", *split, "Scores higher (interval)", "Points (interval)"]
    over = f"{s.people} at large, of {s.people} within schools, or of schools" if schools else s.people
    caption = (
        f"“{escaped(labels[0])}” against “{escaped(labels[1])}”. Hedges' *g* divides by the standard deviation"
        f" of {over}."
        " “Scores higher” is the chance that one of the first group scores higher than one of the second, ties half;"
        f" points are the difference in share rated high, first minus second. {interval_note(s)}"
        + mark_note(s, grouping)
    )
    return pipe(header, "l" + "r" * (len(header) - 1), rows, caption, f"{stage.replace('_', '-')}-effects")
