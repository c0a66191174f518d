"""Read a study's raw exports into one table of codes.

Every file that ``exports.files`` names is read as text: CSV, TSV, XLSX, XLS, ODS, SPSS or Parquet. How it is written
(encoding, delimiter, line end, rows of headers) is found from the file and goes to the table ``ingest.files``.
Headers become columns by the study's ``columns``
and the instrument's items; labels become codes by the instrument's labels, whatever their case, spaces and punctuation.
No row is dropped and no cell repaired: what does not fit is an error that names the file, the line and the remedy.
"""

from pathlib import Path

from learning_survey import cli
from learning_survey.config import load_study
from learning_survey.ingest import ingest


def main(study: str, out: Path, tables: Path) -> None:
    ingest(load_study(study), out, tables)


if __name__ == "__main__":
    cli.run(main)
