"""Numbers for prose: every cell of every aggregate table, named, formatted once, and traced to its row.

A name is ``<stage>.<table>.<key>….<column>``; a report writes ``{{< var describe.dimensions.challenge.share_high >}}``.
An estimate with an interval has a second name, ``<column>_ci``, whose text is the interval.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning_survey.errors import SurveyError
from learning_survey.schemas import TABLES
from learning_survey.tables import restored

if TYPE_CHECKING:
    from learning_survey.config import Loaded
    from learning_survey.plans import FactorPlan

Row = dict[str, Any]
Values = dict[str, dict[str, Any]]

WITHHELD, NOTHING = "withheld", "–"
NOT_COMPUTABLE = "not computable"


# ---------------------------------------------------------------- tables


class Tables:
    """The aggregate tables of one study below ``folder``, read as rows of plain values (null is None).

    A table that a study does not have is an empty list. Raises SurveyError when a stage that applies has no tables.
    """

    def __init__(self, folder: Path, study: Loaded) -> None:
        self.folder, self.study = folder, study
        self._read: dict[str, list[Row]] = {}
        stages = ["clean", *study.stages]
        self.names = [n for n in TABLES if n.split(".")[0] in stages and self.path(n).is_file()]
        for stage in stages:
            if not any(n.startswith(f"{stage}.") for n in self.names):
                raise SurveyError(
                    f"no tables of the stage '{stage}'", where=folder / stage, remedy="Run the pipeline; it makes them."
                )

    def path(self, name: str) -> Path:
        return self.folder / f"{name.replace('.', '/')}.csv"

    def __getitem__(self, name: str) -> list[Row]:
        if name not in self._read:
            self._read[name] = read_rows(self.path(name), name) if name in self.names else []
        return self._read[name]

    @property
    def in_schools(self) -> bool:
        """Whether intervals know of schools: the study has a column of them, and two schools or more."""
        return in_schools(self.study, self["clean.sample"])


def in_schools(study: Loaded, sample: list[Row]) -> bool:
    """``Tables.in_schools`` from the rows of ``clean.sample``."""
    number = next((r["value"] for r in sample if r["fact"] == "schools"), None)
    return study.columns.school is not None and (number is None or number >= 2)


def read_rows(path: Path, name: str) -> list[Row]:
    """The rows of table ``name`` as dicts: numbers as float, flags as bool, null as None. Raises SurveyError.

    The csv module does this: a report needs no pandas, which takes longer to import than all these files to read.
    """
    spec = TABLES[name].columns
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise SurveyError("no such table", where=path, remedy="Run the pipeline; it makes the table.") from error
    if rows and (missing := [c for c in spec if c not in rows[0]]):
        raise SurveyError(f"lacks the columns {', '.join(missing)}", where=path, remedy="Make the table again.")
    return [{column: _parsed(row[column], unit.unit) for column, unit in spec.items()} for row in rows]


def _parsed(cell: str, unit: str) -> Any:
    if cell == "":
        return None
    if unit in ("id", "text"):
        return restored(cell)
    return cell == "True" if unit == "flag" else float(cell)


# ---------------------------------------------------------------- text


def text_of(value: Any, unit: str) -> str:
    """``value`` as a report prints it: rounded by its unit, a true minus sign, commas in thousands."""
    if value is None:
        return NOTHING
    if unit in ("id", "text"):
        return str(value)
    if unit == "flag":
        return "yes" if value else "no"
    if unit == "share":
        return _number(100 * value, 1 if 0 < value < 0.01 else 0) + "%"
    if unit == "p":
        return "< .001" if value < 0.001 else "> .99" if value > 0.99 else f"{value:.{2 if value >= 0.01 else 3}f}"[1:]
    # How far below zero a reliability is says nothing of how reliable means are.
    return "below 0" if unit == "reliability" and value < 0 else _number(value, _decimals(value, unit))


def precise(value: Any, unit: str) -> str:
    """``value`` with a digit more than in the text, for the note that a reader finds on a number."""
    if value is None or unit in ("id", "text", "flag", "count"):
        return text_of(value, unit)
    if unit == "share":
        return _number(100 * value, 1) + "%"
    if unit == "p":
        return f"{value:.2g}"
    return _number(value, _decimals(value, unit) + 1)


def _decimals(value: float, unit: str) -> int:
    if unit in ("count", "points") or (unit == "statistic" and (abs(value) >= 100 or value == int(value))):
        return 0
    if unit in ("ratio", "statistic") and abs(value) >= 10:
        return 1
    return 3 if unit in ("variance", "distance", "fit") else 2


def _number(value: float, decimals: int) -> str:
    shown = f"{abs(value):,.{decimals}f}"
    return "−" + shown if value < 0 and float(shown.replace(",", "")) else shown


def span_of(low: Any, high: Any, unit: str, show: Any = text_of) -> str:
    """An interval in words: "60% to 64%"."""
    return NOTHING if low is None or high is None else f"{show(low, unit)} to {show(high, unit)}"


def joined(words: Iterable[str]) -> str:
    """Words as a list in a sentence, "and" before the last; there is at least one."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


# ---------------------------------------------------------------- values


def part(column: str, key: Any) -> str:
    """A key as a part of a name: letters, digits and underscores, not starting with a digit.

    >>> part("item", "kmo:exp1"), part("code", 4.0), part("rating", "Requires improvement")
    ('kmo_exp1', 'code4', 'Requires_improvement')
    """
    shown = f"{key:g}" if isinstance(key, float) else str(key)
    clean = re.sub(r"\W+", "_", shown, flags=re.ASCII).strip("_")
    return clean if clean and not clean[0].isdigit() else f"{column}{clean}"


def row_values(row: Row, name: str, number: int | None, level: str = "95%") -> Values:
    """The cells of one row by column; ``number`` is the row's line in the file, whose header is line 1.

    Limits of an interval are folded into ``<column>_ci``. A missing number is "withheld" where the row has lost its
    counts too, which is what disclosure control does; otherwise it does not apply and is a dash. A row whose status
    says that it was not estimated has no count because it has no estimate.
    """
    spec, file = TABLES[name].columns, f"{name.replace('.', '/')}.csv"
    counts = [c for c in spec if c in ("n", "n_a", "n_b", "n_top", "n_bottom")]
    hidden = any(row[c] is None for c in counts) and row.get("status") != "not estimated"
    place = f"{file} row {number}" if number else file
    values: Values = {}
    for column, about in spec.items():
        if about.key or (column.endswith(("_ci_low", "_ci_high")) and column.rsplit("_ci_", 1)[0] in spec):
            continue
        value, unit = row[column], about.unit
        blank = hidden and value is None
        notes = [WITHHELD if blank else precise(value, unit)]
        low, high = (row.get(f"{column}_ci_{end}") for end in ("low", "high"))
        if low is not None and high is not None:
            notes.append(f"{level} interval {span_of(low, high, unit, precise)}")
        values[column] = {
            "value": value,
            "text": WITHHELD if blank else text_of(value, unit),
            "title": f"{', '.join(notes)}; {place}",
            "file": file,
            "row": number,
        }
        if f"{column}_ci_low" in spec:
            text = WITHHELD if blank else span_of(low, high, unit)
            values[f"{column}_ci"] = values[column] | {"value": None if low is None else [low, high], "text": text}
    return values


def table_values(rows: list[Row], name: str, level: str = "95%") -> Values:
    """All cells of one table by name. Raises SurveyError when two rows would have the same name."""
    values: Values = {}
    keys = TABLES[name].keys
    for i, row in enumerate(rows):
        prefix = ".".join([name, *(part(k, row[k]) for k in keys)])
        for column, value in row_values(row, name, i + 2, level).items():
            if f"{prefix}.{column}" in values:
                raise SurveyError(
                    f"two rows have the name '{prefix}'", where=f"table {name}", remedy="Give the ids other names."
                )
            values[f"{prefix}.{column}"] = value
    return values


def plain(value: Any, text: str | None = None, title: str = "", file: str = "", row: int | None = None) -> dict:
    """A value that no table cell holds: a setting of the study, or a count over rows."""
    shown = text if text is not None else f"{value:,}" if isinstance(value, int) else str(value)
    return {"value": value, "text": shown, "title": title or f"{shown}; {file}", "file": file, "row": row}


def _rotation(plan: FactorPlan) -> str:
    """The study's rotation in words: "promax rotation (kappa 4, Kaiser-normalised)"."""
    details = [*([f"kappa {plan.kappa}"] if plan.rotation == "promax" else []), *(["Kaiser-normalised"] * plan.kaiser)]
    return f"{plan.rotation} rotation" + (f" ({', '.join(details)})" if details else "")


def study_values(study: Loaded) -> Values:
    """What the configuration says, by name: ``study.<fact>`` and ``instrument.<fact>``."""
    instrument, plan = study.instrument, study.factors
    compared = study.invariance
    config = f"config/studies/{study.id}.yaml"
    high = [b.label for b in instrument.bands if b.high]
    labels = [instrument.response.labels[c][0] for c in instrument.response.codes]
    facts: dict[str, Any] = {
        "id": study.id,
        "title": study.title,
        "seed": (study.seed, str(study.seed)),
        "cohort": study.cohort,
        "people": study.people,
        "data_label": "this synthetic cohort" if study.synthetic else "these data",
        "source": study.source or "Not stated.",
        "survey_date": study.survey_date and (f"{study.survey_date}", f"{study.survey_date:%B %Y}"),
        "level": (study.resampling.level, f"{study.resampling.level:.0%}"),
        "draws": study.resampling.draws,
        "random_groups": study.resampling.random_groups,
        "min_group": study.min_group,
        "min_answered": (study.clean.min_answered, f"{study.clean.min_answered:.0%}"),
        "dimension_factors": plan.dimension_factors,
        "item_factors": plan.item_factors,
        "kappa": plan.kappa,
        "rotation": _rotation(plan),
        "extraction": {"minres": "minimum-residual", "ml": "maximum-likelihood", "pa": "principal-axis"}[
            plan.extraction
        ],
        "starts": plan.starts,
        "parallel_draws": plan.parallel_draws,
        "parallel_quantile": (plan.parallel_quantile, f"{plan.parallel_quantile:.0%}"),
        "min_cfi": (compared.min_cfi, text_of(compared.min_cfi, "loading")),
        "max_rmsea": (compared.max_rmsea, text_of(compared.max_rmsea, "loading")),
        "group_label": study.key_stages and study.key_stages.label,
        "groups": study.key_stages and joined(level.label for level in study.key_stages.levels),
        "genders": study.gender and joined(c.label for c in study.gender.categories),
        "standardiser": study.schools
        and {"total": "all students", "pooled_within": "students within schools"}[study.schools.standardiser],
        "min_students": study.schools and study.schools.min_students,
        "strong_share": study.schools
        and study.schools.strong_culture
        and (study.schools.strong_culture.min_share, f"{study.schools.strong_culture.min_share:.0%}"),
        "rating_label": study.inspection and study.inspection.label,
        "higher": study.inspection and study.inspection.higher,
        "lower": study.inspection and study.inspection.lower,
    }
    about: dict[str, Any] = {
        "title": instrument.title,
        "items": len(instrument.items),
        "dimensions": len(instrument.dimensions),
        "points": len(instrument.response.codes),
        "reversed": len(instrument.reversed_ids),
        "first_label": labels[0],
        "last_label": labels[-1],
        "min_items": instrument.score.min_items,
        "bands": joined(b.label for b in instrument.bands),
        "high_bands": " or ".join(f"“{label}”" for label in high),
        "high_from": (instrument.high_from, text_of(instrument.high_from, "mean")),
        "dimension_list": joined(d.label for d in instrument.dimensions),
        "factor_list": instrument.factors and joined(f.label for f in instrument.factors),
        "wording_source": instrument.wording_source or "Not stated.",
    }
    values: Values = {}
    for prefix, group, file in (
        ("study", facts, config),
        ("instrument", about, f"config/instruments/{study.study.instrument}.yaml"),
    ):
        for name, fact in group.items():
            if fact is not None and fact != []:
                value, text = fact if isinstance(fact, tuple) else (fact, None)
                values[f"{prefix}.{name}"] = plain(value, text, file=file)
    return values


def scorecard_values(rows: list[Row], synthetic: bool) -> Values:
    """``claim.<id>.computed``, ``.published``, ``.verdict``; and how many claims agree, ``scorecard.<group>.agree``.

    A group is any beginning of a claim's id ("schools", "schools.top_bottom_effect"); ``scorecard.all`` is the whole.
    ``scorecard.word`` is what agreement is called.
    """
    word = "recovered" if synthetic else "reproduced"
    values: Values = {"scorecard.word": plain(word, word, "what agreement with a published claim is called")}
    groups = {"all": rows}
    for i, row in enumerate(rows):
        source = f"{row['source_file'] or 'no table'} {row['source_row'] or ''}".strip()
        note = f"{row['statistic']}: published {row['published']}, computed {row['computed'] or 'nothing'}; {source}"
        for column in ("published", "computed", "verdict"):
            shown = claim_text(row, column)
            values[f"claim.{row['claim_id']}.{column}"] = plain(row[column], shown, note, "scorecard.csv", i + 2)
        parts = row["claim_id"].split(".")
        for depth in range(1, len(parts)):
            groups.setdefault(".".join(parts[:depth]), []).append(row)
    for group, members in groups.items():
        counts = {
            "total": len(members),
            "agree": sum(holds(r) for r in members),
            "disagree": sum(refuted(r) for r in members),
            "not_computable": sum(r["verdict"] == NOT_COMPUTABLE for r in members),
        }
        for name, count in counts.items():
            values[f"scorecard.{group}.{name}"] = plain(count, file="scorecard.csv")
    return values


def claim_text(row: Row, column: str, words: dict[str, str] | None = None) -> str:
    """A published or computed figure of the scorecard for people: rounded, ids as ``words``, lists with spaces.

    A published figure stays as printed.
    """
    if not row[column]:
        return NOTHING

    def one(match: re.Match[str]) -> str:
        token = match[0]
        try:
            value = float(token)
        except ValueError:
            return (words or {}).get(token, token.replace("_", " "))
        if column == "published":
            return f"{int(token):,}" if token.isdigit() else token.replace("-", "−")
        return claim_number(value, row)

    return re.sub(r"-?[\d.]+e[-+]\d+|-?[\w.]+", one, row[column]).replace(";", "; ").replace(">", " > ")


def claim_number(value: float, row: Row) -> str:
    """A number in a claim's unit with the decimals that its tolerance makes worth showing."""
    tolerance = row["tolerance"]
    if not tolerance and value == int(value):
        return _number(value, 0)
    if tolerance is None or tolerance >= 1:
        decimals = 1
    elif tolerance > 0.01:
        decimals = 2
    else:  # an exact one is a bound on a p value, perhaps
        decimals = max(3, math.ceil(-math.log10(tolerance))) if tolerance else 3
    least = 10.0**-decimals
    return f"< {least:.{decimals}f}" if 0 < value < least / 2 else _number(value, decimals)


def holds(row: Row) -> bool:
    """Whether the data agree with a published claim."""
    return row["verdict"] in ("recovered", "reproduced")


def refuted(row: Row) -> bool:
    """Whether the data contradict a published claim. A claim that cannot be computed is neither held nor refuted."""
    return row["verdict"] in ("not recovered", "not reproduced")


def to_json(values: Values) -> str:
    """One value a line, sorted by name: a reader can search it, and a change shows as one line."""
    lines = [f"{json.dumps(k)}: {json.dumps(values[k], ensure_ascii=False, allow_nan=False)}" for k in sorted(values)]
    return "{\n" + ",\n".join(lines) + "\n}\n"
