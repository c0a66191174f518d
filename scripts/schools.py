"""Compare schools: variance, shrunken and adjusted means, ranks, the top against the bottom school, strong cultures.

Variance components by one-way ANOVA with n0 = (N - Σ n_j²/N) / (G - 1): icc1 = (MSB - MSW) / (MSB + (n0 - 1) MSW),
icc2 = (MSB - MSW) / MSB, interval of icc1 by a jackknife over schools. A school's mean is drawn towards the overall
mean: it keeps the part between / (between + within / n) of its distance. Top and bottom are by the mean over all
dimensions; how far apart chance alone puts the extremes of so many schools is simulated. Schools have pseudonyms, and
one with too few students is neither shown nor ranked. All of it from counts of students by score.
Methods and sources: docs/methods/schools.md.
"""

from pathlib import Path

from learning_survey import cli, schools, tables
from learning_survey.cells import Cells
from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.school_cultures import cultures, strong_culture
from learning_survey.school_extremes import extremes
from learning_survey.school_gaps import gaps
from learning_survey.school_scores import require_schools


def main(study: str, processed: Path, out: Path) -> None:
    """Read the counts of students below ``processed`` and write the tables ``schools.*`` to ``out``."""
    loaded = load_study(study)
    if loaded.schools is None:
        raise SurveyError("no 'schools' to compare", where=f"study {study}", remedy="Add them to the study's file.")
    cells = Cells.read(processed, loaded)
    require_schools(cells)
    means = schools.means(cells, loaded)
    frames = {
        "variance": schools.variance(cells, loaded.instrument, loaded.resampling.level, loaded.min_group),
        "means": means,
        "extremes": extremes(cells, means, loaded),
        **gaps(cells, loaded),
        "cultures": cultures(means, loaded),
        "strong_culture": strong_culture(means, loaded),
    }
    for name, frame in frames.items():
        tables.write(frame, f"schools.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
