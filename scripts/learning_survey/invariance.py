"""Whether groups may be compared: measurement invariance of the dimensions across key stages and genders.

For each grouping the correlated-factors model is fitted level by level (``invariance_levels``), items that work
differently are found (``invariance_items``), the fall in fit is held against stated cut-offs and against what schools
drawn at random would give if invariance held (``invariance_null``), and the same is done for ordinal items
(``cfa_ordinal``, ``cfa_wls``). Method and sources: docs/methods/invariance.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learning_survey import (
    fit_indices,
    gender,
    invariance_items,
    invariance_null,
    invariance_ordinal,
)
from learning_survey.cfa_robust import Clusters
from learning_survey.errors import SurveyError
from learning_survey.fit_indices import ChiSquare
from learning_survey.invariance_items import ItemTest, may_be_freed
from learning_survey.invariance_levels import LEVELS, Fitted, difference, fitted
from learning_survey.invariance_null import Changes
from learning_survey.schemas import TABLES
from learning_survey.students import Students
from learning_survey.uncertainty import holm, t_quantile

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded
    from learning_survey.plans import InvariancePlan

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]
Scales = Mapping[str, list[str]]
FITS, BARELY, NOT, UNTESTED = "holds", "in doubt", "fails", "not tested"


@dataclass(frozen=True)
class Grouping:
    """Students by group: complete rows by school, and how many there are; ``left_out`` says why a group is not in.

    ``rows`` are each group's complete rows (N, p) where each stands alone (``Students.alone``) and is the unit.
    """

    id: str
    label: str
    labels: dict[str, str]
    groups: dict[str, Clusters]
    sizes: dict[str, int]
    left_out: dict[str, str]
    rows: dict[str, Array]

    @property
    def n(self) -> float:
        return float(sum(g.n.sum() for g in self.groups.values()))

    @property
    def baseline(self) -> ChiSquare:
        """Of items that do not correlate."""
        return fit_indices.baseline([g.sample for g in self.groups.values()])


@dataclass
class Result:
    """What one grouping gives: rows of the stage's tables."""

    fit: Rows = field(default_factory=list)
    items: Rows = field(default_factory=list)
    latent_means: Rows = field(default_factory=list)
    verdicts: Rows = field(default_factory=list)


def tables(study: Loaded, processed: Path) -> dict[str, pd.DataFrame]:
    """The tables ``invariance.*``; see ``schemas``. Raises SurveyError for an item without variance."""
    import pandas as pd

    plan, instrument = study.invariance, study.instrument
    scales = {d: instrument.items_of(d) for d in instrument.dimension_ids}
    groups_rows, result = [], Result()
    for grouping in groupings(study, processed, scales):
        for group, label in grouping.labels.items():
            n = grouping.sizes.get(group, 0)
            shown = n if n >= study.min_group else None
            note = grouping.left_out.get(group, "")
            groups_rows.append(
                {"grouping": grouping.id, "group": group, "label": label, "n": shown, "used": not note, "note": note}
            )
        try:
            compared(grouping, scales, study, plan, result)
        except SurveyError as error:
            result.verdicts.append(_untested(grouping, f"{error.problem} ({error.where})"))
            continue
        if plan.ordinal and len(grouping.groups) > 1:
            rows, own = invariance_ordinal.rows(grouping.id, list(grouping.groups), scales, processed, study)
            result.fit += rows
            for row in result.items:
                if row["grouping"] == grouping.id:
                    row.update(own.get(row["item"], {}))
    rows = {"groups": groups_rows, **vars(result)}
    return {name: pd.DataFrame(own, columns=list(TABLES[f"invariance.{name}"].columns)) for name, own in rows.items()}


def groupings(study: Loaded, processed: Path, scales: Scales) -> list[Grouping]:
    """The study's groupings with the complete rows of each group by cluster.

    A group with fewer than ``min_students`` complete rows, or in fewer than two clusters, is left out.
    """
    plan, items = study.invariance, [i for own in scales.values() for i in own]
    kinds = {
        "group": study.key_stages and (study.key_stages.label, {v.id: v.label for v in study.key_stages.levels}),
        "gender": study.gender and (study.gender.label, {c.id: c.label for c in study.gender.categories}),
    }
    students, found = Students.read(processed), []
    for kind in plan.groupings:
        if not kinds[kind]:
            continue
        title, labels = kinds[kind]
        groups, sizes, left_out, rows = {}, {}, {}, {}
        present = students.rows.select(pl.col(kind).unique()).collect()[kind].drop_nulls()
        merged = gender.counted_with(set(present), study) if kind == "gender" else {}
        for group in labels:
            own = students.rows.filter(pl.col(kind) == group).select("cluster", *items).drop_nulls(items).collect()
            sizes[group] = own.height
            clusters = own["cluster"].n_unique()
            if group in merged:
                left_out[group] = merged[group]
            elif own.height < max(plan.min_students, len(items) + 1):
                left_out[group] = "too few students with every answer"
            elif clusters < 2:
                left_out[group] = "all in one school"
            else:
                x = own.select(items).to_numpy()
                groups[group] = Clusters.of(x, own["cluster"].to_numpy().astype(str))
                if students.alone:
                    rows[group] = x
        found.append(Grouping(kind, title, labels, groups, sizes, left_out, rows))
    return found


def compared(grouping: Grouping, scales: Scales, study: Loaded, plan: InvariancePlan, result: Result) -> None:
    """Levels, items, latent means and verdict of one grouping, added to ``result``."""
    if len(grouping.groups) < 2:
        result.verdicts.append(_untested(grouping, "fewer than two groups are large enough"))
        return
    fits: dict[str, Fitted] = {}
    for level in LEVELS:
        before = next(reversed(fits.values())).fit if fits else None
        fits[level] = fitted(scales, grouping.groups, level, start=before, rows=grouping.rows)
    if not all(f.fit.identified and f.fit.converged for f in fits.values()):
        result.verdicts.append(_untested(grouping, "the model has no definite solution in some group"))
        return
    freed, found, partial = search(fits["scalar"], grouping, scales, plan)
    n, base = grouping.n / len(grouping.groups), grouping.baseline
    drawn = invariance_null.chi_squares(fits["scalar"], scales, grouping.groups, plan.draws, study.seed)
    null = invariance_null.changes(drawn, {v: f.fit.df for v, f in fits.items()}, base, n)
    rows = level_rows(grouping, fits, null, plan)
    if freed:
        # Freed items have loadings of their own too: 'partial' is nested in 'metric' only where these are free there.
        metric = fitted(scales, grouping.groups, "metric", freed, start=fits["metric"].fit, rows=grouping.rows)
        own, before = (_fit_row(grouping, "partial", f) for f in (partial, metric))
        rows.append(own | _change(before, own, False, plan) | _difference(partial, metric))
    result.fit += rows
    tests = [found[i] for own in scales.values() for i in own]
    exact = {i: d for i, d in invariance_items.estimated(partial, scales, grouping.groups).items() if i in freed}
    result.items += item_rows(grouping, scales, tests, exact, plan)
    result.latent_means += latent_rows(grouping, scales, partial, freed, study)
    result.verdicts.append(verdict(grouping, rows, freed, study))


def search(
    scalar: Fitted, grouping: Grouping, scales: Scales, plan: InvariancePlan
) -> tuple[list[str], dict[str, ItemTest], Fitted]:
    """Free the loading and intercept of items that work differently, the worst first, until none is left.

    An item works differently where its test is significant after Holm's correction over all items and its dMACS in
    some group is at least ``plan.dmacs``. At least half of a dimension's items, and two, stay equal: with fewer the
    groups' factors would have too little in common. Returns the items freed, the last test of each item (of a freed
    one when it was freed), and the fit with those items free.
    """
    freed: list[str] = []
    tested: dict[str, ItemTest] = {}
    now = scalar
    while True:
        found = invariance_items.tests(now, scales, grouping.groups, freed, grouping.rows)
        tested |= {t.item: t for t in found}
        adjusted = holm(np.array([t.p for t in found]))
        worst = [
            t
            for t, p in zip(found, adjusted, strict=True)
            if p < plan.level and t.largest >= plan.dmacs and may_be_freed(t.item, freed, scales)
        ]
        if not worst:
            return freed, tested, now
        freed.append(max(worst, key=lambda t: t.chi2).item)
        now = fitted(scales, grouping.groups, "scalar", freed, start=now.fit, rows=grouping.rows)


# ---------------------------------------------------------------- rows


def level_rows(
    grouping: Grouping, fits: Mapping[str, Fitted], null: Mapping[str, Changes], plan: InvariancePlan
) -> Rows:
    """A row for each level: its fit, and its change from the level before with the verdict on it."""
    rows: Rows = [_fit_row(grouping, level, f) for level, f in fits.items()]
    for (before, after), row_before, row in zip(pairwise(fits), rows[:-1], rows[1:], strict=True):
        change = _change(row_before, row, after == "metric", plan)
        own = null[after]
        row.update(change | _difference(fits[after], fits[before]))
        row.update(
            {
                "delta_cfi_null": float(np.quantile(own.cfi, plan.quantile)),
                "p_null": float((1 + np.sum(own.cfi >= -change["delta_cfi"])) / (1 + len(own.cfi))),
            }
        )
    acceptable = rows[0]["cfi"] >= plan.min_cfi and rows[0]["rmsea"] <= plan.max_rmsea
    rows[0]["verdict"] = (FITS if acceptable else NOT) if rows[0]["df"] else UNTESTED
    return rows


def _fit_row(grouping: Grouping, level: str, f: Fitted) -> dict[str, Any]:
    ix = fit_indices.plain(ChiSquare(f.fit.chi2, f.fit.df), grouping.baseline, grouping.n / len(grouping.groups))
    return {
        "grouping": grouping.id,
        "items_as": "continuous",
        "level": level,
        "parameters": len(f.fit.x),
        "chi_square": f.fit.chi2,
        "df": f.fit.df,
        "chi_square_scaled": f.robust.chi2,
        "p": f.test.p,
        "cfi": ix.cfi,
        "tli": ix.tli,
        "rmsea": ix.rmsea,
        "rmsea_low": ix.rmsea_low,
        "rmsea_high": ix.rmsea_high,
        "srmr": fit_indices.srmr(f.fit),
        "aic": fit_indices.aic(f.fit),
        "bic": fit_indices.bic(f.fit),
        "converged": f.fit.converged,
        "admissible": f.fit.admissible,
    }


def _change(before: dict[str, Any], after: dict[str, Any], loadings: bool, plan: InvariancePlan) -> dict[str, Any]:
    """Changes of fit, and whether they are within Chen's (2007) cut-offs.

    A level without degrees of freedom has no indices, but its CFI is 1 in all answers; it has no RMSEA to rise from.
    """
    earlier = before if before["df"] else before | {"cfi": 1.0}
    change = {f"delta_{name}": after[name] - earlier[name] for name in ("cfi", "rmsea", "srmr")}
    cut = plan.srmr_loadings if loadings else plan.srmr
    fall = change["delta_cfi"] < -plan.cfi
    others = change["delta_rmsea"] > plan.rmsea or change["delta_srmr"] > cut
    verdict = NOT if fall and others else BARELY if fall or others else FITS
    return change | {"verdict": verdict if after["converged"] and before["converged"] else BARELY}


def _difference(restricted: Fitted, general: Fitted) -> dict[str, Any]:
    test = difference(restricted, general)
    return {"difference_chi_square": test.scaled, "difference_df": test.df, "difference_p": test.p}


def item_rows(
    grouping: Grouping, scales: Scales, tests: list[ItemTest], exact: Mapping[str, Array], plan: InvariancePlan
) -> Rows:
    """A row for each item: its test, its size, and whether it works differently.

    ``exact`` has the dMACS of the items that are free in the end; the others' are expected ones.
    """
    others, rows = list(grouping.groups)[1:], []
    for t, p in zip(tests, holm(np.array([t.p for t in tests])), strict=True):
        own = replace(t, dmacs=exact.get(t.item, t.dmacs))
        status = "freed" if t.item in exact else own.status(p, plan)
        rows.append(
            {
                "grouping": grouping.id,
                "item": t.item,
                "dimension": next(dim for dim, items in scales.items() if t.item in items),
                "chi_square": t.chi2,
                "df": t.df,
                "p": t.p,
                "p_holm": p,
                "dmacs": own.largest,
                "largest_in": others[int(np.nanargmax(own.dmacs))] if np.isfinite(own.largest) else "",
                "differs": status in ("freed", "differs"),
                "freed": t.item in exact,
            }
        )
    return rows


def latent_rows(grouping: Grouping, scales: Scales, partial: Fitted, freed: list[str], study: Loaded) -> Rows:
    """Factor means by group, beside differences of observed scores; both in standard deviations of the first group."""
    rows = []
    units = partial.robust.units
    half = t_quantile(units - 1, study.resampling.level)
    number = {label: k for k, label in enumerate(partial.fit.model.parameters)}
    first, *others = list(grouping.groups)
    for dimension, items in scales.items():
        at = [partial.fit.model.items.index(i) for i in items]
        reference = grouping.groups[first].sample
        sd = np.sqrt(reference.cov[np.ix_(at, at)].mean())
        for group in others:
            k = number[f"{dimension}~1 ({group})"]
            value, se = partial.fit.x[k], np.sqrt(partial.robust.vcov[k, k])
            sample = grouping.groups[group].sample
            rows.append(
                {
                    "grouping": grouping.id,
                    "dimension": dimension,
                    "group": group,
                    "group_label": grouping.labels[group],
                    "reference": first,
                    "reference_label": grouping.labels[first],
                    "latent": float(value),
                    "latent_ci_low": float(value - half * se),
                    "latent_ci_high": float(value + half * se),
                    "observed": float((sample.mean[at].mean() - reference.mean[at].mean()) / sd),
                    "items_freed": sum(i in freed for i in items),
                }
            )
    return rows


# ---------------------------------------------------------------- verdicts


def verdict(grouping: Grouping, rows: Rows, freed: list[str], study: Loaded) -> dict[str, Any]:
    """The row of ``invariance.verdicts``: how far groups may be compared, in one word and one sentence."""
    by = {row["level"]: row["verdict"] for row in rows}
    wording = {i.id: i.wording for i in study.instrument.items}
    named = "; ".join(f"“{wording[i]}”" for i in freed[:3]) + (f"; and {len(freed) - 3} more" if len(freed) > 3 else "")
    if by["configural"] == NOT:
        outcome, why = (
            "model does not fit",
            "the dimensions do not fit the answers of the groups well enough to compare",
        )
    elif by["metric"] == NOT:
        outcome, why = NOT, "the items do not measure the dimensions in the same unit in all groups"
    elif by["scalar"] == NOT:
        outcome, why = NOT, "students with the same standing on a dimension answer differently in different groups"
    elif freed:
        outcome, why = "partial", f"items work differently: {named}"
    elif BARELY in (by["metric"], by["scalar"]):
        outcome, why = BARELY, "one of the fit indices changes more than its cut-off, the others do not"
    else:
        outcome, why = FITS, "loadings and intercepts may be taken as equal"
    return {
        "grouping": grouping.id,
        "label": grouping.label,
        "n_groups": len(grouping.groups),
        "n": int(grouping.n),
        "configural": by["configural"],
        "metric": by["metric"],
        "scalar": by["scalar"],
        "strict": by["strict"],
        "partial": by.get("partial", ""),
        "items_freed": len(freed),
        "outcome": outcome,
        "why": why,
    }


def _untested(grouping: Grouping, why: str) -> dict[str, Any]:
    blank = dict.fromkeys(("configural", "metric", "scalar", "strict", "partial"), "")
    return {
        "grouping": grouping.id,
        "label": grouping.label,
        "n_groups": len(grouping.groups),
        "n": None,
        **blank,
        "items_freed": None,
        "outcome": "not testable",
        "why": why,
    }
