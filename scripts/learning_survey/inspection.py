"""Schools compared by inspection rating. Schools are the units: a school's mean counts once, whatever its size."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from learning_survey.errors import SurveyError
from learning_survey.group_sample import Sample, varied
from learning_survey.groups import games_howell_p, hedges_g, welch_anova
from learning_survey.inspection_effects import detectable
from learning_survey.rating_frameworks import dated
from learning_survey.school_extremes import top_and_bottom
from learning_survey.uncertainty import NAN, Estimate, holm, mean

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from learning_survey.config import Loaded
    from learning_survey.plans import InspectionPlan

Array = NDArray[np.float64]


def read_schools(processed: Path, study: Loaded) -> pl.DataFrame:
    """The schools with a rating (``rating_frameworks.dated``), from ``schools.parquet``.

    Raises SurveyError when the file or a column of it is missing, or when no school has a rating that can be compared.
    """
    import polars as pl

    path = processed / "schools.parquet"
    if not path.is_file():
        raise SurveyError("no such file", where=path, remedy="Run the pipeline; the step 'clean' makes it.")
    rows = pl.read_parquet(path)
    if missing := {"school", "phase", "rating", "rating_date"} - set(rows.columns):
        raise SurveyError(
            f"no column '{min(missing)}'", where=path, remedy="Run the step 'clean' again: the file is not its work."
        )
    rated = dated(rows, study)
    if not rated["used"].any():
        raise SurveyError(
            f"no school has a rating of the study's plan: {', '.join(study.inspection.ratings)}",
            where=path,
            remedy="Compare inspection.ratings and frameworks in the study's file with the school register.",
        )
    return rated


def units(school_means: pd.DataFrame, ratings: dict[str, str | None], plan: InspectionPlan) -> pd.DataFrame:
    """The rows of ``schools.raw_means`` with numbers and a rating of the plan; ``group`` is the rating's position."""
    rows = school_means.assign(rating=school_means["school"].map(ratings))
    rows = rows[rows["mean"].notna() & rows["rating"].isin(plan.ratings)]
    return rows.assign(group=rows["rating"].map({rating: g for g, rating in enumerate(plan.ratings)}).astype(int))


def _sample(rows: pd.DataFrame, dimension: str) -> Sample:
    rows = rows[rows["dimension"] == dimension]
    return Sample(rows["mean"].to_numpy(float), rows["group"].to_numpy(np.int64), np.arange(len(rows)))


def means(rows: pd.DataFrame, dimensions: list[str], plan: InspectionPlan, level: float) -> pd.DataFrame:
    """Table ``inspection.means``: t intervals over schools. A rating with one school shows no numbers but that."""
    import pandas as pd

    table = []
    for dimension in dimensions:
        for rating in plan.ratings:
            of = rows[(rows["dimension"] == dimension) & (rows["rating"] == rating)]
            estimate = mean(of["mean"].to_numpy(float), np.arange(len(of)), level)
            shown = estimate if estimate.n > 1 else Estimate()
            table.append(
                {
                    "dimension": dimension,
                    "rating": rating,
                    "n_schools": len(of),
                    "n": of["n"].sum() if estimate.n > 1 else NAN,
                    **shown.columns("mean"),
                    "sd": estimate.sd,
                }
            )
    return pd.DataFrame(table)


def tests(rows: pd.DataFrame, dimensions: list[str], plan: InspectionPlan, level: float) -> pd.DataFrame:
    """Table ``inspection.tests``: Welch's ANOVA and Kruskal & Wallis (1952) over ratings with two schools or more."""
    import pandas as pd

    table = []
    for dimension in dimensions:
        sample = _sample(rows, dimension)
        sample = sample.part(sample.large(2))
        sides = [np.sum(sample.group == plan.ratings.index(r)) for r in (plan.higher, plan.lower) if r in plan.ratings]
        found = detectable(*map(int, sides), 1 - level) if len(sides) == 2 else NAN
        numbers = {"eta_squared": eta_squared(sample), "detectable": found}
        for test, run in (("welch_anova", welch_anova), ("kruskal", kruskal)):
            table.append({"dimension": dimension, "test": test, **run(sample), **numbers})
    frame = pd.DataFrame(table)
    frame["p_holm"] = frame.groupby("test")["p"].transform(lambda p: holm(p.to_numpy()))
    return frame


def kruskal(sample: Sample) -> dict[str, float]:
    """Kruskal & Wallis's (1952, JASA 47, 583-621) test by pingouin; NaN with fewer than two groups or no spread."""
    if len(np.unique(sample.group)) < 2 or not varied(sample.x):
        return {"statistic": NAN, "df1": NAN, "df2": NAN, "p": NAN}
    import pandas as pd
    import pingouin

    data = pd.DataFrame({"score": sample.x, "group": sample.group})
    row = pingouin.kruskal(data=data, dv="score", between="group").iloc[0]
    return {"statistic": row["H"], "df1": row["ddof1"], "df2": NAN, "p": row["p_unc"]}


def eta_squared(sample: Sample) -> float:
    """Sum of squares between groups over the total; NaN with fewer than two groups or no spread."""
    groups = np.unique(sample.group)
    if len(groups) < 2 or not varied(sample.x):
        return NAN
    centre = sample.x.mean()
    between = sum(len(x) * (x.mean() - centre) ** 2 for x in (sample.within(g) for g in groups))
    return float(min(between / ((sample.x - centre) ** 2).sum(), 1.0))


def pairs(rows: pd.DataFrame, dimensions: list[str], plan: InspectionPlan, level: float) -> pd.DataFrame:
    """Table ``inspection.pairs``: Hedges g over schools; a rating with fewer than two schools is in no comparison."""
    import pandas as pd

    table = []
    for dimension in dimensions:
        sample = _sample(rows, dimension)
        large = sample.large(2)
        games_howell = games_howell_p(sample.part(large))
        for a, b in combinations(range(len(plan.ratings)), 2):
            first, second = sample.within(a), sample.within(b)
            shown = a in large and b in large
            table.append(
                {
                    "dimension": dimension,
                    "rating_a": plan.ratings[a],
                    "rating_b": plan.ratings[b],
                    "n_a": len(first),
                    "n_b": len(second),
                    "difference": first.mean() - second.mean() if shown else NAN,
                    **(hedges_g(first, second, level) if shown else Estimate()).columns("hedges_g"),
                    "p": games_howell.get((a, b), NAN),
                }
            )
    return pd.DataFrame(table)


def extremes(school_means: pd.DataFrame, ratings: dict[str, str | None], plan: InspectionPlan) -> pd.DataFrame:
    """Table ``inspection.extremes``: the first and last of all ranked schools, whatever their rating.

    ``n_rated`` counts every school whose rating can be compared, also one too small to be.
    """
    import pandas as pd

    top, bottom = top_and_bottom(school_means)
    rated = sum(rating in plan.ratings for rating in ratings.values())
    return pd.DataFrame(
        [
            {"position": position, "school": school, "rating": ratings.get(school), "n_rated": rated}
            for position, school in (("highest", top), ("lowest", bottom))
        ]
    )
