"""Students counted by score in cells: nobody lost, moments and shares those of the rows."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from surveys import make_survey

from learning_survey.bands import is_high
from learning_survey.cells import KEYS, Cells
from learning_survey.config import ALL
from learning_survey.errors import SurveyError
from learning_survey.score import cells_of, flagged_rows


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = make_survey(tmp_path_factory.mktemp("cells"), schools=5, per_school=60, dimensions=3, missing=0.25)
    made.run("ingest", "clean", "score")
    return made


@pytest.fixture(scope="module")
def scores(survey):
    return pl.read_parquet(survey.processed / "scores.parquet")


@pytest.fixture(scope="module")
def cells(survey):
    return Cells.read(survey.processed, survey.load())


def test_in_one_school_students_are_in_random_groups(survey, cells):
    assert not cells.alone and cells.cluster.max() == 4
    one = cells.among((cells.keys["school"] == "S01").to_numpy())
    assert one.alone and one.schools == ["S01"]
    renamed = replace(one, keys=one.keys.with_columns(cluster=pl.format("G{}", pl.int_range(pl.len()) % 3)))
    assert set(renamed.cluster.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("dimension", ["d1", "d2", "d3"])
def test_moments_and_shares_of_cells_are_those_of_the_rows(survey, scores, cells, dimension):
    counts, instrument = cells.counts(dimension), survey.load().instrument
    n, s, q = counts.moments
    high = counts.high(instrument.high_from)
    school, gender = cells.codes("school", cells.schools), cells.codes("gender", ["boys", "girls"])
    for g, name in enumerate(cells.schools):
        for k, category in enumerate(["boys", "girls"]):
            x = scores.filter(pl.col("school") == name, pl.col("gender") == category)[dimension].drop_nulls().to_numpy()
            at = (school == g) & (gender == k)
            np.testing.assert_allclose(
                [n[at].sum(), s[at].sum(), q[at].sum(), high[at].sum()],
                [len(x), x.sum(), (x**2).sum(), is_high(x, instrument).sum()],
                rtol=1e-12,
            )


def test_any_rule_for_the_least_number_of_answers_can_be_applied_afterwards(survey, scores, cells):
    own = survey.load().instrument.items_of("d2")
    answered = scores.select(pl.sum_horizontal(pl.col(own).is_not_null())).to_series()
    mean = scores.select(pl.mean_horizontal(own)).to_series()
    assert answered.n_unique() > 3
    for least in range(1, len(own) + 1):
        kept = mean.filter(answered >= least)
        n, s, _ = cells.counts("d2", least).moments
        assert n.sum() == len(kept)
        np.testing.assert_allclose(s.sum(), kept.sum(), rtol=1e-12)


def test_all_is_the_mean_over_the_dimensions_that_have_a_score(scores, cells):
    mean = scores.select(pl.mean_horizontal("d1", "d2", "d3")).to_series().drop_nulls()
    n, s, q = cells.counts(ALL).moments
    assert n.sum() == len(mean)
    np.testing.assert_allclose([s.sum(), q.sum()], [mean.sum(), (mean**2).sum()], rtol=1e-9)


def test_students_without_a_school_are_one_cluster_and_some_cells_can_be_left_out(cells):
    table = cells.rows.join(cells.keys.with_row_index("cell"), on="cell")
    alone = table.with_columns(pl.when(pl.col("school") == "S01").then(None).otherwise("school").alias("school"))
    other = Cells.of(alone, cells.instrument)
    assert other.schools == cells.schools[1:] and set(other.cluster) == set(range(5))
    assert other.counts("d1").moments[0][other.cluster == 4].sum() == (
        cells.counts("d1").moments[0][cells.cluster == 0].sum()
    )
    without = other.among(other.cluster != 4)
    assert without.schools == other.schools and set(without.cluster) == set(range(4))
    assert without.counts("d1").n.sum() == cells.counts("d1").moments[0][cells.cluster > 0].sum()


def test_who_is_flagged_is_counted_apart(survey):
    clean, flags = (pl.read_parquet(survey.processed / f"{f}.parquet") for f in ("clean", "flags"))
    changed = flags.with_columns(pl.Series("flag_irv", [k % 3 == 0 for k in range(flags.height)]))
    found = flagged_rows(clean.select("file", "line"), changed)
    wanted = clean.join(changed, on=["file", "line"], maintain_order="left").select(
        pl.any_horizontal(pl.col(r"^flag_.*$").fill_null(value=False))
    )
    assert found.to_list() == wanted.to_series().to_list() and 0 < found.sum() < len(found)


def test_age_is_a_key_only_where_it_is_a_covariate(survey, scores):
    study = survey.load()
    flagged = pl.Series([False] * scores.height)
    assert cells_of(scores, flagged, study)["age"].null_count() == cells_of(scores, flagged, study).height
    survey.change(models={"covariates": ["age"]})
    with_age = cells_of(scores, flagged, survey.load())
    survey.change(models={"covariates": []})
    assert set(with_age["age"].drop_nulls()) == set(scores["age"].drop_nulls())
    assert (
        with_age.filter(dimension="d1")["n"].sum()
        == scores.filter(~pl.all_horizontal(pl.col(survey.load().instrument.items_of("d1")).is_null())).height
    )


@pytest.mark.parametrize("content", [None, b"no parquet"])
def test_a_file_that_is_missing_or_another_is_an_error(survey, tmp_path, content):
    if content:
        (tmp_path / "cells.parquet").write_bytes(content)
    with pytest.raises(SurveyError, match="the step 'score' makes it"):
        Cells.read(tmp_path, survey.load())


def test_an_unknown_dimension_is_an_error(cells):
    with pytest.raises(SurveyError, match="no dimension 'd9'"):
        cells.counts("d9")


def test_the_keys_are_those_of_the_file(cells):
    assert tuple(cells.keys.columns) == KEYS and cells.keys.is_unique().all()
