"""The moments that factor models imply, and their derivatives."""

import numpy as np
import pytest

from learning_survey import cfa_builders as build
from learning_survey.cfa_model import Model, fixed, free
from learning_survey.errors import SurveyError

SCALES = {"f": ["a", "b", "c"], "g": ["d", "e", "h"], "i": ["j", "k", "l"]}
MODELS = {
    "correlated": build.correlated(SCALES, means=True),
    "standardised": build.correlated(SCALES, std=True),
    "second order": build.second_order(SCALES, {"x": ["f", "g"], "y": ["i"]}, means=True),
    "second order, standardised": build.second_order(SCALES, {"x": ["f", "g", "i"]}, std=True),
    "one factor": build.one_factor([*"abcde"]),
    "bifactor": build.bifactor(SCALES),
    "latent means and a residual covariance": build.correlated(SCALES, means=True).with_cells(
        free("alpha", "f"), free("alpha", "g"), free("theta", "a", "d"), fixed("nu", "a"), fixed("nu", "d")
    ),
    "causes with means": build.second_order(SCALES, {"x": ["f", "g", "i"]}, means=True).with_cells(
        free("alpha", "x"), free("alpha", "f"), free("beta", "g", "f")
    ),
    "equal loadings": build.correlated(SCALES).relabelled(
        lambda _, c: f"all {c.column}" if c.matrix == "lambda" else c.label
    ),
}


def somewhere(model: Model, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.3, 0.9, len(model.parameters))


@pytest.mark.parametrize("name", MODELS)
def test_derivatives_are_those_of_the_implied_moments(name: str) -> None:
    model = MODELS[name]
    x, step = somewhere(model), 1e-30
    size = len(x)
    (at,) = model.implied(x)
    sigma, mu = at.jacobian(size)
    row, column = np.tril_indices(len(model.items))
    for k in range(size):
        moved = x.astype(complex)
        moved[k] += 1j * step
        (near,) = model.implied(moved)
        np.testing.assert_allclose(sigma[:, k], near.sigma[row, column].imag / step, atol=1e-12)
        np.testing.assert_allclose(mu[:, k], near.mu.imag / step, atol=1e-12)


def test_implied_moments_of_correlated_factors() -> None:
    model = build.correlated({"f": ["a", "b"], "g": ["c", "d"]}, std=True, means=True)
    values = {
        "f=~a": 0.8,
        "f=~b": 0.7,
        "g=~c": 0.6,
        "g=~d": 0.5,
        "g~~f": 0.4,
        "a~~a": 1,
        "b~~b": 2,
        "c~~c": 3,
        "d~~d": 4,
        "a~1": 5,
        "b~1": 6,
        "c~1": 7,
        "d~1": 8,
    }
    (at,) = model.implied(np.array([values[name] for name in model.parameters], float))
    np.testing.assert_allclose(at.mu, [5, 6, 7, 8])
    np.testing.assert_allclose(np.diag(at.sigma), [1.64, 2.49, 3.36, 4.25])
    np.testing.assert_allclose(at.sigma[0], [1.64, 0.56, 0.192, 0.16])


def test_second_order_model_has_the_covariances_of_its_factors() -> None:
    """Three factors below one: the same covariances as three correlated factors can have."""
    model = build.second_order(SCALES, {"x": ["f", "g", "i"]})
    (at,) = model.implied(somewhere(model))
    values = dict(zip(model.parameters, somewhere(model), strict=True))
    assert at.total[0, 1] == pytest.approx(values["x=~g"] * values["x~~x"])
    assert at.total[1, 2] == pytest.approx(values["x=~g"] * values["x=~i"] * values["x~~x"])
    assert at.total[1, 1] == pytest.approx(values["x=~g"] ** 2 * values["x~~x"] + values["g~~g"])


def test_a_higher_factor_with_one_below_it_takes_its_variance() -> None:
    for std in (False, True):
        model = build.second_order(SCALES, {"x": ["f", "g"], "y": ["i"]}, std=std)
        assert model.cell("all", "psi", "i", "i") == fixed("psi", "i", "i", 0.0)
        (at,) = model.implied(somewhere(model))
        assert np.linalg.eigvalsh(at.sigma)[0] > 0


def test_groups_share_what_is_equal_and_nothing_else() -> None:
    one = build.correlated(SCALES, means=True)
    two = one.by_group(["boys", "girls"], equal=["lambda"], except_=["f=~b"])
    loadings = 6
    assert len(two.parameters) == 2 * len(one.parameters) - (loadings - 1)
    x = somewhere(two)
    boys, girls = two.matrices(x)
    same = boys["lambda"] == girls["lambda"]
    assert not same[1, 0] and same.sum() == same.size - 1
    assert not (boys["psi"] == girls["psi"])[np.eye(3, dtype=bool)].any()


def test_parameters_of_equal_cells_collect_derivatives_of_all() -> None:
    model = MODELS["equal loadings"]
    assert [name for name in model.parameters if name.startswith("all")] == ["all f", "all g", "all i"]


def test_thresholds_and_scales_stand_in_their_matrices() -> None:
    model = build.correlated(SCALES).with_cells(
        free("tau", "a", "t1"), free("tau", "a", "t2"), fixed("tau", "b", "t1", 0.5), free("delta", "b")
    )
    x = somewhere(model)
    (own,) = model.matrices(x)
    assert own["tau"].shape == (9, 2)
    assert own["tau"][1, 0] == 0.5 and np.isnan(own["tau"][1, 1])
    assert own["tau"][0, 1] == x[model.parameters.index("a|t2")]
    assert own["delta"][1, 0] == x[model.parameters.index("b~*~b")] and own["delta"][0, 0] == 1
    assert not np.isnan(model.implied(x)[0].sigma).any()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: build.second_order(SCALES, {"x": ["f", "g"]}), "exactly one higher factor"),
        (lambda: build.bifactor({"f": ["a", "b"], "g": ["c", "d", "e"]}), "fewer than three items: f"),
        (lambda: Model(("a",), ("a",), {"all": ()}), "one name: a"),
        (lambda: Model(("a",), ("f",), {"all": (free("lambda", "b", "f"),)}), "no 'b' for f=~b"),
        (
            lambda: Model(("a", "b"), (), {"all": (free("theta", "a", "b"), free("theta", "b", "a"))}),
            "b~~a is given twice",
        ),
    ],
)
def test_impossible_models_are_refused(make: object, says: str) -> None:
    with pytest.raises(SurveyError, match="(?s)" + says.replace("(", r"\(")):
        make()
