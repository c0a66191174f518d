"""Missing answers are counted where they are, and treatments are compared on the same students."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from processed import process
from surveys import make_survey

from learning_survey import missing, tables
from learning_survey.cells import Cells
from learning_survey.reliability import alpha
from learning_survey.score import cells_of


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = make_survey(tmp_path_factory.mktemp("missing"), schools=6, per_school=60, dimensions=3, missing=0.04, seed=3)
    made.run("ingest", "clean", "score")
    return made


@pytest.fixture(scope="module")
def found(survey):
    return missing.tables(survey.load(), survey.processed)


@pytest.fixture(scope="module")
def scores(survey):
    return pl.read_parquet(survey.processed / "scores.parquet")


def test_every_table_fits_its_schema(survey, found, tmp_path):
    for name, frame in found.items():
        tables.write(frame, f"missing.{name}", tmp_path, survey.load())


def test_items_schools_and_groups_count_the_gaps(survey, found, scores):
    ids = survey.load().instrument.item_ids
    items = found["items"].set_index("item")
    assert items.missing.sum() == sum(scores.select(ids).null_count().row(0))
    assert (items.missing / (items.missing + items.n)).to_numpy() == pytest.approx(items.share.to_numpy())
    schools = found["schools"].set_index("school")
    own = scores.filter(pl.col("school") == "S02").select(ids)
    assert schools.loc["S02", "n"] == own.height
    assert schools.loc["S02", "share"] == pytest.approx(sum(own.null_count().row(0)) / (own.height * len(ids)))
    groups = found["groups"].set_index(["kind", "group"])
    girls = scores.filter(pl.col("gender") == "girls").select(ids)
    share = sum(girls.null_count().row(0)) / (girls.height * len(ids))
    assert groups.loc[("gender", "girls"), "share"] == pytest.approx(share)
    assert groups.xs("group").n.sum() == scores.height


def test_small_groups_lose_their_numbers(survey):
    study = survey.load()
    rows = pl.scan_parquet(survey.processed / "scores.parquet").with_row_index("k")
    few = rows.with_columns(pl.when(pl.col("k") < 4).then(pl.lit("S99")).otherwise("school").alias("school"))
    nobody = pl.Series("flagged", [False] * 360)
    cells = Cells.of(cells_of(few.collect(), nobody, study), study.instrument)
    schools = missing.schools(study, few, cells).set_index("school")
    # The school that lost four students is the next smallest: the four would be what it leaves of the total.
    least = survey.truth.height // 6 - 4
    hidden = schools.index[schools["n"].isna()]
    assert "S99" in hidden and len(hidden) == 2 and schools["share"].isna().equals(schools["n"].isna())
    assert (schools["n"].dropna() > least).all()


def test_students_without_a_gender_are_a_group_of_their_own(survey):
    rows = pl.scan_parquet(survey.processed / "scores.parquet").with_row_index("k")
    rows = rows.with_columns(pl.when(pl.col("k") >= 40).then("gender").alias("gender"))
    groups = missing.groups(survey.load(), rows).set_index(["kind", "group"])
    before = pl.read_parquet(survey.processed / "scores.parquet", columns=["gender"])["gender"][40:].null_count()
    assert groups.loc[("gender", "unknown"), "n"] == 40 + before
    assert groups.loc[("gender", "unknown"), "label"] == "Not known or withheld"
    assert groups.xs("gender").n.sum() == survey.truth.height


def test_treatments_are_what_they_are_called(survey, found, scores):
    study = survey.load()
    row = found["sensitivity"].set_index("dimension").loc["d2"]
    own = study.instrument.items_of("d2")
    complete = scores.select(own).drop_nulls().to_numpy()
    assert row.n_complete == len(complete) and row.mean_listwise == pytest.approx(complete.mean())
    assert row.alpha_listwise == pytest.approx(float(alpha(np.cov(complete, rowvar=False))))
    assert row["mean"] == pytest.approx(scores["d2"].mean()) and row.n == scores["d2"].count()
    assert row.alpha == pytest.approx(
        float(alpha(pd.DataFrame(scores.select(own).to_dict(as_series=False)).cov().to_numpy()))
    )
    assert row.fiml_items == len(study.instrument.items)
    assert row.mean_fiml == pytest.approx(row["mean"], abs=0.05) and row.alpha_fiml == pytest.approx(
        row.alpha, abs=0.03
    )
    assert row.mean_fiml_difference == pytest.approx(row.mean_fiml - row["mean"])


def test_planted_gaps_that_depend_on_answers_are_found_and_full_information_is_nearer_the_truth(tmp_path):
    survey = make_survey(tmp_path, schools=4, per_school=500, dimensions=2, loading=0.9, reversed_items=0, gender=False)
    process(survey)
    study = survey.load()
    rows, ids = pl.scan_parquet(survey.processed / "scores.parquet"), study.instrument.item_ids
    whole = missing.fitted(rows, ids)
    assert missing.little(whole)["patterns"] == 1 and np.isnan(missing.little(whole)["p"])
    high = (pl.col("d1_1") >= 4) & (pl.col("d1_2") >= 4)
    gaps = rows.with_columns(pl.when(~high).then(pl.col(i)).alias(i) for i in ("d1_3", "d1_4"))
    model = missing.fitted(gaps, ids)
    assert missing.little(model)["p"] < 1e-6
    at = ids.index("d1_4")
    listwise = gaps.select("d1_4").collect()["d1_4"].mean()
    assert abs(model.mean[at] - whole.mean[at]) < 0.3 * abs(listwise - whole.mean[at])


def test_sparse_patterns_have_a_statistic_and_no_p(survey, found):
    row = found["mcar"].set_index("scale").loc["all"]
    gaps = row.n - row.patterns
    assert row.patterns > 40 and gaps > 0 and row.df > 0 and np.isnan(row.p)
    own = found["mcar"].set_index("scale").loc["d1"]
    assert own.patterns <= 16 and own.n_items == 4


def test_a_study_without_schools_groups_or_gaps_has_its_tables(tmp_path):
    survey = make_survey(tmp_path, schools=0, per_school=120, dimensions=2, key_stages=False, gender=False)
    survey.run("ingest", "clean", "score")
    study = survey.load()
    found = missing.tables(study, survey.processed)
    assert found["schools"].empty and found["groups"].empty and found["mcar"].p.isna().all()
    for name, frame in found.items():
        tables.write(frame, f"missing.{name}", tmp_path / "out", study)
    row = found["sensitivity"].iloc[0]
    assert row.n_complete == 120 and row.mean_fiml == pytest.approx(row["mean"]) == pytest.approx(row.mean_listwise)
    assert row.alpha_fiml == pytest.approx(row.alpha)
