"""An attack on the results of a survey with very few students in some groups: nothing of them can be worked out."""

import csv
import shutil

import pytest
from pipeline import build, step
from small_groups import FEW, FLAGGED, few_of_each, sums_over_each_key, truth

from learning_survey.schemas import TABLES
from learning_survey.subtraction import left_over, rows_of
from learning_survey.values import Tables

LEAST = 10
MERGE = {"gender": {"small": "merge", "merge_into": "girls"}}
STUDENTS = ("n", "n_a", "n_b", "n_missing", "n_complete", "n_top", "n_bottom", "rows", "rows_in", "rows_out", "flagged")
MEANS = [  # groups, their column and total, and the table's own value of the group
    ("gender.means", "group", "mean", "gender"),
    ("gender.means", "group", "share_high", "gender"),
    ("key_stages.means", "group", "mean", "group"),
    ("key_stages.means", "group", "share_high", "group"),
    ("schools.means", "school", "mean", "school"),
    ("schools.means", "school", "share_high", "school"),
]


@pytest.fixture(scope="module", params=["withhold", "merge"])
def results(request, tmp_path_factory):
    survey = few_of_each(tmp_path_factory.mktemp(request.param), **(MERGE if request.param == "merge" else {}))
    build(survey)
    return survey, Tables(survey.tables, survey.load()), truth(survey), request.param


def few(scores, key):
    name, size = FEW[key]
    own = scores.filter(scores[key] == name)
    assert own.height == size
    return own


def test_the_few_are_there_and_unlike_the_others(results):
    _, tables, scores, _ = results
    assert tables["describe.dimensions"][0]["n"] == scores.height == 480
    assert tables["describe.dimensions"][0]["mean"] == pytest.approx(scores["d1"].mean())
    for key in FEW:
        assert few(scores, key)["d1"].mean() == 1
    assert scores["flagged"].sum() == FLAGGED + len(scores.filter(scores["d1"] + scores["d2"] + scores["d3"] == 0))


def test_no_table_has_the_number_of_the_few_in_a_column_of_students(results):
    _, tables, _, _ = results
    sizes = {size for _, size in FEW.values()}
    for name in tables.names:
        for column in set(STUDENTS) & set(TABLES[name].columns):
            assert not sizes & {row[column] for row in tables[name]}, f"{name}, {column}"


def test_no_shown_groups_leave_the_few_of_a_total(results):
    """Every table that counts students: its rows that differ in one key alone are taken from all students."""
    _, tables, scores, _ = results
    checked = 0
    for name in (n for n in TABLES if tables.path(n).is_file()):
        for column in set(STUDENTS) & set(TABLES[name].columns):
            for total in sums_over_each_key(rows_of(tables, name), column, TABLES[name].keys):
                if 0.6 * scores.height < total < scores.height:
                    checked += 1
                    assert scores.height - total >= LEAST, (name, column, total)
    assert checked > 20


def test_no_mean_or_share_of_the_few_is_what_the_groups_leave_of_the_total(results):
    _, tables, scores, how = results
    total = {row["dimension"]: row for row in tables["describe.dimensions"]}
    for table, _, value, key in MEANS:
        for dimension, whole in total.items():
            shown = [r for r in tables[table] if r["dimension"] == dimension and r["n"] is not None]
            assert shown and all(r["n"] >= LEAST for r in shown)
            left = whole["n"] - sum(r["n"] for r in shown)
            if how == "merge" and key == "gender":
                assert left == 0
                continue
            assert left >= LEAST, (table, value)
            rest = (whole["n"] * whole[value] - sum(r["n"] * r[value] for r in shown)) / left
            exact = few(scores, key)[dimension].mean() if value == "mean" else 0.0
            assert abs(rest - exact) > 0.05, (table, value, rest)


def test_missing_answers_of_the_few_are_not_told(results):
    _, tables, scores, how = results
    for kind, size in (("gender", FEW["gender"]), ("group", FEW["group"])):
        rows = {r["group"]: r["n"] for r in tables["missing.groups"] if r["kind"] == kind}
        if how == "merge" and kind == "gender":
            assert set(rows) == {"boys", "girls"}
        else:
            assert rows[size[0]] is None
            assert rows["unknown"] == LEAST, "the few, and some drawn from the largest group"
        assert sum(n or 0 for n in rows.values()) == scores.height


def test_other_stages_say_that_a_gender_is_counted_with_another_or_withheld(results):
    _, tables, _, how = results
    said = {"merge": "counted with Girls", "withhold": "fewer than 10 students"}[how]
    assert {r["note"] for r in tables["reliability.groups"] if r["group"] == "other"} == {said}
    assert {r["status"] for r in tables["models.coefficients"] if r["level"] == "other"} == {said}
    (row,) = (r for r in tables["invariance.groups"] if r["group"] == "other")
    assert row["note"] == (said if how == "merge" else "too few students with every answer") and row["n"] is None


def test_a_gender_that_is_counted_with_another_is_in_no_pair(results):
    _, tables, _, how = results
    for name in ("gender.pairs", "gender.effects"):
        pairs = {(r["group_a"], r["group_b"]) for r in tables[name]}
        assert len(pairs) == (1 if how == "merge" else 3)


def test_where_answers_are_missing_no_dimension_leaves_a_few(tmp_path):
    """Everyone has other dimensions, so that a group or school may be small on one alone."""
    survey = few_of_each(tmp_path, missing=0.12)
    survey.run("ingest", "clean", "score")
    for stage in ("describe", "reliability", "missing", "key_stages", "gender", "schools"):
        step(survey, stage, processed=survey.processed, out=survey.tables / stage)
    left = dict(left_over(OnDisk(survey.tables)))
    assert len(left) > 20 and all(n == 0 or n >= LEAST for n in left.values()), left


class OnDisk:
    """Tables of a study that is not wholly built."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return self.folder / f"{name.replace('.', '/')}.csv"

    def __getitem__(self, name):
        return []


def test_the_careless_are_not_the_difference_of_two_samples(results):
    _, tables, _, _ = results
    rows = [r for r in tables["clean.sensitivity"] if r["sample"] == "without_flagged"]
    assert rows and all(r["n"] is None and r["mean"] is None for r in rows)


def test_files_and_schools_of_few_students_take_the_next_smallest_with_them(results):
    _, tables, scores, _ = results
    assert scores["school"].n_unique() == 8
    for table, column in (("ingest.files", "rows"), ("clean.flow_files", "rows_out"), ("missing.schools", "n")):
        assert sum(r[column] is None for r in rows_of(tables, table)) == 2, table
    hidden = {r["school"] for r in tables["missing.schools"] if r["n"] is None}
    for row in tables["schools.means"]:
        assert (row["mean"] is None) == (row["school"] in hidden)


def test_the_audit_finds_nothing_and_would(results, tmp_path):
    survey, *_ = results
    step(survey, "audit", results=survey.results, processed=survey.processed, out=tmp_path / "audit")
    with (tmp_path / "audit/checks.csv").open(encoding="utf-8") as file:
        checks = {row["check"]: row for row in csv.DictReader(file)}
    assert int(checks["no_subtraction"]["compared"]) > 20
    open_ = tmp_path / "tables"
    shutil.copytree(survey.tables, open_)
    path = open_ / "missing/schools.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    small = survey.label(FEW["school"][0])
    at = next(k for k, line in enumerate(lines) if line.endswith(",,") and small not in line)
    path.write_text("\n".join([*lines[:at], lines[at][:-2] + ",60,0", *lines[at + 1 :]]) + "\n", encoding="utf-8")
    left = dict(left_over(Tables(open_, survey.load())))
    assert left["missing.schools n, taken from clean.sample"] == FEW["school"][1]
