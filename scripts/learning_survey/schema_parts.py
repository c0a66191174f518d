"""What the registry of tables is written in: units, columns, tables, and the columns that many tables share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Unit = Literal[
    "id",
    "text",
    "count",
    "mean",
    "share",
    "points",
    "alpha",
    "reliability",
    "loading",
    "effect",
    "distance",
    "fit",
    "statistic",
    "p",
    "variance",
    "ratio",
    "flag",
]

RANGES: dict[str, tuple[float, float]] = {
    "share": (0, 1),
    "p": (0, 1),
    "count": (0, float("inf")),
    "variance": (0, float("inf")),
    "distance": (0, float("inf")),
}


@dataclass(frozen=True)
class Column:
    """A column: its unit says how it is checked and how it is printed."""

    unit: Unit
    about: str
    key: bool = False
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """A table: ``stage.name``, what one row is, and its columns in order."""

    about: str
    columns: dict[str, Column] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        return [name for name, column in self.columns.items() if column.key]


def key(about: str) -> Column:
    return Column("id", about, key=True, nullable=False)


def text(about: str) -> Column:
    return Column("text", about)


def count(about: str = "students with an answer") -> Column:
    return Column("count", about)


def estimate(name: str, unit: Unit, about: str) -> dict[str, Column]:
    """An estimate and its interval, which takes account of students sitting in schools."""
    return {
        name: Column(unit, about),
        f"{name}_ci_low": Column(unit, f"lower 95% limit of {name}, clustered by school"),
        f"{name}_ci_high": Column(unit, f"upper 95% limit of {name}, clustered by school"),
    }
