"""Scores against arithmetic done by hand, clusters, moments against numpy."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import yaml
from conftest import ROOT
from surveys import make_survey

from learning_survey import score as module
from learning_survey import two_way
from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.moments import Moments, load_groups
from learning_survey.score import clusters, moments_of, pairs_of, scored
from learning_survey.two_way import TwoWay


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = make_survey(tmp_path_factory.mktemp("score"), schools=4, per_school=30, dimensions=3, missing=0.25)
    made.run("ingest", "clean", "score")
    return made


def frame_of(rows, items):
    return pl.DataFrame(rows, schema=dict.fromkeys(items, pl.Int8), orient="row")


def test_reversed_items_turn_and_a_dimension_is_the_mean_of_what_is_answered(tmp_path):
    instrument = make_survey(tmp_path, dimensions=2, points=6, schools=0).load().instrument  # min_items 3, _4 reversed
    rows = [
        [1, 2, 3, 6, 6, 6, 6, 1],
        [1, 2, 3, None, None, None, 5, 2],
        [None, 2, 6, 2, None, None, None, None],
    ]
    out = scored(frame_of(rows, instrument.item_ids), instrument)
    assert out["d1_4"].to_list() == [1.0, None, 5.0] and out["d1_1"].to_list() == [1.0, 1.0, None]
    assert out["d1"].to_list() == [7 / 4, 2.0, 13 / 3]
    assert out["d2"].to_list() == [6.0, None, None]
    assert set(out.dtypes) == {pl.Float64}


@pytest.mark.parametrize(("least", "scores"), [(1, [2.0, 4.0, None]), (2, [2.0, None, None]), (4, [2.0, None, None])])
def test_the_least_number_of_answers_is_the_instruments(tmp_path, least, scores):
    survey = make_survey(tmp_path, dimensions=2, schools=0, instrument={"score": {"min_items": least}})
    instrument = survey.load().instrument
    rows = [[2, 2, 2, 4, *[1] * 4], [None, None, None, 2, *[1] * 4], [None] * 4 + [1] * 4]
    assert scored(frame_of(rows, instrument.item_ids), instrument)["d1"].to_list() == scores


def test_a_scale_that_does_not_start_at_one_turns_about_its_middle(tmp_path):
    response = {"codes": [-1, 1, 3], "labels": {-1: ["Answer 1"], 1: ["Answer 2"], 3: ["Answer 3"]}}
    bands = [{"id": "a", "label": "A", "from": -1}, {"id": "b", "label": "B", "from": 1, "high": True}]
    survey = make_survey(tmp_path, dimensions=2, schools=0, points=3)
    path = survey.root / "config" / "instruments" / "small.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "response": response, "bands": bands}))
    instrument = survey.load().instrument
    out = scored(frame_of([[-1, 1, 3, -1, 1, 1, 3, 3]], instrument.item_ids), instrument)
    assert out["d1_4"].to_list() == [3.0] and out["d1"].to_list() == [1.5] and out["d2"].to_list() == [1.0]


def test_the_files_hold_what_the_contract_says(survey):
    scores, clean = (pl.read_parquet(survey.processed / f"{n}.parquet") for n in ("scores", "clean"))
    instrument = survey.load().instrument
    variables = instrument.item_ids + instrument.dimension_ids
    assert scores.columns == ["school", "cluster", "age", "gender", "group", *variables]
    assert scores.height == clean.height and scores["cluster"].equals(scores["school"].alias("cluster"))
    moments = Moments.load(survey.processed / "moments.npz")
    assert list(moments.variables) == variables and moments.clusters == ("S01", "S02", "S03", "S04")
    x = scores.select(variables).to_numpy()
    np.testing.assert_allclose(moments.pooled().mean, np.nanmean(x, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(moments.pooled().count, (~np.isnan(x)).sum(axis=0))


def test_moments_in_blocks_are_those_of_all_rows_at_once(survey, monkeypatch):
    scores = pl.read_parquet(survey.processed / "scores.parquet")
    variables = ["d1_1", "d1", "d3"]
    whole = Moments.of(scores.select(variables).to_numpy(), variables, scores["cluster"].to_numpy())
    for block in (1, 31, 65, 10**6):
        monkeypatch.setattr(module, "BLOCK", block)
        parts, grouped = moments_of(scores, variables, ["d1_1", "d3"])
        assert parts.clusters == whole.clusters and parts.variables == whole.variables
        for name in "nsqc":
            np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-13)
        for grouping in ("group", "gender"):
            assert list(grouped[grouping]) == sorted(scores[grouping].drop_nulls().unique())
            for group, found in grouped[grouping].items():
                rows = scores.filter(pl.col(grouping) == group)
                x = rows.select("d1_1", "d3").to_numpy()
                expected = Moments.of(x, ["d1_1", "d3"], rows["cluster"].to_numpy())
                assert found.clusters == expected.clusters and found.variables == ("d1_1", "d3")
                for name in "nsqc":
                    np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-13)


def test_groups_add_up_to_the_students_who_have_one(survey):
    scores, items = pl.read_parquet(survey.processed / "scores.parquet"), survey.load().instrument.item_ids
    for grouping in ("group", "gender"):
        groups = load_groups(survey.processed / f"moments_{grouping}.npz")
        assert set(groups) == set(scores[grouping].drop_nulls())
        x = scores.filter(pl.col(grouping).is_not_null()).select(items).to_numpy()
        totals = [m.pooled() for m in groups.values()]
        np.testing.assert_array_equal(sum(np.diagonal(m.n) for m in totals), (~np.isnan(x)).sum(axis=0))
        np.testing.assert_allclose(sum(np.diagonal(m.s) for m in totals), np.nansum(x, axis=0))


def test_a_study_without_a_grouping_has_no_groups(tmp_path):
    columns = {"cluster": ["a", "a", "b"], "group": [None] * 3, "gender": ["x", None, "x"], "i": [1.0, 2.0, 3.0]}
    scores = pl.DataFrame(columns, schema_overrides={"group": pl.String})
    _, grouped = moments_of(scores, ["i"], ["i"])
    assert grouped["group"] == {} and grouped["gender"]["x"].clusters == ("a", "b")
    module.save_groups({}, ["i"], tmp_path / "m.npz")
    assert load_groups(tmp_path / "m.npz") == {}


def test_without_schools_clusters_are_random_groups_of_one_size(tmp_path):
    study = make_survey(tmp_path, schools=0, per_school=250, dimensions=2).load()
    nobody = pl.Series("school", [None] * 250, dtype=pl.String)
    drawn = clusters(nobody, study)
    sizes = drawn.value_counts()["count"]
    assert drawn.n_unique() == 100 and set(sizes) == {2, 3} and drawn.min() == "G001" and drawn.max() == "G100"
    assert drawn.equals(clusters(nobody, study))
    assert drawn[:100].n_unique() < 90  # not in the order of the rows
    assert clusters(nobody[:7], study).n_unique() == 7
    assert clusters(pl.Series("school", ["S01"] * 250), study).n_unique() == 100


def test_students_without_a_school_are_in_groups_of_the_size_of_the_mean_school(tmp_path):
    study = make_survey(tmp_path, schools=3, dimensions=2).load()
    school = pl.Series("school", ["S01"] * 30 + ["S02"] * 50 + [None] * 80)
    drawn = clusters(school, study)
    assert drawn[:80].equals(school[:80]) and set(drawn[80:]) == {"G001", "G002"}
    assert drawn[80:].value_counts()["count"].to_list() == [40, 40]


def test_another_seed_draws_other_groups(tmp_path):
    survey = make_survey(tmp_path, schools=0, per_school=200, dimensions=2)
    nobody = pl.Series("school", [None] * 200, dtype=pl.String)
    first = clusters(nobody, survey.load())
    survey.change(seed=2)
    assert not first.equals(clusters(nobody, survey.load()))


def test_real_items_score_as_they_do_by_hand():
    instrument = load_study("bfi", ROOT).instrument
    raw = pd.read_csv(ROOT / "tests" / "data" / "bfi.csv")
    out = scored(pl.from_pandas(raw[instrument.item_ids]), instrument)
    agreeable = raw[["A1", "A2", "A3", "A4", "A5"]].assign(A1=7 - raw["A1"])
    wanted = agreeable.mean(axis=1).where(agreeable.notna().sum(axis=1) >= 3)
    np.testing.assert_allclose(out["agreeableness"].to_numpy(), wanted, rtol=1e-15)
    assert wanted.isna().sum() == out["agreeableness"].null_count()


def test_a_file_of_another_study_is_refused(survey, tmp_path):
    pl.DataFrame({"school": ["x"]}).write_parquet(tmp_path / "other.parquet")
    for path in (tmp_path / "other.parquet", tmp_path / "none", survey.study_file):
        with pytest.raises(SurveyError, match="not the cleaned data of this study"):
            module.score(survey.load(), path, survey.processed / "flags.parquet", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["other.parquet"]


# ---------------------------------------------------------------- two-way tables


def test_two_way_tables_are_those_of_the_scored_items(survey):
    study = survey.load()
    scores = pl.read_parquet(survey.processed / "scores.parquet")
    tables = pairs_of(scores, study.instrument, study.seed)
    saved = TwoWay.load(survey.processed / "pairs.npz")
    np.testing.assert_array_equal(tables.pairs, saved.pairs)
    assert saved.by("cluster")[0] == scores["cluster"].unique().sort().to_list()
    assert saved.by("gender")[0] == scores["gender"].drop_nulls().unique().sort().to_list()
    a, b = (scores[i].to_pandas() for i in study.instrument.item_ids[:2])
    np.testing.assert_array_equal(saved.pooled().pairs[0], pd.crosstab(a, b))


def test_many_clusters_are_put_into_groups_of_clusters(survey, monkeypatch):
    study = survey.load()
    scores = pl.read_parquet(survey.processed / "scores.parquet")
    whole = pairs_of(scores, study.instrument, study.seed)
    monkeypatch.setattr(two_way, "MOST", 3)
    grouped = pairs_of(scores, study.instrument, study.seed)
    assert grouped.by("cluster")[0] == ["R001", "R002", "R003"]
    np.testing.assert_array_equal(grouped.pooled().pairs, whole.pooled().pairs)
    students = grouped.by("cluster")[1].items.sum(axis=-1).max(axis=-1)
    assert (students > 0).all() and students.sum() <= len(scores)
