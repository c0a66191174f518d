"""Which items of a group go against the rest, by their answers.

An item is proposed as reversed when it correlates negatively with the mean of the other items of its group (corrected
item-total correlation: Nunnally and Bernstein 1994, Psychometric Theory, ch. 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey.labels import normalised, whole_number

if TYPE_CHECKING:
    from learning_survey.draft import Item
    from learning_survey.draft_columns import Column
    from learning_survey.lexicon import Scale


def direct(
    items: Sequence[Item], scales: Sequence[Scale], codes: Sequence[int], frame: pl.DataFrame, columns: Sequence[Column]
) -> None:
    """Mark the items of one group that go against the rest, in place, with their correlation with the rest.

    The item that correlates most negatively with the mean of the others is turned, until none does; when more than
    half were turned, the others are the reversed ones.
    """
    place = {id(c): str(k) for k, c in enumerate(columns)}
    x = np.column_stack([_codes(frame[place[id(i.column)]], scales[i.scale], codes) for i in items])
    signs = np.ones(len(items))
    for _ in range(len(items)):
        r = _rest(x * signs)
        if not (np.nan_to_num(r) < 0).any():
            break
        signs[len(r) - 1 - int(np.nanargmin(r[::-1]))] *= -1
    turned = signs < 0
    if 2 * turned.sum() > len(items) or (2 * turned.sum() == len(items) and turned[0]):
        turned = ~turned
    r, others = _rest(x * signs), ~np.isnan(x)
    for k, item in enumerate(items):
        item.reversed = bool(turned[k])
        item.rest_r = float(-r[k] if turned[k] else r[k])
        item.rest_n = int((others[:, k] & np.delete(others, k, axis=1).any(axis=1)).sum())


def _rest(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The correlation of each column with the mean of the others that a row has; NaN where there is none."""
    out = np.full(x.shape[1], np.nan)
    centred = x - np.where(np.isnan(x).all(axis=0), 0, np.nansum(x, axis=0) / np.maximum((~np.isnan(x)).sum(axis=0), 1))
    for k in range(x.shape[1]):
        others = np.delete(centred, k, axis=1)
        n = (~np.isnan(others)).sum(axis=1)
        rest = np.where(n > 0, np.nansum(others, axis=1) / np.maximum(n, 1), np.nan)
        both = ~np.isnan(rest) & ~np.isnan(centred[:, k])
        a, b = centred[both, k], rest[both]
        if both.sum() > 2 and a.std() > 0 and b.std() > 0:
            out[k] = float(np.corrcoef(a, b)[0, 1])
    return out


def _codes(text: pl.Series, scale: Scale, codes: Sequence[int]) -> NDArray[np.float64]:
    """Answers as codes; NaN for everything that the scale does not have. A number is a code and nothing else."""
    known = {normalised(label): code for code, point in zip(codes, scale.points, strict=True) for label in point}
    code: dict[str, int | None] = {}
    for t in text.drop_nulls().unique().to_list():
        number = whole_number(t)
        code[t] = known.get(normalised(t)) if number is None else number if number in codes else None
    return np.array([np.nan if t is None or code[t] is None else code[t] for t in text], dtype=float)
