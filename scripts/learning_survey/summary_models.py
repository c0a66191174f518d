"""What prose says of the mixed models: how many dimensions differ by which method, how much wider intervals are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from learning_survey.values import NOTHING, plain

if TYPE_CHECKING:
    from learning_survey.summary import Summary

SIGNIFICANT = 0.05


def models(s: Summary) -> None:
    tests, coefficients = s.tables["models.tests"], s.tables["models.coefficients"]
    for test in ("group", "gender", "group_gender"):
        for method in ("naive", "robust", "mixed", "cr2", "bootstrap"):
            known = [
                r["p_holm"] for r in tests if (r["test"], r["method"]) == (test, method) and r["p_holm"] is not None
            ]
            for name, number in (("", sum(p < SIGNIFICANT for p in known)), ("_tested", len(known))):
                value = (
                    plain(number, file="models/tests.csv") if known else plain(None, NOTHING, file="models/tests.csv")
                )
                s.values[f"summary.models.{test}.{method}{name}"] = value
    for term in ("group", "gender"):
        se = {
            (r["dimension"], r["level"], r["method"]): r["se"]
            for r in coefficients
            if r["term"] == term and r["se"] is not None
        }
        ratios = [
            se[d, level, "robust"] / naive for (d, level, method), naive in se.items()
            if method == "naive" and (d, level, "robust") in se
        ]  # fmt: skip
        wider = float(np.mean(ratios)) if ratios else None
        text = NOTHING if wider is None else f"{wider:.1f}"
        s.values[f"summary.models.{term}.wider"] = plain(wider, text, file="models/coefficients.csv")
    for name in ("icc", "r2_marginal", "explained_between", "explained_within"):
        s.extremes(f"models.{name}", "models.variance", name)
    left_out = {r["left_out"] for r in s.tables["models.variance"] if r["left_out"]}
    s.say("models.left_out", "models.variance", "; ".join(sorted(left_out)) or "none")
    for term in ("group", "gender"):
        pairs = [r for r in s.tables["models.contrasts"] if r["grouping"] == term and r["d"] is not None]
        s.extremes(f"models.{term}.contrast", "models.contrasts", "d", ("smallest", "largest"), rows=pairs, by=abs)
        s.count(f"models.{term}.contrasts", "models.contrasts", len(pairs))
        different = sum(r["p_holm"] is not None and r["p_holm"] < SIGNIFICANT for r in pairs)
        s.count(f"models.{term}.contrasts_differ", "models.contrasts", different)
