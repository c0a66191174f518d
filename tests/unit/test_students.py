"""Reading scores: groups as positions, and who counts as a cluster."""

import numpy as np
import pytest
from samples import make_instrument, make_students

from learning_survey.errors import SurveyError
from learning_survey.students import Students

INSTRUMENT = make_instrument()


def test_without_schools_everyone_stands_alone():
    students = make_students(INSTRUMENT, {"d1": [1, 2, 3]})
    assert students.cluster.tolist() == [0, 1, 2]
    assert students.schools == []


def test_in_one_school_everyone_stands_alone():
    """One school does not tell how much schools differ: its students would have no interval at all."""
    students = make_students(INSTRUMENT, {"d1": [1, 2, 3]}, school=["S01", "S01", None])
    assert students.alone and students.cluster.tolist() == [0, 1, 2] and students.schools == ["S01"]
    assert not make_students(INSTRUMENT, {"d1": [1, 2]}, school=["S01", "S02"]).alone


def test_students_without_a_school_count_as_one_more_school():
    students = make_students(INSTRUMENT, {"d1": [1, 2, 3, 4]}, school=["S02", None, "S01", None])
    assert students.schools == ["S01", "S02"]
    assert students.cluster.tolist() == [1, 2, 0, 2]
    assert students.school.tolist() == [1, -1, 0, -1]


def test_a_group_is_a_position_and_an_unknown_one_is_none():
    students = make_students(INSTRUMENT, {"d1": [1, 2, 3]}, gender=["girls", None, "elsewhere"])
    assert students.codes("gender", ["boys", "girls"]).tolist() == [1, -1, -1]


def test_scores_that_are_missing_are_nan():
    np.testing.assert_array_equal(make_students(INSTRUMENT, {"d1": [1, np.nan]}).scores("d1"), [1, np.nan])


def test_an_unknown_column_is_named_with_its_nearest():
    with pytest.raises(SurveyError, match=r"no column 'd1_9'(.|\n)*Did you mean 'd1_"):
        make_students(INSTRUMENT, {"d1": [1]}).scores("d1_9")


def test_a_missing_or_broken_file_is_refused(tmp_path):
    with pytest.raises(SurveyError, match="no such file"):
        Students.read(tmp_path)
    (tmp_path / "scores.parquet").write_bytes(b"not parquet")
    with pytest.raises(SurveyError, match="not a Parquet file"):
        Students.read(tmp_path)
