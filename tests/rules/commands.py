"""Run a step as a command, as the workflow does: in the project's root, without Snakemake."""

import subprocess
import sys
from pathlib import Path

from conftest import ROOT


def command(
    step: str, root: Path, *arguments: object, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess:
    """``scripts/<step>.py`` with arguments, run in ``root``; neither success nor failure raises."""
    script = ROOT / "scripts" / f"{step}.py"
    words = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=False)
