"""The checks of published claims: each gives a computed value, whether the claim holds, and one sentence why.

Method: docs/methods/scorecard.md. Rules: ``learning_survey.claim_rules``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from learning_survey.claims import ends, number
from learning_survey.errors import SurveyError
from learning_survey.schemas import TABLES

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.claim_rules import Published
    from learning_survey.claims import Matched
    from learning_survey.scorecard import Source

# Tables print ten significant digits; two figures that differ by less than this are the same.
EXACT = 1e-9


class NotComputableError(Exception):
    """The study has no data for a claim; the message is the reason, a sentence."""


@dataclass
class Outcome:
    """What a check found: whether the claim holds, the computed value as text, and a sentence why.

    Limits and tolerance are in the published unit.
    """

    holds: bool
    computed: str
    reason: str
    ci_low: float = math.nan
    ci_high: float = math.nan
    tolerance: float = math.nan


# ---------------------------------------------------------------- checks


def _value(matched: Matched, published: Published, source: Source) -> Outcome:
    rule, claim = matched.rule, matched.claim
    rows = source.rows(rule.table, rule.where, matched)
    target = number(claim.published)
    if rule.pick is None:
        if len(rows) > 1:
            raise SurveyError(
                f"'{claim.claim_id}': {len(rows)} rows of table '{rule.table}' match; it needs one",
                where=matched.place,
                remedy="Say more in 'where', or take one with 'pick: least' or 'pick: greatest'.",
            )
        row = rows.iloc[0]
        _known(rows, rule.column)
    else:
        figures = _known(rows, rule.column)
        row = rows.loc[figures.idxmin() if rule.pick == "least" else figures.idxmax()]
        source.narrow(rule.table, [row.name])
    x, low, high = (rule.scale * v for v in _estimate(row, rule.column))
    sampling = 0.0 if math.isnan(low) or math.isnan(high) else abs(high - low) / 2
    tolerance = published.tolerances[rule.tolerance].of(claim.published, sampling)
    agrees = abs(x - target) <= tolerance + EXACT
    reason = _distance(x, claim.published, abs(x - target), tolerance, agrees)
    for column, wanted in rule.at.items():
        if str(row[column]) != wanted:
            agrees = False
            reason = f"The {rule.pick} is at {row[column]}, not at {wanted}; {reason[0].lower()}{reason[1:]}"
    return Outcome(agrees, _text(x), reason, low, high, tolerance)


def _bound(matched: Matched, published: Published, source: Source) -> Outcome:
    rule, claim = matched.rule, matched.claim
    rows = source.rows(rule.table, rule.where, matched)
    figures = _known(rows, rule.column) * rule.scale
    sizes = figures.abs() if rule.absolute else figures
    at = sizes.idxmin() if rule.side == "least" else sizes.idxmax()
    x, limit = float(sizes[at]), number(claim.published)
    tolerance = published.tolerances[rule.tolerance].of(claim.published, 0.0)
    beyond = limit - x if rule.side == "least" else x - limit
    limits = sorted(rule.scale * v for v in _estimate(rows.loc[at], rule.column)[1:])
    if rule.absolute and figures[at] < 0:
        limits = sorted(-v for v in limits)
    source.narrow(rule.table, [at])
    agrees = beyond <= tolerance + EXACT
    side = "below" if rule.side == "least" else "above"
    shown = _p(x) if TABLES[rule.table].columns[rule.column].unit == "p" else _show(x)
    allowed = f" by more than {_show(tolerance)}" if tolerance else ""
    reason = f"The {rule.side} of {len(rows)} is {shown}, " + (
        f"not {side} {claim.published}{allowed}."
        if agrees
        else f"{side} {claim.published} by {_show(beyond)}" + (f", more than {_show(tolerance)}." if tolerance else ".")
    )
    return Outcome(agrees, _text(x), reason, *limits, tolerance)


def _range(matched: Matched, published: Published, source: Source) -> Outcome:
    rule, claim = matched.rule, matched.claim
    rows = source.rows(rule.table, rule.where, matched)
    figures = _known(rows, rule.column) * rule.scale
    printed = ends(claim.published)
    at = [figures.idxmin(), figures.idxmax()]
    source.narrow(rule.table, at)
    found = [float(figures[i]) for i in at]
    parts, agrees, tolerances = [], True, []
    for side, x, text, i in zip(("least", "greatest"), found, printed, at, strict=True):
        low, high = (rule.scale * v for v in _estimate(rows.loc[i], rule.column)[1:])
        sampling = 0.0 if math.isnan(low) or math.isnan(high) else abs(high - low) / 2
        tolerances.append(tolerance := published.tolerances[rule.tolerance].of(text, sampling))
        off = abs(x - number(text))
        agrees &= off <= tolerance + EXACT
        parts.append(f"{side} of {len(rows)}: {_distance(x, text, off, tolerance, off <= tolerance + EXACT)}")
    reason = " ".join(part[0].upper() + part[1:] for part in parts)
    return Outcome(agrees, f"{_text(found[0])} to {_text(found[1])}", reason, tolerance=max(tolerances))


def _compare(matched: Matched, published: Published, source: Source) -> Outcome:
    rule, claim = matched.rule, matched.claim
    cells = []
    for where in (rule.where, rule.against):
        rows = source.rows(rule.table, where, matched)
        if len(rows) > 1:
            raise SurveyError(
                f"'{claim.claim_id}': {len(rows)} rows of table '{rule.table}' match; it compares one with one",
                where=matched.place,
                remedy="Say more in 'where' and 'against'.",
            )
        cells.append(float(_known(rows, rule.column).iloc[0]))
    a, b = cells
    if rule.by == "ratio" and b == 0:
        raise NotComputableError("The figure to divide by is zero.")
    x = rule.scale * (a - b if rule.by == "difference" else a / b)
    target = number(claim.published)
    tolerance = published.tolerances[rule.tolerance].of(claim.published, 0.0)
    agrees = abs(x - target) <= tolerance + EXACT
    sign = "less" if rule.by == "difference" else "over"
    reason = f"{_show(a)} {sign} {_show(b)}: {_distance(x, claim.published, abs(x - target), tolerance, agrees)}"
    return Outcome(agrees, _text(x), reason, tolerance=tolerance)


def _falls(matched: Matched, _: Published, source: Source) -> Outcome:
    rule, published = matched.rule, matched.claim.published
    means = source.rows(rule.table, rule.where, matched).sort_values(rule.order)
    trend = source.rows(rule.trend.table, rule.trend.where, matched).iloc[0]
    steps = source.rows(rule.steps.table, rule.steps.where, matched)
    mean = _known(means, rule.column).to_numpy()
    _known(trend.to_frame().T, rule.trend.slope, rule.trend.p)
    _known(steps, rule.steps.difference, rule.steps.p)
    rises = int((steps[rule.steps.difference].lt(0) & steps[rule.steps.p].lt(rule.alpha)).sum())
    slope, p = float(trend[rule.trend.slope]), float(trend[rule.trend.p])
    agrees = slope < 0 and p < rule.alpha and mean[-1] < mean[0] and rises == 0
    down = sum(b < a for a, b in pairwise(mean))
    reason = (
        f"The trend is {_show(slope)} a step (p {_p(p)}); the mean goes from {_show(mean[0])} to {_show(mean[-1])}, "
        f"{down} of {len(mean) - 1} steps fall and {rises or 'none'} {'rise' if rises > 1 else 'rises'} significantly."
    )
    return Outcome(agrees, published if agrees else f"no {published}", reason)


def _largest_step(matched: Matched, _: Published, source: Source) -> Outcome:
    rule, published = matched.rule, matched.claim.published
    rows = source.rows(rule.table, rule.where, matched)
    order = rows.sort_values(rule.order)[rule.name].unique()
    _groups_exist(published.split(" to "), order, rule.table)
    _known(rows, rule.column)
    means = rows.pivot(index=rule.each, columns=rule.name, values=rule.column)[list(order)]
    falls = -means.diff(axis=1).iloc[:, 1:]
    falls.columns = [f"{a} to {b}" for a, b in pairwise(order)]
    largest = falls.mean().idxmax()
    largest_in = falls.idxmax(axis=1)
    reason = (
        f"The largest average fall is {largest}, {_show(falls[largest].mean())}; "
        f"{published} is the largest in {int((largest_in == published).sum())} of {len(falls)}."
    )
    return Outcome(largest == published, largest, reason)


def _extreme(matched: Matched, _: Published, source: Source) -> Outcome:
    rule, published = matched.rule, matched.claim.published
    rows = source.rows(rule.table, rule.where, matched)
    _groups_exist([published], rows[rule.name], rule.table)
    _known(rows, rule.column)
    parts = [rows] if rule.each is None else [part for _, part in rows.groupby(rule.each, sort=False)]
    found = []
    for part in parts:
        figures = part[rule.column]
        found.append(str(part.loc[figures.idxmax() if rule.side == "highest" else figures.idxmin(), rule.name]))
    agrees = all(name == published for name in found)
    computed = ";".join(dict.fromkeys(found))
    if rule.each is None:
        rest = rows.loc[rows[rule.name] == published, rule.column].iloc[0]
        extreme = rows[rule.column].max() if rule.side == "highest" else rows[rule.column].min()
        reason = f"The {rule.side} is {computed}, {_show(extreme)}" + (
            "." if agrees else f"; {published} has {_show(rest)}."
        )
    else:
        reason = f"{published} is {rule.side} in {found.count(published)} of {len(found)}."
    return Outcome(agrees, computed, reason)


def _near(matched: Matched, published: Published, source: Source) -> Outcome:
    rule, claim = matched.rule, matched.claim
    rows = source.rows(rule.table, rule.where, matched)
    figures = _known(rows, rule.column) * rule.scale
    tolerance = published.tolerances[rule.tolerance].of(_text(rule.about), 0.0)
    far = (figures - rule.about).abs()
    agrees = bool(far.max() <= tolerance + EXACT)
    reason = f"The farthest from {_show(rule.about)} is {_show(figures[far.idxmax()])}, " + (
        f"within {_show(tolerance)}." if agrees else f"{_show(far.max())} away, more than {_show(tolerance)}."
    )
    if len(rows) != len(claim.published.split(";")):
        raise SurveyError(
            f"'{claim.claim_id}': {len(rows)} rows match and {len(claim.published.split(';'))} figures are published",
            where=matched.place,
            remedy="Name as many rows in 'where' as the claim has figures.",
        )
    return Outcome(agrees, ";".join(_text(x) for x in figures), reason, tolerance=tolerance)


def _top_items(matched: Matched, _: Published, source: Source) -> Outcome:
    rule, claim = matched.rule, matched.claim
    rows = source.rows(rule.table, rule.where, matched)
    _known(rows, rule.column)
    top = rows.sort_values([rule.column, *TABLES[rule.table].keys], ascending=rule.side == "lowest").head(rule.count)
    source.narrow(rule.table, top.index)
    names, allowed = list(top[rule.name]), claim.published.split(";")
    other = sorted(set(names) - set(allowed))
    reason = f"The {len(top)} {rule.side} belong to {', '.join(dict.fromkeys(names))}" + (
        f"; {', '.join(other)} {'is' if len(other) == 1 else 'are'} not among the published." if other else "."
    )
    return Outcome(not other, ";".join(dict.fromkeys(names)), reason)


def _positive(matched: Matched, _: Published, source: Source) -> Outcome:
    rule, published = matched.rule, matched.claim.published
    rows = source.rows(rule.table, rule.where, matched)
    _known(rows, rule.column)
    x, low, high = _estimate(rows.iloc[0], rule.column)
    agrees = x > 0 and low > 0
    level = f"{source.study.resampling.level:.0%}"
    reason = f"The difference is {_show(x)}, {level} interval {_show(low)} to {_show(high)}."
    return Outcome(agrees, published if agrees else f"not {published}", reason)


def _order(matched: Matched, _: Published, source: Source) -> Outcome:
    rule, published = matched.rule, matched.claim.published
    groups = rule.groups or published.split(">")
    rows = source.rows(rule.table, rule.where, matched)
    _groups_exist(groups, rows[rule.name], rule.table)
    rows = rows[rows[rule.name].isin(groups)]
    source.narrow(rule.table, rows.index)
    _known(rows, rule.column)
    means = rows.pivot(index=rule.each, columns=rule.name, values=rule.column)[groups]
    count = int((means.diff(axis=1).iloc[:, 1:] < 0).all(axis=1).sum())
    found = f"{count} of {len(means)}"
    reason = f"The order {' > '.join(groups)} holds in {found}."
    if rule.groups:
        return Outcome(found == published, found, reason)
    return Outcome(count == len(means), published if count == len(means) else f"{published} in {found}", reason)


def _count(matched: Matched, _: Published, source: Source) -> Outcome:
    rule, published = matched.rule, matched.claim.published
    rows = source.rows(rule.table, rule.where, matched)
    figures = _known(rows, rule.column)
    found = f"{int((figures < rule.below).sum())} of {len(rows)}"
    reason = f"{found} have {rule.column} below {_show(rule.below)}; the smallest is {_p(figures.min())}."
    return Outcome(found == published, found, reason[0].upper() + reason[1:])


def _label(matched: Matched, _: Published, source: Source) -> Outcome:
    rule, published = matched.rule, matched.claim.published
    row = source.rows(rule.table, rule.where, matched).iloc[0]
    text = row[rule.column]
    if not isinstance(text, str) or not text:
        raise NotComputableError(f"The table {rule.table} has no {rule.column} there.")
    agrees = text.casefold() == published.casefold()
    return Outcome(
        agrees,
        text,
        f"The {rule.column} is {text}" + (", as published." if agrees else f"; {published} was published."),
    )


CHECKS: dict[str, Callable[[Matched, Published, Source], Outcome]] = {
    "value": _value,
    "bound": _bound,
    "range": _range,
    "compare": _compare,
    "falls": _falls,
    "largest_step": _largest_step,
    "extreme": _extreme,
    "near": _near,
    "top_items": _top_items,
    "positive": _positive,
    "order": _order,
    "count": _count,
    "label": _label,
}


# ---------------------------------------------------------------- small things


def _known(rows: pd.DataFrame, *columns: str) -> pd.Series:
    """The last column's figures; raises NotComputableError where one was withheld or could not be estimated."""
    for column in columns:
        if rows[column].isna().any():
            row = rows[rows[column].isna()].iloc[0]
            keys = [c for c in rows.columns if isinstance(row[c], str)][:2]
            raise NotComputableError(f"No {column} for {', '.join(row[c] for c in keys)}: withheld or not estimated.")
    return rows[columns[-1]].astype(float)


def _estimate(row: pd.Series, column: str) -> tuple[float, float, float]:
    """A figure and its interval; NaN where the table has none."""
    return float(row[column]), *(float(row.get(f"{column}_ci_{end}", math.nan)) for end in ("low", "high"))


def _groups_exist(wanted: list[str], known: Any, table: str) -> None:
    if missing := [g for g in wanted if g not in set(known)]:
        names = ", ".join(dict.fromkeys(str(k) for k in known))
        raise NotComputableError(f"The study has no '{missing[0]}' in the table {table}, which has {names}.")


def _distance(x: float, printed: str, distance: float, tolerance: float, agrees: bool) -> str:
    if agrees:
        return (
            f"{_show(x)} equals {printed}."
            if tolerance == 0
            else f"{_show(x)} lies within {_show(tolerance)} of {printed}."
        )
    return f"{_show(x)} differs from {printed} by {_show(distance)}, " + (
        "and a count must agree." if tolerance == 0 else f"more than {_show(tolerance)}."
    )


def _text(x: float) -> str:
    """A computed figure as the tables print it."""
    return f"{x:.10g}"


def _show(x: float) -> str:
    """A figure in a sentence: up to four decimals."""
    shown = f"{x:.{4 if abs(x) < 10 else 2}f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown


def _p(p: float) -> str:
    return "below .001" if p < 0.001 else f"{p:.3f}"
