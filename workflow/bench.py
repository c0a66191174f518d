"""Time the default build, large exports, measurement beside R, and comparisons; write docs/benchmarks.md.

Each round builds a fresh copy of the project with this environment: cohort to three formats. Wall time and peak memory
of each rule come from Snakemake's benchmarks; the whole run and a second run with nothing to do are timed around the
command. ``bench_scale``, ``bench_measurement`` and ``bench_comparisons`` time the rest; ``--r all`` takes the steps of
R that need minutes.
Times vary between machines and from minute to minute: compare within one table only.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import bench_comparisons
import bench_measurement
import bench_scale

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3


def copy_of_project(folder: Path) -> Path:
    """The project's own files, tracked or new, without anything built."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def timed(folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "workflow/build.py"], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began


def measure() -> tuple[dict[str, list[tuple[float, float]]], list[float], list[float]]:
    """Seconds and MiB of each rule by round, and seconds of the first and the second run."""
    rules: dict[str, list[tuple[float, float]]] = defaultdict(list)
    first, second = [], []
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS} …", flush=True)
        with tempfile.TemporaryDirectory() as name:
            folder = copy_of_project(Path(name))
            first.append(timed(folder))
            second.append(timed(folder))
            for path in sorted((folder / "benchmarks" / "phase_one").glob("*.tsv")):
                with path.open(encoding="utf-8") as file:
                    row = next(csv.DictReader(file, delimiter="\t"))
                memory = float(row["max_rss"]) if row["max_rss"] not in ("NA", "-") else 0.0
                rules[path.stem.removesuffix("_phase_one_synthetic")].append((float(row["s"]), memory))
    return rules, first, second


def document(rules: dict[str, list[tuple[float, float]]], first: list[float], second: list[float]) -> str:
    """The page docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`.",
        f"{datetime.date.today().isoformat()}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, {platform.machine()}.",
        "",
        "## The default build",
        "",
        "A fresh copy, best of three rounds.",
        "",
        "| what | best, s | all rounds, s |",
        "|---|---:|---|",
        f"| whole run, cohort to three formats | {min(first):.1f} | {', '.join(f'{s:.1f}' for s in first)} |",
        f"| second run, nothing to do | {min(second):.1f} | {', '.join(f'{s:.1f}' for s in second)} |",
        "",
        "| rule | best, s | peak memory, MiB |",
        "|---|---:|---:|",
    ]
    order = sorted(rules, key=lambda rule: -min(s for s, _ in rules[rule]))
    lines += [
        f"| {rule} | {min(s for s, _ in rules[rule]):.1f} | {max(m for _, m in rules[rule]):.0f} |" for rule in order
    ]
    lines += [
        "",
        "Rules run two at a time. Peak memory is of the process and its children, as Snakemake samples it.",
        "",
    ]
    return "\n".join(lines)


def _part(lines: list[str]) -> list[str]:
    """A part's lines with an empty one after them."""
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--r", choices=["all"], help="time the steps of R that take minutes, too")
    everything = parser.parse_args().r == "all"
    parts = [document(*measure()), *_part(bench_scale.main())]
    with tempfile.TemporaryDirectory() as name:
        folder = copy_of_project(Path(name))
        parts += _part(bench_measurement.main(folder, everything=everything))
        parts += _part(bench_comparisons.main(folder))
    page = "\n".join(parts)
    (ROOT / "docs" / "benchmarks.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
