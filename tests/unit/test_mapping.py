"""Columns to items and fields by name, pattern and question; files that differ; items on several response scales."""

import polars as pl
import pytest
import yaml
from surveys import make_survey, read_ingested

from learning_survey.errors import SurveyError
from learning_survey.exports import Sheet, read_sheet
from learning_survey.mapping import columns_of, subquestions


@pytest.fixture
def survey(tmp_path):
    return make_survey(tmp_path, schools=3, per_school=8, dimensions=2, missing=0.1)


def edit(path, change):
    """Rewrite one export through a function of its frame."""
    change(pl.read_csv(path, infer_schema=False)).write_csv(path)


def change_instrument(survey, change):
    path = survey.root / "config" / "instruments" / "small.yaml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))


def ingested(survey):
    survey.run("ingest")
    return read_ingested(survey.processed / "ingested.arrow")


def refused(survey, problem):
    with pytest.raises(SurveyError, match=problem) as error:
        survey.run("ingest")
    assert error.value.where and error.value.remedy and not (survey.processed / "ingested.arrow").exists()
    return error.value


def placed(survey, header, questions=None):
    """Positions of columns for one made-up header, with every other column of the survey behind it."""
    rest = [h for h in read_sheet(survey.exports[0]).header if h not in ("d1_1", "d1_2")]
    headers = [*header, *rest]
    rows = pl.LazyFrame({"line": [2], **{str(k): ["x"] for k in range(len(headers))}})
    texts = [*(questions or [""] * len(header)), *[""] * len(rest)]
    return columns_of(Sheet(survey.exports[0], headers, lambda _: rows, texts), survey.load())


# ---------------------------------------------------------------- how a column is named


def test_a_column_without_a_header_is_called_by_its_place(survey):
    """As R and pandas leave the numbers of rows."""
    for path in survey.exports:
        edit(path, lambda frame: frame.with_row_index("").select("", pl.all().exclude("")))
    refused(survey, r"unknown column '\(no header, column 1\)'")
    survey.change(columns={"ignore": ["(no header, column 1)"]})
    assert ingested(survey).height == survey.truth.height


def test_a_first_row_of_answers_is_refused_without_a_word_of_it(survey):
    path = survey.exports[1]
    path.write_text(path.read_text().partition("\n")[2])
    error = refused(survey, "has no headers: its first row has [5-8] labels of answers in it")
    assert error.where == str(path) and "Answer" not in error.message and "row of headers" in error.remedy


def test_a_header_that_is_an_identifier_is_never_printed(survey):
    for path in survey.exports:
        edit(path, lambda frame: frame.rename({"response_id": "ada@example.org"}))
    assert "ada" not in refused(survey, "no column 'response_id'").message
    survey.change(columns={"respondent": None})
    assert "ada" not in refused(survey, "unknown column 'column 1' .e-mail address.").message


def test_marks_that_nobody_sees_do_not_make_another_header(survey):
    for path in survey.exports:
        edit(path, lambda frame: frame.rename({"age": "\u200bage\ufeff", "d1_1": "d1\u00ad_1"}))
    assert ingested(survey)["d1_1"].to_list() == survey.truth["d1_1"].to_list()


def test_items_fields_and_ignored_columns_may_be_named_by_pattern_or_question(survey):
    survey.change(
        columns={
            "respondent": {"pattern": r"(Response|Record) ?ID"},
            "age": {"question": "How old are you?"},
            "items": {
                "d1_1": {"pattern": r"Q1\[a.*\]"},
                "d1_2": {"question": "I like maths"},
                "d1_3": {"question": "  it’s FUN  "},
            },
            "ignore": [{"pattern": "Timestamp.*"}, "device"],
        }
    )
    new = {
        "response_id": "RecordID",
        "age": " how  old are you",
        "d1_1": "Q1[a1]",
        "d1_2": "Q2 [I like maths.]",
        "d1_3": "School - It's fun!",
    }
    for path in survey.exports:
        edit(
            path,
            lambda f: f.rename(new).with_columns(
                pl.lit("z").alias("device"), pl.lit("a").alias("Timestamp 1"), pl.lit("b").alias("Timestamp (end)")
            ),
        )
    frame = ingested(survey)
    items = survey.load().instrument.item_ids
    assert frame.select(items).equals(survey.truth.select(items))
    assert frame["age"].to_list() == [str(a) for a in survey.truth["age"]]
    assert frame["respondent"].null_count() == 0 and frame["respondent"].n_unique() == frame.height


@pytest.mark.parametrize(
    ("text", "subs"),
    [
        ("Q1[SQ001]", ["SQ001"]),
        ("How true is this? [I like maths]", ["I like maths"]),
        ("How true? - I like maths", ["I like maths"]),
        ("twenty-one", []),
        ("Q1", []),
        ("[x]", ["x"]),
    ],
)
def test_subquestions_are_found_in_brackets_and_after_a_dash(text, subs):
    assert subquestions(text) == subs


def test_questions_of_the_sheet_are_matched_with_items_by_text_and_by_wording(survey):
    survey.change(columns={"items": {"d1_1": {"question": "I like school"}}})
    place = placed(survey, ["Q1_1", "Q1_2"], ["About you - I like school", "About you [Statement 2 on d1.]"])
    assert (place["d1_1"], place["d1_2"]) == (0, 1)


def test_a_whole_question_goes_before_a_part_of_another(survey):
    survey.change(columns={"items": {"d1_1": {"question": "Maths"}}})
    assert placed(survey, ["Maths", "d1_2"])["d1_1"] == 0
    survey.change(columns={"items": {"d1_1": {"question": "Maths"}}, "ignore": ["My parents [Maths]"]})
    assert placed(survey, ["My parents [Maths]", "Maths", "d1_2"])["d1_1"] == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pattern": "Q1_[12]"}, r"the pattern 'Q1_\[12\]' of 'd1_1' fits 2 columns: 'Q1_1' .*, 'Q1_2'"),
        ({"question": "I like school"}, "the question 'I like school' of 'd1_1' fits 2 columns: 'Q1_1' .*, 'Q1_2'"),
    ],
)
def test_what_fits_two_columns_is_an_error_that_names_both(survey, given, message):
    survey.change(columns={"items": {"d1_1": given}})
    with pytest.raises(SurveyError, match=message) as error:
        placed(survey, ["Q1_1", "Q1_2", "d1_2"], ["I like school", "i like school!", ""])
    survey.change(columns={"ignore": ["Q1_2"]})
    assert "columns.ignore" in error.value.remedy
    assert placed(survey, ["Q1_1", "Q1_2", "d1_2"], ["I like school", "i like school!", ""])["d1_1"] == 0


def test_a_wording_that_two_questions_have_is_not_guessed_at(survey):
    with pytest.raises(SurveyError, match=r"the wording of 'd1_1' is the question of 2 columns: 'Q1_1'.*'Q1_2'"):
        placed(survey, ["Q1_1", "Q1_2", "d1_2"], ["Statement 1 on d1.", "Statement 1 on d1", ""])


def test_a_column_that_two_names_claim_is_refused(survey):
    survey.change(columns={"items": {"d1_1": {"pattern": "Q."}, "d1_2": "Q1"}})
    with pytest.raises(SurveyError, match="the column 'Q1' can be 'd1_1', 'd1_2'"):
        placed(survey, ["Q1"])


def test_a_pattern_fits_the_whole_header_or_not_at_all(survey):
    survey.change(columns={"items": {"d1_1": {"pattern": "Q1"}}})
    with pytest.raises(SurveyError, match="has 7 of the instrument's 8 items; without 'd1_1'") as error:
        placed(survey, ["Q10", "d1_2"])
    assert "'Q10' is not known. Did you mean 'Q1'?" in error.value.remedy


def test_a_column_cannot_be_mapped_and_an_identifier(survey):
    survey.change(columns={"identifiers": [{"pattern": "respon.*"}]})
    refused(survey, "the column 'response_id' is 'respondent' and is listed under columns.identifiers too")


@pytest.mark.parametrize(
    ("columns", "problem", "remedy"),
    [
        ({"age": {"pattren": "x"}}, "columns.age.pattren: unknown key", "Did you mean 'pattern'"),
        ({"items": {"d1_1": {"qestion": "x"}}}, "columns.items.d1_1.qestion: unknown key", "Did you mean 'question'"),
        ({"ignore": [{"patern": "x"}]}, "columns.ignore.0.patern: unknown key", "Did you mean 'pattern'"),
        ({"age": {"pattern": "x", "question": "y"}}, "columns.age: give one of 'pattern' and 'question'", "Correct"),
        ({"age": {"pattern": "(x"}}, "is no regular expression", "Correct"),
        ({"age": {"question": " "}}, "the question has no text", "Correct"),
        ({"age": 5}, "columns.age: Input should be a valid string", "Correct"),
        ({"age": {"constant": True}}, "columns.age: no file states it", "exports.constants"),
    ],
)
def test_a_wrong_way_of_naming_is_placed(survey, columns, problem, remedy):
    survey.change(columns=columns)
    with pytest.raises(SurveyError) as error:
        survey.load()
    assert problem in error.value.problem and remedy in error.value.remedy


# ---------------------------------------------------------------- several files


def test_a_column_may_be_missing_from_a_file_where_the_study_says_so(survey):
    whole = ingested(survey)
    edit(survey.exports[1], lambda f: f.drop("d1_1", "age").select(reversed(f.drop("d1_1", "age").columns)))
    (survey.processed / "ingested.arrow").unlink()
    assert "exports.optional" in refused(survey, "no column 'age'").remedy
    survey.change(exports={"optional": ["age"]})
    assert "exports.optional" in refused(survey, "without 'd1_1'").remedy
    survey.change(exports={"optional": ["age", "d1_1"]})
    frame = ingested(survey)
    half = frame["file"] == "responses_1.csv"
    assert frame.filter(half).equals(whole.filter(half))
    assert frame.filter(~half).select("age", "d1_1").null_count().row(0) == (12, 12)
    assert frame.drop("age", "d1_1").equals(whole.drop("age", "d1_1"))


def test_an_optional_column_that_no_file_has_is_an_error(survey):
    survey.change(exports={"optional": ["d1_1"]})
    for path in survey.exports:
        edit(path, lambda f: f.drop("d1_1"))
    refused(survey, "'d1_1' may be missing from a file, but no export has a column for it")


def test_files_may_state_what_holds_for_all_their_rows(survey):
    survey.change(
        columns={"school": None},
        exports={"constants": {"responses_1*": {"school": "school-001"}, "*_2.csv": {"school": "school-002"}}},
    )
    survey.change(columns={"ignore": ["school_id"]})
    frame = ingested(survey)
    assert frame["school"].n_unique() == 2
    assert frame.group_by("file").agg(pl.col("school").n_unique())["school"].to_list() == [1, 1]


@pytest.mark.parametrize(
    ("constants", "problem"),
    [
        ({"responses_1*": {"school": "S"}}, "has a column 'school_id' for school, and exports.constants states"),
        ({"responses_[12]*": {"status": "a"}, "*_1.csv": {"status": "b"}}, "state status of this file as both 'a' and"),
        ({"responses_1*": {"status": "a"}}, "exports.constants state no status for this file"),
        ({"*": {"status": "a"}, "north*": {"status": "a"}}, "exports.constants: no export fits 'north"),
        ({"*": {"statsu": "a"}}, "exports.constants: unknown field 'statsu'"),
        ({"*": {"respondent": "a"}}, "exports.constants: unknown field 'respondent'"),
    ],
)
def test_constants_that_contradict_or_fit_nothing_are_refused(survey, constants, problem):
    survey.change(exports={"constants": constants})
    refused(survey, problem)


def test_optional_names_are_those_of_items_and_fields(survey):
    survey.change(exports={"optional": ["d1_11"]})
    assert "Did you mean 'd1_1" in refused(survey, "exports.optional: unknown item or field 'd1_11'").remedy


def test_a_study_may_be_without_respondent_ids(survey):
    survey.change(columns={"respondent": None, "ignore": ["response_id"]})
    assert ingested(survey)["respondent"].null_count() == survey.truth.height


# ---------------------------------------------------------------- labels


def on_two_scales(survey, codes=None):
    """Items d1_1 and d1_4 (reversed) asked on a scale of their own."""

    def change(content):
        codes_ = codes or [1, 2, 3, 4, 5]
        content["responses"] = {"how_often": {"codes": codes_, "labels": {c: [f"Often {c}"] for c in codes_}}}
        for item in content["items"]:
            if item["id"] in ("d1_1", "d1_4"):
                item["response"] = "how_often"

    change_instrument(survey, change)


def test_items_of_one_dimension_may_have_different_labels(survey):
    on_two_scales(survey)
    for path in survey.exports:
        edit(path, lambda f: f.with_columns(pl.col("d1_1", "d1_4").str.replace("Answer", "OFTEN")))
    frame, items = ingested(survey), survey.load().instrument.item_ids
    assert frame.select(items).equals(survey.truth.select(items))
    from learning_survey.score import scored

    scores = scored(frame.select("school", "age", "gender", "group", *items), survey.load().instrument)
    assert scores["d1_4"].to_list() == [None if x is None else 6.0 - x for x in frame["d1_4"]]


def test_a_label_of_another_scale_is_unknown(survey):
    on_two_scales(survey)
    error = refused(survey, "unknown label 'Answer ")
    assert "responses.how_often.labels" in error.remedy


def test_an_item_is_reversed_on_its_own_scale_and_may_have_fewer_points(survey):
    on_two_scales(survey, [1, 3, 5])
    to_three = {f"Answer {c}": f"Often {1 + 2 * ((c - 1) // 2)}" for c in range(1, 6)}
    for path in survey.exports:
        edit(path, lambda f: f.with_columns(pl.col("d1_1", "d1_4").replace_strict(to_three)))
    assert set(ingested(survey)["d1_4"].drop_nulls()) <= {1, 3, 5}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda c: c["items"][0].update(response="often"),
            "item 'd1_1' has unknown response 'often'. Did you mean 'of",
        ),
        (lambda c: c["responses"]["often1"].update(codes=[1, 2]), "responses.often1: labels for codes that are not"),
        (lambda c: c["response"].update(codes=[1, 2, 3, 4], labels={k: [f"A{k}"] for k in range(1, 5)}), "one range"),
    ],
)
def test_scales_that_do_not_fit_each_other_are_refused(survey, change, problem):
    labels = {c: [f"Often {c}"] for c in range(1, 6)}
    change_instrument(survey, lambda c: c.update(responses={"often1": {"codes": [1, 2, 3, 4, 5], "labels": labels}}))
    survey.load()
    change_instrument(survey, change)
    with pytest.raises(SurveyError) as error:
        survey.load()
    assert problem in error.value.problem


def test_labels_that_the_study_sets_to_missing_count_as_no_answer(survey):
    def change(frame):
        cells = ["Don’t know", "dont KNOW", "9", "9.0", "Prefer not to say!", *["Answer 2"] * 7]
        return frame.with_columns(d1_1=pl.Series(cells), gender=pl.Series(["9"] + ["Boy"] * 11))

    edit(survey.exports[0], change)
    error = refused(survey, "unknown label 'Don’t know', 1 time in 'd1_1'")
    assert "'9' is not a valid code 1..5, 1 time in 'd1_1', first in line 4" in error.problem
    assert "exports.missing_labels" in error.remedy
    survey.change(exports={"missing_labels": ["Don't know", 9, "Prefer not to say"]})
    with pytest.raises(SurveyError, match=r"missing_labels\.1: Input should be a valid string"):
        survey.load()
    survey.change(exports={"missing_labels": ["Don't know", "9", "Prefer not to say"]})
    frame = ingested(survey)
    assert frame["d1_1"].to_list()[:6] == [None] * 5 + [2]
    assert frame["gender"][0] == "9"  # in items only


# ---------------------------------------------------------------- drafts


@pytest.mark.parametrize(
    "keys", [{"draft": True}, {"confirm": ["Is it so?"]}, {"draft": True, "confirm": ["Is it so?"]}]
)
def test_a_draft_does_not_load(survey, keys):
    survey.change(**keys, title=None)  # whatever else is wrong with it
    with pytest.raises(SurveyError, match="is a draft; to be confirmed by a person") as error:
        survey.load()
    assert error.value.where == str(survey.study_file) and "remove 'draft' and 'confirm'" in error.value.remedy
    assert ("Is it so?" in error.value.problem) == ("confirm" in keys)
    survey.change(draft=False, confirm=None, title="A small survey")
    survey.load()
