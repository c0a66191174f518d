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
    "rounded_to": Column(
        "mean", "unit to which means are rounded so that a withheld group is not a difference; empty: not rounded"
    ),
    "includes": text("small groups that are counted in this one"),
    "merged_with": text("the group that this one, being small, is counted in"),
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

GROUPS: dict[str, Table] = {
    "key_stages.means": Table("One row per dimension and key stage (or the study's ordered group).", _GROUP_MEANS),
    "key_stages.tests": Table("One row per dimension and test.", _GROUP_TESTS),
    "key_stages.pairs": Table("One row per dimension and pair of groups.", _GROUP_PAIRS),
    "gender.means": Table("One row per dimension and gender.", _GROUP_MEANS),
    "gender.tests": Table("One row per dimension and test.", _GROUP_TESTS),
    "gender.pairs": Table("One row per dimension and pair of groups.", _GROUP_PAIRS),
}
