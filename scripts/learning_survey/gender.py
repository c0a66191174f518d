"""Gender categories compared by ``groups``: they have no order, so there is no trend. Small ones may be merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from learning_survey.config import ALL
from learning_survey.errors import SurveyError
from learning_survey.group_sample import Groups

if TYPE_CHECKING:
    from learning_survey.cells import Cells, Codes
    from learning_survey.config import Loaded


def groups_of(cells: Cells, study: Loaded) -> Groups:
    """The study's categories in the order of its file; raises SurveyError for a study that has none.

    With ``gender.small: merge``, a category of fewer than ``min_group`` students is counted with ``gender.merge_into``.
    Otherwise it stays and is withheld.
    """
    if study.gender is None:
        raise SurveyError("no 'gender' to compare", where=f"study {study.id}", remedy="Add it to the study's file.")
    categories, into = study.gender.categories, study.gender.merge_into
    ids = [category.id for category in categories]
    of, merged = cells.codes("gender", ids), {}
    if into is not None:
        for g in small(cells, of, len(ids), study.min_group):
            if ids[g] != into:
                of = np.where(of == g, ids.index(into), of)
                merged[ids[g]] = into
    return Groups(
        ids=ids,
        labels=[category.label for category in categories],
        ordered=False,
        of=of,
        level=study.resampling.level,
        min_group=study.min_group,
        merged=merged,
    )


def small(cells: Cells, of: Codes, groups: int, least: int) -> list[int]:
    """Groups that some, but fewer than ``least`` students are in."""
    sizes = np.bincount(of[of >= 0], cells.counts(ALL).sums()[of >= 0], groups)
    return [g for g in range(groups) if 0 < sizes[g] < least]
