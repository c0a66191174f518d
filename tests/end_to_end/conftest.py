"""Builds in fresh copies of the project, with this environment's Python."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "workflow"))


def build(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``make``'s command in a copy of the project."""
    command = [sys.executable, "workflow/build.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def digests(folder: Path, *patterns: str) -> dict[str, str]:
    """SHA-256 of each file below ``folder`` that matches, by path."""
    files = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


RESULTS = ("results/*/tables/**/*.csv", "results/*/values.json", "results/*/scorecard.csv", "results/*/figures/*")


@pytest.fixture(scope="session")
def copy(tmp_path_factory):
    """A function that makes a fresh copy of the project."""
    from bench import copy_of_project

    return lambda name: copy_of_project(tmp_path_factory.mktemp(name))


@pytest.fixture(scope="session")
def phase_one(copy):
    """Phase One built with every core: the folder and what the build printed."""
    folder = copy("phase_one")
    run = build(folder)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder, run
