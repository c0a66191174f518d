"""Every aggregate table that the pipeline writes: its columns, their units, and what may stand in them.

One registry serves four readers: ``tables.write`` validates against it, the report takes its values and their formats
from it, ``docs/tables.md`` is generated from it, and a person can read it here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Unit = Literal[
    "id",
    "text",
    "count",
    "mean",
    "share",
    "points",
    "alpha",
    "loading",
    "effect",
    "statistic",
    "p",
    "variance",
    "ratio",
    "flag",
]

RANGES: dict[str, tuple[float, float]] = {
    "share": (0, 1),
    "p": (0, 1),
    "count": (0, float("inf")),
    "variance": (0, float("inf")),
}


@dataclass(frozen=True)
class Column:
    """A column: its unit says how it is checked and how it is printed."""

    unit: Unit
    about: str
    key: bool = False
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """A table: ``stage.name``, what one row is, and its columns in order."""

    about: str
    columns: dict[str, Column] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        return [name for name, column in self.columns.items() if column.key]


def _key(about: str) -> Column:
    return Column("id", about, key=True, nullable=False)


def _text(about: str) -> Column:
    return Column("text", about)


def _n(about: str = "students with an answer") -> Column:
    return Column("count", about)


def _estimate(name: str, unit: Unit, about: str) -> dict[str, Column]:
    """An estimate and its interval, which takes account of students sitting in schools."""
    return {
        name: Column(unit, about),
        f"{name}_ci_low": Column(unit, f"lower 95% limit of {name}, clustered by school"),
        f"{name}_ci_high": Column(unit, f"upper 95% limit of {name}, clustered by school"),
    }


def _fit_indices(suffix: str, about: str) -> dict[str, Column]:
    """CFI, TLI and RMSEA of a factor model."""
    columns = {
        "cfi": Column("loading", f"comparative fit index, {about}"),
        "tli": Column("loading", f"Tucker-Lewis index, {about}"),
        "rmsea": Column("loading", f"root mean square error of approximation, {about}"),
        "rmsea_low": Column("loading", "its lower 90% limit"),
        "rmsea_high": Column("loading", "its upper 90% limit"),
        "p_close": Column("p", "p value of its being .05 or less"),
    }
    return {name + suffix: column for name, column in columns.items()}


_GROUP_MEANS = {
    "dimension": _key("dimension"),
    "group": _key("group"),
    "group_label": _text("group as printed"),
    "group_order": Column("count", "position of the group, from 1"),
    "n": _n(),
    "n_schools": Column("count", "schools with a student in the group"),
    **_estimate("mean", "mean", "mean score"),
    "sd": Column("mean", "standard deviation of scores"),
    **_estimate("share_high", "share", "share of students rated high"),
}
_GROUP_TESTS = {
    "dimension": _key("dimension"),
    "test": _key("welch_anova, clustered_wald, trend_naive or trend_clustered"),
    "statistic": Column("statistic", "F; for a trend, t"),
    "df1": Column("statistic", "numerator degrees of freedom"),
    "df2": Column("statistic", "denominator degrees of freedom"),
    "p": Column("p", "p value"),
    "p_holm": Column("p", "p after Holm's correction over the dimensions"),
    **_estimate("slope", "effect", "change per group step in total standard deviations (trends only)"),
}
_GROUP_PAIRS = {
    "dimension": _key("dimension"),
    "group_a": _key("first group"),
    "group_b": _key("second group"),
    "adjacent": Column("flag", "whether the groups are neighbours in order"),
    "n_a": _n("students in the first group"),
    "n_b": _n("students in the second group"),
    "difference": Column("mean", "mean of the first group minus mean of the second"),
    **_estimate("hedges_g", "effect", "Hedges g, pooled standard deviation of the two groups"),
    "naive_ci_low": Column("effect", "lower 95% limit of g as if students were independent"),
    "naive_ci_high": Column("effect", "upper 95% limit of g as if students were independent"),
    "p_games_howell": Column("p", "Games-Howell p, students as if independent"),
    "p_clustered": Column("p", "p of the difference, clustered by school"),
    "p_holm": Column("p", "clustered p after Holm's correction over dimensions and pairs"),
}

TABLES: dict[str, Table] = {
    # ------------------------------------------------------------ ingest
    "ingest.files": Table(
        "How each export is written, as found when it was read. One row per file.",
        {
            "file": _key("file: its label, F01 and so on; its name where nobody is to be protected (docs/privacy.md)"),
            "format": Column("id", "CSV, TSV, XLSX, XLS, ODS, SPSS or Parquet"),
            "sheet": _text("sheet of a workbook, where files have their names"),
            "encoding": _text("encoding of its text"),
            "delimiter": Column("id", "comma, semicolon, tab or pipe; none where there is one column"),
            "quote": Column("id", "quotation mark: double or single"),
            "line_end": _text("LF, CRLF, CR, or several"),
            "header_rows": Column("count", "rows of headers; 0 where names are part of the format"),
            "columns": Column("count", "columns"),
            "rows": Column("count", "rows with any text; empty below the smallest group"),
        },
    ),
    # ------------------------------------------------------------ clean
    "clean.flow": Table(
        "One row per cleaning step, in order: rows in = rows out + rows dropped.",
        {
            "step": _key("step"),
            "label": _text("step in words"),
            "rows_in": Column("count", "rows before"),
            "rows_dropped": Column("count", "rows dropped"),
            "rows_out": Column("count", "rows after"),
            "cells_emptied": Column("count", "cells emptied, rows kept"),
        },
    ),
    "clean.sample": Table(
        "What is left after cleaning, one row per fact.",
        {
            "fact": _key("fact"),
            "label": _text("fact in words"),
            "value": Column("statistic", "value"),
            "text": _text("value as printed"),
        },
    ),
    "clean.ledger_summary": Table(
        "Rows dropped and cells emptied, one row per rule and column. What was in them stays in the ledger.",
        {
            "rule": _key("rule"),
            "column": _key("column; 'items' for a rule about all answers"),
            "action": Column("id", "drop_row or empty_cell"),
            "n": Column("count", "rows or cells"),
        },
    ),
    "clean.flow_files": Table(
        "One row per file, over all steps: rows in = rows out + rows dropped.",
        {
            "file": _key("file, as in ingest.files"),
            "rows_in": Column("count", "rows received"),
            "rows_dropped": Column("count", "rows dropped"),
            "rows_out": Column("count", "rows kept"),
            "cells_emptied": Column("count", "cells emptied, in rows that were dropped later too"),
        },
    ),
    "clean.unmapped": Table(
        "Words that no category or level lists, one row per column. The words themselves stay in the ledger.",
        {
            "column": _key("gender, group or year_group"),
            "spellings": Column("count", "different words, without regard to case, spaces and punctuation"),
            "cells": Column("count", "cells that held them, emptied"),
        },
    ),
    "clean.careless": Table(
        "Careless responding, one row per index, and one for any of them ('any').",
        {
            "index": _key("longest_run, irv, even_odd, mahalanobis, seconds_per_item or any"),
            "label": _text("index in words"),
            "threshold": Column("statistic", "from where the study flags; null where the index flags nobody"),
            "unit": _text("unit of the threshold, and which side of it is flagged"),
            "action": Column("id", "flag, drop or off"),
            "n": Column("count", "respondents for whom the index can be computed"),
            "flagged": Column("count", "respondents flagged"),
            "share": Column("share", "share flagged"),
        },
    ),
    "clean.sensitivity": Table(
        "Main results with and without careless respondents: one row per dimension and sample.",
        {
            "dimension": _key("dimension"),
            "label": _text("dimension as printed"),
            "sample": _key(
                "analysed; with_dropped (also those dropped as careless); without_flagged (none that any index flags)"
            ),
            "n": _n("respondents with a score"),
            "mean": Column("mean", "mean score"),
            "share_high": Column("share", "share of respondents rated high"),
            "alpha": Column("alpha", "Cronbach's alpha, from pairwise covariances"),
        },
    ),
    # ------------------------------------------------------------ describe
    "describe.items": Table(
        "One row per item, scored in the direction of its dimension.",
        {
            "item": _key("item"),
            "dimension": Column("id", "dimension"),
            "wording": _text("wording"),
            "reversed": Column("flag", "whether the item was reversed before scoring"),
            "n": _n(),
            "n_missing": Column("count", "students without an answer"),
            **_estimate("mean", "mean", "mean"),
            "sd": Column("mean", "standard deviation"),
            **_estimate("share_high", "share", "share of answers in the upper half of the scale, neutral excluded"),
            "rank": Column("count", "rank by mean, 1 is highest"),
        },
    ),
    "describe.item_distribution": Table(
        "One row per item and code, scored in the direction of its dimension.",
        {
            "item": _key("item"),
            "code": Column("count", "code", key=True, nullable=False),
            "label": _text("answer as printed; for a reversed item, the answer that scores this code"),
            "n": _n("students who gave it"),
            **_estimate("share", "share", "share of answers"),
        },
    ),
    "describe.dimensions": Table(
        "One row per dimension.",
        {
            "dimension": _key("dimension"),
            "label": _text("dimension as printed"),
            "n": _n("students with a score"),
            "n_missing": Column("count", "students without a score"),
            **_estimate("mean", "mean", "mean score"),
            "sd": Column("mean", "standard deviation of scores"),
            **_estimate("share_high", "share", "share of students rated high"),
            "design_effect": Column("ratio", "variance of the mean, clustered over independent"),
            "rank": Column("count", "rank by share high, 1 is highest"),
        },
    ),
    "describe.bands": Table(
        "One row per dimension and band.",
        {
            "dimension": _key("dimension"),
            "band": _key("band"),
            "label": _text("band as printed"),
            "band_order": Column("count", "position of the band, from 1"),
            "n": _n("students in the band"),
            **_estimate("share", "share", "share of students"),
        },
    ),
    "describe.contrasts": Table(
        "Wanted against experienced, one row per dimension whose items are marked so.",
        {
            "dimension": _key("dimension"),
            "n": _n("students who answered both sides"),
            **_estimate("wanted", "mean", "mean of the items on what students want"),
            **_estimate("experienced", "mean", "mean of the items on what students experience"),
            **_estimate("difference", "mean", "wanted minus experienced"),
            "p": Column("p", "p of the difference, clustered by school"),
        },
    ),
    # ------------------------------------------------------------ reliability
    "reliability.alpha": Table(
        "One row per dimension, and one for all items ('all').",
        {
            "scale": _key("dimension, or 'all'"),
            "label": _text("scale as printed"),
            "n_items": Column("count", "items"),
            "n": _n("students with any answer to the scale"),
            **_estimate("alpha", "alpha", "Cronbach's alpha, raw, from pairwise covariances"),
            "feldt_ci_low": Column("alpha", "lower 95% limit by Feldt, students as if independent"),
            "feldt_ci_high": Column("alpha", "upper 95% limit by Feldt, students as if independent"),
            "alpha_std": Column("alpha", "standardised alpha, from correlations"),
            "average_r": Column("loading", "mean correlation between items"),
            **_estimate("omega_total", "alpha", "McDonald's omega total"),
        },
    ),
    "reliability.items": Table(
        "One row per scale and item.",
        {
            "scale": _key("dimension, or 'all'"),
            "item": _key("item"),
            "n": _n(),
            "alpha_if_dropped": Column("alpha", "raw alpha of the scale without the item"),
            "alpha_std_if_dropped": Column("alpha", "standardised alpha of the scale without the item"),
            "item_rest_r": Column("loading", "correlation of the item with the sum of the others (raw)"),
        },
    ),
    # ------------------------------------------------------------ missing
    "missing.items": Table(
        "Missing answers, one row per item.",
        {
            "item": _key("item"),
            "n": _n(),
            "missing": Column("count", "students without an answer"),
            "share": Column("share", "share of students without an answer"),
        },
    ),
    "missing.schools": Table(
        "Missing answers, one row per school. Schools have pseudonyms.",
        {
            "school": _key("school's pseudonym"),
            "n": _n("students"),
            "share": Column("share", "share of their answers that is missing"),
        },
    ),
    "missing.groups": Table(
        "Missing answers, one row per level of the ordered group and per gender.",
        {
            "kind": _key("group or gender"),
            "group": _key("level or category; 'unknown' for students without one"),
            "label": _text("level or category as printed"),
            "n": _n("students"),
            "share": Column("share", "share of their answers that is missing"),
        },
    ),
    "missing.mcar": Table(
        "Little's test of answers missing completely at random: one row per dimension's items, and one for all items.",
        {
            "scale": _key("dimension, or 'all'"),
            "label": _text("scale as printed"),
            "n_items": Column("count", "items"),
            "n": _n("students with any answer to the scale"),
            "patterns": Column("count", "different sets of answered items"),
            "chi_square": Column("statistic", "Little's chi-square; null without missing answers"),
            "df": Column("statistic", "degrees of freedom"),
            "p": Column("p", "p; null where patterns with gaps have fewer than five students on average"),
        },
    ),
    "missing.sensitivity": Table(
        "What the treatment of missing answers changes: one row per dimension.",
        {
            "dimension": _key("dimension"),
            "label": _text("dimension as printed"),
            "n": _n("students with a score"),
            "n_complete": Column("count", "students who answered every item of the dimension"),
            "fiml_items": Column("count", "items in the full-information model"),
            "mean": Column("mean", "mean score as reported: means of a student's answers"),
            "mean_listwise": Column("mean", "mean score of students who answered every item"),
            "mean_fiml": Column("mean", "mean by full-information maximum likelihood"),
            "alpha": Column("alpha", "alpha as reported: pairwise covariances"),
            "alpha_listwise": Column("alpha", "alpha of students who answered every item"),
            "alpha_fiml": Column("alpha", "alpha by full-information maximum likelihood"),
            "mean_listwise_difference": Column("mean", "listwise minus reported"),
            "mean_fiml_difference": Column("mean", "full information minus reported"),
            "alpha_listwise_difference": Column("alpha", "listwise minus reported"),
            "alpha_fiml_difference": Column("alpha", "full information minus reported"),
        },
    ),
    # ------------------------------------------------------------ factors
    "factors.adequacy": Table(
        "Whether a matrix can be factored: one row per matrix and statistic.",
        {
            "matrix": _key("dimensions or items"),
            "statistic": _key(
                "kmo, bartlett, determinant_log, smallest_eigenvalue or kmo of one variable as kmo:<variable>"
            ),
            "value": Column("statistic", "value"),
            "df": Column("statistic", "degrees of freedom (Bartlett)"),
            "p": Column("p", "p value (Bartlett)"),
        },
    ),
    "factors.retention": Table(
        "How many factors: one row per matrix and number of factors.",
        {
            "matrix": _key("dimensions or items"),
            "k": Column("count", "number of factors", key=True, nullable=False),
            "eigenvalue_components": Column("statistic", "eigenvalue of the correlation matrix"),
            "parallel_components": Column("statistic", "the same in random data: the study's quantile"),
            "eigenvalue_factors": Column(
                "statistic", "eigenvalue of the reduced matrix (one minres factor's communalities)"
            ),
            "parallel_factors": Column("statistic", "the same in random data: the study's quantile"),
            "map": Column("statistic", "Velicer's average squared partial correlation after k components"),
        },
    ),
    "factors.suggested": Table(
        "What each method suggests.",
        {
            "matrix": _key("dimensions or items"),
            "method": _key("parallel_factors, parallel_components, map or kaiser"),
            "factors": Column("count", "suggested number of factors"),
        },
    ),
    "factors.loadings": Table(
        "One row per solution, variable and factor. The solutions are 'dimensions' (of their scores) and 'items'.",
        {
            "solution": _key("solution"),
            "variable": _key("dimension or item"),
            "factor": _key("factor"),
            "factor_label": _text("factor as printed"),
            **_estimate("pattern", "loading", "pattern loading"),
            "structure": Column("loading", "structure loading"),
            "published": Column("loading", "published pattern loading"),
            "difference": Column("loading", "pattern minus published"),
        },
    ),
    "factors.phi": Table(
        "Factor correlations, one row per solution and pair.",
        {
            "solution": _key("solution"),
            "factor_a": _key("factor"),
            "factor_b": _key("factor"),
            **_estimate("phi", "loading", "correlation"),
        },
    ),
    "factors.communalities": Table(
        "One row per solution and variable.",
        {
            "solution": _key("solution"),
            "variable": _key("dimension or item"),
            "communality": Column("loading", "diagonal of P phi P'"),
            "uniqueness": Column("loading", "one minus communality"),
            "heywood": Column("flag", "whether the uniqueness stands at its lower bound, .005: an improper solution"),
        },
    ),
    "factors.congruence": Table(
        "How near each factor is to the published one.",
        {
            "solution": _key("solution"),
            "factor": _key("factor"),
            "tucker": Column("loading", "Tucker's congruence with the published column"),
            "rms_difference": Column("loading", "root mean square difference of loadings"),
            "max_difference": Column("loading", "largest absolute difference of loadings"),
        },
    ),
    # ------------------------------------------------------------ confirmatory
    "confirmatory.fit": Table(
        "How each factor model fits the items, one row per model and estimator.",
        {
            "model": _key("correlated, second_order, one_factor or bifactor"),
            "model_label": _text("model as printed"),
            "estimator": _key("ml, mlr, mlr_clustered, fiml, fiml_robust or fiml_clustered"),
            "estimator_label": _text("estimator as printed"),
            "n": _n("students: with full information all who answered anything, else those who answered every item"),
            "units": Column("count", "independent units: schools, or students"),
            "parameters": Column("count", "free parameters"),
            "chi_square": Column("statistic", "chi-square against free moments, as if answers were normal"),
            "df": Column("statistic", "degrees of freedom"),
            "p": Column("p", "p value of chi_square"),
            "scaling": Column("ratio", "scaling factor of the chi-square"),
            "chi_square_scaled": Column("statistic", "chi_square / scaling"),
            "p_scaled": Column("p", "p value of chi_square_scaled"),
            **_fit_indices("", "from chi_square"),
            **_fit_indices("_scaled", "from chi_square_scaled"),
            **_fit_indices("_robust", "of normal data, estimated from chi_square and scaling"),
            "srmr": Column("loading", "root mean square of standardised residuals"),
            "aic": Column("statistic", "Akaike's criterion"),
            "bic": Column("statistic", "Bayesian criterion"),
            "converged": Column("flag", "whether the estimation ended at a minimum"),
            "identified": Column("flag", "whether the information matrix has full rank"),
            "admissible": Column("flag", "whether variances and covariances are possible without holding any at zero"),
            "note": _text("what is wrong, in a sentence"),
        },
    ),
    "confirmatory.loadings": Table(
        "Standardised loadings, one row per model, item and factor; in the second-order model also of dimensions.",
        {
            "model": _key("model"),
            "variable": _key("item or dimension"),
            "factor": _key("factor"),
            "variable_label": _text("item's wording or dimension as printed"),
            "factor_label": _text("factor as printed"),
            **_estimate("loading", "loading", "standardised loading, from students who answered every item"),
            "se": Column("loading", "its standard error, as if answers were normal and students independent"),
            "se_robust": Column("loading", "without normality"),
            "se_clustered": Column("loading", "without normality, by school"),
            "loading_fiml": Column("loading", "with full information, from all students"),
            "se_fiml": Column("loading", "its standard error, without normality, by school where there are schools"),
            "r_squared": Column("loading", "share of the variable's variance that its factors explain"),
        },
    ),
    "confirmatory.factors": Table(
        "What each factor with items explains of them, one row per model and factor.",
        {
            "model": _key("model"),
            "factor": _key("factor"),
            "factor_label": _text("factor as printed"),
            "items": Column("count", "items that load on it"),
            "omega": Column("loading", "composite reliability: its share of the variance of the sum of these items"),
            "ave": Column(
                "loading",
                "average variance extracted from these items; none where they have two factors",
            ),
            "r_squared": Column("loading", "share of its variance that the factors above it explain"),
        },
    ),
    "confirmatory.factor_correlations": Table(
        "Correlations of factors, or of what factors above them leave, one row per model and pair.",
        {
            "model": _key("model"),
            "factor_a": _key("factor"),
            "factor_b": _key("factor"),
            "factor_a_label": _text("factor as printed"),
            "factor_b_label": _text("factor as printed"),
            **_estimate("correlation", "loading", "correlation"),
            "se": Column("loading", "its standard error, as if answers were normal and students independent"),
            "se_robust": Column("loading", "without normality"),
            "se_clustered": Column("loading", "without normality, by school"),
            "htmt": Column("loading", "heterotrait-monotrait ratio of correlations (correlated dimensions only)"),
        },
    ),
    "confirmatory.modification": Table(
        "What each model leaves out: the largest modification indices.",
        {
            "model": _key("model"),
            "rank": Column("count", "rank by index, 1 is largest", key=True, nullable=False),
            "kind": Column("id", "cross_loading or residual_covariance"),
            "variable": Column("id", "item"),
            "other": Column("id", "factor or item"),
            "variable_label": _text("item's wording"),
            "other_label": _text("factor as printed or item's wording"),
            "index": Column("statistic", "fall of chi_square if it were free, as if students were independent"),
            "change": Column("statistic", "what its estimate would be"),
            "change_standardised": Column("loading", "that as standardised loading or residual correlation"),
        },
    ),
    # ------------------------------------------------------------ groups
    "key_stages.means": Table("One row per dimension and key stage (or the study's ordered group).", _GROUP_MEANS),
    "key_stages.tests": Table("One row per dimension and test.", _GROUP_TESTS),
    "key_stages.pairs": Table("One row per dimension and pair of groups.", _GROUP_PAIRS),
    "gender.means": Table("One row per dimension and gender.", _GROUP_MEANS),
    "gender.tests": Table("One row per dimension and test.", _GROUP_TESTS),
    "gender.pairs": Table("One row per dimension and pair of groups.", _GROUP_PAIRS),
    # ------------------------------------------------------------ schools
    "schools.variance": Table(
        "How much schools differ: one row per dimension.",
        {
            "dimension": _key("dimension"),
            "n": _n("students with a score"),
            "n_schools": Column("count", "schools"),
            "variance_between": Column("variance", "variance between schools"),
            "variance_within": Column("variance", "variance within schools"),
            **_estimate("icc1", "loading", "intraclass correlation of one student"),
            "icc2": Column("loading", "reliability of a school's mean"),
            "design_effect": Column("ratio", "1 + (mean school size - 1) icc1"),
            "effective_n": Column("count", "students divided by the design effect"),
        },
    ),
    "schools.means": Table(
        "One row per dimension and school; 'all' is the mean over dimensions. Schools have pseudonyms.",
        {
            "dimension": _key("dimension, or 'all'"),
            "school": _key("school's pseudonym"),
            "n": _n("students with a score"),
            "mean": Column("mean", "mean score"),
            **_estimate("shrunken", "mean", "empirical Bayes mean, drawn towards the overall mean"),
            "share_high": Column("share", "share of students rated high"),
            "rank": Column("count", "rank by mean, 1 is highest"),
        },
    ),
    "schools.extremes": Table(
        "The top school against the bottom school, by the mean over all dimensions; one row per dimension.",
        {
            "dimension": _key("dimension"),
            "top_school": Column("id", "top school's pseudonym"),
            "bottom_school": Column("id", "bottom school's pseudonym"),
            "n_top": _n("students in the top school"),
            "n_bottom": _n("students in the bottom school"),
            "mean_top": Column("mean", "mean in the top school"),
            "mean_bottom": Column("mean", "mean in the bottom school"),
            "share_top": Column("share", "share high in the top school"),
            "share_bottom": Column("share", "share high in the bottom school"),
            **_estimate("gap", "points", "share high, top minus bottom, in percentage points"),
            **_estimate("d_total", "effect", "mean difference over the standard deviation of all students"),
            **_estimate(
                "d_pooled_within", "effect", "mean difference over the pooled standard deviation within the two schools"
            ),
            **_estimate("d", "effect", "the one of the two that the study reports"),
            "p": Column("p", "Welch's p"),
            "p_holm": Column("p", "p after Holm's correction over the dimensions"),
        },
    ),
    "schools.strong_culture": Table(
        "Schools with a strong learning culture against the rest, by the study's definition. One row.",
        {
            "measure": _key("what is compared"),
            "definition": _text("the definition in words"),
            "n_schools": Column("count", "schools with a strong culture"),
            "n_rest": Column("count", "the other schools"),
            **_estimate("share", "share", "share of schools with a strong culture"),
            "strong_mean": Column("share", "share high in strong schools, averaged over dimensions"),
            "rest_mean": Column("share", "share high in the rest"),
            **_estimate("ratio", "ratio", "strong over rest"),
        },
    ),
    # ------------------------------------------------------------ inspection
    "inspection.means": Table(
        "School means by rating: one row per dimension and rating.",
        {
            "dimension": _key("dimension"),
            "rating": _key("rating"),
            "n_schools": Column("count", "schools with the rating"),
            "n": _n("students in them"),
            **_estimate("mean", "mean", "mean of school means"),
            "sd": Column("mean", "standard deviation of school means"),
        },
    ),
    "inspection.tests": Table(
        "Whether rating groups differ: one row per dimension and test, schools as units.",
        {
            "dimension": _key("dimension"),
            "test": _key("welch_anova or kruskal"),
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
            "dimension": _key("dimension"),
            "rating_a": _key("first rating"),
            "rating_b": _key("second rating"),
            "n_a": Column("count", "schools with the first rating"),
            "n_b": Column("count", "schools with the second rating"),
            "difference": Column("mean", "mean of school means, first minus second"),
            **_estimate("hedges_g", "effect", "Hedges g in standard deviations between schools"),
            "p": Column("p", "Games-Howell p"),
        },
    ),
    "inspection.extremes": Table(
        "Ratings of the schools that students rate highest and lowest.",
        {
            "position": _key("highest or lowest"),
            "school": Column("id", "school's pseudonym"),
            "rating": _text("rating"),
            "n_rated": Column("count", "schools with a rating"),
        },
    ),
    # ------------------------------------------------------------ scorecard
    "scorecard": Table(
        "One row per published claim.",
        {
            "claim_id": _key("claim"),
            "section": _text("section of the published report"),
            "kind": Column("id", "value, bound, order or external"),
            "statistic": _text("what is claimed"),
            "published": _text("published value"),
            "computed": _text("computed value"),
            "ci_low": Column("statistic", "lower 95% limit, in the published unit"),
            "ci_high": Column("statistic", "upper 95% limit, in the published unit"),
            "tolerance": Column("statistic", "largest difference that counts as agreement, in the published unit"),
            "verdict": Column("id", "recovered, not recovered, reproduced, not reproduced or not computable"),
            "reason": _text("why, in a sentence"),
            "source_file": _text("table that the computed value comes from"),
            "source_row": _text("its row"),
            "rule": Column("id", "rule that made the table"),
        },
    ),
}
