"""The scores of one dimension in each school, as counts by score: what comparisons of schools read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.bands import EXACT
from learning_survey.errors import SurveyError
from learning_survey.uncertainty import NAN
from learning_survey.variance_components import Sums

if TYPE_CHECKING:
    from learning_survey.cells import Cells

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """A sample of students by score: distinct or repeated ``score`` (M) and how many students have it, ``n`` (M)."""

    score: Array
    n: Array

    @cached_property
    def count(self) -> float:
        return float(self.n.sum())

    @cached_property
    def mean(self) -> float:
        return float(self.n @ self.score / self.count) if self.count else NAN

    @property
    def varies(self) -> bool:
        """Whether there is any spread: a variance of rounding errors would pass for a real one."""
        return self.count > 1 and float(np.ptp(self.score[self.n > 0])) > 0

    @cached_property
    def variance(self) -> float:
        """With n - 1; 0 where all scores are the same, NaN of fewer than two students."""
        if self.count < 2:
            return NAN
        return float(self.n @ (self.score - self.mean) ** 2 / (self.count - 1)) if self.varies else 0.0

    def high(self, cut: float) -> float:
        """Share of students whose score is at least ``cut``, a rounding error aside."""
        return float(self.n @ (self.score >= cut - EXACT) / self.count) if self.count else NAN


@dataclass(frozen=True)
class SchoolScores:
    """Students of one dimension by school and score, in M entries sorted by both: ``school`` indexes ``names`` (G)."""

    names: list[str]
    school: Codes
    score: Array
    n: Array

    @classmethod
    def of(cls, cells: Cells, dimension: str) -> SchoolScores:
        """Of the students with a school and a score on ``dimension`` (or ALL)."""
        counts = cells.counts(dimension)
        school = cells.codes("school", cells.schools)[counts.cell]
        keep = school >= 0
        pairs, at = np.unique(np.column_stack([school[keep], counts.score[keep]]), axis=0, return_inverse=True)
        n = np.bincount(at.ravel(), counts.n[keep], len(pairs))
        return cls(cells.schools, pairs[:, 0].astype(np.int64), pairs[:, 1], n)

    def at(self, name: str) -> Scores:
        """The students of one school."""
        own = self.school == self.names.index(name)
        return Scores(self.score[own], self.n[own])

    def sums(self, value: Array | None = None) -> Array:
        """Students of each school (G), or the sum over them of ``value`` (M)."""
        return np.bincount(self.school, self.n if value is None else self.n * value, len(self.names))

    def means(self, value: Array) -> Array:
        """Mean of ``value`` (M) in each school (G); NaN where nobody has a score."""
        n = self.sums()
        return np.divide(self.sums(value), n, out=np.full(len(n), NAN), where=n > 0)

    def high(self, cut: float) -> Array:
        """1 for each entry (M) whose score is at least ``cut``, 0 for the others."""
        return (self.score >= cut - EXACT).astype(float)

    def components_of(self, value: Array) -> Sums:
        """Sums by school of ``value`` (M), for ``variance_components``."""
        return Sums.of(value, self.school, self.n)


def require_schools(cells: Cells) -> None:
    """Raise SurveyError where no student has a school."""
    if not cells.schools:
        raise SurveyError(
            "no student has a school",
            where=cells.source,
            remedy="Correct columns.school in the study's file, or take 'schools' and 'inspection' out of it.",
        )
