"""What the drawings and the words about them both read from the tables, so that they cannot disagree."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from learning_survey import style

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Level, Loaded

PAGE_ROWS = 44  # items named by their ids that fill a page


@dataclass(frozen=True)
class Shown:
    """What a figure shows: tables by name (``learning_survey.schemas``), and published figures by claim id, if any.

    ``one_school``: all students with a school are in the same one.
    """

    study: Loaded
    tables: dict[str, pd.DataFrame]
    published: dict[str, str]
    one_school: bool = False

    @property
    def in_schools(self) -> bool:
        """As ``values.Tables.in_schools``."""
        return self.study.columns.school is not None and not self.one_school


def ranked(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """Rows from the highest ``by`` to the lowest, withheld ones last, ties in the order of the table."""
    return frame.sort_values(by, ascending=False, kind="stable", na_position="last").reset_index(drop=True)


def limits(frame: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An estimate and the two ends of its interval as arrays."""
    return tuple(frame[c].to_numpy(float) for c in (name, f"{name}_ci_low", f"{name}_ci_high"))


def published_values(published: dict[str, str], prefix: str, names: object) -> np.ndarray:
    """The published number ``<prefix>.<name>`` for each name, NaN where there is none."""
    return np.array([float(published.get(f"{prefix}.{name}", "nan")) for name in names])


def signed(value: float, digits: int = 2) -> str:
    """A number with a true minus sign, and with none when it rounds to zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def lowered(label: str) -> str:
    """A label inside a sentence: a small first letter, unless it begins with an abbreviation."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def school_means(means: pd.DataFrame) -> pd.DataFrame:
    """Schools with a mean over all dimensions, lowest first."""
    d = means[(means.dimension == "all") & means.shrunken.notna()]
    return d.sort_values(["shrunken", "school"], kind="stable").reset_index(drop=True)


def item_names(items: pd.DataFrame) -> tuple[list[str], bool]:
    """Names of items as drawn, (R) for a reversed one: folded wordings, or ids where those would pass a page.

    The second value says whether they are ids.
    """
    marks = [" (R)" if turned else "" for turned in items.reversed]
    wordings = [style.folded(w + mark, 3.05) for w, mark in zip(items.wording, marks, strict=True)]
    if row_heights(wordings).sum() <= style.TALLEST - 0.7:
        return wordings, False
    return [name + mark for name, mark in zip(items["item"], marks, strict=True)], True


def row_heights(names: list[str]) -> np.ndarray:
    """Inches for the bar of an item with each name."""
    return np.array([max(0.165, 0.118 * style.lines(name) + 0.035) for name in names])


def gender_panels(study: Loaded, pairs: pd.DataFrame) -> list[list[tuple[str, str]]]:
    """The pairs of groups in each panel: one each, or where that would pass a page, one panel with the first
    group's pairs.
    """
    every = list(dict.fromkeys(zip(pairs.group_a, pairs.group_b, strict=True)))
    labels = [v.label for v in study.instrument.dimensions]
    height = 0.6 + ceil(len(every) / 3) * (0.55 + style.pitch(labels, 1.5, 0.19) * len(labels))
    if len(every) <= 3 or height <= style.TALLEST:
        return [[pair] for pair in every]
    return [[pair for pair in every if pair[0] == every[0][0]]]


def stage_steps(levels: list[Level]) -> list[float]:
    """Places between neighbouring levels of different stages, on an axis with a level at each whole number."""
    return [i + 0.5 for i, (a, b) in enumerate(pairwise(levels)) if a.stage != b.stage]


def ends(values: np.ndarray) -> list[int]:
    """Positions of the first and the last number."""
    known = np.flatnonzero(np.isfinite(values))
    return sorted({int(known[0]), int(known[-1])}) if len(known) else []
