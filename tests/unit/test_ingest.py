"""Exports to codes: what comes through, and each way in which an export can fail to fit its study."""

import random
import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from surveys import make_survey, read_ingested

from learning_survey import ingest as ingest_module
from learning_survey.errors import SurveyError
from learning_survey.ingest import FIELDS, ingest
from learning_survey.people import AGES


@pytest.fixture
def survey(tmp_path):
    return make_survey(tmp_path, schools=3, per_school=8, dimensions=2, missing=0.1)


def ingested(survey):
    survey.run("ingest")
    return read_ingested(survey.processed / "ingested.arrow")


def refused(survey, problem):
    """The error of an ingest that must fail and write nothing."""
    out = survey.processed / "ingested.arrow"
    with pytest.raises(SurveyError, match=problem) as error:
        ingest(survey.load(), out, out.parent / "tables")
    assert not out.parent.exists() or not list(out.parent.iterdir())
    assert error.value.where and error.value.remedy
    return error.value


def edit(path, change):
    """Rewrite one export through a function of its frame."""
    change(pl.read_csv(path, infer_schema=False)).write_csv(path)


def test_every_answer_arrives_under_its_item_with_file_and_line(survey):
    frame = ingested(survey)
    items = survey.load().instrument.item_ids
    assert frame.columns == ["file", "line", *FIELDS, *items, *AGES]
    assert frame.select(items).equals(survey.truth.select(items))
    assert frame["respondent"].to_list() == survey.keyed(survey.truth["respondent"], "respondent")
    assert frame["school"].to_list() == survey.keyed(survey.truth["school_id"])
    assert frame["age"].to_list() == [str(a) for a in survey.truth["age"]]
    assert frame["file"].to_list() == ["responses_1.csv"] * 12 + ["responses_2.csv"] * 12
    assert frame["line"].to_list() == [*range(2, 14)] * 2
    assert frame.schema["line"] == pl.Int32 and {frame.schema[i] for i in items} == {pl.Int8}
    assert frame["group"].null_count() == frame["status"].null_count() == frame.height


def test_files_may_differ_in_kind_and_order_of_columns_and_headers_may_be_wordings(survey):
    whole = ingested(survey)
    second = pl.read_csv(survey.exports[1], infer_schema=False)
    wording = {i.id: f"  {i.wording.replace(' ', '  ')} " for i in survey.load().instrument.items}
    survey.exports[1].unlink()
    second.select(reversed(second.columns)).rename(wording).write_excel(survey.exports[1].with_suffix(".xlsx"))
    survey.change(exports={"files": ["responses_*.csv", "responses_*.xlsx"]})
    assert ingested(survey).drop("file").equals(whole.drop("file"))


def test_numbers_missing_values_and_variants_of_labels_are_understood(survey):
    def change(frame):
        answers = ["4", " ANSWER-2 ", "4.0", "-", "No Answer", "", "answer5", "Answer 1", *["Answer 3"] * 4]
        return frame.with_columns(d1_1=pl.Series(answers), gender=pl.Series(["n/a", *["Boy "] * 11]))

    survey.change(exports={"missing_values": ["-", "no answer", "N/A"]})
    edit(survey.exports[0], change)
    frame = ingested(survey)
    assert frame["d1_1"].to_list()[:12] == [4, 2, 4, None, None, None, 5, 1, 3, 3, 3, 3]
    assert frame["gender"].to_list()[:3] == [None, "Boy", "Boy"]


def test_a_mapped_header_takes_the_place_of_id_and_wording(survey):
    for path in survey.exports:
        edit(path, lambda f: f.rename({"d1_1": "Q1 [first]"}))
    survey.change(columns={"items": {"d1_1": "Q1 [first]"}})
    assert ingested(survey)["d1_1"].equals(survey.truth["d1_1"])


def test_ignored_columns_and_columns_without_anything_are_left_out(survey):
    edit(survey.exports[0], lambda f: f.with_columns(pl.lit("x").alias("device"), pl.lit(None, pl.String).alias("")))
    survey.change(columns={"ignore": ["device", "language"]})
    assert "device" not in ingested(survey).columns


def test_the_same_export_gives_the_same_bytes(survey):
    ingested(survey)
    first = (survey.processed / "ingested.arrow").read_bytes()
    ingested(survey)
    assert (survey.processed / "ingested.arrow").read_bytes() == first


# ---------------------------------------------------------------- what does not fit


def test_a_missing_column_is_named_with_the_nearest_header(survey):
    edit(survey.exports[1], lambda f: f.rename({"school_id": "schoolid"}))
    error = refused(survey, "no column 'school_id', which the study's file names as columns.school")
    assert error.where == str(survey.exports[1]) and "Did you mean 'schoolid'?" in error.remedy


def test_missing_items_are_counted_and_named(survey):
    edit(survey.exports[0], lambda f: f.drop("d2_1").rename({"d1_2": "d1.2"}))
    error = refused(survey, "has 6 of the instrument's 8 items; without 'd1_2', 'd2_1'")
    assert "'d1.2' is not known. Did you mean 'd1_2'" in error.remedy


@pytest.mark.parametrize("twice", ["d1_1", "age", "response_id"])
def test_a_duplicate_column_is_named_with_both_positions(survey, twice):
    path = survey.exports[0]
    header, _, rows = path.read_text().partition("\n")
    path.write_text(header + f",{twice}\n" + "".join(line + ",\n" for line in rows.splitlines()))
    first = header.split(",").index(twice) + 1
    refused(survey, f"two columns: '{twice}' and '{twice}', columns {first} and {len(header.split(',')) + 1}")


def test_an_item_by_id_and_by_wording_is_a_duplicate_column(survey):
    edit(survey.exports[0], lambda f: f.with_columns(pl.col("d1_1").alias("Statement 1 on d1.")))
    refused(survey, "'d1_1' has two columns: 'd1_1' and 'Statement 1 on d1.'")


def test_an_unknown_column_is_named_with_what_to_do(survey):
    edit(survey.exports[1], lambda f: f.with_columns(pl.lit("x").alias("device"), pl.lit("y").alias("")))
    error = refused(survey, r"unknown columns 'device', '\(no header, column 14\)'")
    assert "columns.ignore" in error.remedy


def test_a_header_that_two_items_claim_is_refused(survey):
    survey.change(columns={"items": {"d1_1": "Q", "d1_2": "Q"}})
    for path in survey.exports:
        edit(path, lambda f: f.drop("d1_2").rename({"d1_1": "Q"}))
    refused(survey, "the column 'Q' can be 'd1_1', 'd1_2'")


def test_items_with_one_wording_are_told_apart_by_their_ids(survey):
    path = survey.root / "config" / "instruments" / "small.yaml"
    path.write_text(re.sub("wording: .*", "wording: The same.", path.read_text()))
    assert ingested(survey).select("d1_1", "d2_4").equals(survey.truth.select("d1_1", "d2_4"))


def test_unknown_labels_are_counted_placed_and_given_the_nearest_known_ones(survey):
    def change(frame):
        first = pl.Series(["Answer 1"] * 3 + ["Anwser 4"] * 2 + ["Answer 2"] * 7)
        return frame.with_columns(d1_1=first, d2_2=first, d2_3=pl.Series(["9"] + ["Answer 1"] * 11))

    edit(survey.exports[1], change)
    error = refused(
        survey, "unknown label 'Anwser 4', 4 times in 'd1_1', 'd2_2', first in line 5. Did you mean 'Answer 4'"
    )
    assert "'9' is not a valid code 1..5, 1 time in 'd2_3', first in line 2. Known: 'Answer 1'" in error.problem
    assert error.where == str(survey.exports[1]) and "exports.missing_values" in error.remedy


def test_many_unknown_labels_are_not_all_listed(survey):
    edit(survey.exports[0], lambda f: f.with_columns(pl.format("free text {}", pl.int_range(pl.len())).alias("d1_1")))
    assert "and 7 other unknown labels" in refused(survey, "unknown label").problem


def test_two_codes_with_one_label_are_refused(survey):
    path = survey.root / "config" / "instruments" / "small.yaml"
    path.write_text(path.read_text().replace("- Answer 2", "- ANSWER 1"))
    refused(survey, "stands for both '1' and '2'")


# ---------------------------------------------------------------- any survey, any damage


PIECES = [
    b",",
    b'"',
    b"\n",
    b"\r",
    b"\x00",
    b"\xff",
    b"\xc3",
    b";",
    b"\t",
    b"'",
    b"\n\n",
    b'""',
    b"<html>",
    b",,,",
    b"9",
]


@given(seed=st.integers(0, 10**9), workbook=st.booleans())
def test_a_damaged_export_is_read_or_refused_and_never_anything_else(broken, seed, workbook):
    survey, csv_bytes, xlsx_bytes = broken
    draw, data = random.Random(seed), bytearray(xlsx_bytes if workbook else csv_bytes)
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(data)) if data else 0
        match draw.randrange(4):
            case 0:
                del data[at : at + draw.choice([1, 3, 30, 300])]
            case 1:
                data[at:at] = draw.choice(PIECES) * draw.choice([1, 1, 2, 40])
            case 2:
                data[at : at + 1] = bytes([draw.randrange(256)])
            case _:
                data = data[:at]
    folder, out = survey.exports[0].parent, survey.root / "out.arrow"
    for path in (*folder.glob("responses_*"), out):
        path.unlink(missing_ok=True)
    (folder / f"responses_1.{'xlsx' if workbook else 'csv'}").write_bytes(data)
    try:
        ingest(survey.load(), out, out.parent / "tables")
        assert out.exists()
    except SurveyError as error:
        assert error.where and error.remedy and not out.exists()


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    survey = make_survey(tmp_path_factory.mktemp("broken"), schools=2, per_school=6, files=1, dimensions=2, missing=0.1)
    survey.change(exports={"files": ["responses_*"]})
    pl.read_csv(survey.exports[0]).write_excel(survey.root / "x.xlsx")
    return survey, survey.exports[0].read_bytes(), (survey.root / "x.xlsx").read_bytes()


def test_cells_that_hold_only_spaces_are_empty_and_rows_of_them_are_left_out(survey):
    whole = ingested(survey)
    path = survey.exports[0]
    lines = path.read_text().splitlines()
    width = lines[0].count(",") + 1
    blank = ",".join(['"  "'] * width)
    answers = ",".join(["  "] * (width - 1) + [" answer 1 "])  # an answer and nothing else is a row
    path.write_text("\n".join([lines[0], blank, *lines[1:], blank, answers, ""]))
    again, item = ingested(survey).filter(file=path.name), survey.load().instrument.item_ids[-1]
    before = whole.filter(file=path.name)
    assert again["line"].to_list() == [line + 1 for line in before["line"]] + [before.height + 4]
    assert again[:-1].drop("line").equals(before.drop("line"))
    assert again[item].to_list()[-1] == 1
    assert again[-1].drop("file", "line", item).null_count().row(0) == (1,) * (again.width - 3)


def test_the_first_of_several_bad_files_is_named_and_the_texts_of_one_file_are_no_answers_of_another(survey):
    def misspell(text, row):
        return lambda frame: frame.with_columns(
            pl.when(pl.int_range(pl.len()) == row).then(pl.lit(text)).otherwise(pl.col("d1_1")).alias("d1_1")
        )

    edit(survey.exports[1], misspell("Perhaps", 2))
    error = refused(survey, "unknown label 'Perhaps', 1 time in 'd1_1', first in line 4")
    assert "responses_2.csv" in error.where
    edit(survey.exports[0], misspell("Possibly", 0))
    error = refused(survey, "unknown label 'Possibly', 1 time in 'd1_1', first in line 2")
    assert "responses_1.csv" in error.where and "Perhaps" not in error.message


def test_files_read_together_come_out_as_they_do_alone_whatever_stands_between_them(tmp_path, monkeypatch):
    survey = make_survey(tmp_path, schools=6, per_school=8, dimensions=2, missing=0.2, files=6)
    workbook, turned, blank = survey.exports[1], survey.exports[2], survey.exports[3]
    pl.read_csv(workbook, infer_schema=False).write_excel(workbook.with_suffix(".xlsx"))
    workbook.unlink()
    edit(turned, lambda frame: frame.select(c for c in reversed(frame.columns) if c != "gender"))
    header, _, rest = blank.read_text().partition("\n")
    empty = "," * header.count(",")
    blank.write_text(f"{header}\n{empty}\n\n{rest}".replace(",", ";"), encoding="utf-8-sig")
    survey.change(
        exports={
            "files": ["responses_*.csv", "responses_*.xlsx"],
            "optional": ["gender", "status"],
            "constants": {"responses_5.csv": {"status": " as stated "}},
        },
    )
    whole = ingested(survey)
    items = survey.load().instrument.item_ids
    assert whole.select(items).equals(survey.truth.select(items))
    assert whole.filter(file="responses_4.csv")["line"].to_list() == [*range(4, 12)]
    assert whole.filter(file="responses_3.csv")["gender"].null_count() == 8
    assert whole.filter(status=" as stated ")["file"].to_list() == ["responses_5.csv"] * 8
    assert whole["status"].count() == 8
    written = (survey.tables / "ingest" / "files.csv").read_bytes()
    monkeypatch.setattr(ingest_module, "TOGETHER", 1)
    assert ingested(survey).equals(whole)
    assert (survey.tables / "ingest" / "files.csv").read_bytes() == written


def test_the_first_file_in_order_is_named_whichever_way_it_fails(survey):
    lines = survey.exports[1].read_text().splitlines()
    survey.exports[1].write_text("\n".join([*lines, "short,row"]))
    assert "responses_2.csv, line 14" in refused(survey, "has 2 cells under").where
    edit(
        survey.exports[0], lambda f: f.with_columns(gender=pl.format("pupil{}@school.example", pl.int_range(pl.len())))
    )
    assert "responses_1.csv" in refused(survey, "columns.gender names holds a direct identifier").where
    edit(survey.exports[0], lambda f: f.with_columns(d1_1=pl.lit("Perhaps")))
    assert "responses_1.csv" in refused(survey, "unknown label 'Perhaps', 12 times").where
