"""Draw samples from a known population of students in schools, and count how often 95% intervals hold the truth.

Prints coverage of alpha, omega, promax loadings and standardised differences, with its Monte Carlo standard error.
With ``--docs FILE`` the table replaces the one in that page. Ends with exit code 2 when an interval holds the truth in
fewer than 93% or more than 97% of samples; a loading by itself, in fewer than 91.5% or more than 98.5%.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from learning_survey import cli
from learning_survey.errors import SurveyError
from learning_survey.simulation_check import Coverage, outcome, truth
from learning_survey.tables import write_text

START, END = "<!-- table: make simulation-check -->\n", "<!-- end of table -->"


def main(samples: int = 1000, first: int = 1, docs: Path | None = None) -> None:
    coverage = Coverage(truth())
    with ProcessPoolExecutor() as pool:
        for one in pool.map(partial(outcome, true=coverage.true), range(first, first + samples), chunksize=5):
            coverage.add(one)
            if coverage.samples % 100 == 0:
                print(f"{coverage.samples} samples", flush=True)
    print(coverage.table())
    if docs:
        head, _, rest = docs.read_text(encoding="utf-8").partition(START)
        text = f"{samples} samples, seeds from {first}.\n\n{coverage.table()}"
        write_text(docs, head + START + "\n" + text + "\n\n" + END + rest.partition(END)[2])
    outside = coverage.outside()
    if outside:
        raise SurveyError(
            f"intervals hold the truth in too few or too many samples: {', '.join(outside)}",
            where=f"{samples} samples",
            remedy="Correct the interval, not this check.",
        )


if __name__ == "__main__":
    cli.run(main)
