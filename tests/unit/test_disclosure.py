"""Who is compared: small groups are merged or left out, and what is left of a total is nobody or enough students."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_cells, make_instrument, make_study

from learning_survey import effects, gender
from learning_survey.disclosure import compared, hidden, hidden_schools, unflagged
from learning_survey.schemas import TABLES

INSTRUMENT = make_instrument()
LEAST = 10
CATEGORIES = {"categories": [{"id": k, "label": k.capitalize(), "values": [k]} for k in ("boys", "girls", "other")]}
LEVELS = {
    "label": "Key stage",
    "source": "column",
    "levels": [{"id": k, "label": k, "values": [k]} for k in ("KS1", "KS2", "KS3")],
}


def study_of(small="withhold", into=None, **keys):
    plan = CATEGORIES | {"small": small} | ({"merge_into": into} if into else {})
    return make_study(INSTRUMENT, gender=plan, key_stages=LEVELS, **keys)


def students(gender=(), group=(), scored=None):
    """A row per student as ``score.scored`` gives it, with both scores; ``scored`` may say who has one on d2."""
    n = max(len(gender), len(group))
    answers = {i: [1.0] * n for i in INSTRUMENT.item_ids}
    d2 = [3.0] * n if scored is None else [3.0 if s else None for s in scored]
    who = {"gender": list(gender) or [None] * n, "group": list(group) or [None] * n}
    return pl.DataFrame(
        {"k": range(n)} | who | answers | {"d1": [3.0] * n, "d2": d2},
        schema_overrides={"gender": pl.String, "group": pl.String, "d2": pl.Float64},
    )


def sizes(frame, column="gender"):
    return dict(frame.group_by(column).len().rows())


def test_nothing_changes_where_every_group_is_large_and_everybody_known():
    frame = students(["boys"] * 30 + ["girls"] * 25 + ["other"] * 10)
    frame = frame.with_columns(group=pl.Series(["KS1"] * 40 + ["KS2"] * 25))
    assert compared(frame, study_of()).equals(frame)


def test_the_few_are_left_out_with_as_many_of_the_largest_group_as_are_missing():
    frame = students(["other"] * 4 + ["boys"] * 300 + ["girls"] * 200, ["KS1"] * 504)
    found = compared(frame, study_of())
    assert sizes(found) == {None: LEAST, "boys": 294, "girls": 200}
    assert found["gender"][:4].null_count() == 4 and found["group"].equals(frame["group"])
    assert found.drop("gender").equals(frame.drop("gender")), "only the group is taken from them"
    assert compared(frame, study_of()).equals(found), "the same seed draws the same"
    drawn = found.filter(pl.col("gender").is_null() & (frame["gender"] == "boys"))["k"].to_list()
    assert drawn != list(range(4, 10)), "not the first in the file"


def test_students_without_a_gender_do_not_hide_the_few_since_the_ledger_may_count_them():
    frame = students([None] * 50 + ["other"] * 4 + ["boys"] * 300 + ["girls"] * 200)
    assert sizes(compared(frame, study_of())) == {None: 60, "boys": 294, "girls": 200}


@pytest.mark.parametrize(("unknown", "left"), [(3, 10), (10, 10), (0, 0)])
def test_a_few_without_a_gender_are_no_difference_either(unknown, left):
    frame = students([None] * unknown + ["boys"] * 60 + ["girls"] * 50)
    assert sizes(compared(frame, study_of())).get(None, 0) == left


def test_where_the_largest_group_cannot_spare_them_the_smallest_goes_as_a_whole():
    frame = students(["other"] * 4 + ["boys"] * 15 + ["girls"] * 12)
    assert sizes(compared(frame, study_of())) == {None: 16, "boys": 15}
    frame = students(["other"] * 4 + ["boys"] * 12)
    assert sizes(compared(frame, study_of())) == {None: 16}


def test_small_genders_are_counted_with_another_and_the_tables_know():
    frame = students(["other"] * 4 + ["boys"] * 60 + ["girls"] * 50)
    study = study_of("merge", "girls")
    found = compared(frame, study)
    assert sizes(found) == {"boys": 60, "girls": 54}
    cells = make_cells(INSTRUMENT, {"d1": [3.0] * 114}, gender=found["gender"].to_list())
    groups = gender.groups_of(cells, study)
    assert groups.merged == {"other": "girls"}
    assert np.bincount(groups.of, minlength=3)[2] == 0


def test_where_all_are_counted_with_one_there_is_no_pair_and_the_tables_have_their_columns():
    study = study_of("merge", "girls")
    cells = make_cells(INSTRUMENT, {"d1": [3.0, 4.0] * 30}, gender=["girls"] * 60)
    groups = gender.groups_of(cells, study)
    assert groups.compared == [1]
    found = effects.tables(cells, INSTRUMENT, groups)
    for name in ("pairs", "effects"):
        assert found[name].empty and list(found[name]) == list(TABLES[f"gender.{name}"].columns)
    assert found["means"].query("dimension == 'd1' and n.notna()")["group"].tolist() == ["girls"]


def test_what_is_small_after_merging_is_left_out():
    frame = students(["other"] * 4 + ["boys"] * 60 + ["girls"] * 3)
    assert sizes(compared(frame, study_of("merge", "girls"))) == {None: 10, "boys": 57}
    assert sizes(compared(students(["other"] * 12 + ["boys"] * 60), study_of("merge", "boys"))) == {
        "other": 12,
        "boys": 60,
    }


def test_a_group_few_of_whom_have_a_score_on_a_dimension_is_small_and_one_that_was_not_asked_is_not():
    who = ["other"] * 20 + ["boys"] * 60 + ["girls"] * 50
    few = compared(students(who, scored=[k < 6 or k >= 20 for k in range(130)]), study_of())
    assert "other" not in sizes(few)
    none = compared(students(who, scored=[k >= 20 for k in range(130)]), study_of())
    assert sizes(none)["other"] == 20


def test_those_left_out_count_on_every_dimension():
    """Boys who have a score on d2 are drawn first: nine of eleven left would tell of nine on d2."""
    who = ["other"] * 2 + ["boys"] * 60 + ["girls"] * 50
    frame = students(who, scored=[k < 2 or k % 3 == 0 or k >= 62 for k in range(112)])
    frame = frame.with_columns(pl.when(pl.col("d2").is_not_null()).then(pl.col("d2_1")).alias("d2_1"))
    left = compared(frame, study_of()).filter(pl.col("gender").is_null())
    assert left.height == left["d2"].count() == LEAST


@given(
    st.lists(st.sampled_from(["boys", "girls", "other", None]), min_size=1, max_size=60),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
    st.sampled_from([None, "girls", "other"]),
)
def test_of_any_students_nobody_or_enough_are_in_every_group_and_in_none(who, least, chance, into):
    frame = students(who, scored=[chance.random() < 0.8 for _ in who])
    study = study_of("merge" if into else "withhold", into, min_group=least)
    found = compared(frame, study)
    for _, rows in found.group_by("gender"):
        for n, whole in ((rows.height, frame.height), *((rows[d].count(), frame[d].count()) for d in ("d1", "d2"))):
            assert n == 0 or n >= min(least, whole)


def test_the_flagged_are_nobody_where_they_are_few():
    frame = students(["boys"] * 40)
    for few, kept in ((0, 0), (4, 0), (10, 10)):
        assert unflagged(frame, pl.Series([k < few for k in range(40)]), study_of()).sum() == kept


# ---------------------------------------------------------------- schools and files


@pytest.mark.parametrize(
    ("n", "others", "out"),
    [
        ([30, 20, 40], 0, [0, 0, 0]),
        ([30, 4, 40, 20], 0, [0, 1, 0, 1]),
        ([30, 4, 5, 40, 20], 0, [0, 1, 1, 0, 1]),
        ([30, 4, 7, 40, 20], 0, [0, 1, 1, 0, 0]),
        ([30, 20, 40], 3, [0, 1, 0]),
        ([30, 20, 40], 12, [0, 0, 0]),
        ([30, 4, 40, 20], 50, [0, 1, 0, 1]),
        ([4], 0, [1]),
        ([0, 30, 4, 20], 0, [0, 0, 1, 1]),
        ([], 0, []),
    ],
)
def test_the_next_smallest_is_withheld_with_the_small(n, others, out):
    assert hidden(n, LEAST, others).tolist() == [bool(k) for k in out]


def test_a_school_is_small_where_few_have_a_score_on_any_dimension():
    n = 30 + 20 + 40
    school = np.repeat(["S01", "S02", "S03"], [30, 20, 40])
    d2 = np.full(n, 3.0)
    d2[4:30] = np.nan
    cells = make_cells(INSTRUMENT, {"d1": np.full(n, 3.0), "d2": d2}, school=school)
    assert hidden_schools(cells, study_of()).tolist() == [True, True, False]


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(0, 30), st.integers(1, 15))
def test_of_any_sizes_the_hidden_are_nobody_or_enough(n, others, least):
    out = hidden(n, least, others)
    left, shown = sum(k for k, h in zip(n, out, strict=True) if h), [k for k, h in zip(n, out, strict=True) if not h]
    assert all(k == 0 or k >= least for k in shown)
    if any(shown):
        assert left >= least or (left == 0 and (others == 0 or others >= least))
