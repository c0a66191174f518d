"""What stands beside the reported factors: local optima, other extractions and rotations, and a general factor.

Rows of the tables ``factors.optima``, ``.alternatives``, ``.general`` and ``.hierarchy``. Methods and sources:
docs/methods/factors.md.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey import minres
from learning_survey.errors import SurveyError
from learning_survey.extraction import EXTRACTIONS, best_unrotated
from learning_survey.jackknife import interval
from learning_survey.moments import Pooled
from learning_survey.optima import Optimum, apart, optima
from learning_survey.rotation import ROTATIONS, random_starts
from learning_survey.schmid_leiman import SchmidLeiman, schmid_leiman
from learning_survey.solution import Method, Solution, match, rotated, tucker

if TYPE_CHECKING:
    from learning_survey.config import Loaded

Array = NDArray[np.float64]
Rows = list[dict[str, object]]


def from_best_start(name: str, loadings: Array, method: Method, starts: int, seed: int) -> tuple[Array, Rows]:
    """Unrotated loadings turned to where the rotation finds its best optimum, and the rows of the optima found.

    They are left as they are when their own start leads there, so that the reported solution is the reference's.
    """
    if loadings.shape[1] == 1:
        return loadings, []
    found = optima(loadings, method.rotation, method.kaiser, _starts(loadings.shape[1], starts, seed))
    return (loadings @ found[0].start if found else loadings), _optima(name, method.rotation, found, starts)


def _starts(k: int, starts: int, seed: int) -> Array:
    return random_starts(k, starts, np.random.default_rng(seed))


def _optima(name: str, rotation: str, found: list[Optimum], starts: int) -> Rows:
    return [
        {
            "solution": name,
            "rotation": rotation,
            "optimum": i + 1,
            "criterion": o.value,
            "reached": o.reached,
            "starts": starts,
            "max_difference": apart(found[0].pattern, o.pattern),
        }
        for i, o in enumerate(found)
    ]


def others(
    name: str, R: Array, reported: Solution, method: Method, *, wanted: Array | None, published: Array | None
) -> Rows:
    """Each extraction with each rotation, and with a rotation to the target ``wanted`` where there is one."""
    rows: Rows = []
    k = len(reported.factors)
    for extraction in EXTRACTIONS:
        try:
            loadings = best_unrotated(R, k, extraction)
        except SurveyError:
            continue  # without a solution there is nothing to hold beside the reported one
        for rotation in (*ROTATIONS, *(["target"] if wanted is not None else [])) if k > 1 else (method.rotation,):
            way = Method(extraction, rotation, method.kappa, method.kaiser)
            other = rotated(loadings, reported.variables, way, wanted)
            other = other.arranged(*match(reported.pattern, other.pattern))
            gap = np.nan if published is None else np.sqrt(((other.pattern - published) ** 2).mean())
            apart_phi = other.phi[~np.eye(k, dtype=bool)]
            rows.append(
                {
                    "solution": name,
                    "extraction": extraction,
                    "rotation": rotation,
                    "tucker": np.diag(tucker(reported.pattern, other.pattern)).min(),
                    "max_difference": np.abs(other.pattern - reported.pattern).max(),
                    "rms_published": gap,
                    "phi_largest": np.abs(apart_phi).max() if k > 1 else np.nan,
                    "heywood": bool(other.heywood.any()),
                }
            )
    return rows


# ---------------------------------------------------------------- general factor


def general(
    name: str, R: Array, reported: Solution, resampled: tuple[Pooled, Array, Array], study: Loaded
) -> tuple[Rows, Rows, Rows]:
    """Rows of ``general``, of ``hierarchy`` and of ``optima``: Schmid-Leiman, and a bifactor rotation of k + 1 factors.

    One factor leaves nothing beside it and has no rows. The bifactor rotation needs one factor more to be identified.
    """
    k, plan, level = len(reported.factors), study.factors, study.resampling.level
    if k == 1:
        return [], [], []
    found = schmid_leiman(reported.pattern, reported.phi)
    with np.errstate(all="ignore"):
        again = schmid_leiman(*resampled[1:])
        # Resamples of a proper solution that are improper themselves make its intervals empty, not narrow.
        replicates = [
            np.where(again.improper, np.nan, x)
            for x in (again.omega_hierarchical(resampled[0].cor()), again.explained_common_variance)
        ]
    improper = bool(found.improper or reported.heywood.any())
    loadings = _general(name, "schmid_leiman", reported, found)
    common = {"communality": reported.communality, "improper": improper}
    hierarchy = [_hierarchy(name, "schmid_leiman", R, found, **common, again=replicates, level=level)]
    p = len(reported.variables)
    if not minres.identified(p, k + 1):
        return loadings, hierarchy, []
    try:
        unrotated = best_unrotated(R, k + 1, plan.extraction)
    except SurveyError:
        return loadings, hierarchy, []
    tried = optima(unrotated, "bifactor", False, _starts(k + 1, plan.starts, study.seed))
    if not tried:
        return loadings, hierarchy, []
    best = tried[0].pattern * np.where(tried[0].pattern.sum(axis=0) < 0, -1.0, 1.0)
    order, sign = match(reported.pattern, best[:, 1:])
    bifactor = SchmidLeiman(best[:, 0], best[:, 1:][:, order] * sign, np.full(k, np.nan))
    communality = (best**2).sum(axis=1)
    at_bound = bool((communality >= 1 - minres.LOWEST - 1e-6).any())
    loadings += _general(name, "bifactor", reported, bifactor)
    hierarchy.append(
        _hierarchy(name, "bifactor", R, bifactor, communality=communality, improper=at_bound, again=None, level=level)
    )
    return loadings, hierarchy, _optima(name, "bifactor", tried, plan.starts)


def _general(name: str, method: str, reported: Solution, found: SchmidLeiman) -> Rows:
    columns = np.column_stack([found.general, found.group])
    factors = ("general", *reported.factors)
    labels = ("General factor", *reported.labels)
    return [
        {
            "solution": name,
            "method": method,
            "variable": variable,
            "factor": factors[j],
            "factor_label": labels[j],
            "loading": columns[i, j],
        }
        for (i, variable), j in product(enumerate(reported.variables), range(len(factors)))
    ]


def _hierarchy(
    name: str,
    method: str,
    R: Array,
    found: SchmidLeiman,
    *,
    communality: Array,
    improper: bool,
    again: list[Array] | None,
    level: float,
) -> dict[str, object]:
    row: dict[str, object] = {
        "solution": name,
        "method": method,
        "omega_hierarchical": float(found.omega_hierarchical(R)),
        "omega_total": float(1 - (1 - communality).sum() / R.sum()),
        "explained_common_variance": float(found.explained_common_variance),
        "improper": improper,
    }
    if again is not None and not improper:
        for key, values in zip(("omega_hierarchical", "explained_common_variance"), again, strict=True):
            low, high = interval(np.asarray(row[key]), values, level, _logit, _expit)
            row |= {f"{key}_ci_low": float(low), f"{key}_ci_high": float(high)}
    return row


def _logit(x: Array) -> Array:
    return np.log(x / (1 - x))


def _expit(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))
