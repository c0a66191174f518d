"""Gender categories compared by ``groups``: they have no order, so there is no trend. Small ones may be merged."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

import numpy as np

from learning_survey.errors import SurveyError
from learning_survey.group_sample import Groups

if TYPE_CHECKING:
    from learning_survey.cells import Cells
    from learning_survey.config import Loaded

COUNTED_WITH = "counted with"


def groups_of(cells: Cells, study: Loaded) -> Groups:
    """The study's categories in the order of its file; raises SurveyError for a study that has none.

    The cells have only those that are compared (``disclosure.compared``): a small one is there without students. Where
    the study merges such, every category without students counts as ``merged``: whether it had some is not told.
    """
    if study.gender is None:
        raise SurveyError("no 'gender' to compare", where=f"study {study.id}", remedy="Add it to the study's file.")
    categories = study.gender.categories
    ids = [category.id for category in categories]
    of = cells.codes("gender", ids)
    return Groups(
        ids=ids,
        labels=[category.label for category in categories],
        ordered=False,
        of=of,
        level=study.resampling.level,
        min_group=study.min_group,
        merged=merged({name for k, name in enumerate(ids) if np.any(of == k)}, study),
    )


def merged(present: Container[str], study: Loaded) -> dict[str, str]:
    """Of each category that is counted with another, and so is not among those ``present``, the id of that other."""
    into = study.gender.merge_into
    return {c.id: into for c in study.gender.categories if into and c.id not in present and c.id != into}


def counted_with(present: Container[str], study: Loaded) -> dict[str, str]:
    """The same in words, for a table's notes: "counted with Girls"."""
    labels = {c.id: c.label for c in study.gender.categories}
    return {name: f"{COUNTED_WITH} {labels[into]}" for name, into in merged(present, study).items()}
