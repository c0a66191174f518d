"""Tables of a report on the respondents: what came in, what was dropped, who is left; see report_tables."""

from __future__ import annotations

from learning_survey.markdown import Source, escaped, pipe
from learning_survey.values import NOTHING, WITHHELD, Row


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


def taken(s: Source) -> str | None:
    """What the ledger holds, by rule and column."""
    table, words = "clean.ledger_summary", {"drop_row": "row dropped", "empty_cell": "cell emptied"}
    steps = {r["step"]: r["label"] for r in s.rows("clean.flow")}
    rows = [
        [escaped(steps.get(r["rule"], r["rule"])), escaped(r["column"]), words[r["action"]], s.cell(table, r, "n")]
        for r in s.rows(table)
    ]
    caption = "The ledger in numbers: every row dropped and every cell emptied, by the rule that did it and the column."
    return pipe(["Rule", "Column", "What was done", "Times"], "lllr", rows, caption, "taken") if rows else None


def unmapped(s: Source) -> str | None:
    """Words that no category or level lists; None where there are none."""
    table, words = "clean.unmapped", {"gender": "Gender", "group": "Group", "year_group": "Year group"}
    rows = [
        [words[r["column"]], *(s.cell(table, r, c) for c in ("spellings", "cells"))]
        for r in s.rows(table)
        if r["cells"]
    ]
    caption = "Words that the study does not list. Which they are is in the ledger, not in the results."
    return pipe(["What was asked", "Different words", "Cells"], "lrr", rows, caption, "unmapped") if rows else None


FLAGGED = {
    "irv": "standard deviation of {:g} or less",
    "even_odd": "consistency below {:g}",
    "mahalanobis": "*p* below {:g}",
    "seconds_per_item": "less than {:g} seconds",
}


def _flagged_from(s: Source, row: Row) -> str:
    if row["index"] == "longest_run":
        from learning_survey.careless import least_run

        return f"{least_run(s.study)} in a row or more"
    return NOTHING if row["threshold"] is None else FLAGGED.get(row["index"], NOTHING).format(row["threshold"])


def careless(s: Source) -> str | None:
    """Indices of careless responding: from where they flag, and how many they do."""
    table = "clean.careless"
    rows = [
        [
            escaped(r["label"]),
            _flagged_from(s, r),
            s.cell(table, r, "n"),
            *(WITHHELD if r[c] is None else s.cell(table, r, c) for c in ("flagged", "share")),
        ]
        for r in s.rows(table)
        if r["action"] != "off" and r["n"] != 0
    ]
    caption = (
        "Signs of careless responding. An index without a threshold is computed and flags nobody; a count"
        f" above zero and below {s.study.min_group} is withheld."
    )
    header = ["Index", "Flagged from", s.people.capitalize(), "Flagged", "Share"]
    return pipe(header, "llrrr", rows, caption, "careless") if len(rows) > 1 else None


def careless_sensitivity(s: Source) -> str | None:
    """Each dimension's results with and without the careless: those analysed, the dropped put back, no flagged."""
    table = "clean.sensitivity"
    dropped = any(r["action"] == "drop" for r in s.rows("clean.careless"))
    samples = ["analysed", *(["with_dropped"] if dropped else []), "without_flagged"]
    rows = []
    for d in s.dimensions:
        found = [s.one(table, dimension=d, sample=sample) for sample in samples]
        columns = ("mean", "share_high", "alpha")
        rows.append([escaped(s.label(d)), *(s.cell(table, r, c) for c in columns for r in found)])
    if not s.rows(table):
        return None
    header = []
    for name in ("Mean", "High", "Alpha"):
        header += [name, *(["with dropped"] if dropped else []), "without flagged"]
    caption = (
        f"Results of the {s.people} analysed"
        + (", of these and those dropped as careless" if dropped else "")
        + ", and without anyone whom an index flags."
    )
    return pipe(["Dimension", *header], "l" + "r" * len(header), rows, caption, "careless-sensitivity")
