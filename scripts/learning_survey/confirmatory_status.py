"""What the fit of a factor model is worth, in a word and in a sentence, for the rows of ``confirmatory.fit``.

A model may be identified as an equation and hardly so by the answers (Rindskopf 1984, Sociological Methods & Research
13, 109-119; Kenny & Milan 2012, in Handbook of Structural Equation Modeling, 145-163). Two signs of that are looked
for. The smallest eigenvalue of the information, parameters in standard units, is less than ``BARELY`` of the largest.
Or a factor that correlates with no other has fewer than three items whose loadings differ from zero: two loadings l and
m of such a factor explain one covariance, lm, which cannot tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_survey import cfa_ml, cfa_wls
from learning_survey.cfa_model import Cell, Model
from learning_survey.cfa_standardised import Standardised

Array = NDArray[np.float64]
Row = dict[str, Any]
BARELY = 1e-4
ERRORS = 2  # a loading differs from zero if it is more than so many standard errors away
NOT_ESTIMATED, NOT_CONVERGED, NOT_IDENTIFIED = "not estimated", "not converged", "not identified"
IMPROPER, BARELY_IDENTIFIED, PROPER = "improper", "barely identified", "proper"


def without(problem: str) -> Row:
    """The columns of a model that could not be estimated."""
    no = dict.fromkeys(("converged", "identified", "admissible", "few_units"), False)
    return {**no, "status": NOT_ESTIMATED, "note": problem}


def few(units: float, fit: cfa_ml.Fit | cfa_wls.Fit) -> bool:
    """Whether independent units are no more than parameters or degrees of freedom.

    With fewer than parameters the covariance of the estimates is singular; with fewer than degrees of freedom the
    scaled chi-square rejects a true model too often (docs/methods/confirmatory.md).
    """
    return units <= max(len(fit.x), fit.df)


def state(
    fit: cfa_ml.Fit | cfa_wls.Fit, held: Sequence[Cell], standard: Standardised, names: Mapping[str, str], improper: str
) -> Row:
    """The columns of a fit, with the variances ``held`` at zero; ``improper`` says what may make it so.

    ``names`` are those of items and factors. Where several things are wrong, ``status`` is the worst and ``note`` has
    them all, but for what follows from no convergence or no identification.
    """
    row = {
        "converged": fit.converged,
        "identified": fit.identified,
        "admissible": fit.converged and fit.admissible and not held,
        "condition": fit.condition,
        "few_units": False,
    }
    if not fit.converged:
        note = "The estimation does not converge: the model does not suit these answers."
        return row | {"status": NOT_CONVERGED, "note": note}
    if not fit.identified:
        note = "The answers do not tell all parameters apart: the model is not identified."
        return row | {"status": NOT_IDENTIFIED, "note": note}
    found: dict[str, str] = {}
    if held:
        whose = ", ".join(names[cell.row] for cell in held)
        found[IMPROPER] = f"A residual variance would be negative and is held at zero: {whose}."
    elif not fit.admissible:
        found[IMPROPER] = f"{improper}: the solution is improper."
    if thin := thin_factors(fit.model, standard, fit.vcov):
        whose = ", ".join(names[factor] for factor in thin)
        found[BARELY_IDENTIFIED] = f"Barely identified: fewer than three loadings differ from zero on {whose}."
    elif fit.condition < BARELY:
        found[BARELY_IDENTIFIED] = "Barely identified: the answers hardly tell some parameters apart."
    return row | {"status": next(iter(found), PROPER), "note": " ".join(found.values())}


def thin_factors(model: Model, standard: Standardised, vcov: Array) -> list[str]:
    """Factors that correlate with no other and have fewer than three loadings more than ERRORS errors from zero."""
    error = standard.se(vcov)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.abs(standard.values) > ERRORS * error
    loads: dict[str, int] = {}
    tied: set[str] = set()
    for (_, cell), differs in zip(standard.cells, apart, strict=True):
        if cell.matrix == "lambda":
            loads[cell.column] = loads.get(cell.column, 0) + bool(differs)
        elif cell.matrix == "beta" or (cell.matrix == "psi" and cell.row != cell.column):
            tied |= {cell.row, cell.column}
    return [f for f in model.factors if f not in tied and loads.get(f, 3) < 3]
