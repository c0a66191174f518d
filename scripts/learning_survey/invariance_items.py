"""Which items work differently in some group: score tests, expected changes, and their size in answers.

At the fit of a level with equal loadings and intercepts, the score test of an item asks what would be gained by giving
it a loading and an intercept of its own in each group (Rao 1948; with clusters as units, Boos 1992, American
Statistician 46, 327-333). With s the gradient by the freed cells, A and B the information and the summed products of
cluster scores, both with what the model's own parameters take up projected out,

    chi-square = s' B^-1 s        expected change = A^-1 s        on (groups - 1) x 2 degrees of freedom

The effect size is dMACS (Nye & Drasgow 2011, Journal of Applied Psychology 96, 966-980, eq. 4), for a group with factor
mean a and variance v and expected changes Dn of the intercept and Dl of the loading, over the standard deviation s of
the answers in the two groups pooled:

    dMACS = sqrt((Dn + Dl a)² + Dl² v) / s
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey import cfa_ml
from learning_survey.cfa_model import selection
from learning_survey.cfa_robust import Clusters, cluster_scores, row_products
from learning_survey.invariance_levels import Fitted

if TYPE_CHECKING:
    from learning_survey.plans import InvariancePlan

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ItemTest:
    """One item: chi-square with degrees of freedom and p; dMACS (groups - 1,) of each group but the first."""

    item: str
    chi2: float
    df: int
    p: float
    dmacs: Array

    @property
    def largest(self) -> float:
        """The largest dMACS; NaN where no group has one."""
        return float(np.nanmax(self.dmacs)) if np.isfinite(self.dmacs).any() else np.nan

    def status(self, p: float, plan: InvariancePlan) -> str:
        """Given p after correction: "alike", "differs", or nothing where the test or the size that decides is not."""
        if p >= plan.level or self.largest < plan.dmacs:
            return "alike"
        return "differs" if p < plan.level and self.largest >= plan.dmacs else ""


@dataclass(frozen=True)
class _Cells:
    """Free cells of all groups, one after the other: gradient (c,), information and products of scores (c, c).

    ``products`` are summed over ``units``: clusters or respondents.
    """

    gradient: Array
    information: Array
    products: Array
    units: int
    parameter: NDArray[np.int64]
    group: NDArray[np.int64]
    names: list[str]


def _cells(fitted: Fitted, groups: Mapping[str, Clusters], rows: Mapping[str, Array]) -> _Cells:
    fit, parts = fitted.fit, []
    known = np.unique(np.concatenate([g.labels for g in groups.values()]))
    for g, at in zip(groups.values(), fit.moments, strict=True):
        c = len(at.places.parameter)
        own = replace(at, places=replace(at.places, parameter=np.arange(c)))
        W = np.linalg.inv(at.sigma)
        scores = np.zeros((len(known), c))
        scores[np.searchsorted(known, g.labels)] = cluster_scores(at, g, W)
        parts.append((scores, g.n.sum() * cfa_ml.cell_information(own, W, c), at.places.parameter))
    scores = np.concatenate([s for s, _, _ in parts], axis=1)
    products, units = scores.T @ scores, len(known)
    sizes = [len(p) for _, _, p in parts]
    information, start = np.zeros((sum(sizes), sum(sizes))), 0
    for (_, block, _), size in zip(parts, sizes, strict=True):
        information[start : start + size, start : start + size] = block
        start += size
    if rows:
        units, products, start = sum(map(len, rows.values())), np.zeros_like(products), 0
        for x, at, size in zip(rows.values(), fit.moments, sizes, strict=True):
            products[start : start + size, start : start + size] = row_products(x, at)
            start += size
    names = [cell.name for own in fit.model.groups.values() for cell in own if cell.label]
    return _Cells(
        scores.sum(axis=0),
        information,
        products,
        units,
        np.concatenate([p for _, _, p in parts]),
        np.repeat(np.arange(len(parts)), sizes),
        names,
    )


def tests(
    fitted: Fitted,
    scales: Mapping[str, Sequence[str]],
    groups: Mapping[str, Clusters],
    skip: Collection[str] = (),
    rows: Mapping[str, Array] | None = None,
) -> list[ItemTest]:
    """A test for each item whose loading and intercept are equal in all groups; ``skip`` names those that are not.

    ``fitted`` is a level with equal loadings and intercepts. ``rows`` (N, p) of each group are the units in place of
    clusters. p is NaN where there are no more units than degrees of freedom. Raises nothing: a fit that is not
    identified gives NaN.
    """
    from scipy.special import chdtrc

    cells = _cells(fitted, groups, rows or {})
    q = len(fitted.fit.x)
    select = selection(cells.parameter, q)
    with_own = cells.information @ select
    own = select.T @ with_own
    taken = cfa_ml.inverse(own, fitted.fit.identified) @ with_own.T  # (q, c)
    rest = cells.information - with_own @ taken
    away = np.eye(len(cells.gradient)) - select @ taken
    count = cells.units
    summed = count / (count - 1) * away.T @ cells.products @ away
    by_name: dict[str, list[int]] = {}
    for k, name in enumerate(cells.names):
        if cells.group[k]:
            by_name.setdefault(name, []).append(k)
    means, found = _factors(fitted), []
    spread = _spread(groups)
    for factor, items in scales.items():
        for item in items:
            if item in skip:
                continue
            j = fitted.fit.model.items.index(item)
            loading, intercept = by_name[f"{factor}=~{item}"], by_name[f"{item}~1"]
            at = np.array(loading + intercept)
            s, A, B = cells.gradient[at], rest[np.ix_(at, at)], summed[np.ix_(at, at)]
            chi2 = quadratic(s, B) if count > len(at) else np.nan
            change = solve(A, s)
            d = [
                dmacs(change[len(loading) + g], change[g], *means[factor][g + 1], spread[g, j])
                for g in range(len(loading))
            ]
            p = float(chdtrc(len(at), chi2)) if np.isfinite(chi2) else np.nan
            found.append(ItemTest(item, chi2, len(at), p, np.array(d)))
    return found


def estimated(fitted: Fitted, scales: Mapping[str, Sequence[str]], groups: Mapping[str, Clusters]) -> dict[str, Array]:
    """The dMACS (groups - 1,) of every item from the estimates themselves: zero where nothing differs."""
    matrices, means, spread = fitted.fit.model.matrices(fitted.fit.x), _factors(fitted), _spread(groups)
    found = {}
    for f, (factor, items) in enumerate(scales.items()):
        for item in items:
            j = fitted.fit.model.items.index(item)
            nu, loading = ([own[m][j, k] for own in matrices] for m, k in (("nu", 0), ("lambda", f)))
            found[item] = np.array(
                [
                    dmacs(nu[g] - nu[0], loading[g] - loading[0], *means[factor][g], spread[g - 1, j])
                    for g in range(1, len(matrices))
                ]
            )
    return found


def may_be_freed(item: str, freed: Collection[str], scales: Mapping[str, Sequence[str]]) -> bool:
    """Whether at least half of a dimension's items, and two, are left to link the groups without ``item`` too."""
    own = next(items for items in scales.values() if item in items)
    left = len(own) - sum(i in freed for i in own) - 1
    return left >= max(2, len(own) / 2)


def dmacs(intercept: float, loading: float, mean: float, variance: float, sd: float) -> float:
    """The dMACS of differences in intercept and loading, for a focal group's factor mean and variance."""
    return float(np.sqrt((intercept + loading * mean) ** 2 + loading**2 * max(variance, 0)) / sd)


def _factors(fitted: Fitted) -> dict[str, list[tuple[float, float]]]:
    """Mean and variance of each factor in each group."""
    found: dict[str, list[tuple[float, float]]] = {f: [] for f in fitted.fit.model.factors}
    for own in fitted.fit.model.matrices(fitted.fit.x):
        for k, factor in enumerate(fitted.fit.model.factors):
            found[factor].append((float(own["alpha"][k, 0]), float(own["psi"][k, k])))
    return found


def _spread(groups: Mapping[str, Clusters]) -> Array:
    """Standard deviations (groups - 1, p) of the answers, pooled over the first group and each other."""
    samples = [g.sample for g in groups.values()]
    first = samples[0]
    squares = [np.diag(s.cov) * s.n for s in samples]
    return np.sqrt([(squares[0] + q) / (first.n + s.n - 2) for q, s in zip(squares[1:], samples[1:], strict=True)])


def quadratic(s: Array, B: Array) -> float:
    """The form s' B^-1 s, NaN where B is singular."""
    return float(s @ solve(B, s))


def solve(A: Array, s: Array) -> Array:
    """A^-1 s, NaN where A is singular."""
    scale = np.sqrt(np.maximum(np.diag(A), 1e-300))
    unit = A / np.outer(scale, scale)
    if not np.isfinite(unit).all() or np.linalg.eigvalsh(unit)[0] < 1e-10:
        return np.full(len(s), np.nan)
    return np.linalg.solve(unit, s / scale) / scale
