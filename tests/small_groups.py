"""A survey with groups of very few students, and what an attacker finds in its results.

survey = few_of_each(tmp_path)      # 3 of a gender, 4 of a key stage, 6 of a school, 5 flagged as careless
build(survey)                       # pipeline.build
scores = truth(survey)              # a row per student, recomputed here from the exports
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from surveys import Survey, make_survey

FEW = {"gender": ("other", 3), "group": ("KS5", 4), "school": ("school-008", 6)}
FLAGGED = 5


def few_of_each(root: Path, missing: float = 0.0, **study: Any) -> Survey:
    """8 schools of 60 students, of whom the few are the first in file order; ``missing`` is the chance of no answer.

    The few of a gender, key stage and school score low, so that their mean is nobody else's. One of the tiny gender
    is in the tiny key stage. The flagged give one answer throughout. Each school has its own file.
    """
    made = make_survey(
        root, schools=8, per_school=60, dimensions=3, phases=False, reversed_items=1, seed=5, files=1, study=study
    )
    raw = pl.read_csv(made.exports[0], infer_schema=False)
    frame = raw.with_row_index("k")
    k, school = pl.col("k"), pl.col("school_id")
    tiny = (school == FEW["school"][0]) & (k >= 420 + FEW["school"][1])
    gender = pl.when(k < FEW["gender"][1]).then(pl.lit("Other")).when(pl.col("gender") == "Other").then(pl.lit("Boy"))
    late = pl.col("age").cast(pl.Int64) >= 16
    at_last = k.is_between(FEW["gender"][1] - 1, FEW["gender"][1] + FEW["group"][1] - 2)
    frame = frame.with_columns(
        school_id=pl.when(tiny).then(pl.lit("school-001")).otherwise(school),
        gender=gender.otherwise(pl.col("gender")),
        age=pl.when(at_last).then(pl.lit("17")).when(late).then(pl.lit("12")).otherwise(pl.col("age")),
    )
    few = (k < FEW["gender"][1] + FEW["group"][1] - 1) | (pl.col("school_id") == FEW["school"][0])
    items = [c for c in raw.columns if c[0] == "d"]
    gone = np.random.default_rng(6).random((len(raw), len(items))) < missing
    low = [
        pl.when(k.is_between(100, 99 + FLAGGED))
        .then(pl.lit("Answer 3"))
        .when(few)
        .then(pl.lit("Answer 5" if item.endswith("_4") else "Answer 1"))
        .otherwise(pl.col(item))
        for item in items
    ]
    kept = (pl.when(~pl.Series(gone[:, j])).then(low[j]).alias(item) for j, item in enumerate(items))
    frame = frame.with_columns(kept).drop("k")
    made.exports[0].unlink()
    for (name,), rows in frame.group_by("school_id", maintain_order=True):
        rows.write_csv(made.exports[0].with_name(f"responses_{name}.csv"))
    made.change(clean={"careless": {"irv": {"threshold": 0.0}, "mahalanobis": {"action": "off"}}})
    return made


def truth(survey: Survey) -> pl.DataFrame:
    """``school``, ``gender``, ``group``, ``flagged`` and dimension scores of each student, from the exports."""
    study = survey.load()
    paths = sorted((survey.root / "data/raw" / survey.name).glob("responses_*.csv"))
    frame = pl.concat([pl.read_csv(path, infer_schema=False) for path in paths])
    codes = {i: frame[i].str.slice(-1).cast(pl.Float64) for i in study.instrument.item_ids}
    same = np.ptp(np.column_stack(list(codes.values())), axis=1) == 0
    spelt = {word: c.id for c in study.gender.categories for word in c.values}
    stages = {age: v.id for v in study.key_stages.levels for age in range(v.ages[0], v.ages[1] + 1)}
    scores = {}
    for d in study.instrument.dimension_ids:
        own = [6 - codes[i] if i in study.instrument.reversed_ids else codes[i] for i in study.instrument.items_of(d)]
        scores[d] = np.mean([x.to_numpy() for x in own], axis=0)
    return pl.DataFrame(
        {
            "school": frame["school_id"],
            "gender": [spelt[g] for g in frame["gender"]],
            "group": [stages[int(a)] for a in frame["age"]],
            "flagged": same,
        }
        | scores
    )


def sums_over_each_key(rows: list[dict[str, Any]], count: str, keys: list[str]) -> set[float]:
    """What the shown counts of a table add up to, over rows that differ in one key alone, whichever that is."""
    found: set[float] = set()
    for key in keys:
        by: dict[tuple[Any, ...], float] = {}
        for row in rows:
            rest = tuple(row[k] for k in keys if k != key)
            by[rest] = by.get(rest, 0.0) + (row[count] or 0)
        found |= set(by.values())
    return found
