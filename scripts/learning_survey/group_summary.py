"""What prose points at in the comparisons of groups; see ``summary``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from learning_survey.config import ALL
from learning_survey.values import NOTHING, Row, joined

if TYPE_CHECKING:
    from learning_survey.summary import Summary

SIGNIFICANT = 0.05


def key_stages(s: Summary) -> None:
    levels = list(s.groups)[: len(s.study.key_stages.levels)] if s.study.key_stages else []
    if not levels:
        return
    first, last = levels[0], levels[-1]
    s.say("key_stages.first", "key_stages.means", s.groups[first])
    s.say("key_stages.last", "key_stages.means", s.groups[last])
    trends = [r for r in s.tables["key_stages.tests"] if r["test"] == "trend_clustered" and r["slope"] is not None]
    s.tested("key_stages.total", "key_stages.tests", len(trends))
    s.count("key_stages.falls", "key_stages.tests", sum((r["slope_ci_high"] or 0) < 0 for r in trends))
    s.count("key_stages.rises", "key_stages.tests", sum((r["slope_ci_low"] or 0) > 0 for r in trends))
    unclear = sum((r["slope_ci_low"] or 0) <= 0 <= (r["slope_ci_high"] or 0) for r in trends)
    s.count("key_stages.unclear", "key_stages.tests", unclear)
    s.extremes("key_stages.trend", "key_stages.tests", "slope", rows=trends)
    pairs = [r for r in s.tables["key_stages.pairs"] if r["hedges_g"] is not None]
    whole = [r for r in pairs if {r["group_a"], r["group_b"]} == {first, last}]
    s.extremes("key_stages.whole", "key_stages.pairs", "hedges_g", ("smallest", "largest"), rows=whole, by=abs)
    top = max(whole, key=lambda r: abs(r["hedges_g"]), default=None)
    s.row("key_stages.whole.effects", "key_stages.effects", same(s, "key_stages.effects", top))
    steps = [r for r in pairs if r["adjacent"]]
    s.extremes("key_stages.step", "key_stages.pairs", "hedges_g", ("smallest", "largest"), rows=steps, by=abs)
    most = Counter()
    for dimension in {r["dimension"] for r in steps}:
        step = max((r for r in steps if r["dimension"] == dimension), key=lambda r: abs(r["hedges_g"]))
        most[(step["group_a"], step["group_b"])] += 1
    (a, b), number = max(most.items(), key=lambda kv: (kv[1], kv[0]), default=((NOTHING, NOTHING), 0))
    s.say("key_stages.common_step.from", "key_stages.pairs", s.groups.get(a, a))
    s.say("key_stages.common_step.to", "key_stages.pairs", s.groups.get(b, b))
    s.count("key_stages.common_step.dimensions", "key_stages.pairs", number)
    _order(s)
    ordinal(s, "key_stages")
    small_groups(s, "key_stages")


def _order(s: Summary) -> None:
    """The step that is the largest of the mean over dimensions, and on how many dimensions the order holds.

    It holds where equal means are rejected and p of the order, uncorrected, is not small: correction would make it
    easier to find nothing against it. It is contradicted where the corrected p is small.
    """
    steps = [r for r in s.tables["key_stages.steps"] if r["dimension"] == ALL and r["step"] is not None]
    s.row("key_stages.mean_step", "key_stages.steps", max(steps, key=lambda r: abs(r["step"]), default=None))
    table = "key_stages.order"
    tested = [r for r in s.tables[table] if r["p_equal_holm"] is not None]
    for direction in ("falls", "rises"):
        own = [r for r in tested if r["direction"] == direction]
        holds = [r for r in own if r["p_equal_holm"] < SIGNIFICANT <= r["p_order"]]
        s.count(f"key_stages.order.{direction}", table, len(holds))
        contradicted = sum(r["p_order_holm"] < SIGNIFICANT for r in own)
        s.count(f"key_stages.order.not_{direction}", table, contradicted)
    s.tested("key_stages.order.tested", table, len({r["dimension"] for r in tested}))
    pooled = {r["dimension"] for r in s.tables["key_stages.isotonic"] if r["pooled"]}
    s.count("key_stages.order.pooled", "key_stages.isotonic", len(pooled))


def gender(s: Summary) -> None:
    pairs = [r for r in s.tables["gender.pairs"] if r["hedges_g"] is not None]
    s.extremes("gender.effect", "gender.pairs", "hedges_g", ("smallest", "largest"), rows=pairs, by=abs)
    s.count("gender.pairs", "gender.pairs", len(pairs))
    s.count(
        "gender.different", "gender.pairs", sum(r["p_holm"] is not None and r["p_holm"] < SIGNIFICANT for r in pairs)
    )
    for side in ("smallest", "largest"):
        row = next((r for r in s.tables["gender.range"] if r["side"] == side and r["hedges_g"] is not None), None)
        s.row(f"gender.range.{side}", "gender.range", row)
    top = max(pairs, key=lambda r: abs(r["hedges_g"]), default=None)
    s.row("gender.effect.largest.effects", "gender.effects", same(s, "gender.effects", top))
    ordinal(s, "gender")
    small_groups(s, "gender")


def same(s: Summary, table: str, row: Row | None) -> Row | None:
    """The row of ``table`` of the same dimension and groups."""
    names = ("dimension", "group_a", "group_b")
    return row and next((r for r in s.tables[table] if all(r[n] == row[n] for n in names)), None)


def ordinal(s: Summary, stage: str) -> None:
    """In how many comparisons ranks tell what means tell."""
    table = f"{stage}.effects"
    checked = [r["ordinal_check"] for r in s.tables[table] if r["ordinal_check"]]
    s.count(f"{stage}.ordinal.checked", table, len(checked))
    s.count(f"{stage}.ordinal.agrees", table, checked.count("agrees"))


def small_groups(s: Summary, stage: str) -> None:
    """A sentence on the groups that were too small to show, and what was done about them."""
    table = f"{stage}.means"
    rows = s.tables[table]
    labels = dict.fromkeys(r["group_label"] for r in rows)
    merged = {r["group_label"]: r["merged_with"] for r in rows if r["merged_with"]}
    withheld = [g for g in labels if g not in merged and any(r["n"] is None for r in rows if r["group_label"] == g)]
    least = s.study.min_group
    said = []
    if merged:
        into = joined(f"\u201c{g}\u201d with \u201c{other}\u201d" for g, other in merged.items())
        said.append(f"Groups of fewer than {least} are counted with another: {into}.")
    if withheld:
        names = joined(f"\u201c{g}\u201d" for g in withheld)
        said.append(
            f"Withheld where there are fewer than {least} of them: {names}. So that totals do not tell of so few, up to"
            f" {least} others, drawn at random from the largest group, may be left out of the comparison with them."
        )
    s.count(f"{stage}.merged", table, len(merged))
    s.count(f"{stage}.withheld", table, len(withheld))
    s.say(f"{stage}.small", table, " ".join(said) or "No group is too small to show.")
