"""From a study's exports to one table of codes: nothing dropped, nothing repaired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

ANSWER, FIELD = pl.Categorical(), pl.Categorical(pl.Categories("fields"))  # texts that are numbered together


def ingest(study: Loaded, out: Path, table_folder: Path) -> None:
    """Read every export of ``study``; write ``ingested.parquet`` (see docs/conventions.md) to ``out``, and its table.

    ``files.csv`` beside it says which file has which label in results.

    Raises SurveyError, before anything is written, for exports that are missing, unreadable or empty, for columns that
    are missing, unknown or given twice, and for labels that the instrument does not know.
    """
    codes = {scale: Codes(study.instrument, scale) for scale in (None, *study.instrument.responses)}
    keyed = privacy.pseudonyms(study)
    paths = export_files(study)

    def one(path: Path) -> tuple[pl.DataFrame, set[str], dict[str, object]]:
        """Rows, the names that have a column or a constant, and how the file is written."""
        sheet = read_export(path, study)
        place = columns_of(sheet, study)
        part = with_ages(privacy.pseudonymised(coded(sheet, place, study, codes), keyed, study, path), study)
        how = as_received(sheet, study, part.height)
        sheet.close()
        return part, {*place, *constants_of(path, study)}, how

    # Two files at a time: one in Polars, which needs no interpreter, while the other is in Python. The first file in
    # order that cannot be read ends the run, as one at a time.
    with ThreadPoolExecutor(max_workers=2) as pool:
        parts, found, written = map(list, zip(*pool.map(one, paths), strict=True))
    check_files(paths, found, study)
    labels = file_labels.labels(paths, study)
    shown = sorted((file_labels.shown(row, labels, study) for row in written), key=lambda row: row["file"])
    tables.write(pl.DataFrame(shown, infer_schema_length=None), "ingest.files", table_folder, study)
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
    constants, items = constants_of(sheet.path, study), study.instrument.item_ids
    missing = {value.strip().lower() for value in study.exports.missing_values}
    # A text is held as its number, so that each different one is looked at once. Ids differ from row to row.
    types = {name: pl.String if name == "respondent" else ANSWER if name in items else FIELD for name in place}
    rows = (
        sheet.cells({str(k): types[name] for name, k in place.items()})
        .select(pl.col("line").cast(pl.Int32), *(pl.col(str(k)).alias(name) for name, k in place.items()))
        .collect(engine="streaming")
    )
    given = {f: _texts(rows[f], missing) for f in FIELDS if f in place}
    no_answer, unknown, code = Labels(study.exports.missing_labels), {}, {}
    for scale, known in codes.items():
        own = [i.id for i in study.instrument.items if i.response == scale and i.id in place]
        texts_of = {n: text for i in own for n, text in _numbers(rows[i])}
        none = {text for text in texts_of.values() if text == "" or text.lower() in missing or text in no_answer}
        meaning = {text: None if text in none else known.of(text) for text in sorted(set(texts_of.values()))}
        code |= dict.fromkeys(own, _by_number({n: meaning[text] for n, text in texts_of.items()}, pl.Int8))
        if texts := [text for text, c in meaning.items() if c is None and text not in none]:
            unknown[scale] = _cells_with(texts, rows.select("line", *own))
    if unknown:
        privacy.refuse_in_answers(pl.concat(unknown.values()), sheet.path)
        raise _unknown_labels(unknown, sheet, place, study, codes)
    frame = rows.select(
        pl.lit(file_labels.name_of(sheet.path, study)).alias("file"),
        "line",
        *(pl.lit(given[f]) if f in place else pl.lit(constants.get(f), pl.String).alias(f) for f in FIELDS),
        *(
            pl.lit(code[i]).gather(pl.col(i).to_physical()).alias(i) if i in place else pl.lit(None, pl.Int8).alias(i)
            for i in items
        ),
    )
    if any(texts.null_count() == 0 for texts in given.values()):
        return frame
    # Rows that the sheet leaves out have no text at all.
    filled = sheet.rows.select(pl.col("line").cast(pl.Int32)).collect(engine="streaming")
    blank = pl.all_horizontal(pl.col(name).is_null() for name in place)
    return frame.filter(~blank | pl.col("line").is_in(filled["line"].implode()))


def _texts(cells: pl.Series, missing: set[str]) -> pl.Series:
    """Cells trimmed, null where they are empty or one of ``missing`` after case is taken away."""
    if cells.dtype == pl.String:
        text = cells.str.strip_chars()
        return text.set(text.str.to_lowercase().is_in(["", *missing]), None)
    kept = {n: None if text == "" or text.lower() in missing else text for n, text in _numbers(cells)}
    return _by_number(kept, pl.String).gather(cells.to_physical()).alias(cells.name)


def _numbers(texts: pl.Series) -> Iterator[tuple[int, str]]:
    """The numbers that Polars holds the texts of a categorical column as, and these texts, trimmed."""
    given = texts.drop_nulls().unique()
    return zip(given.to_physical(), given.cast(pl.String).str.strip_chars(), strict=True)


def _by_number(meaning: dict[int, Any], dtype: Any) -> pl.Series:
    """What numbers mean, at the places of the numbers."""
    return pl.Series([meaning.get(n) for n in range(max(meaning, default=0) + 1)], dtype=dtype)


def _cells_with(texts: list[str], answers: pl.DataFrame) -> pl.DataFrame:
    """The cells that hold one of ``texts``: ``line``, ``item``, ``label``."""
    return (
        answers.with_columns(pl.exclude("line").cast(pl.String).str.strip_chars())
        .unpivot(index="line", variable_name="item", value_name="label")
        .filter(pl.col("label").is_in(texts))
        .select("line", "item", "label")
        .sort("line", "item")
    )


def _unknown_labels(
    unknown: dict[str | None, pl.DataFrame],
    sheet: Sheet,
    place: dict[str, int],
    study: Loaded,
    codes: dict[str | None, Codes],
) -> SurveyError:
    """The error for cells that stand for no code, by response scale: the commonest labels with counts and columns."""
    items, lines = study.instrument.item_ids, []
    count = Counter((scale, label) for scale, cells in unknown.items() for label in cells["label"])
    for (scale, label), times in count.most_common(5):
        of, known = unknown[scale].filter(pl.col("label") == label), codes[scale]
        where = [sheet.header[place[i]] for i in items if i in set(of["item"])]
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
