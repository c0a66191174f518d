"""Figures of the published report by name, as printed: ``config/published/<name>.csv``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.claims import Claim, number, read_claims
from learning_survey.errors import SurveyError

if TYPE_CHECKING:
    from learning_survey.config import Loaded

Array = NDArray[np.float64]


def printed_file(study: Loaded) -> Path:
    return study.root / "config" / "published" / f"{study.published}.csv"


def printed_claims(study: Loaded) -> dict[str, Claim]:
    """Every published claim by its id; none where the study has no published figures."""
    return {c.claim_id: c for c in read_claims(printed_file(study))} if study.published else {}


def figure(claim: Claim, path: Path) -> float:
    """A claim's figure; raises SurveyError when it is not a number."""
    try:
        return number(claim.published)
    except ValueError:
        raise SurveyError(
            f"{claim.claim_id} is not a number: '{claim.published}'", where=path, remedy="Correct the row."
        ) from None


def published_loadings(study: Loaded) -> Array | None:
    """Published pattern (dimensions, factors), or None where the study has none.

    Cells are the claims ``loading.<dimension>.<factor>``. Raises SurveyError when some but not all are there.
    """
    if not (study.published and study.instrument.factors):
        return None
    path = printed_file(study)
    cells = {name: claim for name, claim in printed_claims(study).items() if name.startswith("loading.")}
    names = [[f"loading.{d}.{f.id}" for f in study.instrument.factors] for d in study.instrument.dimension_ids]
    wanted = {name for row in names for name in row}
    if not cells:
        return None
    if wanted != set(cells):
        raise SurveyError(
            f"loadings do not fit the instrument: {', '.join(sorted(wanted ^ set(cells))[:5])} missing or unknown",
            where=path,
            remedy="Give one row for each dimension and factor of the instrument.",
        )
    return np.array([[figure(cells[name], path) for name in row] for row in names])
