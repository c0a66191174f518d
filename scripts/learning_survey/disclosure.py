"""Which groups are too few to be shown, and what keeps them from being had as the total minus those that are.

``compared`` decides once, for every stage, the key stages and genders that a study compares. A gender of fewer than
``min_group`` students is counted with another where the study says so. Any other group so small is withheld: its
students are left without a group, as are those whose group is not known. If the withheld (or, where none are, those
not known) are fewer than ``min_group``, as many students of the largest group as are missing to that number, drawn at
random among those with most answers, are left without a group too. So what is left of any total is nobody or at least
``min_group`` students, in every table alike, and no table needs rounding. Leaving out a random few is Hundepool et
al.'s (2012, Statistical Disclosure Control, 3.3) sampling, done where it is needed only.

Schools and files cannot do that: a school's own students are all that it shows. There ``hidden`` withholds the next
smallest as well (secondary suppression, op. cit., 4.4).

A group is small when fewer than ``min_group`` of its students have a score, on whichever dimension has fewest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from learning_survey.cells import Cells
    from learning_survey.config import Loaded

GROUPINGS = ("group", "gender")  # columns that the study compares students by
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]


# ---------------------------------------------------------------- key stages and genders


def compared(scores: pl.DataFrame, study: Loaded) -> pl.DataFrame:
    """``scores`` (``score.scored``: a row for each student) with ``group`` and ``gender`` as every stage has them.

    Draws come from the study's seed. A column is as it was where every group is large and nobody is without one.
    """
    into = study.gender.merge_into if study.gender else None
    if into is not None:
        few = [name for name, n in _sizes(scores, "gender", study).items() if name != into and few_of(n, study)]
        merged = pl.when(pl.col("gender").is_in(few)).then(pl.lit(into)).otherwise(pl.col("gender"))
        scores = scores.with_columns(merged.alias("gender"))
    for k, key in enumerate(GROUPINGS):
        apart = _left_out(scores, key, study, np.random.default_rng([study.seed, 11, k]))
        if apart.any():
            scores = scores.with_columns(pl.when(~pl.Series(apart)).then(pl.col(key)).alias(key))
    return scores


def few_of(n: Counts, study: Loaded) -> bool:
    """Whether any of the counts is more than nobody and less than ``min_group``."""
    return bool(((n > 0) & (n < study.min_group)).any())


def unflagged(scores: pl.DataFrame, flagged: pl.Series, study: Loaded) -> pl.Series:
    """``flagged``, or nobody where the flagged are few: results without them would tell of them, by subtraction."""
    few = few_of(_counted(scores.filter(flagged), study), study)
    return pl.repeat(value=False, n=len(flagged), eager=True) if few else flagged


def _left_out(scores: pl.DataFrame, key: str, study: Loaded, rng: np.random.Generator) -> Flags:
    """Which students are to lose what column ``key`` says: those of a small group, and those drawn."""
    sizes = _sizes(scores, key, study)
    large = {name: n for name, n in sizes.items() if not few_of(n, study)}

    def of(names: set[str]) -> Flags:
        return scores[key].is_in(sorted(names)).fill_null(value=False).to_numpy()

    apart = of(sizes.keys() - large.keys()).copy()
    # Those not known do not hide the withheld: how many they are may be known from elsewhere.
    left = _counted(scores.filter(pl.Series(apart) if apart.any() else pl.col(key).is_null()), study)
    while large and few_of(left, study):
        most = max(large, key=lambda name: (large[name].min(), name))
        rows = np.flatnonzero(of({most}))
        drawn = _drawn(scores[rows], left, large[most], study, rng)
        if drawn is not None:
            apart[rows[drawn]] = True
            break
        least = min(large, key=lambda name: (large[name].min(), name))
        apart |= of({least})
        left = left + large.pop(least)
    return apart


def _drawn(rows: pl.DataFrame, left: Counts, size: Counts, study: Loaded, rng: np.random.Generator) -> Counts | None:
    """The fewest of ``rows`` that make those ``left`` many enough; None where too few rows would stay behind.

    Those with most answers come first, so that they count on every dimension; among them chance decides.
    """
    answers = rows.select(pl.sum_horizontal(pl.col(study.instrument.item_ids).is_not_null())).to_series().to_numpy()
    order = rng.permutation(rows.height)
    order = order[np.argsort(-answers[order].astype(np.int64), kind="stable")]
    own = rows.select(pl.lit(value=True).alias("*"), pl.col(study.instrument.dimension_ids).is_not_null()).to_numpy()
    # Each must count on a dimension at most, so this many rows are enough if any are.
    more = own[order[: study.min_group * own.shape[1]]].cumsum(axis=0)
    for k, n in enumerate(more):
        if size[0] > n[0] and not (few_of(left + n, study) or few_of(size - n, study)):
            return order[: k + 1]
    return None


def _sizes(scores: pl.DataFrame, key: str, study: Loaded) -> dict[str, Counts]:
    """Of each group in column ``key``: its students, and those of them with a score on each dimension (1 + D)."""
    named = scores.filter(pl.col(key).is_not_null())
    counts = named.group_by(key).agg(pl.len(), pl.col(study.instrument.dimension_ids).count()).sort(key)
    return {row[0]: np.array(row[1:], dtype=np.int64) for row in counts.rows()}


def _counted(scores: pl.DataFrame, study: Loaded) -> Counts:
    """Students, and those with a score on each dimension (1 + D)."""
    return scores.select(pl.len(), pl.col(study.instrument.dimension_ids).count()).to_numpy().ravel().astype(np.int64)


# ---------------------------------------------------------------- schools and files


def hidden(sizes: ArrayLike, least: int, others: ArrayLike = 0) -> Flags:
    """Which of G groups are withheld: each that is small, and then the next smallest.

    ``sizes`` (G, or G × K for K counts of each) are their numbers, by the first of which the next smallest is found;
    ``others`` (K) is how many are in no group. The hidden, or where there are none the others, are nobody or at least
    ``least`` in each of the K counts.
    """
    n = np.asarray(sizes, dtype=float)
    n = n[:, None] if n.ndim == 1 else n

    def few(count: NDArray[np.float64]) -> Flags:
        return (count > 0) & (count < least)

    out = few(n).any(axis=1)
    left = n[out].sum(axis=0) if out.any() else np.broadcast_to(np.asarray(others, dtype=float), n.shape[1:])
    for k in np.argsort(n[:, 0], kind="stable"):
        if not few(left).any():
            break
        if not out[k] and n[k, 0] > 0:
            out[k], left = True, n[out | (np.arange(len(n)) == k)].sum(axis=0)
    return out


def hidden_schools(cells: Cells, study: Loaded) -> Flags:
    """Which of ``cells.schools`` no table shows (G)."""
    from learning_survey.config import ALL

    school, sizes, others = cells.codes("school", cells.schools), [], []
    for dimension in (ALL, *study.instrument.dimension_ids):
        counts = cells.counts(dimension).sums()
        sizes.append(np.bincount(school[school >= 0], counts[school >= 0], len(cells.schools)))
        others.append(counts[school < 0].sum())
    return hidden(np.column_stack(sizes), study.min_group, others)
