"""Many comparisons: families of tests, Holm's correction inside each and Benjamini and Hochberg's across all of them.

Holm keeps the chance of any false finding in a family at 5%; Benjamini and Hochberg keep the expected share of false
findings among all findings at 5%, for independent or positively related tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from learning_survey.errors import SurveyError
from learning_survey.schemas import TABLES
from learning_survey.uncertainty import NAN, benjamini_hochberg, holm

if TYPE_CHECKING:
    from learning_survey.values import Row
    from learning_survey.verdict_rules import Family

SIGNIFICANT = 0.05


def families(
    plan: list[Family], rows: Callable[[str, dict], list[Row] | None], place: Callable[..., str]
) -> list[dict[str, Any]]:
    """Rows of table ``verdicts.families``, in the order of the plan and of each table.

    ``rows`` gives the rows of a table that a ``where`` leaves, None where the study does not have the table; ``place``
    names where in the plan something stands (``Places.of``). A test without p (a group too small) keeps its row. Raises
    SurveyError where two rows of a family are the same test.
    """
    found: list[dict[str, Any]] = []
    for i, family in enumerate(plan):
        members = rows(family.table, family.where) or []
        fixed = {c for c, w in family.where.items() if isinstance(w, str)}
        keys = [k for k in TABLES[family.table].keys if k not in fixed]
        p = np.array([NAN if r[family.p] is None else r[family.p] for r in members], dtype=float)
        corrected = holm(p)
        for row, one, adjusted in zip(members, p, corrected, strict=True):
            test = ", ".join(f"{row[k]:g}" if isinstance(row[k], float) else str(row[k]) for k in keys)
            found.append({"family": family.id, "test": test, "label": family.label, "p": one, "p_holm": adjusted})
            found[-1]["source"] = family.table
        names = [r["test"] for r in found if r["family"] == family.id]
        if twice := {n for n in names if names.count(n) > 1}:
            raise SurveyError(
                f"family '{family.id}' has two tests '{min(twice)}'",
                where=place("families", i),
                remedy="Say more in 'where', so that each test is in the family once.",
            )
    across = benjamini_hochberg(np.array([row["p"] for row in found], dtype=float))
    return [row | {"p_bh": q} for row, q in zip(found, across, strict=True)]
