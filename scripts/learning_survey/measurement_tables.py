"""Tables of a report on measurement: reliability by group, factor models, invariance; see report_tables."""

from __future__ import annotations

from learning_survey.gender import COUNTED_WITH
from learning_survey.markdown import WIDEST, Source, escaped, interval_note, pipe
from learning_survey.values import NOTHING, Row

# The first of them that has numbers: by school where there are schools, complete answers where there are any.
CONTINUOUS = ("mlr_clustered", "mlr", "fiml_clustered", "fiml_robust")
SHOWN = ("configural", "metric", "scalar", "partial", "strict")


def reliability_more(s: Source) -> str | None:
    """Other coefficients of each dimension than alpha, and how well schools' means are told apart."""
    table, schools = "reliability.alpha", "reliability.schools"
    rows, apart = [], s.tables.in_schools
    for r in s.rows(table):
        between = s.one(schools, dimension=r["scale"])
        error = s.one("reliability.error_by_band", dimension=r["scale"], band="all")
        rows.append(
            [
                escaped(r["label"] or r["scale"]),
                *(s.cell(table, r, c) for c in ("alpha_ordinal", "omega_categorical", "lambda6", "omega_hierarchical")),
                *([s.cell(schools, between, "icc2") if between else NOTHING] if apart else []),
                s.cell("reliability.error_by_band", error, "sem") if error else NOTHING,
            ]
        )
    header = ["Scale", "Ordinal alpha", "Categorical omega", "Lambda 6", "Omega hier."]
    header += ["School means"] if apart else []
    caption = (
        "Other coefficients of reliability. Omega hierarchical is the share of a score's variance that the general"
        f" factor of all items accounts for;{' school means are as reliable as their ICC(2);' * apart}"
        " the error is the standard error of measurement, in points of the scale."
    )
    return pipe([*header, "Error"], "lrrrr" + "r" * apart + "r", rows, caption, "reliability-more") if rows else None


def reliability_key_stages(s: Source) -> str | None:
    """Alpha of each scale in each ordered group."""
    levels = s.study.key_stages.levels if s.study.key_stages else []
    return _alphas(s, "key_stages", {level.id: level.label for level in levels})


def reliability_gender(s: Source) -> str | None:
    """Alpha of each scale for each gender."""
    categories = s.study.gender.categories if s.study.gender else []
    return _alphas(s, "gender", {c.id: c.label for c in categories})


def _alphas(s: Source, grouping: str, groups: dict[str, str]) -> str | None:
    table = "reliability.groups"
    if not s.rows(table, grouping=grouping) or not 2 <= len(groups) <= WIDEST:
        return None
    merged = {r["group"] for r in s.rows(table, grouping=grouping) if (r["note"] or "").startswith(COUNTED_WITH)}
    groups = {g: label for g, label in groups.items() if g not in merged}
    rows = []
    for r in s.rows("reliability.alpha"):
        cells = [s.one(table, grouping=grouping, group=g, scale=r["scale"]) for g in groups]
        rows.append(
            [escaped(r["label"] or r["scale"]), *(s.cell(table, c, "alpha", interval=len(groups) < 4) for c in cells)]
        )
    intervals = f" {interval_note(s)}" if len(groups) < 4 else ""
    header = ["Scale", *(_short(label) for label in groups.values())]
    name = f"reliability-{grouping.replace('_', '-')}"
    return pipe(header, "l" + "r" * len(groups), rows, f"Alpha by group.{intervals}", name)


def confirmatory(s: Source) -> str | None:
    """How each factor model fits the items."""
    table, rows = "confirmatory.fit", []
    had = {r["estimator"] for r in s.rows(table) if r["chi_square"] is not None}
    estimators = {"wlsmv", next((e for e in CONTINUOUS if e in had), "")}
    for r in s.rows(table):
        if r["estimator"] not in estimators:
            continue
        scaled = "_scaled" if r["chi_square_scaled"] is not None else ""
        rows.append(
            [
                escaped(r["model_label"] or r["model"]),
                "ordinal" if r["estimator"] == "wlsmv" else "continuous",
                s.cell(table, r, f"chi_square{scaled}"),
                s.cell(table, r, "df"),
                *(s.cell(table, r, f"{c}{_robust(r)}") for c in ("cfi", "tli", "rmsea")),
                s.cell(table, r, "srmr"),
                "" if r["status"] == "proper" else r["status"],
            ]
        )
    schools = " and depend on schools" if s.tables.in_schools else ""
    header = ["Model", "Items as", "χ²", "df", "CFI", "TLI", "RMSEA", "SRMR", ""]
    caption = (
        f"Factor models. Continuous: maximum likelihood, corrected for answers that are not normal{schools}."
        " Ordinal: diagonally weighted least squares (WLSMV). Improper: a variance would be negative, or a correlation"
        " beyond one. Barely identified: the answers hardly tell estimates apart."
    )
    return pipe(header, "llrrrrrrl", rows, caption, "confirmatory") if rows else None


def invariance(s: Source) -> str | None:
    """Fit of each level of invariance and its change."""
    table, rows = "invariance.fit", []
    labels = {r["grouping"]: r["label"] for r in s.rows("invariance.verdicts")}
    for kind, label in labels.items():
        mine = [r for r in s.rows(table, grouping=kind, items_as="continuous") if r["level"] in SHOWN]
        if mine:
            rows.append([f"**{escaped(label or kind)}**", *[""] * 7])
        for r in mine:
            null = s.cell(table, r, "delta_cfi_null") if r["delta_cfi_null"] is not None else ""
            changes = [
                s.cell(table, r, c) if r[c] is not None else "" for c in ("delta_cfi", "delta_rmsea", "delta_srmr")
            ]
            rows.append(
                [
                    r["level"],
                    s.cell(table, r, "cfi"),
                    s.cell(table, r, "rmsea"),
                    changes[0],
                    null,
                    *changes[1:],
                    r["verdict"],
                ]
            )
    header = ["Level", "CFI", "RMSEA", "Δ CFI", "chance", "Δ RMSEA", "Δ SRMR", "Verdict"]
    caption = (
        "Measurement invariance: fit with nothing equal between groups (configural), with equal loadings (metric),"
        " equal intercepts (scalar), equal residual variances (strict), and, where items work differently, with these"
        " free (partial, against metric with these free). Chance is the fall in CFI that one draw of "
        f"{'schools' if s.tables.in_schools else s.people} in twenty exceeds where invariance holds."
    )
    return pipe(header, "lrrrrrrl", rows, caption, "invariance") if rows else None


def invariance_verdicts(s: Source) -> str | None:
    """Whether groups may be compared, in a word and a reason."""
    table = "invariance.verdicts"
    rows = [
        [
            escaped(r["label"] or r["grouping"]),
            s.cell(table, r, "n_groups"),
            s.cell(table, r, "n") if r["n"] is not None else "",
            r["outcome"],
            escaped(r["why"]),
        ]
        for r in s.rows(table)
    ]
    header = ["Grouping", "Groups", s.people.capitalize(), "Invariance", "Because"]
    caption = (
        f"Whether groups of {s.people} may be compared. {s.people.capitalize()} with every item answered, in the groups"
        " that are large enough; where invariance holds means are measured on one scale."
    )
    return pipe(header, "lrrll", rows, caption, "invariance-verdicts") if rows else None


def invariance_items(s: Source) -> str | None:
    """Items that work differently in some group."""
    table, labels = "invariance.items", {r["grouping"]: r["label"] for r in s.rows("invariance.verdicts")}
    wording = {i.id: i.wording for i in s.study.instrument.items}
    group = {r["group"]: r["label"] for r in s.rows("invariance.groups")}
    rows = [
        [
            escaped(labels.get(r["grouping"]) or r["grouping"]),
            escaped(wording[r["item"]]),
            escaped(s.label(r["dimension"])),
            s.cell(table, r, "dmacs"),
            escaped(group.get(r["largest_in"]) or r["largest_in"] or ""),
            s.cell(table, r, "p_holm"),
        ]
        for r in s.rows(table)
        if r["differs"]
    ]
    header = ["Grouping", "Item", "Dimension", "dMACS", "largest in", "*p*, Holm"]
    caption = (
        f"Items that work differently between groups: their answers differ between {s.people} who stand alike on the"
        " dimension. dMACS is the size, in standard deviations of the answers: .2 is small, .4 medium, .7 large."
    )
    return pipe(header, "lllrlr", rows, caption, "invariance-items") if rows else None


def latent_means(s: Source) -> str | None:
    """Differences of factor means beside those of observed scores, last group against first."""
    table, blocks = "invariance.latent_means", []
    for kind in dict.fromkeys(r["grouping"] for r in s.rows(table)):
        mine = s.rows(table, grouping=kind)
        blocks.append(
            (kind, list(dict.fromkeys((r["group"], r["group_label"], r["reference_label"]) for r in mine))[-1])
        )
    if not blocks:
        return None
    rows = []
    for d in s.dimensions:
        cells: list[str] = []
        for kind, (group, _, _) in blocks:
            r = s.one(table, grouping=kind, dimension=d, group=group)
            cells += [s.cell(table, r, "latent", interval=True), s.cell(table, r, "observed")]
        rows.append([escaped(s.label(d)), *cells])
    header = ["Dimension"]
    for _, (_, label, reference) in blocks:
        header += [f"{_short(label)} − {_short(reference)} (interval)", "observed"]
    caption = (
        "Differences of factor means, items free that work differently, and of observed mean scores, each in standard"
        f" deviations of the first group. {interval_note(s)}"
    )
    return pipe(header, "l" + "rr" * len(blocks), rows, caption, "latent-means")


def mark(s: Source, grouping: str, dimension: str) -> str:
    """The dimension's label, with a dagger where means of these groups are not on one scale."""
    return escaped(s.label(dimension)) + (" †" if _doubtful(s, grouping, dimension) else "")


def mark_note(s: Source, grouping: str) -> str:
    """The sentence that explains the dagger, where there is one."""
    if not any(_doubtful(s, grouping, d) for d in s.dimensions):
        return ""
    outcome = _outcome(s, grouping)
    if outcome == "partial":
        return " † Items of this dimension work differently between these groups."
    if outcome == "model does not fit":
        return " † The dimensions do not fit these groups' answers: whether means are on one scale cannot be told."
    return " † Scalar invariance does not hold between these groups: their means are not measured on one scale."


def _doubtful(s: Source, grouping: str, dimension: str) -> bool:
    outcome = _outcome(s, grouping)
    freed = any(r["freed"] for r in s.rows("invariance.items", grouping=grouping, dimension=dimension))
    return outcome in ("fails", "model does not fit") or freed


def _outcome(s: Source, grouping: str) -> str:
    row = s.one("invariance.verdicts", grouping=grouping)
    return row["outcome"] if row else ""


def _robust(r: Row) -> str:
    return "_robust" if r["cfi_robust"] is not None else "_scaled" if r["cfi_scaled"] is not None else ""


def _short(label: str) -> str:
    """A group's label as the head of a narrow column."""
    return escaped(label.split(" or ", maxsplit=1)[0].replace("Key Stage ", "KS"))
