"""Keys and pseudonyms, what a run refuses to read, what the ledger withholds, and cells that no spreadsheet runs."""

import hashlib
import re

import polars as pl
import pytest
from conftest import ROOT
from surveys import make_survey, read_ingested

from learning_survey import privacy, tables
from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.received import identifying


@pytest.fixture
def survey(tmp_path):
    return make_survey(tmp_path / "project", schools=3, per_school=12, dimensions=2)


def refused(survey, match):
    """The error of ingest; nothing was written, and the error holds no value."""
    with pytest.raises(SurveyError, match=match) as error:
        survey.run("ingest")
    assert not survey.processed.exists() or not list(survey.processed.iterdir())
    assert error.value.where and error.value.remedy
    assert not re.search(r"@|Smith|r0000\d\d|school-0\d\d", error.value.message.replace(str(survey.root), ""))
    return error.value


def add(survey, **columns):
    """Put columns of texts, one text for each row of the survey, into its exports."""
    start = 0
    for path in survey.exports:
        frame = pl.read_csv(path, infer_schema=False)
        parts = [pl.Series(n, texts[start : start + frame.height]) for n, texts in columns.items()]
        frame.with_columns(parts).write_csv(path)
        start += frame.height


# ---------------------------------------------------------------- keys


def test_pseudonyms_are_keyed_blake2b_with_a_namespace_for_each_kind():
    keyed = privacy.Pseudonyms(b"a key of sixteen bytes or more")
    ids = pl.Series("respondent", ["r1", None, "R1", "é"])
    expected = [
        i and "r" + hashlib.blake2b(i.encode(), digest_size=10, key=keyed._key, person=b"respondent").hexdigest()
        for i in ids
    ]
    assert keyed.of(ids, "respondent").to_list() == expected
    schools = keyed.of(ids, "school")
    assert schools[0] == schools[2] != schools[3] and schools[1] is None, "capitals make no other school"
    assert schools[0][1:] != expected[0][1:]
    assert all(re.fullmatch(r"s[0-9a-f]{20}", s) for s in schools.drop_nulls())
    assert privacy.Pseudonyms(b"another key, of sixteen bytes").of(ids, "respondent")[0] != expected[0]


def test_a_long_key_counts_to_its_last_byte():
    ids = pl.Series(["r1"])
    one, other = (privacy.Pseudonyms(b"k" * 80 + end).of(ids, "respondent")[0] for end in (b"a", b"b"))
    assert one != other


def test_fingerprints_tell_keys_apart():
    prints = {privacy.Pseudonyms(f"key number {k}, long enough".encode()).fingerprint for k in range(50)}
    assert len(prints) == 50


def test_a_real_study_without_a_key_stops_and_says_how_to_make_one(survey, monkeypatch):
    monkeypatch.delenv("LEARNING_SURVEY_KEY")
    error = refused(survey, "there is no key for the pseudonyms")
    assert "import secrets" in error.remedy and "LEARNING_SURVEY_KEY" in error.remedy


def test_the_command_of_the_remedy_makes_a_key_that_is_taken(survey, monkeypatch):
    import subprocess
    import sys

    monkeypatch.delenv("LEARNING_SURVEY_KEY")
    command = privacy.MAKE_ONE.replace("python -c", f"{sys.executable} -c", 1)
    subprocess.run(command, shell=True, check=True, cwd=survey.root)
    survey.change(key={"file": "../learning-survey.key"})
    survey.run("ingest")
    key = (survey.root.parent / "learning-survey.key").read_bytes().strip()
    assert len(key) == 64
    first = read_ingested(survey.processed / "ingested.arrow")["respondent"][0]
    made = hashlib.blake2b(b"r000001", digest_size=10, key=key, person=b"respondent").hexdigest()
    assert first == f"r{made}"


@pytest.mark.parametrize("key", ["", "short", "fifteen bytes!!"])
def test_a_key_that_is_too_short_is_refused(survey, key):
    (survey.root.parent / "k").write_text(key + "\n", encoding="utf-8")
    survey.change(key={"file": "../k"})
    refused(survey, f"the key has {len(key)} bytes; it needs at least 16")


@pytest.mark.parametrize("link", [False, True])
def test_a_key_inside_the_project_is_refused_by_link_too(survey, link):
    inside = survey.root / "config" / "key.txt"
    inside.write_text("0123456789abcdef0123", encoding="utf-8")
    name = "config/key.txt"
    if link:
        (survey.root.parent / "k").symlink_to(inside)
        name = "../k"
    survey.change(key={"file": name})
    refused(survey, "the key is inside the project's folder")


def test_a_key_file_that_is_not_there_is_an_error_that_names_it(survey):
    survey.change(key={"file": "../nowhere.key"})
    assert "../nowhere.key" in refused(survey, "cannot read the key file: No such file").where


def test_another_variable_can_hold_the_key(survey, monkeypatch):
    monkeypatch.delenv("LEARNING_SURVEY_KEY")
    monkeypatch.setenv("OUR_KEY", "0123456789abcdef0123")
    survey.change(key={"env": "OUR_KEY"})
    survey.run("ingest")
    refused_keys = {"public": True, "public_data": "Everyone has them."}
    survey.change(key=refused_keys)
    with pytest.raises(SurveyError, match="the public key is for data that come with this project"):
        survey.run("ingest")


def test_the_public_key_needs_a_reason(survey):
    survey.change(key={"public": True})
    with pytest.raises(SurveyError, match="say under public_data why"):
        survey.load()


def test_a_study_without_ids_needs_no_key(survey, monkeypatch):
    monkeypatch.delenv("LEARNING_SURVEY_KEY")
    survey.change(columns={"respondent": None, "school": None, "ignore": ["response_id", "school_id"]})
    survey.change(register=None, schools=None, inspection=None)
    survey.run("ingest")
    assert read_ingested(survey.processed / "ingested.arrow")["respondent"].null_count() == 36


@pytest.mark.parametrize("name", ["phase_one", "bfi"])
def test_shipped_studies_need_no_key(name, monkeypatch):
    monkeypatch.delenv("LEARNING_SURVEY_KEY")
    study = load_study(name, ROOT)
    assert privacy.pseudonyms(study)._key == privacy.PUBLIC_KEY
    monkeypatch.setenv("LEARNING_SURVEY_KEY", "x" * 20)
    assert privacy.pseudonyms(study)._key == privacy.PUBLIC_KEY, "results must not depend on who runs them"


# ---------------------------------------------------------------- what a run refuses to read

EMAILS = [f"a{k}.smith@mail.example.org" for k in range(36)]


def test_an_identifier_that_is_not_dropped_by_name_stops_the_run(survey):
    add(survey, RecipientEmail=EMAILS, Q9=EMAILS, note=["x"] * 36)
    error = refused(survey, r"'RecipientEmail' \(e-mail address\), 'Q9' \(e-mail address\), 'note'\n")
    assert "columns.identifiers" in error.remedy
    survey.change(columns={"identifiers": ["RecipientEmail", "Q9"], "ignore": ["note"]})
    survey.run("ingest")
    frame = read_ingested(survey.processed / "ingested.arrow")
    assert not {"RecipientEmail", "Q9", "note"} & set(frame.columns)
    assert not any("@" in text for column in frame.select(pl.col(pl.String)) for text in column.drop_nulls())


def test_a_column_is_not_mapped_and_dropped_at_once(survey):
    survey.change(columns={"identifiers": ["age"]})
    refused(survey, "'age' is 'age' and is listed under columns.identifiers too")


@pytest.mark.parametrize("field", ["age", "gender", "status", "school"])
def test_a_field_mapped_to_addresses_stops_the_run(survey, field):
    add(survey, contact=EMAILS)
    survey.change(columns={field: "contact", "ignore": [{"age": "age", "gender": "gender"}.get(field, "school_id")]})
    if field == "status":
        survey.change(columns={"ignore": []})
    refused(survey, rf"columns.{field} names holds a direct identifier \(e-mail address\)")


def test_respondents_may_be_addresses_and_become_pseudonyms(survey):
    add(survey, response_id=EMAILS)
    survey.run("ingest")
    frame = read_ingested(survey.processed / "ingested.arrow")
    assert frame["respondent"].to_list() == survey.keyed(EMAILS, "respondent")


def test_an_item_with_identifiers_for_answers_stops_the_run_without_printing_one(survey):
    add(survey, d1_1=[f"Answer {1 + k % 5}" if k != 20 else "tom.smith@mail.example.org" for k in range(36)])
    error = refused(survey, r"item 'd1_1' holds a direct identifier \(e-mail address\)")
    assert error.where == f"{survey.exports[1]}, line 4"


def test_an_item_with_sentences_for_answers_stops_the_run_without_printing_one(survey):
    add(survey, d1_1=[f"I am Ann Smith and I sit in row {k}" for k in range(36)])
    refused(survey, r"item 'd1_1' holds a direct identifier \(free text\)")


def test_a_single_long_answer_is_not_printed(survey):
    text = "my name is Ann Smith and I live in the last house on the left"
    add(survey, d1_1=[text if k == 3 else "Answer 1" for k in range(36)])
    assert "unknown label 'a text of 15 words'" in refused(survey, "1 time in 'd1_1', first in line 5").message


# ---------------------------------------------------------------- the ledger


def test_the_ledger_withholds_ids_identifiers_and_long_texts():
    raw = pl.Series("raw", ["199", None, "a.b@c.example", "I am Ann Smith from the house by the river", "07700 900456"])
    assert privacy.ledger_text("gender", raw).to_list() == ["199", None, "withheld", "withheld", "withheld"]
    for column in privacy.IDENTIFYING:
        assert privacy.ledger_text(column, raw).to_list() == ["withheld", None, *["withheld"] * 3]
    assert privacy.ledger_text("require_age", pl.Series("raw", [None, None], dtype=pl.String)).null_count() == 2
    assert privacy.ledger_text("respondent", pl.Series("raw", [], dtype=pl.String)).len() == 0


# ---------------------------------------------------------------- cells that a spreadsheet would run

RUN = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\rx", "-", "'=1", "''-1x", "+44 20", "-0.5e3", "=é"]
REST = ["", "'", "'quoted'", "a=b", "-0.5", "+3", "-12", "1-2", "Key Stage 1", "'tis", "x\t", "−0.5", "(-)"]


@pytest.mark.parametrize("text", RUN)
def test_a_cell_that_would_run_gets_an_apostrophe_and_loses_it_when_read(text):
    assert tables.neutral(text) == f"'{text}"
    assert tables.restored(tables.neutral(text)) == text


@pytest.mark.parametrize("text", REST)
def test_other_cells_stay_as_they_are(text):
    assert tables.neutral(text) == text == tables.restored(text)


def test_whole_columns_are_made_harmless_alike():
    frame = pl.DataFrame({"a": [*RUN, *REST, None]})
    assert frame.select(tables.neutral_column("a"))["a"].to_list() == [*map(tables.neutral, [*RUN, *REST]), None]


def test_tables_are_written_harmless_and_read_as_they_were(survey):
    import pandas as pd

    from learning_survey.values import read_rows

    rows = {"fact": ["a", "b"], "label": ["=HYPERLINK(1)", "'-x"], "value": [-0.5, 2.0], "text": ["-0.5", "@2"]}
    path = tables.write(pd.DataFrame(rows), "clean.sample", survey.tables / "clean", survey.load())
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[1:] == ["small,real,a,'=HYPERLINK(1),-0.5,-0.5", "small,real,b,''-x,2,'@2"]
    assert tables.read(survey.tables, "clean.sample").to_dict("list") == rows
    assert [[r[c] for c in rows] for r in read_rows(path, "clean.sample")] == [
        list(r) for r in zip(*rows.values(), strict=True)
    ]


# ---------------------------------------------------------------- what the audit looks for


def test_what_the_exports_hold_of_persons_is_found_for_the_audit(survey):
    names = [f"Ann{k} Smith" for k in range(36)]
    add(survey, Email=EMAILS, Name=names, Comments=["n/a", "no", "I sit at the back of the class next to Tom"] * 12)
    survey.change(columns={"identifiers": ["Email", "Name", "Comments"]})
    found = identifying(survey.load())
    assert set(EMAILS) | set(names) | set(survey.truth["respondent"]) | set(survey.truth["school_id"]) <= found
    assert "I sit at the back of the class next to Tom" in found and not {"n/a", "no", "-"} & found
