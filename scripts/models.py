"""Mixed models of students in schools beside least squares, from cells of students.

For each dimension y = X β + u_school + e, with key stage, gender, the school's phase where it can be told from key
stage, and the study's covariates in X; by restricted likelihood. Estimates stand beside least squares; standard errors
are naive, Satterthwaite's, CR2 and by resampling schools. Methods and sources: docs/methods/models.md.
"""

from pathlib import Path

import polars as pl

from learning_survey import cli, models, models_design, tables
from learning_survey.cells import Cells
from learning_survey.config import load_study
from learning_survey.errors import SurveyError


def main(study: str, processed: Path, out: Path) -> None:
    """Read the cells and schools below ``processed`` and write the tables ``models.*`` to ``out``."""
    loaded = load_study(study)
    found = models.of_study(Cells.read(processed, loaded), loaded, read_register(processed / "schools.parquet"))
    for name in ("coefficients", "tests", "variance", "means", "contrasts"):
        tables.write(getattr(models, name)(found, loaded), f"models.{name}", out, loaded)


def read_register(path: Path) -> models_design.Register:
    """Phase and country by school; raises SurveyError where the file or a column is missing."""
    columns = ["school", "phase", "country"]
    try:
        schools = pl.read_parquet(path, columns=columns).cast(pl.String)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SurveyError(
            f"cannot be read: {str(error).splitlines()[0]}", where=path, remedy="Run the step 'clean' again."
        ) from None
    return models_design.register_of(schools.to_dict(as_series=False))


if __name__ == "__main__":
    cli.run(main)
