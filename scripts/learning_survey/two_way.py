"""Two-way tables of items, one for every pair: one pass over the rows, then no cost that depends on their number.

In each cell g (a cluster of students of one group and gender), for items i < j of p with categories a, b of at most K,

    items[g, i, a]      students who chose a of item i
    pairs[g, ij, a, b]  students who chose a of item i and b of item j

Pairs stand in the order (1, 2), (1, 3), …, (2, 3), …. An item with fewer than K categories has zeros in the last ones.
Everything adds over cells. The tables of a cell are the product of its students' 0/1 indicators of categories with
themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learning_survey.errors import SurveyError
from learning_survey.tables import replacing

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
Choices = NDArray[np.int8]
Scales = Sequence[Sequence[float]]  # the response codes of each item
KEYS = ("cluster", "group", "gender")
BLOCK = 50_000  # rows whose indicators are in memory at a time; a count in a block is exact in single precision


@dataclass(frozen=True)
class Tables:
    """Counts of one set of students: ``items`` (..., p, K) and ``pairs`` (..., P, K, K), P = p(p-1)/2.

    ``codes`` are the response codes of each item's categories.
    """

    variables: tuple[str, ...]
    codes: tuple[tuple[float, ...], ...]
    items: Array
    pairs: Array

    def select(self, names: Sequence[str]) -> Tables:
        """The tables of some items, in the order given."""
        at = np.array([self.variables.index(name) for name in names], dtype=int)
        first, second = pair_index(len(at))
        i, j = at[first], at[second]
        position = np.zeros((len(self.variables),) * 2, dtype=int)
        position[pair_index(len(self.variables))] = np.arange(self.pairs.shape[-3])
        own = self.pairs[..., position[np.minimum(i, j), np.maximum(i, j)], :, :]
        turned = np.where((i > j)[:, None, None], np.swapaxes(own, -1, -2), own)
        return Tables(tuple(names), tuple(self.codes[a] for a in at), self.items[..., at, :], turned)


@dataclass(frozen=True)
class TwoWay:
    """Tables by cell: ``items`` (C, p, K) and ``pairs`` (C, P, K, K), unsigned; ``cells`` (C, 3) holds KEYS of each.

    A group or gender that is not known is an empty text.
    """

    variables: tuple[str, ...]
    codes: tuple[tuple[float, ...], ...]
    cells: NDArray[np.str_]
    items: NDArray[np.unsignedinteger]
    pairs: NDArray[np.unsignedinteger]

    @classmethod
    def of(cls, x: Choices, variables: Sequence[str], codes: Scales, keys: NDArray[np.str_]) -> TwoWay:
        """Tables of rows ``x`` (N × p, categories from 0 as ``choices`` gives, -1 where unanswered); ``keys`` N × 3."""
        if x.shape != (len(keys), len(variables)) or len(codes) != len(variables):
            raise ValueError(f"{x.shape} choices for {len(keys)} rows and {len(variables)} variables")
        cells, cell = np.unique(keys, axis=0, return_inverse=True)
        order = np.argsort(cell.ravel(), kind="stable")
        bounds = np.searchsorted(cell.ravel()[order], np.arange(len(cells) + 1))
        p, size = x.shape[1], max(len(c) for c in codes)
        places = np.arange((p * size) ** 2).reshape(p, size, p, size)
        first, second = pair_index(p)
        of_pairs = places[first, :, second, :]
        of_items = places[np.arange(p)[:, None], np.arange(size), np.arange(p)[:, None], np.arange(size)]
        items, pairs = (np.empty((len(cells), *at.shape), np.uint32) for at in (of_items, of_pairs))
        for g in range(len(cells)):
            products = _products(x[order[bounds[g] : bounds[g + 1]]], size)
            items[g], pairs[g] = products.take(of_items), products.take(of_pairs)
        return cls(tuple(variables), tuple(tuple(c) for c in codes), cells, _smallest(items), _smallest(pairs))

    def pooled(self, chosen: NDArray[np.bool_] | None = None) -> Tables:
        """Sum over cells, or over those ``chosen`` by a flag for each."""
        pick = slice(None) if chosen is None else chosen
        items, pairs = (a[pick].sum(axis=0, dtype=np.int64).astype(float) for a in (self.items, self.pairs))
        return Tables(self.variables, self.codes, items, pairs)

    def by(self, key: str, chosen: NDArray[np.bool_] | None = None) -> tuple[list[str], Tables]:
        """Labels of the clusters, groups or genders (``key`` is one of KEYS) and the sums of their cells, stacked."""
        column = self.cells[:, KEYS.index(key)]
        inside = (column != "") & (True if chosen is None else chosen)
        labels = np.unique(column[inside]).tolist()
        sums = [self.pooled(inside & (column == label)) for label in labels]
        items, pairs = (
            np.array([getattr(t, a) for t in sums]).reshape(-1, *getattr(self, a).shape[1:]) for a in ("items", "pairs")
        )
        return labels, Tables(self.variables, self.codes, items, pairs)

    def save(self, path: Path) -> None:
        code = np.full((len(self.codes), self.items.shape[-1]), np.nan)
        for row, own in zip(code, self.codes, strict=True):
            row[: len(own)] = own
        with replacing(path) as temporary, temporary.open("wb") as file:
            names = np.array(self.variables, dtype=str)
            np.savez(file, variables=names, codes=code, cells=self.cells, items=self.items, pairs=self.pairs)

    @classmethod
    def load(cls, path: Path) -> TwoWay:
        """Raises SurveyError when ``path`` is not a file of such tables, or its counts contradict each other."""
        try:
            with np.load(path) as file:
                names, codes, cells, items, pairs = (
                    file[name] for name in ("variables", "codes", "cells", "items", "pairs")
                )
            _check(names, codes, cells, items, pairs)
        except (OSError, ValueError, KeyError) as error:
            raise SurveyError(
                f"not a file of two-way tables: {error}",
                where=path,
                remedy="Run the pipeline; the step 'score' makes it.",
            ) from None
        return cls(tuple(names.tolist()), tuple(tuple(c[~np.isnan(c)].tolist()) for c in codes), cells, items, pairs)


def pair_index(p: int) -> tuple[Codes, Codes]:
    """First and second item of each pair, in order."""
    first, second = np.triu_indices(p, 1)
    return first, second


def choices(x: Array, codes: Scales) -> Choices:
    """Answers (N × p, NaN where there is none) as positions in each item's ``codes``; -1 where there is none.

    Raises ValueError for an answer that is not among the codes.
    """
    found = np.full(x.shape, -1, dtype=np.int8)
    for j, own in enumerate(codes):
        for a, code in enumerate(own):
            found[x[:, j] == code, j] = a
    if np.any((found < 0) & ~np.isnan(x)):
        raise ValueError("an answer is not among its item's codes")
    return found


def _products(x: Choices, size: int) -> NDArray[np.unsignedinteger]:
    """Products of the 0/1 indicators of each item's ``size`` categories, summed over rows: (p K, p K)."""
    width = x.shape[1] * size
    total = np.zeros((width, width), dtype=np.uint32)
    for start in range(0, len(x), BLOCK):
        chosen = (x[start : start + BLOCK, :, None] == np.arange(size, dtype=np.int8)).reshape(-1, width)
        chosen = chosen.astype(np.float32)
        total += (chosen.T @ chosen).astype(np.uint32)
    return total


def _smallest(counts: NDArray[np.uint32]) -> NDArray[np.unsignedinteger]:
    """The counts as the smallest unsigned integers that hold them."""
    return counts.astype(np.min_scalar_type(counts.max(initial=0)))


def _check(names: NDArray, codes: Array, cells: NDArray, items: NDArray, pairs: NDArray) -> None:
    p, size = codes.shape
    shapes = ((len(cells), p, size), (len(cells), p * (p - 1) // 2, size, size))
    if names.shape != (p,) or cells.shape[1:] != (len(KEYS),) or (items.shape, pairs.shape) != shapes:
        raise ValueError("its arrays do not belong together")
    if any(a.dtype.kind != "u" for a in (items, pairs)):
        raise ValueError("its counts are not whole numbers")
    first, second = pair_index(p)
    items, pairs = (a.sum(axis=0, dtype=np.int64) for a in (items, pairs))
    if np.any(pairs.sum(axis=-1) > items[first]) or np.any(pairs.sum(axis=-2) > items[second]):
        raise ValueError("a pair has more answers than its items")
