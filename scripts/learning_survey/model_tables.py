"""Table of a report on mixed models; see report_tables."""

from __future__ import annotations

from learning_survey.markdown import Source, escaped, pipe, span
from learning_survey.measurement_tables import mark, mark_note
from learning_survey.values import NOTHING, row_values

WITH_SCHOOLS = {"naive": "naive", "mixed": "mixed model", "cr2": "CR2"}
WITHOUT = {"naive": "naive", "robust": "HC2"}


def models(s: Source) -> str | None:
    """The last key stage against the first, the second gender against the first: intervals of several methods.

    Of the groups that are large enough to be shown; None where the models tell none apart.
    """
    compared = {}
    for term, at in (("group", -1), ("gender", 0)):
        known = [r for r in s.rows("models.coefficients") if r["term"] == term and r["difference"] is not None]
        if known:
            compared[term] = known[at]
    if not compared:
        return None
    methods = WITH_SCHOOLS if s.tables.in_schools else WITHOUT
    rows = [
        [
            next((m for term in compared if "†" in (m := mark(s, term, d))), escaped(s.label(d))),
            *(_interval(s, d, term, of["level"], name) for term, of in compared.items() for name in methods),
        ]
        for d in s.dimensions
    ]
    marks = {"group": "A", "gender": "B"}
    header = ["Dimension", *(f"{marks[term]}, {word}" for term in compared for word in methods.values())]
    pairs = "; ".join(
        f"{marks[term]}: {escaped(of['label'])} minus {escaped(of['reference'])}" for term, of in compared.items()
    )
    last = (
        "the mixed model by its own standard errors, and the mixed model by robust ones (CR2)"
        if s.tables.in_schools
        else "and robust to spreads that differ (HC2)"
    )
    caption = (
        f"Differences in points of the scale, all groups in one model, as {s.study.resampling.level:.0%} intervals."
        f" {pairs}. Least squares as if {s.people} were independent, {last}."
        + "".join(dict.fromkeys(mark_note(s, term) for term in compared))
    )
    return pipe(header, "l" + "r" * (len(header) - 1), rows, caption, "models")


def _interval(s: Source, dimension: str, term: str, level: str, method: str) -> str:
    table = "models.coefficients"
    row = s.one(table, dimension=dimension, term=term, level=level, method=method)
    if row is None:
        return NOTHING
    cells = row_values(row, table, s.tables[table].index(row) + 2, f"{s.study.resampling.level:.0%}")
    return span(cells["difference_ci"])
