"""The command ``simulate.py``: deterministic files, and dirt that ingest and clean find row for row."""

import csv
import hashlib
import json
import shutil
from collections import defaultdict

import pytest
from conftest import ROOT

from rules.commands import command

RAW = "data/raw/phase_one"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A root of its own, with this project's configuration and the generated exports."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "config", root / "config")
    done = command("simulate", root, "--study", "phase_one", "--out", RAW)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return root


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_it_writes_exports_register_and_truth(project):
    names = [p.name for p in sorted((project / RAW).iterdir())]
    assert len([n for n in names if n.startswith("responses_synthetic_")]) == 7
    assert names[-2:] == ["schools.csv", "truth.json"] and len(names) == 9


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(project, tmp_path):
    for name, seed in (("same", 20210601), ("other", 2)):
        done = command("simulate", project, "--study", "phase_one", "--out", tmp_path / name, "--seed", seed)
        assert done.returncode == 0, done.stderr
    assert digests(tmp_path / "same") == digests(project / RAW)
    assert not set(digests(tmp_path / "other").values()) & set(digests(project / RAW).values())


def test_ingest_and_clean_find_what_was_planted(project):
    done = command("ingest", project, "--study", "phase_one", "--out", "p/ingested.arrow", "--tables", "t/ingest")
    assert done.returncode == 0, done.stderr
    done = command(
        "clean",
        project,
        "--study",
        "phase_one",
        "--ingested",
        "p/ingested.arrow",
        "--out",
        "p",
        "--tables",
        "t/clean",
    )
    assert done.returncode == 0, done.stderr
    truth = json.loads((project / RAW / "truth.json").read_text())
    planted = {kind: {(f, line) for f, line in rows} for kind, rows in truth["where"].items()}
    found = defaultdict(set)
    with (project / "p/ledger.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["rule"]].add((row["file"], int(row["line"])))
    assert found["test_status"] == planted["tests"]
    assert found["blank"] == planted["blanks"]
    assert found["duplicates"] == planted["duplicates"]
    assert found["straight_liners"] == planted["straight_liners"]
    assert found["ages"] == planted["impossible_ages"]
    assert found["require_school"] == planted["missing_schools"]
    assert found["require_age"] == planted["missing_ages"] | planted["impossible_ages"]
    assert set().union(*found.values()) == set().union(*planted.values())
    with (project / "t/clean/sample.csv").open(encoding="utf-8", newline="") as file:
        facts = {row["fact"]: row["value"] for row in csv.DictReader(file)}
    assert [facts[k] for k in ("students", "schools", "age_min", "age_max")] == ["29940", "87", "5", "18"]
    assert float(facts["primary_share"]) == pytest.approx(0.5, abs=0.005)


def test_a_real_study_is_refused(tmp_path):
    done = command("simulate", ROOT, "--study", "bfi", "--out", tmp_path / "raw")
    assert done.returncode == 2 and "the study 'bfi' is real" in done.stderr
    assert not (tmp_path / "raw").exists()


def test_a_missing_calibration_is_one_message_and_nothing_written(project, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(project / "config", root / "config")
    (root / "config/calibration/phase_one.yaml").unlink()
    done = command("simulate", root, "--study", "phase_one", "--out", RAW)
    assert done.returncode == 2 and "phase_one.yaml: no such file" in done.stderr
    assert "Traceback" not in done.stderr and not (root / "data").exists()


def test_an_unknown_key_in_the_calibration_is_named(project, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(project / "config", root / "config")
    path = root / "config/calibration/phase_one.yaml"
    path.write_text(path.read_text().replace("size_spread:", "size_spred:", 1))
    done = command("simulate", root, "--study", "phase_one", "--out", RAW)
    assert done.returncode == 2 and "size_spred" in done.stderr and not (root / "data").exists()
