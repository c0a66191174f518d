"""Compare genders: means, tests, and how large differences are, naive and clustered by school.

Hedges g = J (m_a - m_b) / s, with the pooled standard deviation s. Naive results take students as independent;
clustered ones use the CR1 variance G/(G-1) · (N-1)/(N-K) Σ_g S_g S_g' over schools, which hold students of several
genders. Holm's correction runs over dimensions (tests) and over dimensions and pairs (pairs). ``effects`` has g by
three standardisers, the chance of superiority and percentage points; ``range`` the smallest and the largest g with the
number of comparisons accounted for. Methods and sources: docs/methods/comparisons.md.
"""

from pathlib import Path

from learning_survey import cli, effects, gender, tables
from learning_survey.cells import Cells
from learning_survey.config import load_study
from learning_survey.effect_range import effect_range
from learning_survey.group_draws import Draws


def main(study: str, processed: Path, out: Path) -> None:
    """Read the cells below ``processed`` and write the tables ``gender.*`` to ``out``."""
    loaded = load_study(study)
    cells = Cells.read(processed, loaded)
    compared, draws = gender.groups_of(cells, loaded), Draws.of(cells, loaded)
    made = effects.tables(cells, loaded.instrument, compared)
    made["range"] = effect_range(cells, loaded, compared, draws)
    for name, frame in made.items():
        tables.write(frame, f"gender.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
