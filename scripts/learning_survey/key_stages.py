"""Key stages, or whatever ordered group a study has, compared by ``groups``."""

from __future__ import annotations

from learning_survey.config import Loaded
from learning_survey.errors import SurveyError
from learning_survey.groups import Groups
from learning_survey.students import Students


def groups_of(students: Students, study: Loaded) -> Groups:
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
        of=students.codes("group", ids),
        level=study.resampling.level,
        min_group=study.min_group,
    )
