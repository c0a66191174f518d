"""The command 'gender': planted differences, a small group withheld, and a study that has no gender."""

import polars as pl
import pytest
from stages import contents, read_tables, run_stage
from surveys import make_survey


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = make_survey(
        tmp_path_factory.mktemp("survey"), gender_shift={"girls": {"d2": -0.5}}, schools=14, study={"min_group": 60}
    )
    made.run("ingest", "clean", "score")
    done = run_stage(made, "gender")
    assert (done.returncode, done.stderr) == (0, "")
    return made


def test_differences_are_found_and_the_small_group_is_withheld(survey):
    tables = read_tables(survey, "gender")
    pairs = tables["pairs"].set_index(["dimension", "group_a", "group_b"])
    assert pairs.loc[("d2", "boys", "girls"), "hedges_g_ci_low"] > 0.1
    assert pairs.loc[("d1", "boys", "girls"), "p_holm"] > 0.01
    others = survey.truth["gender"].eq("other").sum()
    assert 0 < others < 60
    small = tables["means"].query("group == 'other'")
    assert len(small) == 4
    assert small[["n", "n_schools", "mean", "sd", "share_high"]].isna().all(axis=None)
    small = tables["pairs"].query("group_b == 'other'")
    assert small[["n_b", "difference", "hedges_g", "naive_ci_low", "p_clustered"]].isna().all(axis=None)
    assert f",{others}," not in (survey.tables / "gender/means.csv").read_text()


def test_the_smallest_and_largest_are_those_of_the_pairs(survey):
    tables = read_tables(survey, "gender")
    shown = tables["pairs"].dropna(subset=["hedges_g_ci_low"])
    rows = tables["range"].set_index("side")
    assert rows.loc["largest", "dimension"] == "d2" and (rows["comparisons"] == len(shown)).all()
    assert rows.loc["largest", "size"] == pytest.approx(shown["hedges_g"].abs().max())
    assert rows.loc["smallest", "size"] == pytest.approx(shown["hedges_g"].abs().min())
    effects = tables["effects"].set_index(["dimension", "group_a", "group_b"])
    assert effects.loc[("d2", "boys", "girls"), "p_superiority_ci_low"] > 0.5
    assert effects.xs("other", level="group_b").drop(columns=["n_a", "ordinal_check"]).isna().all(axis=None)


def test_a_withheld_group_is_no_difference(survey):
    """What the groups leave of the total is neither the number of the few nor, nearly, their mean."""
    means, x = read_tables(survey, "gender")["means"].query("dimension == 'd1'"), survey.truth
    few = x.filter(pl.col("gender") == "other").height
    assert 0 < few < 60
    assert x.height - means["n"].sum() == 60, "the few, and some drawn from the largest group"


def test_again_gives_the_same_bytes(survey, tmp_path):
    assert run_stage(survey, "gender", tmp_path / "again").returncode == 0
    assert contents(tmp_path / "again") == contents(survey.tables / "gender")


def test_a_study_without_gender_is_told_so(tmp_path):
    made = make_survey(tmp_path, schools=0, per_school=60, gender=False)
    made.run("ingest", "clean", "score")
    done = run_stage(made, "gender")
    assert done.returncode == 2
    assert "no 'gender' to compare" in done.stderr and "Traceback" not in done.stderr
