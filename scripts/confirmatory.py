"""Confirm the dimensions: how factor models of the items fit, with which loadings, and what they leave out.

Models: a factor per dimension, all correlated; these under higher factors; one factor; a general and specific factors.
They are estimated by maximum likelihood from the students who answered every item and, with full information, from
all (Jöreskog 1969; Arbuckle 1996). Chi-squares and standard errors also stand as they are without normality and by
school (Yuan & Bentler 2000; Asparouhov & Muthén 2005). Methods and sources: docs/methods/confirmatory.md.
"""

from pathlib import Path

from learning_survey import cli, confirmatory, tables
from learning_survey.config import load_study


def main(study: str, processed: Path, out: Path) -> None:
    """Read the scores below ``processed`` and write the tables ``confirmatory.*`` to ``out``."""
    loaded = load_study(study)
    for name, frame in confirmatory.tables(loaded, processed).items():
        tables.write(frame, f"confirmatory.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
