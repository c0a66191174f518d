"""Time ingest and clean on exports of text labels, many times the cohort's size, beside only reading the same files.

A study of 87 CSV files, one for each school, is generated in a temporary folder: the instrument of Phase One with its
labels in several spellings, and the dirt that exports have. ``ingest.py`` and ``clean.py`` run as commands. To read
the files is to give every cell of every column as text to Polars, which is told how they are written, in the quicker of
two ways; and to DuckDB, where it is installed, which finds that out as ``ingest`` does. All have CORES cores.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FILES, CORES = 87, 2
SIZES = {300_000: 3, 3_000_000: 1}  # rows: rounds
LIMIT, TIMES = 2048, 2  # MiB; the time that Polars needs to read
READ = {
    "read_csv": "pl.read_csv(path, infer_schema=False)",
    "scan_csv": "pl.scan_csv(path, infer_schema=False).collect(engine='streaming')",
}
DUCKDB = (
    f"import duckdb\nconnection = duckdb.connect(config={{'threads': {CORES}}})\n"
    "connection.execute('set enable_progress_bar = false')\n"
    "connection.execute(\"create temp table t as from read_csv('exports/*.csv', all_varchar = true)\")"
)


class Run(NamedTuple):
    """What one command took: wall time and processor time in seconds, peak memory in MiB."""

    wall: float
    processor: float
    peak: float


def run(words: Sequence[str | Path], folder: Path) -> Run:
    """Run a command in ``folder``; and what it took, its children included. Raises if it fails."""
    began = time.perf_counter()
    environment = os.environ | {"POLARS_MAX_THREADS": str(CORES)}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([sys.executable, *words], cwd=folder, env=environment, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"error: {words[0]} failed\n{said.read().decode()}")
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def reading(way: str) -> list[str]:
    """The command that only reads the exports, one after another."""
    return ["-c", f"import pathlib, polars as pl\nfor path in sorted(pathlib.Path('exports').iterdir()): {READ[way]}"]


def measure(rows: int, rounds: int) -> dict[str, list[Run]]:
    """What each round took, by command; ``read`` is Polars' quicker way of reading in that round."""
    found: dict[str, list[Run]] = {"read": []}
    if importlib.util.find_spec("duckdb"):
        found["read, DuckDB"] = []
    found |= {"ingest": [], "clean": []}
    scripts = ROOT / "scripts"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run([Path(__file__).with_name("bench_exports.py"), str(folder), str(rows), str(FILES)], ROOT)
        ingested, study = Path("processed/ingested.arrow"), ["--study", "scale"]
        for number in range(rounds):
            print(f"{rows:,} rows, round {number + 1} of {rounds} …", flush=True)
            found["read"].append(min(run(reading(way), folder) for way in READ))
            if "read, DuckDB" in found:
                found["read, DuckDB"].append(run(["-c", DUCKDB], folder))
            found["ingest"].append(
                run([scripts / "ingest.py", *study, "--out", ingested, "--tables", "tables/ingest"], folder)
            )
            cleaned = ["--ingested", ingested, "--out", "processed", "--tables", "tables/clean"]
            found["clean"].append(run([scripts / "clean.py", *study, *cleaned], folder))
    return found


def section(found: dict[int, dict[str, list[Run]]]) -> list[str]:
    """The lines of docs/benchmarks.md on these runs, by number of rows."""
    lines = [
        "## Large exports",
        "",
        f"{FILES} CSV files of text labels, 36 items and six other columns, with repeats, blanks, impossible ages and",
        "missing answers. To read is to give every cell of every column to Polars as text, file by file: the quicker",
        f"of `pl.read_csv` and a streaming `pl.scan_csv` in that round. {CORES} cores; Python's start counts in every",
        "row. Times are medians over the rounds; a ratio is the median of ratios to reading in the same round, by wall",
        "time and by processor time, which other work on the machine disturbs less. Peak memory is the largest",
        "resident set of the process in any round.",
        "",
        (
            "DuckDB reads all files in one call and finds out how they are written, as ingest does; Polars is told."
            if any("read, DuckDB" in commands for commands in found.values())
            else "DuckDB is not installed here, so that reading with it was skipped."
        ),
        "",
        "| rows | rounds | what | wall, s | / Polars | / DuckDB | processor, s | / Polars | / DuckDB | peak, MiB |",
        "|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    over, slow = [], []
    for rows, commands in found.items():
        pairs = zip(commands["ingest"], commands["clean"], strict=True)
        both = [Run(a.wall + b.wall, a.processor + b.processor, max(a.peak, b.peak)) for a, b in pairs]
        for what, runs in {**commands, "ingest and clean": both}.items():
            peak = max(run.peak for run in runs)
            reads = [commands["read"], commands.get("read, DuckDB")]
            wall, processor = (_times(runs, reads, kind) for kind in ("wall", "processor"))
            lines.append(f"| {rows:,} | {len(runs)} | {what} | {wall} | {processor} | {peak:.0f} |")
            if what in ("ingest", "clean") and peak > LIMIT:
                over.append(f"{what} of {rows:,} rows")
            if what in ("ingest", "clean") and (ratio := _ratio(runs, commands["read"], "wall")) > TIMES:
                slow.append(f"{what} of {rows:,} rows ({ratio:.2f})")
    lines += ["", f"Over {LIMIT} MiB: {', '.join(over) or 'none'}."]
    lines += [f"A step that takes more than {TIMES} times as long as Polars to read: {', '.join(slow) or 'none'}."]
    return lines


def _ratio(runs: list[Run], base: list[Run], kind: str) -> float:
    """The median over the rounds of how many times as much ``runs`` took as ``base``."""
    return statistics.median(getattr(a, kind) / getattr(b, kind) for a, b in zip(runs, base, strict=True))


def _times(runs: list[Run], reads: list[list[Run] | None], kind: str) -> str:
    """The median time and the median ratio to each way of reading, as cells; a dash for a way that is not here."""
    times = [getattr(run, kind) for run in runs]
    cells = [f"{statistics.median(times):.1f}"]
    for read in reads:
        cells.append(f"{_ratio(runs, read, kind):.2f}" if read else "–")
    return " | ".join(cells)


def main() -> list[str]:
    return section({rows: measure(rows, rounds) for rows, rounds in SIZES.items()})
