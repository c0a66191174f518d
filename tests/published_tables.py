"""Tables in which every claim of the Phase One report holds, for tests of what reads tables.

    frames = agreeing()                    # {"reliability.alpha": DataFrame, ...}, columns as the schemas say
    write_tables(frames, folder, study)    # as the stages do

Figures that the report prints are taken from its list of claims; the others are such that its claims in words hold.
"""

from __future__ import annotations

import csv
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
from conftest import ROOT

from learning_survey.config import Loaded, load_study
from learning_survey.multiverse_plan import load_multiverse
from learning_survey.schemas import TABLES
from learning_survey.tables import write

KEY_STAGES = {"KS1": 4.0, "KS2": 3.9, "KS3": 3.5, "KS4": 3.4, "KS5": 3.35}
GENDERS = {"boys": 3.7, "girls": 3.6, "other": 3.45}
RATINGS = {"Outstanding": 3.5, "Good": 3.6, "Requires improvement": 3.55}


def claims() -> dict[str, str]:
    with (ROOT / "config/published/phase_one.csv").open(encoding="utf-8") as file:
        return {row["claim_id"]: row["published"] for row in csv.DictReader(file)}


def frame(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as table ``name``: columns that they lack are null."""
    blank = {"id": "x", "text": None, "flag": False}
    return pd.DataFrame(
        [
            {c: row.get(c, blank.get(spec.unit, float("nan"))) for c, spec in TABLES[name].columns.items()}
            for row in rows
        ]
    )


def estimate(name: str, x: float, half: float) -> dict[str, float]:
    return {name: x, f"{name}_ci_low": x - half, f"{name}_ci_high": x + half}


def agreeing() -> dict[str, pd.DataFrame]:
    published = claims()

    def family(prefix: str) -> dict[str, float]:
        found = {}
        for claim, text in published.items():
            if claim.startswith(prefix):
                try:
                    found[claim.removeprefix(prefix)] = float(text)
                except ValueError:
                    continue
        return found

    alpha = family("reliability.")
    alpha["all"] = alpha.pop("overall")
    high = family("high.")
    dimensions = list(high)
    effects = family("schools.top_bottom_effect.")
    gaps = dict.fromkeys(dimensions, 50.0) | {"errors_as_opportunities": 24.0, "school_is_fair": 85.0}
    facts = family("sample.") | {"primary_share": 0.5, "schools_rated": 43}
    levels = {d: 3.6 - 0.1 * i for i, d in enumerate(["aiming_high", "challenge", "expectations"])}
    levels |= {"errors_as_opportunities": 2.0, "school_is_fair": 2.6}
    rows: dict[str, list[dict[str, Any]]] = {
        "clean.sample": [{"fact": f, "value": v, "label": f, "text": f"{v:g}"} for f, v in facts.items()],
        "reliability.alpha": [{"scale": s, **estimate("alpha", a, 0.02)} for s, a in alpha.items()],
        "factors.loadings": [
            {
                "solution": "dimensions",
                "variable": name.split(".")[0],
                "factor": name.split(".")[1],
                **estimate("pattern", x, 0.1),
            }
            for name, x in family("loading.").items()
        ],
        "factors.suggested": [
            {"matrix": m, "method": method, "factors": k}
            for m, method, k in (("dimensions", "parallel_factors", 3), ("dimensions", "map", 2), ("items", "map", 9))
        ],
        "factors.congruence": [
            {"solution": "dimensions", "factor": f, "tucker": 0.99} for f in ("teachers", "learning", "safety")
        ],
        "invariance.verdicts": [{"grouping": g, "label": g, "outcome": "holds"} for g in ("group", "gender")],
        "schools.variance": [{"dimension": d, **estimate("icc1", 0.1 + 0.01 * i, 0.05)} for i, d in enumerate(high)],
        "multiverse.claims": [
            {"claim": c.id, "n_computed": 10, "n_holds": 10, "share_holds": 1.0, **estimate("estimate", 2.0, 0.5)}
            for c in load_multiverse(load_study("phase_one", ROOT)).claims
        ],
        "describe.dimensions": [{"dimension": d, **estimate("share_high", x / 100, 0.03)} for d, x in high.items()],
        "describe.bands": [
            {"dimension": d, "band": b, "share": s} for d in high for b, s in (("very_low", 0.25), ("quite_low", 0.3))
        ],
        "describe.items": [
            {"item": f"{d}{k}", "dimension": d, **estimate("mean", levels.get(d, 3.0) + 0.01 * k, 0.05)}
            for d in dimensions
            for k in range(1, 5)
        ],
        "describe.contrasts": [{"dimension": "challenge", "p": 0.001, **estimate("difference", 0.4, 0.1)}],
        "key_stages.means": [
            {"dimension": d, "group": g, "group_order": i + 1, **estimate("mean", m, 0.1)}
            for d in dimensions
            for i, (g, m) in enumerate(KEY_STAGES.items())
        ],
        "key_stages.tests": [
            {"dimension": d, "test": t, "p": 0.001, "p_holm": 0.002, **estimate("slope", -0.2, 0.05)}
            for d in dimensions
            for t in ("trend_naive", "trend_clustered")
        ],
        "key_stages.pairs": [
            {
                "dimension": d,
                "group_a": a,
                "group_b": b,
                "adjacent": list(KEY_STAGES).index(b) - list(KEY_STAGES).index(a) == 1,
                "difference": KEY_STAGES[a] - KEY_STAGES[b],
                "p_clustered": 0.0003,
                "p_holm": 0.03,
            }
            for d in dimensions
            for a, b in combinations(KEY_STAGES, 2)
        ],
        "gender.means": [
            {"dimension": d, "group": g, "group_order": i + 1, **estimate("mean", m, 0.1)}
            for d in dimensions
            for i, (g, m) in enumerate(GENDERS.items())
        ],
        "gender.tests": [{"dimension": d, "test": "clustered_wald", "p": 0.001} for d in dimensions],
        "gender.pairs": [
            {"dimension": d, "group_a": a, "group_b": b, "p_clustered": 0.002, **estimate("hedges_g", g, 0.2)}
            for d in dimensions
            for (a, b), g in zip(combinations(GENDERS, 2), (0.1, 0.3, 0.2), strict=True)
        ],
        "schools.strong_culture": [
            {
                "measure": "share_high",
                "n_schools": 9,
                "n_rest": 78,
                **estimate("share", 0.1, 0.06),
                **estimate("ratio", 2.0, 0.3),
            }
        ],
        "schools.extremes": [
            {
                "dimension": d,
                **estimate("gap", gaps[d], 8),
                **estimate("d", effects.get(d, 1.7), 0.3),
                **estimate("d_total", effects.get(d, 1.7), 0.3),
                **estimate("d_shrunken", effects.get(d, 1.7) - 0.1, 0.3),
                "p": 0.001,
                "p_holm": 0.009,
            }
            for d in dimensions
        ],
        "inspection.means": [
            {"dimension": d, "rating": r, **estimate("mean", m, 0.2)} for d in dimensions for r, m in RATINGS.items()
        ],
        "inspection.tests": [
            {"dimension": d, "test": t, "p": 0.2, "p_holm": 0.9, "detectable": 1.1}
            for d in dimensions
            for t in ("welch_anova", "kruskal")
        ],
        "schools.gaps": [
            {"dimension": d, "observed": 1.7, "chance": 0.3, "p": 0.0005, **estimate("corrected", 1.6, 0.1)}
            for d in [*dimensions, "all"]
        ],
        "schools.cultures": [
            {"definition": name, "measure": "share_high", **estimate("ratio", ratio, 0.2)}
            for name, ratio in (("share_60", 2.0), ("top_tenth", 1.6), ("nobody", float("nan")))
        ],
        "inspection.equivalence": [
            {"dimension": d, "model": m, "bound": 0.5, "verdict": "open"}
            for d in dimensions
            for m in ("unadjusted", "phase")
        ],
        "inspection.effects": [{"dimension": d, "model": "phase", "p": 0.5} for d in dimensions],
        "models.tests": [
            {"dimension": d, "test": t, "method": "cr2", "p": 0.001} for d in dimensions for t in ("group", "gender")
        ],
        "inspection.pairs": [
            {"dimension": d, "rating_a": a, "rating_b": b, "p": 0.4}
            for d in dimensions
            for a, b in combinations(RATINGS, 2)
        ],
        "inspection.extremes": [
            {"position": "highest", "school": "S02", "rating": "Good"},
            {"position": "lowest", "school": "S01", "rating": "Outstanding"},
        ],
    }
    return {name: frame(name, content) for name, content in rows.items()}


def write_tables(frames: dict[str, pd.DataFrame], folder: Path, study: Loaded) -> None:
    """Write ``frames`` below ``folder`` (``results/<study>/tables``)."""
    for name, content in frames.items():
        write(content.copy(), name, folder / name.split(".", maxsplit=1)[0], study)
