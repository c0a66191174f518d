"""Columns of texts that repeat, held as the numbers of their texts: each different text is looked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import polars as pl

FIELD = pl.Categorical(pl.Categories("fields"))  # the texts of all fields, and names of files, are numbered together


def recoded(cells: pl.Series, meaning: Callable[[pl.Series], Iterable[Any]], dtype: Any = FIELD) -> pl.Series:
    """``cells``, a Categorical, with what their texts mean as ``dtype``; null stays null.

    ``meaning`` is asked once, for the different texts.
    """
    given = cells.unique().drop_nulls()
    numbers = given.to_physical()
    place = [None] * (numbers.max() + 1 if len(given) else 1)
    for number, means in zip(numbers, meaning(given.cast(pl.String)), strict=True):
        place[number] = means
    return pl.Series(cells.name, place, dtype=dtype).gather(cells.to_physical())


def enumerated(cells: pl.Series) -> pl.Series:
    """``cells``, a Categorical, as an Enum of its own texts, sorted.

    A Categorical numbers texts as they come in, and keeps those that are in its columns no longer.
    """
    texts = cells.unique().drop_nulls().cast(pl.String).sort()
    return recoded(cells, lambda own: own, pl.Enum(texts))
