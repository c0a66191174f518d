"""Gender categories compared by ``groups``: they have no order, so there is no trend."""

from __future__ import annotations

from learning_survey.config import Loaded
from learning_survey.errors import SurveyError
from learning_survey.groups import Groups
from learning_survey.students import Students


def groups_of(students: Students, study: Loaded) -> Groups:
    """The study's categories in the order of its file; raises SurveyError for a study that has none."""
    if study.gender is None:
        raise SurveyError("no 'gender' to compare", where=f"study {study.id}", remedy="Add it to the study's file.")
    categories = study.gender.categories
    ids = [category.id for category in categories]
    return Groups(
        ids=ids,
        labels=[category.label for category in categories],
        ordered=False,
        of=students.codes("gender", ids),
        level=study.resampling.level,
        min_group=study.min_group,
    )
