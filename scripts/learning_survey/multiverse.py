"""Every headline claim under every reasonable specification: the tables ``multiverse.*``.

Steegen, Tuerlinckx, Gelman & Vanpaemel (2016), Perspectives on Psychological Science 11, 702-712; Simonsohn, Simmons &
Nelson (2020), Nature Human Behaviour 4, 1208-1214. All is computed from counts by score in cells, so the cost does not
depend on the number of students; resamples of schools are shared by all specifications.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey.bootstrap import FEWEST, resamples
from learning_survey.jackknife import MOST
from learning_survey.multiverse_kinds import ESTIMATORS, Parts, World
from learning_survey.multiverse_plan import CHOICES, Specification, grid, lacking, load_multiverse
from learning_survey.multiverse_sample import Sample
from learning_survey.schemas import TABLES

if TYPE_CHECKING:
    from learning_survey.cells import Cells
    from learning_survey.config import Loaded

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]


def tables(study: Loaded, cells: Cells, processed: Path) -> dict[str, pl.DataFrame]:
    """The tables ``multiverse.specifications`` and ``multiverse.claims`` by the second part of their names.

    Raises SurveyError for a plan that does not fit the study or the instrument.
    """
    plan = load_multiverse(study)
    world = World(_ratings(study, cells, processed), _labels(study))
    known = {claim.id: list(grid(claim, study, cells)) for claim in plan.claims if not lacking(claim, study)}
    weights = _weights(cells, study)
    specifications: Rows = []
    # One sample at a time: its sums are all that needs much room.
    for cleaning, scoring in dict.fromkeys((s.cleaning, s.scoring) for every in known.values() for s in every):
        sample = Sample.of(study, cells, cleaning, scoring, weights)
        for claim in plan.claims:
            for number, spec in enumerate(known.get(claim.id, []), 1):
                if (spec.cleaning, spec.scoring) == (cleaning, scoring):
                    parts = ESTIMATORS[claim.kind](claim, spec, sample, world)
                    specifications.append(_row(claim, number, spec, parts))
    order = {claim.id: i for i, claim in enumerate(plan.claims)}
    specifications.sort(key=lambda row: (order[row["claim"]], row["specification"]))
    claims = []
    for claim in plan.claims:
        rows = [row for row in specifications if row["claim"] == claim.id]
        claims.append({"claim": claim.id, "label": claim.label, "unit": claim.UNIT, **_sum(rows)})
        claims[-1] |= {"rule": claim.holds.words, "note": lacking(claim, study)}
    return {"specifications": _frame(specifications, "specifications"), "claims": _frame(claims, "claims")}


def _weights(cells: Cells, study: Loaded) -> Array:
    """How often each part is drawn (B, P); the first row is the data themselves, and all there is with few parts."""
    count = min(int(cells.cluster.max()) + 1, MOST)
    drawn = study.resampling.draws if count >= FEWEST else 0
    return np.concatenate([np.ones((1, count)), resamples(count, drawn, np.random.default_rng(study.seed))])


def _row(claim: Any, number: int, spec: Specification, parts: Parts) -> dict[str, Any]:
    """The specification's row: its weakest part, how many parts bear the claim out, and whether all do."""
    margin = claim.holds.margin(parts.value, parts.low, parts.high)
    row = {"claim": claim.id, "specification": number, "configured": number == 1}
    row |= {choice: getattr(spec, choice) or "" for choice in CHOICES}
    known = np.isfinite(parts.value)
    if not known.all() or np.isnan(margin).any():
        return row | {"decided_by": "", "parts": len(known), "parts_holding": np.nan, "holds": False, "computed": False}
    at = int(margin.argmin())
    return row | {
        "decided_by": parts.names[at],
        "estimate": parts.value[at],
        "estimate_ci_low": parts.low[at],
        "estimate_ci_high": parts.high[at],
        "parts": len(known),
        "parts_holding": int((margin >= 0).sum()),
        "holds": bool((margin >= 0).all()),
        "computed": True,
    }


def _sum(rows: Rows) -> dict[str, Any]:
    """What a claim's specifications come to."""
    computed = [row for row in rows if row["computed"]]
    found: dict[str, Any] = {
        "n_specifications": len(rows),
        "n_computed": len(computed),
        "n_holds": sum(row["holds"] for row in rows),
        "configured_holds": bool(rows and rows[0]["holds"]),
        "matters_most": "",
    }
    if not computed:
        return found
    values = np.array([row["estimate"] for row in computed])
    found |= {
        "share_holds": found["n_holds"] / len(computed),
        "least": values.min(),
        "median": np.median(values),
        "greatest": values.max(),
    }
    if rows[0]["computed"]:
        found |= {name: rows[0][name] for name in ("estimate", "estimate_ci_low", "estimate_ci_high")}
    shares = {choice: _explained(values, [row[choice] for row in computed]) for choice in CHOICES}
    most = max(shares, key=lambda choice: shares[choice])
    if shares[most] > 0:
        found |= {"matters_most": most, "explained": shares[most]}
    return found


def _explained(values: Array, levels: list[str]) -> float:
    """Share of the variance of estimates between the levels of one choice; 0 where neither varies."""
    total = float(((values - values.mean()) ** 2).sum())
    if total <= 1e-18 * (1 + values.mean() ** 2) * len(values):
        return 0.0
    of = [values[[level == one for level in levels]] for one in dict.fromkeys(levels)]
    return min(1.0, float(sum(len(v) * (v.mean() - values.mean()) ** 2 for v in of)) / total)


def _labels(study: Loaded) -> dict[str, str]:
    words = {d.id: d.label for d in study.instrument.dimensions}
    words |= {level.id: level.label for level in study.key_stages.levels} if study.key_stages else {}
    return words | ({c.id: c.label for c in study.gender.categories} if study.gender else {})


def _ratings(study: Loaded, cells: Cells, processed: Path) -> NDArray[np.int64]:
    """Each school's rating as its position in the plan; -1 where it has none or another."""
    if study.inspection is None:
        return np.full(len(cells.schools), -1)
    from learning_survey.inspection import read_schools

    rated, known = read_schools(processed, study).filter("used"), study.inspection.ratings
    of = dict(zip(rated["school"], rated["rating"], strict=True))
    return np.array([known.index(of[s]) if of.get(s) in known else -1 for s in cells.schools], dtype=np.int64)


def _frame(rows: Rows, name: str) -> pl.DataFrame:
    """Rows as a table, with every column of its schema."""
    spec = TABLES[f"multiverse.{name}"].columns
    kinds = {"id": pl.String, "text": pl.String, "flag": pl.Boolean}
    data = {
        column: pl.Series([row.get(column) for row in rows], dtype=kinds.get(about.unit, pl.Float64), strict=False)
        for column, about in spec.items()
    }
    return pl.DataFrame(data)
