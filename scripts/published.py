"""Hold the published figures against each other: what must be true of them, whatever the data behind them.

Printed loadings and factor correlations give communalities, which printed reliabilities bound, and the alpha of all
items; a rotation is found that gives the loadings back. A printed percentage must be a share of whole numbers. An
effect and a gap in share say in what spread the effect is counted. No answers of students are read.
Methods and sources: docs/methods/published.md.
"""

from pathlib import Path

from learning_survey import cli, published, tables
from learning_survey.config import load_study


def main(study: str, out: Path) -> None:
    """Read the published figures of ``study`` and write the tables ``published.*`` to ``out``."""
    loaded = load_study(study)
    for name, frame in published.tables(loaded).items():
        tables.write(frame, f"published.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
