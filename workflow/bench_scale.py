"""Time ingest and clean on exports of text labels, many times the cohort's size, beside only reading the same files.

A study of 87 CSV files, one for each school, is generated in a temporary folder: the instrument of Phase One with its
labels in several spellings, and the dirt that exports have. ``ingest.py`` and ``clean.py`` run as commands. To read
the files is to give every cell of every column to Polars as text, in the quicker of two ways. All have CORES cores.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES, CORES = 87, 2
SIZES = {300_000: 3, 3_000_000: 1}  # rows: rounds
LIMIT = 2048  # MiB
READ = {
    "read_csv": "pl.read_csv(path, infer_schema=False)",
    "scan_csv": "pl.scan_csv(path, infer_schema=False).collect(engine='streaming')",
}
Run = tuple[float, float]  # seconds of wall time, MiB of peak memory


def run(words: Sequence[str | Path], folder: Path) -> Run:
    """Run a command in ``folder``; its wall time and the largest resident set of its process. Raises if it fails."""
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
    return seconds, used.ru_maxrss / 1024


def reading(way: str) -> list[str]:
    """The command that only reads the exports, one after another."""
    return ["-c", f"import pathlib, polars as pl\nfor path in sorted(pathlib.Path('exports').iterdir()): {READ[way]}"]


def measure(rows: int, rounds: int) -> dict[str, list[Run]]:
    """What each round took, by command; ``read`` is the quicker way of reading in that round."""
    found: dict[str, list[Run]] = {"read": [], "ingest": [], "clean": []}
    scripts = ROOT / "scripts"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run([Path(__file__).with_name("bench_exports.py"), str(folder), str(rows), str(FILES)], ROOT)
        ingested, study = Path("processed/ingested.parquet"), ["--study", "scale"]
        for number in range(rounds):
            print(f"{rows:,} rows, round {number + 1} of {rounds} …", flush=True)
            found["read"].append(min(run(reading(way), folder) for way in READ))
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
        "row. A ratio is the median over rounds of seconds over those of reading in the same round. Peak memory is the",
        "largest resident set of the process in any round.",
        "",
        "| rows | what | median, s | all rounds, s | over reading | peak memory, MiB |",
        "|---:|---|---:|---|---:|---:|",
    ]
    over = []
    for rows, commands in found.items():
        read = [seconds for seconds, _ in commands["read"]]
        both = [(a + b, max(m, n)) for (a, m), (b, n) in zip(commands["ingest"], commands["clean"], strict=True)]
        for what, runs in {**commands, "ingest and clean": both}.items():
            seconds, peak = [s for s, _ in runs], max(m for _, m in runs)
            ratio = statistics.median(s / r for s, r in zip(seconds, read, strict=True))
            each = ", ".join(f"{s:.1f}" for s in seconds)
            lines.append(
                f"| {rows:,} | {what} | {statistics.median(seconds):.1f} | {each} | {ratio:.2f} | {peak:.0f} |"
            )
            if what in ("ingest", "clean") and peak > LIMIT:
                over.append(f"{what} of {rows:,} rows")
    lines += ["", f"Over {LIMIT} MiB: {', '.join(over) or 'none'}."]
    return lines


def main() -> list[str]:
    return section({rows: measure(rows, rounds) for rows, rounds in SIZES.items()})
