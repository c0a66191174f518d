"""Time the stages that compare groups and schools, at the cohort's size and a hundred times it.

The stages run as commands, one after another, on what the step 'score' leaves: each starts Python, reads the counts by
cell, draws schools DRAWS times and writes its tables. A hundred times the students is the same cells with a hundred
times the counts, so that both rest on as many schools. Two cores, as for the large exports.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import NamedTuple

import polars as pl
import yaml
from bench_measurement import STUDY, scored
from bench_scale import Run, run

STAGES = ("key_stages", "gender", "models", "schools", "inspection", "multiverse")
DRAWS, TIMES, ROUNDS = 2000, 100, 3
TARGETS = {1: 15, TIMES: 20}  # seconds for all of them, by how many times the students


class Size(NamedTuple):
    """How many students, and what each stage took by round."""

    students: int
    runs: dict[str, list[Run]]


def many(processed: Path, out: Path, times: int) -> int:
    """Write to ``out`` the cells of ``processed`` with ``times`` the students in each; how many students that is."""
    out.mkdir(parents=True)
    (out / "schools.parquet").write_bytes((processed / "schools.parquet").read_bytes())
    cells = pl.read_parquet(processed / "cells.parquet").with_columns(pl.col("n") * times)
    cells.write_parquet(out / "cells.parquet")
    return cells.filter(pl.col("dimension") == "all")["n"].sum()


def measure(folder: Path) -> list[Size]:
    """What the stages take in a copy of the project, by size."""
    processed, path = folder / scored(folder), folder / "config" / "studies" / f"{STUDY}.yaml"
    study = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(study | {"resampling": {"draws": DRAWS}}, sort_keys=False), encoding="utf-8")
    sizes = []
    for times in TARGETS:
        given = folder / "cells" / str(times)
        sizes.append(Size(many(processed, given, times), {stage: [] for stage in STAGES}))
        for number in range(ROUNDS):
            print(f"comparisons, {sizes[-1].students:,} students, round {number + 1} of {ROUNDS} …", flush=True)
            for stage in STAGES:
                words = ["--study", STUDY, "--processed", given, "--out", folder / "tables" / stage]
                sizes[-1].runs[stage].append(run([f"scripts/{stage}.py", *words], folder))
    return sizes


def section(sizes: list[Size]) -> list[str]:
    """The lines of docs/benchmarks.md on these runs."""
    header = " | ".join(f"{size.students:,} students, s" for size in sizes)
    lines = [
        "## Comparisons",
        "",
        f"The stages that compare, run one after another as commands, Python's start included, with {DRAWS:,} draws of",
        f"schools; medians over {ROUNDS} rounds. More students are the same cells with {TIMES} times the counts.",
        "",
        f"| stage | {header} |",
        f"|---|{'---:|' * len(sizes)}",
    ]
    for stage in STAGES:
        times = (statistics.median(r.wall for r in size.runs[stage]) for size in sizes)
        lines.append(f"| {stage} | {' | '.join(f'{t:.1f}' for t in times)} |")
    totals = [
        statistics.median(sum(r.wall for r in turn) for turn in zip(*s.runs.values(), strict=True)) for s in sizes
    ]
    lines.append(f"| **all** | {' | '.join(f'{t:.1f}' for t in totals)} |")
    late = [f"{s.students:,}" for s, t, most in zip(sizes, totals, TARGETS.values(), strict=True) if t > most]
    targets = " and ".join(f"{most} s" for most in TARGETS.values())
    return [*lines, "", f"Aimed at: {targets}. Missed at: {', '.join(late) or 'none'}."]


def main(folder: Path) -> list[str]:
    return section(measure(folder))
