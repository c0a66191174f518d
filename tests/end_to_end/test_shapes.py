"""Surveys of unusual shape, from exports to report, by configuration alone."""

from __future__ import annotations

import csv
import html
import re

import pytest
import yaml
from surveys import make_survey

from .conftest import build

LABEL = r"Parch, # @pawb & *dysgu* <b> a_b [x] {y} | \\ $5 ~ ^ `z` $ ŵ"
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
    "one school, yes or no, labels of all letters": {
        "schools": 1,
        "per_school": 400,
        "dimensions": 2,
        "items_per": 4,
        "points": 2,
        "ratings": False,
        "instrument": {"dimensions": [{"id": "d1", "label": LABEL}, {"id": "d2", "label": "المدرسة $ الأمان"}]},
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
    page = (results / "report" / f"{survey.name}.html").read_text(encoding="utf-8")
    assert without_number(page) == []
    if "instrument" in SHAPES[shape]:
        assert html.unescape(page).count(LABEL) > 5


def without_number(page: str) -> list[str]:
    """Paragraphs, points of lists, captions and alternative texts of an HTML report with a dash or NaN for a number."""
    body = re.sub(r"<table.*?</table>|<head>.*?</head>", "", page, flags=re.DOTALL)
    kinds = "p|li|dd|figcaption"
    parts = re.findall(rf"<(?:{kinds})\b[^>]*>(.*?)</(?:{kinds})>", body, re.DOTALL) + re.findall(
        r'alt="([^"]*)"', body
    )
    blank = re.compile(r'class="value"[^>]*>\s*(?:–|withheld)\s*</span>|\bnan\b|\bNaN\b|\b0 of 0\b')
    return [re.sub(r"<[^>]+>|\s+", " ", part) for part in parts if blank.search(part)]
