"""From a study's exports to one table of codes: nothing dropped, nothing repaired."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from learning_survey import people
from learning_survey.errors import SurveyError, nearest
from learning_survey.exports import Sheet, export_files, read_sheet
from learning_survey.labels import Codes

if TYPE_CHECKING:
    from learning_survey.config import Loaded

FIELDS = ("respondent", "school", "age", "gender", "group", "status")


def ingest(study: Loaded, out: Path) -> None:
    """Read every export of ``study`` and write ``ingested.parquet`` (see docs/conventions.md) to ``out``.

    Raises SurveyError, before anything is written, for exports that are missing, unreadable or empty, for columns that
    are missing, unknown or given twice, and for labels that the instrument does not know.
    """
    codes = Codes(study.instrument)
    frame = pl.concat([coded(read_sheet(path), study, codes) for path in export_files(study)])
    people.write(frame, "ingested", out, study.instrument)


def coded(sheet: Sheet, study: Loaded, codes: Codes) -> pl.DataFrame:
    """One export: ``file``, ``line``, the respondent's fields as text, one Int8 code per item.

    Raises SurveyError for columns or labels that do not fit the study.
    """
    place = columns_of(sheet, study)
    items = study.instrument.item_ids
    missing = {value.strip().lower() for value in study.exports.missing_values}
    rows = sheet.rows
    if missing:
        used = [pl.col(str(k)) for k in place.values()]
        rows = rows.with_columns(pl.when(~c.str.to_lowercase().is_in(missing)).then(c).name.keep() for c in used)
    answers = rows.select(pl.col(str(place[i])).alias(i) for i in items)
    given = answers.unpivot().select(pl.col("value").drop_nulls().unique()).collect(engine="streaming")["value"]
    code = {text: codes.of(text) for text in sorted(given)}
    if unknown := [text for text, c in code.items() if c is None]:
        of_items = rows.select("line", *(pl.col(str(place[i])).alias(i) for i in items))
        raise _unknown_labels(unknown, of_items, sheet, study, codes)
    file = sheet.path.relative_to(study.export_folder).as_posix()
    return rows.select(
        pl.lit(file).alias("file"),
        pl.col("line").cast(pl.Int32),
        *(pl.col(str(place[f])).alias(f) if f in place else pl.lit(None, pl.String).alias(f) for f in FIELDS),
        *(_coded(pl.col(str(place[i])), code).alias(i) for i in items),
    ).collect(engine="streaming")


def _coded(text: pl.Expr, code: dict[str, int | None]) -> pl.Expr:
    """Codes of texts, all of which must be in ``code``."""
    if not code:  # Polars 2.1 gives back text, whatever type is asked for, when there is nothing to replace
        return pl.lit(None, pl.Int8)
    return text.replace_strict(code, return_dtype=pl.Int8)


def columns_of(sheet: Sheet, study: Loaded) -> dict[str, int]:
    """Where each field and item stands in the export: position of its column by name.

    A field's header is what ``columns`` says; an item's is what ``columns.items`` says, else its id or its wording.
    Raises SurveyError for headers that are missing, unknown or given twice.
    """
    wanted = {f: [_trim(header)] for f in FIELDS if (header := getattr(study.columns, f))}
    for item in study.instrument.items:
        given = study.columns.items.get(item.id)
        wanted[item.id] = [_trim(given)] if given else [item.id, _trim(item.wording)]
    meaning: dict[str, list[str]] = {}
    for name, headers in wanted.items():
        for header in dict.fromkeys(headers):
            meaning.setdefault(header, []).append(name)
    ignored = {_trim(header) for header in study.columns.ignore}
    place: dict[str, int] = {}
    unknown: list[str] = []
    empty = _empty_columns(sheet)
    for k, header in enumerate(sheet.header):
        names = meaning.get(header, [])
        if len(names) > 1:
            raise SurveyError(
                f"the column '{header}' can be {_quoted(names)}",
                where=f"{sheet.path}, study '{study.id}'",
                remedy="Give each its own header, under columns or columns.items.",
            )
        name = names[0] if names else ""
        if name in place:
            twice = f"'{sheet.header[place[name]]}' and '{header}', columns {place[name] + 1} and {k + 1}"
            raise SurveyError(
                f"'{name}' has two columns: {twice}", where=sheet.path, remedy="Take one of them out of the export."
            )
        if name:
            place[name] = k
        elif header not in ignored and not (header == "" and k in empty):
            unknown.append(header or f"(no header, column {k + 1})")
    absent = [name for name in wanted if name not in place]
    _complete(absent, wanted, unknown, sheet, study)
    if unknown:
        raise SurveyError(
            f"unknown column{'s' if len(unknown) > 1 else ''} {_quoted(unknown)}",
            where=sheet.path,
            remedy="Map each under columns in the study's file, or list it under columns.ignore.",
        )
    return place


def _complete(absent: list[str], wanted: dict[str, list[str]], unknown: list[str], sheet: Sheet, study: Loaded) -> None:
    """Raise where fields or items have no column."""
    if fields := [name for name in absent if name in FIELDS]:
        header = wanted[fields[0]][0]
        raise SurveyError(
            f"no column '{header}', which the study's file names as columns.{fields[0]}",
            where=sheet.path,
            remedy=nearest(header, unknown or sheet.header) + " Correct the export, or columns in the study's file.",
        )
    if absent:
        total = len(study.instrument.items)
        hints = [f"'{u}' is not known. {nearest(u, [h for i in absent for h in wanted[i]])}" for u in unknown[:3]]
        raise SurveyError(
            f"has {total - len(absent)} of the instrument's {total} items; without {_quoted(absent)}",
            where=sheet.path,
            remedy=" ".join([*hints, "Export every item, or name its header under columns.items in the study's file."]),
        )


def _unknown_labels(
    unknown: list[str], answers: pl.LazyFrame, sheet: Sheet, study: Loaded, codes: Codes
) -> SurveyError:
    items = study.instrument.item_ids
    cells = (
        answers.unpivot(index="line", variable_name="item", value_name="label")
        .filter(pl.col("label").is_in(unknown))
        .select("line", "item", "label")
        .collect(engine="streaming")
        .sort("line", "item")
    )
    count = Counter(cells["label"])
    lines = []
    for label, times in count.most_common(5):
        of = cells.filter(pl.col("label") == label)
        where = [i for i in items if i in set(of["item"])]
        lines.append(
            f"unknown label '{_short(label)}', {times} time{'s' if times > 1 else ''} in {_quoted(where)}, "
            f"first in line {of['line'][0]}. {nearest(label, codes.known)}"
        )
    if len(count) > 5:
        lines.append(f"and {len(count) - 5} other unknown labels")
    return SurveyError(
        "\n  ".join(lines),
        where=sheet.path,
        remedy=f"Add it to response.labels of instrument '{study.instrument.id}', "
        "or to exports.missing_values of the study if it means no answer.",
    )


def _empty_columns(sheet: Sheet) -> set[int]:
    """Columns without a header and without a single cell: spreadsheets leave them behind."""
    bare = [str(k) for k, header in enumerate(sheet.header) if header == ""]
    if not bare:
        return set()
    counts = sheet.rows.select(pl.col(bare).count()).collect(engine="streaming").row(0)
    return {int(k) for k, n in zip(bare, counts, strict=True) if n == 0}


def _trim(header: str) -> str:
    return " ".join(header.split())


def _quoted(names: list[str], shown: int = 6) -> str:
    text = ", ".join(f"'{_short(n)}'" for n in names[:shown])
    return f"{text} and {len(names) - shown} more" if len(names) > shown else text


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
