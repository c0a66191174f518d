"""Means adjusted for composition: the mixed model's equations by hand, and a school that only has younger students."""

import numpy as np
import pytest
from samples import make_cells, make_instrument, make_study

from learning_survey import schools
from learning_survey.school_adjusted import adjusted

STAGES = {
    "key_stages": {
        "label": "Key stage",
        "source": "column",
        "levels": [{"id": k, "label": k, "values": [k]} for k in ("K1", "K2")],
    },
    "gender": {"categories": [{"id": g, "label": g, "values": [g]} for g in ("girls", "boys")]},
}


@pytest.fixture(scope="module")
def made():
    """30 schools of 80, of whom a school's own share is in K2, .8 lower; boys .3 lower. S00 is all K1, S29 all K2."""
    rng = np.random.default_rng(8)
    school = np.repeat(np.arange(30), 80)
    older = rng.random(2400) < (np.arange(30) / 29)[school]
    boy = rng.random(2400) < 0.5
    effect = 0.3 * rng.normal(size=30)
    x = 3 + effect[school] - 0.8 * older - 0.3 * boy + rng.normal(size=2400)
    instrument = make_instrument(dimensions=1)
    study = make_study(instrument, schools={"min_students": 20}, **STAGES)
    names = np.array([f"S{s:02d}" for s in school])
    keys = {"group": np.where(older, "K2", "K1"), "gender": np.where(boy, "boys", "girls")}
    return study, make_cells(instrument, {"d1": x}, school=names, **keys), x, school, older, boy, effect


def test_a_school_is_compared_as_if_its_students_were_like_all(made):
    study, cells, _, _, older, _, effect = made
    table = schools.means(cells, study)
    table = table[table["dimension"] == "d1"].set_index("school")
    # The raw mean of the all-K2 school is low for its students' age alone.
    true = 3 + effect - 0.8 * older.mean() - 0.15
    raw, fair = (np.abs(table[c].to_numpy() - true)[[0, 1, 2, 27, 28, 29]].mean() for c in ("shrunken", "adjusted"))
    assert fair < 0.15 and raw > 0.25
    held = (table["adjusted_ci_low"] <= true) & (true <= table["adjusted_ci_high"])
    assert held.mean() > 0.86


def test_predictions_solve_the_mixed_model_equations(made):
    study, cells, x, school, older, boy, _ = made
    value, half = adjusted(cells, "d1", study)
    X = np.column_stack([np.ones(2400), older, boy]).astype(float)
    Z = (school[:, None] == np.arange(30)).astype(float)
    from learning_survey.mixed import fit
    from learning_survey.mixed_likelihood import Data

    model = fit(Data(X, school, np.ones(2400), x - 3, (x - 3) ** 2, 3.0))
    W = np.block([[X.T @ X, X.T @ Z], [Z.T @ X, Z.T @ Z + np.eye(30) / model.theta]])
    solved = np.linalg.solve(W, np.concatenate([X.T @ x, Z.T @ x]))
    row = X.mean(axis=0)
    np.testing.assert_allclose(value, row @ solved[:3] + solved[3:], rtol=1e-8)
    combine = np.column_stack([np.tile(row, (30, 1)), np.eye(30)])
    variance = np.einsum("gi,ij,gj->g", combine, model.sigma2 * np.linalg.inv(W), combine)
    from scipy.stats import t

    np.testing.assert_allclose(half, t.ppf(0.975, 29) * np.sqrt(variance), rtol=1e-8)


def test_students_of_no_known_group_are_a_group_and_nobody_is_lost(made):
    study, _, x, school, older, boy, _ = made
    group = np.where(older, "K2", "K1").astype(object)
    group[::7] = None
    names = np.array([f"S{s:02d}" for s in school])
    gender = np.where(boy, "boys", "girls")
    cells = make_cells(study.instrument, {"d1": x}, school=names, group=group, gender=gender)
    value, half = adjusted(cells, "d1", study)
    assert np.isfinite(value).all() and (half > 0).all()


def test_without_groups_or_with_one_school_nothing_is_adjusted(made):
    study, cells, *_ = made
    bare = make_study(study.instrument, schools={"min_students": 20})
    assert np.isnan(adjusted(cells, "d1", bare)[0]).all()
    one = make_cells(study.instrument, {"d1": np.arange(40.0)}, school=["S01"] * 40, gender=["boys", "girls"] * 20)
    assert np.isnan(adjusted(one, "d1", study)).all()
