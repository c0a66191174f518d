"""Tables of a report on the factor analyses; see report_tables."""

from __future__ import annotations

from learning_survey.markdown import WIDEST, Source, escaped, interval_note, pipe
from learning_survey.values import NOTHING, Row, text_of


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
    caption = f"Correlations between the factors of the dimension scores. {interval_note(s)}"
    return pipe(["Factors", "Correlation (interval)"], "lr", rows, caption, "phi") if rows else None


def general_factor(s: Source) -> str | None:
    """Loadings of the dimension scores on a general factor and on what is left of each factor, by Schmid-Leiman."""
    table, where = "factors.general", {"solution": "dimensions", "method": "schmid_leiman"}
    mine = s.rows(table, **where)
    if not mine:
        return None
    factors = list(dict.fromkeys(r["factor"] for r in mine))
    labels = {r["factor"]: r["factor_label"] or r["factor"] for r in mine}
    rows = [
        [escaped(s.label(d)), *(s.cell(table, s.one(table, **where, variable=d, factor=f), "loading") for f in factors)]
        for d in s.dimensions
    ]
    caption = "A general factor of the dimension scores, and what each factor has beside it; all are uncorrelated."
    return pipe(
        ["Dimension", *(escaped(labels[f]) for f in factors)], "l" + "r" * len(factors), rows, caption, "general"
    )
