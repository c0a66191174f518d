"""What prose points at: the highest, the lowest, the largest step, how many of how many.

Each is a row of a table under a second name, so that it carries the same source, or a count over rows.
Names are ``summary.<stage>.<what>.<column>``. The names do not depend on the data: where there is no such row, since
groups are too small or nothing could be computed, its cells are dashes, and the prose around them still stands.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from learning_survey import group_summary, summary_schools
from learning_survey.config import ALL
from learning_survey.published_tables import rotation_label
from learning_survey.schemas import TABLES
from learning_survey.summary_models import models
from learning_survey.values import NOTHING, Row, Tables, Values, joined, plain, row_values, text_of
from learning_survey.verdict_rules import LABELS

if TYPE_CHECKING:
    from learning_survey.config import Loaded

SIGNIFICANT = 0.05


class Summary:
    """Collects values under ``summary.``; knows the words for ids."""

    def __init__(self, tables: Tables, study: Loaded) -> None:
        self.tables, self.study, self.values = tables, study, {}
        instrument = study.instrument
        self.words = {d.id: d.label for d in instrument.dimensions} | {i.id: i.wording for i in instrument.items}
        self.groups = {level.id: level.label for level in study.key_stages.levels} if study.key_stages else {}
        self.groups |= {c.id: c.label for c in study.gender.categories} if study.gender else {}
        self.factors = {f.id: f.label for f in instrument.factors}

    def row(self, prefix: str, table: str, row: Row | None) -> None:
        """The row's cells under ``prefix``, with the words for its ids: ``dimension_label``, ``group_a_label``, …

        A row that compares two groups also gets ``relation`` ("higher than" or "lower than") and ``size``, its effect
        without the sign.
        """
        known = row is not None
        if row is None:
            row = dict.fromkeys(TABLES[table].columns)
            file = f"{table.replace('.', '/')}.csv"
            cells = {name: plain(None, NOTHING, f"no such row; {file}", file) for name in row_values(row, table, None)}
        else:
            cells = row_values(row, table, self.tables[table].index(row) + 2, f"{self.study.resampling.level:.0%}")
        source = next(iter(cells.values()))
        words = {"dimension": self.words, "scale": self.words, "item": self.words, "variable": self.words}
        words |= {"group_a": self.groups, "group_b": self.groups, "factor": self.factors}
        words |= {"factor_a": self.factors, "factor_b": self.factors}
        for column, value in row.items():
            if column in words:
                text = words[column].get(value, str(value)) if known else NOTHING
                cells[f"{column}_label"] = plain(value, text, source["title"], source["file"], source["row"])
        if "hedges_g" in cells and row["hedges_g"] is None:
            cells |= {"relation": cells["hedges_g"], "size": cells["hedges_g"]}
        elif "hedges_g" in cells:
            g, effect = row["hedges_g"], cells["hedges_g"]
            cells["relation"] = effect | {"text": "higher than" if g > 0 else "lower than"}
            cells["size"] = effect | {"value": abs(g), "text": text_of(abs(g), "effect")}
        self.values |= {f"summary.{prefix}.{name}": value for name, value in cells.items()}

    def extremes(
        self,
        prefix: str,
        table: str,
        column: str,
        names: tuple[str, str] = ("lowest", "highest"),
        *,
        rows: list[Row] | None = None,
        by: Callable[[float], float] = float,
    ) -> None:
        """The rows with the lowest and the highest ``column`` (nulls left out), as ``<prefix>.lowest`` and so on."""
        known = [r for r in (self.tables[table] if rows is None else rows) if r[column] is not None]
        for name, pick in zip(names, (min, max), strict=True):
            self.row(f"{prefix}.{name}", table, pick(known, key=lambda r: by(r[column]), default=None))

    def count(self, name: str, table: str, number: int | float) -> None:
        self.values[f"summary.{name}"] = plain(round(number), file=f"{table.replace('.', '/')}.csv")

    def tested(self, name: str, table: str, number: int) -> None:
        """A count of what was looked at; unknown where there was nothing to look at."""
        self.count(name, table, number)
        if not number:
            self.values[f"summary.{name}"] |= {"value": None, "text": NOTHING}

    def most(self, name: str, table: str, differences: list[float | None]) -> None:
        """The largest difference in size, rounded up to thousandths: a bound that every one of them keeps."""
        known = [abs(d) for d in differences if d is not None]
        bound = math.ceil(1000 * max(known) - 1e-6) / 1000 if known else None
        file = f"{table.replace('.', '/')}.csv"
        text = NOTHING if bound is None else f"{bound:.3f}"
        self.values[f"summary.{name}"] = plain(bound, text, file=file)

    def say(self, name: str, table: str, text: str) -> None:
        file = f"{table.replace('.', '/')}.csv"
        self.values[f"summary.{name}"] = plain(text, text, file, file)


def summary_values(tables: Tables, study: Loaded) -> Values:
    """Every summary of the stages that the study has."""
    s = Summary(tables, study)
    _clean(s)
    parts = {
        "missing": _missing,
        "describe": _describe,
        "reliability": _reliability,
        "factors": _factors,
        "confirmatory": _confirmatory,
        "key_stages": group_summary.key_stages,
        "gender": group_summary.gender,
        "schools": summary_schools.schools,
        "inspection": summary_schools.inspection,
        "models": models,
        "multiverse": _multiverse,
        "verdicts": _verdicts,
        "published": _published,
    }
    for stage in study.stages:
        if stage in parts:
            parts[stage](s)
    return s.values


def _clean(s: Summary) -> None:
    flow = s.tables["clean.flow"]
    if flow:
        s.count("clean.rows_in", "clean.flow", flow[0]["rows_in"])
        s.count("clean.rows_out", "clean.flow", flow[-1]["rows_out"])
        s.count("clean.rows_dropped", "clean.flow", sum(r["rows_dropped"] or 0 for r in flow))
        s.count("clean.cells_emptied", "clean.flow", sum(r["cells_emptied"] or 0 for r in flow))
    else:  # no rule of cleaning is switched on
        facts = {r["fact"]: r["value"] for r in s.tables["clean.sample"]}
        s.count("clean.rows_in", "clean.sample", facts["rows_received"])
        s.count("clean.rows_out", "clean.sample", facts["students"])
        s.count("clean.rows_dropped", "clean.sample", facts["rows_dropped"])
        s.count("clean.cells_emptied", "clean.sample", facts["cells_emptied"])
    words = s.tables["clean.unmapped"]
    s.count("clean.unmapped.cells", "clean.unmapped", sum(r["cells"] or 0 for r in words))
    samples = {(r["dimension"], r["sample"]): r for r in s.tables["clean.sensitivity"]}
    pairs = [(r, samples.get((d, "analysed"))) for (d, sample), r in samples.items() if sample != "analysed"]
    for column in ("mean", "alpha"):
        # Where one of the samples is withheld, the others do not bound how far results may move.
        differences = [_apart(a, b, column) for a, b in pairs]
        s.most(f"clean.careless.{column}_change", "clean.sensitivity", [] if None in differences else differences)


def _apart(a: Row, b: Row | None, column: str) -> float | None:
    return None if b is None or a[column] is None or b[column] is None else a[column] - b[column]


def _missing(s: Summary) -> None:
    for what, table in (("items", "missing.items"), ("schools", "missing.schools")):
        s.extremes(f"missing.{what}", table, "share")
    for column in ("mean", "alpha"):
        differences = [r[f"{column}_fiml_difference"] for r in s.tables["missing.sensitivity"]]
        s.most(f"missing.{column}_change", "missing.sensitivity", differences)


def _describe(s: Summary) -> None:
    s.extremes("describe.share", "describe.dimensions", "share_high")
    s.extremes("describe.mean", "describe.dimensions", "mean")
    s.extremes("describe.design_effect", "describe.dimensions", "design_effect")
    ranked = sorted(
        (r for r in s.tables["describe.dimensions"] if r["share_high"] is not None), key=lambda r: -r["share_high"]
    )
    shares = [f"{r['label']} ({text_of(r['share_high'], 'share')})" for r in ranked]
    s.say("describe.shares", "describe.dimensions", joined(shares) if shares else NOTHING)
    items = sorted((r for r in s.tables["describe.items"] if r["rank"] is not None), key=lambda r: r["rank"])
    for k in range(3):
        s.row(f"describe.item_high_{k + 1}", "describe.items", items[k] if k < len(items) else None)
        s.row(f"describe.item_low_{k + 1}", "describe.items", items[-1 - k] if k < len(items) else None)
    s.row("describe.contrast", "describe.contrasts", next(iter(s.tables["describe.contrasts"]), None))


def _reliability(s: Summary) -> None:
    scales = [r for r in s.tables["reliability.alpha"] if r["scale"] != "all"]
    s.extremes("reliability.alpha", "reliability.alpha", "alpha", rows=scales)
    s.extremes("reliability.omega", "reliability.alpha", "omega_total", rows=scales)
    s.extremes("reliability.schools", "reliability.schools", "icc2")
    own = [r for r in s.tables["reliability.items"] if r["scale"] != ALL and (r["item_rest_r"] or 0) < 0]
    against = joined(f"\u201c{s.words.get(r['item'], r['item'])}\u201d" for r in own) if own else NOTHING
    s.say("reliability.against", "reliability.items", against)
    s.values["summary.reliability.against"] |= {"value": against if own else None}
    clustered = [r for r in s.tables["reliability.equality"] if r["test"] == "clustered" and r["p_holm"] is not None]
    s.tested("reliability.equality", "reliability.equality", len(clustered))
    s.count("reliability.unequal", "reliability.equality", sum(r["p_holm"] < SIGNIFICANT for r in clustered))


def _confirmatory(s: Summary) -> None:
    table = "confirmatory.fit"
    compared = [r for r in s.tables[table] if r["estimator"] == "ml" and r["converged"] and r["bic"] is not None]
    best = min(compared, key=lambda r: r["bic"]) if len(compared) > 1 else None  # one is not the best of several
    s.row("confirmatory.best", table, best)


def _factors(s: Summary) -> None:
    for solution in ("dimensions", "items"):
        loadings = [r for r in s.tables["factors.loadings"] if r["solution"] == solution]
        s.extremes(f"factors.{solution}.phi", "factors.phi", "phi", rows=_solution(s, "factors.phi", solution))
        s.extremes(
            f"factors.{solution}.communality",
            "factors.communalities",
            "communality",
            rows=_solution(s, "factors.communalities", solution),
        )
        communalities = [r for r in _solution(s, "factors.communalities", solution) if r["communality"] is not None]
        top = max(communalities, key=lambda r: r["communality"], default={"variable": None})
        alpha = [r for r in s.tables["reliability.alpha"] if r["scale"] == top["variable"]]
        s.row(f"factors.{solution}.communality.highest_alpha", "reliability.alpha", next(iter(alpha), None))
        near = _solution(s, "factors.congruence", solution)
        s.extremes(f"factors.{solution}.congruence", "factors.congruence", "tucker", rows=near)
        s.extremes(f"factors.{solution}.rms", "factors.congruence", "rms_difference", rows=near)
        s.extremes(
            f"factors.{solution}.difference", "factors.loadings", "difference", ("least", "most"), rows=loadings, by=abs
        )

    for solution in ("dimensions", "items"):
        row = next((r for r in _solution(s, "factors.hierarchy", solution) if r["method"] == "schmid_leiman"), None)
        s.row(f"factors.{solution}.general", "factors.hierarchy", row)
        optima = [r for r in _solution(s, "factors.optima", solution) if r["rotation"] == s.study.factors.rotation]
        s.count(f"factors.{solution}.optima", "factors.optima", len(optima))
        ways = _solution(s, "factors.alternatives", solution)
        same = [r for r in ways if r["rotation"] == s.study.factors.rotation]
        s.extremes(f"factors.{solution}.extraction", "factors.alternatives", "max_difference", rows=same)
    _items_together(s)


def _published(s: Summary) -> None:
    """The rotation that stands out, the nearest one, and what effects and percentages need."""
    rotations, alphas = s.tables["published.rotations"], s.tables["published.alpha"]
    chosen = next((r for r in rotations if r["chosen"]), None)
    nearest = next((r for r in rotations if r["rank"] == 1), None)
    for name, row in (("chosen", chosen), ("nearest", nearest)):
        s.row(f"published.{name}", "published.rotations", row)
        s.say(f"published.{name}.label", "published.rotations", rotation_label(row) if row else NOTHING)
        of = next((a for a in alphas if row and a["rotation"] == row["rotation"]), None)
        s.row(f"published.{name}_alpha", "published.alpha", of)
    s.count("published.rotations", "published.rotations", len(rotations))
    s.count("published.agreeing", "published.alpha", sum(bool(a["agrees"]) for a in alphas))
    known = s.tables["published.communalities"]
    shared = [r for r in known if chosen and r["rotation"] == chosen["rotation"] and r["communality"] is not None]
    worst = max(shared, key=lambda r: r["communality"] - r["alpha"], default=None)
    s.row("published.excess", "published.communalities", worst)
    s.count("published.exceeding", "published.communalities", sum(r["exceeds"] for r in shared))
    effects = s.tables["published.effects"]
    gaps = [r for r in effects if r["standardiser_least"] is not None]
    s.row("published.gap", "published.effects", max(gaps, key=lambda r: r["standardiser_least"], default=None))
    s.extremes("published.between", "published.effects", "icc_total")
    shares = s.tables["published.percentages"]
    s.count("published.percentages", "published.percentages", len(shares))
    s.count("published.possible", "published.percentages", sum(r["possible"] for r in shares))
    s.extremes("published.blind", "published.percentages", "impossible_share", ("least", "most"))


def _items_together(s: Summary) -> None:
    """How many items load most on the factor that most items of their dimension do, and how many such factors."""
    loadings = [r for r in _solution(s, "factors.loadings", "items") if r["pattern"] is not None]
    best: dict[str, Row] = {}
    for r in loadings:
        if r["variable"] not in best or abs(r["pattern"]) > abs(best[r["variable"]]["pattern"]):
            best[r["variable"]] = r
    i = s.study.instrument
    first = [Counter(best[x]["factor"] for x in i.items_of(d) if x in best).most_common(1) for d in i.dimension_ids]
    s.count("factors.items.together", "factors.loadings", sum(f[0][1] for f in first if f))
    s.count("factors.items.own", "factors.loadings", len({f[0][0] for f in first if f}))


def _solution(s: Summary, table: str, solution: str) -> list[Row]:
    return [r for r in s.tables[table] if r["solution"] == solution]


def _multiverse(s: Summary) -> None:
    table = "multiverse.claims"
    computed = [r for r in s.tables[table] if r["n_computed"]]
    s.count("multiverse.claims", table, len(computed))
    s.count("multiverse.specifications", table, int(sum(r["n_computed"] for r in computed)))
    s.count("multiverse.always", table, sum(r["n_holds"] == r["n_computed"] for r in computed))
    s.count("multiverse.never", table, sum(r["n_holds"] == 0 for r in computed))
    s.extremes("multiverse.share", table, "share_holds")


def _verdicts(s: Summary) -> None:
    found = [r["verdict"] for r in s.tables["verdicts.findings"]]
    s.count("verdicts.findings", "verdicts.findings", len(found))
    for verdict in LABELS:
        s.count(f"verdicts.{verdict}", "verdicts.findings", found.count(verdict))
