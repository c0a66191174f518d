"""Compare schools by inspection rating: Welch's ANOVA, Kruskal-Wallis, Hedges g, and what could have been detected.

The units are schools: each school's mean counts once. Holm's correction runs over the dimensions. The detectable
difference is the one that a two-sided t test of the compared ratings finds with 80% power, in standard deviations
between schools.
Methods and sources: docs/methods/comparisons.md.
"""

from pathlib import Path

from learning_survey import cli, inspection, schools, tables
from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.students import Students


def main(study: str, processed: Path, out: Path) -> None:
    """Read students and schools below ``processed`` and write the tables ``inspection.*`` to ``out``."""
    loaded = load_study(study)
    plan, level = loaded.inspection, loaded.resampling.level
    if plan is None:
        raise SurveyError("no 'inspection' to compare", where=f"study {study}", remedy="Add it to the study's file.")
    students = Students.read(processed)
    schools.require_schools(students)
    means = schools.means(students, loaded.instrument, level, schools.least_students(loaded))
    ratings = inspection.read_ratings(processed, plan)
    rows = inspection.units(means, ratings, plan)
    dimensions = loaded.instrument.dimension_ids
    for name in ("means", "tests", "pairs"):
        frame = getattr(inspection, name)(rows, dimensions, plan, level)
        tables.write(frame, f"inspection.{name}", out, loaded)
    tables.write(inspection.extremes(means, ratings, plan), "inspection.extremes", out, loaded)


if __name__ == "__main__":
    cli.run(main)
