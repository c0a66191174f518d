"""Drop the rows and empty the cells that cannot be used, and write each into a ledger.

Rules, in order, as the study's ``clean`` switches them on: test responses; too few answers; repeats of an identical
row; straight lines through items of both directions; ages that are none; genders and groups that are not known; rows
without what the study requires. Rows in = rows kept + rows in the ledger, and no kept answer changes: both are checked.
Schools get pseudonyms here.
"""

from pathlib import Path

from learning_survey import cli
from learning_survey.clean import clean
from learning_survey.config import load_study


def main(study: str, ingested: Path, out: Path, tables: Path) -> None:
    clean(load_study(study), ingested, out, tables)


if __name__ == "__main__":
    cli.run(main)
