"""Which figures a study has, and the tables that each shows: what ``figures`` draws and the workflow waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learning_survey.multiverse_plan import CURVE, lacking, load_multiverse

if TYPE_CHECKING:
    from learning_survey.config import Loaded

SAMPLE = "clean.sample"  # says whether there are schools to compare, for every figure's words
# Figure, the stage that a study must have for it, and the tables that it shows; in the order of the report.
FIGURES: dict[str, tuple[str, tuple[str, ...]]] = {
    "flow": ("clean", ("clean.flow",)),
    "share_high": ("describe", ("describe.dimensions",)),
    "items": ("describe", ("describe.items", "describe.item_distribution")),
    "loadings": ("factors", ("factors.loadings",)),
    "key_stages": ("key_stages", ("key_stages.means",)),
    "key_stage_steps": ("key_stages", ("key_stages.steps",)),
    "gender": ("gender", ("gender.pairs",)),
    "schools": ("schools", ("schools.means",)),
    "extremes": ("schools", ("schools.extremes",)),
    "gaps": ("schools", ("schools.gaps", "schools.gaps_high")),
    "inspection": ("inspection", ("inspection.means",)),
}


def names(study: Loaded) -> list[str]:
    """The figures that apply to a study, in the order of the report."""
    left_out = set() if study.factors.dimension_factors else {"loadings"}
    stages = ("clean", *study.stages)
    found = [name for name, (stage, _) in FIGURES.items() if stage in stages and name not in left_out]
    if study.multiverse:
        found += [f"{CURVE}{claim.id}" for claim in load_multiverse(study).claims if not lacking(claim, study)]
    return found


def tables_of(name: str) -> tuple[str, ...]:
    """The tables that a figure shows."""
    return ("multiverse.claims", "multiverse.specifications") if name.startswith(CURVE) else FIGURES[name][1]
