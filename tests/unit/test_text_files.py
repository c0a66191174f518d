"""Delimited text written in every way comes back as it was, or is refused: nothing is misread."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from learning_survey import encodings, text_files
from learning_survey.config import Exports
from learning_survey.errors import SurveyError
from learning_survey.exports import read_sheet
from learning_survey.text_files import Text

WORDS = "abc,;|\t\"'\n\r é’-–“ßñ5."
CELL = st.text(st.sampled_from(WORDS), max_size=5)
TABLE = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=5)
)
CODECS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom", "cp1252", "mac_roman"]


def written(rows: list[list[str]], delimiter: str, end: str, quote_all: bool = False) -> str:
    """As RFC 4180 has it: Python's own writer leaves a CR without quotation marks where lines end in LF."""

    def cell(text: str) -> str:
        plain = not quote_all and not set(text) & {delimiter, '"', "\r", "\n"}
        return text if plain else '"' + text.replace('"', '""') + '"'

    return "".join(delimiter.join(map(cell, row)) + end for row in rows)


def encoded(text: str, codec: str) -> bytes:
    return ("\ufeff" + text).encode("utf-16-be") if codec == "utf-16-be-bom" else text.encode(codec)


def filled(rows: list[list[str]]) -> list[tuple]:
    wanted = [(k + 2, *(cell.strip() or None for cell in row)) for k, row in enumerate(rows)]
    return [row for row in wanted if any(row[1:])]


@given(
    rows=TABLE,
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    how=st.tuples(st.sampled_from(CODECS), st.booleans()),  # encoding, all quoted
)
def test_a_table_comes_back_whatever_way_it_was_written(tmp_path_factory, rows, delimiter, end, how):
    codec, quote_all = how
    header = [f"head {k}" for k in range(len(rows[0]))]
    path = tmp_path_factory.mktemp("t") / "export.csv"
    path.write_bytes(encoded(written([header, *rows], delimiter, end, quote_all), codec))
    names = {mark: name for name, mark in text_files.DELIMITERS.items()}
    says = {"delimiter": names[delimiter]}
    if codec in ("cp1252", "mac_roman"):
        says["encoding"] = codec
    try:
        sheet = read_sheet(path, Exports(folder="", files=["*"], **says))
    except SurveyError as error:
        assert "no rows" in error.problem or ("is encoded as UTF-8, not as" in error.problem and "encoding" in says)
        return
    assert sheet.header == header
    assert sheet.rows.collect().rows() == filled(rows)


@given(rows=TABLE, delimiter=st.sampled_from(",;\t|"), end=st.sampled_from(["\n", "\r\n", "\r"]))
def test_the_delimiter_is_found_or_asked_for(tmp_path_factory, rows, delimiter, end):
    header = [f"head {k}" for k in range(len(rows[0]))]
    path = tmp_path_factory.mktemp("t") / "export.csv"
    path.write_bytes(written([header, *rows], delimiter, end).encode())
    try:
        sheet = read_sheet(path)
    except SurveyError as error:
        assert "no rows" in error.problem
        return
    assert sheet.header == header
    assert sheet.rows.collect().rows() == filled(rows)


SAID = (
    "I don’t know|Très bien|Für mich|España|It’s fine|Mädchen und Jungen|école – maternelle|“good”|£5|naïve…|Øre|"
    "Ça va|São Paulo|smörgåsbord|Größe|NON-RÉPONSE|l’été|país|años|wait… what|5° – 6°|Élève|o’clock|à la carte"
)
SENTENCES = st.lists(st.sampled_from(SAID.split("|")), min_size=1, max_size=6)


@given(texts=SENTENCES, codec=st.sampled_from(["cp1252", "mac_roman"]))
def test_an_eight_bit_encoding_is_found_or_asked_for_and_never_mistaken(tmp_path_factory, texts, codec):
    texts = [text for text in texts if text.encode(codec, "ignore").decode(codec) == text]
    path = tmp_path_factory.mktemp("t") / "export.csv"
    path.write_bytes(written([["id", "said"], *(["1", text] for text in texts), ["2", "x"]], ",", "\n").encode(codec))
    try:
        rows = read_sheet(path).rows.collect()
    except SurveyError as error:
        assert "its words do not tell its encoding" in error.problem
        return
    assert rows["1"].to_list() == [*texts, "x"]


def test_words_that_the_study_knows_tell_the_encoding(tmp_path):
    for codec, name in (("cp1252", "Windows-1252"), ("mac_roman", "Mac Roman")):
        path = tmp_path / f"{codec}.csv"
        path.write_bytes("id,said\n1,It’s\n".encode(codec))
        with pytest.raises(SurveyError, match="do not tell") if codec == "cp1252" else pytest.raises(SurveyError):
            read_sheet(path)
        sheet = read_sheet(path, known=["It's", "never"])
        assert sheet.detected.encoding == name
        assert sheet.rows.collect().rows() == [(2, "1", "It’s")]


def test_valid_utf_8_by_chance_is_not_taken_for_certain(tmp_path):
    path = tmp_path / "e.csv"
    path.write_bytes("id,said\n1,oui…était bien\n".encode("mac_roman"))
    assert path.read_bytes().decode("utf-8")
    with pytest.raises(SurveyError, match="do not tell its encoding"):
        read_sheet(path)
    sheet = read_sheet(path, Exports(folder="", files=["*"], encoding="mac_roman"))
    assert sheet.rows.collect().rows() == [(2, "1", "oui…était bien")]
    path.write_text("id,said\n1,Привет\n2,Über\n", encoding="utf-8")
    assert read_sheet(path).rows.collect().rows() == [(2, "1", "Привет"), (3, "2", "Über")]


def test_headers_that_the_study_knows_tell_the_delimiter(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("a;b,c\n1;2,3\n")
    assert read_sheet(path, known=["B,C"]).header == ["a", "b,c"]


def test_a_large_converted_file_has_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "HELD", 100)
    monkeypatch.setattr(text_files.tempfile, "tempdir", str(tmp_path))
    path = tmp_path / "e.csv"
    rows = [[str(k), f"Très {k}"] for k in range(3000)]
    path.write_bytes(written([["id", "said"], *rows], ";", "\r").encode("utf-16"))
    sheet = read_sheet(path)
    assert str(sheet.text.content).startswith("/proc/self/fd/") and [p.name for p in tmp_path.iterdir()] == ["e.csv"]
    assert sheet.rows.collect().rows() == [(k + 2, *row) for k, row in enumerate(rows)]
    assert sheet.detected.encoding.startswith("UTF-16") and sheet.detected.line_end == "CR"
    sheet.close()
    assert sheet.text.unnamed.closed


def test_a_process_killed_while_it_holds_converted_text_leaves_none(tmp_path):
    """A real kill: a second process converts more than HELD bytes and stops for good while it has them."""
    rows = [["id", "said"], *([str(k), "Zoltana said " + "é" * 1000] for k in range(40_000))]
    (tmp_path / "e.csv").write_bytes(written(rows, ",", "\n").encode("utf-16"))
    code = (
        "import sys, pathlib; from learning_survey.text_files import open_text;"
        "text = open_text(pathlib.Path('e.csv')); assert text.unnamed;"
        "print(text.content.stat().st_size, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts"), "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert int(process.stdout.readline()) > text_files.HELD
    process.kill()
    process.communicate()
    assert [p.name for p in tmp_path.iterdir()] == ["e.csv"]


def test_nothing_is_left_behind_when_a_converted_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "HELD", 10)
    monkeypatch.setattr(text_files.tempfile, "tempdir", str(tmp_path))
    (tmp_path / "e.csv").write_bytes("id,a\n1,x\n2\n".encode("utf-16"))
    with pytest.raises(SurveyError, match="line 3: has 1 cell under 2 headers"):
        read_sheet(tmp_path / "e.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["e.csv"]


def test_a_full_disk_while_converting_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "HELD", 10)
    monkeypatch.setattr(text_files.tempfile, "tempdir", str(tmp_path))
    (tmp_path / "e.csv").write_bytes("id,a\n1,x\n2,y\n".encode("utf-16"))
    if not Path("/dev/full").exists():
        pytest.skip("no device that is always full")
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    monkeypatch.setattr(text_files.tempfile, "TemporaryFile", lambda **_: full)
    with pytest.raises(SurveyError, match="cannot convert it to UTF-8: No space left on device"):
        read_sheet(tmp_path / "e.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["e.csv"]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_blocks_may_end_anywhere(tmp_path, monkeypatch, size):
    """Converted text is looked at in blocks; the first one must hold the headers, as the first MiB does."""
    content = 'id;a\r1;"x\r\ny"\r\n2;"p""q"\n3;é\r'
    path = tmp_path / "e.csv"
    path.write_bytes(content.encode("utf-16"))
    whole = Text(path, content.encode(), "UTF-8", "", ";")
    monkeypatch.setattr(text_files, "BLOCK", size)
    monkeypatch.setattr(text_files.encodings, "BLOCK", size)
    text_files._line_ends(whole)
    assert whole.line_end == "LF and CRLF and CR"
    assert whole.content == content.replace("\r1", "\n1").replace("é\r", "é\n").encode()
    assert "".join(encodings.decoded(path, encodings.detect(path))) == content


def found(path: Path) -> object:
    """How a file is written and its first rows, or why it is refused."""
    try:
        text = text_files.open_text(path)
        return text.delimiter, text.quote, text.single, text.skip, text_files.first_rows(text, 3)
    except SurveyError as error:
        return error.message


@given(
    st.sampled_from(["", "sep=;\n", "'a','b'\n", "ab,b\n", "a;a\n"]),
    st.text(st.sampled_from("ab,;\t\n\"' "), max_size=120),
)
def test_a_few_characters_tell_the_same_as_many(tmp_path_factory, first, rest):
    path = tmp_path_factory.mktemp("few") / "a.csv"
    path.write_text(first + rest)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "FEW", text_files.LOOK)
        many = found(path)
        patch.setattr(text_files, "FEW", 30)
        assert found(path) == many
