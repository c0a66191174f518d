"""Bands of a dimension score, and which scores count as high."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from learning_survey.instrument import Instrument

EXACT = 1e-9  # a mean such as 2.6 = 13 / 5 may fall short of its cut point by a rounding error, never by this much


def band_of(scores: ArrayLike, instrument: Instrument) -> NDArray[np.int64]:
    """The band of each score: its position in ``instrument.bands``, from 0; -1 where the score is missing (NaN).

    A band holds scores from its own start up to the next band's start.
    """
    x = np.asarray(scores, dtype=float)
    starts = np.array([band.start for band in instrument.bands]) - EXACT
    return np.where(np.isnan(x), -1, np.searchsorted(starts, x, side="right") - 1)


def is_high(scores: ArrayLike, instrument: Instrument) -> NDArray[np.float64]:
    """1 where a score is in a high band, 0 where it is not, NaN where it is missing."""
    x = np.asarray(scores, dtype=float)
    return np.where(np.isnan(x), np.nan, x >= instrument.high_from - EXACT)
