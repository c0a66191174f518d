"""Factor models with ordinal answers in the tables of the stage 'confirmatory'."""

import numpy as np
import pytest
from processed import process
from surveys import make_survey

from learning_survey import cfa_builders, cfa_wls, cfa_wls_moments, confirmatory, confirmatory_models
from learning_survey.cfa_ordinal import ordinal
from learning_survey.confirmatory_ordinal import Fitted, Samples
from learning_survey.polychoric_estimates import polychoric
from learning_survey.two_way import TwoWay, choices

WAYS = ["wlsmv", "wlsmv_clustered"]


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = make_survey(
        tmp_path_factory.mktemp("ordinal"), schools=30, per_school=60, dimensions=3, points=4, loading=0.75, icc=0.15
    )
    process(made)
    return made


@pytest.fixture(scope="module")
def found(survey):
    return confirmatory.tables(survey.load(), survey.processed)


def test_the_model_behind_the_answers_fits_with_the_loadings_behind_them(found):
    right = found["fit"].set_index(["model", "estimator"]).loc["correlated"].loc[WAYS]
    assert right.converged.all() and right.admissible.all() and (right.note == "").all()
    assert (right.cfi_robust > 0.98).all() and (right.rmsea_robust < 0.03).all() and (right.p_scaled > 0.001).all()
    assert right.cfi_scaled["wlsmv"] > 0.98 and np.isnan(right.cfi_scaled["wlsmv_clustered"])
    assert right.p.isna().all() and right.aic.isna().all() and right.p_scaled.notna().all()
    own = found["loadings"].query("model == 'correlated'")
    assert own.loading_wlsmv.mean() == pytest.approx(0.75, abs=0.015)
    # Four points lose some of what lies behind them, and maximum likelihood takes the points as they are.
    assert (own.loading_wlsmv > own.loading).all()
    assert (np.abs(own.loading_wlsmv - 0.75) < 4 * own.se_wlsmv).all()


def test_numbers_are_those_of_the_estimator_itself(found, survey):
    study = survey.load()
    instrument = study.instrument
    sample = confirmatory_models.Sample.read(study, survey.processed)
    x = choices(sample.whole.astype(float), [instrument.response.codes] * 12)
    keys = np.repeat([["", "", ""]], len(x), axis=0)
    tables = TwoWay.of(x, instrument.item_ids, [instrument.response.codes] * 12, keys)
    moments = cfa_wls_moments.sample(polychoric(tables.pooled()), x)
    model = cfa_builders.one_factor(instrument.item_ids, std=True)
    fit = cfa_wls.fit(ordinal(model, moments.points(instrument.item_ids)), [moments])
    row = found["fit"].set_index(["model", "estimator"]).loc[("one_factor", "wlsmv")]
    np.testing.assert_allclose(
        row[["chi_square", "chi_square_scaled", "scaling", "rmsea_scaled", "srmr", "n", "df"]].astype(float),
        [fit.chi2, fit.scaled, fit.scaling, fit.indices().rmsea, fit.srmr(), len(x), fit.df],
        rtol=1e-9,
    )


def test_errors_by_school_are_in_the_loadings_and_units_are_schools(found, survey):
    units = found["fit"].set_index(["model", "estimator"]).loc["correlated"].units
    assert units["wlsmv"] == found["fit"].n.max()
    assert units["wlsmv_clustered"] == 30
    study = survey.load()
    sample = confirmatory_models.Sample.read(study, survey.processed)
    make = confirmatory_models.models(study)["correlated"]
    alone = Fitted.of(make, Samples.of(study, sample.whole, None))
    assert list(alone.fits) == ["wlsmv"]
    own = found["loadings"].query("model == 'correlated'")
    for row in own.itertuples():
        value, error = alone.values[f"{row.factor}=~{row.variable}"]
        assert value == pytest.approx(row.loading_wlsmv, abs=1e-9)
        assert error != pytest.approx(row.se_wlsmv, rel=1e-3)


@pytest.mark.parametrize("schools", [0, 12])
def test_a_scale_of_three_items_has_loadings_and_no_fit(tmp_path, schools):
    """As many moments as parameters: nothing is tested, by whichever estimator."""
    plan = {"factors": {"dimension_factors": None}}
    made = make_survey(
        tmp_path, schools=schools, per_school=60 if schools else 500, dimensions=1, items_per=3, study=plan
    )
    process(made)
    both = confirmatory.tables(made.load(), made.processed)
    fit = both["fit"].query("model == 'correlated'")
    assert {"ml", "mlr", "wlsmv"} <= set(fit.estimator) and (fit.df == 0).all() and (fit.status == "proper").all()
    assert fit.filter(regex="^(cfi|tli|rmsea|p$|p_)").isna().all(axis=None)
    assert both["loadings"][["loading", "loading_wlsmv", "se_wlsmv"]].notna().all(axis=None)


def test_the_same_answers_to_two_items_leave_notes_and_no_numbers(survey):
    study = survey.load()
    whole = confirmatory_models.Sample.read(study, survey.processed).whole.copy()
    whole[:, 3] = whole[:, 0]
    samples = Samples.of(study, whole, None)
    fitted = Fitted.of(confirmatory_models.models(study)["correlated"], samples)
    (row,) = fitted.rows({}, {})
    assert "d1_1 and d1_4 are perfectly associated" in row["note"]
    assert not (row["converged"] or "chi_square" in row or fitted.values)
