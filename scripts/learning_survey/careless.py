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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import em
from learning_survey.moments import Moments
from learning_survey.reliability import alpha
from learning_survey.score import is_high

if TYPE_CHECKING:
    from learning_survey.clean import Cleaning
    from learning_survey.config import Instrument, Loaded

Array = NDArray[np.float64]
BLOCK = 100_000  # rows at a time


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


def examined(frame: pl.DataFrame, study: Loaded) -> pl.DataFrame:
    """``frame`` (rows that all other rules keep; ``seconds`` as a number) with the columns of the indices.

    Adds for each index its value (``mahalanobis`` also its p) and ``flag_<index>``; null where the answers do not
    allow it or the study switches it off.
    """
    instrument, items = study.instrument, study.instrument.item_ids
    on = [index for index in INDICES if getattr(study.clean.careless, index).action != "off"]
    centre = _centre(frame, items) if "mahalanobis" in on else None

    def block(rows: pl.DataFrame) -> pl.DataFrame:
        x = rows.select(pl.col(items).cast(pl.Float64).fill_null(NAN)).to_numpy()
        answered = (~np.isnan(x)).sum(axis=1)
        nothing = np.full(len(x), NAN)
        distance, p = mahalanobis(x, *centre) if centre else (nothing, nothing)
        seconds = rows["seconds"].fill_null(NAN).to_numpy()
        columns = {
            "longest_run": longest_run(x) if "longest_run" in on else nothing,
            "irv": variability(x) if "irv" in on else nothing,
            "even_odd": even_odd(directed(x, instrument), instrument) if "even_odd" in on else nothing,
            "mahalanobis": distance,
            "mahalanobis_p": p,
            "seconds_per_item": seconds / np.where(answered, answered, NAN) if "seconds_per_item" in on else nothing,
        }
        return pl.DataFrame(columns).fill_nan(None)

    found = pl.concat(_each_block(block, frame)).with_columns(pl.col("longest_run").cast(pl.Int16))
    return frame.hstack(found).with_columns(_flag(i, study).alias(f"flag_{i}") for i in INDICES)


def _each_block(work: Callable[[pl.DataFrame], Result], frame: pl.DataFrame) -> list[Result]:
    """What ``work`` gives for each BLOCK of rows, in their order; two at a time, since arrays need no interpreter."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(work, frame.iter_slices(BLOCK)))


def _flag(index: str, study: Loaded) -> pl.Expr:
    limit = threshold_of(index, study)
    if limit is None:
        return pl.when(pl.col(index).is_not_null()).then(False)
    if index == "longest_run":
        return pl.col(index) >= least_run(study)
    if index == "irv":
        return pl.col(index) <= limit + 1e-9
    return pl.col("mahalanobis_p" if index == "mahalanobis" else index) < limit


def drop_flagged(work: Cleaning, found: pl.DataFrame, study: Loaded) -> pl.DataFrame:
    """Drop the flagged rows where the study says so; returns ``flags.parquet``, a row for each of ``found``."""
    values = {
        "longest_run": ("items", pl.format("{} in a row", "longest_run")),
        "irv": ("items", pl.format("standard deviation {}", pl.col("irv").round(3))),
        "even_odd": ("items", pl.format("consistency {}", pl.col("even_odd").round(3))),
        "mahalanobis": ("items", pl.format("squared distance {}", pl.col("mahalanobis").round(3))),
        "seconds_per_item": ("seconds", pl.format("{} for each item", pl.col("seconds_per_item").round(3))),
    }
    columns = work.frame.columns
    work.frame = found
    for index, (column, raw) in values.items():
        if getattr(study.clean.careless, index).action == "drop":
            label = f"Careless responding: {INDICES[index].label[0].lower()}{INDICES[index].label[1:]}"
            work.drop(f"careless_{index}", label, pl.col(f"flag_{index}"), column, raw)
    kept = work.frame.select("file", "line", pl.lit(True).alias("kept"))
    work.frame = work.frame.select(columns)
    flags = found.select("file", "line", *INDICES, "mahalanobis_p", *(f"flag_{i}" for i in INDICES))
    if kept.height == found.height:
        return flags.with_columns(pl.lit(True).alias("kept"))
    return flags.join(kept, on=["file", "line"], how="left", maintain_order="left").with_columns(
        pl.col("kept").fill_null(False)
    )


# ---------------------------------------------------------------- indices of rows x (N, p), NaN where unanswered


def longest_run(x: Array) -> Array:
    """Most identical answers in a row, shape (N,); NaN without an answer."""
    run, longest, last = np.zeros(len(x)), np.zeros(len(x)), np.full(len(x), NAN)
    for column in x.T:
        answered = ~np.isnan(column)
        run = np.where(answered, np.where(column == last, run + 1, 1), run)
        last = np.where(answered, column, last)
        longest = np.maximum(longest, run)
    return np.where(longest > 0, longest, NAN)


def variability(x: Array) -> Array:
    """Standard deviation (n - 1) of a row's answers, shape (N,); NaN with fewer than two."""
    answered = ~np.isnan(x)
    n, filled = answered.sum(axis=1), np.where(answered, x, 0.0)
    with np.errstate(all="ignore"):
        mean = filled.sum(axis=1) / n
        return np.sqrt((np.where(answered, x - mean[:, None], 0.0) ** 2).sum(axis=1) / np.where(n > 1, n - 1, NAN))


def directed(x: Array, instrument: Instrument) -> Array:
    """Answers in the direction of their dimensions."""
    turned = np.isin(instrument.item_ids, instrument.reversed_ids)
    return np.where(turned, instrument.response.codes[0] + instrument.response.codes[-1] - x, x)


def even_odd(x: Array, instrument: Instrument) -> Array:
    """Correlation of the dimensions' odd halves with their even halves, 2r / (1 + r) and at least -1; shape (N,).

    NaN with fewer than three dimensions of which both halves are answered, or with halves that do not vary.
    """
    halves = []
    for dimension in instrument.dimension_ids:
        own = [instrument.item_ids.index(i) for i in instrument.items_of(dimension)]
        halves.append([_mean(x[:, own[0::2]]), _mean(x[:, own[1::2]])])
    odd, even = np.array(halves).transpose(1, 2, 0)
    both = ~np.isnan(odd) & ~np.isnan(even)
    n = both.sum(axis=1)
    with np.errstate(all="ignore"):
        odd, even = (np.where(both, h - (np.where(both, h, 0).sum(axis=1) / n)[:, None], 0.0) for h in (odd, even))
        spread = np.sqrt((odd**2).sum(axis=1) * (even**2).sum(axis=1))
        r = np.where((n >= 3) & (spread > 1e-9), (odd * even).sum(axis=1) / spread, NAN)
        return np.where(np.isnan(r), NAN, np.where(r > -1 / 3, 2 * r / (1 + r), -1.0))


def _mean(x: Array) -> Array:
    n = (~np.isnan(x)).sum(axis=1)
    with np.errstate(all="ignore"):
        return np.nansum(x, axis=1) / np.where(n > 0, n, NAN)


def mahalanobis(x: Array, mean: Array, inverse: Array) -> tuple[Array, Array]:
    """Squared distance of a row's answers from ``mean`` and its p, chi-square with as many df as answers; (N,) each."""
    from scipy.special import chdtrc

    distance, p = np.full(len(x), NAN), np.full(len(x), NAN)
    for group in em.grouped(x):
        d = np.maximum(group.distance(mean, inverse), 0)
        distance[group.at], p[group.at] = d, chdtrc(x.shape[1] - group.gone.shape[1], d)
    return distance, p


def _centre(frame: pl.DataFrame, items: list[str]) -> tuple[Array, Array] | None:
    """Means and inverse pairwise covariances; None where these are singular or rest on too few rows."""
    if frame.height <= 2 * len(items):
        return None

    def block(rows: pl.DataFrame) -> Moments:
        x = rows.select(pl.col(items).cast(pl.Float64).fill_null(NAN)).to_numpy()
        return Moments.of(x, items, np.zeros(len(x), np.int8))

    parts = _each_block(block, frame)
    arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in "nsqc")
    pooled = Moments(tuple(items), tuple(str(k) for k in range(len(parts))), *arrays).pooled()
    if pooled.n.min() < 2:
        return None
    values = np.linalg.eigvalsh(cov := pooled.cov())
    return (pooled.mean, np.linalg.inv(cov)) if values[0] > 1e-8 * values[-1] else None


# ---------------------------------------------------------------- tables


def summary(flags: pl.DataFrame, study: Loaded) -> pl.DataFrame:
    """``clean.careless``: how many each index flags, and how many any of them; withheld where they are few."""
    rows = []
    for index, about in INDICES.items():
        n = flags[f"flag_{index}"].count()
        share = [n, int(flags[f"flag_{index}"].sum() or 0)]
        action = getattr(study.clean.careless, index).action
        rows.append([index, about.label, threshold_of(index, study), about.unit, action, *share])
    flagged = _any(flags)
    rows.append(["any", "Any of them", None, None, None, flags.height, int(flagged.sum())])
    columns = ["index", "label", "threshold", "unit", "action", "n", "flagged"]
    frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    frame = frame.with_columns((pl.col("flagged") / pl.col("n")).fill_nan(None).alias("share"))
    few = (pl.col("flagged") < study.min_group) & (pl.col("flagged") > 0) | (pl.col("n") < study.min_group)
    return frame.with_columns(pl.when(~few).then(pl.col(c)).alias(c) for c in ("flagged", "share"))


def _any(flags: pl.DataFrame) -> pl.Series:
    return flags.select(pl.any_horizontal(pl.col(f"flag_{i}").fill_null(False) for i in INDICES)).to_series()


SAMPLES = {"analysed": (0, 1), "with_dropped": (0, 1, 2), "without_flagged": (0,)}


def sensitivity(found: pl.DataFrame, flags: pl.DataFrame, study: Loaded) -> pl.DataFrame:
    """``clean.sensitivity``: each dimension's mean, share high and alpha in three samples.

    Those analysed; with the rows that were dropped as careless; and without any flagged row.
    """
    part = np.where(flags["kept"].to_numpy(), _any(flags).to_numpy().astype(np.int8), 2).astype(np.int8)
    rows = []
    for dimension in study.instrument.dimensions:
        own = study.instrument.items_of(dimension.id)
        values = _by_part(found, own, part, study.instrument)
        for sample, parts in SAMPLES.items():
            estimates = _estimates(values, parts)
            if estimates[0] < study.min_group:
                estimates = (None,) * 4
            rows.append((dimension.id, dimension.label, sample, *estimates))
    columns = ["dimension", "label", "sample", "n", "mean", "share_high", "alpha"]
    frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    return frame.with_columns(pl.col("n", "mean", "share_high", "alpha").cast(pl.Float64).fill_nan(None))


def _by_part(
    found: pl.DataFrame, own: list[str], part: NDArray[np.int8], instrument: Instrument
) -> tuple[Array, Moments]:
    """Scores, their sum and how many are high in each part of the rows (3, 3), and the moments of the items by part."""
    ends, turned = instrument.response.codes[0] + instrument.response.codes[-1], instrument.reversed_ids

    def block(rows: pl.DataFrame) -> tuple[list[Array], Moments]:
        x = rows.select(pl.col(own).cast(pl.Float64).fill_null(NAN)).to_numpy()
        x = np.where(np.isin(own, turned), ends - x, x)
        enough = (~np.isnan(x)).sum(axis=1) >= instrument.score.min_items
        score, at = _mean(x[enough]), rows["part"].to_numpy()
        values = (np.ones(len(score)), score, is_high(score, instrument))
        return [np.bincount(at[enough], weights=value, minlength=3) for value in values], Moments.of(x, own, at)

    sums, blocks = zip(*_each_block(block, found.select(*own, pl.Series("part", part))), strict=True)
    totals = np.sum(sums, axis=0)
    arrays = (np.concatenate([getattr(block, name) for block in blocks]) for name in "nsqc")
    return totals, Moments(tuple(own), tuple(c for block in blocks for c in block.clusters), *arrays)


def _estimates(values: tuple[Array, Moments], parts: tuple[int, ...]) -> tuple[float, ...]:
    """Students with a score, mean score, share high and alpha of some parts together."""
    totals, moments = values
    n, total, high = totals[:, list(parts)].sum(axis=1)
    inside = np.array([int(c) in parts for c in moments.clusters], float)[None, :]
    with np.errstate(all="ignore"):
        return n, total / n, high / n, float(alpha(moments.pooled(inside).cov())[0])
