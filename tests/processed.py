"""What the step 'score' hands on, written from arrays, and the steps that read it, run in this process."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
from pathlib import Path

import numpy as np
import polars as pl
from conftest import ROOT
from surveys import Survey

from learning_survey import cli
from learning_survey.config import Loaded
from learning_survey.moments import save_groups
from learning_survey.score import cells_of, moments_of, pairs_of


def write_processed(
    study: Loaded, folder: Path, items: np.ndarray, cluster: np.ndarray, **groupings: np.ndarray
) -> None:
    """What the step 'score' writes, from scored answers (N × items, NaN where there is none) of whom nobody is flagged.

    ``groupings`` may hold ``group`` and ``gender``, an id or None for each row.
    """
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
    school = cluster if study.columns.school else [None] * len(x)
    who = {"school": school, "cluster": cluster} | {
        grouping: list(groupings.get(grouping, [None] * len(x))) for grouping in ("group", "gender")
    }
    people = pl.DataFrame(who, schema_overrides=dict.fromkeys(who, pl.String))
    frame = people.with_columns(pl.Series(n, x[:, j]).fill_nan(None) for j, n in enumerate(names))
    frame.write_parquet(folder / "scores.parquet")
    nobody_flagged = pl.Series("flagged", [False] * len(x))
    cells_of(frame, nobody_flagged, study).write_parquet(folder / "cells.parquet")
    moments, grouped = moments_of(frame, names, instrument.item_ids)
    moments.save(folder / "moments.npz")
    for grouping, groups in grouped.items():
        save_groups(groups, instrument.item_ids, folder / f"moments_{grouping}.npz")
    pairs_of(frame, instrument, study.seed).save(folder / "pairs.npz")


def process(survey: Survey) -> None:
    """The same from a generated survey."""
    study, truth = survey.load(), survey.truth
    top = study.instrument.response.codes[0] + study.instrument.response.codes[-1]
    items = truth.select(pl.col(study.instrument.item_ids).cast(pl.Float64)).to_numpy().copy()
    for j, item in enumerate(study.instrument.items):
        if item.reversed:
            items[:, j] = top - items[:, j]
    cluster = truth["school_id"].to_numpy() if "school_id" in truth.columns else np.arange(len(truth)) % 50
    groupings = {name: truth[name].to_list() for name in ("group", "gender") if name in truth.columns}
    write_processed(study, survey.processed, items, cluster.astype(str), **groupings)


def arguments(step: str, survey: Survey) -> list[str]:
    """The command line of a step after its script."""
    folders = {"--processed": survey.processed, "--out": survey.tables / step}
    return ["--study", survey.name, *(str(x) for pair in folders.items() for x in pair)]


def run_step(step: str, survey: Survey) -> tuple[int, str]:
    """Exit code and standard error of ``scripts/<step>.py``, run by its command line but in this process."""
    spec = importlib.util.spec_from_file_location(f"step_{step}", ROOT / "scripts" / f"{step}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    errors, code = io.StringIO(), 0
    with contextlib.chdir(survey.root), contextlib.redirect_stderr(errors):
        try:
            spec.loader.exec_module(module)
            cli.run(module.main, arguments(step, survey))
        except SystemExit as end:
            code = end.code
        finally:
            del sys.modules[spec.name]
    return code, errors.getvalue()


def written(step: str, survey: Survey) -> dict[str, bytes]:
    """Every file that the step has left, with its bytes."""
    return {path.name: path.read_bytes() for path in sorted((survey.tables / step).glob("*"))}
