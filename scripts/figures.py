"""Draw a study's figures from its aggregate tables.

Each figure is written as SVG and as PNG (200 dots per inch), 6.3 inches wide. ``figures.json`` holds for each the name
of its files, a text alternative made from the numbers that it shows, and a caption that says what its intervals are.
A synthetic study's figures carry a mark, and so do their files. Which figures there are follows from the study: no
schools, no school figures. Likert items are drawn as diverging stacked bars (Robbins and Heiberger, 2011), schools as a
caterpillar of shrunken means (Goldstein and Healy, 1995).
"""

from pathlib import Path

from learning_survey import figures
from learning_survey.cli import run
from learning_survey.config import load_study


def main(study: str, tables: Path, out: Path) -> None:
    figures.make(load_study(study), tables, out)


if __name__ == "__main__":
    run(main)
