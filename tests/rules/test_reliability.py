"""Reliability as a command: tables from what the step 'score' hands on."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
import yaml
from conftest import ROOT
from processed import arguments, process, run_step, write_processed, written
from surveys import make_survey

from learning_survey.schemas import TABLES
from learning_survey.tables import read


def test_tables_of_a_survey_with_schools(tmp_path):
    survey = make_survey(tmp_path, schools=15, per_school=40, missing=0.03, loading=0.8)
    process(survey)
    assert run_step("reliability", survey) == (0, "")
    alpha, items = read(survey.tables, "reliability.alpha"), read(survey.tables, "reliability.items")
    assert list(alpha.columns) == list(TABLES["reliability.alpha"].columns)
    assert alpha["scale"].tolist() == ["d1", "d2", "d3", "d4", "all"]
    assert alpha["n_items"].tolist() == [4, 4, 4, 4, 16]
    # Loadings of .8 make .877 before answers are cut into five.
    assert alpha["alpha"][:4].between(0.80, 0.90).all()
    for name in ("alpha", "omega_total"):
        assert (alpha[f"{name}_ci_low"] < alpha[name]).all()
        assert (alpha[name] < alpha[f"{name}_ci_high"]).all()
        assert (alpha[f"{name}_ci_high"] < 1).all()
    assert alpha["omega_total"].iloc[-1] > alpha["alpha"].iloc[-1]
    assert items.groupby("scale").size().to_dict() == {"all": 16, "d1": 4, "d2": 4, "d3": 4, "d4": 4}
    assert (items["n"] < 600).all()
    assert items.notna().all(axis=None)
    first = written("reliability", survey)
    command = [sys.executable, ROOT / "scripts/reliability.py", *arguments("reliability", survey)]
    subprocess.run(command, cwd=survey.root, check=True)
    assert written("reliability", survey) == first


def test_two_items_without_schools(tmp_path):
    survey = make_survey(tmp_path, schools=0, per_school=400, items_per=2, dimensions=2, reversed_items=0)
    process(survey)
    assert run_step("reliability", survey) == (0, "")
    alpha, items = read(survey.tables, "reliability.alpha"), read(survey.tables, "reliability.items")
    np.testing.assert_allclose(alpha["omega_total"][:2], alpha["alpha_std"][:2], atol=1e-9)
    assert alpha["alpha_ci_low"].notna().all()
    # Two factors of four items are not identified.
    assert np.isnan(alpha["omega_total"].iloc[2])
    assert items.loc[items["scale"] != "all", "alpha_if_dropped"].isna().all()


def test_one_school_has_estimates_without_intervals(tmp_path):
    survey = make_survey(tmp_path, schools=1, per_school=200)
    process(survey)
    assert run_step("reliability", survey) == (0, "")
    alpha = read(survey.tables, "reliability.alpha")
    assert alpha[["alpha", "omega_total", "feldt_ci_low"]].notna().all(axis=None)
    assert alpha[["alpha_ci_low", "alpha_ci_high", "omega_total_ci_low"]].isna().all(axis=None)


def test_too_few_students_keep_rows_and_lose_numbers(tmp_path):
    survey = make_survey(tmp_path, schools=3, per_school=10, study={"min_group": 31})
    process(survey)
    assert run_step("reliability", survey) == (0, "")
    alpha, items = read(survey.tables, "reliability.alpha"), read(survey.tables, "reliability.items")
    assert (len(alpha), len(items)) == (5, 32)
    assert alpha.drop(columns=["scale", "label", "n_items", "note"]).isna().all(axis=None)
    assert (alpha["note"] == "fewer than 31 students").all()
    assert items.drop(columns=["scale", "item"]).isna().all(axis=None)


def test_groups_are_what_their_own_rows_give(tmp_path):
    """Each group's numbers from moments by group are those of a study that has no other students."""
    survey = make_survey(tmp_path, schools=12, per_school=50, missing=0.05, dimensions=3)
    process(survey)
    assert run_step("reliability", survey) == (0, "")
    groups = read(survey.tables, "reliability.groups")
    levels = [level.id for level in survey.load().study.key_stages.levels]
    genders = [category.id for category in survey.load().study.gender.categories]
    assert groups["group"].drop_duplicates().tolist() == levels + genders
    assert len(groups) == 4 * (len(levels) + len(genders))
    for column, group in (("group", levels[0]), ("gender", genders[1])):
        rows = pl.read_parquet(survey.processed / "scores.parquet").filter(pl.col(column) == group)
        items = survey.load().instrument.item_ids
        alone = make_survey(tmp_path / group, schools=12, dimensions=3)
        x = rows.select(items).to_numpy()
        write_processed(alone.load(), alone.processed, x, rows["cluster"].to_numpy())
        assert run_step("reliability", alone) == (0, "")
        expected = read(alone.tables, "reliability.alpha")
        found = groups[groups["group"] == group].reset_index(drop=True)
        assert (found["n_schools"] == rows["cluster"].n_unique()).all()
        same = [c for c in TABLES["reliability.alpha"].columns if c in found and c not in ("label", "note")]
        for name in same[2:]:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, err_msg=name)


def test_equality_schools_and_bands(tmp_path):
    survey = make_survey(tmp_path, schools=20, per_school=60, dimensions=3)
    process(survey)
    assert run_step("reliability", survey) == (0, "")
    equality = read(survey.tables, "reliability.equality")
    assert len(equality) == 2 * 2 * 4
    assert equality["p"].between(0, 1).all() and (equality["p_holm"] >= equality["p"]).all()
    schools = read(survey.tables, "reliability.schools")
    assert schools["dimension"].tolist() == ["d1", "d2", "d3"] and (schools["n_schools"] == 20).all()
    assert schools["alpha_within"].between(0.5, 0.95).all() and (schools["icc2_ci_low"] < schools["icc2"]).all()
    bands = read(survey.tables, "reliability.error_by_band")
    alpha = read(survey.tables, "reliability.alpha").set_index("scale")
    frame = pl.read_parquet(survey.processed / "scores.parquet")
    for dimension in ("d1", "d2", "d3"):
        own = bands[bands["dimension"] == dimension].set_index("band")
        shown = own.drop(index="all").dropna(subset="n")
        whole = own.loc["all", "sem"]
        assert whole == pytest.approx(frame[dimension].std() * (1 - alpha.loc[dimension, "alpha"]) ** 0.5, rel=2e-3)
        if shown["n"].sum() == own.loc["all", "n"]:
            assert (shown["n"] * shown["sem"] ** 2).sum() / shown["n"].sum() == pytest.approx(whole**2)


def test_a_constant_item_in_one_group_empties_its_scale_there_and_says_why(tmp_path):
    survey = make_survey(tmp_path, schools=6, dimensions=2)
    study, rng = survey.load(), np.random.default_rng(1)
    trait = rng.normal(size=(300, 1))
    x = np.clip(np.round(3 + trait + rng.normal(size=(300, 8))), 1, 5)
    gender = np.array(["girls", "boys"])[rng.integers(0, 2, 300)]
    x[gender == "boys", 1] = 4.0
    write_processed(study, survey.processed, x, np.repeat(list("abcdef"), 50), gender=gender)
    assert run_step("reliability", survey) == (0, "")
    groups = read(survey.tables, "reliability.groups").set_index(["group", "scale"])
    for scale, has in (("d1", False), ("d2", True), ("all", False)):
        row = groups.loc[("boys", scale)]
        assert np.isfinite(row["alpha"]) == has and np.isfinite(row["omega_total"]) == has
        assert ("same value for item d1_2" in str(row["note"])) != has
    assert groups.loc["girls"]["alpha"].notna().all()
    equality = read(survey.tables, "reliability.equality").set_index(["grouping", "scale", "test"])
    assert np.isnan(equality.loc[("gender", "d1", "clustered"), "p"])
    assert equality.loc[("gender", "d2", "clustered"), "groups"] == 2


def test_a_group_of_ten_has_alpha_and_no_omega_of_more_items_than_students(tmp_path):
    survey = make_survey(tmp_path, schools=5, per_school=60)
    study, rng = survey.load(), np.random.default_rng(2)
    x = np.clip(np.round(3 + rng.normal(size=(300, 1)) + rng.normal(size=(300, 16))), 1, 5)
    gender = np.repeat("girls", 300)
    gender[::30], gender[1:10] = "other", "boys"
    write_processed(study, survey.processed, x, np.repeat(list("abcde"), 60), gender=gender)
    assert run_step("reliability", survey) == (0, "")
    groups = read(survey.tables, "reliability.groups").set_index(["group", "scale"])
    ten = groups.loc[("other", "all")]
    assert ten["n"] == 10 and np.isfinite(ten["alpha"])
    assert ten[["omega_total", "omega_hierarchical", "lambda6"]].isna().all()
    assert "not positive definite" in ten["note"]
    withheld = groups.loc[("boys", "all")]
    assert withheld.drop(["label", "group_label", "grouping", "note", "n_items"]).isna().all()
    assert "fewer than 10" in withheld["note"]


def test_a_study_without_schools_or_groups(tmp_path):
    survey = make_survey(tmp_path, schools=0, per_school=300, dimensions=2, key_stages=False, gender=False)
    process(survey)
    assert run_step("reliability", survey) == (0, "")
    assert read(survey.tables, "reliability.groups").empty and read(survey.tables, "reliability.equality").empty
    schools = read(survey.tables, "reliability.schools")
    assert len(schools) == 2 and schools.drop(columns="dimension").isna().all(axis=None)


def spoil_constant(x: np.ndarray) -> None:
    x[:, 5] = 4.0


def spoil_empty(x: np.ndarray) -> None:
    x[:, 5] = np.nan


@pytest.mark.parametrize("spoil", [spoil_constant, spoil_empty])
def test_an_item_that_cannot_be_used_is_named_and_nothing_is_written(tmp_path, spoil):
    survey = make_survey(tmp_path, schools=3)
    study, rng = survey.load(), np.random.default_rng(1)
    x = rng.integers(1, 6, size=(60, 16)).astype(float)
    spoil(x)
    write_processed(study, survey.processed, x, np.repeat(["a", "b", "c"], 20))
    code, error = run_step("reliability", survey)
    assert code == 2
    assert "d2_2" in error
    assert "moments.npz" in error
    assert written("reliability", survey) == {}


def test_without_its_input_it_says_which_step_makes_it(tmp_path):
    survey = make_survey(tmp_path, schools=2)
    code, error = run_step("reliability", survey)
    assert code == 2
    assert "moments.npz" in error
    assert "'score'" in error
    assert written("reliability", survey) == {}


def test_an_item_that_was_to_be_reversed_is_named_beside_its_alpha(tmp_path):
    survey = make_survey(tmp_path, dimensions=2, schools=6)
    path = survey.root / "config/instruments/small.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for item in content["items"]:
        item["reversed"] = item["reversed"] and item["id"] != "d1_4"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    survey.run("ingest", "clean", "score")
    assert run_step("reliability", survey) == (0, "")
    rows = read(survey.tables, "reliability.alpha").set_index("scale")
    assert rows.note["d1"] == "goes against the rest of the scale, is it to be reversed? d1_4"
    assert rows.note[["d2", "all"]].isna().all() and rows.alpha["d1"] < 0.4
