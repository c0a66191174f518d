"""Estimate polychoric correlations of the items: those of the normal variables that ordered answers are taken to cut.

Thresholds are normal quantiles of each item's cumulative shares; the correlation of two items maximises the likelihood
of their two-way table given the thresholds, sum of n_ab log p_ab(rho) (Olsson 1979, two-step). Standard errors sum what
each school moves an estimate by (Muthén 1984; Liang & Zeger 1986). Methods and sources: docs/methods/polychoric.md.
"""

from pathlib import Path

from learning_survey import cli, polychoric, tables
from learning_survey.config import load_study


def main(study: str, processed: Path, out: Path) -> None:
    """Read the two-way tables below ``processed`` and write the tables ``polychoric.*`` to ``out``."""
    loaded = load_study(study)
    for name, frame in polychoric.tables(loaded, processed).items():
        tables.write(frame, f"polychoric.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
