"""Error of measurement by band: the algebra of alpha, a known error, bands and schools with few students."""

import numpy as np
import polars as pl
import pytest
from surveys import make_survey

from learning_survey import error_by_band
from learning_survey.reliability import alpha
from learning_survey.students import Students


def students_of(x, school=None) -> Students:
    names = [f"i{j}" for j in range(x.shape[1])]
    school = np.repeat("a", len(x)) if school is None else school
    frame = pl.DataFrame({"school": school, **{n: x[:, j] for j, n in enumerate(names)}})
    return Students(frame.with_columns(pl.col(names).fill_nan(None)).lazy())


def test_the_mean_error_variance_is_what_alpha_says():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 1)) + rng.normal(size=(500, 5)) * [1, 2, 1, 0.5, 1] + [0, 3, 1, 2, 0]
    score, error, _ = error_by_band.error_variances(students_of(x), [f"i{j}" for j in range(5)])
    np.testing.assert_allclose(score, x.mean(axis=1))
    expected = x.mean(axis=1).var(ddof=1) * (1 - alpha(np.cov(x.T)))
    np.testing.assert_allclose(error.sum() / 499, expected, rtol=1e-10)


def test_students_with_an_item_missing_are_left_out_with_their_school():
    x = np.array([[1.0, 2], [np.nan, 1], [3, 5]])
    score, error, cluster = error_by_band.error_variances(students_of(x, np.array(["b", "b", "a"])), ["i0", "i1"])
    assert score.tolist() == [1.5, 4.0] and cluster.tolist() == [1, 0] and len(error) == 2


def test_where_errors_differ_by_level_so_does_the_standard_error():
    rng = np.random.default_rng(2)
    true = rng.uniform(1, 5, 20_000)
    x = true[:, None] + np.where(true > 3, 0.8, 0.3)[:, None] * rng.normal(size=(len(true), 4))
    schools = rng.integers(0, 50, len(true)).astype(str)
    score, error, cluster = error_by_band.error_variances(students_of(x, schools), [f"i{j}" for j in range(4)])
    for at, expected in ((score > 3.5, 0.4), (score < 1.8, 0.15)):
        e = error_by_band.standard_error(error[at], cluster[at], 0.95)
        assert e.low < expected < e.high and e.high / e.low < 1.06


def test_no_students_one_school_and_answers_that_are_all_alike():
    assert np.isnan(error_by_band.standard_error(np.empty(0), np.empty(0, int), 0.95).value)
    one = error_by_band.standard_error(np.array([0.2, 0.3]), np.zeros(2, int), 0.95)
    assert one.value == pytest.approx(0.5) and np.isnan(one.low)
    flat = error_by_band.standard_error(np.zeros(5), np.arange(5), 0.95)
    assert flat.value == 0 and np.isnan(flat.low)


def test_a_scale_of_one_item_has_no_error():
    _, error, _ = error_by_band.error_variances(students_of(np.array([[1.0], [2.0]])), ["i0"])
    assert np.isnan(error).all()


def test_nobody_answered_everything(tmp_path):
    study = make_survey(tmp_path, schools=0, dimensions=2).load()
    items = study.instrument.item_ids
    frame = pl.DataFrame(
        {"school": [None], **{i: [None] for i in items}}, schema_overrides=dict.fromkeys(items, pl.Float64)
    )
    table = error_by_band.table(Students(frame.lazy()), study)
    assert len(table) == 2 * (len(study.instrument.bands) + 1)
    assert table[["n", "mean", "sem"]].isna().all(axis=None)
