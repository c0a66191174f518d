"""Files as they arrive: what is read, with which lines, and how each unreadable one is refused."""

import csv
import io
import re
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st
from surveys import make_survey

from learning_survey import text_files
from learning_survey.errors import SurveyError
from learning_survey.exports import export_files, read_sheet
from learning_survey.rectangle import check
from learning_survey.text_files import Text

PLAIN = "id,a,b\n1,x,y\n2,p,q\n"


def put(folder: Path, content: str | bytes, name: str = "export.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def book(path: Path, *sheets: list[list[object]]) -> Path:
    with xlsxwriter.Workbook(path) as workbook:
        for rows in sheets:
            sheet = workbook.add_worksheet()
            for r, row in enumerate(rows):
                sheet.write_row(r, 0, row)
    return path


def utf8(path: Path) -> Text:
    return Text(path, path, "UTF-8", "LF")


def read(path: Path) -> list[tuple]:
    return read_sheet(path).rows.collect().rows()


@pytest.mark.parametrize(
    ("content", "header", "rows"),
    [
        (PLAIN, ["id", "a", "b"], [(2, "1", "x", "y"), (3, "2", "p", "q")]),
        (b"\xef\xbb\xbf" + PLAIN.encode(), ["id", "a", "b"], [(2, "1", "x", "y"), (3, "2", "p", "q")]),
        (PLAIN.replace("\n", "\r\n"), ["id", "a", "b"], [(2, "1", "x", "y"), (3, "2", "p", "q")]),
        (PLAIN.rstrip(), ["id", "a", "b"], [(2, "1", "x", "y"), (3, "2", "p", "q")]),
        (" id ,a  a,\n1, x ,\n\n,,\n2,,y\n", ["id", "a a", ""], [(2, "1", "x", None), (5, "2", None, "y")]),
        ("\n\r\nid,a\n1,x\n", ["id", "a"], [(4, "1", "x")]),
        ("\n   \nid,a\n1,x\n", ["id", "a"], [(4, "1", "x")]),
        ('id,"a\nb"\n1,"x\n\ny"\n2,"p,""q"""\n', ["id", "a b"], [(2, "1", "x\n\ny"), (3, "2", 'p,"q"')]),
        ('id,a\n1,""\n', ["id", "a"], [(2, "1", None)]),
        ("id\n1\n\n2\n", ["id"], [(2, "1"), (4, "2")]),
        ("id,id\n1,2\n", ["id", "id"], [(2, "1", "2")]),
    ],
)
def test_a_csv_file_is_read_as_text_with_the_lines_of_a_spreadsheet(tmp_path, content, header, rows):
    path = put(tmp_path, content)
    assert read_sheet(path).header == header
    assert read(path) == rows


def test_a_workbook_is_read_as_text_with_the_lines_of_a_spreadsheet(tmp_path):
    path = book(tmp_path / "e.xlsx", [[], ["id", "a", "a"], [1.0, 4, 4.5], [], [1e15, None, " z "]], [])
    assert read_sheet(path).header == ["id", "a", "a"]
    assert read(path) == [(3, "1", "4", "4.5"), (5, "1000000000000000", None, "z")]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("e.csv", b"", "the file is empty"),
        ("e.csv", b" \n\r\n", "the file is empty"),
        ("e.csv", b"id,a\n", "has a header and no rows"),
        ("e.csv", b"id,a\n,\n\n", "has a header and no rows"),
        ("e.csv", b"<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page"),
        ("e.xlsx", b"\n <html><body>Sign in</body></html>", "is a web page"),
        ("e.csv", "id,a\n1,é\n2,ü\n".encode("latin-1"), "is not encoded as UTF-8"),
        ("e.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "is a picture"),
        ("e.csv", b"id,a\n1,\x00\n", "binary data"),
        ("e.csv", b"id,a\n1,x\n2,x,y\n", r"line 3: has 3 cells under 2 headers"),
        ("e.csv", b"id,a\n\n1,x\n2\n3,z\n", r"line 4: has 1 cell under 2 headers"),
        ("e.csv", b"id,a,b\n1,x,y\n2,x", r"line 3: has 2 cells under 3 headers"),
        ("e.csv", b'id,a\n1,"x\n2,y\n', "a quotation mark is not closed"),
        ("e.csv", b'id,a\n1,"x"y"",\n', "line 2: a cell has a quotation mark inside"),
        ("e.csv", b'id,a\n"x"y,2\n', "line 2: a cell has a quotation mark inside"),
        ("e.csv", b"PK\x03\x04 and so on", "a workbook or an archive"),
        ("e.xlsx", b"id,a\n1,x\n", "is not an XLSX workbook"),
        ("e.xlsx", b"PK\x03\x04 and so on", "is a workbook or an archive that is cut short"),
        ("e.sav", b"$FL2", "cannot be read as an SPSS file; it is cut short"),
        ("e.dat", b"id,a\n1,x\n", "'.dat' is not a kind of file"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_what_to_do(tmp_path, name, content, problem):
    path = put(tmp_path, content, name)
    with pytest.raises(SurveyError, match=problem) as error:
        read_sheet(path)
    assert error.value.where.startswith(str(path)) and error.value.remedy


def test_the_line_of_the_first_wrong_byte_is_named(tmp_path):
    path = put(tmp_path, "id,a\n1,x\n2,é\n".encode("latin-1"))
    with pytest.raises(SurveyError, match=r"export\.csv, line 3: is not encoded as UTF-8"):
        read_sheet(path)


def test_a_truncated_workbook_is_refused(tmp_path):
    path = book(tmp_path / "e.xlsx", [["id", "a"], [1, "x"]])
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(SurveyError, match="is a workbook or an archive that is cut short"):
        read_sheet(path)


@pytest.mark.parametrize(
    ("sheets", "problem"),
    [
        ([[]], "the workbook is empty"),
        ([[["id", "a"]]], "has a header and no rows"),
        ([[["id"], [1]], [["id"], [2]]], "has 2 sheets with data: Sheet1, Sheet2"),
    ],
)
def test_a_workbook_has_one_filled_sheet(tmp_path, sheets, problem):
    with pytest.raises(SurveyError, match=problem):
        read_sheet(book(tmp_path / "e.xlsx", *sheets))


def test_a_formula_error_in_a_workbook_is_not_an_empty_cell(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "e.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["id", "a"])
        sheet.write_row(1, 0, ["1", "x"])
        sheet.write_formula(2, 1, "=1/0", None, "#DIV/0!")
    with pytest.raises(SurveyError, match="line 3: a cell holds an error"):
        read_sheet(tmp_path / "e.xlsx")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SurveyError, match="No such file"):
        read_sheet(tmp_path / "none.csv")


CELL = st.text(st.sampled_from("ab,\"\n\r é;'-"), max_size=6)


@given(
    rows=st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=6), end=st.sampled_from(["\n", "\r\n"])
)
def test_whatever_a_cell_holds_it_comes_back(tmp_path_factory, rows, end):
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["h1", "h2", "h3"], *rows])
    path = put(tmp_path_factory.mktemp("csv"), text.getvalue())
    wanted = [(k + 2, *(cell.strip(" \n\r") or None for cell in row)) for k, row in enumerate(rows)]
    wanted = [row for row in wanted if any(row[1:])]
    if wanted:
        assert read(path) == wanted
    else:
        with pytest.raises(SurveyError, match="no rows"):
            read_sheet(path)


@given(rows=st.lists(st.lists(CELL, min_size=1, max_size=4), min_size=1, max_size=5))
def test_a_row_of_another_width_is_found_wherever_it_stands(tmp_path_factory, rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    path = put(tmp_path_factory.mktemp("csv"), text.getvalue())
    odd = next((k + 1 for k, row in enumerate(rows) if len(row) != len(rows[0])), None)
    if odd:
        with pytest.raises(SurveyError, match=f"line {odd}: has {len(rows[odd - 1])} cell"):
            check(utf8(path), len(rows[0]))
    else:
        check(utf8(path), len(rows[0]))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
def test_rows_and_quotation_marks_are_checked_across_blocks(tmp_path, monkeypatch, size):
    monkeypatch.setattr(text_files, "BLOCK", size)
    check(utf8(put(tmp_path, 'id,a,b\n1,"x,\n",y\n\n2,"l ""o"" ng, longer","q"\n"3",4,""\n')), 3)
    with pytest.raises(SurveyError, match="line 5: has 2 cells under 3 headers"):
        check(utf8(put(tmp_path, 'id,a,b\n1,"x,\n",y\n\n2,"long, longer",q\n3,4\n')), 3)
    for broken in ('id,a\n"x",y"\n', 'id,a\n"x"y,z\n', 'id,a\nx"y",z\n', 'id,a\nx,"y" \n'):
        with pytest.raises(SurveyError, match=r"line 2: a cell has a quotation mark inside|is not closed"):
            check(utf8(put(tmp_path, broken)), 2)


@given(
    width=st.integers(1, 3),
    cells=st.lists(st.sampled_from(["a", "", '""', '"a,"', '"x""y"', '"l\nm"']), min_size=3, max_size=18),
    end=st.sampled_from(["\n", "\r\n"]),
    damage=st.one_of(st.none(), st.tuples(st.integers(0, 40), st.sampled_from('a,"\n\r '))),
    sizes=st.tuples(st.integers(40, 64), st.sampled_from([1, 2, 3, 63, 64, 65, 1 << 18])),
)
def test_the_check_takes_what_the_grammar_takes(width, cells, end, damage, sizes):
    """The grammar as an expression, which Python matches byte by byte; ``sizes`` of the header and of a block."""
    text = end.join(",".join(cells[k : k + width]) for k in range(0, len(cells) - len(cells) % width, width))
    if damage:
        text = text[: damage[0]] + damage[1] + text[damage[0] :]
    cell = r'(?:"(?:[^"]|"")*"(?:\r[^",\n]*)?|[^",\n]*)'
    row = rf"(?:{cell}(?:,{cell}){{{width - 1}}}|[ \r]*)"
    content = ",".join(["h" * sizes[0], *"h" * (width - 1)]) + "\n" + text  # what follows goes over the end of a word
    fits = re.fullmatch(rf"{row}(?:\n{row})*", content) is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "BLOCK", sizes[1])
        try:
            check(Text(Path("x.csv"), content.encode(), "UTF-8", "LF"), width)
            assert fits
        except SurveyError:
            assert not fits


# ---------------------------------------------------------------- which files


def test_files_come_in_order_without_register_and_without_what_editors_leave(tmp_path):
    survey = make_survey(tmp_path, study={"exports": {"files": ["*.csv", "responses_1.csv"]}})
    for left in ("~$responses_1.csv", ".responses.csv"):
        (survey.exports[0].parent / left).write_text("x")
    assert export_files(survey.load()) == sorted(survey.exports)


@pytest.mark.parametrize("pattern", ["answers_*.csv", "schools.csv", "", "/etc/*.csv"])
def test_a_pattern_without_a_file_names_itself_and_what_there_is(tmp_path, pattern):
    survey = make_survey(tmp_path, study={"exports": {"files": [pattern]}})
    with pytest.raises(SurveyError, match="no export matches") as error:
        export_files(survey.load())
    assert f"'{pattern}'" in error.value.problem
    assert "responses_1.csv" in error.value.remedy and error.value.where.endswith("data/raw/small")


@pytest.mark.parametrize("folder", ["data/raw/none", "data/raw/small/responses_1.csv"])
def test_a_folder_that_is_none_is_refused(tmp_path, folder):
    survey = make_survey(tmp_path, study={"exports": {"folder": folder}})
    with pytest.raises(SurveyError, match="cannot read the folder of exports") as error:
        export_files(survey.load())
    assert error.value.where.endswith(folder) and "exports.folder" in error.value.remedy


def test_a_sheet_in_a_workbook_and_in_a_csv_file_read_alike(tmp_path):
    survey = make_survey(tmp_path, files=1)
    frame = pl.read_csv(survey.exports[0])
    frame.write_excel(tmp_path / "same.xlsx")
    assert read(tmp_path / "same.xlsx") == read(survey.exports[0])
