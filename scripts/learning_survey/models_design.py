"""What stands in the mixed models of ``models``: which terms, which levels, which students, and why others do not.

Terms in order: the ordered group (key stage) and gender; the school's phase where the register has it; then the study's
covariates. Levels are compared with the first one that is in the model. A student without a level of some term is in no
model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey import gender
from learning_survey.mixed_likelihood import ALIASED, Data, independent
from learning_survey.uncertainty import NAN, Codes

if TYPE_CHECKING:
    from learning_survey.cells import Cells, Counts
    from learning_survey.config import Loaded

Array = NDArray[np.float64]
Register = Mapping[str, Mapping[str, str | None]]
CROSSED = ("group", "gender")
YEAR = "year"
LEAST_OWN = 0.1
"""The phase is in a model unasked only if this share of its variance is its own, not told by key stage and gender."""


@dataclass(frozen=True)
class Factor:
    """A term with levels: their ids and labels as printed, and each cell's level (C; -1 where it has none).

    ``merged`` gives for a level that was too small, and is counted with another, the id of that other.
    """

    term: str
    ids: list[str]
    labels: list[str]
    of: Codes
    merged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Level:
    """A level of a term: ``column`` of the design, none where it is the reference or not in the model.

    ``status`` says why it is not; "reference" or empty otherwise.
    """

    term: str
    id: str
    label: str
    status: str = ""
    column: int | None = None


@dataclass(frozen=True)
class Design:
    """The models of one dimension: main effects, and those with key stage by gender (``crossed`` are its columns)."""

    main: Data
    joint: Data
    levels: list[Level]
    crossed: list[int]
    students: float
    schools: float
    sd: float
    exposed: bool = False
    """Whether the number of students, beside that of all, may tell how many are in a level too small, or in none."""

    def of(self, term: str) -> list[Level]:
        """The levels of a term that are in the model, the reference first."""
        return [level for level in self.levels if level.term == term and level.status in ("", "reference")]

    def columns(self, term: str) -> list[int]:
        return [level.column for level in self.of(term) if level.column is not None]

    def row(self, term: str, level: Level) -> Array:
        """The row of the mean of a level: other levels of key stage and gender count equally, all else as it stands."""
        row = self.main.n @ self.main.X / self.main.n.sum()
        for other in CROSSED:
            chosen = [level] if other == term else self.of(other)
            for column in self.columns(other):
                row[column] = sum(x.column == column for x in chosen) / len(chosen)
        return row


def register_of(table: Mapping[str, list[str | None]]) -> Register:
    """Phase and country of each school, from the columns of ``schools.parquet``."""
    rows = zip(table["school"], table["phase"], table["country"], strict=True)
    return {str(school): {"phase": phase, "country": country} for school, phase, country in rows}


def design(cells: Cells, dimension: str, study: Loaded, register: Register) -> Design | None:
    """The design of a dimension; None where fewer than ``min_group`` students, and never fewer than two, are left."""
    counts = cells.counts(dimension)
    n, least = counts.sums(), study.min_group
    where = None if cells.alone else cells.cluster
    factors, levels = _factors(cells, study, register), []
    keep = n > 0
    if "age" in study.models.covariates:
        age = np.array([NAN if a is None else float(a) for a in cells.keys["age"].to_list()])
        keep &= ~np.isnan(age)
    known: list[Factor] = []
    for factor in factors:
        status = _apart(factor, known, n * keep, where, study)
        if status:
            levels += [Level(factor.term, *pair, status) for pair in zip(factor.ids, factor.labels, strict=True)]
        else:
            known.append(factor)
    out, keep = _small(known, n, keep, where, least)
    students = float(n[keep].sum())
    if not students >= max(least, 2):
        return None
    columns = [np.ones(len(n))]
    for factor in known:
        levels += _levels(factor, out, columns)
    if "age" in study.models.covariates:
        levels.append(Level("age", YEAR, "one year older within the key stage", column=len(columns)))
        columns.append(_within(age, n * keep, next((f.of for f in known if f.term == "group"), None)))
    order = [factor.term for factor in factors]
    levels.sort(key=lambda level: order.index(level.term) if level.term in order else len(order))
    X = np.column_stack(columns)[keep]
    kept = independent(X, n[keep])
    levels = [_placed(level, kept) for level in levels]
    few = any(
        n[f.of == k].sum() > 0 and out.get((f.term, k), "").startswith("fewer")
        for f in known
        for k in range(len(f.ids))
    )
    exposed = few or 0 < n.sum() - students < least
    return replace(_joined(X[:, kept], cells, counts, keep, levels), exposed=bool(exposed))


def _levels(factor: Factor, out: Mapping[tuple[str, int], str], columns: list[Array]) -> list[Level]:
    """The levels of a term in the models; their columns are added to ``columns``."""
    inside = [k for k in range(len(factor.ids)) if (factor.term, k) not in out]
    levels = []
    for k, pair in enumerate(zip(factor.ids, factor.labels, strict=True)):
        into = factor.merged.get(pair[0])
        if into:
            status = f"counted with {factor.labels[factor.ids.index(into)]}"
        elif k in inside[:1]:
            status = "reference" if len(inside) > 1 else "only level"
        else:
            status = out.get((factor.term, k), "")
        levels.append(Level(factor.term, *pair, status, None if status else len(columns)))
        if not status:
            columns.append((factor.of == k).astype(float))
    return levels


def _placed(level: Level, kept: NDArray[np.bool_]) -> Level:
    """With its column among those that are kept, or none where it is not."""
    if level.column is None:
        return level
    if not kept[level.column]:
        return replace(level, column=None, status="told by the terms before it")
    return replace(level, column=int(kept[: level.column].sum()))


def _factors(cells: Cells, study: Loaded, register: Register) -> list[Factor]:
    """The terms with levels that the study has, whether or not they can be estimated."""
    found = []
    if study.key_stages:
        ids = [level.id for level in study.key_stages.levels]
        labels = [level.label for level in study.key_stages.levels]
        found.append(Factor("group", ids, labels, cells.codes("group", ids)))
    if study.gender:
        genders = gender.groups_of(cells, study)
        found.append(Factor("gender", genders.ids, genders.labels, genders.of, genders.merged))
    asked = dict.fromkeys([*(["phase"] if study.register_ and study.register_.phase else []), *study.models.covariates])
    # Over all dimensions, so that they have one reference.
    n = np.bincount(cells.rows["cell"].to_numpy(), cells.rows["n"].to_numpy(), cells.count)
    for term in asked:
        if term == "age":
            continue
        names = [register.get(school or "", {}).get(term) for school in cells.keys["school"].to_list()]
        size = {name: 0.0 for name in names if name}
        for name, students in zip(names, n, strict=True):
            if name:
                size[name] += students
        ids = sorted(size, key=lambda name: (-size[name], name))  # the largest is the reference
        at = {name: k for k, name in enumerate(ids)}
        found.append(Factor(term, ids, ids, np.array([at.get(name or "", -1) for name in names], dtype=np.int64)))
    return found


def _apart(factor: Factor, known: list[Factor], n: Array, where: Codes | None, study: Loaded) -> str:
    """Why a term is not in the models at all; empty where it is. ``n`` are the students of each cell who may be."""
    inside = (n > 0) & (factor.of >= 0)
    usable = [k for k in range(len(factor.ids)) if not _unusable(inside & (factor.of == k), n, where, study.min_group)]
    if len(usable) < 2:
        return "fewer than two levels with enough students and schools"
    if factor.term in CROSSED:
        return ""
    asked = factor.term in study.models.covariates
    for share, words in ((ALIASED, "told by"), *(() if asked else ((LEAST_OWN, "all but told by"),))):
        for count in range(1, len(known) + 1):
            if _own_share(factor, known[:count], n * inside) < share:
                return f"{words} {' and '.join(_called(f, study) for f in known[:count])}"
    return ""


def _own_share(factor: Factor, known: list[Factor], n: Array) -> float:
    """The largest share, over levels, of a level's variance that the levels of terms before it do not tell."""
    root = np.sqrt(n)
    before = np.column_stack([np.ones(len(n)), *((f.of == k) * 1.0 for f in known for k in range(len(f.ids)))])
    basis, values, _ = np.linalg.svd(before * root[:, None], full_matrices=False)
    basis, own = basis[:, values > ALIASED * values[0]], 0.0
    for k in range(len(factor.ids)):
        column = (factor.of == k) * root
        spread = column @ column - (column @ root) ** 2 / (root @ root)
        left = column - basis @ (basis.T @ column)
        own = max(own, left @ left / spread if spread > 0 else 0.0)
    return own


def _called(factor: Factor, study: Loaded) -> str:
    plans = {"group": study.key_stages, "gender": study.gender}
    plan = plans.get(factor.term)
    return plan.label.lower() if plan else factor.term


def _small(
    factors: list[Factor], n: Array, keep: NDArray[np.bool_], where: Codes | None, least: int
) -> tuple[dict[tuple[str, int], str], NDArray[np.bool_]]:
    """Levels that are not in the models, with the reason, and the cells whose students are.

    Their students leave, which may make other levels too small in turn.
    """
    keep = keep & np.all([factor.of >= 0 for factor in factors] or [np.ones(len(n), bool)], axis=0)
    out: dict[tuple[str, int], str] = {}
    while True:
        before = len(out)
        for factor in factors:
            for k in range(len(factor.ids)):
                own = keep & (factor.of == k)
                reason = "" if (factor.term, k) in out else _unusable(own, n, where, least)
                if reason:
                    out[factor.term, k] = reason
                    keep &= factor.of != k
        if len(out) == before:
            return out, keep


def _unusable(own: NDArray[np.bool_], n: Array, where: Codes | None, least: int) -> str:
    """Why a level that cells ``own`` have cannot be compared; empty where it can."""
    if n[own].sum() < max(least, 1):
        return f"fewer than {least} students"
    one = where is not None and len(np.unique(where[own & (n > 0)])) < 2
    return "students of one school" if one else ""


def _within(age: Array, n: Array, group: Codes | None) -> Array:
    """Age less the mean age of the key stage (C), so that comparing key stages stays what it is; 0 outside."""
    inside = n > 0
    at = np.zeros(len(age), dtype=np.int64) if group is None else np.maximum(group, 0)
    total = np.bincount(at[inside], n[inside])
    mean = np.bincount(at[inside], (n * np.nan_to_num(age))[inside]) / np.maximum(total, 1)
    out = np.zeros(len(age))
    out[inside] = age[inside] - mean[at[inside]]
    return out


def _joined(X: Array, cells: Cells, counts: Counts, keep: NDArray[np.bool_], levels: list[Level]) -> Design:
    """Cells of one school and design joined, with and without the columns of key stage by gender."""
    own = [[x.column for x in levels if x.term == term and x.column is not None] for term in CROSSED]
    crossed = [X[:, a] * X[:, b] for a, b in product(*own)]
    both = np.column_stack([X, *crossed]) if crossed else X
    n = counts.sums()
    both = both[:, independent(both, n[keep])]
    school = np.zeros(keep.sum()) if cells.alone else np.unique(cells.cluster[keep], return_inverse=True)[1]
    rows, at = np.unique(np.column_stack([school, both]), axis=0, return_inverse=True)
    at = at.ravel()
    entries = keep[counts.cell]
    to = np.full(len(keep), -1)
    to[keep] = at
    weight, score, row = counts.n[entries], counts.score[entries], to[counts.cell[entries]]
    centre = float(weight @ score / weight.sum())
    sums = [np.bincount(row, weight * (score - centre) ** power, len(rows)) for power in (0, 1, 2)]
    joint = Data(rows[:, 1:], rows[:, 0].astype(np.int64), *sums, centre)
    main = replace(joint, X=joint.X[:, : X.shape[1]])
    total = sums[0].sum()
    sd = float(np.sqrt(sums[2].sum() / (total - 1)))
    schools = NAN if cells.alone else float(main.schools)
    return Design(main, joint, levels, list(range(X.shape[1], both.shape[1])), float(total), schools, sd)
