"""The tables of what holds: the multiverse, families of tests, verdicts. See ``schemas``, which joins all tables."""

from __future__ import annotations

from learning_survey.schema_parts import Column, Table, estimate, key, text

VERDICTS = {
    "multiverse.specifications": Table(
        "Every headline claim under every specification, each by the part of the claim that is weakest under it.",
        {
            "claim": key("headline claim"),
            "specification": Column("count", "number of the specification, 1 is the study's own", True, False),
            "configured": Column("flag", "whether it is the study's own"),
            "cleaning": Column("id", "configured or unflagged; a choice that does not matter to the claim is empty"),
            "scoring": Column("id", "answers that a score needs: configured, any or all"),
            "high": Column("id", "rule for high: configured, band_lower, band_higher or above_middle"),
            "standardiser": Column("id", "total, within or between schools"),
            "adjustment": Column("id", "none, schools (each weighs the same), composition or model"),
            "culture": Column("id", "a strong culture: threshold or top_tenth"),
            "decided_by": text("the weakest part: a dimension, or a dimension and two groups"),
            **estimate("estimate", "statistic", "estimate of that part, in the claim's unit"),
            "parts": Column("count", "parts of the claim"),
            "parts_holding": Column("count", "parts that bear it out"),
            "holds": Column("flag", "whether all do"),
            "computed": Column("flag", "whether it could be computed; where not it does not hold"),
        },
    ),
    "multiverse.claims": Table(
        "What the specifications of each headline claim come to.",
        {
            "claim": key("headline claim"),
            "label": text("claim in words"),
            "unit": Column("id", "share, sd (standard deviations), score (points of the scale), ratio or correlation"),
            "rule": text("when it holds"),
            "n_specifications": Column("count", "specifications"),
            "n_computed": Column("count", "of these, could be computed"),
            "n_holds": Column("count", "of these, bear the claim out"),
            "share_holds": Column("share", "share of those computed that bear it out"),
            **estimate("estimate", "statistic", "estimate of the study's own specification"),
            "configured_holds": Column("flag", "whether that one bears it out"),
            "least": Column("statistic", "least estimate"),
            "median": Column("statistic", "median estimate"),
            "greatest": Column("statistic", "greatest estimate"),
            "matters_most": Column("id", "the choice that most of the variance of estimates goes with"),
            "explained": Column("share", "the share that does"),
            "note": text("why there is no specification"),
        },
    ),
    "verdicts.findings": Table(
        "The verdict on each key finding of the published report.",
        {
            "finding": key("key finding"),
            "number": Column("count", "its number in the report"),
            "title": text("finding in words"),
            "verdict": Column("id", "supported, caveat, not_supported or untested"),
            "label": text("verdict as printed"),
            "why": text("why, in a sentence"),
            "outcome": Column("count", "which outcome of its rule was met, from 1"),
        },
    ),
    "verdicts.values": Table(
        "What the verdicts rest on, one row per finding and value that its rule names.",
        {
            "finding": key("key finding"),
            "value": key("name in the rule"),
            "text": text("as a sentence shows it"),
            "number": Column("statistic", "the value, where it is a number"),
            "number_ci_low": Column("statistic", "lower limit, where the table has one"),
            "number_ci_high": Column("statistic", "upper limit"),
            "total": Column("count", "of a count, how many rows or claims there are"),
            "source": text("table and rows that it comes from"),
            "lacking": text("why there is none"),
        },
    ),
    "verdicts.families": Table(
        "p values of all families of tests, corrected inside each family and across all.",
        {
            "family": key("family of tests"),
            "test": key("test: the key of its row in the table"),
            "label": text("family in words"),
            "source": Column("id", "table that the p value comes from"),
            "p": Column("p", "p value"),
            "p_holm": Column("p", "p after Holm's correction inside the family"),
            "p_bh": Column("p", "p after Benjamini and Hochberg's correction across all families"),
        },
    ),
}
