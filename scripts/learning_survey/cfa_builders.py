"""Factor models that a questionnaire asks for: correlated factors, second order, one factor, bifactor.

Each builder gives a one-group ``cfa_model.Model``; ``means=True`` adds free intercepts, ``std=True`` fixes factor
variances (of a factor with causes, its disturbance's) at 1 instead of each factor's first loading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from learning_survey.cfa_model import Cell, Model, fixed, free
from learning_survey.errors import SurveyError

Scales = Mapping[str, Sequence[str]]  # items by factor, or factors by higher factor


def correlated(scales: Scales, *, std: bool = False, means: bool = False) -> Model:
    """Every item on its own factor; factors correlate freely."""
    factors = list(scales)
    cells = [*_loadings("lambda", scales, std), *_variances(factors, std)]
    cells += [free("psi", b, a) for i, a in enumerate(factors) for b in factors[i + 1 :]]
    return _model(_items(scales), factors, cells, means)


def one_factor(items: Sequence[str], *, name: str = "general", std: bool = False, means: bool = False) -> Model:
    """Every item on one factor."""
    return correlated({name: items}, std=std, means=means)


def second_order(scales: Scales, higher: Scales, *, std: bool = False, means: bool = False) -> Model:
    """Items on their factors, these on the higher ones, which correlate freely.

    ``higher`` names the factors below each higher one. A higher factor with a single one below it takes that one's
    whole variance: its disturbance is zero, since one indicator cannot tell the two apart.
    Raises SurveyError for a factor that is on no higher factor or on several, or for one that does not exist.
    """
    below = [f for factors in higher.values() for f in factors]
    if sorted(below) != sorted(scales):
        raise SurveyError(
            f"the higher factors hold {', '.join(sorted(below))}; the factors are {', '.join(sorted(scales))}",
            where="second-order model",
            remedy="Put each factor under exactly one higher factor.",
        )
    tops = list(higher)
    alone = {factors[0] for factors in higher.values() if len(factors) == 1}
    several = {f: items for f, items in scales.items() if f not in alone}
    cells = [
        *_loadings("lambda", several, std),
        *_loadings("lambda", {f: items for f, items in scales.items() if f in alone}, False),
        *_loadings("beta", higher, std),
    ]
    disturbances = [fixed("psi", f, f, 0.0) if f in alone else _variance(f, std) for f in scales]
    cells += [*disturbances, *_variances(tops, std)]
    cells += [free("psi", b, a) for i, a in enumerate(tops) for b in tops[i + 1 :]]
    return _model(_items(scales), [*scales, *tops], cells, means)


def bifactor(scales: Scales, *, name: str = "general", std: bool = True, means: bool = False) -> Model:
    """Every item on a general factor and on its own specific one, all uncorrelated (Holzinger & Swineford 1937).

    Raises SurveyError for a specific factor of fewer than three items: its loadings are not identified.
    """
    if small := [f for f, items in scales.items() if len(items) < 3]:
        raise SurveyError(
            f"specific factors of fewer than three items: {', '.join(small)}",
            where="bifactor model",
            remedy="Leave the bifactor model out for this instrument.",
        )
    items = _items(scales)
    cells = [*_loadings("lambda", {name: items, **scales}, std), *_variances([name, *scales], std)]
    return _model(items, [name, *scales], cells, means)


def baseline(items: Sequence[str], *, means: bool = False) -> Model:
    """Items that do not correlate: the model that CFI and TLI compare with."""
    return _model(items, [], [], means)


def saturated(items: Sequence[str]) -> Model:
    """Free means, variances and covariances, these first and row by row of the lower triangle."""
    cells = [free("theta", a, b) for i, a in enumerate(items) for b in items[: i + 1]]
    return Model(tuple(items), (), {"all": (*cells, *(free("nu", i) for i in items))})


def _items(scales: Scales) -> list[str]:
    return list(dict.fromkeys(item for items in scales.values() for item in items))


def _loadings(matrix: str, scales: Scales, std: bool) -> list[Cell]:
    """A loading per factor and indicator; the first of each factor is 1 unless the factor's variance is."""
    return [
        fixed(matrix, x, f, 1.0) if not std and i == 0 else free(matrix, x, f)
        for f, indicators in scales.items()
        for i, x in enumerate(indicators)
    ]


def _variance(factor: str, std: bool) -> Cell:
    return fixed("psi", factor, factor, 1.0) if std else free("psi", factor, factor)


def _variances(factors: Sequence[str], std: bool) -> list[Cell]:
    return [_variance(f, std) for f in factors]


def _model(items: Sequence[str], factors: Sequence[str], cells: list[Cell], means: bool) -> Model:
    cells = [*cells, *(free("theta", i, i) for i in items), *(free("nu", i) for i in items if means)]
    return Model(tuple(items), tuple(factors), {"all": tuple(cells)})
