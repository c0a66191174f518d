"""A verdict on each key finding of a published report, by rules written down in configuration: tables ``verdicts.*``.

A condition is true, false or unknown, and unknown ones combine as in Kleene's logic (1952, Introduction to
Metamathematics, section 64). Outcomes are tried in order. One whose condition is unknown ends the search, since what
cannot be computed must not lead to a later verdict: the finding cannot be tested, and its sentence says what is
lacking.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning_survey.errors import SurveyError, nearest
from learning_survey.families import families
from learning_survey.places import Places
from learning_survey.schemas import TABLES
from learning_survey.scorecard import ALWAYS, LACKING
from learning_survey.values import NOTHING, Row, holds, read_rows, refuted, span_of, text_of
from learning_survey.verdict_rules import (
    LABELS,
    AllOf,
    Cell,
    Claims,
    Finding,
    Leaf,
    Must,
    Rows,
    Setting,
    base_of,
    load_verdicts,
    names_in,
    rule_files,
    tests_of,
)

if TYPE_CHECKING:
    import polars as pl

    from learning_survey.config import Loaded


@dataclass(frozen=True)
class Known:
    """A value (number, text or flag), its unit and limits, of a count the total; or why it is lacking."""

    value: Any = None
    unit: str = "count"
    low: float | None = None
    high: float | None = None
    total: int | None = None
    source: str = ""
    lacking: str = ""

    def part(self, name: str) -> str:
        """What a sentence shows: the value ('') or one of ``verdict_rules.PARTS``."""
        if name == "ci":
            return span_of(self.low, self.high, self.unit)
        if name == "share":
            return text_of(self.value / self.total if self.total else None, "share")
        if name == "of":
            return text_of(self.total, "count")
        return text_of({"": self.value, "low": self.low, "high": self.high}[name], self.unit)


@dataclass
class Evidence:
    """The tables of one study, its scorecard, and where the rules stand."""

    study: Loaded
    folder: Path
    scorecard: list[Row]
    _read: dict[str, list[Row]] = field(default_factory=dict)

    def rows(self, table: str, where: dict[str, Any]) -> list[Row] | None:
        """The rows that ``where`` leaves; None where the study does not have the table or it is empty.

        Raises SurveyError where the table has rows and none of them fits.
        """
        if table == "scorecard":
            every = self.scorecard
        elif table.partition(".")[0] not in (*ALWAYS, *self.study.stages):
            return None
        else:
            if table not in self._read:
                self._read[table] = read_rows(self.folder / f"{table.replace('.', '/')}.csv", table)
            every = self._read[table]
        if not every:
            return None
        rows = every
        for column, wanted in where.items():
            values = [wanted] if isinstance(wanted, str) else wanted
            rows = [r for r in rows if str(r[column]) in values]
            if not rows:
                raise SurveyError(
                    f"table '{table}' has no row where {column} is {' or '.join(values)}",
                    where=rule_files(self.study)[0],
                    remedy=nearest(values[0], sorted({str(r[column]) for r in every})),
                )
        return rows

    def value(self, value: Any) -> Known:
        """What a finding's value comes to."""
        if isinstance(value, Setting):
            found = getattr(self.study, value.setting)
            return Known(found, "flag" if isinstance(found, bool) else "text", source=f"the study's {value.setting}")
        if isinstance(value, Claims):
            return self._claims(value)
        rows = self.rows(value.table, value.where)
        if rows is None:
            stage = value.table.partition(".")[0]
            has = stage in (*ALWAYS, "scorecard", *self.study.stages)
            lacking = f"The study has no {LACKING.get(stage, stage)}."
            why = f"The table {value.table} is empty for this study." if has else lacking
            return Known(lacking=why)
        source = f"{value.table}: {_place(value.where) or 'all rows'}"
        return self._counted(value, rows, source) if isinstance(value, Rows) else self._cell(value, rows, source)

    def _claims(self, value: Claims) -> Known:
        matching = [r for r in self.scorecard if fnmatch.fnmatch(r["claim_id"], value.claims)]
        computed = [r for r in matching if holds(r) or refuted(r)]
        if not computed:
            return Known(lacking=matching[0]["reason"] if matching else "No such claim is on the scorecard.")
        return Known(sum(map(holds, computed)), total=len(computed), source=f"scorecard: {value.claims}")

    def _counted(self, value: Rows, rows: list[Row], source: str) -> Known:
        met = [_met(r[value.column], value.count, {}) for r in rows]
        if None in met:
            return Known(lacking=f"A cell of {value.column} in the table {value.table} is withheld or not computed.")
        return Known(sum(map(bool, met)), total=len(rows), source=source)

    def _cell(self, value: Cell, rows: list[Row], source: str) -> Known:
        spec, column = TABLES[value.table].columns, value.column
        unit = spec[column].unit
        if value.skip_empty:
            rows = [r for r in rows if r[column] is not None]
        if not rows or any(r[column] is None for r in rows):
            return Known(lacking=f"A cell of {column} in the table {value.table} is withheld or not computed.")
        if value.pick == "sum":
            return Known(sum(r[column] for r in rows), unit, source=source)
        size = abs if value.absolute else (lambda x: x)
        if value.pick is None and len(rows) > 1:
            raise SurveyError(
                f"{len(rows)} rows of table '{value.table}' are where {_place(value.where) or 'nothing is asked'}",
                where=rule_files(self.study)[0],
                remedy="Say more in 'where', or take one with 'pick: least' or 'pick: greatest'.",
            )
        row = (
            rows[0]
            if value.pick is None
            else (min if value.pick == "least" else max)(rows, key=lambda r: size(r[column]))
        )
        low, high = (row.get(f"{column}_ci_{end}") for end in ("low", "high"))
        shown = row[column]
        if value.absolute and shown < 0:
            shown = -shown
            low, high = (None, None) if low is None or high is None else (-high, -low)
        return Known(shown, unit, low, high, source=source)


def tables(study: Loaded, folder: Path, scorecard: Path) -> dict[str, pl.DataFrame]:
    """The tables ``verdicts.findings``, ``.values`` and ``.families`` by the second part of their names.

    ``folder`` is ``results/<study>/tables``. Raises SurveyError for a rule that does not fit the tables.
    """
    import polars as pl

    rules = load_verdicts(study)
    evidence = Evidence(study, folder, read_rows(scorecard, "scorecard"))
    rows: dict[str, list[dict[str, Any]]] = {"findings": [], "values": []}
    path = rule_files(study)[0]
    place = Places(path).of
    for number, finding in enumerate(rules.findings, 1):
        known = {}
        for name, value in finding.values.items():
            try:
                known[name] = evidence.value(value)
            except SurveyError as error:
                if error.where != str(path):
                    raise
                where = place("findings", number - 1, "values", name)
                raise SurveyError(error.problem, where=where, remedy=error.remedy) from None
        rows["findings"].append({"finding": finding.id, "number": number} | judged(finding, known))
        rows["values"] += [_shown(finding, name, one) for name, one in known.items()]
    rows["families"] = families(rules.families, evidence.rows, place)
    kinds = {"id": pl.String, "text": pl.String, "flag": pl.Boolean}
    return {
        name: pl.DataFrame(
            {
                column: pl.Series([r.get(column) for r in content], dtype=kinds.get(spec.unit, pl.Float64))
                for column, spec in TABLES[f"verdicts.{name}"].columns.items()
            }
        )
        for name, content in rows.items()
    }


def judged(finding: Finding, known: dict[str, Known]) -> dict[str, Any]:
    """The verdict on a finding from its values: id, label, the sentence why, and which outcome gave it (from 1)."""
    for number, outcome in enumerate(finding.outcomes, 1):
        met = True if outcome.when is None else _true(outcome.when, known)
        if met is False:
            continue
        verdict, why = outcome.verdict, _said(outcome.why, finding, known)
        if met is None:
            verdict = "untested"
            why = next(known[name].lacking for name in tests_of(outcome.when) if known[name].lacking)
        return {
            "title": finding.title,
            "verdict": verdict,
            "label": LABELS[verdict],
            "why": why,
            "outcome": number,
        }
    raise AssertionError("the last outcome has no condition")


def _said(why: str, finding: Finding, known: dict[str, Known]) -> str:
    """The sentence with its values; one that is lacking is a dash."""
    for name in names_in(why):
        base = base_of(name, finding) or name
        one = known[base]
        shown = NOTHING if one.lacking else one.part(name.removeprefix(base).removeprefix("_"))
        why = why.replace(f"{{{name}}}", shown)
    return why


def _true(condition: Any, known: dict[str, Known]) -> bool | None:
    """Whether a condition is met; None where that is unknown."""
    if isinstance(condition, Leaf):
        one = known[condition.value]
        return None if one.lacking else _met(one.value, condition, known, one.total)
    inner = condition.all if isinstance(condition, AllOf) else condition.any
    found = [_true(one, known) for one in inner]
    decisive = not isinstance(condition, AllOf)  # one true makes "any" true, one false makes "all" false
    if decisive in found:
        return decisive
    return None if None in found else not decisive


def _met(value: Any, must: Must, known: dict[str, Known], total: int | None = None) -> bool | None:
    if value is None:
        return None
    checks = {
        "above": lambda x, y: x > y,
        "below": lambda x, y: x < y,
        "at_least": lambda x, y: x >= y,
        "at_most": lambda x, y: x <= y,
    }
    for side, check in checks.items():
        limit = getattr(must, side)
        if limit is None:
            continue
        if isinstance(limit, str):
            if known[limit].lacking:
                return None
            limit = known[limit].value
        if not check(value, limit):
            return False
    if must.is_ is not None and value != must.is_:
        return False
    if must.among and value not in must.among:
        return False
    return not (must.every and value != total)


def _shown(finding: Finding, name: str, one: Known) -> dict[str, Any]:
    number = one.value if isinstance(one.value, int | float) and not isinstance(one.value, bool) else None
    return {
        "finding": finding.id,
        "value": name,
        "text": "" if one.lacking else one.part(""),
        "number": number,
        "number_ci_low": one.low,
        "number_ci_high": one.high,
        "total": one.total,
        "source": one.source,
        "lacking": one.lacking,
    }


def _place(where: dict[str, Any]) -> str:
    return ", ".join(f"{c} is {w if isinstance(w, str) else ' or '.join(w)}" for c, w in where.items())
