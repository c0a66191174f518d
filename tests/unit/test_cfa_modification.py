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
