"""Draft a study and an instrument from exports: ``make study NAME=<name> EXPORTS="<files>"``.

Writes ``config/studies/<name>.yaml`` and ``config/instruments/<name>.yaml``, in which each proposal has its evidence
beside it (``learning_survey.draft``). The study does not run until a person has answered the questions under
``confirm`` and taken ``draft`` and ``confirm`` out; ``docs/new_study.md`` says how. Files that are there already are
never written to. The last four options say of all files what they do not tell of themselves.
"""

from pathlib import Path

from learning_survey import cli
from learning_survey.draft_files import write


def main(
    name: str,
    exports: list[Path],
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    header: str | None = None,
) -> None:
    said = {"encoding": encoding, "delimiter": delimiter, "sheet": sheet, "header": header}
    study, instrument = write(name, exports, stated={key: value for key, value in said.items() if value})
    print(f"drafted {study} and {instrument}")
    print(f"Answer the questions under 'confirm' in {study}; docs/new_study.md says how.")


if __name__ == "__main__":
    cli.run(main)
