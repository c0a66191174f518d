"""The scorecard as tables of a report: in sum, claims without agreement, and every claim by group."""

from __future__ import annotations

from itertools import pairwise

from learning_survey.markdown import Source, escaped, pipe
from learning_survey.values import (
    NOTHING,
    Row,
    claim_number,
    claim_text,
    refuted,
)

NBSP = "\N{NO-BREAK SPACE}"
GROUPS = {
    "sample": "Sample",
    "reliability": "Reliability",
    "loading": "Loadings",
    "factors": "Number of factors",
    "high": "Shares rated high",
    "key_stage": "Key stages",
    "items": "Highest and lowest items",
    "challenge": "Challenge",
    "gender": "Gender",
    "schools": "Schools",
    "inspection": "Inspection",
}


def scorecard_totals(s: Source) -> str | None:
    if not s.scorecard:
        return None
    yes, no = ("recovered", "not recovered") if s.study.synthetic else ("reproduced", "not reproduced")
    counted = {}
    for r in s.scorecard:
        counted.setdefault(r["claim_id"].split(".")[0], []).append(r["verdict"])
    rows = [
        [_group(g), str(len(v)), *(str(v.count(x)) for x in (yes, no, "not computable"))] for g, v in counted.items()
    ]
    every = [r["verdict"] for r in s.scorecard]
    rows.append(
        ["**All claims**", *(f"**{n}**" for n in [len(every), *(every.count(x) for x in (yes, no, "not computable"))])]
    )
    header = ["Claims about", "Claims", yes.capitalize(), no.capitalize(), "Not computable"]
    return pipe(header, "lrrrr", rows, "The scorecard in sum.", "scorecard-totals")


def scorecard_failures(s: Source) -> str | None:
    """The claims that the data contradict or cannot speak to, with the reason; None when there is none."""
    rows = [
        [
            _claim(s, r),
            _shown(s, r, "published"),
            _shown(s, r, "computed"),
            r["verdict"].capitalize(),
            escaped(r["reason"] or ""),
        ]
        for r in s.scorecard
        if refuted(r) or r["verdict"] == "not computable"
    ]
    header = ["Claim", "Published", "Computed", "Verdict", "Why"]
    return pipe(header, "lllll", rows, "Claims without agreement, and why.", "scorecard-failures") if rows else None


def scorecard(s: Source) -> str | None:
    """One table per group of claims."""
    groups: dict[str, list[Row]] = {}
    for r in s.scorecard:
        groups.setdefault(r["claim_id"].split(".")[0], []).append(r)
    made = []
    for group, members in groups.items():
        rows, said = [], ""
        for r, after in pairwise([*members, None]):
            if _named(s, r) and after and after["statistic"] == r["statistic"] != said:
                said = r["statistic"]
                rows.append([f"**{_sentence(said)}**", "", "", "", ""])
            limits = ""
            if r["ci_low"] is not None and r["ci_high"] is not None:
                limits = f" ({claim_number(r['ci_low'], r)}{NBSP}to{NBSP}{claim_number(r['ci_high'], r)})"
            tolerance = f"±{claim_number(r['tolerance'], r)}" if r["tolerance"] else "exact"
            if r["tolerance"] is None:
                tolerance = NOTHING
            rows.append(
                [
                    _claim(s, r),
                    _shown(s, r, "published"),
                    _shown(s, r, "computed") + limits,
                    tolerance,
                    _verdict(r["verdict"]),
                ]
            )
        caption = f"{_group(group)}: published claims and computed figures."
        header = ["Claim", "Published", "Computed (interval)", "Tolerance", "Verdict"]
        made.append(pipe(header, "lllll", rows, caption, f"scorecard-{group.replace('_', '-')}"))
    return "\n".join(made) or None


def _group(group: str) -> str:
    """What a group of claims is about: its name where it is one of Phase One's, else the first part of their ids."""
    return GROUPS.get(group) or _sentence(group.replace("_", " "))


def _claim(s: Source, row: Row) -> str:
    """A claim in words: what its id names (dimension, dimension on factor), else its statistic."""
    return _named(s, row) or _sentence(row["statistic"])


def _named(s: Source, row: Row) -> str:
    """The labels of the dimension and the factor that a claim's id names, or nothing."""
    i, parts = s.study.instrument, row["claim_id"].split(".")[1:]
    words, factors = {d.id: d.label for d in i.dimensions}, {f.id: f.label for f in i.factors}
    if not parts or (parts[0] not in words and parts[-1] not in words):
        return ""
    if len(parts) == 2 and parts[0] in words and parts[1] in factors:
        return escaped(f"{words[parts[0]]} on {factors[parts[1]]}")
    return escaped(words.get(parts[-1], words.get(parts[0], "")))


def _sentence(text: str) -> str:
    return escaped(text[:1].upper() + text[1:])


def _shown(s: Source, row: Row, column: str) -> str:
    return escaped(claim_text(row, column, {d.id: d.label for d in s.study.instrument.dimensions}))


def _verdict(verdict: str) -> str:
    return f"**{verdict}**" if verdict.startswith("not") else verdict
