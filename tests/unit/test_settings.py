"""Each rule lists the settings that its step reads, so that a change in any of them runs the step again."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT

from learning_survey.code import modules_of
from learning_survey.config import Study

ALWAYS = {"id", "synthetic", "seed", "instrument"}
RULES = {path.stem: path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk")}


def read_by(step: str) -> set[str]:
    """Keys of a study that the step's script or a module it runs names as ``study.<key>``."""
    script = ROOT / "scripts" / f"{step}.py"
    found: set[str] = set()
    for path in (script, *modules_of(script)):
        if path.name != "config.py":
            found |= set(re.findall(r"\b(?:study|loaded)\.(?:study\.)?([a-z_]+)", path.read_text()))
    return found & set(Study.model_fields)


@pytest.mark.parametrize("step", sorted(set(RULES) - {"common"}))
def test_a_rule_lists_the_settings_that_its_step_reads(step):
    listed = re.search(r"settings=settings\(([^()]*(?:\([^()]*\)\s*)?)\)", RULES[step])
    assert listed, "the rule has no settings"
    keys = set(re.findall(r'"(\w+)"', listed.group(1)))
    assert keys <= set(Study.model_fields)
    if keys:
        assert read_by(step) <= keys | ALWAYS
