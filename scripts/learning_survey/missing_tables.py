"""Tables of a report on missing answers; see report_tables."""

from __future__ import annotations

from learning_survey.markdown import Source, escaped, pipe


def missing_groups(s: Source) -> str | None:
    """Share of answers missing by level of the ordered group and by gender."""
    table, study = "missing.groups", s.study
    labels = {
        "group": study.key_stages.label if study.key_stages else "",
        "gender": study.gender.label if study.gender else "",
    }
    rows, before = [], None
    for r in s.rows(table):
        kind = "" if r["kind"] == before else escaped(labels[r["kind"]])
        rows.append([kind, escaped(r["label"]), s.cell(table, r, "n"), s.cell(table, r, "share")])
        before = r["kind"]
    caption = f"Share of answers missing, by what is known of the {s.people}."
    header = ["", "Group", s.people.capitalize(), "Missing"]
    return pipe(header, "llrr", rows, caption, "missing-groups") if rows else None


def missing_treatments(s: Source) -> str | None:
    """Means and alphas as reported and by full information, and Little's test; None where nothing is missing."""
    table = "missing.sensitivity"
    tests = {r["scale"]: r for r in s.rows("missing.mcar")}
    if all(r["chi_square"] is None for r in tests.values()):
        return None
    columns = ("mean", "mean_fiml", "alpha", "alpha_fiml")
    rows = [
        [
            escaped(r["label"]),
            *(s.cell(table, r, c) for c in columns),
            s.cell("missing.mcar", tests.get(r["dimension"]), "p"),
        ]
        for r in s.rows(table)
    ]
    if everything := tests.get("all"):
        rows.append([f"*{escaped(everything['label'])}*", "", "", "", "", s.cell("missing.mcar", everything, "p")])
    header = ["Dimension", "Mean", "full information", "Alpha", "full information", "Little's *p*"]
    caption = (
        "Means and alphas as reported, and by full-information maximum likelihood from all items. A small *p* of"
        " Little's test speaks against answers missing completely at random; where patterns of answered items are too"
        f" many for their {s.people} it has none."
    )
    return pipe(header, "lrrrrr", rows, caption, "missing-treatments")
