"""The audit as a command: the same bytes twice, and nothing at all when a check fails."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from pipeline import build
from surveys import Survey, make_survey

FILES = {"manifest.csv", "trail.csv", "steps.csv", "checks.csv", "README.md"}


ONE_FACTOR = {"factors": {"dimension_factors": 1}}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Survey:
    survey = make_survey(tmp_path_factory.mktemp("made"), schools=0, per_school=150, missing=0.02, study=ONE_FACTOR)
    build(survey)
    return survey


@pytest.fixture
def project(made, tmp_path) -> Path:
    return Path(shutil.copytree(made.root, tmp_path / "project"))


def run(project: Path, study: str = "small") -> subprocess.CompletedProcess[str]:
    results, processed = f"results/{study}", f"data/processed/{study}"
    command = [sys.executable, ROOT / "scripts/audit.py", "--study", study, "--results", results]
    command += ["--processed", processed, "--out", f"{results}/audit"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_files_are_the_same_when_made_again(project):
    out = project / "results/small/audit"
    done = run(project)
    assert done.returncode == 0, done.stderr
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(first) == FILES
    assert run(project).returncode == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    for name in FILES - {"README.md"}:
        rows = list(csv.DictReader(first[name].decode().splitlines()))
        assert rows
        assert {(row["study"], row["cohort"]) for row in rows} == {("small", "real")}


def test_the_manifest_is_that_of_the_files(project):
    assert run(project).returncode == 0
    with (project / "results/small/audit/manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (project / "data/processed/small/files.csv").open(encoding="utf-8") as file:
        names = {f"exports/{row['label']}": f"data/raw/small/{row['file']}" for row in csv.DictReader(file)}
    assert set(names) < {row["path"] for row in rows}
    for row in rows:
        size = (project / names.get(row["path"], row["path"])).stat().st_size
        assert row["bytes"] == ("" if row["path"] in names else str(size))
    assert not any("audit" in row["path"] for row in rows)


def test_a_failing_check_writes_nothing(project):
    (project / "results/small/tables/gender/people.csv").write_text("respondent\nr000003\n", encoding="utf-8")
    done = run(project)
    assert done.returncode == 2
    for word in ("tables_known", "no_persons", "people.csv", "Nothing was written"):
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "results/small/audit").exists()


@pytest.mark.parametrize(
    "missing", ["results/small/values.json", "results/small/tables/gender", "data/processed/small/ingested.arrow"]
)
def test_a_missing_input_is_an_error_that_names_it(project, missing):
    path = project / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = run(project)
    assert done.returncode == 2, done.stderr
    assert missing in done.stderr
    assert not (project / "results/small/audit").exists()
