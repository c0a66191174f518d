"""Give each key finding of the published report its verdict, and correct the p values of all families of tests.

Verdicts: supported, supported with a caveat, not supported, cannot be tested with these data. The rule for each stands
in ``config/verdicts/<name>.yaml``: conditions on cells of tables and on claims of the scorecard, tried in order.
p values: Holm (1979) inside a family, Benjamini & Hochberg (1995) across all. Method: docs/methods/verdicts.md.
"""

from pathlib import Path

from learning_survey import cli, verdicts
from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.tables import write


def main(study: str, tables: Path, scorecard: Path, out: Path) -> None:
    """Read the tables below ``tables`` and the scorecard, and write the tables ``verdicts.*`` to ``out``."""
    loaded = load_study(study)
    if loaded.verdicts is None:
        raise SurveyError(
            "no 'verdicts'", where=f"study {study}", remedy="Name a file of config/verdicts/ in the study's file."
        )
    for name, frame in verdicts.tables(loaded, tables, scorecard).items():
        write(frame, f"verdicts.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
