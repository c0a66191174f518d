"""Plausible aggregate tables for any study, without any student: what the stages after the analyses read.

    make_tables(study, folder, seed=1)      # a CSV for each table that the figures show, below folder/<stage>/

The numbers are drawn, not computed, but they hang together: limits lie around estimates, shares add to one.
"""

from itertools import combinations, pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd

from learning_survey import tables
from learning_survey.config import Loaded, Study
from learning_survey.instrument import Instrument
from learning_survey.multiverse_plan import CHOICES, lacking, load_multiverse
from learning_survey.multiverse_words import levels
from learning_survey.schemas import TABLES


def make_study(root: Path, *, dimensions=3, per=3, points=5, groups=3, levels=4, **study) -> Loaded:
    """A study of ``dimensions`` × ``per`` items with long labels and every analysis; ``study`` replaces keys."""
    codes = list(range(1, points + 1))
    instrument = {
        "id": "long",
        "title": "Long",
        "response": {"codes": codes, "labels": {c: [f"Answer number {c}"] for c in codes}},
        "score": {"min_items": 2},
        "bands": [{"id": "low", "label": "Low", "from": 1}, {"id": "high", "label": "High", "from": 2, "high": True}],
        "dimensions": [{"id": f"d{i}", "label": f"Dimension {i} with quite a long label"} for i in range(dimensions)],
        "items": [
            {
                "id": f"i{d}_{k}",
                "dimension": f"d{d}",
                "reversed": k == 1,
                "wording": f"In item {k} of dimension {d} I am asked something that takes more than one line to print.",
            }
            for d in range(dimensions)
            for k in range(per)
        ],
        "factors": [{"id": "f1", "label": "First factor"}, {"id": "f2", "label": "Second factor"}],
    }
    years = [
        {"id": f"year_{i}", "label": f"Year {i} of school", "values": [str(i)], "stage": "early" if i < 2 else "late"}
        for i in range(levels)
    ]
    people = [{"id": f"g{i}", "label": f"Group {i} of some people", "values": [str(i)]} for i in range(groups)]
    keys = {
        "id": "long",
        "title": "Long",
        "seed": 1,
        "instrument": "long",
        "report": "survey",
        "exports": {"folder": "data", "files": ["*.csv"]},
        "columns": {"respondent": "r", "school": "s", "group": "g", "gender": "x"},
        "register": {"file": "schools.csv"},
        "key_stages": {"label": "Year", "source": "column", "levels": years},
        "gender": {"categories": people},
        "factors": {"dimension_factors": 2},
        "schools": {"standardiser": "total"},
        "inspection": {"ratings": [f"Rating {i}" for i in range(groups)], "higher": "Rating 0", "lower": "Rating 1"},
    }
    return Loaded(Study.model_validate(keys | study), Instrument.model_validate(instrument), root)


def make_tables(study: Loaded, folder: Path, *, seed: int = 1, n_schools: int = 30) -> Path:
    """Write every table that the figures show, as the stages would; gives ``folder``."""
    for name, frame in frames(study, seed=seed, n_schools=n_schools).items():
        tables.write(frame, name, folder / name.split(".")[0], study)
    return folder


def frames(study: Loaded, *, seed: int = 1, n_schools: int = 30) -> dict[str, pd.DataFrame]:
    """The tables by name; near the published figures where the study has some."""
    rng, published = np.random.default_rng(seed), {}
    if study.published:
        file = study.root / "config" / "published" / f"{study.published}.csv"
        published = pd.read_csv(file, dtype=str).set_index("claim_id").published.to_dict()
    level = {d: rng.uniform(0.35, 0.75) for d in study.instrument.dimension_ids}
    made = (
        _sample(study, n_schools)
        | _flow(study)
        | _dimensions(study, rng, level, published)
        | _items(study, rng, level)
        | _loadings(study, rng, published)
    )
    if study.key_stages:
        made |= _key_stages(study, rng, level)
    if study.gender:
        made |= _gender(study, rng)
    if study.schools:
        made |= _schools(study, rng, level, n_schools) | _extremes(study, rng, published)
        made |= _gaps(study, np.random.default_rng([seed, 1]))
    if study.inspection:
        made |= _inspection(study, rng, level)
    if study.multiverse:
        made |= _multiverse(study, rng)
    return {name: _complete(name, rows) for name, rows in made.items()}


def _sample(study, n_schools):
    if not study.columns.school:
        return {}
    return {"clean.sample": [{"fact": "schools", "label": "Schools", "value": n_schools, "text": str(n_schools)}]}


def _complete(name, rows):
    """Rows as the table's columns, those that no figure shows left empty."""
    frame = pd.DataFrame(rows)
    for column, spec in TABLES[name].columns.items():
        if column not in frame:
            frame[column] = {"id": "", "text": "", "flag": False}.get(spec.unit, np.nan)
    return frame[list(TABLES[name].columns)]


def _about(name, value, half, bounds=(-np.inf, np.inf)):
    value = float(np.clip(value, *bounds))
    low, high = np.clip([value - half, value + half], *bounds)
    return {name: value, f"{name}_ci_low": low, f"{name}_ci_high": high}


def _score(study, share):
    codes = study.instrument.response.codes
    return codes[0] + (codes[-1] - codes[0]) * share


def _flow(study):
    rows, left = [], 31_000
    steps = [
        ("test_status", "Test responses", 41, 0),
        ("blank", "Fewer than 50% of the items answered", 880, 0),
        ("straight_liners", "The same answer to items of both directions", 350, 0),
        ("ages", "Age not a whole number from 5 to 18", 0, 52),
        ("repeated_ids", "Other rows of a respondent whose most complete row is kept, as the study says", 7, 0),
        ("gender", "Gender not recognised", 0, 0),
    ]
    for step, label, dropped, emptied in steps:
        rows.append({"step": step, "label": label, "rows_in": left, "rows_dropped": dropped})
        left -= dropped
        rows[-1] |= {"rows_out": left, "cells_emptied": emptied}
    return {"clean.flow": rows}


def _dimensions(study, rng, level, published):
    rows = []
    for d, share in level.items():
        high = float(published.get(f"high.{d}", 100 * share)) / 100 + rng.normal(0, 0.008)
        rows.append(
            {"dimension": d, "label": study.instrument.label_of(d), "n": 900, "sd": 0.8, "rank": 1}
            | _about("mean", _score(study, share), 0.05)
            | _about("share_high", high, 0.02, (0, 1))
        )
    return {"describe.dimensions": rows}


def _items(study, rng, level):
    items, distribution = [], []
    codes, labels = study.instrument.response.codes, study.instrument.response.labels
    position = np.linspace(0, 1, len(codes))
    for item in study.instrument.items:
        weight = np.exp(-(((position - level[item.dimension] - rng.normal(0, 0.12)) / 0.3) ** 2))
        share = weight / weight.sum()
        about = {"item": item.id, "dimension": item.dimension, "wording": item.wording, "reversed": item.reversed}
        high = _about("share_high", share[position > 0.5].sum(), 0.02, (0, 1))
        items.append(about | {"n": 900, "sd": 1.0, "rank": 1} | _about("mean", share @ codes, 0.04) | high)
        distribution += [
            {"item": item.id, "code": code, "label": labels[code][0], "n": 900 * s} | _about("share", s, 0.01, (0, 1))
            for code, s in zip(codes, share, strict=True)
        ]
    return {"describe.items": items, "describe.item_distribution": distribution}


def _loadings(study, rng, published):
    rows = []
    factors = [(f.id, f.label) for f in study.instrument.factors] or [("f1", "Factor 1"), ("f2", "Factor 2")]
    for i, d in enumerate(study.instrument.dimension_ids):
        for k, (factor, label) in enumerate(factors):
            claimed = float(published.get(f"loading.{d}.{factor}", "nan"))
            value = (0.8 * (i % len(factors) == k) if np.isnan(claimed) else claimed) + rng.normal(0, 0.02)
            rows.append(
                {"solution": "dimensions", "variable": d, "factor": factor, "factor_label": label}
                | {"structure": value, "published": claimed, "difference": value - claimed}
                | _about("pattern", value, 0.04)
            )
    return {"factors.loadings": rows}


def _key_stages(study, rng, level):
    rows = []
    levels = study.key_stages.levels
    for d, share in level.items():
        for i, one in enumerate(levels):
            fall = 0.09 * i + 0.15 * (one.stage != levels[0].stage) + rng.normal(0, 0.02)
            rows.append(
                {"dimension": d, "group": one.id, "group_label": one.label, "group_order": i + 1, "n": 200, "sd": 0.8}
                | _about("mean", _score(study, share) - fall, 0.07)
                | _about("share_high", 0.5, 0.02)
            )
    steps = [
        {"dimension": d, "group_a": a.id, "group_b": b.id, "largest": 0.9 if i == 0 else 0.05}
        | _about("step", -0.1 - 0.15 * (a.stage != b.stage) + rng.normal(0, 0.02), 0.05)
        for d in [*level, "all"]
        for i, (a, b) in enumerate(pairwise(levels))
    ]
    return {"key_stages.means": rows, "key_stages.steps": steps}


def _gender(study, rng):
    ids = [c.id for c in study.gender.categories]
    rows = [
        {"dimension": d, "group_a": a, "group_b": b, "n_a": 400, "n_b": 300, "difference": 0.1}
        | _about("hedges_g", rng.uniform(0.05, 0.3), 0.03 + 0.08 * (b == ids[-1]))
        for a, b in combinations(ids, 2)
        for d in study.instrument.dimension_ids
    ]
    return {"gender.pairs": rows}


def _schools(study, rng, level, n_schools):
    effects = [(f"S{i + 1:02d}", rng.normal(0, 0.25)) for i in range(n_schools)]
    everything = {**level, "all": np.mean(list(level.values()))}
    rows = [
        {"dimension": d, "school": school, "n": 100, "mean": _score(study, share) + effect, "rank": 1}
        | _about("shrunken", _score(study, share) + 0.9 * effect, (half := rng.uniform(0.05, 0.25)))
        | {"compare_low": _score(study, share) + 0.9 * effect - 0.7 * half}
        | {"compare_high": _score(study, share) + 0.9 * effect + 0.7 * half}
        for d, share in everything.items()
        for school, effect in effects
    ]
    return {"schools.means": rows}


def _extremes(study, rng, published):
    rows = []
    for d in study.instrument.dimension_ids:
        effect = float(published.get(f"schools.top_bottom_effect.{d}", "1.3")) + rng.normal(0, 0.05)
        top, bottom = rng.uniform(0.6, 0.98), rng.uniform(0.02, 0.4)
        rows.append(
            {"dimension": d, "top_school": "S01", "bottom_school": "S02", "n_top": 200, "n_bottom": 180}
            | {"share_top": top, "share_bottom": bottom}
            | _about("gap", 100 * (top - bottom), 5)
            | _about("d", effect, 0.2)
        )
    return {"schools.extremes": rows}


def _gaps(study, rng):
    made = {}
    for name, scale in (("schools.gaps", 1.0), ("schools.gaps_high", 40.0)):
        dimensions = [*study.instrument.dimension_ids, *(["all"] if name == "schools.gaps" else [])]
        made[name] = [
            {"dimension": d, "n_schools": 80, "observed": scale * seen, "p": 0.001, "other_half": scale * 0.95 * seen}
            | {"chance": 0.28 * scale, "chance_least": 0.2 * scale, "chance_most": 0.36 * scale}
            | _about("corrected", 0.97 * scale * seen, 0.1 * scale)
            for d in dimensions
            if (seen := rng.uniform(1.2, 2.1))
        ]
    return made


def _inspection(study, rng, level):
    rows = [
        {"dimension": d, "rating": rating, "n_schools": 9 + 3 * i, "n": 900, "sd": 0.25}
        | _about("mean", _score(study, share) + rng.normal(0, 0.05), 0.1 + 0.05 * i)
        for d, share in level.items()
        for i, rating in enumerate(study.inspection.ratings)
    ]
    return {"inspection.means": rows}


def _multiverse(study, rng):
    """Every combination of the choices that matter to each claim, with estimates on either side of one."""
    claims, rows = [], []
    for claim in load_multiverse(study).claims:
        if lacking(claim, study):
            continue
        ways = [list(words) if c in claim.CHOICES else [""] for c, words in levels(study).items()]
        own = []
        for number, choice in enumerate(product(*ways), 1):
            value = _about("estimate", rng.normal(1, 0.5), 0.2)
            about = {"claim": claim.id, "specification": number, "configured": number == 1, "computed": True}
            own.append(about | dict(zip(CHOICES, choice, strict=True)) | {"holds": value["estimate"] > 1} | value)
        held = sum(r["holds"] for r in own)
        about = {"claim": claim.id, "label": claim.label, "unit": claim.UNIT, "rule": "the estimate is above 1"}
        about |= {"n_specifications": len(own), "n_computed": len(own), "n_holds": held, "matters_most": "cleaning"}
        claims.append(about)
        rows += own
    return {"multiverse.claims": claims, "multiverse.specifications": rows}
