"""The tables of comparisons: key stages, gender, schools, inspection. See ``schemas``, which joins all tables."""

from __future__ import annotations

from learning_survey.schema_parts import Column, Table, count, estimate, key, text
from learning_survey.schemas_groups import GROUPS

COMPARISONS: dict[str, Table] = {
    **GROUPS,
    # ------------------------------------------------------------ schools
    "schools.variance": Table(
        "How much schools differ: one row per dimension.",
        {
            "dimension": key("dimension"),
            "n": count("students with a score"),
            "n_schools": Column("count", "schools"),
            "variance_between": Column("variance", "variance between schools"),
            "variance_within": Column("variance", "variance within schools"),
            **estimate("icc1", "loading", "intraclass correlation of one student"),
            "icc2": Column("loading", "reliability of a school's mean"),
            "design_effect": Column("ratio", "1 + (mean school size - 1) icc1"),
            "effective_n": Column("count", "students divided by the design effect"),
        },
    ),
    "schools.means": Table(
        "One row per dimension and school; 'all' is the mean over dimensions. Schools have pseudonyms.",
        {
            "dimension": key("dimension, or 'all'"),
            "school": key("school's pseudonym"),
            "n": count("students with a score"),
            "mean": Column("mean", "mean score"),
            **estimate("shrunken", "mean", "empirical Bayes mean, drawn towards the overall mean"),
            "share_high": Column("share", "share of students rated high"),
            "rank": Column("count", "rank by mean, 1 is highest"),
        },
    ),
    "schools.extremes": Table(
        "The top school against the bottom school, by the mean over all dimensions; one row per dimension.",
        {
            "dimension": key("dimension"),
            "top_school": Column("id", "top school's pseudonym"),
            "bottom_school": Column("id", "bottom school's pseudonym"),
            "n_top": count("students in the top school"),
            "n_bottom": count("students in the bottom school"),
            "mean_top": Column("mean", "mean in the top school"),
            "mean_bottom": Column("mean", "mean in the bottom school"),
            "share_top": Column("share", "share high in the top school"),
            "share_bottom": Column("share", "share high in the bottom school"),
            **estimate("gap", "points", "share high, top minus bottom, in percentage points"),
            **estimate("d_total", "effect", "mean difference over the standard deviation of all students"),
            **estimate(
                "d_pooled_within", "effect", "mean difference over the pooled standard deviation within the two schools"
            ),
            **estimate("d", "effect", "the one of the two that the study reports"),
            "p": Column("p", "Welch's p"),
            "p_holm": Column("p", "p after Holm's correction over the dimensions"),
        },
    ),
    "schools.strong_culture": Table(
        "Schools with a strong learning culture against the rest, by the study's definition. One row.",
        {
            "measure": key("what is compared"),
            "definition": text("the definition in words"),
            "n_schools": Column("count", "schools with a strong culture"),
            "n_rest": Column("count", "the other schools"),
            **estimate("share", "share", "share of schools with a strong culture"),
            "strong_mean": Column("share", "share high in strong schools, averaged over dimensions"),
            "rest_mean": Column("share", "share high in the rest"),
            **estimate("ratio", "ratio", "strong over rest"),
        },
    ),
    # ------------------------------------------------------------ inspection
    "inspection.means": Table(
        "School means by rating: one row per dimension and rating.",
        {
            "dimension": key("dimension"),
            "rating": key("rating"),
            "n_schools": Column("count", "schools with the rating"),
            "n": count("students in them"),
            **estimate("mean", "mean", "mean of school means"),
            "sd": Column("mean", "standard deviation of school means"),
        },
    ),
    "inspection.tests": Table(
        "Whether rating groups differ: one row per dimension and test, schools as units.",
        {
            "dimension": key("dimension"),
            "test": key("welch_anova or kruskal"),
            "statistic": Column("statistic", "F or H"),
            "df1": Column("statistic", "degrees of freedom between"),
            "df2": Column("statistic", "degrees of freedom within (Welch)"),
            "p": Column("p", "p value"),
            "p_holm": Column("p", "p after Holm's correction over the dimensions"),
            "eta_squared": Column("share", "share of variance between schools that goes with the rating"),
            "detectable": Column(
                "effect",
                "smallest difference between the compared ratings that would be found with 80% power,"
                " in standard deviations between schools",
            ),
        },
    ),
    "inspection.pairs": Table(
        "Pairs of ratings, schools as units.",
        {
            "dimension": key("dimension"),
            "rating_a": key("first rating"),
            "rating_b": key("second rating"),
            "n_a": Column("count", "schools with the first rating"),
            "n_b": Column("count", "schools with the second rating"),
            "difference": Column("mean", "mean of school means, first minus second"),
            **estimate("hedges_g", "effect", "Hedges g in standard deviations between schools"),
            "p": Column("p", "Games-Howell p"),
        },
    ),
    "inspection.extremes": Table(
        "Ratings of the schools that students rate highest and lowest.",
        {
            "position": key("highest or lowest"),
            "school": Column("id", "school's pseudonym"),
            "rating": text("rating"),
            "n_rated": Column("count", "schools with a rating"),
        },
    ),
}
