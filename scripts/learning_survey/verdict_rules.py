"""Rules by which each key finding of a published report gets its verdict: ``config/verdicts/<name>.yaml``.

A finding names values (cells of tables, counts of rows, counts of claims) and then outcomes in order: the first whose
condition is met gives the verdict, and its sentence says why, with the values in it. docs/methods/verdicts.md has the
grammar.
"""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from learning_survey.claim_rules import Where
from learning_survey.claims import read_claims
from learning_survey.config import Study, read_model
from learning_survey.errors import SurveyError, nearest
from learning_survey.multiverse_plan import load_multiverse
from learning_survey.places import Places
from learning_survey.schemas import TABLES
from learning_survey.strict import Identifier, Strict

if TYPE_CHECKING:
    from learning_survey.config import Loaded

Verdict = Literal["supported", "caveat", "not_supported", "untested"]
LABELS: dict[str, str] = {
    "supported": "Supported",
    "caveat": "Supported with a caveat",
    "not_supported": "Not supported",
    "untested": "Cannot be tested with these data",
}
Number = int | float
_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")
PARTS = ("low", "high", "ci")
"""What a cell has besides itself, by suffix: the limits of its interval, and both in words."""
COUNTED = ("of", "share")
"""What a count has: how many there are, and the share of them."""


class Must(Strict):
    """What a number or a text must be. A name of another value may stand for a number."""

    above: Number | Identifier | None = None
    below: Number | Identifier | None = None
    at_least: Number | Identifier | None = None
    at_most: Number | Identifier | None = None
    is_: Number | bool | str | None = Field(default=None, alias="is")
    among: list[str] = Field(default=[])
    every: Literal[True] | None = Field(default=None, description="of a count: all that there are")

    @model_validator(mode="after")
    def _some(self) -> Must:
        if not self.model_fields_set & {"above", "below", "at_least", "at_most", "is_", "among", "every"}:
            raise ValueError("say what it must be: above, below, at_least, at_most, is, among or every")
        return self


class Cell(Strict):
    """One row's cell of ``column``; of several rows ``pick`` takes the one with the least or greatest, or their sum.

    ``absolute`` compares sizes without their signs, and the value has none. ``skip_empty`` leaves out rows without a
    number, for a table where that says that there is nothing, not that something is withheld.
    """

    table: str
    where: Where = Field(default={})
    column: str
    pick: Literal["least", "greatest", "sum"] | None = None
    absolute: bool = False
    skip_empty: bool = False


class Rows(Strict):
    """How many rows of a table meet a test on ``column``; ``{<name>_of}`` is how many there are."""

    table: str
    where: Where = Field(default={})
    column: str
    count: Must


class Claims(Strict):
    """How many claims of the scorecard agree, of those that can be computed; ``*`` stands for any part of an id."""

    claims: str


class Setting(Strict):
    """What the study's file says under a key."""

    setting: str


def _kind(value: Any) -> str:
    keys = value if isinstance(value, dict) else value.model_fields_set
    kinds = {"claims": "(claims)", "setting": "(setting)", "count": "(rows)"}
    return next((tag for key, tag in kinds.items() if key in keys), "(cell)")


Value = Annotated[
    Annotated[Cell, Tag("(cell)")]
    | Annotated[Rows, Tag("(rows)")]
    | Annotated[Claims, Tag("(claims)")]
    | Annotated[Setting, Tag("(setting)")],
    Discriminator(_kind),
]


class Leaf(Must):
    """A value and what it must be."""

    value: Identifier


class AllOf(Strict):
    """Every condition is met."""

    all: list[Condition] = Field(min_length=1)


class AnyOf(Strict):
    """At least one condition is met."""

    any: list[Condition] = Field(min_length=1)


def _condition(value: Any) -> str:
    keys = value if isinstance(value, dict) else value.model_fields_set
    return "(all)" if "all" in keys else "(any)" if "any" in keys else "(test)"


Condition = Annotated[
    Annotated[Leaf, Tag("(test)")] | Annotated[AllOf, Tag("(all)")] | Annotated[AnyOf, Tag("(any)")],
    Discriminator(_condition),
]


class Outcome(Strict):
    """A verdict, the condition under which it is given, and why, with ``{value}`` for values. No condition: always."""

    verdict: Verdict
    when: Condition | None = None
    why: str


class Finding(Strict):
    """A key finding in our words, the values that bear on it, and its outcomes in order; the last is unconditional."""

    id: Identifier
    title: str
    values: dict[Identifier, Value] = Field(default={})
    outcomes: list[Outcome] = Field(min_length=1)

    @model_validator(mode="after")
    def _ends(self) -> Finding:
        open_ = [outcome.when is None for outcome in self.outcomes]
        if not open_[-1] or any(open_[:-1]):
            raise ValueError("the last outcome, and only that, has no 'when'")
        return self


class Family(Strict):
    """Tests that answer one question together: the p values of some rows of a table."""

    id: Identifier
    label: str
    table: str
    where: Where = Field(default={})
    p: str = "p"


class Verdicts(Strict):
    """Families of tests and the verdicts on key findings."""

    families: list[Family] = Field(default=[])
    findings: list[Finding] = Field(min_length=1)


AllOf.model_rebuild()
AnyOf.model_rebuild()


def load_verdicts(study: Loaded) -> Verdicts:
    """The rules that the study names; raises SurveyError for a name that is not known, with the nearest one."""
    folder = study.root / "config"
    path = folder / "verdicts" / f"{study.verdicts}.yaml"
    rules: Verdicts = read_model(path, Verdicts)
    claims = [c.claim_id for c in read_claims(folder / "published" / f"{study.published}.csv")]
    place = Places(path).of
    for kind in ("findings", "families"):
        ids = [entry.id for entry in getattr(rules, kind)]
        for i, name in enumerate(ids):
            if name in ids[:i]:
                raise SurveyError(f"'{name}' is given twice", where=place(kind, i), remedy="Give it its own id.")
    for i, family in enumerate(rules.families):
        _check_columns(family.table, [family.p, *family.where], place("families", i))
    for i, finding in enumerate(rules.findings):
        for name, value in finding.values.items():
            _check_value(value, claims, study, place("findings", i, "values", name))
        for k, outcome in enumerate(finding.outcomes):
            _check_outcome(outcome, finding, place("findings", i, "outcomes", k))
        _check_used(finding, place("findings", i))
    return rules


def _check_columns(table: str, columns: list[str], place: str) -> None:
    if table not in TABLES:
        raise SurveyError(f"unknown table '{table}'", where=place, remedy=nearest(table, TABLES))
    if table.startswith("verdicts."):
        raise SurveyError(f"table '{table}' is made of these rules", where=place, remedy="Name a table before it.")
    known = list(TABLES[table].columns)
    for column in columns:
        if column not in known:
            raise SurveyError(f"table '{table}' has no column '{column}'", where=place, remedy=nearest(column, known))


def _check_value(value: Any, claims: list[str], study: Loaded, place: str) -> None:
    if isinstance(value, Claims):
        if not fnmatch.filter(claims, value.claims):
            raise SurveyError(f"no claim '{value.claims}'", where=place, remedy=nearest(value.claims, claims))
        return
    if isinstance(value, Setting):
        if value.setting not in Study.model_fields:
            remedy = nearest(value.setting, Study.model_fields)
            raise SurveyError(f"a study has no '{value.setting}'", where=place, remedy=remedy)
        return
    _check_columns(value.table, [value.column, *value.where], place)
    if value.table == "multiverse.claims" and study.multiverse and "claim" in value.where:
        known = [claim.id for claim in load_multiverse(study).claims]
        named = value.where["claim"]
        for name in [named] if isinstance(named, str) else named:
            if name not in known:
                raise SurveyError(f"no headline claim '{name}'", where=place, remedy=nearest(name, known))


def _check_outcome(outcome: Outcome, finding: Finding, place: str) -> None:
    """Every value that a condition or a sentence names is one of the finding's, and has the part that is asked for."""
    for name in tests_of(outcome.when):
        if name not in finding.values:
            raise SurveyError(f"unknown value '{name}'", where=place, remedy=nearest(name, finding.values))
    for name in _NAME.findall(outcome.why):
        if base_of(name, finding) is None:
            known = [*finding.values, *(f"{v}_{part}" for v, one in finding.values.items() for part in parts_of(one))]
            raise SurveyError(f"why: unknown value '{name}'", where=place, remedy=nearest(name, known))


def _check_used(finding: Finding, place: str) -> None:
    used = {name for outcome in finding.outcomes for name in tests_of(outcome.when)}
    used |= {base_of(n, finding) or "" for outcome in finding.outcomes for n in _NAME.findall(outcome.why)}
    if idle := [name for name in finding.values if name not in used]:
        raise SurveyError(
            f"value '{idle[0]}' is in no condition and no sentence", where=place, remedy="Use it, or take it out."
        )


def tests_of(condition: Any) -> list[str]:
    """Names of the values that a condition asks for, in its order."""
    if condition is None:
        return []
    if isinstance(condition, Leaf):
        against = [getattr(condition, side) for side in ("above", "below", "at_least", "at_most")]
        return [condition.value, *(name for name in against if isinstance(name, str))]
    inner = condition.all if isinstance(condition, AllOf) else condition.any
    return [name for one in inner for name in tests_of(one)]


def parts_of(value: Any) -> tuple[str, ...]:
    """The suffixes that a sentence may add to a value's name."""
    return PARTS if isinstance(value, Cell) else () if isinstance(value, Setting) else COUNTED


def base_of(name: str, finding: Finding) -> str | None:
    """The value that a name in a sentence is of: itself, or with one of its parts after it; None where none is."""
    if name in finding.values:
        return name
    base, _, part = name.rpartition("_")
    return base if base in finding.values and part in parts_of(finding.values[base]) else None


def names_in(why: str) -> list[str]:
    """Names of values in a sentence."""
    return _NAME.findall(why)


def rule_files(study: Loaded) -> list[Path]:
    """The files that verdicts rest on."""
    folder = study.root / "config"
    return [folder / "verdicts" / f"{study.verdicts}.yaml", folder / "published" / f"{study.published}.csv"]
