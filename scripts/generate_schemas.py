"""Write the JSON schemas in workflow/schemas/ and docs/tables.md from the models.

Run it after a change to a model of ``config`` or a table of ``schemas``; a test fails until then.
"""

from pathlib import Path

from learning_survey import cli
from learning_survey.reference import documents
from learning_survey.tables import write_text


def main(root: Path = Path()) -> None:
    for path, text in documents().items():
        write_text(root / path, text)


if __name__ == "__main__":
    cli.run(main)
