"""A build that is killed at any moment: the run after it gives the same bytes, and no half file stands for a whole one.

Fifty kills of a small survey that has one step of each kind, at times drawn evenly over the time of an undisturbed
build: of all its processes then, or as soon as one has begun a file; of Snakemake alone; or of one step. The seed and
each draw are printed. To repeat some:

    FAULTS_SEED=20230301 FAULTS_KILLS=5 python -m pytest tests/end_to_end/test_kills.py -s
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from .conftest import build, forget, parts, whole

SEED = int(os.environ.get("FAULTS_SEED", "20230301"))
KILLS = int(os.environ.get("FAULTS_KILLS", "50"))
KINDS = {"everything": 0.4, "writing": 0.2, "snakemake": 0.2, "step": 0.2}
SUFFIXES = {".parquet", ".arrow", ".npz", ".csv", ".json", ".svg", ".png", ".html", ".pdf", ".docx", ".md"}
COMMAND = [sys.executable, "workflow/build.py", "--study", "small"]

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")


def test_fifty_kills_at_random_times_leave_nothing_half_done(small):
    draws = np.random.default_rng(SEED).spawn(2)
    with ThreadPoolExecutor(2) as pool:  # a build on its own leaves one of two cores idle half of the time
        first, second = pool.map(
            lambda number: killed(small(f"killed{number}"), draws[number], (KILLS + number) // 2), range(2)
        )
    assert first == second  # two undisturbed builds in two places


def killed(folder: Path, rng: np.random.Generator, kills: int) -> dict[str, str]:
    """Kill ``kills`` builds in ``folder``, and build on after each; the digests of an undisturbed build."""
    began = time.monotonic()
    run = build(folder, "--study", "small")
    seconds = time.monotonic() - began
    assert run.returncode == 0, run.stdout + run.stderr
    reference = whole(folder)
    assert {Path(name).suffix for name in reference} >= SUFFIXES and not parts(folder)
    done = 0
    while done < kills:
        forget(folder)
        kind = rng.choice(list(KINDS), p=list(KINDS.values()))
        after = rng.uniform(0, seconds)
        what = f"seed {SEED}, {folder.name}, kill {done + 1}: {kind} after {after:.2f} of {seconds:.2f} s"
        began = time.monotonic()
        if not kill(folder, kind, after):
            # It was done sooner than the first one: so are the next.
            seconds = min(seconds, time.monotonic() - began)
            print(f"{what}: the build had ended")
            continue
        left, begun = whole(folder), parts(folder)
        print(f"{what}: {len(left)} of {len(reference)} files whole, {len(begun)} begun", flush=True)
        wrong = {name for name, digest in left.items() if reference.get(name) != digest}
        assert not wrong, f"{what}: not whole: {sorted(wrong)}"
        run = build(folder, "--study", "small")
        assert run.returncode == 0, f"{what}\n{run.stdout}{run.stderr}"
        assert whole(folder) == reference, what
        assert not parts(folder), what
        if kind == "snakemake":  # its steps went on; the next build waited for them
            again = build(folder, "--plan", "--study", "small")
            assert "Nothing to do" in again.stderr, f"{what}\n{again.stderr}"
        done += 1
    return reference


def kill(folder: Path, kind: str, after: float) -> bool:
    """Start a build, kill ``kind`` of it after so many seconds; whether there was anything to kill.

    Where one step was killed, the build is waited for: it ends by itself, and says which step it was.
    """
    with tempfile.TemporaryFile("w+") as words:  # a pipe would stay open, and be waited for, while any step lives
        process = subprocess.Popen(COMMAND, cwd=folder, start_new_session=True, stdout=words, stderr=words)
        time.sleep(after)
        if kind in ("everything", "writing"):
            while kind == "writing" and process.poll() is None and not parts(folder):
                time.sleep(0.001)
            hit = process.poll() is None
            if hit:
                os.killpg(process.pid, signal.SIGKILL)
        else:
            hit = shot(process, "snakemake" if kind == "snakemake" else "scripts/")
        process.wait()
        words.seek(0)
        said = words.read()
    if hit and kind == "step":
        assert process.returncode != 0 and "Traceback" not in said, said
        assert "error: " in said and "failed." in said, said
    return hit


def shot(process: subprocess.Popen[bytes], word: str) -> bool:
    """Kill one Python process of the build whose command has ``word`` in it, as soon as there is one."""
    while process.poll() is None:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes().decode().split("\0")
                session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
                if session == process.pid and "python" in command[0] and any(word in part for part in command[1:3]):
                    os.kill(int(entry.name), signal.SIGKILL)
                    return True
            except (FileNotFoundError, ProcessLookupError):
                continue
        time.sleep(0.01)
    return False
