"""Hold every published claim against what was computed, and say whether the data agree.

``config/published/<name>.yaml`` says which table and which check each claim needs (``learning_survey.claims``). A check
gives a computed value, a verdict and one sentence why. docs/methods/scorecard.md has the method.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning_survey import tables
from learning_survey.claim_checks import CHECKS, NotComputableError
from learning_survey.claim_rules import Published
from learning_survey.claims import Matched, load_published
from learning_survey.errors import SurveyError, nearest
from learning_survey.schemas import TABLES

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded

VERDICTS = {"synthetic": ("recovered", "not recovered"), "real": ("reproduced", "not reproduced")}
NOT_COMPUTABLE = "not computable"
ALWAYS = ("ingest", "clean")  # steps with tables that are no analyses
# What a study without a stage does not have, in words; for other stages their name says it.
LACKING = {
    "key_stages": "ordered groups",
    "schools": "schools",
    "inspection": "ratings",
    "multiverse": "headline claims",
    "models": "mixed models",
    "invariance": "tests of invariance",
    "confirmatory": "confirmatory factor models",
}


@dataclass
class Source:
    """The tables of one study, and which of their rows the claim at hand has read."""

    study: Loaded
    folder: Path
    used: dict[str, list[int]] = field(default_factory=dict)
    _read: dict[str, pd.DataFrame] = field(default_factory=dict)

    def rows(self, table: str, where: dict[str, str | list[str]], matched: Matched) -> pd.DataFrame:
        """The rows of ``table`` that ``where`` leaves, with placeholders filled in, in the order of ``where``'s lists.

        Raises NotComputableError when the study has no such table and SurveyError when no row is left.
        """
        frame = self._table(table)
        wanted = {c: _filled(w, matched.values) for c, w in where.items()}
        rows = frame
        for column, values in wanted.items():
            rows = rows[rows[column].astype(str).isin(values)]
            if len(values) > 1:
                rows = rows.sort_values(column, key=lambda s, v=values: s.map(v.index), kind="stable")
            if rows.empty:
                raise SurveyError(
                    f"'{matched.claim.claim_id}': table '{table}' has no row where {_place(wanted)}",
                    where=matched.place,
                    remedy=nearest(values[0], sorted(set(frame[column].astype(str)))),
                )
        self.used.setdefault(table, []).extend(rows.index)
        return rows

    def narrow(self, table: str, index: Any) -> None:
        """Say that of the rows read from ``table`` the claim rests on these."""
        self.used[table] = list(index)

    def _table(self, name: str) -> pd.DataFrame:
        stage = name.partition(".")[0]
        if stage not in (*ALWAYS, *self.study.stages):
            raise NotComputableError(f"The study has no {LACKING.get(stage, stage)}.")
        if name not in self._read:
            self._read[name] = tables.read(self.folder, name)
        if self._read[name].empty:
            raise NotComputableError(f"The table {name} is empty for this study.")
        return self._read[name]


def scorecard(study: Loaded, folder: Path) -> pd.DataFrame:
    """One row per claim of the study's published report, as table 'scorecard' of ``learning_survey.schemas``.

    ``folder`` is ``results/<study>/tables``. Raises SurveyError when the study names no published report, when a rule
    does not fit its table, or when a table that the study should have is missing.
    """
    import pandas as pd

    if study.published is None:
        raise SurveyError(
            f"the study '{study.id}' has no published figures",
            where=study.root / "config" / "studies" / f"{study.id}.yaml",
            remedy="Add 'published: <name>' for config/published/<name>.csv, or leave the scorecard out.",
        )
    published, matched = load_published(study.published, study.root)
    source = Source(study, folder)
    return pd.DataFrame([judged(m, published, source) for m in matched])


def judged(matched: Matched, published: Published, source: Source) -> dict[str, Any]:
    """The scorecard's row for one claim."""
    source.used = {}
    claim, rule = matched.claim, matched.rule
    row = {name: getattr(claim, name) for name in ("claim_id", "section", "kind", "statistic", "published")}
    try:
        if rule is None:
            raise NotComputableError("No rule says how to compute this claim.")
        if rule.check == "external":
            raise NotComputableError(rule.reason)
        outcome = CHECKS[rule.check](matched, published, source)
    except NotComputableError as reason:
        return (
            row
            | dict.fromkeys(("computed", "source_file", "source_row", "rule"))
            | {
                **dict.fromkeys(("ci_low", "ci_high", "tolerance"), math.nan),
                "verdict": NOT_COMPUTABLE,
                "reason": str(reason),
            }
        )
    used = {name: sorted(set(index)) for name, index in source.used.items() if index}
    return row | {
        "computed": outcome.computed,
        "ci_low": outcome.ci_low,
        "ci_high": outcome.ci_high,
        "tolerance": outcome.tolerance,
        "verdict": VERDICTS[source.study.cohort][0 if outcome.holds else 1],
        "reason": outcome.reason,
        "source_file": "; ".join(f"tables/{name.replace('.', '/')}.csv" for name in used),
        "source_row": "; ".join(_rows_text(source._read[name], name, index) for name, index in used.items()),
        "rule": rule.table.partition(".")[0],
    }


def holds(verdict: str) -> bool:
    """Whether a verdict says that the data agree with the claim; a claim that cannot be computed does not hold."""
    return any(verdict == yes for yes, _ in VERDICTS.values())


def _filled(where: str | list[str], values: dict[str, str]) -> list[str]:
    return [text.format_map(values) for text in ([where] if isinstance(where, str) else where)]


def _place(wanted: dict[str, list[str]]) -> str:
    return ", ".join(f"{c}={'|'.join(v)}" for c, v in wanted.items())


def _rows_text(frame: pd.DataFrame, name: str, index: list[int]) -> str:
    """Rows as a spreadsheet counts them (the header is row 1), with the key when there is one row."""
    if len(index) == 1:
        key = ", ".join(f"{k}={frame.at[index[0], k]}" for k in TABLES[name].keys)
        return f"row {index[0] + 2}: {key}"
    return "rows " + ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in _runs([i + 2 for i in index]))


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as runs: 2, 3, 4, 7 gives (2, 4), (7, 7)."""
    first = last = numbers[0]
    for n in numbers[1:]:
        if n != last + 1:
            yield first, last
            first = n
        last = n
    yield first, last
