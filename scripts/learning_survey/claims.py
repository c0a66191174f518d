"""Published claims and how each is computed: ``config/published/<name>.csv`` and ``config/published/<name>.yaml``.

The CSV lists what a report claims, one row per claim. The YAML says, in a few kinds of check, which table each claim
is held against. A rule names one claim, or a family by a pattern with placeholders: ``reliability.{dimension}`` stands
for every claim of that form, and ``{dimension}`` can then be used in the rule's ``where``. A new published report is
two new files, no new code.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learning_survey.claim_rules import Published
from learning_survey.config import read_model
from learning_survey.errors import SurveyError, nearest
from learning_survey.places import Places
from learning_survey.schemas import TABLES

COLUMNS = ["claim_id", "section", "kind", "statistic", "published", "unit", "note"]
KINDS = ["value", "bound", "order", "external"]
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_NUMBER = re.compile(r"[-−+]?(\d+\.?\d*|\.\d+)")
_ENDS = re.compile(r"\s+to\s+|\s*–\s*")
# What is made after the scorecard, or is no table of results.
LATER = ("scorecard", "verdicts")


@dataclass(frozen=True)
class Claim:
    """One row of the published claims, every field as printed there; ``place`` is its file and line."""

    claim_id: str
    section: str
    kind: str
    statistic: str
    published: str
    unit: str
    note: str
    place: str = ""


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
    column, a rule for no claim, two rules for one claim, and a published text that the rule's check cannot read.
    """
    folder = root / "config" / "published"
    claims = read_claims(folder / f"{name}.csv")
    path = folder / f"{name}.yaml"
    published: Published = read_model(path, Published)
    inside = Places(path)
    places = [inside.of("rules", i) for i in range(len(published.rules))]
    for rule, place in zip(published.rules, places, strict=True):
        _check_rule(rule, published, place)
    matched = [_match(claim, published, places) for claim in claims]
    used = {m.place for m in matched}
    for rule, place in zip(published.rules, places, strict=True):
        if place not in used:
            raise SurveyError(
                f"no claim is computed by the rule for '{rule.claims}'",
                where=place,
                remedy=nearest(rule.claims, [c.claim_id for c in claims]),
            )
    for m in matched:
        if m.rule is not None:
            _check_printed(m)
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
                raise SurveyError(
                    "the line has more or fewer cells than the header",
                    where=where,
                    remedy="Correct it; a cell with a comma in it needs quotation marks around it.",
                )
            claim = Claim(**row, place=where)
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


def number(text: str) -> float:
    """A printed figure: "2800", "-.15", "−0.15". Raises ValueError for anything else, commas and per cent signs too."""
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(text)
    return float(text.strip().replace("−", "-"))


def ends(text: str) -> tuple[str, str]:
    """The two ends of a printed range, ".60 to .81" or ".60–.81". Raises ValueError for anything else."""
    low, high = _ENDS.split(text.strip())
    return low, high


def _in_order(text: str) -> None:
    low, high = map(number, ends(text))
    if low > high:
        raise ValueError(text)


def _like(pattern: str) -> Callable[[str], None]:
    def read(text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)

    return read


_FIGURE = ("a number", number)
_TALLY = ("a count such as '9 of 9'", _like(r"\d+ of \d+"))
# What each check reads, in words, and a function that raises ValueError for anything else.
_READ: dict[str, tuple[str, Callable[[str], Any]]] = {
    "value": _FIGURE,
    "bound": _FIGURE,
    "compare": _FIGURE,
    "range": ("a range such as '.60 to .81'", _in_order),
    "near": ("numbers with semicolons between them", lambda text: [number(part) for part in text.split(";")]),
    "count": _TALLY,
    "order": ("an order such as 'boys>girls'", _like(r"[^\s>]+(>[^\s>]+)+")),
    "largest_step": ("a step such as 'KS2 to KS3'", _like(r"\S+ to \S+")),
    "external": ("a text", str),
}


def _check_printed(matched: Matched) -> None:
    """Raise where the check cannot read what is published."""
    text, rule = matched.claim.published, matched.rule
    wanted, read = _READ.get(rule.check, ("a text", _like(r".*\S.*")))
    if rule.check == "order" and rule.groups:
        wanted, read = _TALLY
    try:
        read(text)
    except ValueError:
        remedy = f"Write {wanted}, or compute the claim by another check than '{rule.check}'."
        if "," in text:
            remedy = "Write numbers without commas, with a point before decimals: '29940', '0.93'."
        elif "%" in text:
            remedy = "Write the number alone; 'scale: 100' in the rule makes a share a per cent."
        elif set("<>≤≥") & set(text) and wanted == _FIGURE[0]:
            remedy = "Write the number alone; a figure that is not to be passed is for 'check: bound'."
        raise SurveyError(
            f"'{matched.claim.claim_id}': published is '{text}', not {wanted}",
            where=matched.claim.place,
            remedy=remedy,
        ) from None


def _match(claim: Claim, published: Published, places: list[str]) -> Matched:
    found = []
    for i, rule in enumerate(published.rules):
        pattern = "".join(
            f"(?P<{part}>[^.]+)" if k % 2 else re.escape(part) for k, part in enumerate(_PLACEHOLDER.split(rule.claims))
        )
        if match := re.fullmatch(pattern, claim.claim_id):
            found.append(Matched(claim, rule, places[i], match.groupdict()))
    exact = [m for m in found if not m.values]
    best = exact or found
    if len(best) > 1:
        raise SurveyError(
            f"two rules compute '{claim.claim_id}': '{best[0].rule.claims}' and '{best[1].rule.claims}'",
            where=best[1].place,
            remedy="Keep one, or name the claim in full in one of them.",
        )
    return best[0] if best else Matched(claim, None, claim.place, {})


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
        if table.partition(".")[0] in LATER:
            raise SurveyError(
                f"table: '{table}' is made after the claims are computed", where=place, remedy="Name an earlier table."
            )
        columns = list(TABLES[table].columns)
        fields = ("column", "name", "order", "each", "slope", "difference", "p")
        named = [getattr(part, f) for f in fields if isinstance(getattr(part, f, None), str)]
        for column in [*named, *part.where, *getattr(part, "at", {}), *getattr(part, "against", {})]:
            if column not in columns:
                raise SurveyError(
                    f"table '{table}' has no column '{column}'", where=place, remedy=nearest(column, columns)
                )
        wheres = [*part.where.values(), *getattr(part, "against", {}).values()]
        texts = [v for value in wheres for v in (value if isinstance(value, list) else [value])]
        known = set(_PLACEHOLDER.findall(rule.claims))
        for used in {u for text in texts for u in _PLACEHOLDER.findall(text)} - known:
            raise SurveyError(
                f"where: '{{{used}}}' is not in '{rule.claims}'", where=place, remedy=nearest(used, sorted(known))
            )
