"""The sums that every specification of the multiverse is computed from, for one cleaning and one scoring.

All of them add over schools, so a resample of schools is a weighted sum. Indices: P parts that are resampled (schools,
or random groups of them where there are many), G schools, D dimensions, K ordered groups, J genders, each of the last
two with a place more for students who have none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from learning_survey.bands import EXACT
from learning_survey.disclosure import hidden_schools
from learning_survey.gender import groups_of
from learning_survey.jackknife import parts
from learning_survey.mixed import fit, resampled, why_not
from learning_survey.mixed_likelihood import Data, independent
from learning_survey.multiverse_plan import cuts, leasts
from learning_survey.schools import least_students
from learning_survey.variance_components import Sums, components

if TYPE_CHECKING:
    from learning_survey.cells import Cells
    from learning_survey.config import Loaded

Array = NDArray[np.float64]
Grouping = Literal["group", "gender"]


@dataclass(frozen=True)
class Sample:
    """Students of one cleaning and scoring: ``n``, ``s``, ``q`` (G, D, K + 1, J + 1) are numbers, sums and squares.

    ``high[rule]`` are those rated high by it; ``weights`` (B, P) are 1 for every part in the first row, then resamples.
    ``hidden`` are the schools that no table shows (disclosure), in the order of ``n``; without schools nothing is.
    """

    study: Loaded
    n: Array
    s: Array
    q: Array
    high: dict[str, Array]
    weights: Array
    schools: list[str]
    hidden: NDArray[np.bool_]
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, study: Loaded, cells: Cells, cleaning: str, scoring: str, weights: Array) -> Sample:
        """From cells, without those flagged as careless when ``cleaning`` is "unflagged"."""
        instrument = study.instrument
        groups = [level.id for level in study.key_stages.levels] if study.key_stages else []
        genders = [c.id for c in study.gender.categories] if study.gender else []
        group = cells.codes("group", groups)
        gender = groups_of(cells, study).of if genders else np.full(cells.count, -1)  # small ones may be merged
        shape = (int(cells.cluster.max()) + 1, len(groups) + 1, len(genders) + 1)
        # -1, for a student without a group, is the last place of its axis.
        place = np.ravel_multi_index((cells.cluster, group % shape[1], gender % shape[2]), shape)
        keep = np.ones(cells.count) if cleaning == "configured" else 1.0 - cells.keys["flagged"].to_numpy()
        least, size = leasts(instrument)[scoring], int(np.prod(shape))
        n, s, q = (np.empty((shape[0], len(instrument.dimension_ids), *shape[1:])) for _ in range(3))
        high = {rule: np.empty_like(n) for rule in cuts(instrument)}
        for d, dimension in enumerate(instrument.dimension_ids):
            counts = cells.counts(dimension, min(least, len(instrument.items_of(dimension))))

            def total(of_cells: Array) -> Array:
                return np.bincount(place, keep * of_cells, size).reshape(shape)

            for target, moment in zip((n, s, q), counts.moments, strict=True):
                target[:, d] = total(moment)
            for rule, (cut, passed) in cuts(instrument).items():
                # The smallest score above the middle lies further from it than rounding can.
                high[rule][:, d] = total(counts.high(cut + 2 * EXACT if passed else cut))
        hidden = hidden_schools(cells, study) if cells.schools else np.zeros(shape[0], dtype=bool)
        return cls(study, n, s, q, high, weights, cells.schools, hidden)

    # ------------------------------------------------------------ resampling

    @cached_property
    def _part(self) -> NDArray[np.int64]:
        return parts(len(self.n), self.study.seed)

    def drawn(self, sums: Array) -> Array:
        """Sums by school (G, ...) over all schools and over each resample: (B, ...)."""
        grouped = np.zeros((self.weights.shape[1], *sums.shape[1:]))
        np.add.at(grouped, self._part, sums)
        return np.tensordot(self.weights, grouped, axes=1)

    # ------------------------------------------------------------ students

    def share(self, rule: str, adjustment: str) -> Array:
        """Share rated high, of students or averaged over schools: (B, D)."""
        n, high = self.n.sum(axis=(2, 3)), self.high[rule].sum(axis=(2, 3))
        if adjustment == "schools":
            return self._over_schools(n[self._real], high[self._real])
        return self.drawn(high) / self.drawn(n)

    def group_means(self, by: Grouping, adjustment: str) -> Array:
        """``_group_means``, worked out once for all claims about the same groups."""
        if (by, adjustment) not in self._kept:
            self._kept[by, adjustment] = self._group_means(by, adjustment)
        return self._kept[by, adjustment]

    def _group_means(self, by: Grouping, adjustment: str) -> Array:
        """Mean of each group (B, D, K or J), NaN for one that is too small to be shown or compared.

        ``schools`` averages school means; ``composition`` gives every group the composition of all students by the
        other grouping (direct standardisation: Fleiss, Levin & Paik 2003, ch. 19); ``model`` gives fixed effects of a
        mixed model of both groupings, schools random, so that only differences mean something.
        """
        n, s = self._by(self.n, by), self._by(self.s, by)  # G, D, groups, others
        if adjustment == "schools":
            means = self._over_schools(n.sum(axis=3)[self._real], s.sum(axis=3)[self._real])
        elif adjustment == "composition":
            count, total = self.drawn(n[..., :-1]), self.drawn(s[..., :-1])
            some = count > 0
            weight = some * count.sum(axis=2, keepdims=True)
            means = (weight * np.divide(total, count, out=np.zeros_like(total), where=some)).sum(axis=3)
            means = _over(means, weight.sum(axis=3))
        elif adjustment == "model":
            means = self._effects[by]
        else:
            means = _over(self.drawn(s.sum(axis=3)), self.drawn(n.sum(axis=3)))
        return np.where(self.shown(by), means, np.nan)

    @cached_property
    def _effects(self) -> dict[Grouping, Array]:
        """Fixed effects of the levels of both groupings, (B, D, K) and (B, D, J); the first that is shown has 0.

        The ratio of variances stays that of the data in every resample (mixed.resampled).
        """
        shown: dict[Grouping, NDArray[np.bool_]] = {"group": self.shown("group"), "gender": self.shown("gender")}
        out = {by: np.full((len(self.weights), *known.shape), np.nan) for by, known in shown.items()}
        for d in range(self.n.shape[1]):
            levels = [(by, int(k)) for by, known in shown.items() for k in np.flatnonzero(known[d])[1:]]
            for by, known in shown.items():
                out[by][:, d, np.flatnonzero(known[d])[:1]] = 0
            # Without a grouping, or without a level of it that is shown, nobody is left out for having none.
            place = np.nonzero(self.n[:, d] * np.multiply.outer(*(_open(known[d]) for known in shown.values())))
            at = {"group": place[1], "gender": place[2]}
            n, s, q = (a[:, d][place] for a in (self.n, self.s, self.q))
            centre = float(s.sum() / n.sum())
            X = np.column_stack([np.ones(len(n)), *((at[by] == k).astype(float) for by, k in levels)])
            kept = independent(X, n)
            s, q = s - centre * n, q - 2 * centre * s + centre**2 * n
            data = Data(X[:, kept], place[0], n, s, q, centre)
            model = fit(data) if not why_not(data) else None
            if model is None:
                continue
            beta = resampled(model, self.weights, self._part[: data.schools])
            column = np.cumsum(kept) - 1
            for j, (by, k) in enumerate(levels, 1):
                if kept[j]:
                    out[by][:, d, k] = beta[:, column[j]]
        return out

    def shown(self, by: Grouping) -> NDArray[np.bool_]:
        """Which groups have ``min_group`` students, in two clusters or more: (D, groups)."""
        n = self._by(self.n, by).sum(axis=3)
        return (n.sum(axis=0) >= max(2, self.study.min_group)) & ((n > 0).sum(axis=0) > 1)

    def group_moments(self, by: Grouping) -> tuple[Array, Array, Array]:
        """Students, sums and squares of each group: three of (B, D, groups)."""
        if by not in self._kept:
            self._kept[by] = tuple(self.drawn(self._by(a, by).sum(axis=3)) for a in (self.n, self.s, self.q))
        return self._kept[by]

    def spread_within(self, by: Grouping) -> tuple[Array, Array]:
        """Squares within school and group, and their degrees of freedom: two of (B, D, groups)."""
        n, s, q = (self._by(a, by).sum(axis=3) for a in (self.n, self.s, self.q))
        square = q - np.divide(s**2, n, out=np.zeros_like(s), where=n > 0)
        return self.drawn(square), self.drawn(n - (n > 0))

    def _by(self, sums: Array, by: Grouping) -> Array:
        """Sums with the groups of one grouping third, without those of no group, and the other grouping last."""
        return (sums if by == "group" else sums.swapaxes(2, 3))[:, :, :-1]

    def _over_schools(self, n: Array, s: Array) -> Array:
        """Means of school means, of shown schools with ``min_group`` such students: sums (G, ...) to (B, ...)."""
        enough = n >= self.study.min_group
        enough[self.hidden] = False
        means = np.divide(s, n, out=np.zeros_like(s), where=enough)
        rest = len(self.n) - len(n)  # students without a school are in no school, but they are drawn
        padded = [np.concatenate([a, np.zeros((rest, *a.shape[1:]))]) for a in (means, enough.astype(float))]
        return _over(self.drawn(padded[0]), self.drawn(padded[1]))

    # ------------------------------------------------------------ schools

    @property
    def _real(self) -> slice:
        """The clusters that are schools: all but the last one of students without a school."""
        return slice(0, len(self.schools) or len(self.n))

    @cached_property
    def sizes(self) -> Array:
        """Students of each school by dimension: (G, D), of real schools."""
        return self.n[self._real].sum(axis=(2, 3))

    @cached_property
    def ranked(self) -> NDArray[np.int64]:
        """Positions of the schools with enough students on every dimension."""
        return np.flatnonzero((self.sizes >= least_students(self.study)).all(axis=1) & ~self.hidden)

    def school_means(self, adjustment: str) -> Array:
        """School means (G, D): as they are, or less what a school's composition would lead to expect."""
        return self._school(self.s, adjustment)

    def school_shares(self, rule: str, adjustment: str) -> Array:
        """Share rated high by school (G, D), as for means."""
        return self._school(self.high[rule], adjustment)

    def _school(self, sums: Array, adjustment: str) -> Array:
        """Raw, or indirectly standardised: observed less expected plus overall (Fleiss, Levin & Paik 2003, ch. 19).

        What is expected comes from the means of all students by key stage and gender.
        """
        n, s = self.n[self._real], sums[self._real]
        raw = _over(s.sum(axis=(2, 3)), self.sizes)
        if adjustment != "composition":
            return raw
        cell = _over(sums.sum(axis=0), self.n.sum(axis=0))
        expected = np.einsum("gdkj,dkj->gd", n, np.nan_to_num(cell))
        overall = sums.sum(axis=(0, 2, 3)) / self.n.sum(axis=(0, 2, 3))
        return raw - _over(expected, self.sizes) + overall

    def school_variance(self) -> Array:
        """Variance (n - 1) of scores inside each school: (G, D)."""
        s, q = (a[self._real].sum(axis=(2, 3)) for a in (self.s, self.q))
        return np.maximum(_over(q - _over(s**2, self.sizes), self.sizes - 1), 0)

    def spread(self, standardiser: str) -> Array:
        """Standard deviation by dimension (D): of all students, inside schools, or between schools.

        Between schools it is the root of the variance component by the ANOVA method (schools.components).
        """
        n, s, q = (a.sum(axis=(2, 3)) for a in (self.n, self.s, self.q))
        if standardiser == "total":
            count = n.sum(axis=0)
            return np.sqrt((q.sum(axis=0) - s.sum(axis=0) ** 2 / count) / (count - 1))
        found = []
        for d in range(n.shape[1]):
            some = n[self._real, d] > 0
            c = components(Sums(*(a[self._real, d][some] for a in (n, s, q))))
            found.append(c.within if standardiser == "within" else c.between)
        return np.sqrt(np.array(found))


def _open(known: NDArray[np.bool_]) -> Array:
    """1 for each level that is in a model, and for having none where no level is; one place more than ``known``."""
    return np.append(known, not known.any()).astype(float)


def _over(a: Array, b: Array) -> Array:
    """The quotient, NaN where there is nothing to divide by."""
    return np.divide(a, b, out=np.full(np.broadcast_shapes(a.shape, b.shape), np.nan), where=b > 0)
