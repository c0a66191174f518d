"""The command 'key_stages': a planted fall, in primary and in secondary schools."""

import polars as pl
import pytest
from stages import contents, read_tables, run_stage
from surveys import make_survey

FALL = {"KS2": {"d1": -0.3}, "KS3": {"d1": -0.6}, "KS4": {"d1": -0.9}, "KS5": {"d1": -1.2}}


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = make_survey(tmp_path_factory.mktemp("survey"), schools=16, per_school=60, icc=0.02, group_shift=FALL)
    made.run("ingest", "clean", "score")
    done = run_stage(made, "key_stages")
    assert (done.returncode, done.stderr) == (0, "")
    return made


def test_the_fall_is_found(survey):
    tables = read_tables(survey, "key_stages")
    d1 = tables["means"].query("dimension == 'd1'")
    assert d1["group"].tolist() == ["KS1", "KS2", "KS3", "KS4", "KS5"]
    assert d1["mean"].is_monotonic_decreasing
    of = survey.truth.group_by("group").agg(pl.col("school_id").n_unique()).sort("group")["school_id"].to_list()
    assert d1["n_schools"].tolist() == of
    tests = tables["tests"].set_index(["dimension", "test"])
    assert tests.loc[("d1", "trend_clustered"), "slope_ci_high"] < 0
    assert tests.loc[("d1", "welch_anova"), "p_holm"] < 1e-6
    pairs = tables["pairs"].set_index(["dimension", "group_a", "group_b"])
    assert len(pairs) == 40
    assert pairs.loc[("d1", "KS1", "KS5"), "hedges_g_ci_low"] > 0.5


def test_the_fall_keeps_its_order_and_effects_say_how_large_it_is(survey):
    tables = read_tables(survey, "key_stages")
    order = tables["order"].set_index(["dimension", "direction"])
    assert order.loc[("d1", "falls"), "p_equal_holm"] < 1e-6 and order.loc[("d1", "falls"), "p_order"] > 0.05
    assert order.loc[("d1", "rises"), "p_order_holm"] < 1e-6
    isotonic = tables["isotonic"].query("dimension == 'd1'")
    assert isotonic["isotonic"].is_monotonic_decreasing and set(isotonic["direction"]) == {"falls"}
    steps = tables["steps"]
    assert len(steps) == 4 * 5 and steps.groupby("dimension")["largest"].sum().round(9).eq(1).all()
    assert steps.query("dimension == 'd1'")["step"].lt(0).all()
    effects = tables["effects"].set_index(["dimension", "group_a", "group_b"])
    row = effects.loc[("d1", "KS1", "KS5")]
    assert row["p_superiority_ci_low"] > 0.6 and row["share_difference_ci_low"] > 10
    assert row["g_within"] >= row["g_total"] > 0.5 and row["ordinal_check"] == "agrees"


def test_again_gives_the_same_bytes(survey, tmp_path):
    assert run_stage(survey, "key_stages", tmp_path / "again").returncode == 0
    assert contents(tmp_path / "again") == contents(survey.tables / "key_stages")
