"""What the exports hold of persons, for the audit to search results for: read again, kept in memory only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from learning_survey.exports import export_files, read_export, read_sheet
from learning_survey.identifiers import kind_by_name, kind_of_text
from learning_survey.mapping import columns_of, listed

if TYPE_CHECKING:
    from learning_survey.config import Loaded

_TEXT = 8  # words; a shorter text without an identifier's form may stand in any report


def identifying(study: Loaded) -> set[str]:
    """Ids of respondents and schools, and what stands in the columns of identifiers and would be told from prose.

    Of those columns it takes cells with the form of an identifier, names of several words and long texts. Raises
    SurveyError for exports that cannot be read.
    """
    missing = {value.strip().lower() for value in study.exports.missing_values}
    found = {value for fields in study.exports.constants.values() for f, value in fields.items() if f == "school"}
    for path in export_files(study):
        sheet = read_export(path, study)
        place = columns_of(sheet, study)
        for field in ("respondent", "school"):
            if field in place:
                found |= _texts(sheet.rows, place[field])
        for k in listed(study.columns.identifiers, sheet, sheet.header):
            names = kind_by_name(sheet.header[k]) == "name"
            for text in _texts(sheet.rows, k):
                words = len(text.split())
                if kind_of_text(text) or words > _TEXT or (names and words > 1):
                    found.add(text)
        sheet.close()
    if study.register_:
        sheet = read_sheet(study.root / study.register_.file)
        found |= _texts(sheet.rows, sheet.header.index(study.register_.id))
        sheet.close()
    return {text for text in found if text.lower() not in missing}


def _texts(rows: pl.LazyFrame, column: int) -> set[str]:
    return set(rows.select(pl.col(str(column)).drop_nulls().unique()).collect(engine="streaming").to_series())
