"""Make the corpus of exports: one small file for each format, encoding, header convention and kind that is refused.

    python tests/data/exports/make.py [folder]

Writes the files and ``expected.json``: for each file what the study states, and either headers, questions, what is to
be detected and the rows (line first), or the error. Everything expected is written down here, from what went into the
file; nothing is read back. The same bytes each time.
"""

from __future__ import annotations

import csv
import io
import json
import struct
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

Row = list[Any]
HEADER = ["id", "age", "I don’t like school", "Café", "comment"]
ROWS = [
    ["r1", "9", "Très", "Oui; toujours", "fine, thanks"],
    ["r2", "10", "Für mich", "Déjà", 'two\nlines, "quoted"'],
    ["r3", "11", "Très", "", "España"],
]
CASES: dict[str, tuple[bytes, dict[str, Any]]] = {}


def good(name: str, content: bytes, **expected: Any) -> None:
    """A file that is read. ``detected`` holds what differs from a plain CSV file."""
    plain = {"format": "CSV", "sheet": "", "encoding": "UTF-8", "delimiter": "comma", "quote": "double"}
    plain |= {"line_end": "LF", "header_rows": 1}
    expected["detected"] = plain | expected.get("detected", {})
    expected.setdefault("header", HEADER)
    expected.setdefault("questions", [""] * len(expected["header"]))
    expected.setdefault("rows", lined(ROWS))
    CASES[name] = (content, expected)


def bad(name: str, content: bytes, error: str, line: int = 0, **stated: Any) -> None:
    """A file that is refused: a piece of the message, and the line that it names."""
    CASES[name] = (content, {"error": error, "line": line, "stated": stated})


def lined(rows: list[Row], first: int = 2) -> list[Row]:
    return [[k + first, *(cell or None for cell in row)] for k, row in enumerate(rows)]


def text(
    rows: list[Row], delimiter: str = ",", end: str = "\n", quoting: int = csv.QUOTE_MINIMAL, quote: str = '"'
) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting, quotechar=quote).writerows(rows)
    return out.getvalue()


# ---------------------------------------------------------------- containers


def archive(members: dict[str, str | bytes]) -> bytes:
    """A ZIP archive without the time of day in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def xlsx(sheets: dict[str, list[Row]]) -> bytes:
    """An XLSX workbook with texts in the cells, numbers where a cell is a number."""
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    numbers = range(1, len(sheets) + 1)
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{kind}.worksheet+xml"/>' for n in numbers
    )
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" '
        f'ContentType="{kind}.sheet.main+xml"/>{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {space} xmlns:r="{office}"><sheets>'
        + "".join(f'<sheet name="{s}" sheetId="{n}" r:id="r{n}"/>' for n, s in zip(numbers, sheets, strict=True))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{office}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
        )
        + "</Relationships>",
    }
    for n, rows in zip(numbers, sheets.values(), strict=True):
        lines = []
        for r, row in enumerate(rows, start=1):
            cells = "".join(_xlsx_cell(f"{chr(65 + c)}{r}", cell) for c, cell in enumerate(row) if cell != "")
            lines.append(f'<row r="{r}">{cells}</row>')
        members[f"xl/worksheets/sheet{n}.xml"] = (
            f"<worksheet {space}><sheetData>{''.join(lines)}</sheetData></worksheet>"
        )
    return archive(members)


def _xlsx_cell(place: str, cell: Any) -> str:
    if isinstance(cell, str):
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
    return f'<c r="{place}"><v>{cell}</v></c>'


def ods(rows: list[Row], manifest: str = "") -> bytes:
    """An ODS workbook with one sheet."""
    space = "urn:oasis:names:tc:opendocument:xmlns"
    mime = "application/vnd.oasis.opendocument.spreadsheet"
    lines = "".join(f"<table:table-row>{''.join(_ods_cell(cell) for cell in row)}</table:table-row>" for row in rows)
    content = (
        f'<office:document-content xmlns:office="{space}:office:1.0" xmlns:table="{space}:table:1.0" '
        f'xmlns:text="{space}:text:1.0" office:version="1.2"><office:body><office:spreadsheet>'
        f'<table:table table:name="Answers">{lines}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    entry = f'<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">{manifest}'
    listing = (
        f'<manifest:manifest xmlns:manifest="{space}:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/>'
        f"{entry}</manifest:file-entry></manifest:manifest>"
    )
    return archive({"mimetype": mime, "content.xml": content, "META-INF/manifest.xml": listing})


def _ods_cell(cell: Any) -> str:
    if cell == "":
        return "<table:table-cell/>"
    lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in str(cell).split("\n"))
    value = "" if isinstance(cell, str) else f' office:value="{cell}"'
    kind = "string" if isinstance(cell, str) else "float"
    return f'<table:table-cell office:value-type="{kind}"{value}>{lines}</table:table-cell>'


def compound(streams: dict[str, bytes]) -> bytes:
    """A compound file (version 3, sectors of 512 bytes), the container of XLS and of encrypted workbooks."""
    free, end, fat_sector, sector = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 512
    fat, body, entries = [fat_sector, end], b"", []
    for name, content in streams.items():
        padded = content.ljust(max(4096, -(-len(content) // sector) * sector), b"\0")
        start, count = len(fat), len(padded) // sector
        fat += [*range(start + 1, start + count), end]
        body += padded
        entries.append((name, 2, start, len(padded)))
    directory = b""
    for k, (name, kind, start, size) in enumerate([("Root Entry", 5, end, 0), *entries]):
        label = name.encode("utf-16-le") + b"\0\0"
        following = k + 1 if 0 < k < len(entries) else free
        child = 1 if k == 0 else free
        directory += label.ljust(64, b"\0") + struct.pack("<HBB3I", len(label), kind, 1, free, following, child)
        directory += bytes(36) + struct.pack("<IQ", start, size)
    directory = directory.ljust(sector, b"\0")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, end, 0, end, 0) + struct.pack("<109I", 0, *[free] * 108)
    return header + struct.pack("<128I", *fat, *[free] * (128 - len(fat))) + directory + body


def xls(rows: list[Row]) -> bytes:
    """An XLS workbook (BIFF8) with one sheet."""

    def record(kind: int, content: bytes) -> bytes:
        return struct.pack("<HH", kind, len(content)) + content

    cells = b""
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            if isinstance(cell, str) and cell:
                words = struct.pack("<HHHHB", r, c, 0, len(cell), 1) + cell.encode("utf-16-le")
                cells += record(0x0204, words)
            elif cell != "":
                cells += record(0x0203, struct.pack("<HHHd", r, c, 0, cell))
    name = b"Answers"
    begin = struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 6)
    front, size = record(0x0809, begin), 4 + 8 + len(name) + 4
    front += record(0x0085, struct.pack("<IHBB", len(front) + size, 0, len(name), 0) + name) + record(0x000A, b"")
    sheet = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 6)) + cells + record(0x000A, b"")
    return compound({"Workbook": front + sheet})


def spss(compress: bool) -> bytes:
    """An SPSS file with labels of values and variables, a declared missing value and a number without a label."""
    import pandas as pd
    import pyreadstat

    frame = pd.DataFrame({"id": ["r1", "r2", "r3"], "q1": [1.0, 9.0, 2.0], "hours": [1.5, float("nan"), 4.0]})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.sav"
        pyreadstat.write_sav(
            frame,
            str(path),
            compress=compress,
            column_labels=["Identifier", "Do you like school?", ""],
            variable_value_labels={"q1": {1: "Très", 2: "Not at all", 9: "Refused"}},
            missing_ranges={"q1": [9]},
        )
        content = bytearray(path.read_bytes())
    content[92:109] = b"01 Jan 2000:00:00"  # when it was made
    return bytes(content)


def parquet() -> bytes:
    import datetime

    import polars as pl

    out = io.BytesIO()
    columns = {"id": ["r1", "r2", "r3"], "age": [9.0, None, 11.0], "q1": ["Très", "Oui", None], "n": [1, 2, 3]}
    day = datetime.date(2021, 6, 15)
    frame = pl.DataFrame(columns | {"ok": [True, False, None], "day": [day] * 3, "half": [0.5, 1.0, float("nan")]})
    frame.with_columns(pl.col("q1").cast(pl.Categorical)).write_parquet(out)
    return out.getvalue()


# ---------------------------------------------------------------- the files


def text_files() -> None:
    table = [HEADER, *ROWS]
    plain = text(table)
    good("comma_lf.csv", plain.encode())
    good("bom.csv", b"\xef\xbb\xbf" + plain.encode(), detected={"encoding": "UTF-8 with BOM"})
    for name, mark, file in (("semicolon", ";", "csv"), ("pipe", "|", "txt")):
        good(f"{name}.{file}", text(table, mark).encode(), detected={"delimiter": name})
    good("tab.tsv", text(table, "\t").encode(), detected={"format": "TSV", "delimiter": "tab"})
    good("crlf.csv", text(table, end="\r\n").encode(), detected={"line_end": "CRLF"})
    good("cr.csv", text(table, end="\r").encode(), detected={"line_end": "CR"})
    good("cr_semicolon.csv", text(table, ";", "\r").encode(), detected={"line_end": "CR", "delimiter": "semicolon"})
    mixed = text(table[:2], end="\r\n") + text(table[2:])
    good("mixed_line_ends.csv", mixed.encode(), detected={"line_end": "LF and CRLF"})
    good("quoted.csv", text(table, quoting=csv.QUOTE_ALL).encode())
    single = text(table, quoting=csv.QUOTE_ALL, quote="'")
    good("single_quotes.csv", single.encode(), detected={"quote": "single"})
    for codec, name in (("utf-16-le", "UTF-16 LE"), ("utf-16-be", "UTF-16 BE")):
        file = codec.replace("-", "_")
        good(f"{file}.csv", "\ufeff".encode(codec) + plain.encode(codec), detected={"encoding": name})
    found = {"encoding": "UTF-16 LE without BOM", "delimiter": "tab", "format": "TSV", "line_end": "CRLF"}
    good("utf_16_no_mark.txt", text(table, "\t", "\r\n").encode("utf-16-le"), detected=found)
    good("windows_1252.csv", plain.encode("cp1252"), detected={"encoding": "Windows-1252"})
    found = {"encoding": "Mac Roman", "delimiter": "semicolon", "line_end": "CR"}
    good("mac_roman.csv", text(table, ";", "\r").encode("mac_roman"), detected=found)
    good("ascii.csv", b"id,a\n1,x\n", header=["id", "a"], rows=[[2, "1", "x"]])
    lines = 'id,"a\r\nb",c\n1,"x\r\n\r\ny",z\n\n2,"p\rq",r\n'
    rows = [[2, "1", "x\r\n\r\ny", "z"], [4, "2", "p\rq", "r"]]
    good("line_ends_in_cells.csv", lines.encode(), header=["id", "a b", "c"], rows=rows)
    found = {"delimiter": "semicolon", "line_end": "CRLF"}
    stated = text(table, ";", "\r\n")
    good("sep_line.csv", b"sep=;\r\n" + stated.encode(), detected=found)
    good("blank_lines.csv", b"\n  \n" + plain.encode(), rows=lined(ROWS, 4))
    both = b"a;b,c\n1;2,3\n4;5,6\n"
    found = {"delimiter": "semicolon"}
    rows = [[2, "1", "2,3"], [3, "4", "5,6"]]
    good(
        "stated_delimiter.csv", both, stated={"delimiter": "semicolon"}, header=["a", "b,c"], rows=rows, detected=found
    )
    bad("two_delimiters.csv", both, "can be separated by comma (2 columns) or semicolon (2 columns)")
    only = "id,word\n1,It’s\n".encode("cp1252")
    good("stated_encoding.csv", only, stated={"encoding": "cp1252"}, header=["id", "word"], rows=[[2, "1", "It’s"]],
         detected={"encoding": "Windows-1252"})  # fmt: skip
    bad("undecided_encoding.csv", only, "its words do not tell its encoding: 'It’s' (Windows-1252) or 'Itís'", 2)
    bad("wrong_encoding.csv", plain.encode("cp1252"), "is not encoded as UTF-8", 1, encoding="utf-8")
    bad("not_what_is_stated.csv", plain.encode(), "is encoded as UTF-8, not as cp1252", encoding="cp1252")
    bad("two_encodings.csv", plain.encode() + "r4,12,x,é,ü\n".encode("latin-1"), "is not encoded as UTF-8", 6)
    words = "id,q\n1,się\n2,imię\n"
    bad("windows_1250.csv", words.encode("cp1250"), "do not tell its encoding: 'imiê' (Windows-1252) or 'imię'", 2)
    bad("iso_8859_15.csv", "id,q\n1,cœur\n2,Très\n".encode("iso8859-15"), "or 'cœur' (ISO 8859-15)", 2)
    bad("turkish.csv", "id,q\n1,kız\n".encode("cp1254"), "do not tell its encoding", 2)
    bad("shift_jis.csv", "id,q\n1,学校\n2,学\n".encode("shift_jis"), "do not tell its encoding", 2)
    bad("cyrillic.csv", "id,слово\n1,Привет\n".encode("cp1251"), "its words do not tell its encoding", 1)
    bad("no_encoding.csv", b"id\n1\n", "exports.encoding: 'klingon' is no encoding", encoding="klingon")


def header_files() -> None:
    questions = ["Respondent ID", "Collector ID", "How do you feel about school?", "", "", "Your age?"]
    subs = ["", "", "I like it.", "I feel safe.", "It is fun.", "Open-Ended Response"]
    repeated = ["Respondent ID", "Collector ID", *["How do you feel about school?"] * 3, "Your age?"]
    answers = [["101", "7", "Agree", "Disagree", "Agree", "9"], ["102", "7", "Agree", "Agree", "", "10"]]
    stem = "How do you feel about school?"
    expected = {
        "header": ["Respondent ID", "Collector ID", *(f"{stem} [{sub}]" for sub in subs[2:5]), "Your age?"],
        "questions": ["Respondent ID", "Collector ID", *subs[2:5], "Your age?"],
        "rows": lined(answers, 3),
    }
    found = {"header_rows": 2}
    good("two_rows_blank.csv", text([questions, subs, *answers]).encode(), detected=found, **expected)
    good("two_rows_repeated.csv", text([repeated, subs, *answers]).encode(), detected=found, **expected)
    found = {"format": "XLSX", "sheet": "Answers", "encoding": "", "delimiter": "", "quote": "", "line_end": ""}
    found["header_rows"] = 2
    good("two_rows.xlsx", xlsx({"Answers": [questions, subs, *answers]}), detected=found, **expected)

    names = ["ResponseId", "Q1_1", "Q1_2"]
    texts = ["Response ID", "School\nis … - fun", "School\nis … - safe"]
    ids = [f'{{"ImportId":"{i}"}}' for i in ("_recordId", "QID1_1", "QID1_2")]
    answers = [["R_1", "Agree", "Disagree"], ["R_2", "", "Agree"]]
    three = {"header": names, "questions": [t.replace("\n", " ") for t in texts], "rows": lined(answers, 4)}
    found = {"header_rows": 3}
    content = text([names, texts, ids, *answers])
    good("three_rows.csv", content.encode(), detected=found, **three)
    found = found | {"encoding": "UTF-16 LE", "delimiter": "tab", "format": "TSV"}
    wide = "\ufeff" + text([names, texts, ids, *answers], "\t")
    good("three_rows.tsv", wide.encode("utf-16-le"), detected=found, **three)
    below = ["Response ID", "School is fun", "School is safe"]
    good("stated_header.csv", text([names, below, *answers]).encode(), stated={"header": "two_rows"}, header=names,
         questions=below, rows=lined(answers, 3), detected={"header_rows": 2})  # fmt: skip

    rows = [["101", "Agree", "61", "9"], ["102", "", "75", "10"], ["103", "Agree", "40", "9"]]
    names, below = ["CASE", "LE01_01", "TIME_SUM", "AGE"], ["Interview number", "I like it.", "Time in all", "Your age"]
    good("names_above_texts.csv", text([names, below, *rows]).encode(), header=names, questions=below,
         rows=lined(rows, 3), detected={"header_rows": 2})  # fmt: skip
    written = [["101", "Agree", "ten", "9"], *rows[1:]]
    good("first_answer_in_words.csv", text([names, *written]).encode(), header=names, rows=lined(written))
    unseen = ["\u200bid", "I\u00ad like\u00a0 it\ufeff", "\u200fسؤال", "👩\u200d🏫"]
    rows = [["r1", "a", "b", "c"], ["r2", "a", "b", "c"]]
    good("unseen_marks.csv", text([unseen, *rows]).encode(), header=["id", "I like it", "سؤال", "👩\u200d🏫"],
         rows=lined(rows))  # fmt: skip

    codes = ["id", "feel[SQ001]", "feel[SQ002]"]
    good("matrix_code.csv", text([codes, *answers]).encode(), header=codes, questions=["", "SQ001", "SQ002"],
         rows=lined(answers))  # fmt: skip
    wordings = ["id", "I feel … [at home]", "I feel … [at school]", "Age [years]"]
    rows = [[*row, "9"] for row in answers]
    good("matrix_question.csv", text([wordings, *rows]).encode(), header=wordings,
         questions=["", "at home", "at school", ""], rows=lined(rows))  # fmt: skip
    gaps = text([["id", "a", ""], ["1", "x", "note"], ["2", "y", ""], ["3", "", "note"]])
    rows = [[2, "1", "x", "note"], [3, "2", "y", None], [4, "3", None, "note"]]
    good("gap_in_header.csv", gaps.encode(), header=["id", "a", ""], rows=rows)


def workbooks_and_data() -> None:
    table = [HEADER, *([row[0], int(row[1]), *row[2:]] for row in ROWS)]
    nothing = {"sheet": "Answers", "encoding": "", "delimiter": "", "quote": "", "line_end": ""}
    good("book.xlsx", xlsx({"Answers": table}), detected=nothing | {"format": "XLSX"})
    good("book.ods", ods(table), detected=nothing | {"format": "ODS"})
    good("book.xls", xls(table), detected=nothing | {"format": "XLS"})
    two = xlsx({"Notes": [["Exported by us"], ["today"]], "Answers": [[], *table]})
    good(
        "chosen_sheet.xlsx",
        two,
        stated={"sheet": "Answers"},
        detected=nothing | {"format": "XLSX"},
        rows=lined(ROWS, 3),
    )
    bad("two_sheets.xlsx", two, "has 2 sheets with data: Notes, Answers")
    bad("no_sheet.xlsx", xlsx({"Answers": table}), "has no sheet 'Answer', which exports.sheet names", sheet="Answer")
    bad("truncated.xlsx", two[:-40], "is a workbook or an archive that is cut short or damaged")
    secret = b"\x04\x00\x04\x00" + bytes(range(256)) * 4
    locked = compound({"EncryptionInfo": secret, "EncryptedPackage": secret})
    bad("password.xlsx", locked, "is protected by a password")
    bad("password.ods", ods(table, "<manifest:encryption-data/>"), "is protected by a password")
    bad("book_named.csv", xlsx({"Answers": table}), "is an XLSX workbook, whatever its name says")
    bad("text_named.xlsx", text([HEADER, *ROWS]).encode(), "is not an XLSX workbook, whatever its name says")
    bad("archive.csv", archive({"export.csv": "id,a\n"}), "is a ZIP archive, not an export")
    bad("archive.xlsx", archive({"export.csv": "id,a\n"}), "is a ZIP archive, not an export")

    nothing = {"sheet": "", "delimiter": "", "quote": "", "line_end": "", "header_rows": 0}
    rows = [[2, "r1", "Très", "1.5"], [3, "r2", None, None], [4, "r3", "Not at all", "4"]]
    spoken = ["Identifier", "Do you like school?", ""]
    for file in ("sav", "zsav"):
        good(f"labels.{file}", spss(file == "zsav"), header=["id", "q1", "hours"], questions=spoken, rows=rows,
             detected=nothing | {"format": "SPSS"})  # fmt: skip
    bad("truncated.sav", spss(False)[:300], "cannot be read as an SPSS file; it is cut short or damaged")
    names = ["id", "age", "q1", "n", "ok", "day", "half"]
    rows = [
        [2, "r1", "9", "Très", "1", "true", "2021-06-15", "0.5"],
        [3, "r2", None, "Oui", "2", "false", "2021-06-15", "1"],
        [4, "r3", "11", None, "3", None, "2021-06-15", None],
    ]
    good("typed.parquet", parquet(), header=names, rows=rows, detected=nothing | {"format": "Parquet", "encoding": ""})
    bad("truncated.parquet", parquet()[:-30], "cannot be read as a Parquet file; it is cut short or damaged")


def refused() -> None:
    page = b"<!DOCTYPE html>\n<html><body><h1>Sign in</h1></body></html>\n"
    bad("web_page.csv", page, "is a web page, not an export")
    bad("web_page.xls", b"\n<html><table><tr><td>id</td></tr></table></html>", "is a web page, not an export")
    bad("document.csv", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "is a PDF document")
    bad("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is a picture (PNG)")
    bad("compressed.csv", b"\x1f\x8b\x08\0\0\0\0\0\0\xff", "is a compressed file (gzip)")
    bad("markup.csv", b'<?xml version="1.0"?><Workbook/>', "is an XML file")
    bad("objects.csv", b'[{"id": 1, "a": "x"}]', "is a JSON file")
    bad("binary.csv", b"id,a\n1,\0\x01\x02\n", "is not text: it holds binary data")
    bad("empty.csv", b"", "the file is empty")
    bad("blank.csv", b" \n\r\n,,\n", "the file is empty")
    bad("header_only.csv", text([HEADER]).encode(), "has a header and no rows")
    for mark, name in ((",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")):
        rows = [["id", "a", "b"], ["1", "x", "y"], ["2", "x"], ["3", "x", "y"]]
        bad(f"ragged_{name}.csv", text(rows, mark).encode(), "has 2 cells under 3 headers", 3)
    bad("title_above.csv", b"Our survey\n\nid,a\n1,x\n", "has 2 cells under 1 header", 3)
    bad("ragged_cr.csv", b"id,a\r1,x\r2,x,y\r", "has 3 cells under 2 headers", 3)
    bad("unclosed.csv", b'id,a\n1,"x\n2,y\n', "a quotation mark is not closed")
    bad("quotation_inside.csv", b'id,a\n1,x\n2,5" long\n', "a cell has a quotation mark inside and none around it", 3)
    bad("other.dat", b"id,a\n1,x\n", "'.dat' is not a kind of file that can be read")


def dirty() -> None:
    """Every kind of dirt that a rule of cleaning takes out, with the ledger; the study is in test_export_corpus.py."""
    header = ["id", "site", "age", "year", "sex", "status", "consent", "q1", "q2", "q3", "q4"]
    same = ["s1", "9", "Year 4", "Girl", "complete", "Yes"]
    some, other = ["Agree", "Disagree", "Agree", ""], ["Agree", "Agree", "Disagree", "Agree"]
    rows = [
        ["r01", *same, *some],
        ["r02", *same[:4], "Survey Preview", "Yes", *some],
        ["r03", *same[:5], "No", *some],
        ["r04", *same, "Agree", "", "", ""],
        ["r01", *same, *some],
        ["r05", *same, *some],
        ["r05", *same, *other],
        ["r06", "s9", *same[1:], *some],
        ["r07", "s1", "140", *same[2:], *some],
        ["r08", *same[:3], "=robot", *same[4:], *other],
        ["r09", "s1", "9", "Year 99", *same[3:], *other],
        ["r10", "s1", "9", "Year 11", *same[3:], *other],
        ["r11", "s1", "", "", *same[3:], *other],
    ]
    ledger = [
        [3, "status", "Survey Preview", "test_status", "drop_row"],
        [4, "consent", "No", "consent", "drop_row"],
        [5, "items", "1 of 4 answered", "blank", "drop_row"],
        [6, "respondent", "withheld", "duplicates", "drop_row"],
        [8, "respondent", "withheld", "repeated_ids", "drop_row"],
        [9, "school", "withheld", "unknown_school", "drop_row"],
        [10, "age", "140", "ages", "empty_cell"],
        [11, "gender", "'=robot", "gender", "empty_cell"],
        [12, "year_group", "Year 99", "year_group", "empty_cell"],
        [13, "age", "9", "group_conflict_age", "empty_cell"],
    ]
    good("dirty.csv", text([header, *rows]).encode(), header=header, rows=lined(rows), ledger=ledger)


def main(folder: Path) -> None:
    for part in (text_files, header_files, workbooks_and_data, refused, dirty):
        part()
    folder.mkdir(parents=True, exist_ok=True)
    for name, (content, _) in CASES.items():
        (folder / name).write_bytes(content)
    expected = {name: expected for name, (_, expected) in CASES.items()}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
