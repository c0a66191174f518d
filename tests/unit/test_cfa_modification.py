"""Modification indices against lavaan, and against the fall of chi-square that they foretell."""

import numpy as np
import pytest
from cfa_golden import SYN2K, complete, ordered, rows
from golden_values import golden

from learning_survey import cfa_builders as build
from learning_survey import cfa_ml
from learning_survey.cfa_ml import Sample
from learning_survey.cfa_model import free
from learning_survey.cfa_modification import candidates, modification
from learning_survey.cfa_robust import Clusters

SAMPLE = Sample.of(complete(rows("syn2k")))


@pytest.mark.parametrize("std", [False, True])
def test_against_lavaan(std: bool) -> None:
    found = modification(cfa_ml.fit(build.correlated(SYN2K, std=std), [SAMPLE]))
    at = {ordered(cell.name): k for k, cell in enumerate(found.cells)}
    for row in golden("cfa_models")["nine_modification"]:
        k = at[ordered(row["lhs"] + row["op"] + row["rhs"])]
        assert found.index[k] == pytest.approx(row["mi"], rel=1e-4)
        assert found.standardised[k] == pytest.approx(row["sepc.all"], rel=1e-4, abs=1e-6)
        if not std:
            assert found.change[k] == pytest.approx(row["epc"], rel=1e-4)
    largest = np.sort(found.index)[::-1][:60]
    np.testing.assert_allclose(largest, [row["mi"] for row in golden("cfa_models")["nine_modification"]], rtol=1e-4)


def test_candidates_are_what_the_model_does_not_name() -> None:
    model = build.correlated({"f": ["a", "b"], "g": ["c", "d"]}).with_cells(free("theta", "a", "c"))
    names = {cell.name for cell in candidates(model)}
    assert names == {"f=~c", "f=~d", "g=~a", "g=~b", "b~~a", "d~~a", "c~~b", "d~~b", "d~~c"}


def test_a_planted_covariance_comes_first_and_is_estimated() -> None:
    rng = np.random.default_rng(5)
    f = rng.standard_normal((4000, 1))
    x = 0.7 * f + 0.7 * rng.standard_normal((4000, 6))
    x[:, :2] += 0.35 * rng.standard_normal((4000, 1))
    model, sample = build.one_factor([*"abcdef"]), Sample.of(x)
    fit = cfa_ml.fit(model, [sample])
    found = modification(fit)
    first = int(np.argmax(found.index))
    assert found.cells[first].name == "b~~a"
    freed = cfa_ml.fit(model.with_cells(free("theta", "b", "a")), [sample])
    assert fit.chi2 - freed.chi2 == pytest.approx(found.index[first], rel=0.15)
    assert freed.x[-1] == pytest.approx(found.change[first], rel=0.15)


def test_a_cell_that_is_not_identified_has_no_index() -> None:
    """Three items of one factor leave no degree of freedom."""
    fit = cfa_ml.fit(build.one_factor([*"abc"]), [Sample.of(complete(rows("syn2k"))[:, :3])])
    assert np.isnan(modification(fit).index).all()


def test_residuals_of_an_item_that_its_factor_explains_whole_have_no_correlation() -> None:
    r = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    r[0, 1:] = r[1:, 0] = [0.85, 0.8, 0.75]
    sample = Sample(600.0, np.zeros(4), r)
    fit, held = cfa_ml.bounded(build.one_factor(list("abcd"), name="f", std=True), lambda m: cfa_ml.fit(m, [sample]))
    assert [cell.name for cell in held] == ["a~~a"]
    found = modification(fit)
    assert not np.isinf(found.standardised).any()
    of_a = [k for k, cell in enumerate(found.cells) if "a" in (cell.row, cell.column)]
    assert len(of_a) == 3
    assert np.isnan(found.standardised[of_a]).all()


# ---------------------------------------------------------------- by school


def in_schools(rng, schools=50, size=40, icc=0.15):
    """Six items of one factor; each has school effects of its own. Rows and their schools."""
    school = np.repeat(np.arange(schools), size)
    x = 0.7 * rng.standard_normal((len(school), 1)) + np.sqrt(0.51 - icc) * rng.standard_normal((len(school), 6))
    return x + np.sqrt(icc) * rng.standard_normal((schools, 6))[school], school.astype(str)


def indices(x, school):
    clusters = Clusters.of(x, school)
    return modification(cfa_ml.fit(build.one_factor([*"abcdef"]), [clusters.sample]), clusters=clusters)


def rejected(samples):
    """The share of zero residual covariances whose index is beyond the 95% point: as if independent, and by school."""
    rng, found = np.random.default_rng(21), []
    for _ in range(samples):
        own = indices(*in_schools(rng))
        found.append([own.index > 3.8415, own.clustered > 3.8415])
    return np.mean(found, axis=(0, 2))


def test_by_school_the_index_rejects_as_often_as_it_says() -> None:
    alone, clustered = rejected(60)
    assert alone > 0.12 and 0.02 < clustered < 0.09


def test_schools_of_one_student_with_normal_answers_have_the_same_index() -> None:
    x, _ = in_schools(np.random.default_rng(22), schools=4000, size=1)
    own = indices(x, np.arange(4000).astype(str))
    # Mean products of scores are what the information expects, with sampling error.
    np.testing.assert_allclose(own.clustered, own.index, rtol=0.15, atol=1e-3)


def test_it_is_the_score_test_of_the_wider_model() -> None:
    """The same by hand: scores of the wider model by school, the free parameters' part taken out by least squares."""
    x, school = in_schools(np.random.default_rng(23))
    clusters = Clusters.of(x, school)
    fit = cfa_ml.fit(build.one_factor([*"abcdef"]), [clusters.sample])
    found = modification(fit, clusters=clusters)
    k = [c.name for c in found.cells].index("d~~b")
    wider = fit.model.with_cells(found.cells[k])
    at = np.append(fit.x, 0.0)
    _, _, information = cfa_ml.objective(wider, fit.samples, at)
    by_school = []
    for name in np.unique(school):
        part = x[school == name] - clusters.sample.mean
        own = Sample(len(part), np.zeros(6), part.T @ part / len(part))
        by_school.append(-len(part) * cfa_ml.objective(wider, [own], at)[1])
    scores = np.array(by_school)
    moved = scores[:, -1] - scores[:, :-1] @ np.linalg.solve(information[:-1, :-1], information[:-1, -1])
    expected = moved.sum() ** 2 / (50 / 49 * (moved**2).sum())
    assert found.clustered[k] == pytest.approx(expected, rel=1e-8)


def test_without_schools_there_is_none() -> None:
    fit = cfa_ml.fit(build.correlated(SYN2K), [SAMPLE])
    assert np.isnan(modification(fit).clustered).all()
