"""Gender categories compared by ``groups``: they have no order, so there is no trend. Small ones may be merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from learning_survey.errors import SurveyError
from learning_survey.group_sample import Groups

if TYPE_CHECKING:
    from learning_survey.cells import Cells
    from learning_survey.config import Loaded


def groups_of(cells: Cells, study: Loaded) -> Groups:
    """The study's categories in the order of its file; raises SurveyError for a study that has none.

    The cells have only those that are compared (``disclosure.compared``): a small one is there without students. Where
    the study merges such, every category without students counts as merged: whether it had some is not told.
    """
    if study.gender is None:
        raise SurveyError("no 'gender' to compare", where=f"study {study.id}", remedy="Add it to the study's file.")
    categories, into = study.gender.categories, study.gender.merge_into
    ids = [category.id for category in categories]
    of = cells.codes("gender", ids)
    empty = [name for k, name in enumerate(ids) if not np.any(of == k)]
    return Groups(
        ids=ids,
        labels=[category.label for category in categories],
        ordered=False,
        of=of,
        level=study.resampling.level,
        min_group=study.min_group,
        merged={name: into for name in empty if into and name != into},
    )
