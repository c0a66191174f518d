"""Write the report of a study in HTML, PDF and Word.

Puts the study's report sources, tables, figures and values together in a private folder beside the report, so that
reports can be written side by side, and renders that folder: with Quarto where there is one, else with the built-in
renderer. No number is computed here. ``--keep FOLDER`` leaves the assembled folder there for a look, or for rendering
by hand.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from learning_survey.cli import run
from learning_survey.config import load_study
from learning_survey.renderer import render, renderer_info
from learning_survey.report import assemble


def main(study: str, results: Path, out: Path, keep: Path | None = None) -> None:
    loaded = load_study(study)
    out.parent.mkdir(parents=True, exist_ok=True)
    for left in out.parent.glob(f".{out.name}.*.part"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=f".{out.name}.", suffix=".part", dir=out.parent) as private:
        folder = keep or Path(private)
        master = assemble(loaded, results, loaded.root / "reports", folder, renderer_info().label)
        render(folder, master.name, out, f"{loaded.id}{loaded.mark}")


if __name__ == "__main__":
    run(main)
