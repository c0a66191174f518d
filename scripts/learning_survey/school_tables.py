"""Tables of a report on schools and on ratings of schools; see report_tables."""

from __future__ import annotations

from learning_survey.markdown import Source, escaped, interval_note, pipe, span
from learning_survey.values import NOTHING, Row, row_values, span_of, text_of


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


def gaps(s: Source) -> str | None:
    """The best against the worst school of each dimension, beside what chance makes of schools that do not differ."""
    rows = []
    for r in s.rows("schools.gaps"):
        if r["dimension"] == "all" or r["observed"] is None:
            continue
        high = s.one("schools.gaps_high", dimension=r["dimension"])
        cells = [escaped(s.label(r["dimension"]))]
        for table, row in (("schools.gaps", r), ("schools.gaps_high", high)):
            cells += [
                s.cell(table, row, "observed"),
                s.cell(table, row, "chance_most"),
                s.cell(table, row, "corrected", interval=True),
                s.cell(table, row, "other_half"),
            ]
        rows.append(cells)
    header = ["Dimension"]
    for unit in ("*SD*", "points"):
        header += [f"Seen, {unit}", "Chance, up to", "Corrected (interval)", "Other half"]
    caption = (
        "The best against the worst school on each dimension, in standard deviations of all students and in percentage"
        " points rated high: the gap that is seen; the gap that chance alone stays below in 39 of 40 surveys where"
        " schools do not differ; the gap between the shrunken means of the two schools; the gap in one half of the"
        f" students between the schools that are extremes in the other. {interval_note(s)}"
    )
    return pipe(header, "l" + "r" * (len(header) - 1), rows, caption, "gaps") if rows else None


def cultures(s: Source) -> str | None:
    """Every definition of a strong learning culture: how many schools have one, and both ratios."""
    table, rows = "schools.cultures", []
    for r in s.rows(table, measure="share_high"):
        mean = s.one(table, definition=r["definition"], measure="mean")
        rows.append(
            [
                escaped(r["text"][:1].upper() + r["text"][1:]),
                s.cell(table, r, "n_schools"),
                s.cell(table, r, "share", interval=True),
                s.cell(table, r, "ratio", interval=True),
                s.cell(table, mean, "ratio", interval=True),
            ]
        )
    header = ["Strong culture: a school with", "Schools", "Share (interval)", "Ratio, share high", "Ratio, means"]
    caption = (
        "Schools with a strong learning culture by different definitions: how many, and how many times as high"
        " as in the rest are the share of students rated high and the mean. A ratio of means depends on where the scale"
        " begins. Natural groups are those that differ least inside. Intervals of ratios take which schools are"
        " strong as given."
    )
    return pipe(header, "lrrrr", rows, caption, "cultures") if rows else None


def ratings(s: Source) -> str | None:
    """The two compared ratings: adjusted differences, Bayes factors, and whether they are alike."""
    table, same, rows, plan = "inspection.effects", "inspection.equivalence", [], s.study.inspection
    if plan is None:
        return None
    for d in s.dimensions:
        found = s.one(same, dimension=d, model="phase")
        if s.one(table, dimension=d, model="unadjusted") is None:
            continue
        factor = NOTHING
        if found and found["bf01_medium"] is not None:
            factor = s.cell(same, found, "bf01_medium")
            factor += f" ({span_of(found['bf01_narrow'], found['bf01_wide'], 'ratio')})"
        rows.append(
            [
                escaped(s.label(d)),
                *(s.cell(table, s.one(table, dimension=d, model=m), "effect", interval=True) for m in MODELS),
                factor,
                escaped((found and found["verdict"]) or NOTHING),
            ]
        )
    header = ["Dimension", *(f"{word} (interval)" for word in MODELS.values()), "Bayes factor for none", "Verdict"]
    caption = (
        f"{escaped(plan.higher or '')} minus {escaped(plan.lower or '')}, in standard deviations between schools: as"
        " they are; with the phase of the school held fixed; and in a mixed model that also holds key stage and gender"
        " of the students fixed. The Bayes factor says how many times likelier the data are if there is no difference"
        " (with a narrow and a wide prior in brackets). Alike: a difference of less than"
        f" {plan.equivalence:g}; open: neither that nor a difference can be shown."
        f" {interval_note(s, ', schools as units')}"
    )
    return pipe(header, "lrrrrl", rows, caption, "ratings") if rows else None


MODELS = {"unadjusted": "As they are", "phase": "Phase held fixed", "mixed": "Mixed model"}
