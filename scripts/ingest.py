"""Read a study's raw exports into one table of codes.

Every CSV and XLSX file that ``exports.files`` names is read as text. Headers become columns by the study's ``columns``
and the instrument's items; labels become codes by the instrument's labels, whatever their case, spaces and punctuation.
No row is dropped and no cell repaired: what does not fit is an error that names the file, the line and the remedy.
"""

from pathlib import Path

from learning_survey import cli
from learning_survey.config import load_study
from learning_survey.ingest import ingest


def main(study: str, out: Path) -> None:
    ingest(load_study(study), out)


if __name__ == "__main__":
    cli.run(main)
