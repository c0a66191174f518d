"""Build a study, or say what would be built and why.

    python workflow/build.py [--study NAME] [--cores N]
    python workflow/build.py --plan [--study NAME]

Runs Snakemake with progress in words and ends with where the report is, the scorecard's totals and the time taken.
One build at a time in a folder: the lock is the kernel's, so a build that was killed leaves none behind, and the next
one goes on where it stopped.
"""

from __future__ import annotations

import argparse
import collections
import csv
import fcntl
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOM = 1 << 16  # bytes


def snakemake(*arguments: str) -> list[str]:
    """Snakemake's command in this environment."""
    return [sys.executable, "-m", "snakemake", "--nolock", "--rerun-incomplete", *arguments]


def environment() -> dict[str, str]:
    """The present environment, with the progress plugin where Snakemake finds it."""
    return os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "progress")}


def chosen(study: str | None) -> list[str]:
    return ["--config", f"study={study}"] if study else []


def build(study: str | None, cores: str) -> int:
    """Run the workflow; return its exit code."""
    began = time.monotonic()
    state = ROOT / ".snakemake"
    try:
        state.mkdir(exist_ok=True)
        held = (state / "build.lock").open("w+")
    except OSError as error:
        return refused(state, error)
    with held as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Perhaps the last step of a build that was killed: it ends by itself.
            print("Another build is running in this folder; waiting for it to end …", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:  # Snakemake's own notes need some room; without any it ends in tracebacks
            os.posix_fallocate(lock.fileno(), 0, ROOM)
            lock.truncate(0)
        except OSError as error:
            return refused(state, error)
        # As its standard input the lock goes to the child and from there to every step: it stays locked while any part
        # of the build lives. Snakemake closes whatever else its steps could inherit.
        command = snakemake("--cores", cores, "--logger", "progress", *chosen(study))
        process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=lock)
        try:
            code = process.wait()
        except KeyboardInterrupt:
            code = process.wait()
    if code == 0:
        summary(study, time.monotonic() - began)
    return code


def refused(path: Path, error: OSError) -> int:
    """Say that ``path`` cannot be written; return the exit code."""
    print(f"error: {path}: cannot write: {error.strerror}", file=sys.stderr)
    print("  Free disk space or correct permissions, then run again.", file=sys.stderr)
    return 2


def summary(study: str | None, seconds: float) -> None:
    """Print where the reports are, the scorecards' totals and the time."""
    names = (
        [study] if study else re.findall(r"[a-z]\w*", (ROOT / "config/config.yaml").read_text().split("studies:")[1])
    )
    print()
    for name in names:
        for path in sorted((ROOT / "results" / name / "report").glob("*.*")):
            print(f"report     {path.relative_to(ROOT)}")
        scorecard = ROOT / "results" / name / "scorecard.csv"
        if scorecard.is_file():
            with scorecard.open(encoding="utf-8", newline="") as file:
                verdicts = collections.Counter(row["verdict"] for row in csv.DictReader(file))
            print(
                "scorecard  "
                + ", ".join(f"{n} {verdict}" for verdict, n in sorted(verdicts.items(), key=lambda v: -v[1]))
            )
    print(f"time       {seconds:.0f} s")


def plan(study: str | None) -> int:
    """Print which steps would run and why, in order, without running any; return Snakemake's exit code."""
    command = snakemake("--cores", "1", "--dry-run", "--logger", "progress", *chosen(study))
    return subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", help="a study in config/studies/ (default: those of config/config.yaml)")
    parser.add_argument("--cores", default="all")
    parser.add_argument("--plan", action="store_true", help="say what would run and why")
    chosen_arguments = parser.parse_args()
    if chosen_arguments.plan:
        return plan(chosen_arguments.study)
    return build(chosen_arguments.study, chosen_arguments.cores)


if __name__ == "__main__":
    sys.exit(main())
