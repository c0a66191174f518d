"""The tables of the confirmatory models on surveys with a known structure, and on awkward ones."""

import numpy as np
import polars as pl
import pytest
from processed import process
from surveys import make_survey

from learning_survey import cfa_builders, cfa_fiml, cfa_ml, cfa_robust, confirmatory, tables
from learning_survey.cfa_standardised import standardised
from learning_survey.errors import SurveyError

TRAITS = np.array([[1, 0.6, 0.2, 0.2], [0.6, 1, 0.2, 0.2], [0.2, 0.2, 1, 0.6], [0.2, 0.2, 0.6, 1]])
PLAN = {"confirmatory": {"second_order": {"one": ["d1", "d2"], "d3": ["d3", "d4"]}}}


def survey_of(folder, **changes):
    options = {"schools": 20, "per_school": 60, "dimensions": 4, "trait_r": TRAITS, "missing": 0.02, "study": PLAN}
    made = make_survey(folder, **(options | changes))
    process(made)
    return made


def found_in(survey):
    return confirmatory.tables(survey.load(), survey.processed)


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    return survey_of(tmp_path_factory.mktemp("confirmatory"))


@pytest.fixture(scope="module")
def found(survey):
    return found_in(survey)


@pytest.fixture(scope="module")
def fit(found):
    return found["fit"].set_index(["model", "estimator"])


def test_every_table_fits_its_schema(survey, found, tmp_path):
    for name, frame in found.items():
        tables.write(frame, f"confirmatory.{name}", tmp_path, survey.load())


def test_every_model_has_a_row_per_estimator(fit):
    ways = ["ml", "mlr", "mlr_clustered", "fiml", "fiml_clustered", "wlsmv", "wlsmv_clustered"]
    models = ["correlated", "second_order", "one_factor", "bifactor"]
    assert list(fit.index) == [(m, w) for m in models for w in ways]
    assert fit.converged.all() and fit.identified.all()


def test_the_model_behind_the_answers_fits_and_others_do_not(fit):
    right = fit.loc["correlated"]
    assert (right.status == "proper").all()
    assert (right.cfi > 0.98).all() and (right.rmsea < 0.03).all() and (right.srmr < 0.05).all()
    assert (right.note == "").all() and right.admissible.all()
    for wrong in ("one_factor", "bifactor"):
        assert fit.loc[(wrong, "ml"), "bic"] > right.loc["ml", "bic"] + 100
        assert fit.loc[(wrong, "ml"), "cfi"] < right.loc["ml", "cfi"]
    assert fit.loc[("second_order", "ml"), "df"] == right.loc["ml", "df"] + 1


def test_numbers_are_those_of_the_estimators(survey, found, fit):
    study = survey.load()
    rows = pl.read_parquet(survey.processed / "scores.parquet")
    x, cluster = rows.select(study.instrument.item_ids).to_numpy(), rows["cluster"].to_numpy().astype(str)
    whole = ~np.isnan(x).any(axis=1)
    scales = {d: study.instrument.items_of(d) for d in study.instrument.dimension_ids}
    ml = cfa_ml.fit(cfa_builders.correlated(scales), [cfa_ml.Sample.of(x[whole])])
    clusters = cfa_robust.Clusters.of(x[whole], cluster[whole])
    by_school = cfa_robust.by_cluster(ml, [clusters])
    own = fit.loc[("correlated", "mlr_clustered")]
    assert own.n == whole.sum() and own.units == 20 and own.parameters == len(ml.x)
    assert own.chi_square == pytest.approx(ml.chi2) and own.scaling == pytest.approx(by_school.scaling, rel=1e-6)
    std = standardised(ml)
    error = dict(zip([c.name for _, c in std.cells], std.se(by_school.vcov), strict=True))
    row = found["loadings"].query("model == 'correlated' and variable == 'd2_3'").iloc[0]
    assert row.se_clustered == pytest.approx(error["d2=~d2_3"], rel=1e-5)
    assert row.loading_ci_high - row.loading == pytest.approx(2.093024 * row.se_clustered, rel=1e-5)  # t, 19 df
    assert row.loading == pytest.approx(row.r_squared**0.5)
    fiml = cfa_fiml.fit(cfa_builders.correlated(scales, means=True), [cfa_fiml.Data.of(x)])
    assert fit.loc[("correlated", "fiml"), "n"] == len(x) > whole.sum()
    assert fit.loc[("correlated", "fiml"), "chi_square"] == pytest.approx(fiml.chi2, rel=1e-6)
    full = standardised(fiml)
    at = [c.name for _, c in full.cells].index("d2=~d2_3")
    assert row.loading_fiml == pytest.approx(full.values[at], abs=1e-6)


def test_correlations_of_factors_are_near_those_planted(found):
    own = found["factor_correlations"].query("model == 'correlated'").set_index(["factor_a", "factor_b"])
    assert len(own) == 6
    for (a, b), row in own.iterrows():
        truth = TRAITS[int(a[1]) - 1, int(b[1]) - 1]
        assert abs(row.correlation - truth) < max(0.12, 4 * row.se_clustered)
        assert row.correlation_ci_low < row.correlation < row.correlation_ci_high
        assert row.htmt == pytest.approx(row.correlation, abs=0.06)
    assert found["factor_correlations"].query("model == 'bifactor'").empty


def test_higher_factors_have_names_of_their_own_and_loadings(found):
    own = found["loadings"].query("model == 'second_order'").set_index(["variable", "factor"])
    assert {f for _, f in own.index} == {"d1", "d2", "d3", "d4", "higher_one", "higher_d3"}
    shares = found["factors"].query("model == 'second_order'").set_index("factor").r_squared
    assert own.loc[("d1", "higher_one"), "loading"] ** 2 == pytest.approx(shares["d1"])


def test_modification_indices_are_ranked_and_limited(found, survey):
    own = found["modification"].query("model == 'one_factor'")
    assert list(own["rank"]) == list(range(1, 21)) and own["index"].is_monotonic_decreasing
    survey.change(confirmatory={"modifications": 3})
    assert len(found_in(survey)["modification"].query("model == 'one_factor'")) == 3
    survey.change(confirmatory={"modifications": 20})


# ---------------------------------------------------------------- awkward surveys


def test_a_planted_pair_of_like_questions_is_named(tmp_path):
    survey = survey_of(tmp_path, schools=10, per_school=100, missing=0.0)
    rows = pl.read_parquet(survey.processed / "scores.parquet")
    copied = pl.int_range(pl.len()) % 3 == 0
    rows = rows.with_columns(pl.when(copied).then("d1_1").otherwise("d1_2").alias("d1_2"))
    rows.write_parquet(survey.processed / "scores.parquet")
    first = found_in(survey)["modification"].query("model == 'correlated'").iloc[0]
    assert (first.kind, {first.variable, first.other}) == ("residual_covariance", {"d1_1", "d1_2"})
    assert first.change_standardised > 0.1


def test_a_survey_without_gaps_has_no_full_information(tmp_path):
    found = found_in(survey_of(tmp_path, missing=0.0, schools=6))
    assert set(found["fit"].estimator) == {"ml", "mlr", "mlr_clustered", "wlsmv", "wlsmv_clustered"}
    assert found["loadings"].loading_fiml.isna().all()


def test_a_survey_without_schools_has_errors_by_student(tmp_path):
    survey = survey_of(tmp_path, schools=0, per_school=500)
    rows = pl.read_parquet(survey.processed / "scores.parquet")
    rows.with_columns(pl.lit(None, pl.String).alias("school")).write_parquet(survey.processed / "scores.parquet")
    found = found_in(survey)
    assert list(found["fit"].estimator.unique()) == ["ml", "mlr", "fiml", "fiml_robust", "wlsmv"]
    loadings = found["loadings"]
    assert loadings.se_clustered.isna().all() and loadings.loading_ci_low.notna().any()


def test_dimensions_of_two_items_have_no_bifactor_model_and_say_so(tmp_path):
    survey = survey_of(tmp_path, items_per=2, reversed_items=0, instrument={"score": {"min_items": 2}}, schools=8)
    found = found_in(survey)
    own = found["fit"].query("model == 'bifactor'")
    assert not own.converged.any() and own.chi_square.isna().all()
    assert own.note.str.contains("fewer than three items: d1, d2, d3, d4").all()
    assert found["fit"].query("model == 'correlated'").converged.all()
    assert "bifactor" not in set(found["loadings"].model)


def test_one_dimension_is_one_model(tmp_path):
    survey = survey_of(tmp_path, dimensions=1, trait_r=0.4, study={"factors": {"dimension_factors": None}}, schools=5)
    found = found_in(survey)
    assert set(found["fit"].model) == {"correlated"} and found["factor_correlations"].empty
    for name, frame in found.items():
        tables.write(frame, f"confirmatory.{name}", tmp_path / "out", survey.load())


def test_an_item_that_everyone_answers_alike_is_named(tmp_path):
    survey = survey_of(tmp_path, schools=5)
    rows = pl.read_parquet(survey.processed / "scores.parquet").with_columns(pl.lit(3.0).alias("d2_2"))
    rows.write_parquet(survey.processed / "scores.parquet")
    fit = found_in(survey)["fit"].set_index("estimator")
    assert fit.drop("fiml").note.str.contains("everyone gave the same answer to: d2_2").all()
    assert (fit.loc["fiml"].note == "an item without variance, or two that hardly anyone answered both").all()
    assert set(fit.index) == {"ml", "mlr", "mlr_clustered", "fiml", "wlsmv"} and fit.chi_square.isna().all()


def test_items_that_nobody_was_asked_together_leave_full_information_without_a_model_and_say_so(tmp_path):
    survey = survey_of(tmp_path, schools=6, missing=0.0)
    rows = pl.read_parquet(survey.processed / "scores.parquet").with_row_index("row")
    halves = [pl.when(pl.col("row") % 2 == k).then(f"d1_{k + 1}").alias(f"d1_{k + 1}") for k in (0, 1)]
    rows.with_columns(halves).drop("row").write_parquet(survey.processed / "scores.parquet")
    found = found_in(survey)
    own = found["fit"].query("estimator == 'fiml'")
    assert (own.status == "not estimated").all() and own.note.str.contains("hardly anyone answered both").all()
    assert found["loadings"].empty and "fiml_clustered" not in set(found["fit"].estimator)


def test_ten_students_are_too_few(tmp_path):
    survey = survey_of(tmp_path, schools=2, per_school=5, missing=0.0)
    fit = found_in(survey)["fit"]
    assert fit.note.str.contains("complete respondents for 16 items").all() and fit.n.isna().all()
    assert not fit.converged.any()


def test_answers_missing_by_plan_have_full_information_alone(tmp_path):
    """Everyone is asked two thirds of the items, so that nobody answered all: the loadings planted are found."""
    survey = survey_of(tmp_path, schools=20, per_school=100, missing=0.0)
    ids = survey.load().instrument.item_ids
    rows = pl.read_parquet(survey.processed / "scores.parquet").with_row_index("row")
    asked = [pl.when((pl.col("row") + k) % 3 != 0).then(i).alias(i) for k, i in enumerate(ids)]
    rows.with_columns(asked).drop("row").write_parquet(survey.processed / "scores.parquet")
    found = found_in(survey)
    fit = found["fit"].set_index(["model", "estimator"]).loc["correlated"]
    full, others = fit.loc[["fiml", "fiml_clustered"]], fit.drop(["fiml", "fiml_clustered"])
    assert (full.n == 2000).all() and (full.status == "proper").all() and (full.cfi_robust > 0.98).all()
    assert (others.status == "not estimated").all() and others.chi_square.isna().all()
    assert (others.note == "fewer than 10 students answered every item").all()
    own = found["loadings"].query("model == 'correlated'")
    assert own.loading.isna().all() and own.loading_wlsmv.isna().all()
    assert (np.abs(own.loading_fiml - 0.77) < 4 * own.se_fiml).all()  # .8, less what five points lose
    between = found["factor_correlations"].query("model == 'correlated'")
    assert between.correlation.isna().all() and (between.correlation_fiml - between.htmt).abs().max() < 0.08
    assert found["factors"].omega.notna().all() and found["modification"].empty
    for name, frame in found.items():
        tables.write(frame, f"confirmatory.{name}", tmp_path / "out", survey.load())


def test_fewer_students_than_the_smallest_group_lose_all_numbers(tmp_path):
    survey = survey_of(tmp_path, schools=5, study=PLAN | {"min_group": 1000})
    found = found_in(survey)
    for frame in found.values():
        assert frame.select_dtypes("number").isna().all(axis=None)
    assert list(found["fit"].columns)[:2] == ["model", "model_label"]


def test_a_variance_below_zero_is_held_and_told(tmp_path):
    """A dimension that two others share more than it can: its disturbance would be negative."""
    traits = np.array([[1, 0.75, 0.3, 0.3], [0.75, 1, 0.75, 0.3], [0.3, 0.75, 1, 0.3], [0.3, 0.3, 0.3, 1]])
    plan = {"confirmatory": {"second_order": {"all": ["d1", "d2", "d3", "d4"]}, "models": ["second_order"]}}
    survey = survey_of(tmp_path, trait_r=traits, study=plan, schools=10, per_school=200, missing=0.01)
    found = found_in(survey)
    fit = found["fit"].set_index("estimator")
    assert fit.converged.all() and not fit.admissible.any()
    assert (fit.note == "A residual variance would be negative and is held at zero: Dimension 2.").all()
    row = found["loadings"].set_index(["variable", "factor"]).loc[("d2", "higher_all")]
    assert row.loading == pytest.approx(1) and np.isnan([row.se, row.loading_ci_low]).all()


@pytest.mark.parametrize(
    ("higher", "says"),
    [
        ({"one": ["d1", "d2", "d3"]}, "not under exactly one higher factor: d4"),
        ({"one": ["d1", "d2"], "two": ["d2", "d3", "d4"]}, "not under exactly one higher factor: d2"),
        ({"one": ["d1", "d2", "d3", "d9"]}, "unknown dimension 'd9'"),
    ],
)
def test_higher_factors_must_hold_each_dimension_once(higher, says, tmp_path):
    other = make_survey(
        tmp_path, schools=2, per_school=5, dimensions=4, study={"confirmatory": {"second_order": higher}}
    )
    with pytest.raises(SurveyError, match=says):
        other.load()
