"""Compare schools by inspection rating: tests, adjusted differences, equivalence, power, and all dimensions at once.

The units are schools: each school's mean counts once. Welch's ANOVA, Kruskal-Wallis and Hedges g over all ratings; for
the two compared ratings differences adjusted for phase, two one-sided tests of equivalence, Bayes factors, the power of
the schools at hand, Hotelling's T² and one contrast over all dimensions. Only ratings of a framework with an overall
grade are compared. Methods and sources: docs/methods/inspection.md.
"""

from pathlib import Path

from learning_survey import cli, inspection, schools, tables
from learning_survey.cells import Cells
from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.inspection_contrast import contrast
from learning_survey.inspection_effects import Pair, effects, equivalence, powers
from learning_survey.rating_frameworks import frameworks
from learning_survey.school_scores import require_schools


def main(study: str, processed: Path, out: Path) -> None:
    """Read counts of students and schools below ``processed`` and write the tables ``inspection.*`` to ``out``."""
    loaded = load_study(study)
    plan, level = loaded.inspection, loaded.resampling.level
    if plan is None:
        raise SurveyError("no 'inspection' to compare", where=f"study {study}", remedy="Add it to the study's file.")
    cells = Cells.read(processed, loaded)
    require_schools(cells)
    rated = inspection.read_schools(processed, loaded)
    used = rated.filter("used")
    ratings, phases = (dict(zip(used["school"], used[column], strict=True)) for column in ("rating", "phase"))
    means = schools.raw_means(cells, loaded)
    rows = inspection.units(means, ratings, plan)
    dimensions = loaded.instrument.dimension_ids
    compared = dimensions if plan.higher and plan.lower else []
    pairs = {d: Pair.of(rows, d, phases, plan) for d in compared}
    frames = {
        "means": inspection.means(rows, dimensions, plan, level),
        "tests": inspection.tests(rows, dimensions, plan, level),
        "pairs": inspection.pairs(rows, dimensions, plan, level),
        "extremes": inspection.extremes(means, ratings, plan),
        "frameworks": frameworks(rated, loaded),
        "effects": effects(pairs, cells, loaded),
        "equivalence": equivalence(pairs, loaded),
        "power": powers(pairs, loaded),
        "contrast": contrast(pairs, loaded),
    }
    for name, frame in frames.items():
        tables.write(frame, f"inspection.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
