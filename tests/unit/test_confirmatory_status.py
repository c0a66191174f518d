"""What is said of fits that are hardly ones: factors that are not there, parameters that answers hardly tell apart."""

from types import SimpleNamespace

import numpy as np
import pytest
from processed import process
from surveys import make_survey

from learning_survey import cfa_builders as build
from learning_survey import cfa_ml, confirmatory
from learning_survey.cfa_ml import Sample
from learning_survey.cfa_standardised import standardised
from learning_survey.confirmatory_status import few, state, thin_factors, without


def stated(model, cov, n=1000.0, held=()):
    fit = cfa_ml.fit(model, [Sample(n, np.zeros(len(cov)), np.asarray(cov, float))])
    names = {name: name.upper() for name in (*model.items, *model.factors)}
    return fit, state(fit, held, standardised(fit), names, "A correlation of factors is beyond 1")


def implied(loadings, phi):
    cov = loadings @ phi @ loadings.T
    np.fill_diagonal(cov, 1)
    return cov


def pairs(r):
    """Two factors of two items each that correlate r: without a correlation one covariance is left for two loadings."""
    return implied(np.kron(np.eye(2), np.array([[0.8], [0.6]])), np.array([[1, r], [r, 1]]))


TWO = build.correlated({"f": ["a", "b"], "g": ["c", "d"]}, std=True)


def test_two_items_to_a_factor_are_enough_while_factors_correlate():
    fit, row = stated(TWO, pairs(0.5))
    assert (row["status"], row["note"], row["identified"]) == ("proper", "", True)
    assert row["condition"] == pytest.approx(cfa_ml.condition(fit.information)) and row["condition"] > 0.01


def test_two_items_to_factors_that_hardly_correlate_are_barely_identified():
    fit, row = stated(TWO, pairs(0.01))
    assert fit.identified and fit.converged and row["admissible"]
    assert row["status"] == "barely identified" and 1e-9 < row["condition"] < 1e-4
    assert row["note"] == "Barely identified: the answers hardly tell some parameters apart."
    # That is what it comes to: a loading's error is many times what it is where factors correlate.
    k = list(fit.model.parameters).index("f=~a")
    other, _ = stated(TWO, pairs(0.5))
    assert fit.vcov[k, k] > 100 * other.vcov[k, k]


def test_a_group_factor_that_two_items_load_on_is_named():
    """Of a third factor's items only two share more than the general factor explains."""
    general, own = np.full(9, 0.6), np.zeros((9, 3))
    own[:3, 0] = own[3:6, 1] = 0.5
    own[6:, 2] = 0.6, 0.4, 0.01
    loadings = np.column_stack([general, own])
    scales = {f"f{k}": [f"i{3 * k + j}" for j in range(3)] for k in range(3)}
    fit, row = stated(build.bifactor(scales), implied(loadings, np.eye(4)), n=3000.0)
    assert fit.identified and row["status"] == "barely identified"
    assert row["note"] == "Barely identified: fewer than three loadings differ from zero on F2."
    assert thin_factors(fit.model, standardised(fit), fit.vcov) == ["f2"]


def test_factors_under_others_or_correlated_may_have_two_items():
    higher = build.second_order({"f": ["a", "b"], "g": ["c", "d"], "h": ["e", "k"]}, {"top": ["f", "g", "h"]})
    phi = np.full((3, 3), 0.4) + 0.6 * np.eye(3)
    fit, row = stated(higher, implied(np.kron(np.eye(3), np.array([[0.8], [0.7]])), phi))
    assert thin_factors(fit.model, standardised(fit), fit.vcov) == [] and row["status"] == "proper"


def test_the_worst_is_the_status_and_the_note_has_all():
    (held,) = (c for c in TWO.groups["all"] if c.name == "b~~b")
    _, row = stated(TWO, pairs(0.01), held=(held,))
    assert row["status"] == "improper" and not row["admissible"]
    assert row["note"].startswith("A residual variance would be negative and is held at zero: B. Barely identified:")
    alone = build.correlated({"f": ["a", "b"], "g": ["c", "d"]}, std=True).with_cells(build.fixed("psi", "g", "f", 0.0))
    _, row = stated(alone, pairs(0.0))
    assert (row["status"], row["identified"]) == ("not identified", False)
    assert without("why")["status"] == "not estimated" and without("why")["note"] == "why"


# ---------------------------------------------------------------- in the tables


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    """Dimension 3 is the general factor itself: what its items share beyond it is nothing."""
    shares = np.array([0.6, 0.6, 1.0, 0.6])
    traits = np.outer(shares, shares)
    np.fill_diagonal(traits, 1)
    survey = make_survey(
        tmp_path_factory.mktemp("status"), schools=20, per_school=100, trait_r=traits, missing=0.02, icc=0.02
    )
    process(survey)
    return confirmatory.tables(survey.load(), survey.processed)["fit"].set_index(["model", "estimator"])


def test_a_vanishing_group_factor_is_said_in_every_row_of_its_model(fit):
    own = fit.loc["bifactor"]
    assert set(own.index) >= {"ml", "mlr_clustered", "fiml", "wlsmv"}
    assert own.identified.all() and own.converged.all()
    assert own.status.isin(["barely identified", "improper"]).all() and own.note.str.contains("Dimension 3").all()
    assert (fit.loc["correlated"].status == "proper").all()


def test_fewer_schools_than_parameters_are_said(fit):
    """The score covariance of 20 schools has rank 19: errors one by one, but no joint test of 38 parameters."""
    assert fit.few_units.groupby("estimator").all().to_dict() == {
        "ml": False,
        "mlr": False,
        "mlr_clustered": True,
        "fiml": False,
        "fiml_clustered": True,
        "wlsmv": False,
        "wlsmv_clustered": True,
    }
    few = fit[fit.few_units.astype(bool)]
    assert (few.units == 20).all() and (few.parameters > 20).all()


@pytest.mark.parametrize(
    ("units", "parameters", "df", "said"), [(27, 27, 10, True), (40, 27, 51, True), (60, 27, 51, False)]
)
def test_schools_are_few_beside_parameters_and_beside_degrees_of_freedom(units, parameters, df, said):
    assert few(units, SimpleNamespace(x=np.zeros(parameters), df=df)) == said
