"""Studies for the stage 'models', as the step 'score' hands them on: cells made of rows, without any file."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl

from learning_survey.cells import Cells
from learning_survey.config import Study
from learning_survey.models_design import Register

GENDERS, STAGES = ("boys", "girls", "other"), ("KS1", "KS2", "KS3", "KS4")
INSTRUMENT = SimpleNamespace(dimension_ids=["d1"], score=SimpleNamespace(min_items=1))


def study(schools: bool = True, *, groups: bool = True, genders: bool = True, **keys):
    """A study with one dimension; what of it the models read is that of ``Study``."""
    columns = {"respondent": "r", "age": "age", "group": "g", "gender": "x"}
    content = {
        "id": "small",
        "title": "Small",
        "seed": 5,
        "instrument": "any",
        "report": "survey",
        "exports": {"folder": "data", "files": ["a.csv"]},
        "columns": columns | ({"school": "s"} if schools else {}),
        "resampling": {"draws": 400},
    }
    if schools:
        content["register"] = {"file": "schools.csv"}
    if groups:
        levels = [{"id": s, "label": f"Key Stage {s[2]}", "values": [s]} for s in STAGES]
        content["key_stages"] = {"label": "Key stage", "source": "column", "levels": levels}
    if genders:
        content["gender"] = {"categories": [{"id": g, "label": g.capitalize(), "values": [g]} for g in GENDERS]}
    made = Study.model_validate(content | keys)
    return _Study(made)


class _Study:
    """A study with the instrument of one dimension."""

    def __init__(self, made: Study) -> None:
        self.made, self.instrument = made, INSTRUMENT

    def __getattr__(self, name):
        return getattr(self.made, name)


def cells(score: np.ndarray, **keys) -> Cells:
    """Cells from rows: ``school``, ``group``, ``gender``, ``age``, each an id or None for every row (absent: None)."""
    who = {name: pl.Series(list(keys.get(name, [None] * len(score))), dtype=pl.String) for name in ("group", "gender")}
    who["school"] = pl.Series(list(keys.get("school", [None] * len(score))), dtype=pl.String)
    who["age"] = pl.Series(list(keys.get("age", [None] * len(score))), dtype=pl.Int16)
    frame = pl.DataFrame(who | {"score": pl.Series(score, dtype=pl.Float64)}).with_columns(
        cluster=pl.coalesce("school", pl.lit("R1")), flagged=pl.lit(False), dimension=pl.lit("d1"), answered=pl.lit(4)
    )
    frame = pl.concat([frame, frame.with_columns(dimension=pl.lit("all"))])
    names = ["cluster", "school", "group", "gender", "age", "flagged", "dimension", "answered", "score"]
    return Cells.of(frame.group_by(names).agg(n=pl.len()).sort(names, nulls_last=True), INSTRUMENT)


def people(rng: np.random.Generator, schools: int = 20, size: int = 30, through: float = 0.0) -> dict[str, np.ndarray]:
    """Students of primary (KS1, KS2) and secondary schools (KS3, KS4); a share of schools has all key stages."""
    school = np.repeat(np.arange(schools), size)
    upper, every = (np.arange(schools) % 2)[school], (rng.random(schools) < through)[school]
    stage = 2 * np.where(every, rng.integers(0, 2, len(school)), upper) + rng.integers(0, 2, len(school))
    gender = rng.choice(3, len(school), p=[0.47, 0.47, 0.06])
    return {"school": school, "stage": stage, "gender": gender, "age": 5 + 3 * stage + rng.integers(0, 3, len(school))}


def named(who: dict[str, np.ndarray]) -> dict[str, list]:
    """The same with ids, as ``cells`` takes them."""
    return {
        "school": [f"S{s:02d}" for s in who["school"]],
        "group": [STAGES[k] for k in who["stage"]],
        "gender": [GENDERS[k] for k in who["gender"]],
    }


def phases(schools: int) -> Register:
    return {f"S{s:02d}": {"phase": ("primary", "secondary")[s % 2], "country": "England"} for s in range(schools)}
