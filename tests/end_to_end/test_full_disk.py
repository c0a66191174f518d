"""A full disk: one clear message that names a file and the remedy, no half file, and the same bytes once there is room.

Two kinds: a limit on the size of a file (RLIMIT_FSIZE), which everyone can set, and a small filesystem in memory that
is really full, where this user may mount one.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import build, parts, whole

STEPS = {
    "ingest": "--out data/processed/small/ingested.arrow --tables results/small/tables/ingest",
    "clean": "--ingested data/processed/small/ingested.arrow --out data/processed/small"
    " --tables results/small/tables/clean",
    "score": "--clean data/processed/small/clean.parquet --flags data/processed/small/flags.parquet"
    " --out data/processed/small",
    "describe": "--processed data/processed/small --out results/small/tables/describe",
    "missing": "--processed data/processed/small --out results/small/tables/missing",
    "figures": "--tables results/small/tables --out results/small/figures",
    "values": "--tables results/small/tables --out results/small/values.json",
    "report": "--results results/small --out results/small/report",
    "audit": "--results results/small --processed data/processed/small --out results/small/audit",
}
REMEDY = "Free disk space"


@pytest.fixture(scope="module")
def built(small):
    folder = small("built")
    run = build(folder, "--study", "small")
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def limited(command: list[str], folder: Path, size: int, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command that can write no file of more than ``size`` bytes."""
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | variables,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        capture_output=True,
        text=True,
        check=False,
    )


def step(name: str) -> list[str]:
    return [sys.executable, f"scripts/{name}.py", "--study", "small", *STEPS[name].split()]


def is_clear(said: str) -> None:
    """One message or more: each names a file, then the reason, then the remedy; and no traceback."""
    assert "Traceback" not in said, said
    assert re.search(r"^error: \S.*: .*(No space left on device|File too large)", said, re.M), said
    assert REMEDY in said, said


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("size", [0, 300, 20_000])
def test_a_step_whose_file_finds_no_room(built, name, size):
    """Every file that was there stays as it was, or is written anew whole."""
    before = whole(built)
    run = limited(step(name), built, size)
    if run.returncode:
        is_clear(run.stderr)
    else:
        assert size > 0  # its files are smaller
    assert whole(built) == before and not parts(built)


@pytest.fixture
def tiny(tmp_path) -> Iterator[Path]:
    """A filesystem of 64 MiB in memory."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a filesystem")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, free: int) -> Path:
    """Fill the filesystem of ``folder`` but for ``free`` bytes; the file to remove again."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free - free)
    return filler


def test_every_step_on_a_filesystem_that_is_full(built, tiny):
    folder = tiny / "project"
    shutil.copytree(built, folder, symlinks=True)
    before = whole(folder)
    for name in STEPS:
        for free in (0, 8192):  # also the folder for temporary files is full
            filler = fill(tiny, free)
            run = subprocess.run(
                step(name),
                cwd=folder,
                env=os.environ | {"TMPDIR": str(tiny)},
                capture_output=True,
                text=True,
                check=False,
            )
            filler.unlink()
            assert run.returncode or free, name
            if run.returncode:
                is_clear(run.stderr)
            assert whole(folder) == before and not parts(folder), name


def taken(folder: Path) -> int:
    """The bytes that everything below ``folder`` takes up on its disk."""
    return sum(path.lstat().st_blocks for path in folder.rglob("*")) * 512  # the unit of st_blocks


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 0.75])
def test_a_build_on_a_disk_that_fills_up_goes_on_once_there_is_room(built, small, tiny, share):
    """There is room for a share of what an undisturbed build writes."""
    folder, project = tiny / "project", small("roomless")
    shutil.copytree(project, folder)
    filler = fill(tiny, int(share * (taken(built) - taken(project))))
    run = build(folder, "--study", "small")
    assert run.returncode
    is_clear(run.stderr)
    reference = whole(built)
    assert all(reference[name] == digest for name, digest in whole(folder).items()) and not parts(folder)
    filler.unlink()
    run = build(folder, "--study", "small")
    assert run.returncode == 0, run.stdout + run.stderr
    assert whole(folder) == reference and not parts(folder)


def test_a_build_whose_files_may_not_grow_goes_on_once_they_may(built, small):
    """For everyone: nothing is mounted."""
    folder, reference = small("limited"), whole(built)
    run = limited([sys.executable, "workflow/build.py", "--study", "small"], folder, 1)
    assert run.returncode
    is_clear(run.stderr)
    assert not whole(folder)
    run = limited([sys.executable, "workflow/build.py", "--study", "small"], folder, 1 << 17)
    assert run.returncode
    is_clear(run.stderr)
    assert all(reference[name] == digest for name, digest in whole(folder).items()) and not parts(folder)
    run = build(folder, "--study", "small")
    assert run.returncode == 0, run.stdout + run.stderr
    assert whole(folder) == reference and not parts(folder)
