"""From a study's exports to one table of codes: nothing dropped, nothing repaired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from learning_survey import disclosure, file_labels, people, privacy, tables
from learning_survey.categories import FIELD, enumerated, recoded
from learning_survey.config import FIELDS
from learning_survey.errors import SurveyError, nearest
from learning_survey.exports import Sheet, export_files, read_export
from learning_survey.key_stage import with_ages
from learning_survey.kinds import SAVE_AGAIN
from learning_survey.labels import Codes, Labels, whole_number
from learning_survey.mapping import Places, check_files, constants_of, quoted, short

if TYPE_CHECKING:
    from learning_survey.config import Loaded

ANSWER = pl.Categorical()  # the texts of all items are numbered together
TOGETHER = 1 << 25  # bytes of exports whose rows are coded at once


def ingest(study: Loaded, out: Path, table_folder: Path) -> None:
    """Read every export of ``study``; write ``ingested.arrow`` (see docs/conventions.md) to ``out``, and its table.

    ``files.csv`` beside it says which file has which label in results.

    Raises SurveyError, before anything is written, for exports that are missing, unreadable or empty, for columns that
    are missing, unknown or given twice, and for labels that the instrument does not know.
    """
    keyed = privacy.pseudonyms(study)
    coded = coder(study)
    paths = export_files(study)
    places = Places(study)
    turn = Lock()

    def several(paths: list[Path]) -> list[tuple[pl.DataFrame, list[Export], list[dict[str, object]]]]:
        """For exports that have the same columns in turn: their rows, they themselves, and how they are written."""
        with turn:
            exports, failed = opened(paths, study, places)
        done = []
        for _, alike in groupby(exports, key=lambda e: (sorted(e.place), e.constants)):
            group = list(alike)
            frame, heights = coded(group)
            with turn:
                frame = privacy.pseudonymised(frame, keyed, study)
            how = [as_received(e.sheet, study, rows) for e, rows in zip(group, heights, strict=True)]
            done.append((with_ages(frame, study), [{*e.place, *e.constants} for e in group], how))
        for export in exports:
            export.sheet.close()
        if failed:
            raise failed
        return done

    # While one has its turn in Python the others are in Polars, which needs no interpreter. Without turns each of
    # NumPy's short steps would wait for it. The first file in order that cannot be read ends the run, as one at a time.
    with ThreadPoolExecutor(max_workers=3) as pool:
        done = [part for parts in pool.map(several, together(paths)) for part in parts]
    check_files(paths, [names for _, found, _ in done for names in found], study)
    labels = file_labels.labels(paths, study)
    written = [row for _, _, how in done for row in how]
    shown = sorted((file_labels.shown(row, labels, study) for row in written), key=lambda row: row["file"])
    hidden = disclosure.hidden([row["rows"] for row in shown], study.min_group)
    shown = [row | {"rows": None} if out else row for row, out in zip(shown, hidden, strict=True)]
    tables.write(pl.DataFrame(shown, infer_schema_length=None), "ingest.files", table_folder, study)
    file_labels.write(written, labels, out.with_name(file_labels.FILE))
    columns = people.schema("ingested", study.instrument)
    parts = pl.concat([part for part, _, _ in done], how="diagonal")
    types = {name: FIELD if column.dtype == pl.Enum else column.dtype for name, column in columns.items()}
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in types.items() if name not in parts.columns]
    parts = parts.with_columns(absent).select(list(columns))
    texts = [enumerated(parts[name]) for name, dtype in parts.schema.items() if dtype == FIELD]
    people.write(parts.with_columns(texts), "ingested", out, study.instrument)


def together(paths: Iterable[Path]) -> Iterator[list[Path]]:
    """Files in a row, in their order, that have up to TOGETHER bytes; a larger one is alone."""
    group, size = [], 0
    for path in paths:
        own = path.stat().st_size
        if group and size + own > TOGETHER:
            yield group
            group, size = [], 0
        group.append(path)
        size += own
    if group:
        yield group


@dataclass(frozen=True)
class Export:
    """One file, where its fields and items stand (``mapping.columns_of``), and the fields that the study states."""

    sheet: Sheet
    place: dict[str, int]
    constants: dict[str, str]


def opened(paths: Iterable[Path], study: Loaded, places: Places) -> tuple[list[Export], SurveyError | None]:
    """The exports up to the first that cannot be used, and what is wrong with that one."""
    exports: list[Export] = []
    for path in paths:
        try:
            sheet = read_export(path, study)
            exports.append(Export(sheet, places.of(sheet), constants_of(path, study)))
        except SurveyError as error:
            return exports, error
    return exports, None


def as_received(sheet: Sheet, study: Loaded, rows: int) -> dict[str, object]:
    """How one export is written: a row of the table ``ingest.files``. What its format does not have is null."""
    file = file_labels.name_of(sheet.path, study)
    how = {key: value if value != "" else None for key, value in asdict(sheet.detected).items()}
    return {"file": file, **how, "columns": len(sheet.header), "rows": rows}


def coder(study: Loaded) -> Callable[[Sequence[Export]], tuple[pl.DataFrame, list[int]]]:
    """A function that codes exports with the same fields and items and the same constants.

    It gives ``file``, ``line``, each field that they have as text and each item that they have as Int8 codes; and how
    many rows each export has. It raises SurveyError, for the first export that gives cause, for labels that no scale
    of their item knows and for fields that are direct identifiers.
    """
    scales = {scale: Codes(study.instrument, scale) for scale in (None, *study.instrument.responses)}
    missing = {value.strip().lower() for value in study.exports.missing_values}
    no_answer = Labels(study.exports.missing_labels)

    def code(exports: Sequence[Export]) -> tuple[pl.DataFrame, list[int]]:
        rows = _cells(exports, study)
        place, constants = exports[0].place, exports[0].constants
        fields = [
            pl.lit(_texts(rows[f], missing)).alias(f) if f in place else pl.lit(constants[f], _type(f)).alias(f)
            for f in FIELDS
            if f in place or f in constants
        ]
        texts = pl.Series(list(ANSWER.categories), dtype=pl.String).str.strip_chars().to_list()
        none = {t for t in texts if t is None or t == "" or t.lower() in missing or t in no_answer}
        codes, unknown = {}, {}
        for scale, known in scales.items():
            meaning = {text: None if text in none else known.of(text) for text in dict.fromkeys(texts)}
            own = [i.id for i in study.instrument.items if i.response == scale and i.id in place]
            codes |= dict.fromkeys(own, pl.lit(pl.Series([*map(meaning.get, texts), None], dtype=pl.Int8)))
            if odd := {n for n, text in enumerate(texts) if meaning[text] is None and text not in none}:
                odd &= {n for i in own for n in rows[i].unique().to_physical()}
                unknown |= {scale: (own, {texts[n] for n in odd})} if odd else {}
        names = pl.Series([file_labels.name_of(export.sheet.path, study) for export in exports], dtype=FIELD)
        frame = rows.select(
            pl.lit(names).gather("export").alias("file"),
            "line",
            *fields,
            *(codes[i].gather(pl.col(i).to_physical()).alias(i) for i in codes),
        )
        heights = np.bincount(rows["export"].to_numpy(), minlength=len(exports))
        telling = privacy.telling(frame)
        if unknown or telling:
            for export, end, height in zip(exports, heights.cumsum(), heights, strict=True):
                _refuse_unknown(unknown, rows[end - height : end], export, study, scales)
                privacy.refuse_identifiers(frame[end - height : end].select(telling), export.sheet.path)
        filled = _filled(frame, rows["export"], exports)
        if filled is None:
            return frame, heights.tolist()
        return frame.filter(filled), np.bincount(rows["export"].filter(filled), minlength=len(exports)).tolist()

    return code


def _cells(exports: Sequence[Export], study: Loaded) -> pl.DataFrame:
    """Every row of ``exports``: ``export``, its place among them, ``line``, and the cells of their fields and items.

    A text that repeats is held as its number.
    """
    types = {f: _type(f) for f in FIELDS}

    def cells(number: int, export: Export) -> pl.LazyFrame:
        place = export.place
        return export.sheet.cells({str(k): types.get(name, ANSWER) for name, k in place.items()}).select(
            pl.lit(number, pl.UInt32).alias("export"),
            pl.col("line").cast(pl.Int32),
            *(pl.col(str(place[name])).alias(name) for name in exports[0].place),
        )

    try:
        return pl.concat([cells(*numbered) for numbered in enumerate(exports)]).collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        for export in exports[:-1]:  # which of them?
            _cells([export], study)
        problem = f"cannot be read as CSV: {str(error).splitlines()[0]}"
        raise SurveyError(problem, where=exports[-1].sheet.path, remedy=SAVE_AGAIN) from None


def _type(field: str) -> Any:
    """As what a field is read."""
    return FIELD if field in people.NUMBERED else pl.String


def _filled(frame: pl.DataFrame, numbers: pl.Series, exports: Sequence[Export]) -> pl.Series | None:
    """Which rows have text in any column, mapped or not; None where all have."""
    place = exports[0].place
    if any(frame[name].null_count() == 0 for name in place if name in FIELDS):
        return None
    filled = frame.select(pl.any_horizontal(pl.col(name).is_not_null() for name in place)).to_series()
    for number in numbers.filter(~filled).unique():
        lines = exports[number].sheet.rows.select(pl.col("line").cast(pl.Int32)).collect(engine="streaming")
        filled |= (numbers == number) & frame["line"].is_in(lines["line"].implode())
    return filled


def _texts(cells: pl.Series, missing: set[str]) -> pl.Series:
    """Cells trimmed, null where they are empty or one of ``missing`` after case is taken away."""
    if cells.dtype == pl.String:
        text, longest = cells.str.strip_chars(), max(map(len, missing), default=0)
        if not (text.str.len_chars() <= longest).any():  # small letters are never fewer than the capitals were
            return text
        return text.set(text.str.to_lowercase().is_in(["", *missing]), None)
    empty = {"", *missing}
    return recoded(cells, lambda texts: [None if t.lower() in empty else t for t in texts.str.strip_chars()])


def _cells_with(texts: set[str], answers: pl.DataFrame) -> pl.DataFrame:
    """The cells that hold one of ``texts``: ``line``, ``item``, ``label``."""
    return (
        answers.with_columns(pl.exclude("line").cast(pl.String).str.strip_chars())
        .unpivot(index="line", variable_name="item", value_name="label")
        .filter(pl.col("label").is_in(list(texts)))
        .select("line", "item", "label")
        .sort("line", "item")
    )


def _refuse_unknown(
    texts: dict[str | None, tuple[list[str], set[str]]],
    rows: pl.DataFrame,
    export: Export,
    study: Loaded,
    scales: dict[str | None, Codes],
) -> None:
    """Raise SurveyError where cells of one export stand for no code: the commonest labels with counts and columns.

    ``texts`` has for each response scale its items and the labels that it does not know.
    """
    found = {scale: _cells_with(labels, rows.select("line", *own)) for scale, (own, labels) in texts.items()}
    unknown = {scale: cells for scale, cells in found.items() if cells.height}
    if not unknown:
        return
    sheet, place = export.sheet, export.place
    privacy.refuse_in_answers(pl.concat(unknown.values()), sheet.path)
    items, lines = study.instrument.item_ids, []
    count = Counter((scale, label) for scale, cells in unknown.items() for label in cells["label"])
    for (scale, label), times in count.most_common(5):
        of, known = unknown[scale].filter(pl.col("label") == label), scales[scale]
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
    keys = " or ".join(scales[scale].key for scale in unknown)
    raise SurveyError(
        "\n  ".join(lines),
        where=sheet.path,
        remedy=f"Add it to {keys} of instrument '{study.instrument.id}', or, if it means no answer, to"
        " exports.missing_labels (in items) or exports.missing_values (in every column) of the study.",
    )
