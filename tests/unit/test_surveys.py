"""The generated surveys that other tests stand on: what is planted can be found, and nothing is by chance."""

import numpy as np
import polars as pl
import pytest
from surveys import make_survey


def scores(tmp_path, **planted):
    survey = make_survey(tmp_path, **{"schools": 20, "per_school": 100, "icc": 0.0, "loading": 0.9} | planted)
    survey.run("ingest", "clean", "score")
    return survey, pl.read_parquet(survey.processed / "scores.parquet")


def gap(frame, dimension, first, second):
    """Difference of means in total standard deviations."""
    return (frame.filter(first)[dimension].mean() - frame.filter(second)[dimension].mean()) / frame[dimension].std()


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    first, second = (make_survey(tmp_path / k, schools=2, per_school=5, missing=0.2) for k in "ab")
    assert [p.read_bytes() for p in first.exports] == [p.read_bytes() for p in second.exports]
    assert first.truth.equals(second.truth)
    assert not first.truth.equals(make_survey(tmp_path / "c", schools=2, per_school=5, missing=0.2, seed=2).truth)


def test_shifts_of_groups_genders_schools_and_ratings_arrive_where_they_were_planted(tmp_path):
    survey, frame = scores(
        tmp_path,
        group_shift={"KS4": {"d1": -1.0}},
        gender_shift={"girls": {"d2": 0.8}},
        school_shift={"school-004": 1.5},
        rating_shift={"Good": {"d3": 0.7}},
        phases=False,
    )
    group, gender = pl.col("group"), pl.col("gender")
    assert gap(frame, "d1", group == "KS4", group == "KS2") == pytest.approx(-0.9, abs=0.2)
    assert gap(frame, "d2", group == "KS4", group == "KS2") == pytest.approx(0, abs=0.2)
    assert gap(frame, "d2", gender == "girls", gender == "boys") == pytest.approx(0.7, abs=0.15)
    schools = pl.read_parquet(survey.processed / "schools.parquet")
    name = survey.label("school-004")
    means = frame.group_by("school").agg(pl.col("d4").mean()).sort("d4")
    assert means["school"][-1] == name
    good = pl.col("school").is_in(schools.filter(pl.col("rating") == "Good")["school"].implode())
    assert gap(frame, "d3", good, ~good) == pytest.approx(0.6, abs=0.2)


def test_shifts_of_items_and_dimensions_move_their_means(tmp_path):
    _, frame = scores(tmp_path, item_shift={"d1_1": 1.0}, dimension_shift={"d2": -1.0})
    means = frame.select(pl.col(pl.Float64).mean()).row(0, named=True)
    assert means["d1_1"] > means["d1_2"] + 0.5 and means["d2"] < means["d3"] - 0.5


def test_school_effects_and_factors_have_the_size_asked_for(tmp_path):
    _, frame = scores(tmp_path, schools=60, per_school=50, icc=0.3, school_r=0.0)
    means = frame.group_by("school").agg(pl.col("d1").mean())["d1"]
    assert means.var() / frame["d1"].var() == pytest.approx(0.3, abs=0.12)
    loadings = np.array([[0.9, 0], [0.9, 0], [0, 0.9], [0, 0.9]])
    _, frame = scores(tmp_path / "f", factor_loadings=loadings, factor_r=0.2)
    r = np.corrcoef(frame.select("d1", "d2", "d3").to_numpy().T)
    assert r[0, 1] == pytest.approx(0.78, abs=0.08) and r[0, 2] == pytest.approx(0.16, abs=0.08)


def test_an_impossible_correlation_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not a correlation matrix"):
        make_survey(tmp_path, trait_r=-0.9)
