"""How many students have which score: all that comparisons of groups and schools need of the students.

A cell is a cluster, key stage, gender and whether careless answering was flagged (and age, where it is a covariate).
For each cell and dimension the file ``cells.parquet`` counts students by score and by the number of items answered.
Sums, squares, shares above any cut, ranks and any rule for the least number of answers follow from these counts, and
everything adds over cells. So every model, resample and specification costs the same for any number of students.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey.bands import EXACT
from learning_survey.config import ALL
from learning_survey.errors import SurveyError, nearest

if TYPE_CHECKING:
    from learning_survey.config import Loaded
    from learning_survey.instrument import Instrument

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

KEYS = ("cluster", "school", "group", "gender", "age", "flagged")


@dataclass(frozen=True)
class Counts:
    """Students of one dimension by score, in M entries: the cell's number, the score and how many.

    ``total`` is the number of cells, C; a cell may have no entry.
    """

    cell: Codes
    score: Array
    n: Array
    total: int

    def sums(self, value: Array | None = None) -> Array:
        """Students of each cell (C), or the sum over them of ``value`` (M, one for each entry)."""
        return np.bincount(self.cell, self.n if value is None else self.n * value, self.total)

    @cached_property
    def moments(self) -> tuple[Array, Array, Array]:
        """Of each cell (C each): students, sum of scores, sum of squares."""
        return self.sums(), self.sums(self.score), self.sums(self.score**2)

    def high(self, cut: float) -> Array:
        """Of each cell (C), the students whose score is at least ``cut``, a rounding error aside."""
        return self.sums((self.score >= cut - EXACT).astype(float))


@dataclass(frozen=True)
class Cells:
    """The cells of a study: their keys (C rows of KEYS) and their students by dimension."""

    keys: pl.DataFrame
    rows: pl.DataFrame  # cell, dimension, answered, score, n
    instrument: Instrument
    source: str = "cells"

    @classmethod
    def read(cls, processed: Path, study: Loaded) -> Cells:
        """``cells.parquet`` in folder ``processed``; raises SurveyError when it is not there or not such a file."""
        path, remedy = processed / "cells.parquet", "Run the pipeline; the step 'score' makes it."
        try:
            return cls.of(pl.read_parquet(path), study.instrument, str(path))
        except FileNotFoundError:
            raise SurveyError("no such file", where=path, remedy=remedy) from None
        except (OSError, pl.exceptions.PolarsError) as error:
            raise SurveyError(f"not a file of cells: {str(error).splitlines()[0]}", where=path, remedy=remedy) from None

    @classmethod
    def of(cls, table: pl.DataFrame, instrument: Instrument, source: str = "cells") -> Cells:
        """From the table that ``cells_of`` makes."""
        keys = table.select(KEYS).unique().sort(KEYS, nulls_last=True).with_row_index("cell")
        rows = table.join(keys, on=KEYS, how="left", nulls_equal=True, maintain_order="left")
        return cls(keys.drop("cell"), rows.select("cell", "dimension", "answered", "score", "n"), instrument, source)

    @property
    def count(self) -> int:
        """How many cells, C."""
        return self.keys.height

    def counts(self, dimension: str, least: int | None = None) -> Counts:
        """Students with a score on ``dimension`` (or ALL) from at least ``least`` answers; ``score.min_items`` without.

        Of ALL, ``least`` counts dimensions, 1 without.
        """
        known = [*self.instrument.dimension_ids, ALL]
        if dimension not in known:
            raise SurveyError(f"no dimension '{dimension}'", where=self.source, remedy=nearest(dimension, known))
        if least is None:
            least = 1 if dimension == ALL else self.instrument.score.min_items
        rows = self.rows.filter((pl.col("dimension") == dimension) & (pl.col("answered") >= least))
        return Counts(
            rows["cell"].cast(pl.Int64).to_numpy(),
            rows["score"].to_numpy(),
            rows["n"].cast(pl.Float64).to_numpy(),
            self.count,
        )

    def codes(self, key: str, ids: Sequence[str]) -> Codes:
        """Each cell's position in ``ids`` by one of KEYS (C); -1 where it has none or another."""
        at = {name: k for k, name in enumerate(ids)}
        return np.array([at.get(name, -1) for name in self.keys[key].to_list()], dtype=np.int64)

    @cached_property
    def schools(self) -> list[str]:
        """Pseudonyms of the schools, sorted; empty for a study without schools."""
        return self.keys["school"].drop_nulls().unique().sort().to_list()

    @property
    def alone(self) -> bool:
        """Whether every student stands alone: no schools, or one, which cannot tell how much schools differ."""
        return len(self.schools) < 2

    @cached_property
    def cluster(self) -> Codes:
        """Each cell's cluster as a number from 0 (C): its school, and all students without one together.

        To treat those as unrelated would make intervals too narrow. Where students stand ``alone`` it is the random
        group.
        """
        if self.alone:
            return self.codes("cluster", self.keys["cluster"].unique().sort().to_list())
        school = self.codes("school", self.schools)
        return np.where(school < 0, len(self.schools), school)

    def among(self, keep: NDArray[np.bool_]) -> Cells:
        """Only some cells, by a flag for each (C)."""
        kept = self.keys.with_row_index("cell").filter(pl.Series(keep))
        new = kept.select("cell").with_row_index("new")
        rows = self.rows.join(new, on="cell", maintain_order="left").select(
            pl.col("new").alias("cell"), *self.rows.columns[1:]
        )
        return replace(self, keys=kept.drop("cell"), rows=rows)
