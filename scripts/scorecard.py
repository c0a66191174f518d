"""Hold every published claim against the computed tables.

Method: a claim agrees when the computed figure lies within half a unit of the last printed place plus sampling error
(half the 95% interval), together at most the cap of its kind; a claim in words has its own check. The rules are in
``config/published/<name>.yaml``, the method in ``docs/methods/scorecard.md``. Verdicts of a synthetic study are
"recovered" and "not recovered", of a real one "reproduced" and "not reproduced"; what the study cannot answer is
"not computable", with the reason.
"""

from pathlib import Path

from learning_survey import cli
from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.scorecard import scorecard
from learning_survey.tables import write


def main(study: str, tables: Path, out: Path) -> None:
    if out.name != "scorecard.csv":
        raise SurveyError("the scorecard is a file named 'scorecard.csv'", where=out, remedy="Correct --out.")
    loaded = load_study(study)
    write(scorecard(loaded, tables), "scorecard", out.parent, loaded)


if __name__ == "__main__":
    cli.run(main)
