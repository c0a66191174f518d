"""The command 'inspection': a planted difference between ratings, and registers without ratings."""

import pytest
from stages import contents, read_tables, run_stage
from surveys import make_survey


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = make_survey(
        tmp_path_factory.mktemp("survey"), schools=28, icc=0.02, rating_shift={"Good": {"d1": 0.8}}, per_school=30
    )
    made.run("ingest", "clean", "score")
    done = run_stage(made, "inspection")
    assert (done.returncode, done.stderr) == (0, "")
    return made


def test_the_planted_difference_is_found(survey):
    tables = read_tables(survey, "inspection")
    tests = tables["tests"].set_index(["dimension", "test"])
    assert (tests.loc["d1", "p_holm"] < 0.01).all()
    assert tests["detectable"].nunique() == 1
    pairs = tables["pairs"].set_index(["dimension", "rating_a", "rating_b"])
    assert pairs.loc[("d1", "Outstanding", "Good"), "hedges_g_ci_high"] < 0
    assert tables["extremes"]["n_rated"].tolist() == [21, 21]
    effects = tables["effects"].set_index(["dimension", "model"])
    assert (effects.loc["d1", "effect_ci_low"] > 0).all() and (effects.loc["d1", "p_holm"] < 0.01).all()
    assert tables["equivalence"].set_index(["dimension", "model"]).loc[("d1", "phase"), "verdict"] == "different"
    assert tables["frameworks"].set_index("framework")["n_used"].to_dict() == {
        "four_grades": 0, "no_overall": 0, "report_card": 0, "undated": 21,
    }  # fmt: skip
    assert tables["contrast"]["n_dimensions"].tolist() == [len(tables["means"]["dimension"].unique())] * 2
    assert tables["power"]["power"].between(0, 1).all()
    assert tables["means"].query("dimension == 'd1'")["n_schools"].sum() == 21


def test_again_gives_the_same_bytes(survey, tmp_path):
    assert run_stage(survey, "inspection", tmp_path / "again").returncode == 0
    assert contents(tmp_path / "again") == contents(survey.tables / "inspection")


def test_a_register_without_ratings_is_refused_and_nothing_is_written(tmp_path):
    keys = {"inspection": {"ratings": ["Outstanding", "Good"], "higher": "Good", "lower": "Outstanding"}}
    made = make_survey(tmp_path, schools=6, ratings=False, study=keys)
    made.run("ingest", "clean", "score")
    done = run_stage(made, "inspection")
    assert done.returncode == 2
    assert "no school has a rating" in done.stderr and "Traceback" not in done.stderr
    assert not (made.tables / "inspection").exists()
