"""What prose says of schools and of ratings of schools; see ``summary``."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from learning_survey.config import ALL
from learning_survey.values import NOTHING, Tables, plain, text_of

if TYPE_CHECKING:
    from learning_survey.summary import Summary

SIGNIFICANT, SURE = 0.05, 0.95


def schools(s: Summary) -> None:
    s.extremes("schools.icc", "schools.variance", "icc1")
    s.extremes("schools.design_effect", "schools.variance", "design_effect")
    s.extremes("schools.effective_n", "schools.variance", "effective_n")
    s.extremes("schools.gap", "schools.extremes", "gap", ("smallest", "largest"))
    s.extremes("schools.effect", "schools.extremes", "d", ("smallest", "largest"))
    s.extremes("schools.effect_total", "schools.extremes", "d_total", ("smallest", "largest"))
    s.extremes("schools.effect_within", "schools.extremes", "d_pooled_within", ("smallest", "largest"))
    known = [r for r in s.tables["schools.extremes"] if r["p_holm"] is not None]
    s.row("schools.pair", "schools.extremes", next(iter(known), None))
    s.count("schools.different", "schools.extremes", sum(below(r["p_holm"]) for r in known))
    s.count("schools.compared", "schools.extremes", len(known))
    s.row("schools.strong", "schools.strong_culture", next(iter(s.tables["schools.strong_culture"]), None))
    _gaps(s)
    _ranks(s)
    _cultures(s)


def _gaps(s: Summary) -> None:
    """What chance makes of extremes: of standardised gaps that of 'all' as well, of shares only the dimensions'."""
    for name, table in (("gaps", "schools.gaps"), ("gaps_high", "schools.gaps_high")):
        known = [r for r in s.tables[table] if r["observed"] is not None]
        own = [r for r in known if r["dimension"] != ALL]
        s.row(f"schools.{name}.all", table, next((r for r in known if r["dimension"] == ALL), None))
        for column in ("observed", "chance_most", "corrected", "true_range", "other_half", "same_pair"):
            s.extremes(f"schools.{name}.{column}", table, column, ("smallest", "largest"), rows=own)
        s.count(f"schools.{name}.compared", table, len(own))
        s.count(f"schools.{name}.beyond_chance", table, sum(below(r["p"]) for r in own))
    s.extremes("schools.shrunken", "schools.extremes", "d_shrunken", ("smallest", "largest"))
    s.extremes("schools.shrunken_gap", "schools.extremes", "gap_shrunken", ("smallest", "largest"))


def _ranks(s: Summary) -> None:
    """Schools by the mean of all dimensions: how sure their ranks are, and what adjustment changes."""
    table = "schools.means"
    ranked = [r for r in s.tables[table] if r["dimension"] == ALL and r["rank"] is not None]
    s.count("schools.ranked", table, len(ranked))
    sure = [r["top_tenth"] for r in ranked if r["top_tenth"] is not None]
    s.count("schools.top_tenth.size", table, round(sum(sure)))
    s.count("schools.top_tenth.sure", table, sum(p >= SURE for p in sure))
    s.count("schools.top_tenth.possible", table, sum(1 - SURE < p < SURE for p in sure))
    width = [r["rank_ci_high"] - r["rank_ci_low"] + 1 for r in ranked if r["rank_ci_low"] is not None]
    middle = median(width) if width else None
    s.values["summary.schools.rank_width"] = plain(
        middle, NOTHING if middle is None else f"{middle:,.0f}", file="schools/means.csv"
    )
    moved = [None if r["adjusted"] is None or r["shrunken"] is None else r["adjusted"] - r["shrunken"] for r in ranked]
    s.most("schools.adjusted_change", table, moved)


def _cultures(s: Summary) -> None:
    table = "schools.cultures"
    rows = [r for r in s.tables[table] if r["measure"] == "share_high"]
    s.count("schools.cultures.definitions", table, len(rows))
    s.extremes("schools.cultures.ratio", table, "ratio", rows=rows)
    s.extremes("schools.cultures.share", table, "share", rows=rows)
    means = [r for r in s.tables[table] if r["measure"] == "mean"]
    s.extremes("schools.cultures.ratio_of_means", table, "ratio", rows=means)
    s.count("schools.cultures.without_ratio", table, sum(r["ratio"] is None for r in rows))


def inspection(s: Summary) -> None:
    welch = [r for r in s.tables["inspection.tests"] if r["test"] == "welch_anova" and r["p_holm"] is not None]
    s.tested("inspection.tests", "inspection.tests", len(welch))
    s.count("inspection.different", "inspection.tests", sum(below(r["p_holm"]) for r in welch))
    s.count("inspection.uncorrected", "inspection.tests", sum(below(r["p"]) for r in welch))
    s.extremes("inspection.p", "inspection.tests", "p", rows=welch)
    s.extremes("inspection.detectable", "inspection.tests", "detectable", rows=welch)
    s.extremes("inspection.eta_squared", "inspection.tests", "eta_squared", rows=welch)
    for position in ("highest", "lowest"):
        found = [r for r in s.tables["inspection.extremes"] if r["position"] == position]
        s.row(f"inspection.{position}", "inspection.extremes", next(iter(found), None))
    plan = s.study.inspection
    if plan and plan.higher and plan.lower:
        signed = [
            r["hedges_g"] * (1 if r["rating_a"] == plan.higher else -1)
            for r in s.tables["inspection.pairs"]
            if {r["rating_a"], r["rating_b"]} == {plan.higher, plan.lower} and r["hedges_g"] is not None
        ]
        s.count("inspection.compared", "inspection.pairs", len(signed))
        s.count("inspection.higher", "inspection.pairs", sum(g > 0 for g in signed))
        for name, pick in (("smallest", min), ("largest", max)):
            g = pick(signed, default=None)
            file = "inspection/pairs.csv"
            s.values[f"summary.inspection.gap_{name}"] = plain(g, text_of(g, "effect"), file=file)
    _adjusted(s)
    _frameworks(s)


def _adjusted(s: Summary) -> None:
    """The two compared ratings: differences, equivalence, power, and all dimensions at once."""
    effects, same = s.tables["inspection.effects"], s.tables["inspection.equivalence"]
    for model in ("unadjusted", "phase", "mixed"):
        rows = [r for r in effects if r["model"] == model and r["effect"] is not None]
        s.extremes(f"inspection.{model}", "inspection.effects", "effect", rows=rows)
        s.count(f"inspection.{model}.tested", "inspection.effects", len(rows))
        s.count(f"inspection.{model}.different", "inspection.effects", sum(below(r["p_holm"]) for r in rows))
        s.count(f"inspection.{model}.above", "inspection.effects", sum(r["effect"] > 0 for r in rows))
    rows = [r for r in same if r["model"] == "phase" and r["verdict"]]
    for verdict in ("alike", "different", "open"):
        s.count(f"inspection.verdict.{verdict}", "inspection.equivalence", sum(r["verdict"] == verdict for r in rows))
    s.count("inspection.verdict.tested", "inspection.equivalence", len(rows))
    s.extremes("inspection.bayes", "inspection.equivalence", "bf01_medium", rows=rows)
    s.row("inspection.bound", "inspection.equivalence", next(iter(rows), None))
    for name, d in (("small", 0.3), ("medium", 0.5)):
        found = next((r for r in s.tables["inspection.power"] if abs(r["d"] - d) < 1e-9), None)
        s.row(f"inspection.power.{name}", "inspection.power", found)
    for model in ("unadjusted", "phase"):
        found = next((r for r in s.tables["inspection.contrast"] if r["model"] == model), None)
        s.row(f"inspection.contrast.{model}", "inspection.contrast", found)


def _frameworks(s: Summary) -> None:
    """Which ratings are compared, and how old they were."""
    table = "inspection.frameworks"
    rows = s.tables[table]
    for column in ("n_used", "n_left_out", "n_after_survey"):
        s.count(f"inspection.frameworks.{column}", table, sum(r[column] or 0 for r in rows))
    dated = [r for r in rows if r["median_years"] is not None]
    s.row("inspection.frameworks.most", table, max(dated, key=lambda r: r["n_used"], default=None))


def below(p: float | None) -> bool:
    return p is not None and p < SIGNIFICANT


def facts(tables: Tables) -> dict[str, bool]:
    """What prose on schools and ratings depends on, as ``facts.<name>`` of the report's conditions."""
    gaps = [r for name in ("schools.gaps", "schools.gaps_high") for r in tables[name] if r["p"] is not None]
    rated, verdicts = tables["inspection.frameworks"], {r["verdict"] for r in tables["inspection.equivalence"]}
    contrast = next((r for r in tables["inspection.contrast"] if r["model"] == "unadjusted"), {})
    above, of = contrast.get("n_above"), contrast.get("n_dimensions")
    return {
        # How often chance would put the one rating above as often says something only where it is above on most.
        "higher-above": above is not None and of is not None and 2 * above > of,
        "gaps-beyond-chance": bool(gaps) and all(below(r["p"]) for r in gaps),
        "gaps-within-chance": any(not below(r["p"]) for r in gaps),
        "ratings-dated": any(r["median_years"] is not None for r in rated),
        "ratings-left-out": any(r["n_left_out"] for r in rated),
        "ratings-after-survey": any(r["n_after_survey"] for r in rated),
        "ratings-alike": "alike" in verdicts,
        "ratings-open": "open" in verdicts,
    }
