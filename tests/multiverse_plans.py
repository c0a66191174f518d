"""Headline claims of every kind for a generated survey, and the stage that computes them.

claims = every_kind()                          # of a survey with dimensions d1, d2, …, key stages, genders and ratings
write_plan(survey, claims)                     # config/multiverse/<survey>.yaml, named by the survey's study
found = compute(survey)                        # {"specifications": DataFrame, "claims": DataFrame} as rows by claim
"""

from __future__ import annotations

from typing import Any

import polars as pl
import yaml
from surveys import Survey

from learning_survey import multiverse
from learning_survey.cells import Cells

KINDS: dict[str, dict[str, Any]] = {
    "shares": {"dimensions": ["d1", "d2"], "holds": {"above": 0.2, "below": 0.6}},
    "lowest_share": {"dimension": "d2", "holds": {"above": 0}},
    "trends": {"holds": {"below": 0, "surely": True}},
    "largest_step": {"step": ["KS2", "KS3"], "holds": {"above": 0}},
    "group_order": {"groups": ["boys", "girls", "other"], "holds": {"above": 0}},
    "group_effects": {"holds": {"above": 0.05, "below": 0.35}},
    "school_gap": {"holds": {"above": 0.2}},
    "school_effect": {"holds": {"above": 0.8}},
    "school_chance": {"holds": {"above": 1}},
    "culture": {"holds": {"above": 1.75, "below": 2.25}},
    "rating_pair": {"holds": {"above": 0}},
    "rating_correlation": {"holds": {"includes": 0}},
}


def every_kind(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """One claim of each kind, with the kind as its id; ``changes`` replaces keys of some."""
    return [
        {"id": kind, "label": f"Claim {kind}", "kind": kind} | keys | changes.get(kind, {})
        for kind, keys in KINDS.items()
    ]


def write_plan(survey: Survey, claims: list[dict[str, Any]]) -> None:
    path = survey.root / "config" / "multiverse" / f"{survey.name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"claims": claims}, sort_keys=False), encoding="utf-8")
    survey.change(multiverse=survey.name)


def compute(survey: Survey) -> dict[str, pl.DataFrame]:
    study = survey.load()
    return multiverse.tables(study, Cells.read(survey.processed, study), survey.processed)
