"""Run the pipeline's scripts on a small survey, in this process, so that libraries are imported once.

build(survey)                          # every stage up to values, and the scorecard where claims are published
step(survey, "audit", results=survey.results, processed=survey.processed, out=survey.results / "audit")
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT
from surveys import Project, Survey


def step(survey: Project, script: str, **arguments: Any) -> None:
    """Call the ``main`` of ``scripts/<script>.py`` in the survey's folder."""
    spec = importlib.util.spec_from_file_location(f"step_{script}", ROOT / "scripts" / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    before = Path.cwd()
    os.chdir(survey.root)
    try:
        module.main(study=survey.name, **arguments)
    finally:
        os.chdir(before)


def build(survey: Survey) -> None:
    """Everything that the audit reads, without figures and report."""
    study, tables = survey.load(), survey.tables
    survey.run("ingest", "clean", "score")
    for stage in study.stages:
        if stage == "verdicts":  # after the scorecard
            continue
        data = {} if stage == "published" else {"processed": survey.processed}
        step(survey, stage, **data, out=tables / stage)
    scorecard = survey.results / "scorecard.csv"
    if study.published:
        step(survey, "scorecard", tables=tables, out=scorecard)
    if study.verdicts:
        step(survey, "verdicts", tables=tables, scorecard=scorecard, out=tables / "verdicts")
    step(survey, "values", tables=tables, out=survey.results / "values.json")


def publish(survey: Survey, claims: list[tuple[str, str, str]], rules: dict[str, Any]) -> None:
    """Give the survey a published report: claims as (id, kind, published), and the content of its YAML."""
    folder = survey.root / "config" / "published"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{claim},Findings,{kind},what is claimed,{published},unit," for claim, kind, published in claims]
    text = "\n".join(["claim_id,section,kind,statistic,published,unit,note", *lines]) + "\n"
    (folder / f"{survey.name}.csv").write_text(text, encoding="utf-8")
    content = {"title": "A small report", "source": "Made for a test.", **rules}
    (folder / f"{survey.name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    survey.change(published=survey.name)
