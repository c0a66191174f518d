"""Time the comparisons, from counts of students by school and with many resamples: of the cohort and of millions.

Stages run as commands on the scored cohort in a copy of the project, and again on the same cells with about a hundred
times the students, drawn from each cell's scores and everybody's, so that more different scores occur, as they would.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import yaml
from bench_measurement import STUDY, command

STAGES = ("key_stages", "gender", "schools", "inspection", "models")
"""The stages that read nothing of students but their cells."""
DRAWS, TIMES, SEED = 2000, 101, 11
LIMITS = {"few": 15.0, "many": 20.0}
CELL = ["cluster", "school", "group", "gender", "age", "flagged"]


@dataclass(frozen=True)
class Compared:
    """Students and rows of counts, and seconds of each stage, of the cohort (``few``) and of ``many``."""

    students: Mapping[str, int]
    rows: Mapping[str, int]
    seconds: Mapping[str, Mapping[str, float]]


def enlarged(cells: pl.DataFrame, times: int = TIMES, seed: int = SEED) -> pl.DataFrame:
    """Cells of ``times`` the students: half of them scored as their cell is, half as everybody in the study."""
    rng, parts = np.random.default_rng(seed), []
    for (dimension,), own in cells.group_by("dimension", maintain_order=True):
        support = own.group_by("answered", "score").agg(pl.col("n").sum()).sort("answered", "score")
        keys = own.select(CELL).unique().sort(CELL, nulls_last=True).with_row_index("cell")
        place = support.select("answered", "score").with_row_index("place")
        at = own.join(keys, on=CELL, nulls_equal=True).join(place, on=["answered", "score"])
        counts = np.zeros((keys.height, support.height))
        counts[at["cell"].to_numpy(), at["place"].to_numpy()] = at["n"].to_numpy()
        n = counts.sum(axis=1)
        chance = counts / n[:, None] / 2 + support["n"].to_numpy() / support["n"].sum() / 2
        drawn = rng.multinomial((times * n).astype(np.int64), chance / chance.sum(axis=1, keepdims=True))
        cell, where = np.nonzero(drawn)
        parts.append(
            pl.concat([keys[cell].drop("cell"), support[where].drop("n")], how="horizontal").with_columns(
                dimension=pl.lit(dimension, cells.schema["dimension"]), n=pl.Series(drawn[cell, where], dtype=pl.Int64)
            )
        )
    return pl.concat(parts).select(cells.columns)


def measure(folder: Path) -> Compared:
    """Time all in ``folder``, a copy of the project whose cohort is scored."""
    path = folder / "config" / "studies" / f"{STUDY}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["resampling"] = {**content.get("resampling", {}), "draws": DRAWS}
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    few = Path("data/processed") / STUDY
    many = few.with_name(f"{STUDY}_many")
    shutil.copytree(folder / few, folder / many)
    cells = {"few": pl.read_parquet(folder / few / "cells.parquet")}
    cells["many"] = enlarged(cells["few"])
    cells["many"].write_parquet(folder / many / "cells.parquet")
    seconds = {}
    for name, processed in (("few", few), ("many", many)):
        print(f"comparisons: {name} students …", flush=True)
        seconds[name] = {}
        for stage in STAGES:
            words = [sys.executable, f"scripts/{stage}.py", "--study", STUDY, "--processed", processed]
            out = f"results/{STUDY}_{name}/tables/{stage}"
            seconds[name][stage] = min(command([*words, "--out", out], folder)[0] for _ in range(3))
    students = {name: int(own.filter(dimension="all")["n"].sum()) for name, own in cells.items()}
    return Compared(students, {name: own.height for name, own in cells.items()}, seconds)


def section(found: Compared) -> list[str]:
    """The lines of docs/benchmarks.md on these runs."""
    few, many = (found.seconds[name] for name in ("few", "many"))
    missed = [
        f"{found.students[name]:,} students take {sum(found.seconds[name].values()):.1f} s, not {limit:.0f}"
        for name, limit in LIMITS.items()
        if sum(found.seconds[name].values()) > limit
    ]
    return [
        "## Comparisons",
        "",
        f"From counts of students by school, key stage, gender and score; {DRAWS:,} resamples of schools. Commands",
        "with one thread, Python's start and imports included, best of three rounds. The larger sample has the same",
        f"cells with {TIMES} times the students.",
        "",
        f"| stage | {found.students['few']:,} students, s | {found.students['many']:,} students, s |",
        "|---|---:|---:|",
        *(f"| {stage} | {few[stage]:.1f} | {many[stage]:.1f} |" for stage in few),
        f"| all of these | {sum(few.values()):.1f} | {sum(many.values()):.1f} |",
        "",
        f"{found.rows['few']:,} and {found.rows['many']:,} rows of counts. Targets: {LIMITS['few']:.0f} s and"
        f" {LIMITS['many']:.0f} s. Missed: {'; '.join(missed) or 'none'}.",
    ]


def main(folder: Path) -> list[str]:
    return section(measure(folder))
