"""Small studies without files: an instrument, a study and students, for tests of the comparisons.

instrument = make_instrument(dimensions=2, per=4, points=5)
study = make_study(instrument, schools={"min_students": 5})
students = make_students(instrument, scores={"d1": x, "d2": y}, school=labels, gender=labels)
cells = make_cells(instrument, scores={"d1": x, "d2": y}, school=labels, gender=labels)
"""

from pathlib import Path

import numpy as np
import polars as pl

from learning_survey.cells import KEYS, Cells
from learning_survey.config import ALL, Loaded, Study
from learning_survey.instrument import Instrument
from learning_survey.students import Students


def make_instrument(dimensions=2, per=4, points=5, reversed_last=True, roles=None) -> Instrument:
    codes = list(range(1, points + 1))
    middle = (1 + points) / 2
    return Instrument.model_validate(
        {
            "id": "small",
            "title": "Small",
            "response": {"codes": codes, "labels": {c: [f"Answer {c}"] for c in codes}},
            "score": {"min_items": 1},
            "bands": [
                {"id": "low", "label": "Low", "from": 1},
                {"id": "middle", "label": "Middle", "from": middle - 0.25},
                {"id": "high", "label": "High", "from": middle + 0.25, "high": True},
            ],
            "dimensions": [{"id": f"d{d + 1}", "label": f"Dimension {d + 1}"} for d in range(dimensions)],
            "items": [
                {
                    "id": f"d{d + 1}_{k + 1}",
                    "dimension": f"d{d + 1}",
                    "wording": f"Statement {k + 1}",
                    "reversed": reversed_last and k == per - 1,
                    "role": (roles or {}).get(f"d{d + 1}_{k + 1}"),
                }
                for d in range(dimensions)
                for k in range(per)
            ],
        }
    )


def make_study(instrument: Instrument, **keys) -> Loaded:
    content = {
        "id": "small",
        "title": "Small",
        "seed": 7,
        "instrument": instrument.id,
        "report": "survey",
        "exports": {"folder": "data/raw", "files": ["*.csv"]},
        "columns": {"respondent": "id", "school": "school", "gender": "gender", "group": "group"},
        "register": {"file": "schools.csv", "rating": "rating"},
        "factors": {"dimension_factors": 1},
    }
    return Loaded(Study.model_validate(content | keys), instrument, Path())


def make_students(instrument: Instrument, scores=None, items=None, *, school=None, gender=None, group=None) -> Students:
    """Students with these columns; NaN becomes null, and a column that is not given is null throughout."""
    given = {**(items or {}), **(scores or {})}
    size = len(next(iter(given.values())))
    numbers = {
        name: pl.Series(np.asarray(given.get(name, np.full(size, np.nan)), float)).fill_nan(None)
        for name in [*instrument.item_ids, *instrument.dimension_ids]
    }
    labels = {
        name: pl.Series(
            [None] * size if values is None else [None if v is None else str(v) for v in values], dtype=pl.String
        )
        for name, values in (("school", school), ("gender", gender), ("group", group))
    }
    return Students(pl.LazyFrame(labels | numbers))


def make_cells(instrument: Instrument, scores, *, school=None, cluster=None, gender=None, group=None) -> Cells:
    """Cells of students with these scores, whatever numbers they are; NaN is no score.

    ``cluster`` is the school, or one of 100 random groups where there is none.
    """
    students = make_students(instrument, scores, school=school, gender=gender, group=group).rows.collect()
    if cluster is None:
        cluster = students["school"] if school is not None else np.arange(students.height) % 100
    people = students.with_columns(
        pl.Series("cluster", [str(c) for c in cluster]),
        pl.lit(None, pl.Int16).alias("age"),
        pl.lit(value=False).alias("flagged"),
        pl.mean_horizontal(pl.col(instrument.dimension_ids)).alias(ALL),
    )
    parts = [
        people.filter(pl.col(d).is_not_null())
        .group_by(*KEYS, pl.col(d).alias("score"))
        .len("n")
        .select(*KEYS, pl.lit(d).alias("dimension"), pl.lit(99).alias("answered"), "score", "n")
        for d in [*instrument.dimension_ids, ALL]
    ]
    return Cells.of(pl.concat(parts).sort(*KEYS, "dimension", "score"), instrument)
