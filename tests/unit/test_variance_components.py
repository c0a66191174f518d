"""Variance components and intraclass correlations against R and in simulated schools."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from learning_survey.variance_components import Sums, components, icc1_interval

GOLDEN = json.loads((ROOT / "tests/golden/multilevel_icc.json").read_text(encoding="utf-8"))
CASES = [
    ("exam", "school", "Exam", "normexam"),
    ("exam", "school", "Exam", "standLRT"),
    ("hsb82", "school", "Hsb82", "mAch"),
    ("scotssec", "second", "ScotsSec", "attain"),
    ("lq2002", "COMPID", "lq2002", "LEAD"),
    ("lq2002", "COMPID", "lq2002", "LEAD01"),
    ("lq2002", "COMPID", "lq2002", "LEAD02"),
]


@pytest.mark.parametrize(("file", "unit", "name", "variable"), CASES, ids=[f"{c[2]}.{c[3]}" for c in CASES])
def test_intraclass_correlations_are_those_of_r(file, unit, name, variable):
    frame = pd.read_csv(ROOT / f"tests/data/multilevel/{file}.csv")
    golden = GOLDEN[name][variable]
    sums = Sums.of(frame[variable].to_numpy(float), pd.factorize(frame[unit])[0])
    ours = components(sums)
    assert (ours.students, ours.schools) == (golden["n"], golden["groups"])
    assert ours.icc1 == pytest.approx(golden["icc1_anova"], rel=1e-9)
    assert ours.icc2 == pytest.approx(golden["icc2"], rel=1e-9)
    assert ours.within == pytest.approx(golden["var_within"], rel=0.01), "the method of lme4 differs, the answer little"
    interval = icc1_interval(sums, 0.95)
    assert interval.low < golden["icc"] < interval.high


def test_components_do_not_depend_on_where_scores_lie():
    rng = np.random.default_rng(0)
    school = rng.integers(0, 9, 300)
    x = rng.normal(size=300) + school / 9
    near, far = (components(Sums.of(x + shift, school)) for shift in (0, 1e6))
    assert far.icc1 == pytest.approx(near.icc1, rel=1e-6)


@pytest.mark.parametrize(("sizes", "icc"), [((40, 300), 0.12), ((10, 60), 0.0)])
def test_the_interval_of_icc1_covers(sizes, icc):
    rng = np.random.default_rng(9)
    runs, hits = 300, 0
    n = rng.integers(*sizes, 40).astype(float)
    for _ in range(runs):
        mean = np.sqrt(icc) * rng.normal(size=40) + np.sqrt((1 - icc) / n) * rng.normal(size=40)
        q = (1 - icc) * rng.chisquare(n - 1) + n * mean**2
        interval = icc1_interval(Sums(n, n * mean, q), 0.95)
        hits += interval.low <= icc <= interval.high
    assert 0.9 < hits / runs < 0.985


def test_schools_more_alike_than_chance_have_a_negative_icc1_and_no_variance_between():
    x = np.tile([1.0, 2, 3, 4, 5], 8)
    ours = components(Sums.of(x, np.repeat(np.arange(8), 5)))
    assert ours.icc1 < 0 and ours.between == 0
    assert np.isnan(ours.icc2)


@pytest.mark.parametrize(
    ("x", "school"),
    [
        ([], []),
        ([1.0, 2, 3], [0, 0, 0]),
        ([1.0, 2, 3], [0, 1, 2]),
        ([2.2] * 9, [0, 1, 2] * 3),
        ([1.0, 2, 3] * 3, [0, 1, 2] * 3),
    ],
    ids=["nobody", "one school", "a student each", "all the same", "no spread within"],
)
def test_samples_without_an_answer_have_no_components(x, school):
    sums = Sums.of(np.array(x, float), np.array(school, int))
    interval = icc1_interval(sums, 0.95)
    assert np.isnan([components(sums).icc1, interval.value, interval.low]).all()


def test_counted_students_give_the_sums_of_the_students():
    rng = np.random.default_rng(3)
    school, x, n = np.repeat(np.arange(4), 3), rng.normal(size=12), rng.integers(1, 9, 12)
    counted = Sums.of(x, school, n.astype(float))
    each = Sums.of(np.repeat(x, n), np.repeat(school, n))
    for a, b in zip((counted.n, counted.s, counted.q), (each.n, each.s, each.q), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
