"""Rules that a study switches on: consent, repeated respondents, unknown schools, words, counts file by file."""

import polars as pl
import pytest
from surveys import make_survey, read_ingested, write_ingested

from learning_survey.errors import SurveyError

ALL_OFF = {"drop_duplicates": False, "min_answered": 0.0, "straight_liners": "keep"}


@pytest.fixture
def survey(tmp_path):
    made = make_survey(tmp_path, schools=3, per_school=12, dimensions=2, study={"clean": ALL_OFF})
    made.run("ingest")
    return made


def cleaned(survey, cells, columns=None, **rules):
    """Put texts into the ingested file ({column: {row: text}}), clean, and give what was kept and the ledger."""
    path = survey.processed / "ingested.arrow"
    frame = read_ingested(path)
    for column, texts in cells.items():
        old = frame[column].to_list()
        new = [texts.get(k, v) for k, v in enumerate(old)] if isinstance(texts, dict) else texts
        frame = frame.with_columns(pl.Series(column, new, dtype=frame.schema[column]))
    write_ingested(frame, path)
    survey.change(clean=rules, columns=columns or {})
    survey.run("clean")
    ledger = pl.read_csv(survey.processed / "ledger.csv", schema_overrides={"raw": pl.String})
    return pl.read_parquet(survey.processed / "clean.parquet"), ledger


def table(survey, name):
    return pl.read_csv(survey.tables / "clean" / f"{name}.csv").drop("study", "cohort")


def test_rows_without_consent_are_dropped_whatever_they_say(survey):
    texts = ["Yes"] * 30 + ["YES, ", "no", None, "maybe", "I agree", "yes"]
    frame, ledger = cleaned(survey, {"consent": texts}, {"consent": "consent"}, consent=["yes", "I agree"])
    assert frame.height == 33
    assert ledger.select("line", "raw", "rule", "action").rows() == [
        (15, "no", "consent", "drop_row"),
        (16, None, "consent", "drop_row"),
        (17, "maybe", "consent", "drop_row"),
    ]


@pytest.mark.parametrize(("keep", "lines"), [("keep", 36), ("first", 2), ("last", 5), ("most_complete", 4)])
def test_of_a_respondents_rows_one_stays(survey, keep, lines):
    who = read_ingested(survey.processed / "ingested.arrow")["respondent"].to_list()
    repeated = {1: who[0], 2: who[0], 3: who[0], 5: None, 6: None}
    gaps = {"d1_1": {0: None, 1: None, 3: None}, "d1_2": {1: None}}
    frame, ledger = cleaned(survey, {"respondent": repeated, **gaps}, repeated_ids=keep)
    if keep == "keep":
        assert frame.height == lines and ledger.is_empty()
        return
    assert frame.height == 33 and set(ledger["rule"]) == {"repeated_ids"}
    assert frame.filter(pl.col("respondent") == who[0])["line"].to_list() == [lines]
    assert set(ledger["line"]) == {2, 3, 4, 5} - {lines}


def test_of_equally_complete_rows_the_first_stays(survey):
    who = read_ingested(survey.processed / "ingested.arrow")["respondent"].to_list()
    frame, _ = cleaned(survey, {"respondent": {20: who[3]}}, repeated_ids="most_complete")
    assert frame.filter(pl.col("respondent") == who[3])["line"].to_list() == [5]


def test_an_unknown_school_is_an_error_or_leaves_with_its_rows(survey):
    strange = {"school": {4: "somewhere else", 9: "nowhere"}}
    with pytest.raises(SurveyError, match=r"not in the register .* \(2 schools are not in it\)"):
        cleaned(survey, strange)
    frame, ledger = cleaned(survey, strange, unknown_school="drop")
    assert frame.height == 34 and ledger["line"].to_list() == [6, 11]
    assert set(ledger["rule"]) == {"unknown_school"} and "somewhere else" not in ledger["raw"].to_list()


def test_words_that_no_category_lists_are_counted_and_not_told(survey):
    cells = {"gender": {0: "Rather not", 1: "rather  NOT!", 2: "agender person", 3: "Boy"}}
    frame, ledger = cleaned(survey, cells)
    assert frame["gender"].head(4).to_list() == [None, None, None, "boys"]
    assert table(survey, "unmapped").rows() == [("gender", 2, 3)]
    assert ledger.height == 3
    assert not any("ather" in p.read_text() for p in survey.results.rglob("*.csv"))


def test_counts_of_each_file_add_up(survey):
    cells = {"consent": ["y"] * 5 + ["n"] * 3 + ["y"] * 27 + ["n"], "age": {0: "x", 20: "y", 21: "z"}}
    frame, ledger = cleaned(survey, cells, {"consent": "consent"}, consent=["y"], require=["age"])
    files = table(survey, "flow_files")
    assert files.rows() == [("F01", 18, 4, 14, 1), ("F02", 18, 3, 15, 2)]
    assert frame.group_by("file").len().sort("file")["len"].to_list() == [14, 15]
    assert ledger.height == 7 + 3


def test_a_loss_in_one_file_that_another_makes_up_for_is_seen():
    from learning_survey.clean import _balance

    _balance({"a": 3, "b": 2}, {"a": 3, "b": 1}, {"b": 1}, "rows")
    with pytest.raises(AssertionError, match="rows of a are not conserved"):
        _balance({"a": 3, "b": 2}, {"a": 2, "b": 2}, {"b": 1, "a": 0}, "rows")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"clean": {"consent": ["yes"]}}, "clean.consent needs columns.consent"),
        ({"columns": {"consent": "c"}}, "columns.consent needs clean.consent"),
        ({"clean": {"unknown_school": "drop"}, "register": None, "inspection": None}, "drop needs a register"),
        ({"columns": {"year_group": "y"}}, "columns.year_group needs years in the levels"),
        ({"columns": {"birth_date": "b"}}, "columns.birth_date needs survey_date"),
        ({"clean": {"careless": {"irv": {"action": "shoot"}}}}, "action"),
    ],
)
def test_a_study_that_lacks_what_a_rule_needs_is_refused(survey, keys, message):
    survey.change(**keys)
    with pytest.raises(SurveyError, match=message):
        survey.load()
