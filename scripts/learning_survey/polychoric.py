"""The stage 'polychoric': thresholds and polychoric correlations of the items, with errors that know the schools.

The estimates are made in ``polychoric_estimates`` from the two-way tables of the step 'score'. Method and sources:
docs/methods/polychoric.md.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.polychoric_estimates import Polychoric, polychoric, positive_definite
from learning_survey.two_way import TwoWay, pair_index
from learning_survey.uncertainty import t_quantile, withhold

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded

Array = NDArray[np.float64]


def tables(study: Loaded, processed: Path) -> dict[str, pd.DataFrame]:
    """The tables ``polychoric.*``; raises SurveyError for an item that everybody answered alike, or nobody."""
    path = processed / "pairs.npz"
    two_way = TwoWay.load(path)
    fit = polychoric(two_way.pooled().select(study.instrument.item_ids), path)
    labels, parts = two_way.by("cluster")
    errors = fit.clustered(parts.select(study.instrument.item_ids))
    return {
        "correlations": _correlations(study, fit, errors[0], len(labels)),
        "thresholds": _thresholds(study, fit, errors[1]),
        "matrix": _matrix(study, fit),
    }


def interval(r: Array, se: Array, clusters: int, level: float) -> tuple[Array, Array]:
    """Limits of correlations on Fisher's scale, atanh r, with Student's t of ``clusters`` - 1 degrees of freedom.

    NaN where there is no standard error.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        half = t_quantile(clusters - 1, level) * se / (1 - r**2)
        return np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)


def _correlations(study: Loaded, fit: Polychoric, se: Array, clusters: int) -> pd.DataFrame:
    import pandas as pd

    first, second = (np.array(fit.tables.variables)[k] for k in pair_index(len(fit.tau)))
    low, high = interval(fit.r, se, clusters, study.resampling.level)
    numbers = {"r": fit.r, "r_ci_low": low, "r_ci_high": high, "se": se, "se_independent": fit.se_r()}
    frame = pd.DataFrame({"item_a": first, "item_b": second, "n": fit.n, **numbers})
    return withhold(frame, "n", list(numbers), study.min_group)


def _thresholds(study: Loaded, fit: Polychoric, se: Array) -> pd.DataFrame:
    import pandas as pd

    rows, independent = [], fit.se_tau()
    for i, (item, codes) in enumerate(zip(fit.tables.variables, fit.tables.codes, strict=True)):
        used = np.flatnonzero(fit.tables.items[i])
        for position, (k, above) in enumerate(pairwise(used), start=1):
            ends = {"code_below": codes[k], "code_above": codes[above]}
            numbers = {"threshold": fit.tau[i, k], "se": se[i, k], "se_independent": independent[i, k]}
            rows.append({"item": item, "position": position, **ends, "n": fit.tables.items[i].sum(), **numbers})
    return withhold(pd.DataFrame(rows), "n", ["threshold", "se", "se_independent"], study.min_group)


def _matrix(study: Loaded, fit: Polychoric) -> pd.DataFrame:
    """Whether the correlations fit together as one matrix, and how far they are drawn in where they do not."""
    import pandas as pd

    row = {
        "matrix": "items",
        "n_items": len(fit.tau),
        "n": fit.n.min(),
        "positive_definite": False,
        "smallest_eigenvalue": np.nan,
        "largest_change": np.nan,
    }
    if np.isfinite(fit.r).all() and row["n"] >= study.min_group:
        used, fits = positive_definite(fit.matrix)
        row |= {
            "positive_definite": fits,
            "smallest_eigenvalue": float(np.linalg.eigvalsh(fit.matrix)[0]),
            "largest_change": float(np.abs(used - fit.matrix).max()),
        }
    return withhold(pd.DataFrame([row]), "n", ["smallest_eigenvalue", "largest_change"], study.min_group)
