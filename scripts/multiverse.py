"""Compute every headline claim in every reasonable way: students, scores, rule for high, standardiser, adjustment.

The claims stand in ``config/multiverse/<name>.yaml``. For each specification the weakest part of the claim is kept: its
estimate t with the interval t ± t(P - 1) · SD of t over resamples of schools, which all specifications share. A claim's
share is that of its specifications that bear it out. Steegen et al. (2016); Simonsohn, Simmons & Nelson (2020).
Methods and sources: docs/methods/multiverse.md.
"""

from pathlib import Path

from learning_survey import cli, multiverse, tables
from learning_survey.cells import Cells
from learning_survey.config import load_study
from learning_survey.errors import SurveyError


def main(study: str, processed: Path, out: Path) -> None:
    """Read the cells below ``processed`` and write the tables ``multiverse.*`` to ``out``."""
    loaded = load_study(study)
    if loaded.multiverse is None:
        raise SurveyError(
            "no 'multiverse'", where=f"study {study}", remedy="Name a file of config/multiverse/ in the study's file."
        )
    for name, frame in multiverse.tables(loaded, Cells.read(processed, loaded), processed).items():
        tables.write(frame, f"multiverse.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
