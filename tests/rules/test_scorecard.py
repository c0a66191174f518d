"""The scorecard as a command, on tables from files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml
from conftest import ROOT
from pipeline import build, publish, step
from published_tables import agreeing, claims, write_tables
from surveys import make_survey

from learning_survey.config import load_study
from learning_survey.schemas import TABLES
from learning_survey.tables import read

TABLES_IN, OUT = "results/phase_one/tables", "results/phase_one/scorecard.csv"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A project with the tables of a study in which every claim holds."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "config", root / "config")
    study = load_study("phase_one", root)
    write_tables(agreeing(), root / TABLES_IN, study)
    return root


@pytest.fixture
def project(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "project"))


def run(project: Path, *more: str) -> subprocess.CompletedProcess:
    command = [
        sys.executable,
        ROOT / "scripts/scorecard.py",
        "--study",
        "phase_one",
        "--tables",
        TABLES_IN,
        "--out",
        OUT,
    ]
    return subprocess.run([*command, *more], cwd=project, capture_output=True, text=True, check=False, env=os.environ)


def test_every_claim_once_in_order_and_the_same_bytes_again(project):
    assert run(project).returncode == 0
    text = (project / OUT).read_bytes()
    assert text.startswith(b"study,cohort,claim_id,")
    rows = read((project / OUT).parent, "scorecard")
    assert list(rows["claim_id"]) == list(claims())
    assert list(rows.columns) == list(TABLES["scorecard"].columns)
    assert rows["reason"].notna().all()
    assert dict(rows["verdict"].value_counts()) == {"recovered": len(rows) - 1, "not computable": 1}
    assert run(project).returncode == 0
    assert (project / OUT).read_bytes() == text


def test_a_real_study_reproduces(project):
    path = project / "config/studies/phase_one.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) | {"synthetic": False}
    content.pop("calibration")
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert run(project).returncode == 0
    assert set(read((project / OUT).parent, "scorecard")["verdict"]) == {"reproduced", "not computable"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: (p / TABLES_IN / "reliability/alpha.csv").unlink(), "alpha.csv: no such table"),
        (lambda p: (p / "config/published/phase_one.csv").unlink(), "phase_one.csv: no such file"),
        (
            lambda p: (p / "config/published/phase_one.yaml").write_text("title: x\n", encoding="utf-8"),
            "phase_one.yaml: source: Field required",
        ),
    ],
)
def test_an_error_leaves_nothing(project, spoil, message):
    spoil(project)
    done = run(project)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((project / OUT).parent.glob("*scorecard*"))


def test_a_study_without_published_figures_is_told_so(project):
    path = project / "config/studies/phase_one.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    del content["published"], content["verdicts"]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    done = run(project)
    assert done.returncode == 2
    assert "has no published figures" in done.stderr


def test_another_file_name_is_refused(project):
    done = run(project, "--out", "results/phase_one/card.csv")
    assert done.returncode == 2
    assert not (project / "results/phase_one/card.csv").exists()


# ---------------------------------------------------------------- from students to verdicts

RULES = yaml.safe_load("""
tolerances:
  share: {cap: 1.5}
  count: {cap: 0}
  bound: {cap: 0.05}
rules:
  - {claims: students, check: value, table: clean.sample, where: {fact: students}, column: value, tolerance: count}
  - claims: "high.{d}"
    check: value
    table: describe.dimensions
    where: {dimension: "{d}"}
    column: share_high
    scale: 100
    tolerance: share
  - {claims: lowest, check: extreme, side: lowest, table: describe.dimensions, column: share_high, name: dimension}
  - claims: top_items
    check: top_items
    side: highest
    count: 2
    table: describe.items
    column: mean
    name: dimension
  - claims: "decline.{d}"
    check: falls
    table: key_stages.means
    where: {dimension: "{d}"}
    column: mean
    order: group_order
    trend: {table: key_stages.tests, where: {dimension: "{d}", test: trend_clustered}}
    steps: {table: key_stages.pairs, where: {dimension: "{d}", adjacent: "True"}}
  - claims: step
    check: largest_step
    table: key_stages.means
    column: mean
    name: group
    order: group_order
    each: dimension
  - {claims: gender_order, check: order, table: gender.means, column: mean, name: group, each: dimension}
  - claims: gender_least
    check: bound
    side: least
    absolute: true
    table: gender.pairs
    column: hedges_g
    tolerance: bound
  - {claims: schools_differ, check: count, table: schools.extremes, column: p_holm, below: 0.05}
  - {claims: lowest_rating, check: label, table: inspection.extremes, where: {position: lowest}, column: rating}
  - claims: good_above
    check: order
    groups: [Good, Outstanding]
    table: inspection.means
    column: mean
    name: rating
    each: dimension
""")
FALL = {"KS1": 0.9, "KS2": 0.7, "KS3": -0.2, "KS4": -0.4, "KS5": -0.6}
SIZE = {"schools": 24, "per_school": 50, "dimensions": 3, "phases": False, "icc": 0.03, "seed": 5}
SIZE["study"] = {"factors": {"dimension_factors": 1}}
PLANTED = {
    "dimension_shift": {"d3": -1.0},
    "item_shift": {"d1_1": 1.5, "d1_2": 1.5},
    "group_shift": FALL,
    "gender_shift": {"boys": 0.5, "other": -0.9},
    "rating_shift": {"Good": 0.6},
    # The second school is rated Good, the fourth Outstanding.
    "school_shift": {"school-002": 2.0, "school-004": -2.5},
}
CONTRARY = {
    "icc": 0.0,
    "dimension_shift": {"d1": -2.0, "d2": 0.8},
    "item_shift": {"d3_1": 3.0, "d3_2": 3.0},
    "group_shift": {"KS1": -0.9, "KS2": -0.7, "KS3": -0.5, "KS4": 0.4, "KS5": 0.6},
    "gender_shift": {"girls": 0.5, "boys": 0.48, "other": 0.9},
    "rating_shift": {"Outstanding": 0.6},
    # The third school is rated "Requires improvement"; on one dimension it is like the best.
    "school_shift": {"school-003": {"d1": -4.0, "d3": -1.0, "d2": 0.6}},
}
WORDS = [
    ("lowest", "order", "d3"),
    ("top_items", "order", "d1"),
    *((f"decline.d{d}", "order", "decline") for d in (1, 2, 3)),
    ("step", "order", "KS2 to KS3"),
    ("gender_order", "order", "boys>girls>other"),
    ("gender_least", "bound", "0.2"),
    ("schools_differ", "order", "3 of 3"),
    ("lowest_rating", "value", "Outstanding"),
    ("good_above", "order", "3 of 3"),
]


def published_survey(folder: Path, numbers: list[tuple[str, str, str]], **planted) -> dict[str, str]:
    """Verdicts by claim on a survey with planted effects."""
    survey = make_survey(folder, **(SIZE | planted))
    publish(survey, [*numbers, *WORDS], RULES)
    build(survey)
    step(survey, "audit", results=survey.results, processed=survey.processed, out=survey.results / "audit")
    rows = read(survey.results, "scorecard")
    return dict(zip(rows["claim_id"], rows["verdict"], strict=True))


def test_what_was_planted_is_found_and_its_contrary_is_not(tmp_path):
    students = str(SIZE["schools"] * SIZE["per_school"])
    truth = make_survey(tmp_path / "truth", **(SIZE | PLANTED)).truth
    items = [c for c in truth.columns if c.startswith("d2_")]
    codes = truth.select(pl.when(c == "d2_4").then(6 - pl.col(c)).otherwise(pl.col(c)).alias(c) for c in items)
    high = 100 * float((codes.mean_horizontal() >= 3.5).mean())
    numbers = [("students", "value", students), ("high.d2", "value", f"{high:.0f}")]
    agree = published_survey(tmp_path / "agree", numbers, **PLANTED)
    assert agree == dict.fromkeys(agree, "reproduced")
    contrary = published_survey(tmp_path / "contrary", numbers, **(CONTRARY | {"per_school": 51}))
    assert contrary == dict.fromkeys(agree, "not reproduced")
