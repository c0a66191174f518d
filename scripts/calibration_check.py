"""Hold cohorts with seeds that the calibration was not made with against the published figures.

Prints, for each seed, how many numbers are within tolerance and which are farthest off. With ``--docs FILE`` the table
over all seeds replaces the one in that page. Ends with exit code 2 when fewer than 95% of numbers are within tolerance.
"""

from pathlib import Path

import numpy as np

from learning_survey import cli
from learning_survey.calibration import load_calibration
from learning_survey.calibration_check import check, seed_line, share_within, table
from learning_survey.claims import load_published
from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.tables import write_text

START, END = "<!-- table: make calibration-check -->\n", "<!-- end of table -->"
LEAST = 0.95


def main(study: str = "phase_one", seeds: int = 20, first: int = 1001, docs: Path | None = None) -> None:
    loaded = load_study(study)
    calibration = load_calibration(loaded)
    published, claims = load_published(loaded.published)
    results = {}
    for seed in range(first, first + seeds):
        results |= check(calibration, loaded, published, claims, [seed])
        print(seed_line(seed, results[seed]), flush=True)
    shares = [share_within(checked) for checked in results.values()]
    print(f"{seeds} seeds: on average {np.mean(shares):.1%} of numbers within tolerance, at least {min(shares):.1%}")
    if docs:
        head, _, rest = docs.read_text(encoding="utf-8").partition(START)
        write_text(docs, head + START + "\n" + table(results) + "\n\n" + END + rest.partition(END)[2])
    if np.mean(shares) < LEAST:
        raise SurveyError(
            f"only {np.mean(shares):.1%} of numbers are within tolerance",
            where=f"config/calibration/{loaded.calibration}.yaml",
            remedy="Make it again with scripts/calibrate.py, and look at what changed in the model or the analyses.",
        )


if __name__ == "__main__":
    cli.run(main)
