"""The real Quarto: finding one that works, and running it in a report's folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from learning_survey.errors import FREE, SurveyError, no_room

OLDEST = (1, 5)  # the first with citeproc in Typst and without tables as pictures
SUFFIX = {"html": "html", "typst": "pdf", "docx": "docx"}


def find() -> Path | None:
    """Quarto on PATH, else the one in this Python's environment (the package quarto-cli), else None.

    One that does not start or is older than 1.5 does not count: quarto-cli leaves a command behind even where it could
    not download Quarto itself.
    """
    beside = str(Path(sys.executable).parent)
    for path in (shutil.which("quarto"), shutil.which("quarto", path=beside)):
        if path and _numbers(version(Path(path))) >= OLDEST:
            return Path(path)
    return None


def version(quarto: Path, *tool: str) -> str:
    """The version of Quarto, or of a tool inside it (``version(quarto, "pandoc")``); empty when it does not run."""
    try:
        done = subprocess.run([quarto, *tool, "--version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"\d+(\.\d+)+", done.stdout)
    return found[0] if found else ""


def render(quarto: Path, folder: Path, master: str, formats: Sequence[str], env: Mapping[str, str]) -> dict[str, Path]:
    """Render ``folder/master`` and return the file of each format.

    Raises SurveyError with Quarto's own last words when it fails or leaves a format out.
    """
    made = {format_: folder / f"{Path(master).stem}.{SUFFIX[format_]}" for format_ in formats}
    for path in made.values():
        path.unlink(missing_ok=True)
    # Without --to, Quarto renders every format of _quarto.yml in one go, which takes half the time.
    runs = [[]] if set(formats) == set(SUFFIX) else [["--to", format_] for format_ in formats]
    for options in runs:
        done = subprocess.run(
            [quarto, "render", master, *options],
            cwd=folder,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise _failed(master, "Quarto could not render the report", done)
    if missing := [path.name for path in made.values() if not path.is_file()]:
        raise _failed(master, f"Quarto did not make {missing[0]}", done)
    return made


def _failed(master: str, problem: str, done: subprocess.CompletedProcess[str]) -> SurveyError:
    if reason := no_room(done.stderr + done.stdout):
        return SurveyError(f"Quarto cannot write: {reason}", where=master, remedy=FREE)
    words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
    return SurveyError(
        f"{problem}:\n{words}",
        where=master,
        remedy="Correct the source, or set LEARNING_SURVEY_RENDERER=builtin to use the built-in renderer.",
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split(".") if n)
