"""The message that users see."""

import pytest

from learning_survey.errors import SurveyError, nearest


def test_a_message_has_place_problem_and_remedy():
    error = SurveyError("is empty", where="data/a.csv", remedy="Export it again.")
    assert str(error) == error.message == "data/a.csv: is empty\n  Export it again."
    assert SurveyError("is empty").message == "is empty"
    assert SurveyError("is empty", where="x").message == "x: is empty"


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("shcool", ["school", "age", "scholar"], "Did you mean 'school' or 'scholar'?"),
        ("zzz", ["school", "age"], "Known: 'school', 'age'."),
        ("zzz", [f"a{k}" for k in range(13)], "Known: " + ", ".join(f"'a{k}'" for k in range(12)) + ", …."),
        ("zzz", [], "None is known."),
        (14, [2, 144], "Did you mean '144'?"),
    ],
)
def test_the_nearest_known_words_are_named(word, known, hint):
    assert nearest(word, known) == hint
