"""The command 'describe': with schools and without, with few points and many, twice the same bytes."""

import pytest
from stages import contents, read_tables, run_stage
from surveys import make_survey


@pytest.fixture(scope="module", params=[(12, 5), (0, 2), (5, 11)], ids=["schools", "no schools", "eleven points"])
def survey(request, tmp_path_factory):
    schools, points = request.param
    made = make_survey(
        tmp_path_factory.mktemp("survey"),
        schools=schools,
        per_school=40 if schools else 300,
        points=points,
        dimension_shift={"d1": 1.0, "d2": -1.0},
        missing=0.03,
    )
    made.run("ingest", "clean", "score")
    done = run_stage(made, "describe")
    assert (done.returncode, done.stderr) == (0, "")
    return made


def test_the_tables_find_what_was_planted(survey):
    tables = read_tables(survey, "describe")
    dimensions = tables["dimensions"].set_index("dimension")
    assert dimensions["rank"].idxmin() == "d1" and dimensions["rank"].idxmax() == "d2"
    assert (dimensions["mean_ci_low"] < dimensions["mean"]).all()
    students = len(survey.truth)
    for name, key in (("items", "item"), ("dimensions", "dimension")):
        assert (tables[name]["n"] + tables[name]["n_missing"] == students).all(), key
    assert tables["item_distribution"].groupby("item")["share"].sum().round(8).eq(1).all()
    assert tables["bands"].groupby("dimension")["share"].sum().round(8).eq(1).all()
    assert tables["contrasts"].empty


def test_again_gives_the_same_bytes(survey, tmp_path):
    assert run_stage(survey, "describe", tmp_path / "again").returncode == 0
    assert contents(tmp_path / "again") == contents(survey.tables / "describe")


def test_without_scores_it_says_so_and_writes_nothing(survey, tmp_path):
    (survey.processed / "scores.parquet").rename(tmp_path / "away")
    try:
        done = run_stage(survey, "describe", tmp_path / "out")
    finally:
        (tmp_path / "away").rename(survey.processed / "scores.parquet")
    assert done.returncode == 2
    assert "scores.parquet: no such file" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
