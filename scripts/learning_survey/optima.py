"""Where a rotation ends from many random starts: its local optima, and how often each is reached.

A rotation criterion may have several optima; a search from one start finds one of them (Rozeboom 1992, Multivariate
Behavioral Research 27, 585-597). Loadings are (p, k). Methods and sources: docs/methods/factors.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning_survey import rotation
from learning_survey.solution import ENDED, match

Array = NDArray[np.float64]
SAME = 0.01
"""Two ends are one optimum when no loading differs by more, after order and sign."""


@dataclass(frozen=True)
class Optimum:
    """One optimum: the criterion there, the rotated loadings, how many starts end there, and one of them (k, k)."""

    value: float
    pattern: Array
    reached: int
    start: Array


def optima(loadings: Array, name: str, kaiser: bool, starts: Array, wanted: Array | None = None) -> list[Optimum]:
    """The optima of a rotation reached from orthogonal ``starts`` (m, k, k), best first.

    ``name`` is varimax, promax (its optima are varimax's), oblimin, bifactor, or target with the target ``wanted``.
    Searches that did not end are left out. The start of an optimum is the first given that leads there.
    """
    patterns, values, ended = _ends(loadings, name, kaiser, starts, wanted)
    todo = [int(i) for i in np.argsort(values, kind="stable") if ended[i]]
    found: list[Optimum] = []
    while todo:
        best = patterns[todo[0]]
        same = [i for i in todo if apart(best, patterns[i]) <= SAME]
        found.append(Optimum(float(values[todo[0]]), best, len(same), starts[min(same)]))
        todo = [i for i in todo if i not in same]
    return found


def apart(a: Array, b: Array) -> float:
    """The largest difference of loadings between two solutions (p, k) ordered and directed alike."""
    order, sign = match(a, b)
    return float(np.abs(a - b[:, order] * sign).max())


def _ends(
    loadings: Array, name: str, kaiser: bool, starts: Array, wanted: Array | None
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Rotated loadings (m, p, k), the criterion (m) and whether the search ended (m), for each start."""
    if name in ("varimax", "promax"):
        length = rotation.kaiser_weights(loadings) if kaiser else np.ones(1)
        turned = (loadings / length) @ starts
        rows = turned @ rotation.varimax(turned)
        return rows * length, rotation.minus_varimax(rows)[0], np.ones(len(starts), bool)
    if name == "bifactor":
        found = rotation.project(loadings, rotation.bifactor, False, starts, tolerance=ENDED)
    elif name == "target":
        found = rotation.project(loadings, rotation.target(wanted), True, starts, tolerance=ENDED)
    else:
        found = rotation.project(loadings, rotation.oblimin(), True, starts, kaiser=kaiser, tolerance=ENDED)
    return found.pattern, found.value, found.converged
