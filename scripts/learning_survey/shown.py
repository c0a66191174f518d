"""What the drawings and the words about them both read from the tables, so that they cannot disagree."""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from learning_survey import style

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Level

    Published = dict[str, str]


def ranked(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """Rows from the highest ``by`` to the lowest, withheld ones last, ties in the order of the table."""
    return frame.sort_values(by, ascending=False, kind="stable", na_position="last").reset_index(drop=True)


def limits(frame: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An estimate and the two ends of its interval as arrays."""
    return tuple(frame[c].to_numpy(float) for c in (name, f"{name}_ci_low", f"{name}_ci_high"))


def published_values(published: Published, prefix: str, names: object) -> np.ndarray:
    """The published number ``<prefix>.<name>`` for each name, NaN where there is none."""
    return np.array([float(published.get(f"{prefix}.{name}", "nan")) for name in names])


def signed(value: float, digits: int = 2) -> str:
    """A number with a true minus sign, and with none when it rounds to zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def school_means(means: pd.DataFrame) -> pd.DataFrame:
    """Schools with a mean over all dimensions, lowest first."""
    d = means[(means.dimension == "all") & means.shrunken.notna()]
    return d.sort_values(["shrunken", "school"], kind="stable").reset_index(drop=True)


def gender_pairs(pairs: pd.DataFrame, dimensions: int) -> list[tuple[str, str]]:
    """All pairs of groups in the table's order, or those with the first group where all would pass a page."""
    all_pairs = list(dict.fromkeys(zip(pairs.group_a, pairs.group_b, strict=True)))
    height = 0.6 + ceil(len(all_pairs) / 3) * (0.55 + 0.19 * dimensions)
    return all_pairs if height <= style.TALLEST else [pair for pair in all_pairs if pair[0] == all_pairs[0][0]]


def gender_order(published: Published) -> list[str]:
    """Groups from highest to lowest as published."""
    return published.get("gender.order", "").split(">")


def stage_steps(levels: list[Level]) -> list[float]:
    """Places between neighbouring levels of different stages, on an axis with a level at each whole number."""
    return [i + 0.5 for i, (a, b) in enumerate(pairwise(levels)) if a.stage != b.stage]


def ends(values: np.ndarray) -> list[int]:
    """Positions of the first and the last number."""
    known = np.flatnonzero(np.isfinite(values))
    return sorted({int(known[0]), int(known[-1])}) if len(known) else []
