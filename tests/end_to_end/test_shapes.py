"""Surveys of unusual shape, from exports to report, by configuration alone."""

from __future__ import annotations

import csv

import pytest
import yaml
from surveys import make_survey

from .conftest import build

SHAPES = {
    "one scale, seven points, no schools, no groups": {
        "schools": 0,
        "per_school": 300,
        "dimensions": 1,
        "items_per": 6,
        "points": 7,
        "gender": False,
        "key_stages": False,
    },
    "three schools of twelve, where most numbers are withheld": {
        "schools": 3,
        "per_school": 12,
        "dimensions": 2,
        "items_per": 3,
        "points": 4,
        "missing": 0.1,
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_survey_of_any_shape_gives_a_report_and_passes_its_audit(copy, shape):
    folder = copy("shape")
    survey = make_survey(folder, **SHAPES[shape])
    path = folder / "config" / "studies" / f"{survey.name}.yaml"
    study = yaml.safe_load(path.read_text())
    # Fewer than three scores have no factors.
    del study["factors"]["dimension_factors"]
    path.write_text(yaml.safe_dump(study, sort_keys=False))
    run = build(folder, "--study", survey.name)
    assert run.returncode == 0, run.stdout + run.stderr
    results = folder / "results" / survey.name
    assert {p.suffix for p in (results / "report").iterdir()} == {".html", ".pdf", ".docx"}
    with (results / "audit" / "checks.csv").open(newline="") as file:
        assert {row["result"] for row in csv.DictReader(file)} == {"passed"}
