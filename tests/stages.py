"""Analyses run as commands, the way that the workflow runs them."""

import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from surveys import Survey

from learning_survey import tables
from learning_survey.schemas import TABLES


def run_stage(survey: Survey, stage: str, out: Path | None = None) -> subprocess.CompletedProcess:
    """``scripts/<stage>.py`` on the survey's scores, in the survey's root, with warnings shown."""
    folder = out or survey.tables / stage
    options = {"--study": survey.name, "--processed": survey.processed, "--out": folder}
    command = [sys.executable, "-W", "always::RuntimeWarning", ROOT / "scripts" / f"{stage}.py"]
    for option, value in options.items():
        command += [option, value]
    return subprocess.run([str(part) for part in command], cwd=survey.root, capture_output=True, text=True, check=False)


def read_tables(survey: Survey, stage: str) -> dict:
    """The stage's tables by name; reading checks that each is there."""
    names = [name for name in TABLES if name.startswith(f"{stage}.")]
    return {name.split(".")[1]: tables.read(survey.tables, name) for name in names}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
