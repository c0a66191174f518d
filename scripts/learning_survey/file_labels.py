"""What results call the files of a study: F01, F02, … in place of names, which can tell whom a file is from."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning_survey.errors import SurveyError
from learning_survey.tables import neutral, replacing, restored

if TYPE_CHECKING:
    from learning_survey.config import Loaded

FILE = "files.csv"  # beside ingested.arrow: the label, name and sheet of each export


def named(study: Loaded) -> bool:
    """Whether results may name the study's files: where there is nobody to protect, as with the public key."""
    return study.synthetic or study.key.public


def name_of(path: Path, study: Loaded) -> str:
    """A file's name below the folder of exports, as person-level files have it."""
    return path.relative_to(study.export_folder).as_posix()


def labels(paths: Iterable[Path], study: Loaded) -> dict[str, str]:
    """What results call each file, by its name.

    Labels go by size, then by name: who knows the names of the schools could count labels off in the order of names.
    """
    names = [name_of(path, study) for path in sorted(paths, key=lambda p: (p.stat().st_size, p))]
    if named(study):
        return {name: name for name in names}
    width = max(2, len(str(len(names))))
    return {name: f"F{k:0{width}d}" for k, name in enumerate(names, 1)}


def shown(row: dict[str, Any], known: dict[str, str], study: Loaded) -> dict[str, Any]:
    """A row of ``ingest.files`` as results may have it. A sheet, like a file, can be named after a person."""
    return row | {"file": known[row["file"]], **({} if named(study) else {"sheet": None})}


def write(rows: Iterable[dict[str, Any]], known: dict[str, str], path: Path) -> None:
    """The key from labels to names, for a person who looks for a line of the ledger; it is as private as the ledger.

    ``rows`` have ``file``, its name, and ``sheet``, None where it has none.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["label", "file", "sheet"])
        out.writerows(sorted((known[r["file"]], neutral(r["file"]), neutral(r["sheet"] or "")) for r in rows))


def read(path: Path) -> dict[str, str]:
    """What ``labels`` gave when ``path`` was written; raises SurveyError when it is not there."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {restored(row["file"]): row["label"] for row in csv.DictReader(file)}
    except (OSError, KeyError) as error:
        raise SurveyError(
            f"not the labels of the study's files: {error}",
            where=path,
            remedy="Run the pipeline; the step 'ingest' makes it.",
        ) from None
