"""The tables of the stage 'models'. See ``schemas``, which joins all tables."""

from __future__ import annotations

from learning_survey.schema_parts import Column, Table, count, estimate, key, text

_METHOD = (
    "naive (least squares, students as if independent), robust (least squares, CR2; HC2 without schools), mixed (mixed "
    "model), cr2 (mixed model, CR2) or bootstrap (mixed model, schools resampled)"
)
_STATUS = text("why numbers are missing; empty where they are not")

MODELS: dict[str, Table] = {
    "models.coefficients": Table(
        "One row per dimension, level of a term and method: its difference from the reference, all else equal.",
        {
            "dimension": key("dimension"),
            "term": key("group (key stage), gender, phase, country or age"),
            "level": key("level of the term; year for age"),
            "method": key(_METHOD),
            "label": text("level as printed"),
            "reference": text("level that it is compared with"),
            "difference": Column("mean", "score less that of the reference; of age, per year within the key stage"),
            "difference_ci_low": Column("mean", "lower 95% limit, by the method"),
            "difference_ci_high": Column("mean", "upper 95% limit, by the method"),
            "se": Column("mean", "standard error, by the method"),
            "df": Column("statistic", "degrees of freedom of Student's t"),
            "p": Column("p", "p value of no difference"),
            "status": _STATUS,
        },
    ),
    "models.tests": Table(
        "One row per dimension, test and method: whether any level differs.",
        {
            "dimension": key("dimension"),
            "test": key("group (key stage), gender or group_gender (their interaction, in a model of its own)"),
            "method": key(_METHOD),
            "statistic": Column("statistic", "F"),
            "df1": Column("statistic", "numerator degrees of freedom"),
            "df2": Column("statistic", "denominator degrees of freedom"),
            "p": Column("p", "p value"),
            "p_holm": Column("p", "p after Holm's correction over the dimensions, by test and method"),
            "status": _STATUS,
        },
    ),
    "models.variance": Table(
        "One row per dimension: variances of the mixed model with its main effects, and what it explains.",
        {
            "dimension": key("dimension"),
            "n": count("students in the model"),
            "n_schools": Column("count", "schools in the model"),
            "tau2": Column("variance", "variance between schools"),
            "tau2_ci_low": Column("variance", "lower 95% limit by profile likelihood"),
            "tau2_ci_high": Column("variance", "upper 95% limit by profile likelihood"),
            "sigma2": Column("variance", "variance inside schools"),
            "sigma2_ci_low": Column("variance", "lower 95% limit by profile likelihood"),
            "sigma2_ci_high": Column("variance", "upper 95% limit by profile likelihood"),
            "icc": Column("loading", "share of the remaining variance that is between schools"),
            "icc_ci_low": Column("loading", "lower 95% limit by profile likelihood"),
            "icc_ci_high": Column("loading", "upper 95% limit by profile likelihood"),
            "boundary": Column("flag", "whether the variance between schools is estimated as 0"),
            "icc_empty": Column("loading", "the same share without any fixed effect"),
            "r2_marginal": Column("share", "share of variance that goes with the fixed effects"),
            "r2_conditional": Column("share", "share of variance that goes with fixed effects and schools"),
            "explained_between": Column("ratio", "share of the empty model's variance between schools; may be below 0"),
            "explained_within": Column("ratio", "share of the empty model's variance inside schools"),
            "terms": text("fixed effects in the model"),
            "left_out": text("terms that the study has and the model does not, with the reason"),
            "status": _STATUS,
        },
    ),
    "models.means": Table(
        "Marginal means: one row per dimension and key stage or gender.",
        {
            "dimension": key("dimension"),
            "grouping": key("group (key stage) or gender"),
            "group": key("level"),
            "label": text("level as printed"),
            **estimate("mean", "mean", "mean, levels of the other grouping counting equally, covariates as they are"),
            "se": Column("mean", "standard error"),
            "df": Column("statistic", "degrees of freedom of Student's t"),
            "method": text("cr2, or robust where there is no mixed model"),
            "status": _STATUS,
        },
    ),
    "models.contrasts": Table(
        "One row per dimension and pair: neighbouring key stages and all pairs of genders, adjusted.",
        {
            "dimension": key("dimension"),
            "grouping": key("group (key stage) or gender"),
            "group_a": key("first level"),
            "group_b": key("second level"),
            **estimate("difference", "mean", "adjusted mean of the first minus that of the second"),
            **estimate("d", "effect", "the same in standard deviations of all scores in the model"),
            "se": Column("mean", "standard error of the difference"),
            "df": Column("statistic", "degrees of freedom of Student's t"),
            "p": Column("p", "p value of no difference"),
            "p_holm": Column("p", "p after Holm's correction over dimensions and pairs of the grouping"),
            "method": text("cr2, or robust where there is no mixed model"),
            "status": _STATUS,
        },
    ),
}
