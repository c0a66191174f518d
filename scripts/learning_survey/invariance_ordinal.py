"""Measurement invariance with answers taken as ordinal: levels, and items that work differently in some group.

Levels of Wu & Estabrook (2016, Psychometrika 81, 1014-1045) by weighted least squares: configural, thresholds,
loadings, intercepts. At the last of these an item is tested for having, in each group but the first, the loading, the
intercept, and the thresholds beyond the two that its scale and zero take up, that all groups have. With s = D'V (s -
sigma) the gradient by these cells, A and B their D'V D and D'V Gamma V D, in both of which the model's own parameters
are projected out (Boos 1992, The American Statistician 46, 327-333; the rest as in ``cfa_wls``),

    chi-square = n s'B^-1 s          expected change = A^-1 s

dMACS (Nye & Drasgow 2011, Journal of Applied Psychology 96, 966-980) is the root mean square difference of the expected
answers, scored from 1, that a group's parameters and the first group's give over the group's factor, in standard
deviations of the answers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import cfa_builders, cfa_ml, cfa_ordinal, cfa_wls, cfa_wls_moments, two_way
from learning_survey.cfa_model import Model, free
from learning_survey.cfa_wls_point import Point, sandwich
from learning_survey.errors import SurveyError
from learning_survey.fit_indices import ChiSquare
from learning_survey.invariance_items import ItemTest, may_be_freed, quadratic, solve
from learning_survey.polychoric_estimates import polychoric
from learning_survey.students import Students
from learning_survey.uncertainty import holm

if TYPE_CHECKING:
    from learning_survey.config import Loaded
    from learning_survey.plans import InvariancePlan

Array = NDArray[np.float64]
Row = dict[str, Any]
Scales = Mapping[str, Sequence[str]]
NODES = 40  # of the integral over a factor


@dataclass(frozen=True)
class Prepared:
    """Thresholds and correlations of each group: ``samples`` for estimates, ``tested`` for errors and chi-squares.

    ``tested`` know the schools where the study has any. ``spread`` (groups, p) are variances of the answers, with
    ``points`` thresholds by item.
    """

    scales: Scales
    samples: dict[str, cfa_wls_moments.Sample]
    tested: tuple[cfa_wls_moments.Sample, ...]
    points: dict[str, int]
    spread: Array

    @classmethod
    def of(cls, scales: Scales, choices: dict[str, two_way.Choices], clusters: dict[str, NDArray[np.str_]]) -> Prepared:
        """Of each group's ``choices`` (N, p) and, where there are schools, the cluster of each row (N,).

        Categories that nobody in some group chose are joined with their neighbour in all groups, in place. Raises
        SurveyError where correlations do not exist.
        """
        items = [i for own in scales.values() for i in own]
        left = joined(choices)
        samples, tested = {}, []
        for group, x in choices.items():
            keys = np.full((len(x), 3), "", dtype="U8")
            if clusters:
                keys[:, 0] = clusters[group]
            tables = two_way.TwoWay.of(x, items, [list(range(k)) for k in left], keys)
            estimates = polychoric(tables.pooled())
            samples[group] = cfa_wls_moments.sample(estimates, x)
            own = samples[group]
            tested.append(own.clustered(estimates, *tables.by("cluster")) if clusters else own)
        spread = np.stack([_variances(x) for x in choices.values()])
        return cls(scales, samples, tuple(tested), {i: k - 1 for i, k in zip(items, left, strict=True)}, spread)

    def model(self, level: str, freed: Collection[str] = ()) -> Model:
        one = cfa_builders.correlated(self.scales, std=True, means=True)
        released = {f"{f}=~{i}" for f, items in self.scales.items() for i in items if i in freed}
        released |= {f"{i}|t{k + 1}" for i in freed for k in range(self.points[i])}
        return cfa_ordinal.invariant(one, self.points, list(self.samples), level, released)

    def fit(self, level: str, freed: Collection[str] = ()) -> tuple[cfa_wls.Fit, cfa_wls.Fit]:
        """A level's fit with students as independent, and as ``tested``."""
        found = cfa_wls.fit(self.model(level, freed), list(self.samples.values()))
        return found, cfa_wls.tested(found, self.tested)


def rows(
    grouping: str, groups: Sequence[str], scales: Scales, processed: Path, study: Loaded
) -> tuple[list[Row], dict[str, Row]]:
    """Rows of ``invariance.fit`` and, by item, columns of ``invariance.items``. Everyone who answered anything counts.

    Changes of fit are shown without a verdict: Chen's cut-offs were made for maximum likelihood. Where nothing can be
    estimated there is one row that says why.
    """
    items = [i for own in scales.values() for i in own]
    codes = [study.instrument.response_of(i).codes for i in items]
    students = Students.read(processed)
    frame = students.rows.filter(pl.col(grouping).is_in(list(groups)))
    frame = frame.select(grouping, "cluster", pl.col(items).fill_null(float("nan"))).collect()
    block = two_way.blocks(frame["cluster"].to_numpy().astype(str), study.seed)
    choices, clusters = {}, {}
    for group in groups:
        inside = (frame[grouping] == group).to_numpy()
        choices[group] = two_way.choices(frame.filter(pl.Series(inside)).select(items).to_numpy(), codes)
        clusters[group] = block[inside]
    try:
        prepared = Prepared.of(scales, choices, {} if students.alone else clusters)
        levels = {level: prepared.fit(level) for level in cfa_ordinal.LEVELS}
        freed, tests, partial = search(prepared, levels["scalar"], study.invariance)
    except SurveyError as error:
        head = {"grouping": grouping, "items_as": "ordinal", "level": "configural"}
        return [head | {"converged": False, "admissible": False, "verdict": f"not estimated: {error.problem}"}], {}
    found: list[Row] = []
    before = None
    for level, fits in levels.items():
        found.append(_row(grouping, level, fits, before and (found[-1], before[1])))
        before = fits
    if freed:
        # Its freed thresholds are in no level but the first: 'scalar' is nested in it, and it in 'configural'.
        found.append(_row(grouping, "partial", partial, (found[0], levels["configural"][1])))
    return found, _item_columns(tests, freed, partial[0], prepared, study.invariance)


def search(
    prepared: Prepared, scalar: tuple[cfa_wls.Fit, cfa_wls.Fit], plan: InvariancePlan
) -> tuple[list[str], dict[str, ItemTest], tuple[cfa_wls.Fit, cfa_wls.Fit]]:
    """As ``invariance.search``: free thresholds and loading of the worst item until none works differently.

    Where the expected change of a significant item leads to a negative residual variance, so that it has no dMACS,
    the item is freed to see.
    """
    freed: list[str] = []
    tested: dict[str, ItemTest] = {}
    now = scalar
    while True:
        found = tests(prepared, now[1], freed)
        adjusted = holm(np.array([t.p for t in found]))
        found = [
            replace(t, dmacs=_freed_sizes(prepared, t.item, freed)) if p < plan.level and np.isnan(t.largest) else t
            for t, p in zip(found, adjusted, strict=True)
        ]
        tested |= {t.item: t for t in found}
        worst = [
            t
            for t, p in zip(found, adjusted, strict=True)
            if p < plan.level and t.largest >= plan.dmacs and may_be_freed(t.item, freed, prepared.scales)
        ]
        if not worst:
            return freed, tested, now
        freed.append(max(worst, key=lambda t: t.chi2 / t.df).item)
        now = prepared.fit("scalar", freed)


def _freed_sizes(prepared: Prepared, item: str, freed: Collection[str]) -> Array:
    """The dMACS (groups - 1,) of an item that is free beside those in ``freed``, from the estimates."""
    own = cfa_wls.fit(prepared.model("scalar", [*freed, item]), list(prepared.samples.values()))
    factor = next(f for f, items in prepared.scales.items() if item in items)
    return sizes(own.model, own.x, factor, item, prepared)


def tests(prepared: Prepared, fit: cfa_wls.Fit, skip: Collection[str] = ()) -> list[ItemTest]:
    """A test for each item that works alike in all groups at ``fit``, one of the level 'scalar'; not those in ``skip``.

    p is NaN where there are no more clusters than degrees of freedom, or where the fit is not identified.
    """
    from scipy.special import chdtrc

    model = fit.model
    others = list(model.groups)[1:]
    more = {i: free("nu", i, start=0.0) for i in model.items if prepared.points[i] > 1 and i not in skip}
    wide = model
    for group in others:
        wide = wide.with_cells(*more.values(), group=group)
    at = _values_of(wide, model, fit.x)
    owner = [
        None if c.matrix == "nu" else model.parameters.index(c.label)
        for cells in wide.groups.values()
        for c in cells
        if c.label
    ]
    wide = wide.relabelled(lambda g, c: f"{c.name} ({g})")
    select = np.zeros((len(owner), len(fit.x)))
    for row, k in enumerate(owner):
        if k is not None:
            select[row, k] = 1
    point = Point(wide, fit.samples, at)
    E, B, Y = sandwich(point, fit.samples)
    s = point.gradient()
    taken = cfa_ml.inverse(select.T @ E @ select, fit.identified) @ (select.T @ E)
    away = np.eye(len(at)) - select @ taken
    A, B = E @ away, away.T @ B @ away
    place = {name: k for k, name in enumerate(wide.parameters)}
    found = []
    for factor, items in prepared.scales.items():
        for item in (i for i in items if i not in skip):
            points = prepared.points[item]
            names = [f"{factor}=~{item}", *([f"{item}~1"] if points > 1 else [f"{item}|t1"])]
            names += [f"{item}|t{k + 1}" for k in range(2, points)]
            own = np.array([place[f"{name} ({g})"] for g in others for name in names])
            few = Y is not None and len(Y) <= len(own)
            chi2 = np.nan if few else fit.n * quadratic(s[own], B[np.ix_(own, own)])
            change = solve(A[np.ix_(own, own)], s[own])
            moved = at - select @ (taken[:, own] @ change)  # the model's parameters give way to the change
            moved[own] += change
            p = float(chdtrc(len(own), chi2)) if np.isfinite(chi2) else np.nan
            found.append(ItemTest(item, chi2, len(own), p, sizes(wide, moved, factor, item, prepared)))
    return found


def sizes(model: Model, x: Array, factor: str, item: str, prepared: Prepared) -> Array:
    """The dMACS (groups - 1,) of an item at parameters ``x`` (q,) of ``model``. NaN where a parameter is."""
    from scipy.special import ndtr

    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    j, f, points = model.items.index(item), model.factors.index(factor), prepared.points[item]
    groups, found = model.matrices(x), []

    def expected(own: dict[str, Array], at: Array) -> Array:
        above = own["tau"][j, :points] - own["nu"][j, 0] - own["lambda"][j, f] * at[:, None]
        return points + 1 - ndtr(above / np.sqrt(own["theta"][j, j])).sum(axis=1)

    n = np.array([s.n for s in prepared.samples.values()])
    for g, own in enumerate(groups[1:], 1):
        at = own["alpha"][f, 0] + np.sqrt(max(own["psi"][f, f], 0.0)) * nodes
        with np.errstate(invalid="ignore"):
            gap = expected(own, at) - expected(groups[0], at)
        pooled = (n[[0, g]] @ prepared.spread[[0, g], j]) / (n[0] + n[g] - 2)
        found.append(np.sqrt(weights @ gap**2 / pooled))
    return np.array(found)


def joined(choices: dict[str, NDArray[np.int8]]) -> list[int]:
    """Join categories that some group does not use with the next lower one, in place; the number left of each item.

    ``choices`` has each group's categories from 0 (N, p), -1 where unanswered.
    """
    left = []
    for j in range(next(iter(choices.values())).shape[1]):
        top = max(int(x[:, j].max()) for x in choices.values()) + 1
        used = np.array([all((x[:, j] == k).any() for x in choices.values()) for k in range(top)])
        # A category that is not used everywhere goes with the one below it; the lowest ones go together.
        new = np.maximum(np.cumsum(used) - 1, 0)
        for x in choices.values():
            x[:, j] = np.where(x[:, j] >= 0, new[np.maximum(x[:, j], 0)], -1)
        left.append(int(new[-1]) + 1)
    return left


# ---------------------------------------------------------------- pieces


def _row(
    grouping: str, level: str, fits: tuple[cfa_wls.Fit, cfa_wls.Fit], before: tuple[Row, cfa_wls.Fit] | None
) -> Row:
    """A level's row of ``invariance.fit``, with its changes from the row and the fit ``before``."""
    fit, tested = fits
    ix = fit.indices()
    row = {
        "grouping": grouping,
        "items_as": "ordinal",
        "level": level,
        "parameters": len(fit.x),
        "chi_square": fit.chi2,
        "df": fit.df,
        "chi_square_scaled": tested.scaled,
        "p": ChiSquare(tested.scaled, fit.df).p,
        "cfi": ix.cfi,
        "tli": ix.tli,
        "rmsea": ix.rmsea,
        "rmsea_low": ix.rmsea_low,
        "rmsea_high": ix.rmsea_high,
        "srmr": fit.srmr(),
        "converged": fit.converged,
        "admissible": fit.admissible,
    }
    if before is None:
        return row
    earlier, general = before
    difference = cfa_wls.difference(tested, general)
    row |= {f"delta_{name}": row[name] - earlier[name] for name in ("cfi", "rmsea", "srmr")}
    return row | {
        "difference_chi_square": difference.chi2,
        "difference_df": difference.df,
        "difference_p": difference.p,
    }


def _item_columns(
    tests: Mapping[str, ItemTest], freed: Collection[str], fit: cfa_wls.Fit, prepared: Prepared, plan: InvariancePlan
) -> dict[str, Row]:
    factors = {i: f for f, items in prepared.scales.items() for i in items}
    adjusted = holm(np.array([t.p for t in tests.values()]))
    found = {}
    for (item, t), p in zip(tests.items(), adjusted, strict=True):
        own = replace(t, dmacs=sizes(fit.model, fit.x, factors[item], item, prepared)) if item in freed else t
        found[item] = {
            "chi_square_ordinal": t.chi2,
            "df_ordinal": t.df,
            "p_holm_ordinal": p,
            "dmacs_ordinal": own.largest,
            "status_ordinal": "freed" if item in freed else own.status(p, plan),
        }
    return found


def _values_of(wide: Model, model: Model, x: Array) -> Array:
    """The values of the cells of ``wide``, one after the other, at parameters ``x`` of ``model``; new ones are zero."""
    found = []
    for own, cells in zip(model.matrices(x), wide.groups.values(), strict=True):
        found += [own[c.matrix][wide.at(c)] for c in cells if c.label]
    return np.array(found, float)


def _variances(x: two_way.Choices) -> Array:
    """Variances (p,) of the answers to each item."""
    return np.nanvar(np.where(x < 0, np.nan, x.astype(float)), axis=0)
