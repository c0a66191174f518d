"""The tables of comparisons: key stages, gender, schools, inspection. See ``schemas``, which joins all tables."""

from __future__ import annotations

from learning_survey.schema_parts import Column, Table, Unit, count, estimate, key, text
from learning_survey.schemas_groups import GROUPS


def _gap(unit: Unit) -> dict[str, Column]:
    """Columns on the gap between the best and the worst of many schools."""
    return {
        "dimension": key("dimension, or 'all'"),
        "n_schools": Column("count", "schools"),
        "observed": Column(unit, "highest school minus lowest school, as seen"),
        "chance": Column(unit, "what chance alone gives: mean over draws of schools that do not differ"),
        "chance_least": Column(unit, "what 2.5% of those draws stay below"),
        "chance_most": Column(unit, "what 97.5% of those draws stay below"),
        "p": Column("p", "how often chance alone gives such a gap"),
        **estimate("corrected", unit, "shrunken means of the two schools, which allow for the choice of extremes"),
        **estimate("true_range", unit, "range of all schools' true means, whichever are then first and last"),
        "other_half": Column(unit, "gap in one half of the students of the schools that are extremes in the other"),
        "other_half_low": Column(unit, "lower 95% limit over random halves, which is no interval of an estimate"),
        "other_half_high": Column(unit, "its upper limit"),
        "same_pair": Column("share", "how often both halves have the same two extremes"),
    }


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
            "icc2": Column("reliability", "reliability of a school's mean"),
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
            "compare_low": Column(
                "mean",
                "lower end of the comparison interval: two that do not overlap differ, at 5% on average",
            ),
            "compare_high": Column("mean", "its upper end"),
            "rank_ci_low": Column("count", "lower 95% limit of the rank of the school's true mean, 1 is highest"),
            "rank_ci_high": Column("count", "its upper limit"),
            "top_tenth": Column("share", "probability that the school's true mean is among the highest tenth"),
            **estimate(
                "adjusted", "mean", "shrunken mean as if key stages and genders were mixed as in all schools together"
            ),
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
            **estimate("gap_shrunken", "points", "the same of shrunken shares, which allow for the choice of extremes"),
            **estimate("d_total", "effect", "mean difference over the standard deviation of all students"),
            **estimate(
                "d_pooled_within", "effect", "mean difference over the pooled standard deviation within the two schools"
            ),
            **estimate("d", "effect", "the one of the two that the study reports"),
            **estimate("d_shrunken", "effect", "difference of shrunken means over the deviation of all students"),
            "p": Column("p", "Welch's p"),
            "p_holm": Column("p", "p after Holm's correction over the dimensions"),
        },
    ),
    "schools.gaps": Table(
        "How far apart the best and the worst school of each dimension are, in standard deviations of all students.",
        _gap("effect"),
    ),
    "schools.gaps_high": Table(
        "The same for shares rated high, in percentage points.",
        _gap("points"),
    ),
    "schools.cultures": Table(
        "Strong learning cultures by every definition: one row per definition and measure.",
        {
            "definition": key("definition"),
            "measure": key("what is compared: share_high, or mean (whose ratio depends on where the scale begins)"),
            "text": text("the definition in words"),
            "n_schools": Column("count", "schools with a strong culture"),
            "n_rest": Column("count", "the other schools"),
            **estimate("share", "share", "share of schools with a strong culture"),
            "strong": Column("mean", "the measure in strong schools"),
            "rest": Column("mean", "the measure in the rest"),
            **estimate("ratio", "ratio", "strong over rest"),
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
    "inspection.frameworks": Table(
        "Under which framework schools were rated, and which ratings are compared. One row per framework.",
        {
            "framework": key("framework, or 'undated'"),
            "label": text("framework in words"),
            "start": text("its first day; empty for the earliest"),
            "overall": Column("flag", "whether a school got one grade for everything"),
            "n_schools": Column("count", "schools rated then"),
            "n_used": Column("count", "schools whose rating is compared"),
            "n_left_out": Column("count", "schools whose rating is not"),
            "n_after_survey": Column("count", "schools rated after the survey"),
            "median_years": Column(
                "statistic", "median years from the rating to the survey, of ratings compared; to .1"
            ),
        },
    ),
    "inspection.effects": Table(
        "The two compared ratings, higher minus lower, schools as units: one row per dimension and model.",
        {
            "dimension": key("dimension"),
            "model": key("unadjusted, phase, weighted (with phase, by precision) or mixed (with phase and intake)"),
            "n_higher": Column("count", "schools with the rating that is said to be higher"),
            "n_lower": Column("count", "schools with the other"),
            **estimate("difference", "mean", "difference of means"),
            **estimate("effect", "effect", "the same in standard deviations of school means inside the two ratings"),
            "df": Column("statistic", "degrees of freedom (Satterthwaite)"),
            "p": Column("p", "p value"),
            "p_holm": Column("p", "p after Holm's correction over the dimensions"),
        },
    ),
    "inspection.equivalence": Table(
        "Whether the two compared ratings are alike: one row per dimension and model.",
        {
            "dimension": key("dimension"),
            "model": key("unadjusted or phase"),
            "bound": Column("effect", "a difference smaller than this counts as none"),
            "d": Column("effect", "difference in standard deviations between schools, as left by the model"),
            "d_ci_low": Column("effect", "its lower 90% limit: within the bounds when the ratings are alike at 5%"),
            "d_ci_high": Column("effect", "its upper 90% limit"),
            "t": Column("statistic", "Student's t"),
            "df": Column("statistic", "degrees of freedom"),
            "p": Column("p", "p of no difference"),
            "p_equivalence": Column("p", "p of a difference as large as the bound or larger"),
            "verdict": text("alike, different, or open: neither could be shown"),
            "bf01_narrow": Column("ratio", "Bayes factor for no difference, Cauchy prior of scale .5"),
            "bf01_medium": Column("ratio", "the same with scale .707"),
            "bf01_wide": Column("ratio", "the same with scale 1"),
        },
    ),
    "inspection.power": Table(
        "How likely the schools at hand are to show a true difference of the two compared ratings.",
        {
            "d": Column("effect", "true difference in standard deviations between schools", key=True, nullable=False),
            "n_higher": Column("count", "schools with the one rating"),
            "n_lower": Column("count", "schools with the other"),
            "power": Column("share", "chance that a two-sided 5% t test finds it"),
        },
    ),
    "inspection.contrast": Table(
        "The two compared ratings on all dimensions at once, higher minus lower: one row per model.",
        {
            "model": key("unadjusted or phase"),
            "n_dimensions": Column("count", "dimensions"),
            "n_higher": Column("count", "schools with the one rating and a mean on every dimension"),
            "n_lower": Column("count", "schools with the other"),
            "hotelling": Column("statistic", "Hotelling's T²"),
            "f": Column("statistic", "its F"),
            "df1": Column("statistic", "numerator degrees of freedom"),
            "df2": Column("statistic", "denominator degrees of freedom"),
            "p": Column("p", "p of equal means on every dimension"),
            **estimate("contrast", "effect", "mean over dimensions of differences in standard deviations"),
            "p_contrast": Column("p", "p of its being 0"),
            "p_permutation": Column("p", "the same by dealing ratings anew"),
            "p_every": Column("p", "p of not every dimension being above zero: the largest one-sided p"),
            "n_above": Column("count", "dimensions above zero"),
            "chance_above": Column("share", "how often so many are above zero when ratings are dealt anew"),
            "chance_one_sign": Column("share", "how often all have one sign when ratings are dealt anew"),
            "mean_correlation": Column("loading", "mean correlation of dimensions between schools of one rating"),
            "deals": Column("count", "how often ratings were dealt anew"),
        },
    ),
}
