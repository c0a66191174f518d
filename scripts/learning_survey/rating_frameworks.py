"""Which ratings can be compared: those of a framework with an overall grade, and how old they were at the survey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from learning_survey.uncertainty import NAN

if TYPE_CHECKING:
    import pandas as pd

    from learning_survey.config import Loaded

UNDATED = "undated"


def dated(schools: pl.DataFrame, study: Loaded) -> pl.DataFrame:
    """The schools with a rating or a date of one: ``schools.parquet``'s ``school``, ``phase``, ``rating``, and

    ``framework`` (its id; UNDATED without a date), ``years`` from the rating to the survey (negative after it, null
    without a date of either) and ``used``: whether the rating is one of the plan and neither in a framework without an
    overall grade nor, where the study leaves those out, given after the survey. A rating without a date is taken as it
    stands.
    """
    plan, survey = study.inspection, study.survey_date
    rows = schools.filter(pl.col("rating").is_not_null() | pl.col("rating_date").is_not_null())
    given = rows["rating_date"].to_list()
    frameworks = [None if day is None else plan.framework_on(day) for day in given]
    years = [None if day is None or survey is None else (survey - day).days / 365.25 for day in given]
    overall = [f is None or f.overall for f in frameworks]
    late = [plan.after_survey == "exclude" and y is not None and y < 0 for y in years]
    listed = rows["rating"].is_in(plan.ratings).fill_null(value=False).to_list()
    return rows.select(
        "school",
        "phase",
        "rating",
        pl.Series("framework", [UNDATED if f is None else f.id for f in frameworks], dtype=pl.String),
        pl.Series("years", years, dtype=pl.Float64),
        pl.Series("used", [a and b and not c for a, b, c in zip(overall, listed, late, strict=True)], dtype=pl.Boolean),
    )


def frameworks(rated: pl.DataFrame, study: Loaded) -> pd.DataFrame:
    """Table ``inspection.frameworks`` from ``dated``: every framework of the plan in order, then ratings undated.

    The median age is rounded to a tenth of a year, and not of fewer than ``min_group`` schools: the day of an
    inspection would name a school.
    """
    import pandas as pd

    plan = study.inspection
    rows = []
    known = [(f.id, f.label, f.start, f.overall) for f in plan.frameworks]
    for name, label, start, overall in [*known, (UNDATED, "Date not known", None, True)]:
        own = rated.filter(pl.col("framework") == name)
        used, years = own.filter("used"), own["years"].drop_nulls()
        ages = used["years"].drop_nulls()
        rows.append(
            {
                "framework": name,
                "label": label,
                "start": "" if start is None else start.isoformat(),
                "overall": overall,
                "n_schools": own.height,
                "n_used": used.height,
                "n_left_out": own.height - used.height,
                "n_after_survey": int((years < 0).sum()) if study.survey_date and name != UNDATED else NAN,
                "median_years": round(float(np.median(ages)), 1) if ages.len() >= study.min_group else NAN,
            }
        )
    return pd.DataFrame(rows)
