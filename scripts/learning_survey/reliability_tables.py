"""The tables ``reliability.*``: every scale overall and by key stage and gender, from moments; error by band."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import alpha_equality, bootstrap, error_by_band, gender, minres, omega, two_level
from learning_survey import ordinal_reliability as ordinal
from learning_survey import reliability as of
from learning_survey.jackknife import LOG_SCALE, fault, interval, leave_one_out, require_variance
from learning_survey.moments import Moments, Pooled, load_groups
from learning_survey.polychoric_estimates import polychoric, square, thresholds
from learning_survey.schemas import TABLES
from learning_survey.students import Students
from learning_survey.two_way import Tables, TwoWay
from learning_survey.uncertainty import NAN, Estimate, holm, withhold

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded
    from learning_survey.schmid_leiman import SchmidLeiman

Array = NDArray[np.float64]
Row = dict[str, Any]
ALL = "all"


@dataclass(frozen=True)
class Scale:
    """A scale: its id, label, items and the number of factors of its omega."""

    id: str
    label: str
    items: list[str]
    factors: int


def scales_of(study: Loaded) -> list[Scale]:
    """The dimensions with one factor each, then all items with as many as there are dimensions."""
    instrument = study.instrument
    scales = [Scale(d.id, d.label, instrument.items_of(d.id), 1) for d in instrument.dimensions]
    return [*scales, Scale(ALL, "All items", instrument.item_ids, len(instrument.dimensions))]


@dataclass(frozen=True)
class Grouping:
    """A way to cut students into groups: the stage that compares them, its column, the ids and labels of the groups."""

    id: str
    column: str
    groups: dict[str, str]


def groupings_of(study: Loaded) -> list[Grouping]:
    """Key stages and genders, as far as the study has them."""
    found = []
    if study.key_stages:
        found.append(Grouping("key_stages", "group", {g.id: g.label for g in study.key_stages.levels}))
    if study.gender:
        found.append(Grouping("gender", "gender", {g.id: g.label for g in study.gender.categories}))
    return found


def tables(study: Loaded, processed: Path) -> dict[str, pd.DataFrame]:
    """All tables of the stage by name; raises SurveyError for an item without variance among all students."""
    path = processed / "moments.npz"
    moments = Moments.load(path)
    items = moments.select(study.instrument.item_ids)
    require_variance(items.pooled(), "item", path)
    students = Students.read(processed)
    pairs = TwoWay.load(processed / "pairs.npz")
    sample = Sample(items, pairs, study, *_counts(students, study))
    rows = sample.rows()
    rows[-1]["omega_h_oblimin"] = sample.oblimin()
    groups, equality = _by_group(study, processed, students, pairs)
    frames = {
        "alpha": (_frame("alpha", rows), 4),
        "items": (_frame("items", sample.item_rows()), 3),
        "groups": (_frame("groups", groups), 7),
        "schools": (_frame("schools", _schools(study, moments, students)), 2),
    }
    return {name: _withheld(frame, keep, study.min_group) for name, (frame, keep) in frames.items()} | {
        "equality": _frame("equality", equality).assign(p_holm=_holm),
        "error_by_band": error_by_band.table(students, study),
    }


def _frame(name: str, rows: list[Row]) -> pd.DataFrame:
    """Rows as the table ``name``: a column that no row has is empty."""
    import pandas as pd

    return pd.DataFrame(rows, columns=list(TABLES[f"reliability.{name}"].columns))


def _withheld(frame: pd.DataFrame, first: int, least: int) -> pd.DataFrame:
    """``frame`` without the numbers, from column ``first`` on, of groups that are too small; the note says so."""
    small = ~(frame["n"].astype(float) >= least)
    shown = withhold(frame, "n", [c for c in frame.columns[first:] if c != "note"], least)
    if "note" in frame:
        shown["note"] = frame["note"].mask(small & frame["note"].isna(), f"fewer than {least} students")
    return shown


def _holm(frame: pd.DataFrame) -> Any:
    return frame.groupby(["grouping", "test"])["p"].transform(lambda p: holm(p.to_numpy(float)))


# ---------------------------------------------------------------- one group of students


@dataclass(frozen=True)
class Sample:
    """Students whose scales are described: moments and two-way tables of items, their number, how many answered."""

    moments: Moments
    pairs: TwoWay
    study: Loaded
    students: int
    answered: dict[str, int]

    @cached_property
    def pooled(self) -> Pooled:
        return self.moments.pooled()

    @cached_property
    def resamples(self) -> Pooled:
        with np.errstate(all="ignore"):
            return leave_one_out(self.moments, self.study.seed)

    @cached_property
    def correlations(self) -> tuple[Array, Array]:
        """Of all items (p, p), and without each cluster in turn (G, p, p); NaN where there are none."""
        with np.errstate(all="ignore"):
            return self.pooled.cor(), self.resamples.cor()

    @cached_property
    def polychoric(self) -> tuple[Tables, Array, tuple[Array, Array]]:
        """Tables of the items that vary, their polychoric correlations (p, p), and how each cluster moves these.

        And the thresholds: (G, p, p) and (G, p, K-1).
        """
        tables = self.pairs.pooled()
        varied = [v for v, own in zip(tables.variables, tables.items, strict=True) if np.count_nonzero(own) > 1]
        fit, p = polychoric(tables.select(varied)), len(varied)
        moved, tau = fit.moved(self.pairs.by("cluster")[1].select(varied))
        return fit.tables, fit.matrix, (square(moved, p) * (1 - np.eye(p)), tau)

    @cached_property
    def general(self) -> tuple[SchmidLeiman, SchmidLeiman] | None:
        """The general factor of all items, and those without each cluster; None where it cannot be found."""
        instrument = self.study.instrument
        k = len(instrument.dimensions)
        if k < 2 or fault(self.pooled, "item"):
            return None
        R, again = self.correlations
        _, psi = omega.omega_total(R, k)
        if not (np.isfinite(psi).all() and _proper(R)):
            return None
        own = np.array([[item.dimension == d for d in instrument.dimension_ids] for item in instrument.items])
        key = omega.matched(omega.promax_pattern(R, psi, k), own)
        found, pattern = omega.general_factor(R, k, psi, key)
        _, without = omega.omega_total(again, k, psi)
        return found, omega.general_factor(again, k, without, key, like=pattern)[0]

    def rows(self) -> list[Row]:
        return [self._row(scale) for scale in scales_of(self.study)]

    def oblimin(self) -> float:
        """Omega hierarchical of all items as psych::omega has it; NaN where its rotation does not end."""
        if not self.general:
            return NAN
        R, k = self.correlations[0], len(self.study.instrument.dimensions)
        psych, _ = omega.general_factor(R, k, omega.omega_total(R, k)[1])
        return float(omega.shares(psych, R, slice(None))[0])

    def item_rows(self) -> list[Row]:
        return [row for scale in scales_of(self.study) for row in _items(scale.id, self.pooled.select(scale.items))]

    def _row(self, scale: Scale) -> Row:
        head = _head(scale, self.answered)
        pooled = self.pooled.select(scale.items)
        found = fault(pooled, "item")
        if found:
            return head | {"note": found[0]}
        level, own = self.study.resampling.level, self.moments.select(scale.items)
        C = pooled.cov()
        alpha = of.alpha(C)
        with np.errstate(all="ignore"):
            alphas = of.alpha(self.resamples.select(scale.items).cov())
        boot = bootstrap.alpha_interval(own, level, self.study.seed)
        feldt = of.feldt(float(alpha), self.students, len(scale.items), level)
        proper = _proper(pooled.cor())
        return {
            **head,
            **_columns("alpha", alpha, alphas, level),
            "boot_ci_low": boot[0],
            "boot_ci_high": boot[1],
            "feldt_ci_low": feldt[0],
            "feldt_ci_high": feldt[1],
            "alpha_std": float(of.alpha(of.standardised(C))),
            "average_r": float(of.average_r(of.standardised(C))),
            "lambda6": float(of.lambda6(of.standardised(C))),
            "split_half_max": float(of.split_half_max(of.standardised(C))),
            **(self._omega(scale, level) if proper else {}),
            **self._ordinal(scale, level),
            "note": "; ".join(_remarks(scale, C, proper)) or None,
        }

    def _omega(self, scale: Scale, level: float) -> Row:
        at = [self.moments.variables.index(item) for item in scale.items]
        whole, without = (R[..., at, :][..., at] for R in self.correlations)
        total, psi = omega.omega_total(whole, scale.factors)
        row = _columns("omega_total", total, omega.omega_total(without, scale.factors, psi)[0], level)
        if not self.general:
            return row
        (found, again), (R, drawn) = self.general, self.correlations
        row |= omega.hierarchical(found, R, again, drawn, at=at, level=level).columns("omega_hierarchical")
        _, specific, ecv = omega.shares(found, R, at)
        return row | {"omega_specific": float(specific), "ecv": float(ecv)}

    def _ordinal(self, scale: Scale, level: float) -> Row:
        tables, R, (moved, moved_tau) = self.polychoric
        at = [tables.variables.index(item) for item in scale.items]
        own, moves = R[np.ix_(at, at)], (moved[:, at][:, :, at], moved_tau[:, at])
        limits = ordinal.ordinal_alpha_interval(own, moves[0], level)
        row: Row = Estimate(float(ordinal.ordinal_alpha(own)), *limits).columns("alpha_ordinal")
        if not (np.isfinite(own).all() and _proper(own)):
            return row
        if scale.factors == 1:
            loadings = ordinal.one_factor(own)[:, None]
        else:
            psi = omega.omega_total(own, scale.factors)[1]
            loadings = minres.loadings(own, psi, scale.factors) if np.isfinite(psi).all() else own * NAN
        tau = thresholds(tables.items[at])
        limits = ordinal.categorical_omega_interval(tau, loadings, own, moves, level)
        value = ordinal.categorical_omega(tau, loadings @ loadings.T)
        return row | Estimate(value, *limits).columns("omega_categorical")


def _remarks(scale: Scale, C: Array, proper: bool) -> list[str]:
    """What a reader of one scale's row must know, from its covariances (p, p).

    Of all items some may well go against the rest: dimensions need not point the same way.
    """
    against = np.array(scale.items)[of.item_rest_r(C) < 0] if scale.id != ALL else []
    remarks = (
        [f"goes against the rest of the scale, is it to be reversed? {', '.join(against)}"] if len(against) else []
    )
    return remarks if proper else [*remarks, "correlations not positive definite: no lambda 6, no omega"]


def _head(scale: Scale, answered: dict[str, int]) -> Row:
    return {"scale": scale.id, "label": scale.label, "n_items": len(scale.items), "n": answered[scale.id]}


def _proper(R: Array) -> bool:
    """Whether correlations are positive definite: pairwise ones, or those of few students, may not be."""
    return bool(np.linalg.eigvalsh(R)[0] > 1e-10)


def _columns(name: str, estimate: Array, replicates: Array, level: float) -> dict[str, float]:
    """An estimate and its interval, found on the scale log(1 - x), on which alpha is nearer to normal."""
    low, high = interval(estimate, replicates, level, *LOG_SCALE)
    return Estimate(float(estimate), float(low), float(high)).columns(name)


def _items(scale: str, pooled: Pooled) -> list[Row]:
    C = pooled.cov()
    columns = {
        "item": pooled.variables,
        "n": pooled.count,
        "alpha_if_dropped": of.alpha_if_dropped(C),
        "alpha_std_if_dropped": of.alpha_if_dropped(of.standardised(C)),
        "item_rest_r": of.item_rest_r(C),
    }
    return [{"scale": scale} | dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _counts(students: Students, study: Loaded) -> tuple[int, dict[str, int]]:
    """Students, and for each scale those who answered any of its items."""
    some = [pl.any_horizontal(pl.col(s.items).is_not_null()).sum().alias(s.id) for s in scales_of(study)]
    row = students.rows.select(pl.len().alias("*"), *some).collect().row(0, named=True)
    return row.pop("*"), row


# ---------------------------------------------------------------- groups


def _by_group(study: Loaded, processed: Path, students: Students, pairs: TwoWay) -> tuple[list[Row], list[Row]]:
    """Rows of ``groups`` and of ``equality``."""
    rows: list[Row] = []
    tests: list[Row] = []
    for grouping in groupings_of(study):
        found = load_groups(processed / f"moments_{grouping.column}.npz")
        samples: dict[str, Sample] = {}
        merged = gender.counted_with(found, study) if grouping.column == "gender" else {}
        for group, label in grouping.groups.items():
            inside = Students(students.rows.filter(pl.col(grouping.column) == group), students.source)
            n, answered = _counts(inside, study)
            moments = found.get(group)
            schools = len(moments.clusters) if moments and not students.alone else NAN
            head = {"grouping": grouping.id, "group": group, "group_label": label, "n_schools": schools}
            if moments is None or n < study.min_group:
                note = {"note": merged[group]} if group in merged else {}
                rows += [head | _head(scale, answered) | note for scale in scales_of(study)]
                continue
            samples[group] = Sample(moments, pairs.within(grouping.column, group), study, n, answered)
            rows += [head | row for row in samples[group].rows()]
        tests += [row for scale in scales_of(study) for row in _tests(grouping.id, scale, samples, study)]
    return rows, tests


def _tests(grouping: str, scale: Scale, samples: dict[str, Sample], study: Loaded) -> list[Row]:
    """Both tests of one scale over its groups that have ``min_group`` students and items that vary."""
    own = [
        (sample.moments.select(scale.items), sample.students)
        for sample in samples.values()
        if sample.answered[scale.id] >= study.min_group and not fault(sample.pooled.select(scale.items), "item")
    ]
    alphas = np.array([float(of.alpha(m.pooled().cov())) for m, _ in own])
    large = np.isfinite(alphas)
    n = np.array([count for _, count in own], float)
    found = {
        "hakstian_whalen": alpha_equality.hakstian_whalen(alphas[large], n[large], len(scale.items)),
        "clustered": alpha_equality.clustered([m for (m, _), ok in zip(own, large, strict=True) if ok], study.seed),
    }
    head = {"grouping": grouping, "scale": scale.id}
    return [head | {"test": test, "groups": int(large.sum())} | result for test, result in found.items()]


# ---------------------------------------------------------------- schools


def _schools(study: Loaded, moments: Moments, students: Students) -> list[Row]:
    """Rows of ``schools``: each dimension's reliability within and between schools, over students who have a school."""
    level, seed, instrument = study.resampling.level, study.seed, study.instrument
    inside = moments.among(np.isin(moments.clusters, students.schools))
    rows = []
    for dimension in instrument.dimension_ids:
        found, icc1, icc2 = two_level.school_means(inside.select([dimension]), level, seed)
        both = two_level.estimates(inside.select(instrument.items_of(dimension)), level, seed)
        row = {"dimension": dimension, "n": found.students, "n_schools": found.schools, "mean_size": found.mean_size}
        row |= icc1.columns("icc1") | icc2.columns("icc2")
        for name, estimate in both.items():
            row |= estimate.columns(name)
        rows.append(row)
    return rows
