"""Estimate the reliability of each dimension and of all items, overall and by key stage and gender.

alpha = p/(p-1) (1 - Σ s_i² / s²), with s_i² the variances of p items and s² that of their sum, from pairwise
covariances (Cronbach 1951). omega_total = 1 - Σ psi_i / Σ r_ij, with psi_i the uniquenesses of minimum-residual
factors: one for a dimension, one per dimension for all items (McDonald 1999). Beside them: ordinal alpha and
categorical omega, lambda 6, the greatest split half, what a general factor makes of each scale (Schmid & Leiman 1957),
tests of equal alphas, reliability between and within schools, and the error of measurement by band. Intervals leave out
one cluster at a time or resample clusters; Feldt's stands beside them, which takes students as independent. Methods and
sources: docs/methods/reliability.md.
"""

from pathlib import Path

from learning_survey import cli, reliability_tables, tables
from learning_survey.config import load_study


def main(study: str, processed: Path, out: Path) -> None:
    """Read the moments below ``processed`` and write the tables ``reliability.*`` to ``out``."""
    loaded = load_study(study)
    for name, frame in reliability_tables.tables(loaded, processed).items():
        tables.write(frame, f"reliability.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
