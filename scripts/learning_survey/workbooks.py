"""XLSX, XLS and ODS workbooks, read by calamine through fastexcel: the cells of one sheet as text."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from learning_survey.errors import SurveyError, nearest
from learning_survey.kinds import SAVE_AGAIN


def cells_of(path: Path, wanted: str | None = None) -> tuple[str, pl.DataFrame]:
    """The name of the sheet ``wanted``, else of the one filled sheet, and its cells.

    Columns are ``line``, the row's number in the sheet, and ``0``, ``1``, … as text; an empty cell is null. Raises
    SurveyError for a workbook that cannot be read, has no or several filled sheets, or has an error in a cell.
    """
    import fastexcel

    try:
        book = fastexcel.read_excel(path)
        if wanted and wanted not in book.sheet_names:
            raise SurveyError(
                f"has no sheet '{wanted}', which exports.sheet names",
                where=path,
                remedy=nearest(wanted, book.sheet_names) + " Correct exports.sheet in the study's file.",
            )
        sheets = {}
        for name in [wanted] if wanted else book.sheet_names:
            sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
            if sheet.height:
                sheets[name] = sheet
        if len(sheets) > 1:
            raise SurveyError(
                f"has {len(sheets)} sheets with data: {', '.join(sheets)}",
                where=path,
                remedy="Name the sheet with the answers under exports.sheet in the study's file.",
            )
        if not sheets:
            raise SurveyError("the workbook is empty", where=path, remedy=SAVE_AGAIN)
        name, sheet = next(iter(sheets.items()))
        errors = sheet.to_arrow_with_errors()[1]
        cells = sheet.to_polars()
    except BaseException as error:
        # Damaged bytes end in the library's own error or in a panic of its Rust code, which has no public name.
        if not isinstance(error, fastexcel.FastExcelError) and type(error).__name__ != "PanicException":
            raise
        reason = (str(error).splitlines() or [""])[0]
        if "password" in reason.lower():
            raise SurveyError(
                "is protected by a password; save it without one", where=path, remedy=SAVE_AGAIN
            ) from None
        raise SurveyError(f"cannot be read as a workbook ({reason})", where=path, remedy=SAVE_AGAIN) from None
    if errors and errors.errors:
        row = errors.errors[0].position[0] + 1
        raise SurveyError(
            "a cell holds an error instead of a value",
            where=f"{path}, line {row}",
            remedy="Replace formulas by their values and save the workbook again.",
        )
    names = [str(k) for k in range(cells.width)]
    return name, cells.rename(dict(zip(cells.columns, names, strict=True))).with_row_index("line", 1)
