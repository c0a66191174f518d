"""Factor models for ordinal items, made of continuous ones, and their equality across groups.

Thresholds take the place of intercepts. In the delta parameterisation items have a scale of 1 and what is left of
their variance is residual; in the theta parameterisation residual variances are 1. Across groups, parameters are set
equal in the order of Wu & Estabrook (2016, Psychometrika 81, 1014-1045), in the theta parameterisation with factor
variances of 1:

    configural   nothing is equal; residual variances 1, intercepts and factor means 0 in every group
    thresholds   thresholds equal; residual variances and intercepts free from the second group on
    metric       loadings too; factor variances free from the second group on
    scalar       intercepts too; factor means free from the second group on

An item with a single threshold says nothing of its residual variance, which stays 1, and does not tell its threshold
from its intercept. With one or two thresholds the level 'thresholds' fits as configural does: equal thresholds of such
an item cannot be tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from learning_survey.cfa_model import Cell, Model, fixed, free

Points = Mapping[str, int]  # thresholds by item
Parameterization = Literal["delta", "theta"]
LEVELS: dict[str, tuple[str, ...]] = {
    "configural": (),
    "thresholds": ("tau",),
    "metric": ("tau", "lambda"),
    "scalar": ("tau", "lambda", "nu"),
}


def ordinal(model: Model, thresholds: Points, parameterization: Parameterization = "delta") -> Model:
    """A one-group model of continuous items as one of ordinal items with so many ``thresholds`` each."""
    (group,) = model.groups
    kept = [c for c in model.groups[group] if c.matrix != "nu" and not (c.matrix == "theta" and c.row == c.column)]
    cells: list[Cell] = [free("tau", i, f"t{k + 1}") for i in model.items for k in range(thresholds[i])]
    scale: Sequence[Cell] = [
        fixed("delta", i, value=1.0) if parameterization == "delta" else fixed("theta", i, i, 1.0) for i in model.items
    ]
    return replace(model, groups={group: (*kept, *cells, *scale)})


def invariant(
    model: Model, thresholds: Points, groups: Iterable[str], level: str, released: Iterable[str] = ()
) -> Model:
    """A one-group model of continuous items, factor variances 1, for ordinal items in ``groups`` at one of LEVELS.

    ``released`` names cells (``item|t1``, ``factor=~item``, ``item~1``) that are each group's own nevertheless. An item
    all of whose thresholds are released has a residual variance of 1 and an intercept of 0 in every group.
    """
    released = set(released)
    equal = LEVELS[level]
    tied = {i for i in model.items for k in range(thresholds[i]) if f"{i}|t{k + 1}" not in released}
    several = [i for i in model.items if thresholds[i] > 1 and i in tied]
    factors = [c.row for c in next(iter(model.groups.values())) if c.matrix == "psi" and c.row == c.column]
    result = ordinal(model, thresholds, "theta").by_group(groups, equal, released)
    for group in list(result.groups)[1:]:
        cells: list[Cell] = []
        if "tau" in equal:
            cells += [free("theta", i, i, 1.0).freed(f"{i}~~{i} ({group})", 1.0) for i in several]
            # Without it a lone threshold, equal in all groups, would have to tell of the groups' factor means, still 0.
            cells += [free("nu", i) for i in model.items if i in tied and ("nu" not in equal or f"{i}~1" in released)]
        if "lambda" in equal:
            cells += [free("psi", f, f, 1.0) for f in factors]
        if "nu" in equal:
            cells += [free("alpha", f, start=0.0) for f in factors]
        named = [c.freed(f"{c.name} ({group})", c.value) for c in cells]
        result = result.with_cells(*named, group=group)
    return result
