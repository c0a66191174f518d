"""Items in one direction, dimension scores, bands, and moments and two-way tables by cluster and group."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import disclosure, people
from learning_survey.cells import KEYS
from learning_survey.config import ALL
from learning_survey.disclosure import GROUPINGS
from learning_survey.errors import SurveyError
from learning_survey.moments import Moments, save_groups
from learning_survey.two_way import TwoWay, blocks, choices

if TYPE_CHECKING:
    from learning_survey.config import Loaded
    from learning_survey.instrument import Instrument

ROUNDED = 10  # decimals of ALL, whose last digits depend on which dimensions were added
BLOCK = 100_000  # rows whose moments are taken at a time


def score(study: Loaded, clean: Path, flags: Path, out: Path) -> None:
    """Write ``scores.parquet``, ``cells.parquet``, ``moments*.npz`` and ``pairs.npz`` (docs/conventions.md) to ``out``.

    Raises SurveyError when ``clean`` or ``flags`` is not a file of the step 'clean'.
    """
    instrument = study.instrument
    try:
        frame = pl.read_parquet(clean)
        kept = frame.select("school", "age", "gender", "group", *instrument.item_ids)
        flagged = flagged_rows(frame.select("file", "line"), pl.read_parquet(flags))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SurveyError(
            f"not the cleaned data of this study: {str(error).splitlines()[0]}",
            where=f"{clean}, {flags}",
            remedy="Run the pipeline; the step 'clean' makes them.",
        ) from None
    scores = disclosure.compared(scored(kept, instrument), study)
    scores.insert_column(1, clusters(kept["school"], study).alias("cluster"))
    flagged = disclosure.unflagged(scores, flagged, study)
    moments, grouped = moments_of(scores, instrument.item_ids + instrument.dimension_ids, instrument.item_ids)
    people.write(scores, "scores", out / "scores.parquet", instrument)
    people.write(cells_of(scores, flagged, study), "cells", out / "cells.parquet", instrument)
    moments.save(out / "moments.npz")
    for grouping, groups in grouped.items():
        save_groups(groups, instrument.item_ids, out / f"moments_{grouping}.npz")
    pairs_of(scores, instrument, study.seed).save(out / "pairs.npz")


def flagged_rows(rows: pl.DataFrame, flags: pl.DataFrame) -> pl.Series:
    """Whether any index of careless answering flags each of ``rows`` (file and line)."""
    flag = pl.any_horizontal(pl.col(r"^flag_.*$").fill_null(value=False)).alias("flagged")
    found = rows.join(flags.select("file", "line", flag), on=["file", "line"], how="left", maintain_order="left")
    return found["flagged"].fill_null(value=False)


def scored(frame: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    """``frame`` with its items in the direction of their dimension and a column for each dimension, all Float64.

    A reversed item's code x becomes min + max - x, the ends of its own response scale. A dimension is the mean of its
    answered items, in the unit of the response codes; null where fewer than ``score.min_items`` are answered.
    """
    ends = {i: (c := instrument.response_of(i).codes)[0] + c[-1] for i in instrument.reversed_ids}
    directed = frame.with_columns(
        ((ends[i] - pl.col(i).cast(pl.Float64)) if i in ends else pl.col(i).cast(pl.Float64)).alias(i)
        for i in instrument.item_ids
    )
    return directed.with_columns(
        pl.when(pl.sum_horizontal(pl.col(items).is_not_null()) >= instrument.score.min_items)
        .then(pl.sum_horizontal(items) / pl.sum_horizontal(pl.col(items).is_not_null()))
        .alias(d)
        for d, items in ((d, instrument.items_of(d)) for d in instrument.dimension_ids)
    )


def clusters(school: pl.Series, study: Loaded) -> pl.Series:
    """The cluster of each row, whose members are resampled together: its school, or a random group.

    Random groups stand in for schools where the study has fewer than two: ``resampling.random_groups`` of them, G001
    onwards, of equal size but for one. Students without a school among students with one are in random groups of the
    size of the mean school. Groups are drawn with the study's seed.
    """
    rng = np.random.default_rng([study.seed, 1])
    label = school.to_numpy().astype(object)
    if school.n_unique() - school.has_nulls() < 2:
        return pl.Series(
            _random_groups(len(label), min(study.resampling.random_groups, len(label)), rng), dtype=pl.String
        )
    alone = np.flatnonzero(school.is_null().to_numpy())
    mean_size = (len(label) - len(alone)) / (school.n_unique() - school.has_nulls())
    label[alone] = _random_groups(len(alone), max(1, round(len(alone) / mean_size)), rng)
    return pl.Series(label.tolist(), dtype=pl.String)


def moments_of(
    scores: pl.DataFrame, variables: list[str], items: list[str]
) -> tuple[Moments, dict[str, dict[str, Moments]]]:
    """Moments of ``variables`` by cluster and, for each of GROUPINGS, of ``items`` by cluster in each group.

    One pass over the rows, a block of whole clusters at a time, so that one copy of the rows is enough: moments are
    taken by cluster, group and gender, of which the others are sums. Students without a group are in no group's.
    """
    cluster = scores["cluster"].rank("dense").to_numpy()
    order = np.argsort(cluster, kind="stable")
    ends = np.append(np.flatnonzero(cluster[order][1:] != cluster[order][:-1]) + 1, len(order))
    parts: list[Moments] = []
    by_group: dict[str, dict[str, list[Moments]]] = {grouping: {} for grouping in GROUPINGS}
    start = 0
    for end, following in zip(ends, [*ends[1:], np.inf], strict=True):
        if following - start <= BLOCK:
            continue
        rows, start = scores[order[start:end]], end
        keys = ["cluster", *GROUPINGS]
        cells = rows.select(keys).unique().sort(keys).with_row_index("cell")
        cell = rows.select(keys).join(cells, on=keys, how="left", nulls_equal=True, maintain_order="left")["cell"]
        x = rows.select(pl.col(variables).fill_null(float("nan"))).to_numpy()
        finest = Moments.of(x, variables, cell.to_numpy())
        parts.append(finest.summed(cells["cluster"].to_list()))
        own = finest.select(items)
        for grouping, found in by_group.items():
            for group in cells[grouping].drop_nulls().unique():
                inside = (cells[grouping] == group).fill_null(value=False).to_numpy()
                summed = own.among(inside).summed(cells["cluster"].filter(inside).to_list())
                found.setdefault(group, []).append(summed)
    grouped = {
        grouping: {group: Moments.joined(found[group]) for group in sorted(found)}
        for grouping, found in by_group.items()
    }
    return Moments.joined(parts), grouped


def pairs_of(scores: pl.DataFrame, instrument: Instrument, seed: int) -> TwoWay:
    """Two-way tables of the items by cluster, group and gender.

    Many clusters are put into random groups, drawn with ``seed`` (``two_way.blocks``). A student without a group or
    gender is in cells without one.
    """
    cells = scores.select("cluster", *GROUPINGS).fill_null("").to_numpy().astype(str)
    cells[:, 0] = blocks(cells[:, 0], seed)
    codes = [instrument.response_of(i).codes for i in instrument.item_ids]
    x = choices(scores.select(pl.col(instrument.item_ids).fill_null(float("nan"))).to_numpy(), codes)
    return TwoWay.of(x, instrument.item_ids, codes, cells)


def cells_of(scores: pl.DataFrame, flagged: pl.Series, study: Loaded) -> pl.DataFrame:
    """The table ``cells.parquet`` of scored students (``score.scored`` with who they are) and their flags.

    One row per cell, dimension, number of answers and score. A score is the mean of the answered items, however few;
    that of ALL is the mean over dimensions whose answers reach ``score.min_items``, and its ``answered`` counts those.
    """
    instrument = study.instrument
    age = pl.col("age") if "age" in study.models.covariates else pl.lit(None, pl.Int16).alias("age")
    who = scores.select("cluster", "school", "group", "gender", age).with_columns(flagged.alias("flagged"))
    cells = who.unique().sort(KEYS, nulls_last=True).with_row_index("cell")
    cell = who.join(cells, on=KEYS, how="left", nulls_equal=True, maintain_order="left")["cell"]
    parts = []
    for dimension in [*instrument.dimension_ids, ALL]:
        own = instrument.dimension_ids if dimension == ALL else instrument.items_of(dimension)
        answered = pl.sum_horizontal(pl.col(own).is_not_null())
        mean = pl.sum_horizontal(own) / answered
        rows = scores.select(
            cell,
            answered.cast(pl.Int16).alias("answered"),
            (mean.round(ROUNDED) if dimension == ALL else mean).alias("score"),
        ).filter(pl.col("answered") > 0)
        counted = rows.group_by("cell", "answered", "score").len("n").sort("cell", "answered", "score")
        parts.append(
            counted.select(
                "cell", pl.lit(dimension).alias("dimension"), "answered", "score", pl.col("n").cast(pl.Int64)
            )
        )
    return cells.join(pl.concat(parts), on="cell", maintain_order="right").select(
        *KEYS, "dimension", "answered", "score", "n"
    )


def _random_groups(rows: int, groups: int, rng: np.random.Generator) -> NDArray[np.object_]:
    """A label for each row: ``groups`` groups of sizes that differ by one at most."""
    width = max(3, len(str(groups)))
    labels = np.array([f"G{g + 1:0{width}d}" for g in range(groups)], dtype=object)
    return labels[rng.permutation(rows) % groups] if rows else labels[:0]
