"""Builds in fresh copies of the project, with this environment's Python."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pipeline import publish
from surveys import make_survey

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


CLAIMS = {
    "tolerances": {"count": {"cap": 0}},
    "rules": [
        {
            "claims": "students",
            "check": "value",
            "table": "clean.sample",
            "where": {"fact": "students"},
            "column": "value",
            "tolerance": "count",
        }
    ],
}
MADE = ("results", "data/processed")


@pytest.fixture(scope="session")
def small(copy):
    """A function that makes a copy of the project with a small survey in it, 'small'.

    It has one step of each kind, of exports to report and audit: of the analyses only those that every survey has.
    """

    def make(name: str) -> Path:
        folder = copy(name)
        shape = {"schools": 0, "key_stages": False, "gender": False, "dimensions": 2, "items_per": 3}
        survey = make_survey(folder, per_school=60, missing=0.02, **shape)
        survey.change(factors={"dimension_factors": None})  # two dimensions have no factors
        publish(survey, [("students", "value", "60")], CLAIMS)
        return folder

    return make


def whole(folder: Path) -> dict[str, str]:
    """SHA-256 of everything made for the small survey that stands under a final name, by path."""
    files = [path for top in MADE for path in (folder / top / "small").rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def parts(folder: Path) -> list[Path]:
    """Files that were begun and not ended."""
    return [path for top in (*MADE, "data/raw") for path in (folder / top).rglob("*.part")]


def forget(folder: Path) -> None:
    """Remove what was built, as ``make clean`` does."""
    for name in ("results", "data/processed/small", "logs", "benchmarks", ".snakemake"):
        shutil.rmtree(folder / name, ignore_errors=True)
