"""Cleaning: each rule takes what it should and nothing else, and everything taken is in the ledger."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from surveys import make_survey, read_ingested, write_ingested

from learning_survey import clean as module
from learning_survey.clean import KEPT, conserved, straight_lined
from learning_survey.config import FIELDS
from learning_survey.errors import SurveyError

ALL_OFF = {"drop_duplicates": False, "min_answered": 0.0, "straight_liners": "keep"}


@pytest.fixture
def survey(tmp_path):
    return make_survey(tmp_path, schools=3, per_school=12, dimensions=2, study={"clean": ALL_OFF})


def cleaned(survey, change=None, rows=None, **rules):
    """Run the stage with rules on (others stay off), after a change to the ingested frame; returns clean and ledger."""
    survey.change(clean=rules)
    survey.run("ingest")
    path = survey.processed / "ingested.arrow"
    if change is not None:
        write_ingested(change(read_ingested(path)), path)
    survey.run("clean")
    return pl.read_parquet(survey.processed / "clean.parquet"), ledger(survey)


def ledger(survey):
    return pl.read_csv(survey.processed / "ledger.csv", schema_overrides={"raw": pl.String}).rows()


def table(survey, name):
    return pl.read_csv(survey.tables / "clean" / f"{name}.csv").drop("study", "cohort")


def fact(survey, name):
    rows = table(survey, "sample").filter(pl.col("fact") == name)
    return rows["value"][0] if rows.height else None


def put(frame, column, values):
    """``frame`` with some cells replaced: row number → value."""
    cells = frame[column].to_list()
    for row, value in values.items():
        cells[row] = value
    return frame.with_columns(pl.Series(column, cells, dtype=frame.schema[column]))


def test_with_every_rule_off_nothing_changes_but_names(survey):
    frame, entries = cleaned(survey)
    assert entries == [] and frame.height == 36
    items = survey.load().instrument.item_ids
    assert frame.select(items).equals(survey.truth.select(items))
    assert frame["age"].to_list() == survey.truth["age"].to_list() and frame.schema["age"] == pl.Int16
    assert frame["group"].to_list() == survey.truth["group"].to_list()
    assert frame["gender"].to_list() == survey.truth["gender"].to_list()
    assert frame.columns == ["file", "line", *KEPT, *items]


# ---------------------------------------------------------------- rules


def test_test_responses_are_dropped_by_status_whatever_its_case(survey):
    survey.change(columns={"status": "status"})
    states = ["Complete"] * 36
    states[2], states[20], states[30] = "TEST", "pre-view ", "tested"
    for k, path in enumerate(survey.exports):
        part = pl.Series("status", states[18 * k : 18 * (k + 1)])
        pl.read_csv(path, infer_schema=False).with_columns(part).write_csv(path)
    frame, entries = cleaned(survey, test_status=["test", "Preview"])
    assert frame.height == 34
    assert entries == [
        ("responses_1.csv", 4, "status", "TEST", "test_status", "drop_row"),
        ("responses_2.csv", 4, "status", "pre-view", "test_status", "drop_row"),
    ]


@pytest.mark.parametrize(("share", "kept"), [(0.0, 36), (0.25, 35), (0.5, 34), (0.51, 33), (1.0, 33)])
def test_rows_with_less_than_the_least_share_of_answers_are_dropped(survey, share, kept):
    def change(frame):
        items = frame.columns[2 + len(FIELDS) :]
        for row, answers in {0: 0, 5: 3, 9: 4}.items():
            for item in items[answers:]:
                frame = put(frame, item, {row: None})
        return frame

    frame, entries = cleaned(survey, change, min_answered=share)
    assert frame.height == kept == 36 - len(entries)
    found = [("0 of 8 answered", 2), ("3 of 8 answered", 7), ("4 of 8 answered", 11)][: 36 - kept]
    assert entries == [("responses_1.csv", line, "items", raw, "blank", "drop_row") for raw, line in found]


def test_only_rows_alike_in_every_mapped_column_are_duplicates_and_the_first_stays(survey):
    def change(frame):
        copies = frame[[3, 3, 20]].with_columns(pl.Series("line", [50, 51, 52], dtype=pl.Int32))
        other = put(frame[[5]], "d1_1", {0: None}).with_columns(pl.Series("line", [53], dtype=pl.Int32))
        nobody = put(frame[[6, 6]], "respondent", {0: None, 1: None})
        nobody = nobody.with_columns(pl.Series("line", [54, 55], dtype=pl.Int32))
        return pl.concat([frame, copies, other, nobody]).sort("file", "line")

    frame, entries = cleaned(survey, change, drop_duplicates=True)
    assert [(e[1], e[2], e[4], e[5]) for e in entries] == [
        (50, "respondent", "duplicates", "drop_row"),
        (51, "respondent", "duplicates", "drop_row"),
        (52, "respondent", "duplicates", "drop_row"),
    ]
    kept = set(frame.select("file", "line").rows())
    assert kept >= {("responses_1.csv", 5), ("responses_2.csv", 4)} and {53, 54, 55} <= {line for _, line in kept}
    assert fact(survey, "repeated_ids") == 1


def straight(frame):
    """Rows 0: one code throughout, 1: in half of the items, 2: in fewer, 3: not quite, 4: in one direction."""
    items = frame.columns[2 + len(FIELDS) :]
    turned = [i for i in items if i.endswith("_4")]
    for item in items:
        frame = put(frame, item, dict.fromkeys(range(5), 2))
    for item in items[4:]:
        frame = put(frame, item, {1: None})
    for item in [items[1], *items[4:]]:
        frame = put(frame, item, {2: None})
    for item in turned:
        frame = put(frame, item, {4: None})
    return put(frame, "d2_2", {3: 3})


def test_straight_liners_are_dropped_when_they_answer_both_directions_alike(survey):
    frame, entries = cleaned(survey, straight, straight_liners="drop")
    assert [e for e in entries if e[1] <= 6] == [
        ("responses_1.csv", 2, "items", "2 in all 8 answers", "straight_liners", "drop_row"),
        ("responses_1.csv", 3, "items", "2 in all 4 answers", "straight_liners", "drop_row"),
    ]
    assert frame.height == 36 - len(entries)


def test_straight_liners_are_counted_when_flagged_and_nothing_when_kept(survey):
    frame, entries = cleaned(survey, straight, straight_liners="flag")
    assert frame.height == 36 and entries == []
    assert (
        fact(survey, "straight_liners_flagged") == frame.select(straight_lined(survey.load().instrument).sum()).item()
    )
    cleaned(survey, straight, straight_liners="keep")
    assert fact(survey, "straight_liners_flagged") is None


def test_answers_in_one_direction_only_are_no_straight_line(tmp_path):
    survey = make_survey(tmp_path, schools=0, dimensions=2, reversed_items=2)
    instrument = survey.load().instrument
    directions = [i.reversed for i in instrument.items]
    rows = [[3] * 8, [None if r else 3 for r in directions], [3 if r else None for r in directions]]
    frame = pl.DataFrame(rows, schema=instrument.item_ids, orient="row")
    assert frame.select(straight_lined(instrument)).to_series().to_list() == [True, False, False]


def test_a_share_that_is_met_exactly_is_enough(tmp_path):
    survey = make_survey(tmp_path, schools=0, per_school=12, dimensions=5, items_per=5, study={"clean": ALL_OFF})
    assert 0.28 * 25 > 7  # in floating point

    def change(frame):
        for item in frame.columns[2 + len(FIELDS) + 7 :]:
            frame = put(frame, item, {0: None})
        return frame

    assert cleaned(survey, change, min_answered=0.28)[0].height == 12


@pytest.mark.parametrize("reversed_items", [0, 4])
def test_without_two_directions_there_is_no_straight_line(tmp_path, reversed_items):
    survey = make_survey(tmp_path, schools=2, dimensions=2, reversed_items=reversed_items, study={"clean": ALL_OFF})
    for rule in ("drop", "flag"):
        frame, entries = cleaned(survey, straight, straight_liners=rule)
        assert frame.height == 80 and entries == [] and fact(survey, "straight_liners_flagged") is None
        assert "straight_liners" not in set(table(survey, "flow")["step"])


def test_ages_that_are_none_are_emptied_and_the_row_stays(survey):
    odd = ["seven", "-5", "999", "7.5", "19", "4", "7.0", "18", None, "0"]
    frame, entries = cleaned(survey, lambda f: put(f, "age", dict(enumerate(odd))), ages={"min": 5, "max": 18})
    assert frame.height == 36
    assert frame["age"].to_list()[:10] == [None, None, None, None, None, None, 7, 18, None, None]
    assert frame["group"].to_list()[:10] == [None, None, None, None, None, None, "KS2", "KS5", None, None]
    assert [e[3] for e in entries] == ["seven", "-5", "999", "7.5", "19", "4", "0"]
    assert {e[2:6:2] + e[5:] for e in entries} == {("age", "ages", "empty_cell")}


def test_without_stated_ages_only_what_cannot_be_an_age_is_emptied(survey):
    frame, entries = cleaned(survey, lambda f: put(f, "age", {0: "0", 1: "150", 2: "151", 3: "x", 4: "-1"}))
    assert frame["age"].to_list()[:5] == [0, 150, None, None, None]
    assert [e[3] for e in entries] == ["151", "x", "-1"]


def test_genders_are_recognised_by_their_spellings_and_others_emptied(survey):
    frame, entries = cleaned(
        survey, lambda f: put(f, "gender", {0: " mALE", 1: "Girl", 2: "boys?", 3: None, 4: "=1+1"})
    )
    assert frame["gender"].to_list()[:5] == ["boys", "girls", None, None, None]
    assert [e[3] for e in entries] == ["boys?", "'=1+1"]


def test_a_group_from_a_column_is_recognised_by_its_values(tmp_path):
    levels = [{"id": "A", "label": "First", "values": ["first year"]}, {"id": "B", "label": "Last", "values": ["last"]}]
    survey = make_survey(tmp_path, schools=2, per_school=4, dimensions=2, key_stages=False, files=1)
    raw = pl.Series("year", ["First year", "LAST", "third", None, "last ", "last", "last", "last"])
    pl.read_csv(survey.exports[0], infer_schema=False).with_columns(raw).write_csv(survey.exports[0])
    survey.change(
        columns={"group": "year"}, key_stages={"label": "Year", "source": "column", "levels": levels}, clean=ALL_OFF
    )
    frame, entries = cleaned(survey)
    assert frame["group"].to_list() == ["A", "B", None, None, "B", "B", "B", "B"]
    assert entries == [("responses_1.csv", 4, "group", "third", "group", "empty_cell")]


def test_rows_without_what_is_required_are_dropped_in_turn(survey):
    def change(frame):
        return put(put(put(frame, "school", {0: None}), "age", {0: None, 1: "x"}), "gender", {2: None})

    frame, entries = cleaned(survey, change, require=["school", "age", "gender", "group"])
    assert frame.height == 33
    assert [(e[1], e[4]) for e in entries] == [
        (3, "ages"),
        (2, "require_school"),
        (3, "require_age"),
        (4, "require_gender"),
    ]
    flow = table(survey, "flow")
    assert flow["step"].to_list()[-4:] == ["require_school", "require_age", "require_gender", "require_group"]


def test_the_flow_adds_up_and_agrees_with_the_ledger_and_its_summary(survey):
    def change(frame):
        return straight(put(put(frame, "age", {7: "x", 8: None}), "gender", {9: "?"}))

    frame, entries = cleaned(
        survey, change, drop_duplicates=True, min_answered=0.5, straight_liners="drop", require=["age"]
    )
    flow, summary = table(survey, "flow"), table(survey, "ledger_summary")
    assert flow["rows_in"][0] == 36 and flow["rows_out"][-1] == frame.height
    assert (flow["rows_in"] == flow["rows_out"] + flow["rows_dropped"]).all()
    assert (flow["rows_in"][1:] == flow["rows_out"][:-1]).all()
    for step, dropped, emptied in flow.select("step", "rows_dropped", "cells_emptied").rows():
        assert (dropped, emptied) == tuple(
            sum(e[4] == step and e[5] == action for e in entries) for action in ("drop_row", "empty_cell")
        )
    assert summary["n"].sum() == len(entries) == flow["rows_dropped"].sum() + flow["cells_emptied"].sum()


def test_rules_that_leave_no_row_are_refused_and_nothing_is_written(survey):
    survey.run("ingest")
    path = survey.processed / "ingested.arrow"
    write_ingested(read_ingested(path).with_columns(pl.lit(None, pl.String).alias("age")), path)
    survey.change(clean={"require": ["age"]})
    with pytest.raises(SurveyError, match="'require_age' leaves no row: it dropped the last 36 of 36"):
        survey.run("clean")
    assert {p.name for p in survey.processed.iterdir()} == {"ingested.arrow", "files.csv"}
    assert not (survey.tables / "clean").exists()


# ---------------------------------------------------------------- schools


def test_schools_get_pseudonyms_that_depend_on_the_key_only(survey, monkeypatch):
    frame, _ = cleaned(survey)
    schools = pl.read_parquet(survey.processed / "schools.parquet")
    assert schools.columns == ["school", "pseudonym", "phase", "country", "rating", "rating_date", "n"]
    assert schools["school"].to_list() == ["S01", "S02", "S03"] and schools["n"].to_list() == [12] * 3
    spelt = dict(schools.select("school", "pseudonym").rows())
    assert [spelt[s] for s in frame["school"]] == survey.keyed(survey.truth["school_id"])
    assert schools.filter(school=survey.label("school-003"))["rating"][0] == "Requires improvement"
    survey.change(seed=77)
    assert cleaned(survey)[0]["school"].equals(frame["school"])
    orders = set()
    for k in range(12):
        monkeypatch.setenv("LEARNING_SURVEY_KEY", f"a key for tests, number {k}")
        cleaned(survey)
        orders.add(tuple(survey.label(f"school-00{s}") for s in (1, 2, 3)))
    assert len(orders) > 3


def test_pseudonyms_have_one_width(tmp_path):
    survey = make_survey(tmp_path, schools=101, per_school=1, dimensions=2)
    survey.run("ingest", "clean")
    schools = pl.read_parquet(survey.processed / "schools.parquet")["school"].to_list()
    assert schools == [f"S{k:03d}" for k in range(1, 102)]


def test_a_school_that_is_not_in_the_register_is_named_with_its_place(survey):
    register = survey.exports[0].parent / "schools.csv"
    register.write_text(register.read_text().replace("school-002", "school-020"))
    with pytest.raises(SurveyError, match="school of this row is not in the register") as error:
        cleaned(survey)
    assert error.value.where == f"{survey.exports[0]}, line 14" and "Add the school" in error.value.remedy
    assert "school-0" not in error.value.message


def test_schools_are_matched_without_case_and_spelt_as_in_the_register(survey):
    survey.exports[0].write_text(survey.exports[0].read_text().replace("school-001", "SCHOOL-001", 1))
    frame, _ = cleaned(survey)
    assert frame["school"].n_unique() == 3


def test_a_study_without_a_register_keeps_its_schools(survey):
    survey.change(register=None, inspection=None)
    cleaned(survey)
    schools = pl.read_parquet(survey.processed / "schools.parquet")
    assert schools.height == 3 and schools["rating"].null_count() == 3
    assert fact(survey, "schools") == 3 and fact(survey, "schools_rated") is None and fact(survey, "countries") is None


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("ofsted_rating", "grade", "no column 'ofsted_rating'"),
        ("country", "phase", "more than one column 'phase'"),
        ("school-002", "School-001", "line 3: a school that is listed twice"),
        ("school-002", "", "line 3: a school without an id"),
        ("Good", "Excellent", "rating 'Excellent' is not one of the study's"),
    ],
)
def test_a_register_that_cannot_be_used_says_why(survey, old, new, problem):
    register = survey.exports[0].parent / "schools.csv"
    assert old in register.read_text()
    register.write_text(register.read_text().replace(old, new))
    with pytest.raises(SurveyError, match=problem) as error:
        cleaned(survey)
    assert error.value.where.startswith(str(register)) and error.value.remedy


def test_a_rating_is_spelt_as_the_study_spells_it(survey):
    register = survey.exports[0].parent / "schools.csv"
    register.write_text(register.read_text().replace("Good", "GOOD ").replace("Requires improvement", "-"))
    cleaned(survey)
    ratings = dict(pl.read_parquet(survey.processed / "schools.parquet").select("school", "rating").rows())
    assert [ratings[survey.label(f"school-00{s}")] for s in (1, 2, 3)] == [None, "Good", None]
    assert fact(survey, "schools_rated") == 1


@pytest.fixture
def dated(survey):
    """The register with dates of ratings: none, of the framework of four grades, and of a later one."""
    register = survey.exports[0].parent / "schools.csv"
    header, *rows = register.read_text().splitlines()
    given = ["", "05/11/2019", "2025-12-01 00:00:00"]
    lines = [f"{header},rated_on", *(f"{row},{day}" for row, day in zip(rows, given, strict=True))]
    register.write_text("\n".join(lines) + "\n")
    survey.change(register={"rating_date": "rated_on"})
    return register


def test_dates_of_ratings_are_read(survey, dated):
    cleaned(survey)
    dates = dict(pl.read_parquet(survey.processed / "schools.parquet").select("school", "rating_date").rows())
    found = [dates[survey.label(f"school-00{s}")] for s in (1, 2, 3)]
    assert found == [None, date(2019, 11, 5), date(2025, 12, 1)]


def test_a_grade_of_a_framework_without_an_overall_one_need_not_be_listed(survey, dated):
    dated.write_text(dated.read_text().replace("Requires improvement", "Expected standard"))
    cleaned(survey)
    ratings = dict(pl.read_parquet(survey.processed / "schools.parquet").select("school", "rating").rows())
    assert ratings[survey.label("school-003")] is None
    dated.write_text(dated.read_text().replace("2025-12-01 00:00:00", "2020-12-01"))
    with pytest.raises(SurveyError, match="rating 'Expected standard' is not one of the study's"):
        cleaned(survey)


def test_a_date_that_is_none_is_refused(survey, dated):
    dated.write_text(dated.read_text().replace("05/11/2019", "autumn 2019"))
    with pytest.raises(SurveyError, match="'autumn 2019' is no date") as error:
        cleaned(survey)
    assert error.value.where == f"{dated}, line 3"


# ---------------------------------------------------------------- facts and files


def test_the_facts_are_those_of_the_sample(survey):
    cleaned(survey, lambda f: put(put(f, "d1_1", {0: None, 1: None}), "gender", {0: None}))
    assert fact(survey, "primary_share") is None, "beside the sizes of large key stages it would tell those of small"
    survey.change(min_group=1)
    cleaned(survey, lambda f: put(put(f, "d1_1", {0: None, 1: None}), "gender", {0: None}))
    assert fact(survey, "students") == 36 and fact(survey, "items") == 8 and fact(survey, "dimensions") == 2
    assert fact(survey, "response_points") == 5 and fact(survey, "countries") == 2
    assert fact(survey, "missing_answers") == pytest.approx(2 / (36 * 8), rel=1e-9)
    assert fact(survey, "without_gender") == pytest.approx(1 / 36, rel=1e-9)
    assert fact(survey, "primary_share") == pytest.approx((survey.truth["age"] <= 10).mean(), rel=1e-9)


def test_the_ends_of_the_age_range_rest_on_enough_people(survey):
    ages = [4] + [6] * 12 + [9] * 9 + [10] * 10 + [17] * 4
    cleaned(survey, lambda f: put(f, "age", {k: str(a) for k, a in enumerate(ages)}))
    assert (fact(survey, "age_min"), fact(survey, "age_max")) == (6, 10)
    survey.change(min_group=40)
    cleaned(survey)
    assert fact(survey, "age_min") is None


def test_a_ledger_opened_in_a_spreadsheet_runs_nothing(survey):
    raw = ["=HYPERLINK(1)", "+cmd", "-2+3", "@SUM(A1)", "-5", "fine"]
    cleaned(survey, lambda f: put(f, "age", dict(enumerate(raw))))
    assert [e[3] for e in ledger(survey)] == ["'=HYPERLINK(1)", "'+cmd", "'-2+3", "'@SUM(A1)", "-5", "fine"]


def test_no_person_is_under_results(survey):
    cleaned(survey, lambda f: put(f, "age", {0: "secret-age"}), ages={"min": 5, "max": 18})
    written = "".join(p.read_text() for p in survey.results.rglob("*") if p.is_file())
    assert written and "secret-age" not in written and "school-00" not in written and "r0000" not in written


def test_the_same_data_give_the_same_bytes(survey):
    def everything():
        cleaned(survey, straight, straight_liners="drop")
        files = [*survey.processed.iterdir(), *(survey.tables / "clean").iterdir()]
        return {p.name: p.read_bytes() for p in files}

    assert everything() == everything()


def test_a_file_of_another_study_is_refused(survey, tmp_path):
    pl.DataFrame({"file": ["x"]}).write_parquet(tmp_path / "other.parquet")
    pl.DataFrame({"file": ["x"]}).write_ipc(tmp_path / "other.arrow")
    for path in (tmp_path / "other.parquet", tmp_path / "other.arrow", survey.study_file, tmp_path / "none"):
        with pytest.raises(SurveyError, match="not the ingested data of this study") as error:
            module.clean(survey.load(), path, survey.processed, survey.tables)
        assert error.value.where == str(path)


def test_the_recount_sees_a_lost_row_and_a_changed_answer():
    file = pl.col("file").cast(pl.Enum(["a", "b"]))
    before = pl.DataFrame({"file": ["a"] * 3, "line": [2, 3, 4], "i": [1, 2, 3]}).with_columns(file)
    gone = pl.DataFrame({"file": ["a"], "line": [3], "action": ["drop_row"]})
    conserved(before.lazy(), before[[0, 2]], gone, ["i"])
    with pytest.raises(AssertionError, match="rows are not conserved"):
        conserved(before.lazy(), before[[0]], gone, ["i"])
    with pytest.raises(AssertionError, match="rows are not conserved"):
        conserved(before.lazy(), before, gone, ["i"])
    with pytest.raises(AssertionError, match="answers have changed"):
        conserved(before.lazy(), before[[0, 2]].with_columns(pl.Series("i", [1, 2])), gone, ["i"])
    # A row is known by its file and its line together.
    two = pl.DataFrame({"file": ["a", "a", "b", "b"], "line": [2, 3, 2, 3], "i": [1, 2, 3, 4]}).with_columns(file)
    gone = pl.DataFrame({"file": ["b"], "line": [2], "action": ["drop_row"]})
    conserved(two.lazy(), two[[0, 1, 3]], gone, ["i"])
    for wrong in (two[[1, 2, 3]], two[[0, 1, 3]].with_columns(file=pl.lit("c")), two[[3, 1, 0]]):
        with pytest.raises(AssertionError):
            conserved(two.lazy(), wrong, gone, ["i"])


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A survey and its rows as they are ingested; each example changes the rows and the rules."""
    survey = make_survey(tmp_path_factory.mktemp("dirt"), schools=3, per_school=10, dimensions=2, missing=0.2)
    survey.run("ingest")
    return survey, read_ingested(survey.processed / "ingested.arrow")


@given(
    seed=st.integers(0, 10**6),
    rules=st.fixed_dictionaries(
        {
            "drop_duplicates": st.booleans(),
            "min_answered": st.sampled_from([0.0, 0.5, 1.0]),
            "straight_liners": st.sampled_from(["drop", "flag", "keep"]),
            "require": st.lists(st.sampled_from(["school", "age", "group", "gender"]), unique=True),
        }
    ),
)
def test_whatever_the_dirt_rows_and_answers_are_conserved_or_the_study_is_refused(mixed, seed, rules):
    survey, whole = mixed
    rng = np.random.default_rng(seed)
    before = whole
    for column, odd in (("age", ["x", "", "-1", None]), ("gender", ["?", None]), ("school", [None])):
        rows = rng.choice(30, rng.integers(0, 12), replace=False).tolist()
        before = put(before, column, {r: odd[int(rng.integers(len(odd)))] for r in rows})
    copies = before[rng.choice(30, 4).tolist()].with_columns(pl.Series("line", range(90, 94), dtype=pl.Int32))
    before = pl.concat([before, copies]).sort("file", "line")
    write_ingested(before, survey.processed / "ingested.arrow")
    survey.change(clean=rules)
    try:
        survey.run("clean")
    except SurveyError as error:
        assert "leaves no row" in error.problem
        return
    frame, entries = pl.read_parquet(survey.processed / "clean.parquet"), ledger(survey)
    dropped = {e[:2] for e in entries if e[5] == "drop_row"}
    assert len(dropped) == sum(e[5] == "drop_row" for e in entries)
    places = frame.select("file", "line").rows()
    assert {*places, *dropped} == set(before.select("file", "line").rows())
    assert frame.height + len(dropped) == before.height
    for column in ("age", "gender"):
        emptied = {e[:2] for e in entries if e[2] == column and e[5] == "empty_cell"}
        raw = {(file, line): text for file, line, text in before.select("file", "line", column).rows()}
        for place, value in zip(places, frame[column], strict=True):
            assert (value is None) == (raw[place] is None or place in emptied)
