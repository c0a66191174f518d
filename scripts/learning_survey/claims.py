"""Published claims and how each is computed: ``config/published/<name>.csv`` and ``config/published/<name>.yaml``.

The CSV lists what a report claims, one row per claim. The YAML says, in a few kinds of check, which table each claim
is held against. A rule names one claim, or a family by a pattern with placeholders: ``reliability.{dimension}`` stands
for every claim of that form, and ``{dimension}`` can then be used in the rule's ``where``. A new published report is
two new files, no new code.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from learning_survey.config import read_model
from learning_survey.errors import SurveyError, nearest
from learning_survey.schemas import TABLES
from learning_survey.strict import Strict

COLUMNS = ["claim_id", "section", "kind", "statistic", "published", "unit", "note"]
KINDS = ["value", "bound", "order", "external"]
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")

Where = dict[str, str | list[str]]


@dataclass(frozen=True)
class Claim:
    """One row of the published claims; every field as printed there."""

    claim_id: str
    section: str
    kind: str
    statistic: str
    published: str
    unit: str
    note: str


class Tolerance(Strict):
    """How far a computed figure may lie from the printed one, in the published unit.

    Half a unit of the last printed place plus sampling error, together at most ``cap``. The printed places are those of
    the text unless ``decimals`` says how many the report printed; ``rounding`` replaces the half unit where a
    report gives a figure in words ("half", "about").
    """

    cap: float = Field(ge=0)
    decimals: int | None = Field(default=None, ge=0)
    rounding: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one(self) -> Tolerance:
        if self.decimals is not None and self.rounding is not None:
            raise ValueError("give 'decimals' or 'rounding', not both")
        return self

    def of(self, printed: str, sampling: float) -> float:
        """The tolerance for a figure printed as ``printed`` whose 95% interval has half-width ``sampling``."""
        decimals = len(printed.partition(".")[2]) if self.decimals is None else self.decimals
        half_unit = 0.5 * 10.0**-decimals if self.rounding is None else self.rounding
        return min(self.cap, half_unit + sampling)


class _Rule(Strict):
    """What every rule has: the claims that it is for."""

    claims: str


class _OnTable(_Rule):
    """A rule that reads rows of one table."""

    table: str
    where: Where = Field(default={})
    column: str


class Value(_OnTable):
    """The computed figure lies within the tolerance of the printed one.

    ``where`` leaves one row; or several, of which ``pick`` takes the least or greatest and ``at`` says which row that
    must be. ``scale`` brings the table's unit to the published one (a share times 100 is per cent).
    """

    check: Literal["value"]
    scale: float = 1
    tolerance: str
    pick: Literal["least", "greatest"] | None = None
    at: dict[str, str] = Field(default={})

    @model_validator(mode="after")
    def _picked(self) -> Value:
        if self.at and not self.pick:
            raise ValueError("'at' needs 'pick'")
        return self


class Bound(_OnTable):
    """No row passes the printed bound by more than the tolerance: the least is not below it, or the greatest not above.

    ``absolute`` compares sizes without their signs.
    """

    check: Literal["bound"]
    side: Literal["least", "greatest"]
    absolute: bool = False
    scale: float = 1
    tolerance: str


class Trend(Strict):
    """Where a linear trend stands: a row of ``table`` with its ``slope`` and ``p``."""

    table: str
    where: Where = Field(default={})
    slope: str = "slope"
    p: str = "p_holm"


class Steps(Strict):
    """Where the differences between neighbours stand: earlier minus later group, and ``p``."""

    table: str
    where: Where = Field(default={})
    difference: str = "difference"
    p: str = "p_holm"


class Falls(_OnTable):
    """Means fall over an ordered group.

    The linear trend is negative with p below ``alpha``, the last group's mean is below the first's, and no step upwards
    has p below ``alpha``.
    """

    check: Literal["falls"]
    order: str
    trend: Trend
    steps: Steps
    alpha: float = 0.05


class LargestStep(_OnTable):
    """The largest fall between neighbouring groups, averaged over ``each``, is the published one, "A to B"."""

    check: Literal["largest_step"]
    name: str
    order: str
    each: str


class Extreme(_OnTable):
    """The row with the highest or lowest figure has the published name; with ``each``, in every such group of rows."""

    check: Literal["extreme"]
    side: Literal["highest", "lowest"]
    name: str
    each: str | None = None


class Near(_OnTable):
    """Each of several rows lies within the tolerance of one round figure."""

    check: Literal["near"]
    about: float
    scale: float = 1
    tolerance: str


class TopItems(_OnTable):
    """The names of the ``count`` highest or lowest rows are all among the published ones (separated by semicolons)."""

    check: Literal["top_items"]
    side: Literal["highest", "lowest"]
    count: int = Field(ge=1)
    name: str


class Positive(_OnTable):
    """A difference is above zero, and so is the lower limit of its interval."""

    check: Literal["positive"]


class Order(_OnTable):
    """Means follow an order in every group of rows ``each``.

    The order is published ("a>b>c"); or ``groups`` gives it, highest first, and the published text says in how many it
    holds ("9 of 9").
    """

    check: Literal["order"]
    name: str
    each: str
    groups: list[str] = Field(default=[])


class Count(_OnTable):
    """How many rows have a figure below ``below``, as "9 of 9"."""

    check: Literal["count"]
    below: float


class Label(_OnTable):
    """A text is the published one; case does not matter."""

    check: Literal["label"]


class External(_Rule):
    """Never computable from the survey, and why."""

    check: Literal["external"]
    reason: str


Rule = Annotated[
    Value | Bound | Falls | LargestStep | Extreme | Near | TopItems | Positive | Order | Count | Label | External,
    Field(discriminator="check"),
]


class Published(Strict):
    """How the claims of one published report are computed."""

    title: str
    source: str
    tolerances: dict[str, Tolerance]
    rules: list[Rule] = Field(min_length=1)


@dataclass(frozen=True)
class Matched:
    """A claim, the rule that computes it (none matches: None), the rule's place and the values of its placeholders."""

    claim: Claim
    rule: Any
    place: str
    values: dict[str, str]


def load_published(name: str, root: Path = Path()) -> tuple[Published, list[Matched]]:
    """The rules and claims of ``config/published/<name>``, each claim once, in the order of the CSV.

    An exact claim id goes before a pattern. Raises SurveyError for a missing or broken file, an unknown key, table or
    column, a rule for no claim, and two rules for one claim.
    """
    folder = root / "config" / "published"
    claims = read_claims(folder / f"{name}.csv")
    path = folder / f"{name}.yaml"
    published: Published = read_model(path, Published)
    for i, rule in enumerate(published.rules):
        _check_rule(rule, published, f"{path}: rules.{i}")
    matched = [_match(claim, published, path) for claim in claims]
    used = {m.place for m in matched}
    for i, rule in enumerate(published.rules):
        if (place := f"{path}: rules.{i}") not in used:
            raise SurveyError(
                f"no claim is computed by the rule for '{rule.claims}'",
                where=place,
                remedy=nearest(rule.claims, [c.claim_id for c in claims]),
            )
    return published, matched


def read_claims(path: Path) -> list[Claim]:
    """The rows of a CSV of claims. Raises SurveyError for a missing file, other columns or a claim given twice."""
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.csv"))
        raise SurveyError("no such file", where=path, remedy=nearest(path.stem, known))
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != COLUMNS:
            raise SurveyError(
                f"its columns are {', '.join(reader.fieldnames or ['none'])}",
                where=path,
                remedy=f"They must be {', '.join(COLUMNS)}.",
            )
        claims: dict[str, Claim] = {}
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row or None in row.values():
                raise SurveyError("the line has more or fewer cells than the header", where=where, remedy="Correct it.")
            claim = Claim(**row)
            if claim.kind not in KINDS:
                raise SurveyError(f"unknown kind '{claim.kind}'", where=where, remedy=nearest(claim.kind, KINDS))
            if not claim.claim_id or claim.claim_id in claims:
                raise SurveyError(
                    f"claim_id '{claim.claim_id}' is empty or given twice",
                    where=where,
                    remedy="Give each claim its own.",
                )
            claims[claim.claim_id] = claim
    if not claims:
        raise SurveyError("holds no claims", where=path, remedy="Add a row for each published claim.")
    return list(claims.values())


def _match(claim: Claim, published: Published, path: Path) -> Matched:
    found = []
    for i, rule in enumerate(published.rules):
        pattern = "".join(
            f"(?P<{part}>[^.]+)" if k % 2 else re.escape(part) for k, part in enumerate(_PLACEHOLDER.split(rule.claims))
        )
        if match := re.fullmatch(pattern, claim.claim_id):
            found.append(Matched(claim, rule, f"{path}: rules.{i}", match.groupdict()))
    exact = [m for m in found if not m.values]
    best = exact or found
    if len(best) > 1:
        raise SurveyError(
            f"two rules compute '{claim.claim_id}': '{best[0].rule.claims}' and '{best[1].rule.claims}'",
            where=best[1].place,
            remedy="Keep one, or name the claim in full in one of them.",
        )
    return best[0] if best else Matched(claim, None, str(path), {})


def _check_rule(rule: Any, published: Published, place: str) -> None:
    """Raise where a rule names a tolerance, table, column or placeholder that does not exist."""
    name = getattr(rule, "tolerance", None)
    if name is not None and name not in published.tolerances:
        raise SurveyError(
            f"tolerance: unknown tolerance '{name}'", where=place, remedy=nearest(name, published.tolerances)
        )
    for part in (rule, getattr(rule, "trend", None), getattr(rule, "steps", None)):
        table = getattr(part, "table", None)
        if table is None:
            continue
        if table not in TABLES:
            raise SurveyError(f"table: unknown table '{table}'", where=place, remedy=nearest(table, TABLES))
        columns = list(TABLES[table].columns)
        fields = ("column", "name", "order", "each", "slope", "difference", "p")
        named = [getattr(part, f) for f in fields if isinstance(getattr(part, f, None), str)]
        for column in [*named, *part.where, *getattr(part, "at", {})]:
            if column not in columns:
                raise SurveyError(
                    f"table '{table}' has no column '{column}'", where=place, remedy=nearest(column, columns)
                )
        texts = [v for value in part.where.values() for v in (value if isinstance(value, list) else [value])]
        known = set(_PLACEHOLDER.findall(rule.claims))
        for used in {u for text in texts for u in _PLACEHOLDER.findall(text)} - known:
            raise SurveyError(
                f"where: '{{{used}}}' is not in '{rule.claims}'", where=place, remedy=nearest(used, sorted(known))
            )
