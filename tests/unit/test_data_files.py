"""Workbooks, SPSS and Parquet files give back what was put in; damaged ones are refused as such."""

import datetime
import io
import random

import pandas as pd
import polars as pl
import pyreadstat
import pytest
import xlsxwriter
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from learning_survey import data_files, headers
from learning_survey.config import Exports
from learning_survey.errors import SurveyError
from learning_survey.exports import read_sheet

FOLDER = ROOT / "tests" / "data" / "exports"
CELL = st.text(st.sampled_from("abc,;|\t\"'\n é’-–“ßñ5.=+"), max_size=6)
TABLE = st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=5)
HEADER = ["one", "two", "three"]


def xlsx(rows, path):
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for r, row in enumerate([HEADER, *rows]):
            for c, cell in enumerate(row):
                sheet.write_string(r, c, cell) if cell else None


def sav(rows, path):
    pyreadstat.write_sav(pd.DataFrame(rows, columns=HEADER), str(path), compress=path.suffix == ".zsav")


def parquet(rows, path):
    pl.DataFrame(rows, schema=HEADER, orient="row").write_parquet(path)


@pytest.mark.parametrize(("kind", "write"), [("xlsx", xlsx), ("sav", sav), ("zsav", sav), ("parquet", parquet)])
@given(rows=TABLE)
def test_texts_survive_every_format(tmp_path_factory, kind, write, rows):
    path = tmp_path_factory.mktemp("t") / f"export.{kind}"
    write(rows, path)
    wanted = [(k + 2, *(cell.strip() or None for cell in row)) for k, row in enumerate(rows)]
    wanted = [row for row in wanted if any(row[1:])]
    if not wanted:
        with pytest.raises(SurveyError, match="has a header and no rows"):
            read_sheet(path)
        return
    sheet = read_sheet(path)
    assert sheet.header == HEADER and sheet.rows.collect().rows() == wanted


@given(codes=st.lists(st.sampled_from([1.0, 2.0, 3.0, 8.0, 9.0, 2.5, None]), min_size=1, max_size=8))
def test_labels_and_missing_values_of_spss(tmp_path_factory, codes):
    path = tmp_path_factory.mktemp("t") / "export.sav"
    frame = pd.DataFrame({"id": [f"r{k}" for k in range(len(codes))], "q": pd.Series(codes, dtype=float)})
    labels = {1: "Agree", 2: " Disagree ", 9: "Refused"}
    missing = [{"lo": 8, "hi": 9}]
    pyreadstat.write_sav(frame, str(path), variable_value_labels={"q": labels}, missing_ranges={"q": missing})
    meaning = {1.0: "Agree", 2.0: "Disagree", 3.0: "3", 2.5: "2.5"}
    assert read_sheet(path).rows.collect()["1"].to_list() == [meaning.get(code) for code in codes]


def test_two_values_with_one_label_are_refused(tmp_path):
    path = tmp_path / "e.sav"
    frame = pd.DataFrame({"q": [1.0, 2.0]})
    pyreadstat.write_sav(frame, str(path), variable_value_labels={"q": {1: "Agree", 2: "Agree", 3: "No"}})
    with pytest.raises(SurveyError, match="'q' has the label 'Agree' for more than one value"):
        read_sheet(path)


def test_dates_in_spss_are_dates(tmp_path):
    path = tmp_path / "e.sav"
    frame = pd.DataFrame({"day": [datetime.date(2021, 6, 15), datetime.date(2021, 6, 16)]})
    pyreadstat.write_sav(frame, str(path))
    assert read_sheet(path).rows.collect()["0"].to_list() == ["2021-06-15", "2021-06-16"]


def test_lists_in_parquet_are_refused(tmp_path):
    path = tmp_path / "e.parquet"
    pl.DataFrame({"id": ["1"], "q": [["a", "b"]]}).write_parquet(path)
    with pytest.raises(SurveyError, match="the column 'q' holds lists or bytes"):
        read_sheet(path)


@pytest.mark.parametrize(
    ("name", "times"),
    [("book.xlsx", 150), ("book.ods", 150), ("book.xls", 100), ("typed.parquet", 150), ("labels.sav", 4),
     ("labels.zsav", 4)],
)  # fmt: skip
def test_a_damaged_file_is_read_or_refused_and_never_anything_else(tmp_path, name, times):
    whole, draw = (FOLDER / name).read_bytes(), random.Random(name)
    path = tmp_path / name
    for _ in range(times):
        data = bytearray(whole)
        for _ in range(draw.choice([1, 3, 20])):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data[: draw.choice([len(data), len(data), draw.randrange(len(data))])])
        try:
            if name.endswith("sav"):
                data_files.survives(path)
            read_sheet(path).rows.collect()
        except SurveyError as error:
            assert error.where.startswith(str(path)) and error.remedy


def test_damage_that_breaks_the_library_down_is_an_error(tmp_path, monkeypatch):
    """The child process is ended by a signal, as it is where reading the file breaks the library down."""
    monkeypatch.setattr(data_files.sys, "executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text("#!/bin/sh\nkill -SEGV $$\n")
    (tmp_path / "python").chmod(0o700)
    with pytest.raises(SurveyError, match="cannot be read as an SPSS file; it is cut short or damaged"):
        data_files.survives(FOLDER / "labels.sav")


def test_a_sheet_can_be_stated_for_one_file(tmp_path):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        for name, cell in (("a", "x"), ("b", "y")):
            sheet = book.add_worksheet(name)
            sheet.write_column(0, 0, ["id", cell])
    path = tmp_path / "e.xlsx"
    path.write_bytes(out.getvalue())
    stated = Exports(folder="", files=["*"], sheet={"other*": "a", "e.*": "b"})
    assert read_sheet(path, stated).rows.collect().rows() == [(2, "y")]
    with pytest.raises(SurveyError, match="2 sheets with data"):
        read_sheet(path, Exports(folder="", files=["*"], sheet={"other*": "a"}))


NAMES = st.lists(st.text("abcd", min_size=1, max_size=3), min_size=2, max_size=5, unique=True)


@given(names=NAMES, data=st.data())
def test_distinct_names_without_gaps_are_one_row_whatever_is_below(names, data):
    row = st.lists(st.sampled_from(["", "a", "Agree", "9"]), min_size=len(names), max_size=len(names))
    found = headers.understand([names, *data.draw(st.lists(row, max_size=6))])
    assert (found.names, found.rows) == (names, 1)
