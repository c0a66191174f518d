"""Compare schools: intraclass correlations, shrunken means, the top against the bottom school, strong cultures.

Variance components by one-way ANOVA with n0 = (N - Σ n_j²/N) / (G - 1): icc1 = (MSB - MSW) / (MSB + (n0 - 1) MSW),
icc2 = (MSB - MSW) / MSB, interval of icc1 by a jackknife over schools. A school's mean is drawn towards the overall
mean: it keeps the part between / (between + within / n) of its distance. Top and bottom are by the mean over all
dimensions. Schools have pseudonyms, and one with too few students is neither shown nor ranked.
Methods and sources: docs/methods/comparisons.md.
"""

from pathlib import Path

from learning_survey import cli, schools, tables
from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.students import Students


def main(study: str, processed: Path, out: Path) -> None:
    """Read the scored students below ``processed`` and write the tables ``schools.*`` to ``out``."""
    loaded = load_study(study)
    if loaded.schools is None:
        raise SurveyError("no 'schools' to compare", where=f"study {study}", remedy="Add them to the study's file.")
    instrument, level = loaded.instrument, loaded.resampling.level
    students = Students.read(processed)
    schools.require_schools(students)
    means = schools.means(students, instrument, level, schools.least_students(loaded))
    frames = {
        "variance": schools.variance(students, instrument, level, loaded.min_group),
        "means": means,
        "extremes": schools.extremes(students, instrument, means, loaded),
        "strong_culture": schools.strong_culture(means, loaded),
    }
    for name, frame in frames.items():
        tables.write(frame, f"schools.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
