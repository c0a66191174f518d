"""What the step 'score' hands on, written from arrays: for tests of the steps that read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from surveys import Survey

from learning_survey.config import Loaded
from learning_survey.moments import Moments


def write_processed(study: Loaded, folder: Path, items: np.ndarray, cluster: np.ndarray) -> None:
    """``scores.parquet`` and ``moments.npz`` of scored answers (N × items, NaN where there is none)."""
    instrument = study.instrument
    dimensions = []
    for d in instrument.dimension_ids:
        own = items[:, [instrument.item_ids.index(i) for i in instrument.items_of(d)]]
        answered = ~np.isnan(own)
        enough = answered.sum(axis=1) >= instrument.score.min_items
        mean = np.where(answered, own, 0).sum(axis=1) / np.maximum(answered.sum(axis=1), 1)
        dimensions.append(np.where(enough, mean, np.nan))
    x, names = np.column_stack([items, *dimensions]), instrument.item_ids + instrument.dimension_ids
    folder.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame({"school": cluster, "cluster": cluster} | {n: x[:, j] for j, n in enumerate(names)})
    frame.with_columns(pl.col(names).fill_nan(None)).write_parquet(folder / "scores.parquet")
    Moments.of(x, names, cluster).save(folder / "moments.npz")


def process(survey: Survey) -> None:
    """The same from a generated survey."""
    study, truth = survey.load(), survey.truth
    top = study.instrument.response.codes[0] + study.instrument.response.codes[-1]
    items = truth.select(pl.col(study.instrument.item_ids).cast(pl.Float64)).to_numpy().copy()
    for j, item in enumerate(study.instrument.items):
        if item.reversed:
            items[:, j] = top - items[:, j]
    cluster = truth["school_id"].to_numpy() if "school_id" in truth.columns else np.arange(len(truth)) % 50
    write_processed(study, survey.processed, items, cluster.astype(str))
