"""Score the cleaned answers: items in one direction, a mean per dimension, and the moments of both by cluster.

A reversed item's code x becomes min + max - x. A dimension's score is the mean of its answered items, where at least
``score.min_items`` are answered. The cluster is the school, or a random group where the study has no schools.
Moments of items are also taken by cluster within each key stage and gender; there, and by whether careless answering
was flagged, students are counted by score (``cells.parquet``).
"""

from pathlib import Path

from learning_survey import cli
from learning_survey.config import load_study
from learning_survey.score import score


def main(study: str, clean: Path, flags: Path, out: Path) -> None:
    score(load_study(study), clean, flags, out)


if __name__ == "__main__":
    cli.run(main)
