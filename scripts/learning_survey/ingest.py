"""From a study's exports to one table of codes: nothing dropped, nothing repaired."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from learning_survey import file_labels, people, privacy, tables
from learning_survey.config import FIELDS
from learning_survey.errors import SurveyError, nearest
from learning_survey.exports import Sheet, export_files, read_export
from learning_survey.key_stage import with_ages
from learning_survey.labels import Codes, Labels, whole_number
from learning_survey.mapping import check_files, columns_of, constants_of, quoted, short

if TYPE_CHECKING:
    from learning_survey.config import Loaded


def ingest(study: Loaded, out: Path, table_folder: Path) -> None:
    """Read every export of ``study``; write ``ingested.parquet`` (see docs/conventions.md) to ``out``, and its table.

    ``files.csv`` beside it says which file has which label in results.

    Raises SurveyError, before anything is written, for exports that are missing, unreadable or empty, for columns that
    are missing, unknown or given twice, and for labels that the instrument does not know.
    """
    codes = {scale: Codes(study.instrument, scale) for scale in (None, *study.instrument.responses)}
    keyed = privacy.pseudonyms(study)
    paths, parts, found, written = export_files(study), [], [], []
    for path in paths:
        sheet = read_export(path, study)
        place = columns_of(sheet, study)
        parts.append(with_ages(privacy.pseudonymised(coded(sheet, place, study, codes), keyed, study, path), study))
        found.append({*place, *constants_of(path, study)})
        written.append(as_received(sheet, study, parts[-1].height))
        sheet.close()
    check_files(paths, found, study)
    labels = file_labels.labels(paths, study)
    shown = sorted((file_labels.shown(row, labels, study) for row in written), key=lambda row: row["file"])
    tables.write(pl.DataFrame(shown, infer_schema_length=None).to_pandas(), "ingest.files", table_folder, study)
    file_labels.write(written, labels, out.with_name(file_labels.FILE))
    people.write(pl.concat(parts), "ingested", out, study.instrument)


def as_received(sheet: Sheet, study: Loaded, rows: int) -> dict[str, object]:
    """How one export is written: a row of the table ``ingest.files``. What its format does not have is null."""
    file = file_labels.name_of(sheet.path, study)
    how = {key: value if value != "" else None for key, value in asdict(sheet.detected).items()}
    return {"file": file, **how, "columns": len(sheet.header), "rows": rows if rows >= study.min_group else None}


def coded(sheet: Sheet, place: dict[str, int], study: Loaded, codes: dict[str | None, Codes]) -> pl.DataFrame:
    """One export: ``file``, ``line``, the respondent's fields as text, one Int8 code per item.

    ``place`` is where fields and items stand (``mapping.columns_of``), ``codes`` the instrument's response scales by
    name, None for ``response``. Raises SurveyError for labels that no scale of their item knows.
    """
    constants = constants_of(sheet.path, study)
    missing = {value.strip().lower() for value in study.exports.missing_values}
    rows = sheet.rows
    if missing:
        used = [pl.col(str(k)) for k in place.values()]
        rows = rows.with_columns(pl.when(~c.str.to_lowercase().is_in(missing)).then(c).name.keep() for c in used)
    no_answer, unknown, code = Labels(study.exports.missing_labels), {}, {}
    for scale, known in codes.items():
        items = [i.id for i in study.instrument.items if i.response == scale and i.id in place]
        answers = rows.select(pl.col(str(place[i])).alias(i) for i in items)
        given = answers.unpivot().select(pl.col("value").drop_nulls().unique()).collect(engine="streaming")["value"]
        meaning = {text: None if text in no_answer else known.of(text) for text in sorted(given)}
        code |= dict.fromkeys(items, meaning)
        if texts := [text for text, c in meaning.items() if c is None and text not in no_answer]:
            of_items = rows.select("line", *(pl.col(str(place[i])).alias(i) for i in items))
            unknown[scale] = _cells_with(texts, of_items)
    if unknown:
        privacy.refuse_in_answers(pl.concat(unknown.values()), sheet.path)
        raise _unknown_labels(unknown, sheet, study, codes)
    return rows.select(
        pl.lit(file_labels.name_of(sheet.path, study)).alias("file"),
        pl.col("line").cast(pl.Int32),
        *(
            pl.col(str(place[f])).alias(f) if f in place else pl.lit(constants.get(f), pl.String).alias(f)
            for f in FIELDS
        ),
        *(
            _coded(pl.col(str(place[i])), code[i]).alias(i) if i in place else pl.lit(None, pl.Int8).alias(i)
            for i in study.instrument.item_ids
        ),
    ).collect(engine="streaming")


def _coded(text: pl.Expr, code: dict[str, int | None]) -> pl.Expr:
    """Codes of texts, all of which must be in ``code``."""
    if not code:  # Polars 2.1 gives back text, whatever type is asked for, when there is nothing to replace
        return pl.lit(None, pl.Int8)
    return text.replace_strict(code, return_dtype=pl.Int8)


def _cells_with(texts: list[str], answers: pl.LazyFrame) -> pl.DataFrame:
    """The cells that hold one of ``texts``: ``line``, ``item``, ``label``."""
    return (
        answers.unpivot(index="line", variable_name="item", value_name="label")
        .filter(pl.col("label").is_in(texts))
        .select("line", "item", "label")
        .collect(engine="streaming")
        .sort("line", "item")
    )


def _unknown_labels(
    unknown: dict[str | None, pl.DataFrame], sheet: Sheet, study: Loaded, codes: dict[str | None, Codes]
) -> SurveyError:
    """The error for cells that stand for no code, by response scale: the commonest labels with counts and columns."""
    items, lines = study.instrument.item_ids, []
    count = Counter((scale, label) for scale, cells in unknown.items() for label in cells["label"])
    for (scale, label), times in count.most_common(5):
        of, known = unknown[scale].filter(pl.col("label") == label), codes[scale]
        where = [i for i in items if i in set(of["item"])]
        numeric = whole_number(label) is not None
        shown = short(privacy.shown(label, known.known))
        problem = f"'{shown}' is not a valid code {known.range}" if numeric else f"unknown label '{shown}'"
        lines.append(
            f"{problem}, {times} time{'s' if times > 1 else ''} in {quoted(where)}, "
            f"first in line {of['line'][0]}. {nearest(label, known.known)}"
        )
    if len(count) > 5:
        lines.append(f"and {len(count) - 5} other unknown labels")
    keys = " or ".join(codes[scale].key for scale in unknown)
    return SurveyError(
        "\n  ".join(lines),
        where=sheet.path,
        remedy=f"Add it to {keys} of instrument '{study.instrument.id}', or, if it means no answer, to"
        " exports.missing_labels (in items) or exports.missing_values (in every column) of the study.",
    )
