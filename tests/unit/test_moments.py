"""Moments against numpy and pandas on the rows themselves."""

import numpy as np
import pandas as pd
import pytest

from learning_survey.errors import SurveyError
from learning_survey.moments import Moments, load_groups, save_groups


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4))
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, rng.choice(list("abcde"), size=500)


def test_pairwise_covariance_and_correlation_are_those_of_pandas(rows):
    x, cluster = rows
    pooled = Moments.of(x, list("wxyz"), cluster).pooled()
    frame = pd.DataFrame(x)
    np.testing.assert_allclose(pooled.cov(), frame.cov(), rtol=1e-12)
    np.testing.assert_allclose(pooled.cor(), frame.corr(), rtol=1e-12)
    np.testing.assert_allclose(pooled.mean, frame.mean(), rtol=1e-12)


def test_a_weight_of_two_counts_a_cluster_twice(rows):
    x, cluster = rows
    moments = Moments.of(x, list("wxyz"), cluster)
    weights = np.array([[2.0, 1, 1, 1, 0]])
    doubled = np.concatenate([x[cluster != "e"], x[cluster == "a"]])
    np.testing.assert_allclose(moments.pooled(weights).cov()[0], pd.DataFrame(doubled).cov(), rtol=1e-12)


def test_selection_keeps_the_order_asked_for(rows):
    x, cluster = rows
    moments = Moments.of(x, list("wxyz"), cluster)
    np.testing.assert_allclose(moments.select(["z", "w"]).pooled().cov(), pd.DataFrame(x[:, [3, 0]]).cov(), rtol=1e-12)


def test_saved_moments_come_back_and_a_broken_file_is_refused(rows, tmp_path):
    moments = Moments.of(rows[0], list("wxyz"), rows[1])
    moments.save(tmp_path / "m.npz")
    back = Moments.load(tmp_path / "m.npz")
    assert back.variables == moments.variables and back.clusters == moments.clusters
    np.testing.assert_array_equal(back.c, moments.c)
    (tmp_path / "m.npz").write_bytes(b"not a zip")
    with pytest.raises(SurveyError, match="not a moments file"):
        Moments.load(tmp_path / "m.npz")


def test_clusters_are_summed_by_label_and_put_back_where_they_are_missing(rows):
    x, cluster = rows
    moments = Moments.of(x, list("wxyz"), cluster)
    summed = moments.summed(["q", "p", "q", "p", "p"])
    assert summed.clusters == ("p", "q")
    expected = Moments.of(x, list("wxyz"), np.where(np.isin(cluster, ["a", "c"]), "q", "p"))
    np.testing.assert_allclose(summed.c, expected.c, rtol=1e-12)
    part = moments.among(np.array([False, True, False, True, False]))
    assert part.clusters == ("b", "d")
    back = part.aligned(moments.clusters)
    np.testing.assert_array_equal(back.n[[1, 3]], moments.n[[1, 3]])
    assert back.clusters == moments.clusters and not back.n[[0, 2, 4]].any()


def test_saved_groups_come_back(rows, tmp_path):
    x, cluster = rows
    young = np.arange(len(x)) < 200
    groups = {g: Moments.of(x[k], list("wxyz"), cluster[k]) for g, k in (("old", ~young), ("young", young))}
    save_groups(groups, list("wxyz"), tmp_path / "g.npz")
    back = load_groups(tmp_path / "g.npz")
    assert list(back) == ["old", "young"]
    for group, moments in groups.items():
        assert back[group].clusters == moments.clusters and back[group].variables == moments.variables
        for name in "nsqc":
            np.testing.assert_array_equal(getattr(back[group], name), getattr(moments, name))
    groups["old"].save(tmp_path / "m.npz")
    with pytest.raises(SurveyError, match="not a moments file"):
        load_groups(tmp_path / "m.npz")
