"""The top school against the bottom school, by hand and in simulated pairs."""

import numpy as np
import pytest
from samples import make_instrument, make_study
from school_samples import planted

from learning_survey.school_extremes import extremes, newcombe, standardised, total_spread, within_spread
from learning_survey.school_scores import Scores
from learning_survey.uncertainty import cluster_variance


@pytest.fixture(scope="module")
def made():
    return planted()


def test_extremes_hold_the_first_school_of_all_against_the_last(made):
    scores = made.scores["d1"]
    rows = extremes(made.cells, made.means, made.study).set_index("dimension")
    top, bottom = scores[made.names == "S01"], scores[made.names == "S24"]
    row = rows.loc["d1"]
    assert (row["top_school"], row["bottom_school"]) == ("S01", "S24")
    assert row["gap"] == pytest.approx(100 * ((top >= 3.25).mean() - (bottom >= 3.25).mean()))
    difference = top.mean() - bottom.mean()
    assert row["d_total"] == pytest.approx(difference / scores.std(ddof=1))
    assert row["d_pooled_within"] == pytest.approx(difference / np.sqrt((top.var(ddof=1) + bottom.var(ddof=1)) / 2))
    assert row["d"] == row["d_total"]
    from scipy.stats import ttest_ind

    assert row["p"] == pytest.approx(ttest_ind(top, bottom, equal_var=False).pvalue, rel=1e-9)
    assert row["gap_ci_low"] < row["gap"] < row["gap_ci_high"] <= 100
    assert (rows["p_holm"] >= rows["p"]).all()


def test_the_study_chooses_its_standardiser(made):
    study = make_study(make_instrument(), schools={"standardiser": "pooled_within"})
    rows = extremes(made.cells, made.means, study)
    assert (rows["d"] == rows["d_pooled_within"]).all() and (rows["d"] != rows["d_total"]).all()


def test_newcombe_s_interval_is_his_example():
    """56/70 against 48/80, method 10, as printed in Newcombe (1998), table II (a): .0524 to .3339."""
    interval = newcombe(56 / 70, 70, 48 / 80, 80, 0.95)
    assert [round(v, 4) for v in (interval.value, interval.low, interval.high)] == [0.2, 0.0524, 0.3339]


def test_the_interval_of_d_covers():
    rng = np.random.default_rng(31)
    runs, hits = 400, 0
    for _ in range(runs):
        a, b = (Scores(rng.normal(m, 1, n), np.ones(n)) for m, n in ((1.5, 60), (0, 80)))
        estimate = standardised(a, b, within_spread(a, b), 0.95)
        hits += estimate.low <= 1.5 <= estimate.high
    assert 0.92 < hits / runs < 0.98


def test_shrunken_differences_are_those_of_the_table_of_means_and_smaller(made):
    row = extremes(made.cells, made.means, made.study).set_index("dimension").loc["d1"]
    by = made.means.set_index(["dimension", "school"])["shrunken"]
    assert row["d_shrunken"] == pytest.approx((by["d1", "S01"] - by["d1", "S24"]) / made.scores["d1"].std(ddof=1))
    assert 0.8 * row["d_total"] < row["d_shrunken"] < row["d_total"]
    assert 0.8 * row["gap"] < row["gap_shrunken"] < row["gap"]
    assert row["gap_shrunken_ci_low"] < row["gap_shrunken"] < row["gap_shrunken_ci_high"]


def test_the_spread_of_all_students_and_its_uncertainty_are_those_of_the_rows(made):
    x = made.scores["d1"]
    s2, sampling = total_spread(made.cells.counts("d1"), made.cells.cluster)
    cluster = np.unique(made.names, return_inverse=True)[1]
    rows, _ = cluster_variance((((x - x.mean()) ** 2 - x.var(ddof=1)) / len(x))[:, None], cluster)
    assert (s2, sampling) == pytest.approx((x.var(ddof=1), rows[0, 0]), rel=1e-10)
