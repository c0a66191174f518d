"""Results of a study as the stages would write them, made up by schema: a small input for tests of values and report.

    root = project(tmp_path)                       # config/ and reports/ of this project, below tmp_path
    study = load_study("phase_one", root)
    make_results(study, root / "results/phase_one")        # tables, figures, scorecard

Numbers are arithmetic in the row's position, so each is known and no two rows are alike; they are not findings.
``change`` edits the rows of a table before it is written: ``{"describe.dimensions": edit}`` with ``edit(rows)``.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import Any

from learning_survey.careless import INDICES
from learning_survey.careless_tables import SAMPLES
from learning_survey.config import Loaded
from learning_survey.multiverse_plan import lacking, load_multiverse
from learning_survey.schemas import TABLES
from learning_survey.verdict_rules import LABELS, load_verdicts

ROOT = Path(__file__).resolve().parent.parent
Row = dict[str, Any]
TYPICAL = {
    "count": 400,
    "mean": 3.0,
    "share": 0.4,
    "points": 50.0,
    "alpha": 0.8,
    "reliability": 0.8,
    "loading": 0.3,
    "effect": 0.2,
}
TYPICAL |= {"statistic": 2.5, "p": 0.03, "variance": 0.5, "ratio": 1.9, "distance": 0.008, "fit": 0.95}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="30"><rect width="60" height="30"/></svg>'
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c6360000000020001481fb4140000000049454e44ae426082"
)


def project(folder: Path) -> Path:
    """The project's configuration and report sources below ``folder``."""
    for name in ("config", "reports"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def make_results(
    study: Loaded,
    results: Path,
    change: dict[str, Callable[[list[Row]], None]] | None = None,
    verdicts: dict[str, str] | None = None,
) -> None:
    """Write ``tables/``, ``figures/`` and, for a study with published figures, ``scorecard.csv``.

    Every claim that can be computed agrees, except where ``verdicts`` says otherwise by claim id.
    """
    for name, rows in _tables(study).items():
        if change and name in change:
            change[name](rows)
        _write(results / "tables" / f"{name.replace('.', '/')}.csv", name, rows, study)
    drawn = results / "figures"
    drawn.mkdir(parents=True, exist_ok=True)
    figures = {}
    for name in _figures(study):
        figures[name] = {
            "file": name + study.mark,
            "alt": f'What "{name}" shows. {{{{< var x >}}}}',
            "caption": f"Caption of {name}.",
        }
        (drawn / f"{name}{study.mark}.svg").write_text(SVG, encoding="utf-8")
        (drawn / f"{name}{study.mark}.png").write_bytes(PNG)
    (drawn / "figures.json").write_text(json.dumps(figures), encoding="utf-8")
    if study.published:
        _write(results / "scorecard.csv", "scorecard", _scorecard(study, verdicts or {}), study)


def _figures(study: Loaded) -> list[str]:
    names = ["flow", "share_high", "items", "loadings"]
    for stage, own in (
        ("key_stages", ["key_stage_steps"]),
        ("gender", []),
        ("schools", ["extremes", "gaps"]),
        ("inspection", []),
    ):
        names += [stage, *own] if stage in study.stages else []
    return names + [f"curve_{claim}" for claim in _claims(study)]


def _claims(study: Loaded) -> list[str]:
    """Headline claims that the study can compute."""
    if not study.multiverse:
        return []
    return [claim.id for claim in load_multiverse(study).claims if not lacking(claim, study)]


def _tables(study: Loaded) -> dict[str, list[Row]]:
    i = study.instrument
    dims, items = i.dimension_ids, i.item_ids
    factors = [f.id for f in i.factors] or [f"f{k + 1}" for k in range(study.factors.dimension_factors)]
    item_factors = [f"f{k + 1}" for k in range(study.factors.item_factors or 0)]
    schools = [f"S{k:02d}" for k in range(1, 5)]
    suggested = ("parallel_factors", "parallel_components", "map", "hull", "empirical_kaiser", "kaiser")
    groups = [("key_stages", x.id) for x in (study.key_stages.levels if study.key_stages else [])]
    groups += [("gender", x.id) for x in (study.gender.categories if study.gender else [])]
    keys: dict[str, list[tuple]] = {
        "clean.flow": [("test_status",), ("duplicates",)],
        "clean.ledger_summary": [("test_status", "status"), ("duplicates", "respondent")],
        "clean.unmapped": [("gender",)],
        "clean.careless": [(x,) for x in (*INDICES, "any")],
        "clean.sensitivity": list(product(dims, SAMPLES)),
        "clean.sample": [(f,) for f in ("students", "schools", "schools_rated", "items")],
        "describe.items": [(x,) for x in items],
        "describe.item_distribution": list(product(items, i.response.codes)),
        "describe.dimensions": [(d,) for d in dims],
        "describe.bands": list(product(dims, [b.id for b in i.bands])),
        "describe.contrasts": [(d,) for d in dims if any(x.role and x.dimension == d for x in i.items)],
        "reliability.alpha": [(d,) for d in [*dims, "all"]],
        "reliability.items": [(x.dimension, x.id) for x in i.items],
        "reliability.groups": [(*g, s) for g, s in product(groups, [*dims, "all"])],
        "reliability.equality": list(
            product(dict.fromkeys(grouping for grouping, _ in groups), [*dims, "all"], ("hakstian_whalen", "clustered"))
        ),
        "reliability.schools": [(d,) for d in dims],
        "reliability.error_by_band": list(product(dims, [*(b.id for b in i.bands), "all"])),
        "missing.items": [(x,) for x in items],
        "missing.schools": [(x,) for x in schools] if study.columns.school else [],
        "missing.groups": [("group", x.id) for x in (study.key_stages.levels if study.key_stages else [])]
        + [("gender", x.id) for x in (study.gender.categories if study.gender else [])],
        "missing.mcar": [(d,) for d in [*dims, "all"]],
        "missing.sensitivity": [(d,) for d in dims],
        "polychoric.matrix": [("items",)],
        "confirmatory.fit": [("correlated", "ml")],
        "factors.adequacy": list(product(("dimensions", "items"), ("kmo", "bartlett", f"kmo:{dims[0]}"))),
        "factors.retention": list(product(("dimensions", "items"), (1, 2))),
        "factors.suggested": list(product(("dimensions", "items"), suggested)),
        "factors.loadings": [("dimensions", *x) for x in product(dims, factors)]
        + [("items", *x) for x in product(items, item_factors)],
        "factors.phi": [("dimensions", a, b) for a, b in combinations(factors, 2)],
        "factors.optima": [("dimensions", study.factors.rotation, 1)],
        "factors.alternatives": [("dimensions", "ml", study.factors.rotation)],
        "factors.general": [("dimensions", "schmid_leiman", *x) for x in product(dims, ["general", *factors])],
        "factors.hierarchy": [("dimensions", "schmid_leiman")],
        "factors.communalities": [("dimensions", d) for d in dims],
        "factors.congruence": [("dimensions", f) for f in factors] if study.published else [],
    }
    if study.confirmatory.models:
        keys["confirmatory.fit"] = list(product(study.confirmatory.models, ("ml", "mlr_clustered")))
        keys["confirmatory.loadings"] = [("correlated", x.id, x.dimension) for x in i.items]
        keys["confirmatory.factors"] = [("correlated", d) for d in dims]
        keys["confirmatory.factor_correlations"] = [("correlated", a, b) for a, b in combinations(dims, 2)]
        keys["confirmatory.modification"] = [("correlated", 1), ("correlated", 2)]
    kinds = {"group": study.key_stages and study.key_stages.levels, "gender": study.gender and study.gender.categories}
    if "invariance" in study.stages:
        members = {k: [x.id for x in own] for k, own in kinds.items() if own}
        keys["invariance.verdicts"] = [(k,) for k in members]
        keys["invariance.groups"] = [(k, g) for k, own in members.items() for g in own]
        levels = ("configural", "metric", "scalar", "strict", "partial")
        keys["invariance.fit"] = list(product(members, ("continuous",), levels))
        keys["invariance.items"] = list(product(members, items))
        keys["invariance.latent_means"] = [(k, d, g) for k, own in members.items() for d in dims for g in own[1:]]
    if study.key_stages:
        keys |= _group_keys("key_stages", dims, [x.id for x in study.key_stages.levels])
    if study.gender:
        keys |= _group_keys("gender", dims, [x.id for x in study.gender.categories])
    if study.schools:
        keys |= _school_keys(dims, schools)
    if study.inspection:
        keys |= _inspection_keys(dims, study.inspection.ratings)
    if "models" in study.stages:
        keys |= _model_keys(study, dims)
    keys |= _verdict_keys(study)
    if study.published:
        ways = ("promax_4_kaiser", "varimax")
        keys["published.rotations"] = keys["published.alpha"] = [(w,) for w in ways]
        keys["published.phi"] = [(w, a, b) for w in ways for a, b in combinations(factors, 2)]
        keys["published.communalities"] = list(product(ways, dims))
        keys["published.effects"] = [(d,) for d in dims]
        keys["published.percentages"] = [(f"high.{d}",) for d in dims]
    return {name: [_row(study, name, key, n) for n, key in enumerate(rows)] for name, rows in keys.items()}


def _school_keys(dims: list[str], schools: list[str]) -> dict[str, list[tuple]]:
    return {
        "schools.variance": [(d,) for d in dims],
        "schools.means": list(product([*dims, "all"], schools)),
        "schools.extremes": [(d,) for d in dims],
        "schools.gaps": [(d,) for d in [*dims, "all"]],
        "schools.gaps_high": [(d,) for d in dims],
        "schools.cultures": list(product(("share_60", "top_tenth"), ("share_high", "mean"))),
        "schools.strong_culture": [("share_high",)],
    }


def _inspection_keys(dims: list[str], ratings: list[str]) -> dict[str, list[tuple]]:
    return {
        "inspection.means": list(product(dims, ratings)),
        "inspection.tests": list(product(dims, ("welch_anova", "kruskal"))),
        "inspection.pairs": [(d, a, b) for d in dims for a, b in combinations(ratings, 2)],
        "inspection.extremes": [("highest",), ("lowest",)],
        "inspection.frameworks": [("four_grades",), ("undated",)],
        "inspection.effects": list(product(dims, ("unadjusted", "phase", "weighted", "mixed"))),
        "inspection.equivalence": list(product(dims, ("unadjusted", "phase"))),
        "inspection.power": [(0.3,), (0.5,)],
        "inspection.contrast": [("unadjusted",), ("phase",)],
    }


def _model_keys(study: Loaded, dims: list[str]) -> dict[str, list[tuple]]:
    methods = ("naive", "robust", "mixed", "cr2", "bootstrap")
    kinds = {"group": study.key_stages and study.key_stages.levels, "gender": study.gender and study.gender.categories}
    levels = {term: [x.id for x in own] for term, own in kinds.items() if own}
    tests = [*levels, *(["group_gender"] if len(levels) == 2 else [])]
    every = [(term, level) for term, own in levels.items() for level in own]
    pairs = [(term, a, b) for term, own in levels.items() for a, b in combinations(own, 2)]
    return {
        "models.coefficients": [
            (d, term, level, m) for d in dims for term, own in levels.items() for level in own[1:] for m in methods
        ],
        "models.tests": list(product(dims, tests, methods)),
        "models.variance": [(d,) for d in dims],
        "models.means": [(d, *x) for d in dims for x in every],
        "models.contrasts": [(d, *x) for d in dims for x in pairs],
    }


def _verdict_keys(study: Loaded) -> dict[str, list[tuple]]:
    keys: dict[str, list[tuple]] = {}
    if study.multiverse:
        keys["multiverse.claims"] = [(claim,) for claim in _claims(study)]
        keys["multiverse.specifications"] = list(product(_claims(study), (1, 2)))
    if study.verdicts:
        rules = load_verdicts(study)
        keys["verdicts.findings"] = [(finding.id,) for finding in rules.findings]
        keys["verdicts.values"] = [(finding.id, value) for finding in rules.findings for value in finding.values]
        keys["verdicts.families"] = list(product((f.id for f in rules.families), study.instrument.dimension_ids))
    return keys


def _group_keys(stage: str, dims: list[str], groups: list[str]) -> dict[str, list[tuple]]:
    return {
        f"{stage}.means": list(product(dims, groups)),
        f"{stage}.tests": list(product(dims, ("welch_anova", "clustered_wald", "trend_naive", "trend_clustered"))),
        f"{stage}.pairs": [(d, a, b) for d in dims for a, b in combinations(groups, 2)],
        f"{stage}.effects": [(d, a, b) for d in dims for a, b in combinations(groups, 2)],
    } | (
        {"gender.range": [("smallest",), ("largest",)]}
        if stage == "gender"
        else {
            "key_stages.order": list(product(dims, ("falls", "rises"))),
            "key_stages.isotonic": list(product(dims, groups)),
            "key_stages.steps": [(d, a, b) for d in [*dims, "all"] for a, b in pairwise(groups)],
        }
    )


def _row(study: Loaded, name: str, key: tuple, position: int) -> Row:
    spec = TABLES[name]
    row: Row = dict(zip(spec.keys, key, strict=True))
    i = study.instrument
    words = (
        {d.id: d.label for d in i.dimensions} | {x.id: x.wording for x in i.items} | {b.id: b.label for b in i.bands}
    )
    words |= {x.id: x.label for x in (study.key_stages.levels if study.key_stages else [])}
    words |= {x.id: x.label for x in (study.gender.categories if study.gender else [])}
    for column, about in spec.columns.items():
        if column in row:
            continue
        if about.unit in ("id", "text"):
            row[column] = {
                "dimension": next((x.dimension for x in i.items if x.id in key), i.dimension_ids[0]),
                "group_a": study.gender and study.gender.categories[0].id,
                "group_b": study.gender and study.gender.categories[-1].id,
                "wording": words.get(key[0]),
                "text": "1,234",
                "action": "drop" if name == "clean.careless" else "drop_row",
                "rating": "Good",
                "outcome": "partial",
                "unit": "share",
                "matters_most": "high",
                "why": "items work differently",
                "ordinal_check": "agrees",
                "includes": None,
                "merged_with": None,
                "school": "S01",
                "verdict": "caveat" if name == "verdicts.findings" else "open",
                "top_school": "S01",
                "bottom_school": "S04",
                "factor_label": next((f.label for f in i.factors if f.id == key[-1]), f"Factor {str(key[-1])[1:]}"),
            }.get(column, words.get(key[-1], words.get(key[0], str(key[-1]))))
        elif about.unit == "flag":
            row[column] = key[0] in i.reversed_ids if column == "reversed" else position % 2 == 0
        elif column in ("rank", "group_order", "band_order"):
            row[column] = position + 1
        elif column in ("published", "difference") and name == "factors.loadings":
            row[column] = None if study.published is None or key[0] == "items" else 0.01 * (position % 7)
        else:
            row[column] = TYPICAL[about.unit] + (position if about.unit == "count" else 0.001 * (position % 97))
    if name == "verdicts.findings":
        row["label"] = LABELS[row["verdict"]]
    if name == "models.coefficients":
        plan = study.key_stages.levels if row["term"] == "group" else study.gender.categories
        row["label"], row["reference"] = (next(x.label for x in plan if x.id == row["level"]), plan[0].label)
    for column in spec.columns:
        if column.endswith("_ci_low"):
            middle = row.get(column.removesuffix("_ci_low"), 0.5)
            row[column], row[column.replace("_low", "_high")] = 0.9 * middle, 1.1 * middle
    return row


def _scorecard(study: Loaded, verdicts: dict[str, str]) -> list[Row]:
    path = study.root / "config" / "published" / f"{study.published}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        claims = list(csv.DictReader(file))
    agrees = "recovered" if study.synthetic else "reproduced"
    rows = []
    for claim in claims:
        row = dict.fromkeys(TABLES["scorecard"].columns)
        row |= {name: claim[name] for name in ("claim_id", "section", "kind", "statistic", "published")}
        row["verdict"] = verdicts.get(claim["claim_id"], "not computable" if claim["kind"] == "external" else agrees)
        if row["verdict"] != "not computable":
            row |= {"computed": claim["published"], "source_file": "tables/clean/sample.csv", "source_row": "2"}
            row |= {"tolerance": 0.05, "reason": "Made up.", "rule": "clean"}
        rows.append(row)
    return rows


def _write(path: Path, name: str, rows: list[Row], study: Loaded) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(TABLES[name].columns)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["study", "cohort", *columns])
        for row in rows:
            out.writerow([study.id, study.cohort, *("" if row[c] is None else row[c] for c in columns)])
