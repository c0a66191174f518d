"""The workflow itself: what makes a step run again, what a kill leaves behind, what bad input does."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import RESULTS, ROOT, build, digests

sys.path.insert(0, str(ROOT / "scripts"))
from learning_survey.code import modules_of


@pytest.fixture(scope="module")
def bfi(copy):
    """The real survey, built by configuration alone."""
    folder = copy("bfi")
    run = build(folder, "--study", "bfi")
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def would_run(folder: Path) -> set[str]:
    """Steps that the plan lists."""
    run = build(folder, "--plan", "--study", "bfi")
    assert run.returncode == 0, run.stderr
    return set(re.findall(r"^\[ *\d+ of \d+\]  (\w+)", run.stderr, re.M))


ANALYSES = {"describe", "reliability", "missing", "polychoric", "factors", "confirmatory", "invariance"}
ANALYSES |= {"key_stages", "gender", "models"}
WRITING = {"figures", "values", "report", "audit"}
DRAWN = {"describe", "factors", "key_stages", "gender"}  # in figures, of this study
AFTER = {
    "ingest": {"clean", "score", "audit"} | ANALYSES | WRITING,
    "clean": {"score"} | ANALYSES | WRITING,
    "score": ANALYSES | WRITING,
    **dict.fromkeys(ANALYSES, WRITING - {"figures"}),
    **dict.fromkeys(DRAWN, WRITING),
    "figures": {"report", "audit"},
    "values": {"report", "audit"},
    "report": {"audit"},
    "audit": set(),
}


def test_a_real_survey_gives_a_report_without_the_mark(bfi):
    names = sorted(path.name for path in (bfi / "results/bfi/report").iterdir())
    assert names == ["bfi.docx", "bfi.html", "bfi.pdf"]
    assert not (bfi / "results/bfi/scorecard.csv").exists()
    assert not (bfi / "results/bfi/tables/schools").exists()


@pytest.mark.parametrize("module", ["reliability", "groups", "renderer", "summary", "exports", "audit_checks"])
def test_an_edited_module_reruns_exactly_the_steps_that_use_it(bfi, module):
    path = bfi / "scripts" / "learning_survey" / f"{module}.py"
    original, stat = path.read_bytes(), path.stat()
    users = {step for step in AFTER if path in modules_of(bfi / "scripts" / f"{step}.py")}
    assert users
    path.write_bytes(original + b"\n# edited\n")
    try:
        # A step runs again because it uses the module, or because a step before it does.
        assert would_run(bfi) == users.union(*(AFTER[step] for step in users))
    finally:
        path.write_bytes(original)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert would_run(bfi) == set()


def test_an_edited_script_says_why_it_would_run(bfi):
    path = bfi / "scripts" / "gender.py"
    original, stat = path.read_bytes(), path.stat()
    path.write_bytes(original + b"\n# edited\n")
    try:
        run = build(bfi, "--plan", "--study", "bfi")
        assert re.search(r"gender +compare genders\n +changed: scripts/gender.py\n", run.stderr)
    finally:
        path.write_bytes(original)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_changed_setting_reruns_the_steps_that_read_it(bfi):
    path = bfi / "config" / "studies" / "bfi.yaml"
    original = path.read_text()
    path.write_text(original.replace("parallel_draws: 500", "parallel_draws: 400"))
    try:
        assert would_run(bfi) == {"factors", *AFTER["factors"]}
    finally:
        path.write_text(original)
    path.write_text("# A comment changes nothing.\n" + original)
    assert would_run(bfi) == set()


def test_the_plan_says_what_would_run_and_why(copy):
    folder = copy("plan")
    run = build(folder, "--plan", "--study", "bfi")
    assert run.returncode == 0
    assert "read the raw exports of bfi" in run.stderr
    assert re.search(r"not there yet: .*data/processed/bfi/ingested.arrow", run.stderr)
    assert re.search(r"an earlier step makes anew: .*data/processed/bfi/clean.parquet", run.stderr)
    assert not (folder / "results").exists()


@pytest.mark.parametrize("seconds", [2.5, 6.0, 9.0])
def test_a_killed_build_resumes_to_the_same_bytes(bfi, copy, seconds):
    folder = copy("killed")
    command = [sys.executable, "workflow/build.py", "--study", "bfi"]
    process = subprocess.Popen(
        command, cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    run = build(folder, "--study", "bfi")
    assert run.returncode == 0, run.stdout + run.stderr
    assert digests(folder, *RESULTS) == digests(bfi, *RESULTS)
    assert not list(folder.rglob("*.part"))


def test_a_second_build_waits_for_the_first(bfi):
    command = [sys.executable, "workflow/build.py", "--study", "bfi"]
    lock = bfi / ".snakemake" / "build.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = subprocess.Popen(command, cwd=bfi, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert "waiting for it to end" in second.stderr.readline()
        assert second.poll() is None
    assert "Nothing to do" in second.communicate()[1]
    assert second.returncode == 0


def test_bad_input_ends_with_one_message_and_no_result(copy):
    folder = copy("bad")
    data = folder / "tests/data/bfi.csv"
    text = data.read_text().replace(",2,4,3,4,4,", ",2,4,eleven,4,4,", 1)
    data.write_text(text)
    run = build(folder, "--study", "bfi")
    assert run.returncode != 0
    assert "error: " in run.stderr
    assert "bfi.csv" in run.stderr and "eleven" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (folder / "data/processed/bfi/ingested.arrow").exists()


def test_an_unknown_study_or_key_is_named(copy):
    folder = copy("keys")
    run = build(folder, "--study", "bif")
    assert run.returncode != 0
    assert "bif.yaml" in run.stderr and "'bfi'" in run.stderr
    study = folder / "config/studies/bfi.yaml"
    study.write_text(study.read_text().replace("min_answered:", "min_answerd:"))
    run = build(folder, "--study", "bfi")
    assert run.returncode != 0
    assert "clean.min_answerd: unknown key" in run.stderr and "'min_answered'" in run.stderr
    assert "Traceback" not in run.stderr
