"""Draw samples from a known population of students in schools, and count how often 95% intervals hold the truth.

Prints coverage of alpha, omega, promax loadings and standardised differences, of the models' intervals with how often
their tests find what is not there, and of comparisons of schools and ratings, with Monte Carlo standard errors.
With ``--docs FILE`` the table replaces the one in that page. Ends with exit code 2 when an interval holds the truth in
fewer than 93% or more than 97% of samples; a loading by itself, in fewer than 91.5% or more than 98.5%.
"""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from learning_survey import cli
from learning_survey.errors import SurveyError
from learning_survey.simulation_check import Coverage, Outcome, Truth, outcome, truth
from learning_survey.simulation_models import ModelCoverage, outcomes
from learning_survey.simulation_schools import SchoolCoverage
from learning_survey.simulation_schools import outcomes as of_schools
from learning_survey.tables import write_text

START, END = "<!-- table: make simulation-check -->\n", "<!-- end of table -->"


def main(samples: int = 1000, first: int = 1, docs: Path | None = None) -> None:
    coverage, models, schools = Coverage(truth()), ModelCoverage(), SchoolCoverage()
    with ProcessPoolExecutor() as pool:
        for one, own, of in pool.map(partial(all_of, true=coverage.true), range(first, first + samples), chunksize=5):
            coverage.add(one)
            models.add(own)
            schools.add(of)
            if coverage.samples % 100 == 0:
                print(f"{coverage.samples} samples", flush=True)
    table = "\n\n".join(part.table() for part in (coverage, models, schools))
    print(table)
    if docs:
        head, _, rest = docs.read_text(encoding="utf-8").partition(START)
        text = f"{samples} samples, seeds from {first}.\n\n{table}"
        write_text(docs, head + START + "\n" + text + "\n\n" + END + rest.partition(END)[2])
    outside = coverage.outside() + models.outside() + schools.outside()
    if outside:
        raise SurveyError(
            f"in too few or too many samples intervals hold the truth or tests find nothing: {'; '.join(outside)}",
            where=f"{samples} samples",
            remedy="Correct the interval or test, not this check.",
        )


def all_of(seed: int, true: Truth) -> tuple[Outcome, Counter[tuple[str, str]], Counter[str]]:
    """One sample of answers, and some of scores for the models and for comparisons of schools."""
    return outcome(seed, true), outcomes(seed), of_schools(seed)


if __name__ == "__main__":
    cli.run(main)
