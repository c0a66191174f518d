"""What indices of careless responding flag, and what the flagged change: the tables of ``careless``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from learning_survey.careless import INDICES, Samples, pooled, threshold_of
from learning_survey.reliability import alpha

if TYPE_CHECKING:
    from learning_survey.config import Loaded


def summary(flags: pl.DataFrame, study: Loaded) -> pl.DataFrame:
    """``clean.careless``: how many each index flags, and how many any of them; withheld where they are few."""
    rows = []
    for index, about in INDICES.items():
        n = flags[f"flag_{index}"].count()
        share = [n, int(flags[f"flag_{index}"].sum() or 0)]
        action = getattr(study.clean.careless, index).action
        rows.append([index, about.label, threshold_of(index, study), about.unit, action, *share])
    flagged = _any(flags)
    rows.append(["any", "Any of them", None, None, None, flags.height, int(flagged.sum())])
    columns = ["index", "label", "threshold", "unit", "action", "n", "flagged"]
    frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    frame = frame.with_columns((pl.col("flagged") / pl.col("n")).fill_nan(None).alias("share"))
    few = (pl.col("flagged") < study.min_group) & (pl.col("flagged") > 0) | (pl.col("n") < study.min_group)
    return frame.with_columns(pl.when(~few).then(pl.col(c)).alias(c) for c in ("flagged", "share"))


def _any(flags: pl.DataFrame) -> pl.Series:
    return flags.select(pl.any_horizontal(pl.col(f"flag_{i}").fill_null(False) for i in INDICES)).to_series()


SAMPLES = {"analysed": (0, 1), "with_dropped": (0, 1, 2), "without_flagged": (0,)}


def sensitivity(samples: Samples, study: Loaded) -> pl.DataFrame:
    """``clean.sensitivity``: each dimension's mean, share high and alpha in three samples.

    Those analysed; with the rows that were dropped as careless; and without any flagged row. Where the dropped, or the
    flagged, are few on any dimension, the sample that differs by them has no numbers: they would be the difference.
    """
    instrument = study.instrument
    turned = np.where(np.isin(instrument.item_ids, instrument.reversed_ids), -1.0, 1.0)
    counts = samples.totals[:, 0]
    few = ((counts > 0) & (counts < study.min_group)).any(axis=0)
    kept = {"analysed": True, "with_dropped": not few[2], "without_flagged": not few[1]}
    rows = []
    for k, dimension in enumerate(instrument.dimensions):
        own = [instrument.item_ids.index(i) for i in instrument.items_of(dimension.id)]
        for sample, parts in SAMPLES.items():
            n, total, high = samples.totals[k][:, list(parts)].sum(axis=1)
            estimates = (None,) * 4
            if kept[sample] and n >= study.min_group:
                with np.errstate(all="ignore"):
                    cov = pooled(samples.moments[list(parts)].sum(axis=0)[:, own][:, :, own]).cov()
                    estimates = (n, total / n, high / n, float(alpha(cov * turned[own] * turned[own][:, None])))
            rows.append((dimension.id, dimension.label, sample, *estimates))
    columns = ["dimension", "label", "sample", "n", "mean", "share_high", "alpha"]
    frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    return frame.with_columns(pl.col("n", "mean", "share_high", "alpha").cast(pl.Float64).fill_nan(None))
