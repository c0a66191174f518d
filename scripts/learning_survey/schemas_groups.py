"""The tables of key stages and gender, which are compared alike. See ``schemas``, which joins all tables."""

from __future__ import annotations

from learning_survey.schema_parts import Column, Table, count, estimate, key, text

_GROUP_MEANS = {
    "dimension": key("dimension"),
    "group": key("group"),
    "group_label": text("group as printed"),
    "group_order": Column("count", "position of the group, from 1"),
    "n": count(),
    "n_schools": Column("count", "schools with a student in the group"),
    **estimate("mean", "mean", "mean score"),
    "sd": Column("mean", "standard deviation of scores"),
    **estimate("share_high", "share", "share of students rated high"),
    "includes": text("small or empty groups that are counted in this one"),
    "merged_with": text("the group that this one, being small or empty, is counted in"),
}
_GROUP_TESTS = {
    "dimension": key("dimension"),
    "test": key("welch_anova, clustered_wald, trend_naive or trend_clustered"),
    "statistic": Column("statistic", "F; for a trend, t"),
    "df1": Column("statistic", "numerator degrees of freedom"),
    "df2": Column("statistic", "denominator degrees of freedom"),
    "p": Column("p", "p value"),
    "p_holm": Column("p", "p after Holm's correction over the dimensions"),
    **estimate("slope", "effect", "change per group step in total standard deviations (trends only)"),
}
_GROUP_PAIRS = {
    "dimension": key("dimension"),
    "group_a": key("first group"),
    "group_b": key("second group"),
    "adjacent": Column("flag", "whether the groups are neighbours in order"),
    "n_a": count("students in the first group"),
    "n_b": count("students in the second group"),
    "difference": Column("mean", "mean of the first group minus mean of the second"),
    **estimate("hedges_g", "effect", "Hedges g, pooled standard deviation of the two groups"),
    "naive_ci_low": Column("effect", "lower 95% limit of g as if students were independent"),
    "naive_ci_high": Column("effect", "upper 95% limit of g as if students were independent"),
    "p_games_howell": Column("p", "Games-Howell p, students as if independent"),
    "p_clustered": Column("p", "p of the difference, clustered by school"),
    "p_holm": Column("p", "clustered p after Holm's correction over dimensions and pairs"),
}

_GROUP_EFFECTS = {
    "dimension": key("dimension"),
    "group_a": key("first group"),
    "group_b": key("second group"),
    "n_a": count("students in the first group"),
    "n_b": count("students in the second group"),
    "schools_both": Column("count", "schools with students of both groups"),
    **estimate("g_total", "effect", "Hedges g over the standard deviation of students at large"),
    **estimate("g_within", "effect", "Hedges g over the standard deviation of students within schools"),
    **estimate("g_between", "effect", "Hedges g over the standard deviation of schools"),
    "sd_total": Column("mean", "standard deviation of students at large, inside the groups"),
    "sd_within": Column("mean", "standard deviation of students within schools, inside the groups"),
    "sd_between": Column("mean", "standard deviation of schools, inside the groups"),
    **estimate("p_superiority", "share", "chance that a student of the first group scores higher, ties half"),
    **estimate("share_difference", "points", "share rated high, first minus second, in percentage points"),
    **estimate("cliffs_delta", "effect", "Cliff's delta: chance of scoring higher minus chance of scoring lower"),
    "g_ranks": Column("effect", "g that normal groups of one spread would have with this chance"),
    "ordinal_check": Column("id", "agrees or differs: whether g_ranks has the direction and rough size of g_total"),
}

_ORDER = {
    "dimension": key("dimension"),
    "direction": key("falls or rises: the order of the groups' means that is tested"),
    "n_groups": Column("count", "groups compared"),
    "statistic_equal": Column("statistic", "distance from equal means, along the order"),
    "p_equal": Column("p", "p of equal means against the order, clustered"),
    "statistic_order": Column("statistic", "distance from the nearest means in order"),
    "p_order": Column("p", "p of the order against any other means, clustered"),
    "df2": Column("statistic", "degrees of freedom: schools minus one"),
    "p_equal_holm": Column("p", "p_equal after Holm's correction over the dimensions"),
    "p_order_holm": Column("p", "p_order after Holm's correction over the dimensions"),
}
_ISOTONIC = {
    "dimension": key("dimension"),
    "group": key("group"),
    "direction": Column("id", "falls or rises: the order, by the linear trend"),
    "mean": Column("mean", "mean score"),
    **estimate("isotonic", "mean", "mean that keeps the order: neighbours that break it are pooled"),
    "pooled": Column("flag", "whether the mean was pooled with a neighbour's"),
}
_STEPS = {
    "dimension": key("dimension, or 'all': the mean over dimensions"),
    "group_a": key("earlier group"),
    "group_b": key("later group"),
    **estimate("step", "effect", "later minus earlier mean, in standard deviations of all students compared"),
    "largest": Column("share", "share of school resamples in which this step is the largest in size"),
}

_RANGE = {
    "side": key("smallest or largest"),
    "dimension": Column("id", "its dimension"),
    "group_a": Column("id", "its first group"),
    "group_b": Column("id", "its second group"),
    "comparisons": Column("count", "dimensions and pairs of groups that were compared"),
    "hedges_g": Column("effect", "Hedges g, pooled standard deviation of the two groups"),
    "hedges_g_ci_low": Column("effect", "its lower limit, simultaneous with all comparisons"),
    "hedges_g_ci_high": Column("effect", "its upper limit, simultaneous with all comparisons"),
    "size": Column("effect", "g without its sign"),
    "corrected": Column("effect", "size without what being picked as the smallest or largest adds to it"),
    "bound": Column("effect", "least lower limit of any size (smallest), or greatest upper limit (largest)"),
    "critical": Column("statistic", "critical value of the simultaneous limits, in standard errors"),
    "picked": Column("share", "share of school resamples in which this comparison is the smallest or largest"),
}

GROUPS: dict[str, Table] = {
    "key_stages.means": Table("One row per dimension and key stage (or the study's ordered group).", _GROUP_MEANS),
    "key_stages.tests": Table("One row per dimension and test.", _GROUP_TESTS),
    "key_stages.pairs": Table("One row per dimension and pair of groups.", _GROUP_PAIRS),
    "key_stages.effects": Table("How large differences are: one row per dimension and pair of groups.", _GROUP_EFFECTS),
    "key_stages.order": Table("Whether means fall, or rise, all along: one row per dimension and direction.", _ORDER),
    "key_stages.isotonic": Table(
        "Means that keep the order of their trend: one row per dimension and group.", _ISOTONIC
    ),
    "key_stages.steps": Table("One row per dimension and step between neighbouring groups.", _STEPS),
    "gender.means": Table("One row per dimension and gender.", _GROUP_MEANS),
    "gender.tests": Table("One row per dimension and test.", _GROUP_TESTS),
    "gender.pairs": Table("One row per dimension and pair of groups.", _GROUP_PAIRS),
    "gender.effects": Table("How large differences are: one row per dimension and pair of groups.", _GROUP_EFFECTS),
    "gender.range": Table("The smallest and the largest difference over dimensions and pairs of groups.", _RANGE),
}
