"""Markdown pipe tables whose numbers carry a note with their interval and their row."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from learning_survey.values import (
    NOTHING,
    Row,
    Tables,
    claim_text,
    row_values,
)

if TYPE_CHECKING:
    from learning_survey.config import Loaded


LEFT_TO_RIGHT = "\u200e"
WIDEST = 6  # columns of numbers beside a label that fit a portrait page


@dataclass(frozen=True)
class Source:
    """What tables are made from; ``scorecard`` is empty for a study without published figures."""

    tables: Tables
    study: Loaded
    scorecard: list[Row]

    @property
    def people(self) -> str:
        return self.study.people

    def label(self, dimension: str) -> str:
        return self.study.instrument.label_of(dimension)

    @property
    def dimensions(self) -> list[str]:
        return self.study.instrument.dimension_ids

    def rows(self, table: str, **where: Any) -> list[Row]:
        return [r for r in self.tables[table] if all(r[k] == v for k, v in where.items())]

    def one(self, table: str, **where: Any) -> Row | None:
        return next(iter(self.rows(table, **where)), None)

    def cell(self, table: str, row: Row | None, column: str, interval: bool = False) -> str:
        """A number with its note; with ``interval``, its interval in brackets after it."""
        if row is None:
            return NOTHING
        cells = row_values(row, table, self.tables[table].index(row) + 2, f"{self.study.resampling.level:.0%}")
        shown = span(cells[column])
        if interval and row[f"{column}_ci_low"] is not None and row[f"{column}_ci_high"] is not None:
            shown += f" ({escaped(cells[f'{column}_ci']['text'])})"
        return shown

    def published(self, claim: str) -> str:
        """The published figure of a claim, as printed."""
        row = next((r for r in self.scorecard if r["claim_id"] == claim), None)
        return claim_text(row, "published") if row else NOTHING

    def has_published(self, prefix: str) -> bool:
        return any(r["claim_id"].startswith(prefix) for r in self.scorecard)


def escaped(text: str) -> str:
    """``text`` so that Markdown prints it as it is: punctuation that means something there gets a backslash.

    A text with letters written from right to left ends with a mark that the sentence around it goes on from left to
    right (U+200E): without it, numbers in brackets that follow would change places with the text.
    """
    turned = any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)
    return re.sub(r"([\\`*_{}\[\]<>#|$~^@&])", r"\\\1", text) + LEFT_TO_RIGHT * turned


def span(value: dict[str, Any]) -> str:
    """A value as a Markdown span whose title says where it comes from."""
    title = value["title"].replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'[{escaped(value["text"])}]{{.value title="{title}"}}'


def shown_length(cell: str) -> int:
    """The printed length of a cell: without attributes and escapes."""
    return len(re.sub(r"\\(.)", r"\1", re.sub(r'\{\.value title="(?:[^"\\]|\\.)*"\}', "", cell)).replace("**", ""))


def pipe(header: list[str], align: str, rows: list[list[str]], caption: str, name: str) -> str:
    """A pipe table; ``align`` has one letter per column, l or r. Dashes give relative widths where rows are long."""
    widths = [max(4, min(60, max(map(shown_length, column)))) + 2 for column in zip(header, *rows, strict=True)]
    rule = ["-" * (w - 1) + ":" if a == "r" else "-" * w for w, a in zip(widths, align, strict=True)]
    lines = [f"| {' | '.join(cells)} |" for cells in [header, rule, *rows]]
    return "\n".join(lines) + f"\n\n: {caption} {{#tbl-{name}}}\n"


def interval_note(s: Source, over: str = "") -> str:
    """The sentence of a caption about its intervals; ``over`` says what they are over where it is not the usual."""
    if not over and s.tables.in_schools:
        over = " and allow for students sitting in schools"
    return f"Intervals are {s.study.resampling.level:.0%}{over}."
