"""Careless responding: indices for each respondent, what is flagged, and what the flagged change.

longest_run       most identical codes in a row, in the order of the instrument's items; missing answers are passed over
                  (Johnson 2005; Curran 2016)
irv               standard deviation of a respondent's codes as recorded (Dunn et al. 2018)
even_odd          correlation of even with odd halves over the dimensions, stepped up by Spearman-Brown (Johnson 2005)
mahalanobis       squared distance from the mean answers, with the p of chi-square (Curran 2016)
seconds_per_item  seconds for each answered item (Huang et al. 2012; Wood et al. 2017)

Formulas, defaults and full sources: docs/methods/cleaning.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import chi_square
from learning_survey.bands import is_high
from learning_survey.moments import Pooled

if TYPE_CHECKING:
    from learning_survey.clean import Cleaning
    from learning_survey.config import Loaded
    from learning_survey.instrument import Instrument

Array = NDArray[np.float64]
BLOCK = 1 << 14  # rows at a time, few enough to stay in the processor's cache


@dataclass(frozen=True)
class Index:
    """What an index is called, from where it flags unless a study says otherwise, and in which unit that is.

    Without a threshold the index is computed and flags nobody.
    """

    label: str
    threshold: float | None
    unit: str


INDICES = {
    "longest_run": Index("Longest run of identical answers", 0.5, "share of the items, or more"),
    "irv": Index("Variability of the answers", 0.0, "standard deviation of the codes, or less"),
    "even_odd": Index("Even-odd consistency", None, "correlation below"),
    "mahalanobis": Index("Mahalanobis distance", 0.001, "p below"),
    "seconds_per_item": Index("Seconds per item", 1.0, "seconds below"),
}
SHORTEST_RUN = 12  # where each answer repeats the one before with chance 1/2, 36 items hold such a run in 0.6% of rows
NAN = float("nan")
Result = TypeVar("Result")


def threshold_of(index: str, study: Loaded) -> float | None:
    """From where ``index`` flags in this study; None where it flags nobody."""
    own = getattr(study.clean.careless, index).threshold
    return INDICES[index].threshold if own is None else own


def least_run(study: Loaded) -> int:
    """From how many identical answers in a row ``longest_run`` flags: a share of the items, by default 12 or more."""
    share = threshold_of("longest_run", study) * len(study.instrument.items)
    own = study.clean.careless.longest_run.threshold is not None
    return max(math.ceil(share - 1e-9), 0 if own else SHORTEST_RUN)


@dataclass(frozen=True)
class Answers:
    """Codes as recorded, 0 where there is none, and where there is one; (p, N) each."""

    x: NDArray[np.int8]
    seen: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: pl.DataFrame, items: list[str]) -> Answers:
        own = rows.select(items)
        x, seen = (own.select(cells).to_numpy().T for cells in (pl.all().fill_null(0), pl.all().is_not_null()))
        return cls(x, seen)

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> Answers:
        return Answers(self.x[:, rows], self.seen[:, rows])

    @cached_property
    def n(self) -> NDArray[np.int16 | np.int32]:
        """Answers of each row, shape (N,)."""
        return _total(self.given)

    @cached_property
    def given(self) -> NDArray[np.int16]:
        """``seen`` as ones, in the type of ``wide``."""
        return self.seen.astype(np.int16)

    @cached_property
    def wide(self) -> NDArray[np.int16]:
        """``x`` in a type that holds sums and squares."""
        return self.x.astype(np.int16)

    def moments(self) -> Array:
        """Rows that answer both, sums and sums of products of each pair of items, shape (3, p, p); exact."""
        p, largest = len(self.x), max(int(self.x.max(initial=0)), -int(self.x.min(initial=0)))
        # Whole numbers below 2^24 have no rounding in single precision either, and that is twice as quick.
        exact = np.float32 if largest**2 * self.x.shape[1] < 2**24 else np.float64
        both = np.concatenate([self.x, self.seen]).astype(exact)
        products = (both @ both.T).astype(float)
        return np.stack([products[p:, p:], products[:p, p:], products[:p, :p]])


@dataclass(frozen=True)
class Samples:
    """Sums from which ``sensitivity`` follows, by part of the rows: neither flagged nor dropped, flagged, dropped.

    ``totals`` has for each dimension the students with a score, the sum of scores and how many are high, shape
    (dimensions, 3, parts); ``moments`` those of ``Answers.moments``, shape (parts, 3, p, p).
    """

    totals: Array
    moments: Array


def examined(frame: pl.DataFrame, study: Loaded) -> tuple[pl.DataFrame, Samples]:
    """The indices of ``frame`` (rows that all other rules keep; ``seconds`` as a number), a row for each of its rows.

    The columns are those of ``flags.parquet`` behind ``line``: each index (``mahalanobis`` also with its p),
    ``flag_<index>``, null where the answers do not allow it or the study switches it off, and ``kept``.
    """
    instrument, items, rules = study.instrument, study.instrument.item_ids, study.clean.careless
    on = [index for index in INDICES if getattr(rules, index).action != "off"]
    drops = [f"flag_{index}" for index in INDICES if getattr(rules, index).action == "drop"]
    all_answers = Answers.of(frame, items)
    everyone = np.sum(_each_block(lambda rows: all_answers[rows].moments(), frame.height), axis=0)
    centre = _centre(everyone, frame.height) if "mahalanobis" in on else None
    seconds = frame["seconds"].cast(pl.Float64).fill_null(NAN).to_numpy()

    def block(rows: slice) -> tuple[dict[str, Array], NDArray[np.bool_], Array, Array]:
        answers = all_answers[rows]
        nothing, n = np.full(len(seconds[rows]), NAN), answers.n
        halves = Halves.of(answers, instrument)
        distance, p = mahalanobis(answers, *centre) if centre else (nothing, nothing)
        values = {
            "longest_run": longest_run(answers) if "longest_run" in on else nothing,
            "irv": variability(answers) if "irv" in on else nothing,
            "even_odd": even_odd(halves) if "even_odd" in on else nothing,
            "mahalanobis": distance,
            "seconds_per_item": seconds[rows] / np.where(n, n, NAN) if "seconds_per_item" in on else nothing,
            "mahalanobis_p": p,
        }
        flags = {f"flag_{i}": _flagged(i, values, study) for i in INDICES}
        dropped = np.any([np.zeros_like(nothing, bool), *(flags[flag] for flag in drops)], axis=0)
        part = np.where(dropped, 2, np.any(list(flags.values()), axis=0))
        odd = [answers[part == k].moments() for k in (1, 2)]
        return {**values, **flags, "kept": ~dropped}, halves.totals(part, instrument), np.stack(odd)

    found, totals, odd = zip(*_each_block(block, frame.height), strict=True)
    apart = np.sum(odd, axis=0)
    moments = np.stack([everyone - apart.sum(axis=0), *apart])
    columns = pl.DataFrame({name: np.concatenate([values[name] for values in found]) for name in found[0]})
    columns = columns.with_columns(pl.col(pl.Float64).fill_nan(None)).with_columns(
        pl.col("longest_run").cast(pl.Int16),
        *(pl.when(pl.col(i).is_not_null()).then(pl.col(f"flag_{i}")).alias(f"flag_{i}") for i in INDICES),
    )
    return columns, Samples(np.sum(totals, axis=0), moments)


def _each_block(work: Callable[[slice], Result], height: int) -> list[Result]:
    """What ``work`` gives for each BLOCK of rows, in their order; two at a time, since arrays need no interpreter."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(work, (slice(first, first + BLOCK) for first in range(0, height, BLOCK))))


def _flagged(index: str, values: dict[str, Array], study: Loaded) -> NDArray[np.bool_]:
    """Which rows an index flags; none where it has no value (NaN) or no threshold."""
    limit, value = threshold_of(index, study), values["mahalanobis_p" if index == "mahalanobis" else index]
    if limit is None:
        return np.zeros(len(value), bool)
    if index == "longest_run":
        return value >= least_run(study)
    return value <= limit + 1e-9 if index == "irv" else value < limit


def drop_flagged(work: Cleaning, found: pl.DataFrame, study: Loaded) -> pl.DataFrame:
    """Drop the flagged rows where the study says so; returns ``flags.parquet``, a row for each of ``found``."""
    values = {
        "longest_run": ("items", pl.format("{} in a row", "longest_run")),
        "irv": ("items", pl.format("standard deviation {}", pl.col("irv").round(3))),
        "even_odd": ("items", pl.format("consistency {}", pl.col("even_odd").round(3))),
        "mahalanobis": ("items", pl.format("squared distance {}", pl.col("mahalanobis").round(3))),
        "seconds_per_item": ("seconds", pl.format("{} for each item", pl.col("seconds_per_item").round(3))),
    }
    flags = work.frame.select("file", "line").hstack(found)
    if not flags["kept"].all():
        columns = work.frame.columns
        work.frame = work.frame.hstack(found)
        for index, (column, raw) in values.items():
            if getattr(study.clean.careless, index).action == "drop":
                label = f"Careless responding: {INDICES[index].label[0].lower()}{INDICES[index].label[1:]}"
                work.drop(f"careless_{index}", label, pl.col(f"flag_{index}"), column, raw)
        work.frame = work.frame.select(columns)
    assert work.frame.height == flags["kept"].sum(), "rows dropped as careless are not those flagged"
    return flags


# ---------------------------------------------------------------- indices of N rows


def _total(parts: Sequence[NDArray]) -> NDArray[np.int16 | np.int32]:
    """The sum of arrays of codes or of ones, in a type that holds the sum of so many bytes."""
    total = parts[0].astype(np.int16 if len(parts) < 256 else np.int32)
    for part in parts[1:]:
        total += part
    return total


def longest_run(answers: Answers) -> Array:
    """Most identical answers in a row, shape (N,); NaN without an answer."""
    last, run, longest = (np.zeros(answers.x.shape[1], kind) for kind in (np.int8, np.int16, np.int16))
    for column, seen in zip(answers.x, answers.seen, strict=True):
        code = np.where(seen, column, last)  # a gap repeats what is before it and does not count
        run = run * (code == last) + seen
        longest, last = np.maximum(longest, run), code
    return np.where(longest > 0, longest, NAN)


def variability(answers: Answers) -> Array:
    """Standard deviation (n - 1) of a row's answers, shape (N,); NaN with fewer than two."""
    n, total = answers.n.astype(float), _total(answers.wide).astype(float)
    squares = np.zeros(len(n), np.int32)
    for column in answers.wide:
        squares += column * column
    return np.sqrt((n * squares - total**2) / np.where(n > 1, n * (n - 1), NAN))


@dataclass(frozen=True)
class Halves:
    """Sums of a dimension's odd and even items in its direction, and of how many; (2, dimensions, N) each."""

    total: NDArray[np.int16 | np.int32]
    count: NDArray[np.int16 | np.int32]

    @classmethod
    def of(cls, answers: Answers, instrument: Instrument) -> Halves:
        items = instrument.item_ids
        ends = {i: (c := instrument.response_of(i).codes)[0] + c[-1] for i in instrument.reversed_ids}
        x = answers.wide.copy()
        for item, both in ends.items():
            k = items.index(item)
            x[k] = np.where(answers.seen[k], both - x[k], 0)
        places = [[items.index(i) for i in instrument.items_of(d)] for d in instrument.dimension_ids]
        total, count = (
            np.array([[_total([of[k] for k in own[half::2]]) for own in places] for half in (0, 1)])
            for of in (x, answers.given)
        )
        return cls(total, count)

    def totals(self, part: NDArray[np.int64], instrument: Instrument) -> Array:
        """``Samples.totals`` of these rows; ``part`` (N,) is the part of each."""
        total, count = self.total.sum(axis=0), self.count.sum(axis=0)
        enough = count >= instrument.score.min_items
        score = np.where(enough, total / np.maximum(count, 1), 0.0)
        values = np.stack([enough, score, enough * is_high(score, instrument)], axis=1)
        return values @ (part[:, None] == np.arange(3)).astype(float)


def even_odd(halves: Halves) -> Array:
    """Correlation of the dimensions' odd halves with their even halves, 2r / (1 + r) and at least -1; shape (N,).

    NaN with fewer than three dimensions of which both halves are answered, or with halves that do not vary.
    """
    both = (halves.count > 0).all(axis=0)
    n = both.sum(axis=0)
    with np.errstate(all="ignore"):
        means = np.where(both, halves.total / halves.count, 0.0)
        odd, even = np.where(both, means - (means.sum(axis=1) / n)[:, None], 0.0)
        spread = np.sqrt((odd**2).sum(axis=0) * (even**2).sum(axis=0))
        r = np.where((n >= 3) & (spread > 1e-9), (odd * even).sum(axis=0) / spread, NAN)
        return np.where(np.isnan(r), NAN, np.where(r > -1 / 3, 2 * r / (1 + r), -1.0))


def mahalanobis(answers: Answers, mean: Array, inverse: Array) -> tuple[Array, Array]:
    """Squared distance of a row's answers from ``mean`` and its p, chi-square with as many df as answers; (N,) each.

    For a row that lacks the answers m this is z'Kz - y_m' K_mm^-1 y_m with y = Kz (``em``); NaN without an answer.
    """
    z = (answers.x - mean[:, None]) * answers.seen
    y, n, p = inverse @ z, answers.n, len(mean)
    distance = np.einsum("in,in->n", y, z)
    for lacks in np.unique(p - n[(n > 0) & (n < p)]):
        rows = np.flatnonzero(p - n == lacks)
        for at in np.array_split(rows, 1 + len(rows) * int(lacks) ** 2 // (1 << 20)):
            gone = np.nonzero(~answers.seen[:, at].T)[1].reshape(len(at), lacks)
            distance[at] -= _quadratic(inverse[gone.T[:, None], gone.T[None, :]], y[gone.T, at])
    distance = np.where(n > 0, np.maximum(distance, 0), NAN)
    return distance, chi_square.above(distance, n)


def _quadratic(a: Array, v: Array) -> Array:
    """By elimination v'A^-1 v for each of N positive definite matrices ``a`` (k, k, N) and vectors ``v`` (k, N)."""
    total = np.zeros(v.shape[1])
    for j in range(len(v)):
        total += v[j] ** 2 / a[j, j]
        factor = a[j + 1 :, j] / a[j, j]
        v[j + 1 :] -= factor * v[j]
        a[j + 1 :, j + 1 :] -= factor[:, None] * a[j, j + 1 :]
    return total


def pooled(moments: Array) -> Pooled:
    """``Answers.moments`` as such of ``moments``, without the squares that only correlations need."""
    n, s, c = moments
    return Pooled((), n, s, np.full_like(c, NAN), c)


def _centre(everyone: Array, rows: int) -> tuple[Array, Array] | None:
    """Means and inverse pairwise covariances; None where these are singular or rest on too few rows."""
    them = pooled(everyone)
    if rows <= 2 * everyone.shape[-1] or them.n.min() < 2:
        return None
    values = np.linalg.eigvalsh(cov := them.cov())
    return (them.mean, np.linalg.inv(cov)) if values[0] > 1e-8 * values[-1] else None
