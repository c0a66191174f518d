"""Time the measurement steps on the cohort of Phase One, beside R's psych and lavaan where they are installed.

The cohort is drawn, read, cleaned and scored in a copy of the project. ``bench_steps.py`` times our functions on it,
and again on the moments of about a hundred cohorts; ``bench_measurement.R`` times R on the same answers in the same
run. All have one thread; psych forks where it does so by itself. R's steps that take minutes run only when they are
asked for.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy
import yaml

ROOT = Path(__file__).resolve().parent.parent
STUDY = "phase_one"
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
STAGES = ("reliability", "polychoric", "factors", "confirmatory", "invariance")
STEPS = {
    "pass": "one pass over the rows: moments and two-way tables",
    "alphas": "nine alphas, with if-dropped",
    "parallel": "parallel analysis, 100 draws",
    "polychoric": "polychoric correlations, 630 pairs",
    "cfa_ml": "nine factors, ML",
    "cfa_mlr": "nine factors, robust ML",
    "cfa_by_school": "nine factors, robust ML by school",
    "cfa_wlsmv": "nine factors, WLSMV",
    "cfa_fiml": "nine factors, full-information ML",
    "invariance_ml": "two genders, ML: configural, metric, scalar",
    "invariance_mlr": "two genders, robust ML: the same levels",
    "invariance_by_school": "two genders, robust ML by school: the same levels",
    "invariance_wlsmv": "two genders, WLSMV: configural, scalar",
}
IN_R = ("alphas", "parallel", "polychoric", "cfa_ml", "cfa_mlr", "cfa_wlsmv", "invariance_ml")
SLOW_IN_R = ("invariance_mlr", "invariance_wlsmv", "cfa_fiml")  # minutes, together
NOT_RUN = "not run: takes minutes; `make bench R=all`"
LONG, TIMES, TIMES_WLSMV, LIMIT = 5.0, 20, 5, 60.0  # targets, as ``targets`` words them
SPREAD = 1.2  # the most that what needs moments only may take longer for a hundred times the students


@dataclass(frozen=True)
class Reference:
    """R's best seconds by step, and its versions; ``absent`` says why there are none."""

    seconds: dict[str, float] = field(default_factory=dict)
    versions: str = ""
    absent: str = ""


@dataclass(frozen=True)
class Measured:
    """What ``bench_steps.py`` reports of the cohort and of many cohorts, the stages' seconds, and R."""

    rows: Mapping[str, Any]
    moments: Mapping[str, Any]
    stages: Mapping[str, float]
    reference: Reference


# ---------------------------------------------------------------- runs


def command(words: Sequence[str | Path], folder: Path) -> tuple[float, str]:
    """Seconds of a command with one thread in ``folder``, and what it printed. Ends the benchmark if it fails."""
    environment = os.environ | dict.fromkeys(THREADS, "1") | {"PYTHONPATH": str(ROOT / "scripts")}
    began = time.perf_counter()
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"error: {' '.join(map(str, words[:2]))} failed\n{done.stdout}{done.stderr}")
    return time.perf_counter() - began, done.stdout


def scored(folder: Path) -> Path:
    """Run the steps up to 'score' in a copy of the project; the folder of its person-level files."""
    out, tables = Path("data/processed") / STUDY, Path("results") / STUDY / "tables"
    steps = {
        "simulate": ["--out", f"data/raw/{STUDY}"],
        "ingest": ["--out", out / "ingested.arrow", "--tables", tables / "ingest"],
        "clean": ["--ingested", out / "ingested.arrow", "--out", out, "--tables", tables / "clean"],
        "score": ["--clean", out / "clean.parquet", "--flags", out / "flags.parquet", "--out", out],
    }
    for step, given in steps.items():
        command([sys.executable, f"scripts/{step}.py", "--study", STUDY, *given], folder)
    return out


def r_absent() -> str:
    """Why R cannot be timed here; empty where it can."""
    if not shutil.which("Rscript"):
        return "R is not installed"
    found = subprocess.run(["Rscript", "-e", "library(psych); library(lavaan)"], capture_output=True, check=False)
    return "R is installed without psych and lavaan" if found.returncode else ""


def reference(folder: Path, processed: Path, steps: Sequence[str]) -> Reference:
    """R's times of ``steps`` on the scored answers in ``processed``, where R is installed."""
    if absent := r_absent():
        return Reference(absent=absent)
    instrument = yaml.safe_load((ROOT / "config/instruments/learning_survey.yaml").read_text(encoding="utf-8"))
    ids, dimensions = ([item[key] for item in instrument["items"]] for key in ("id", "dimension"))
    scores = pl.read_parquet(folder / processed / "scores.parquet")
    scores.select(pl.col(ids).cast(pl.Int64), "gender").write_csv(folder / "answers.csv")
    pl.DataFrame({"item": ids, "dimension": dimensions}).write_csv(folder / "items.csv")
    script = ROOT / "workflow" / "bench_measurement.R"
    return reported(command(["Rscript", script, "answers.csv", "items.csv", ",".join(steps)], folder)[1])


def reported(text: str) -> Reference:
    """What ``bench_measurement.R`` printed."""
    lines = dict(line.split(maxsplit=1) for line in text.splitlines() if line)
    versions = lines.pop("versions").strip()
    return Reference({step: float(seconds) for step, seconds in lines.items()}, versions)


def measure(folder: Path, *, everything: bool) -> Measured:
    """Time all in ``folder``, a copy of the project; ``everything`` takes R's slow steps too."""
    print("measurement: the cohort …", flush=True)
    processed = scored(folder)
    found = {}
    for what in ("rows", "moments"):
        print(f"measurement: steps from {what} …", flush=True)
        script = ROOT / "workflow" / "bench_steps.py"
        command([sys.executable, script, STUDY, processed, what, f"{what}.json"], folder)
        found[what] = json.loads((folder / f"{what}.json").read_text(encoding="utf-8"))
    stages = {}
    for stage in STAGES:
        words = [sys.executable, f"scripts/{stage}.py", "--study", STUDY, "--processed", processed]
        stages[stage], _ = command([*words, "--out", f"results/{STUDY}/tables/{stage}"], folder)
    print("measurement: R …", flush=True)
    steps = IN_R + SLOW_IN_R if everything else IN_R
    return Measured(found["rows"], found["moments"], stages, reference(folder, processed, steps))


# ---------------------------------------------------------------- page


def section(found: Measured) -> list[str]:
    """The lines of docs/benchmarks.md on these runs."""
    own, r, n = found.rows["seconds"], found.reference, found.rows["n"]
    lines = [
        "## Measurement",
        "",
        f"{n:,} students of the synthetic cohort, 36 items, one thread; our functions as the stages call them, best of",
        f"at least three rounds. NumPy {np.__version__}, SciPy {scipy.__version__}.",
        f"{r.absent}: its times are left out."
        if r.absent
        else f"{r.versions}: in the same run on the same answers, best of three rounds, one of what takes 5 s or more.",
        "",
        "| what | ours, s | R, s | times faster |",
        "|---|---:|---:|---:|",
    ]
    for step, label in STEPS.items():
        lines.append(f"| {label} | {_time(own[step])} | {_beside(step, own[step], r)} |")
    lines += [
        f"| all of these | {_time(sum(own.values()))} | | |",
        "",
        "Ours starts from the pass, R from the rows each time. Alphas, parallel analysis and polychoric correlations",
        "use the answers that each pair has. Factor models use the students who answered every item",
        f"({found.rows['complete']:,.0f}), full information all. WLSMV of two genders uses those with every answer",
        f"in R, and in ours all {found.rows['two']:,} with the answers that each pair has. Parallel analysis draws",
        "correlation matrices from their distribution; R draws answers, and resamples those given. In WLSMV's second",
        "level of two genders thresholds, loadings and intercepts are equal, in both. Where psych forks by itself",
        "it may use two cores.",
        "",
        "| stage as a command | s |",
        "|---|---:|",
        *(f"| {stage} | {seconds:.1f} |" for stage, seconds in found.stages.items()),
        f"| all of these | {sum(found.stages.values()):.1f} |",
        "",
        "One round, Python's start and imports included; a stage does far more than the rows above.",
        "",
        *_at_scale(found),
        "",
        *targets(found),
    ]
    return lines


def _at_scale(found: Measured) -> list[str]:
    many = found.moments
    lines = [
        f"The same from the moments of {many['n']:,} students, the cohort over and over. The pass over them took",
        f"{many['pass']:.0f} s and {many['peak']:,.0f} MiB at most. Few and many are timed in turns: best of three",
        "rounds, or of 25 where a step takes less than half a second.",
        "",
        f"| from moments only | {found.rows['n']:,}, s | {many['n']:,}, s | ratio |",
        "|---|---:|---:|---:|",
    ]
    for step, (few, more) in many["seconds"].items():
        lines.append(f"| {STEPS[step]} | {_time(few)} | {_time(more)} | {more / few:.2f} |")
    return lines


def targets(found: Measured) -> list[str]:
    """Which targets this run missed."""
    own, missed = found.rows["seconds"], []
    for step, seconds in found.reference.seconds.items():
        wanted = (TIMES_WLSMV if step.endswith("wlsmv") else TIMES) if seconds > LONG else 1
        if seconds / own[step] < wanted:
            missed.append(f"{STEPS[step]} ({seconds / own[step]:.1f} times as fast as R, not {wanted})")
    for what, total in (("the steps", sum(own.values())), ("the stages", sum(found.stages.values()))):
        if total > LIMIT:
            missed.append(f"{what} take {total:.0f} s, not {LIMIT:.0f}")
    for step, (few, more) in found.moments["seconds"].items():
        if more > SPREAD * few:
            missed.append(f"{STEPS[step]} ({more / few:.2f} times as long from the moments of more students)")
    return [
        f"Targets: {TIMES} times faster where R takes more than {LONG:.0f} s, WLSMV {TIMES_WLSMV} times; nothing",
        f"slower than R; the steps, and the stages, under {LIMIT:.0f} s; from moments only, at most {SPREAD - 1:.0%}",
        f"longer for more students. Missed: {'; '.join(missed) or 'none'}.",
    ]


def _time(seconds: float) -> str:
    """Three significant digits; ten-thousandths below a second."""
    digits = 0 if seconds >= 100 else 1 if seconds >= 10 else 2 if seconds >= 1 else 4
    return f"{seconds:.{digits}f}"


def _beside(step: str, own: float, r: Reference) -> str:
    """The cells of R's time and the ratio: empty where R has no such step, or is not installed."""
    if step not in r.seconds:
        return f"{NOT_RUN} | " if step in SLOW_IN_R and not r.absent else " | "
    ratio = r.seconds[step] / own
    return f"{_time(r.seconds[step])} | {ratio:,.0f}" if ratio >= 10 else f"{_time(r.seconds[step])} | {ratio:.1f}"


def main(folder: Path, *, everything: bool) -> list[str]:
    return section(measure(folder, everything=everything))
