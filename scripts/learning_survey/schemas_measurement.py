"""The tables of the stages that measure: reliability, polychoric, factors, published, confirmatory and invariance."""

from __future__ import annotations

from learning_survey.schema_parts import Column, Table
from learning_survey.schema_parts import count as _n
from learning_survey.schema_parts import estimate as _estimate
from learning_survey.schema_parts import key as _key
from learning_survey.schema_parts import text as _text


def _fit_indices(suffix: str, about: str) -> dict[str, Column]:
    """CFI, TLI and RMSEA of a factor model."""
    columns = {
        "cfi": Column("fit", f"comparative fit index, {about}"),
        "tli": Column("fit", f"Tucker-Lewis index, {about}"),
        "rmsea": Column("fit", f"root mean square error of approximation, {about}"),
        "rmsea_low": Column("fit", "its lower 90% limit"),
        "rmsea_high": Column("fit", "its upper 90% limit"),
        "p_close": Column("p", "p value of its being .05 or less"),
    }
    return {name + suffix: column for name, column in columns.items()}


_RELIABILITY = {
    **_estimate("alpha", "alpha", "Cronbach's alpha, raw, from pairwise covariances"),
    "boot_ci_low": Column("alpha", "lower 95% limit of alpha by bootstrap-t of schools"),
    "boot_ci_high": Column("alpha", "upper 95% limit of alpha by bootstrap-t of schools"),
    "feldt_ci_low": Column("alpha", "lower 95% limit by Feldt, students as if independent"),
    "feldt_ci_high": Column("alpha", "upper 95% limit by Feldt, students as if independent"),
    "alpha_std": Column("alpha", "standardised alpha, from correlations"),
    **_estimate("alpha_ordinal", "alpha", "alpha of polychoric correlations"),
    "average_r": Column("loading", "mean correlation between items"),
    "lambda6": Column("alpha", "Guttman's lambda 6, from squared multiple correlations"),
    "split_half_max": Column("alpha", "greatest split-half reliability; empty above 16 items"),
    **_estimate("omega_total", "alpha", "McDonald's omega total"),
    **_estimate("omega_categorical", "alpha", "omega of the sum of ordinal answers (Green and Yang)"),
    **_estimate(
        "omega_hierarchical",
        "alpha",
        "share of the sum's variance from the general factor of all items (Schmid-Leiman)",
    ),
    "omega_specific": Column("alpha", "share of the sum's variance from the group factors beside the general one"),
    "ecv": Column("share", "explained common variance: the general factor's share of common variance"),
}

RELIABILITY: dict[str, Table] = {
    # ------------------------------------------------------------ reliability
    "reliability.alpha": Table(
        "One row per dimension, and one for all items ('all').",
        {
            "scale": _key("dimension, or 'all'"),
            "label": _text("scale as printed"),
            "n_items": Column("count", "items"),
            "n": _n("students with any answer to the scale"),
            **_RELIABILITY,
            "omega_h_oblimin": Column(
                "alpha", "omega hierarchical of 'all' as psych::omega has it; empty where its rotation does not end"
            ),
            "note": _text("why numbers are missing, and items that go against the rest of the scale"),
        },
    ),
    "reliability.groups": Table(
        "The same by key stage and gender: one row per grouping, group and scale.",
        {
            "grouping": _key("key_stages or gender"),
            "group": _key("level or category"),
            "group_label": _text("as printed"),
            "scale": _key("dimension, or 'all'"),
            "label": _text("scale as printed"),
            "n_items": Column("count", "items"),
            "n": _n("students of the group with any answer to the scale"),
            "n_schools": Column("count", "schools with students of the group"),
            **_RELIABILITY,
            "note": _text("why numbers are missing, and items that go against the rest of the scale"),
        },
    ),
    "reliability.equality": Table(
        "Whether groups have the same alpha: one row per grouping, scale and test.",
        {
            "grouping": _key("key_stages or gender"),
            "scale": _key("dimension, or 'all'"),
            "test": _key(
                "hakstian_whalen takes students as independent; clustered leaves out one school at a time (Wald)"
            ),
            "groups": Column("count", "groups compared"),
            "statistic": Column("statistic", "chi-square, or F for the clustered test"),
            "df1": Column("statistic", "degrees of freedom between groups"),
            "df2": Column("statistic", "degrees of freedom of the clustered test's denominator"),
            "p": Column("p", "p value"),
            "p_holm": Column("p", "p after Holm's correction over the scales"),
        },
    ),
    "reliability.schools": Table(
        "Reliability within and between schools, one row per dimension.",
        {
            "dimension": _key("dimension"),
            "n": _n("students with a school and a score"),
            "n_schools": Column("count", "schools"),
            "mean_size": Column("statistic", "students per school"),
            **_estimate("icc1", "loading", "share of variance between schools"),
            **_estimate("icc2", "reliability", "reliability of the mean of a school of average size"),
            **_estimate("alpha_within", "alpha", "alpha of differences between students of one school"),
            **_estimate("omega_within", "alpha", "omega of differences between students of one school"),
            **_estimate("alpha_between", "alpha", "alpha of differences between schools, free of sampling of students"),
            **_estimate("omega_between", "alpha", "omega of differences between schools, free of sampling of students"),
        },
    ),
    "reliability.error_by_band": Table(
        "Standard error of measurement of a dimension's score: one row per dimension and band, and one for 'all'.",
        {
            "dimension": _key("dimension"),
            "band": _key("band, or 'all'"),
            "band_label": _text("band as printed"),
            "n": _n("students with a score in the band who answered every item of the dimension"),
            "mean": Column("mean", "their mean score"),
            **_estimate("sem", "mean", "standard error of measurement of one student's score"),
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
}
MEASUREMENT: dict[str, Table] = {
    # ------------------------------------------------------------ polychoric
    "polychoric.correlations": Table(
        "Polychoric correlations of items, one row per pair. Items stand in the direction of their dimension.",
        {
            "item_a": _key("first item"),
            "item_b": _key("second item"),
            "n": _n("students who answered both"),
            **_estimate("r", "loading", "polychoric correlation"),
            "se": Column("statistic", "standard error of r, clustered by school; null where r is -1 or 1"),
            "se_independent": Column("statistic", "standard error of r as if students were independent"),
        },
    ),
    "polychoric.thresholds": Table(
        "Where items cut the normal variable behind them: one row per item and threshold between codes in use.",
        {
            "item": _key("item"),
            "position": Column("count", "position of the threshold, from 1", key=True, nullable=False),
            "code_below": Column("statistic", "highest code in use below it"),
            "code_above": Column("statistic", "lowest code in use above it"),
            "n": _n(),
            "threshold": Column("statistic", "normal quantile of the share of answers below it"),
            "se": Column("statistic", "standard error, clustered by school"),
            "se_independent": Column("statistic", "standard error as if students were independent"),
        },
    ),
    "polychoric.matrix": Table(
        "Whether the polychoric correlations, estimated pair by pair, fit together as one matrix.",
        {
            "matrix": _key("items"),
            "n_items": Column("count", "items"),
            "n": _n("students who answered both, in the pair with the fewest"),
            "positive_definite": Column("flag", "whether every eigenvalue is .000001 or more"),
            "smallest_eigenvalue": Column("statistic", "smallest eigenvalue"),
            "largest_change": Column(
                "loading", "largest change to a correlation in what is used instead; 0 where it fits"
            ),
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
            "matrix": _key("dimensions, items, or polychoric: of items, for parallel analysis only"),
            "k": Column("count", "number of factors", key=True, nullable=False),
            "eigenvalue_components": Column("statistic", "eigenvalue of the correlation matrix"),
            "parallel_components": Column("statistic", "the same in random data: the study's quantile"),
            "eigenvalue_factors": Column(
                "statistic", "eigenvalue of the reduced matrix (one minres factor's communalities)"
            ),
            "parallel_factors": Column("statistic", "the same in random data: the study's quantile"),
            "map": Column("statistic", "Velicer's average squared partial correlation after k components"),
            "empirical_kaiser": Column("statistic", "what the k-th eigenvalue must exceed by the empirical criterion"),
            "hull_fit": Column(
                "statistic", "common part accounted for by k factors; none beyond those that Hull tries"
            ),
            "hull_st": Column("statistic", "Hull's scree test, on the hull"),
        },
    ),
    "factors.suggested": Table(
        "What each method suggests.",
        {
            "matrix": _key("dimensions, items, or polychoric: of items, for parallel analysis only"),
            "method": _key("parallel_factors, parallel_components, map, hull, empirical_kaiser or kaiser"),
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
            "boot_ci_low": Column("loading", "lower 95% limit of pattern from the spread of 200 resamples of schools"),
            "boot_ci_high": Column("loading", "upper 95% limit of pattern from the spread of 200 resamples of schools"),
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
    "factors.optima": Table(
        "Optima of the rotation from many random starts: one row per solution, rotation and optimum, best first.",
        {
            "solution": _key("solution"),
            "rotation": _key("the study's rotation (promax's optima are varimax's), or bifactor"),
            "optimum": Column("count", "position of the optimum, 1 is best", key=True, nullable=False),
            "criterion": Column("statistic", "what the rotation makes least; a quarter of the sum of fourth powers"),
            "reached": Column("count", "starts that end there"),
            "starts": Column("count", "starts, the unrotated loadings among them"),
            "max_difference": Column("loading", "largest difference of its loadings from those of the best"),
        },
    ),
    "factors.alternatives": Table(
        "Other extractions and rotations beside the reported one: one row per solution and pair.",
        {
            "solution": _key("solution"),
            "extraction": _key("minres, ml or pa"),
            "rotation": _key("promax, oblimin, varimax or target (the published loadings, or each item's dimension)"),
            "tucker": Column("loading", "least congruence of a factor with the reported one"),
            "max_difference": Column("loading", "largest difference of loadings from the reported ones"),
            "rms_published": Column("loading", "root mean square difference from the published loadings"),
            "phi_largest": Column("loading", "largest correlation between factors, in size"),
            "heywood": Column("flag", "whether a uniqueness stands at its bound or below"),
        },
    ),
    "factors.general": Table(
        "A general factor beside group factors: one row per solution, method, variable and factor.",
        {
            "solution": _key("solution"),
            "method": _key("schmid_leiman (of the reported factors) or bifactor (one factor more)"),
            "variable": _key("dimension or item"),
            "factor": _key("general, or the group factor"),
            "factor_label": _text("factor as printed"),
            "loading": Column("loading", "loading; these factors are uncorrelated"),
        },
    ),
    "factors.hierarchy": Table(
        "What the general factor accounts for: one row per solution and method.",
        {
            "solution": _key("solution"),
            "method": _key("schmid_leiman or bifactor"),
            **_estimate("omega_hierarchical", "alpha", "share of the sum's variance that is the general factor's"),
            "omega_total": Column("alpha", "share of the sum's variance that is any factor's"),
            **_estimate(
                "explained_common_variance", "share", "share of the common variance that is the general factor's"
            ),
            "improper": Column("flag", "whether a second-order loading or a uniqueness stands at its bound"),
        },
    ),
    # ------------------------------------------------------------ published figures
    "published.rotations": Table(
        "How near a rotation can come to the printed loadings: one row per rotation.",
        {
            "rotation": _key("promax with its power, oblimin or varimax; kaiser: rows set to one length"),
            "kappa": Column("count", "promax's power"),
            "kaiser": Column("flag", "whether rows are set to one length"),
            "rms": Column("distance", "root mean square difference from the printed loadings, communalities free"),
            "max_difference": Column("distance", "largest difference, communalities free"),
            "excess": Column(
                "loading", "largest communality less the printed alpha of its dimension, communalities free"
            ),
            "rms_bounded": Column("distance", "the same with no communality above its printed alpha, as rounded"),
            "max_difference_bounded": Column("distance", "largest difference with no communality above its alpha"),
            "rounding": Column("distance", "root mean square difference that rounding the print alone leaves"),
            "rank": Column("count", "rank by rms_bounded, 1 is nearest"),
            "chosen": Column(
                "flag", "nearest of those that imply the printed alpha of all items; of all, if none does"
            ),
        },
    ),
    "published.phi": Table(
        "Factor correlations that go with the printed loadings: one row per rotation and pair.",
        {
            "rotation": _key("rotation"),
            "factor_a": _key("factor"),
            "factor_b": _key("factor"),
            "phi": Column("loading", "correlation, communalities free"),
            "phi_bounded": Column("loading", "correlation with no communality above its alpha"),
        },
    ),
    "published.communalities": Table(
        "Communalities that go with the printed loadings: one row per rotation and dimension.",
        {
            "rotation": _key("rotation"),
            "dimension": _key("dimension"),
            "alpha": Column("alpha", "printed alpha"),
            "communality": Column("loading", "communality, free"),
            "communality_bounded": Column("loading", "communality, none above its alpha"),
            "exceeds": Column("flag", "whether the free communality is above the alpha, as rounded"),
        },
    ),
    "published.feasible": Table(
        "Factor correlations with which the loadings as printed keep every communality below its alpha, by pair.",
        {
            "factor_a": _key("factor"),
            "factor_b": _key("factor"),
            "low": Column("loading", "smallest found"),
            "high": Column("loading", "largest found"),
            "share": Column("share", "share of all correlation matrices, equally likely, that do"),
        },
    ),
    "published.alpha": Table(
        "Alpha of all items that printed loadings and alphas imply: one row per rotation.",
        {
            "rotation": _key("rotation"),
            "printed": Column("alpha", "printed alpha of all items"),
            "alpha": Column("alpha", "implied, with no communality above its alpha"),
            "alpha_low": Column("alpha", "the same with every printed alpha half a unit lower"),
            "alpha_high": Column("alpha", "the same with every printed alpha half a unit higher"),
            "alpha_free": Column("alpha", "implied, communalities free"),
            "agrees": Column("flag", "whether the implied alpha rounds to the printed one"),
        },
    ),
    "published.percentages": Table(
        "Whether a printed percentage can be a share of so many: one row per percentage.",
        {
            "claim": _key("claim"),
            "statistic": _text("what is printed"),
            "printed": Column("points", "printed percentage"),
            "half_unit": Column("statistic", "how far rounding, or a figure given in words, may move it"),
            "n_low": Column("count", "of how many; the smallest number that the print allows"),
            "n_high": Column("count", "of how many; the largest number that the print allows"),
            "counts": Column("count", "whole numbers that give the percentage"),
            "possible": Column("flag", "whether any does"),
            "impossible_share": Column("share", "share of all percentages so printed that no whole number gives"),
        },
    ),
    "published.effects": Table(
        "Printed standardised differences between two schools: what they need. One row per dimension.",
        {
            "dimension": _key("dimension"),
            "d": Column("effect", "printed standardised difference"),
            "gap": Column("points", "printed gap in the share rated high, in percentage points"),
            "difference_least": Column(
                "effect", "smallest difference with that gap, in the spread inside the schools, if scores are normal"
            ),
            "standardiser_least": Column(
                "ratio", "smallest standardiser in units of that spread, rounding at its kindest"
            ),
            "icc_least": Column("share", "share of variance between schools that makes the total spread so large"),
            "icc_total": Column("share", "share of variance between schools whose extremes lie d total spreads apart"),
            "icc_within": Column("share", "the same, d in spreads inside schools"),
            "design_effect": Column("ratio", "design effect of a mean at icc_total"),
            "n_effective": Column("count", "independent students worth as much, at icc_total"),
        },
    ),
    # ------------------------------------------------------------ confirmatory
    "confirmatory.fit": Table(
        "How each factor model fits the items, one row per model and estimator.",
        {
            "model": _key("correlated, second_order, one_factor or bifactor"),
            "model_label": _text("model as printed"),
            "estimator": _key(
                "ml, mlr or mlr_clustered; fiml, fiml_robust or fiml_clustered; wlsmv or wlsmv_clustered"
            ),
            "estimator_label": _text("estimator as printed"),
            "n": _n("students: with full information all who answered anything, else those who answered every item"),
            "units": Column("count", "independent units: schools, or students"),
            "parameters": Column("count", "free parameters"),
            "chi_square": Column(
                "statistic", "chi-square against free moments; as if answers were normal, or of weighted least squares"
            ),
            "df": Column("statistic", "degrees of freedom"),
            "p": Column(
                "p", "p value of chi_square; none of weighted least squares, which is no chi-square before it is scaled"
            ),
            "scaling": Column("ratio", "scaling factor of the chi-square"),
            "chi_square_scaled": Column(
                "statistic", "chi_square / scaling; for wlsmv with a shift, which adjusts the mean"
            ),
            "p_scaled": Column("p", "p value of chi_square_scaled"),
            **_fit_indices("", "from chi_square"),
            **_fit_indices("_scaled", "from chi_square_scaled"),
            **_fit_indices("_robust", "of normal and complete answers, estimated"),
            "srmr": Column("fit", "root mean square of standardised residuals"),
            "aic": Column("statistic", "Akaike's criterion"),
            "bic": Column("statistic", "Bayesian criterion"),
            "converged": Column("flag", "whether the estimation ended at a minimum"),
            "identified": Column("flag", "whether the information matrix has full rank"),
            "admissible": Column("flag", "whether variances and covariances are possible without holding any at zero"),
            "condition": Column(
                "ratio", "smallest over largest eigenvalue of the information, parameters in standard units"
            ),
            "status": _text("proper, barely identified, improper, not identified, not converged or not estimated"),
            "few_units": Column(
                "flag",
                "no more units than parameters (errors hold one by one) or degrees of freedom (chi-squares run high)",
            ),
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
            "loading_wlsmv": Column("loading", "standardised loading on the normal variables behind ordinal answers"),
            "se_wlsmv": Column("loading", "its standard error, by school where there are schools"),
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
            "correlation_fiml": Column("loading", "with full information, from all students"),
            "se_fiml": Column("loading", "its standard error, without normality, by school where there are schools"),
            "correlation_wlsmv": Column("loading", "correlation with answers taken as ordinal"),
            "se_wlsmv": Column("loading", "its standard error, by school where there are schools"),
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
            "index_clustered": Column("statistic", "score test of the same without normality, by school"),
            "change": Column("statistic", "what its estimate would be"),
            "change_standardised": Column("loading", "that as standardised loading or residual correlation"),
        },
    ),
    # ------------------------------------------------------------ invariance
    "invariance.groups": Table(
        "Groups whose answers are compared: students with every item answered. One row per grouping and group.",
        {
            "grouping": _key("group (key stage) or gender"),
            "group": _key("group"),
            "label": _text("group as printed"),
            "n": _n("students with every item answered"),
            "used": Column("flag", "whether the group is compared"),
            "note": _text("why it is not"),
        },
    ),
    "invariance.fit": Table(
        "Fit of each level of invariance and its change from the level before. One row per grouping, kind and level.",
        {
            "grouping": _key("group (key stage) or gender"),
            "items_as": _key("continuous (maximum likelihood) or ordinal (WLSMV)"),
            "level": _key("configural, thresholds, metric, scalar, strict, or partial: scalar with some items free"),
            "parameters": Column("count", "free parameters"),
            "chi_square": Column("statistic", "chi-square"),
            "df": Column("count", "degrees of freedom"),
            "chi_square_scaled": Column("statistic", "chi-square corrected for schools; ordinal: in mean and variance"),
            "p": Column("p", "p of the corrected chi-square"),
            "cfi": Column("fit", "comparative fit index, of the plain chi-square; ordinal: of the adjusted one"),
            "tli": Column("fit", "Tucker-Lewis index"),
            "rmsea": Column("fit", "root mean square error of approximation"),
            "rmsea_low": Column("fit", "lower 90% limit of RMSEA"),
            "rmsea_high": Column("fit", "upper 90% limit of RMSEA"),
            "srmr": Column("fit", "standardised root mean square residual"),
            "aic": Column("statistic", "Akaike's information criterion"),
            "bic": Column("statistic", "Bayesian information criterion"),
            "delta_cfi": Column(
                "fit",
                "CFI less that of the level before; of 'partial', metric's with items free (ordinal: configural's)",
            ),
            "delta_rmsea": Column("fit", "RMSEA likewise"),
            "delta_srmr": Column("fit", "SRMR likewise"),
            "delta_cfi_null": Column("fit", "fall in CFI that chance exceeds once in twenty times if invariant"),
            "p_null": Column("p", "how often chance gives such a fall if invariant"),
            "difference_chi_square": Column("statistic", "chi-square of the change, corrected for schools"),
            "difference_df": Column("count", "its degrees of freedom"),
            "difference_p": Column("p", "its p"),
            "converged": Column("flag", "whether estimation converged"),
            "admissible": Column("flag", "whether no variance is negative"),
            "verdict": _text(
                "holds, in doubt or fails, by the study's cut-offs; of 'configural', by its fit, if tested"
            ),
        },
    ),
    "invariance.items": Table(
        "Items that work differently between groups. One row per grouping and item.",
        {
            "grouping": _key("group (key stage) or gender"),
            "item": _key("item"),
            "dimension": Column("id", "dimension"),
            "chi_square": Column(
                "statistic", "test that loading and intercept are the same in all groups, corrected for schools"
            ),
            "df": Column("count", "degrees of freedom"),
            "p": Column("p", "p"),
            "p_holm": Column("p", "p after Holm's correction over the items"),
            "dmacs": Column("effect", "largest dMACS of a group against the first one"),
            "largest_in": Column("id", "group of the largest dMACS"),
            "differs": Column("flag", "significant, and dMACS at least the study's cut-off; false where one is empty"),
            "freed": Column("flag", "whether the item is free in the level 'partial'"),
            "chi_square_ordinal": Column(
                "statistic", "test of loading, intercept and thresholds with answers as ordinal, by school"
            ),
            "df_ordinal": Column("count", "its degrees of freedom"),
            "p_holm_ordinal": Column("p", "its p after Holm's correction over the items"),
            "dmacs_ordinal": Column("effect", "largest dMACS with answers as ordinal"),
            "status_ordinal": _text("alike, differs, freed, or empty: no test, or none of the sizes that decide"),
        },
    ),
    "invariance.latent_means": Table(
        "Factor means against the first group's, in its standard deviations. One row per grouping, dimension, group.",
        {
            "grouping": _key("group (key stage) or gender"),
            "dimension": _key("dimension"),
            "group": _key("group"),
            "group_label": _text("group as printed"),
            "reference": Column("id", "first group"),
            "reference_label": _text("first group as printed"),
            **_estimate("latent", "effect", "difference of factor means, items free that work differently"),
            "observed": Column("effect", "difference of mean scores over the first group's standard deviation"),
            "items_freed": Column("count", "items of the dimension that are free"),
        },
    ),
    "invariance.verdicts": Table(
        "Whether groups may be compared. One row per grouping.",
        {
            "grouping": _key("group (key stage) or gender"),
            "label": _text("grouping as printed"),
            "n_groups": Column("count", "groups compared"),
            "n": _n("students with every item answered, in these groups"),
            "configural": _text(
                "holds, fails, or not tested (no degrees of freedom): whether the dimensions fit at all"
            ),
            "metric": _text("equal loadings: holds, in doubt or fails"),
            "scalar": _text("equal loadings and intercepts: holds, in doubt or fails"),
            "strict": _text("equal residual variances too: holds, in doubt or fails"),
            "partial": _text("scalar with some items free: holds, in doubt or fails; empty where none is"),
            "items_freed": Column("count", "items that work differently and are free"),
            "outcome": _text("holds, partial, in doubt, fails, model does not fit, or not testable"),
            "why": _text("the reason, as the end of a sentence"),
        },
    ),
}
