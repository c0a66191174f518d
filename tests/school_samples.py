"""Schools with planted extremes, as scores of their students and as cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from samples import make_cells, make_instrument, make_study

from learning_survey import schools
from learning_survey.cells import Cells
from learning_survey.config import Loaded


@dataclass(frozen=True)
class Made:
    """The study, its cells, and students' scores by dimension with their school."""

    study: Loaded
    cells: Cells
    scores: dict[str, np.ndarray]
    names: np.ndarray

    @cached_property
    def means(self) -> pd.DataFrame:
        return schools.means(self.cells, self.study)


def planted() -> Made:
    """24 schools of 30 students; S01 and S02 are strong, S24 is weak, S12 has six students.

    S20 is the next smallest and is withheld with S12, which would be what it leaves of the total.
    """
    rng = np.random.default_rng(14)
    school = np.repeat(np.arange(24), 30)
    keep = ~((school == 11) & (np.arange(720) % 30 >= 6)) & ~((school == 19) & (np.arange(720) % 30 >= 28))
    shift = 0.2 * rng.normal(size=24)
    shift[[0, 1, 23]] = 1.6, 1.5, -1.2
    scores = {
        d: np.clip(np.round(4 * (2.9 + shift[school] + rng.normal(size=720))) / 4, 1, 5)[keep] for d in ("d1", "d2")
    }
    scores["d2"][::50] = np.nan
    instrument = make_instrument()
    study = make_study(instrument, schools={"min_students": 20, "strong_culture": {"min_share": 0.6}})
    names = np.array([f"S{s + 1:02d}" for s in school[keep]])
    return Made(study, make_cells(instrument, scores, school=names), scores, names)
