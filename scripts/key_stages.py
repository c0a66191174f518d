"""Compare key stages: means, tests, trend and steps, and how large differences are, naive and clustered by school.

Hedges g = J (m_a - m_b) / s, with the pooled standard deviation s. Naive results take students as independent;
clustered ones use the CR1 variance G/(G-1) · (N-1)/(N-K) Σ_g S_g S_g' over schools, which may hold students of several
key stages. Holm's correction runs over dimensions (tests) and over dimensions and pairs (pairs). A trend is the change
per key stage in standard deviations of all scores. ``order`` tests whether means fall all along, ``isotonic`` has the
means that such an order would give, ``steps`` each step and how often it is the largest in resamples of schools.
Methods and sources: docs/methods/comparisons.md.
"""

from pathlib import Path

from learning_survey import cli, effects, key_stages, steps, tables
from learning_survey.cells import Cells
from learning_survey.config import load_study
from learning_survey.group_draws import Draws


def main(study: str, processed: Path, out: Path) -> None:
    """Read the cells below ``processed`` and write the tables ``key_stages.*`` to ``out``."""
    loaded = load_study(study)
    cells = Cells.read(processed, loaded)
    compared, draws = key_stages.groups_of(cells, loaded), Draws.of(cells, loaded)
    made = effects.tables(cells, loaded.instrument, compared)
    made["order"] = steps.order(cells, loaded, compared)
    made["isotonic"] = steps.isotonic(cells, loaded, compared, draws)
    made["steps"] = steps.steps(cells, loaded, compared, draws)
    for name, frame in made.items():
        tables.write(frame, f"key_stages.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
