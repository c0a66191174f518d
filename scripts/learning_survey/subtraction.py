"""What is left of a published total when the published groups are taken away: nobody, or enough students.

The audit looks at every table that shows how many students groups have, whatever rule was meant to protect the few
(``disclosure``), so that a table to which no rule was applied does not pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from learning_survey.values import Row, read_rows

if TYPE_CHECKING:
    from learning_survey.values import Tables


@dataclass(frozen=True)
class Groups:
    """A table of groups: its count, and the keys by which its rows add up to a total."""

    table: str
    count: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Total:
    """Where a total stands: in rows where ``where`` holds, one for each value of ``by``, the last key of the groups."""

    table: str
    count: str
    by: str = ""
    where: Mapping[str, str] | None = None

    def of(self, tables: Tables) -> dict[object, float]:
        found: dict[object, float] = defaultdict(float)
        for row in rows_of(tables, self.table):
            if all(row[c] == v for c, v in (self.where or {}).items()) and row[self.count] is not None:
                found[row[self.by] if self.by else None] += row[self.count]
        return found


def _fact(name: str) -> Total:
    return Total("clean.sample", "value", where={"fact": name})


PARTS: list[tuple[Groups, Total]] = [
    (Groups("ingest.files", "rows"), _fact("rows_received")),
    (Groups("clean.flow_files", "rows_in"), _fact("rows_received")),
    (Groups("clean.flow_files", "rows_out"), _fact("students")),
    (Groups("missing.groups", "n", ("kind",)), _fact("students")),
    (Groups("missing.schools", "n"), _fact("students")),
    (Groups("reliability.groups", "n", ("grouping", "scale")), Total("reliability.alpha", "n", "scale")),
    (Groups("schools.means", "n", ("dimension",)), Total("describe.dimensions", "n", "dimension")),
    (Groups("schools.means", "n", ("dimension",)), Total("schools.variance", "n", "dimension")),
    *(
        (Groups(f"{stage}.means", "n", ("dimension",)), Total("describe.dimensions", "n", "dimension"))
        for stage in ("key_stages", "gender")
    ),
]
"""Tables whose shown rows are parts of a total."""


def rows_of(tables: Tables, name: str) -> list[Row]:
    """The rows of a table, also of one that no report reads; none where it was not made."""
    path = tables.path(name)
    return tables[name] or (read_rows(path, name) if path.is_file() else [])


def left_over(tables: Tables) -> Iterator[tuple[str, float]]:
    """Where, and how many students, subtraction gives: totals less shown groups, and samples less one another."""
    for groups, total in PARTS:
        sums: dict[tuple[object, ...], float] = defaultdict(float)
        for row in rows_of(tables, groups.table):
            sums[tuple(row[c] for c in groups.by)] += row[groups.count] or 0
        whole = total.of(tables)
        for key, shown in sums.items():
            known = whole.get(key[-1] if total.by else None)
            if known is not None:
                place = " ".join(map(str, (groups.table, groups.count, *key)))
                yield f"{place}, taken from {total.table}", known - shown
    yield from _samples(tables)


def _samples(tables: Tables) -> Iterator[tuple[str, float]]:
    by: dict[tuple[str, str], Row] = {(r["dimension"], r["sample"]): r for r in rows_of(tables, "clean.sensitivity")}
    for (dimension, sample), row in by.items():
        whole = by[dimension, "analysed"]["n"]
        if row["n"] is not None and whole is not None:
            yield f"clean.sensitivity {dimension} {sample}", abs(whole - row["n"])
    for row in rows_of(tables, "missing.sensitivity"):
        if row["n"] is not None and row["mean_listwise"] is not None:
            yield f"missing.sensitivity {row['dimension']} listwise", row["n"] - row["n_complete"]
