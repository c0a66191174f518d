"""The scored students, read column by column: memory holds the column in use, not the table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey.errors import SurveyError, nearest

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Students:
    """``scores.parquet`` as arrays with one entry per student (N)."""

    rows: pl.LazyFrame
    source: str = "scores"

    @classmethod
    def read(cls, processed: Path) -> Students:
        """The file in folder ``processed``; raises SurveyError when it is not there or not Parquet."""
        path = processed / "scores.parquet"
        remedy = "Run the pipeline; the step 'score' makes it."
        if not path.is_file():
            raise SurveyError("no such file", where=path, remedy=remedy)
        try:
            rows = pl.scan_parquet(path)
            rows.collect_schema()
        except pl.exceptions.PolarsError as error:
            raise SurveyError(f"not a Parquet file: {error}", where=path, remedy=remedy) from None
        return cls(rows, str(path))

    def _series(self, name: str) -> pl.Series:
        known = self.rows.collect_schema().names()
        if name not in known:
            raise SurveyError(f"no column '{name}'", where=self.source, remedy=nearest(name, known))
        return self.rows.select(name).collect().to_series()

    def scores(self, name: str) -> Array:
        """An item or dimension; NaN where there is none."""
        return self._series(name).cast(pl.Float64).to_numpy().copy()

    def codes(self, name: str, ids: list[str]) -> Codes:
        """A grouping as positions in ``ids``; -1 where it is null or none of them."""
        series = self._series(name).cast(pl.String).cast(pl.Enum(ids), strict=False)
        return series.to_physical().cast(pl.Int64).fill_null(-1).to_numpy().copy()

    @cached_property
    def schools(self) -> list[str]:
        """Pseudonyms of the schools, sorted; empty for a study without schools."""
        return sorted(self._series("school").cast(pl.String).drop_nulls().unique().to_list())

    @cached_property
    def school(self) -> Codes:
        """Each student's school as a position in ``schools``; -1 where it is null."""
        return self.codes("school", self.schools)

    @property
    def alone(self) -> bool:
        """Whether every student stands alone: no schools, or one, which cannot tell how much schools differ."""
        return len(self.schools) < 2

    @cached_property
    def cluster(self) -> Codes:
        """What each student's answers may depend on.

        The school. Students without one, in a study with schools, count as one more school: to treat them as unrelated
        would make intervals too narrow. In a study with fewer than two schools every student stands alone.
        """
        if self.alone:
            return np.arange(len(self.school))
        return np.where(self.school < 0, len(self.schools), self.school)
