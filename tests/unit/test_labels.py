"""What an export says, matched with what the instrument calls it."""

import pytest
from surveys import make_survey

from learning_survey.errors import SurveyError
from learning_survey.labels import Codes, Labels, lookup, normalised


@pytest.fixture(scope="module")
def codes(tmp_path_factory):
    labels = {
        1: ["Strongly disagree", "Not at all!"],
        2: ["Disagree"],
        3: ["--"],
        4: ["Agree", "1.5"],
        5: ["+", "Ça va", "2"],
    }
    survey = make_survey(tmp_path_factory.mktemp("labels"), instrument={"response": {"labels": labels}})
    return Codes(survey.load().instrument)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Strongly disagree", 1),
        ("  STRONGLY  DISAGREE ", 1),
        ("strongly-disagree.", 1),
        ("Strongly\u00a0disagree", 1),
        ("not at all", 1),
        ("Disagree", 2),
        ("--", 3),
        ("agree", 4),
        ("1.5", 4),
        ("+", 5),
        ("ça va", 5),
        ("C\u0327A VA", 5),  # composed and decomposed letters are the same
        ("1", 1),
        ("4.0", 4),
        ("4.", 4),
        ("4", 4),
        ("4", 4),
        ("2", 5),  # a label goes before a number
        ("6", None),
        ("0", None),
        ("-4", None),
        ("4.5", None),
        ("1,5", None),  # a decimal number is a label only as it stands there
        ("15", None),  # is not the label 1.5
        ("ca va", None),
        ("agre", None),
        ("-", None),
        ("nan", None),
        ("1e0", None),
        ("", None),
    ],
)
def test_a_text_has_the_code_of_its_label_or_is_a_valid_number(codes, text, code):
    assert codes.of(text) == code


def test_symbols_and_accents_are_kept_and_a_text_of_punctuation_survives():
    assert normalised(" A.b - C ") == "abc"
    assert normalised("Été") == "été" != normalised("ete")
    assert normalised("++") != normalised("+") and normalised("C+") != normalised("C")
    assert normalised(" -- ") == "--"
    assert normalised("हाँ") != normalised("हा")


@pytest.mark.parametrize("mark", "'’‘`´ʼ′＇")
def test_every_apostrophe_is_the_same(mark):
    assert normalised(f"Don{mark}t know") == normalised("DON'T  KNOW.") == normalised("dont know")


def test_a_number_is_a_missing_label_as_a_number_and_a_text_as_a_text():
    missing = Labels(["9", "Don't know", "1.5", "-"])
    assert all(text in missing for text in ("9", " 9.0", "９", "dont know", "1.5", "-"))
    assert not any(text in missing for text in ("-9", "90", "9.5", "15", "know", ""))


def test_one_label_cannot_have_two_meanings():
    assert lookup([("a", ["Yes", "yes!"]), ("b", ["No"])], "here") == {"yes": "a", "no": "b"}
    with pytest.raises(SurveyError, match="'YES' stands for both 'a' and 'b'"):
        lookup([("a", ["Yes"]), ("b", ["YES"])], "here")
