"""Every number that a report may use, formatted once and traced to its table and row.

Reads all aggregate tables of a study and writes one JSON file: name → value, text, title, file, row. A name is
``<stage>.<table>.<key>….<column>``; ``summary.…`` points at highest, lowest and largest rows; ``study.…`` and
``instrument.…`` repeat the configuration. ``row`` counts lines as a spreadsheet does: the header is line 1.
"""

from pathlib import Path

from learning_survey.cli import run
from learning_survey.config import load_study
from learning_survey.summary import summary_values
from learning_survey.tables import write_text
from learning_survey.values import Tables, study_values, table_values, to_json


def main(study: str, tables: Path, out: Path) -> None:
    loaded = load_study(study)
    read = Tables(tables, loaded)
    values = study_values(loaded)
    for name in read.names:
        values |= table_values(read[name], name, f"{loaded.resampling.level:.0%}")
    write_text(out, to_json(values | summary_values(read, loaded)))


if __name__ == "__main__":
    run(main)
