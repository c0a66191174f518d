"""Every aggregate table that the pipeline writes: its columns, their units, and what may stand in them.

One registry serves four readers: ``tables.write`` validates against it, the report takes its values and their formats
from it, ``docs/tables.md`` is generated from it, and a person can read it here.
"""

from __future__ import annotations

from learning_survey.schema_parts import RANGES, Column, Table
from learning_survey.schema_parts import count as _n
from learning_survey.schema_parts import estimate as _estimate
from learning_survey.schema_parts import key as _key
from learning_survey.schema_parts import text as _text
from learning_survey.schemas_comparisons import COMPARISONS
from learning_survey.schemas_measurement import MEASUREMENT, RELIABILITY
from learning_survey.schemas_models import MODELS
from learning_survey.schemas_verdicts import VERDICTS

__all__ = ["RANGES", "TABLES", "Column", "Table"]


TABLES: dict[str, Table] = {
    # ------------------------------------------------------------ ingest
    "ingest.files": Table(
        "How each export is written, as found when it was read. One row per file.",
        {
            "file": _key("file: its label, F01 and so on; its name where nobody is to be protected (docs/privacy.md)"),
            "format": Column("id", "CSV, TSV, XLSX, XLS, ODS, SPSS or Parquet"),
            "sheet": _text("sheet of a workbook, where files have their names"),
            "encoding": _text("encoding of its text"),
            "delimiter": Column("id", "comma, semicolon, tab or pipe; none where there is one column"),
            "quote": Column("id", "quotation mark: double or single"),
            "line_end": _text("LF, CRLF, CR, or several"),
            "header_rows": Column("count", "rows of headers; 0 where names are part of the format"),
            "columns": Column("count", "columns"),
            "rows": Column("count", "rows with any text; empty for a small file, and for one that would tell of it"),
        },
    ),
    # ------------------------------------------------------------ clean
    "clean.flow": Table(
        "One row per cleaning step, in order: rows in = rows out + rows dropped.",
        {
            "step": _key("step"),
            "label": _text("step in words"),
            "rows_in": Column("count", "rows before"),
            "rows_dropped": Column("count", "rows dropped"),
            "rows_out": Column("count", "rows after"),
            "cells_emptied": Column("count", "cells emptied, rows kept"),
        },
    ),
    "clean.sample": Table(
        "What is left after cleaning, one row per fact.",
        {
            "fact": _key("fact"),
            "label": _text("fact in words"),
            "value": Column("statistic", "value"),
            "text": _text("value as printed"),
        },
    ),
    "clean.ledger_summary": Table(
        "Rows dropped and cells emptied, one row per rule and column. What was in them stays in the ledger.",
        {
            "rule": _key("rule"),
            "column": _key("column; 'items' for a rule about all answers"),
            "action": Column("id", "drop_row or empty_cell"),
            "n": Column("count", "rows or cells"),
        },
    ),
    "clean.flow_files": Table(
        "One row per file, over all steps: rows in = rows out + rows dropped. Small files, and others that would tell "
        "of them, have no numbers.",
        {
            "file": _key("file, as in ingest.files"),
            "rows_in": Column("count", "rows received"),
            "rows_dropped": Column("count", "rows dropped"),
            "rows_out": Column("count", "rows kept"),
            "cells_emptied": Column("count", "cells emptied, in rows that were dropped later too"),
        },
    ),
    "clean.unmapped": Table(
        "Words that no category or level lists, one row per column. The words themselves stay in the ledger.",
        {
            "column": _key("gender, group or year_group"),
            "spellings": Column("count", "different words, without regard to case, spaces and punctuation"),
            "cells": Column("count", "cells that held them, emptied"),
        },
    ),
    "clean.careless": Table(
        "Careless responding, one row per index, and one for any of them ('any').",
        {
            "index": _key("longest_run, irv, even_odd, mahalanobis, seconds_per_item or any"),
            "label": _text("index in words"),
            "threshold": Column("statistic", "from where the study flags; null where the index flags nobody"),
            "unit": _text("unit of the threshold, and which side of it is flagged"),
            "action": Column("id", "flag, drop or off"),
            "n": Column("count", "respondents for whom the index can be computed"),
            "flagged": Column("count", "respondents flagged"),
            "share": Column("share", "share flagged"),
        },
    ),
    "clean.sensitivity": Table(
        "Main results with and without careless respondents: one row per dimension and sample. No numbers of a sample "
        "that differs by few respondents from the analysed.",
        {
            "dimension": _key("dimension"),
            "label": _text("dimension as printed"),
            "sample": _key(
                "analysed; with_dropped (also those dropped as careless); without_flagged (none that any index flags)"
            ),
            "n": _n("respondents with a score"),
            "mean": Column("mean", "mean score"),
            "share_high": Column("share", "share of respondents rated high"),
            "alpha": Column("alpha", "Cronbach's alpha, from pairwise covariances"),
        },
    ),
    # ------------------------------------------------------------ describe
    "describe.items": Table(
        "One row per item, scored in the direction of its dimension.",
        {
            "item": _key("item"),
            "dimension": Column("id", "dimension"),
            "wording": _text("wording"),
            "reversed": Column("flag", "whether the item was reversed before scoring"),
            "n": _n(),
            "n_missing": Column("count", "students without an answer"),
            **_estimate("mean", "mean", "mean"),
            "sd": Column("mean", "standard deviation"),
            **_estimate("share_high", "share", "share of answers in the upper half of the scale, neutral excluded"),
            "rank": Column("count", "rank by mean, 1 is highest"),
        },
    ),
    "describe.item_distribution": Table(
        "One row per item and code, scored in the direction of its dimension.",
        {
            "item": _key("item"),
            "code": Column("count", "code", key=True, nullable=False),
            "label": _text("answer as printed; for a reversed item, the answer that scores this code"),
            "n": _n("students who gave it"),
            **_estimate("share", "share", "share of answers"),
        },
    ),
    "describe.dimensions": Table(
        "One row per dimension.",
        {
            "dimension": _key("dimension"),
            "label": _text("dimension as printed"),
            "n": _n("students with a score"),
            "n_missing": Column("count", "students without a score"),
            **_estimate("mean", "mean", "mean score"),
            "sd": Column("mean", "standard deviation of scores"),
            **_estimate("share_high", "share", "share of students rated high"),
            "design_effect": Column("ratio", "variance of the mean, clustered over independent"),
            "rank": Column("count", "rank by share high, 1 is highest"),
        },
    ),
    "describe.bands": Table(
        "One row per dimension and band.",
        {
            "dimension": _key("dimension"),
            "band": _key("band"),
            "label": _text("band as printed"),
            "band_order": Column("count", "position of the band, from 1"),
            "n": _n("students in the band"),
            **_estimate("share", "share", "share of students"),
        },
    ),
    "describe.contrasts": Table(
        "Wanted against experienced, one row per dimension whose items are marked so.",
        {
            "dimension": _key("dimension"),
            "n": _n("students who answered both sides"),
            **_estimate("wanted", "mean", "mean of the items on what students want"),
            **_estimate("experienced", "mean", "mean of the items on what students experience"),
            **_estimate("difference", "mean", "wanted minus experienced"),
            "p": Column("p", "p of the difference, clustered by school"),
        },
    ),
    **RELIABILITY,
    # ------------------------------------------------------------ missing
    "missing.items": Table(
        "Missing answers, one row per item.",
        {
            "item": _key("item"),
            "n": _n(),
            "missing": Column("count", "students without an answer"),
            "share": Column("share", "share of students without an answer"),
        },
    ),
    "missing.schools": Table(
        "Missing answers, one row per school. Schools have pseudonyms; a small one, and the next smallest, no numbers.",
        {
            "school": _key("school's pseudonym"),
            "n": _n("students"),
            "share": Column("share", "share of their answers that is missing"),
        },
    ),
    "missing.groups": Table(
        "Missing answers, one row per level of the ordered group and per gender.",
        {
            "kind": _key("group or gender"),
            "group": _key("level or category; 'unknown' for students in none that is shown"),
            "label": _text("level or category as printed"),
            "n": _n("students"),
            "share": Column("share", "share of their answers that is missing"),
        },
    ),
    "missing.mcar": Table(
        "Little's test of answers missing completely at random: one row per dimension's items, and one for all items.",
        {
            "scale": _key("dimension, or 'all'"),
            "label": _text("scale as printed"),
            "n_items": Column("count", "items"),
            "n": _n("students with any answer to the scale"),
            "patterns": Column("count", "different sets of answered items"),
            "chi_square": Column("statistic", "Little's chi-square; null without missing answers"),
            "df": Column("statistic", "degrees of freedom"),
            "p": Column("p", "p; null where patterns with gaps have fewer than five students on average"),
        },
    ),
    "missing.sensitivity": Table(
        "What the treatment of missing answers changes: one row per dimension.",
        {
            "dimension": _key("dimension"),
            "label": _text("dimension as printed"),
            "n": _n("students with a score"),
            "n_complete": Column("count", "students who answered every item of the dimension"),
            "fiml_items": Column("count", "items in the full-information model"),
            "mean": Column("mean", "mean score as reported: means of a student's answers"),
            "mean_listwise": Column("mean", "mean score of students who answered every item; none where few did not"),
            "mean_fiml": Column("mean", "mean by full-information maximum likelihood"),
            "alpha": Column("alpha", "alpha as reported: pairwise covariances"),
            "alpha_listwise": Column("alpha", "alpha of students who answered every item"),
            "alpha_fiml": Column("alpha", "alpha by full-information maximum likelihood"),
            "mean_listwise_difference": Column("mean", "listwise minus reported"),
            "mean_fiml_difference": Column("mean", "full information minus reported"),
            "alpha_listwise_difference": Column("alpha", "listwise minus reported"),
            "alpha_fiml_difference": Column("alpha", "full information minus reported"),
        },
    ),
    **MEASUREMENT,
    **COMPARISONS,
    **MODELS,
    **VERDICTS,
    # ------------------------------------------------------------ scorecard
    "scorecard": Table(
        "One row per published claim.",
        {
            "claim_id": _key("claim"),
            "section": _text("section of the published report"),
            "kind": Column("id", "value, bound, order or external"),
            "statistic": _text("what is claimed"),
            "published": _text("published value"),
            "computed": _text("computed value"),
            "ci_low": Column("statistic", "lower 95% limit, in the published unit"),
            "ci_high": Column("statistic", "upper 95% limit, in the published unit"),
            "tolerance": Column("statistic", "largest difference that counts as agreement, in the published unit"),
            "verdict": Column("id", "recovered, not recovered, reproduced, not reproduced or not computable"),
            "reason": _text("why, in a sentence"),
            "source_file": _text("table that the computed value comes from"),
            "source_row": _text("its row"),
            "rule": Column("id", "rule that made the table"),
        },
    ),
}
