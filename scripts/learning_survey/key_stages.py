"""Key stages, or whatever ordered group a study has, compared by ``groups``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learning_survey.errors import SurveyError
from learning_survey.group_sample import Groups

if TYPE_CHECKING:
    from learning_survey.cells import Cells
    from learning_survey.config import Loaded


def groups_of(cells: Cells, study: Loaded) -> Groups:
    """The study's levels, first to last; raises SurveyError for a study that has none."""
    if study.key_stages is None:
        raise SurveyError(
            "no 'key_stages' to compare", where=f"study {study.id}", remedy="Add them to the study's file."
        )
    levels = study.key_stages.levels
    ids = [level.id for level in levels]
    return Groups(
        ids=ids,
        labels=[level.label for level in levels],
        ordered=True,
        of=cells.codes("group", ids),
        level=study.resampling.level,
        min_group=study.min_group,
    )
