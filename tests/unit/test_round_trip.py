"""Any study, any export: the codes that were answered come back through every format, or the file is refused."""

import polars as pl
import pytest
from generated import CODECS, DELIMITERS, Generated, Way, encoded, surveys, text, ways, writable
from hypothesis import assume, given
from hypothesis import strategies as st
from readable import readable
from surveys import read_ingested

from learning_survey import data_files, file_labels
from learning_survey.errors import SurveyError
from learning_survey.ingest import ingest


@pytest.fixture(autouse=True, scope="module")
def spss_files_are_whole():
    """Reading each in a process of its own first takes most of the time and is for damaged files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_files, "survives", lambda path: None)
        yield


def ingested(study) -> pl.DataFrame:
    out = study.root / "out" / "ingested.arrow"
    ingest(study, out, study.root / "tables")
    return read_ingested(out)


def expected(survey: Generated) -> pl.DataFrame:
    """The codes that were put in, in the order of the files."""
    schema = dict.fromkeys(survey.item_ids, pl.Int8)
    return pl.DataFrame([row for codes in survey.codes for row in codes], schema=schema, orient="row")


@given(surveys(), st.data())
def test_answers_survive_every_format(tmp_path_factory, survey, data):
    root = tmp_path_factory.mktemp("trip")
    drawn = [writable(survey, data.draw(ways())) for _ in survey.rows]
    study = survey.write(root, drawn)
    frame = ingested(study)
    assert frame.select(survey.item_ids).equals(expected(survey))
    wanted = [
        k + 1 + survey.header_rows(w) for w, rows in zip(drawn, survey.rows, strict=True) for k in range(len(rows))
    ]
    assert frame["line"].to_list() == wanted
    sites = [row.get("site") for rows in survey.rows for row in rows]
    assert len(set(zip(sites, frame["school"], strict=True))) == len(set(sites)) == frame["school"].n_unique()
    for path in (p for folder in ("out", "tables") for p in (root / folder).iterdir()):
        said = "\n".join(readable(path.name, path.read_bytes()))
        assert "planted" not in said and "example.org" not in said
    found = dict(pl.read_csv(root / "tables" / "files.csv").select("file", "encoding").rows())
    label = file_labels.read(root / "out" / file_labels.FILE)
    for k, way in enumerate(drawn):
        if way.kind == "csv":
            plain = (study.export_folder / f"part_{k}.csv").read_bytes().isascii()  # the same in most encodings
            assert found[label[f"part_{k}.csv"]] == ("UTF-8" if plain else CODECS[way.codec])


@given(surveys(), st.data())
def test_two_formats_give_the_same_table_and_nothing_is_guessed(tmp_path_factory, survey, data):
    """With nothing stated but two rows of headers, a text file may be refused as ambiguous, and only as that."""
    frames = []
    for name in ("one", "two"):
        root = tmp_path_factory.mktemp(name)
        way = writable(survey, data.draw(ways()))
        survey.write(root, [way] * len(survey.rows))
        study = survey.configure(root, [Way(kind="xlsx")] * len(survey.rows))
        try:
            frames.append(ingested(study).drop("file", "line"))
        except SurveyError as error:
            assert way.kind == "csv"
            assert "can be separated by" in error.problem or "do not tell its encoding" in error.problem, error
            return
    assert frames[0].equals(frames[1])


# ---------------------------------------------------------------- damage

# What damage can be told from an answer? A label changed in a byte is no other label, since generated labels differ by
# whole words; a changed digit may be another valid code, so answers are labels here. A row that is gone leaves no trace
# in a text, and the last cell of a text that is cut off is an empty cell. In SPSS and Parquet files an answer is a
# number in one byte without a check sum: test_data_files damages those and asks only for a result or an error.
PIECES = [b",", b";", b"\t", b"|", b'"', b"'", b"\n", b"\r", b"\r\n", b"\x00", b"\xff", b"\xc3", b" ", b"9", b"<html>"]
OTHER_CODECS = ["cp1250", "cp1251", "cp850", "koi8-r", "mac-latin2", "utf-16-le", "utf-16-be", "shift_jis", *CODECS]
ANY_WAY = ["cut", "flip", "insert", "remove"]


def damaged(content: bytes, kind: str, way: Way, data: st.DataObject) -> bytes:
    at = data.draw(st.integers(0, len(content) - 1))
    if kind == "cut":
        return content[:at]
    if kind in ("flip", "insert", "remove"):
        new = {"flip": st.binary(min_size=1, max_size=1), "insert": st.sampled_from(PIECES), "remove": st.just(b"")}
        gone = {"flip": 1, "insert": 0, "remove": data.draw(st.integers(1, 3))}
        return content[:at] + data.draw(new[kind]) + content[at + gone[kind] :]
    said, mark = content.decode(way.codec), DELIMITERS[way.delimiter]
    lines = said.split(way.end)
    number = data.draw(st.integers(0, len(lines) - 2))
    if kind == "encoding":
        return said.encode(data.draw(st.sampled_from(OTHER_CODECS)), "replace")
    if kind == "delimiter":
        said = said.replace(mark, data.draw(st.sampled_from(",;\t|")))
    elif kind == "column":
        said = way.end.join(line.partition(mark)[2] for line in lines)
    else:
        lines[number : number + 1] = [] if kind == "row" else [lines[number].partition(mark)[2]]
        said = way.end.join(lines)
    return said.encode(way.codec)


def within(found: list[tuple], put_in: list[tuple], cut: bool) -> bool:
    """Whether rows of codes are some of those that were put in, in their order; a last row may have been cut short."""
    left = iter(put_in)
    for k, row in enumerate(found):
        last = cut and k == len(found) - 1
        if not any(row == one or (last and row == (*one[:-1], None)) for one in left):
            return False
    return True


@given(surveys(numeric=False), st.data())
def test_damage_gives_the_same_codes_or_an_error_of_the_project(tmp_path_factory, survey, data):
    root = tmp_path_factory.mktemp("damage")
    way = writable(survey, data.draw(ways(("csv", "csv", "csv", "xlsx", "ods"))))
    study = survey.write(root, [way] * len(survey.rows))
    if not data.draw(st.booleans()):
        study = survey.configure(root, [Way(kind="xlsx")] * len(survey.rows))  # nothing stated
    kinds = [*ANY_WAY, "encoding", "delimiter", "column", "row", "shift"] if way.kind == "csv" else ANY_WAY
    kind, path = data.draw(st.sampled_from(kinds)), root / "data" / "raw" / "gen" / f"part_0.{way.kind}"
    path.write_bytes(damaged(path.read_bytes(), kind, way, data))
    try:
        frame = ingested(study)
    except SurveyError as error:
        assert error.where and error.remedy
        assert not (root / "out").exists() or not any((root / "out").iterdir())
        return
    items = [c for c in survey.orders[0] if c in survey.item_ids]
    put_in = [tuple(row[i] for i in items) for row in survey.codes[0]]
    first = frame.filter(pl.col("file") == path.name)
    assert within(first.select(items).rows(), put_in, kind in ("cut", "remove"))
    others = pl.DataFrame([row for codes in survey.codes[1:] for row in codes], dict.fromkeys(survey.item_ids, pl.Int8))
    assert frame.filter(pl.col("file") != path.name).select(survey.item_ids).equals(others)


@given(surveys(), st.data())
def test_a_row_of_another_length_is_named_with_its_line(tmp_path_factory, survey, data):
    root = tmp_path_factory.mktemp("ragged")
    way = writable(survey, data.draw(ways(("csv",))))
    study = survey.write(root, [way] * len(survey.rows))
    cells = survey.cells(survey.orders[0], survey.rows[0])
    at = data.draw(st.integers(0, len(cells) - 1))
    cells[at] = (
        cells[at][: data.draw(st.integers(1, len(cells[at]) - 1))] if data.draw(st.booleans()) else [*cells[at], "x"]
    )
    assume(any(cells[at]))  # else it may be a blank line, which is no row
    path = root / "data" / "raw" / "gen" / "part_0.csv"
    path.write_bytes(encoded(text([*survey.header(survey.orders[0]), *cells], way), way.codec))
    with pytest.raises(SurveyError) as error:
        ingested(study)
    width = len(survey.orders[0])
    assert f"has {len(cells[at])} cell" in error.value.problem and f"under {width} headers" in error.value.problem
    assert error.value.where == f"{path}, line {survey.header_rows(way) + at + 1}"
