"""Compare genders: means, Welch's ANOVA, Games-Howell and Hedges g, naive and clustered by school.

Hedges g = J (m_a - m_b) / s, with the pooled standard deviation s. Naive results take students as independent;
clustered ones use the CR1 variance G/(G-1) · (N-1)/(N-K) Σ_g S_g S_g' over schools, which hold students of several
genders. Holm's correction runs over dimensions (tests) and over dimensions and pairs (pairs).
Methods and sources: docs/methods/comparisons.md.
"""

from pathlib import Path

from learning_survey import cli, gender, groups, tables
from learning_survey.cells import Cells
from learning_survey.config import load_study


def main(study: str, processed: Path, out: Path) -> None:
    """Read the cells below ``processed`` and write the tables ``gender.*`` to ``out``."""
    loaded = load_study(study)
    cells = Cells.read(processed, loaded)
    compared = gender.groups_of(cells, loaded)
    for name in ("means", "tests", "pairs"):
        frame = getattr(groups, name)(cells, loaded.instrument, compared)
        tables.write(frame, f"gender.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
