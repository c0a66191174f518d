"""The default study from raw exports to report, as ``make`` builds it."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys

import polars as pl
from planted import VERDICTS, WORDS
from readable import plain, readable

from .conftest import RESULTS, build, digests

STEP = re.compile(r"^\[ *(\d+) of (\d+)\]  (\w+)", re.M)


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_progress_counts_every_step_once(phase_one):
    _, run = phase_one
    steps = STEP.findall(run.stderr)
    assert [int(number) for number, _, _ in steps] == list(range(1, len(steps) + 1))
    assert {int(total) for _, total, _ in steps} == {len(steps)}
    assert {name for _, _, name in steps} >= {"simulate_phase_one", "ingest", "clean", "score", "report", "audit"}


def test_the_build_ends_with_report_scorecard_and_time(phase_one):
    folder, run = phase_one
    for kind in ("html", "pdf", "docx"):
        assert f"results/phase_one/report/phase_one_synthetic.{kind}" in run.stdout
        assert (folder / f"results/phase_one/report/phase_one_synthetic.{kind}").stat().st_size > 10_000
    assert re.search(r"scorecard  \d+ recovered", run.stdout)
    assert re.search(r"time +\d+ s", run.stdout)


def test_the_cohort_is_the_published_size(phase_one):
    folder, _ = phase_one
    scores = pl.read_parquet(folder / "data/processed/phase_one/scores.parquet")
    assert scores.height == 29940
    assert scores["school"].n_unique() == 87
    assert (scores["age"].min(), scores["age"].max()) == (5, 18)


RULE_OF = {
    "tests": "test_status",
    "blanks": "blank",
    "duplicates": "duplicates",
    "straight_liners": "straight_liners",
    "missing_schools": "require_school",
    "missing_ages": "require_age",
    "impossible_ages": "require_age",
}


def test_cleaning_finds_exactly_what_was_planted(phase_one):
    folder, _ = phase_one
    where = json.loads((folder / "data/raw/phase_one/truth.json").read_text())["where"]
    ledger = rows(folder / "data/processed/phase_one/ledger.csv")
    dropped = {(row["rule"], row["file"], int(row["line"])) for row in ledger if row["action"] == "drop_row"}
    assert dropped == {(RULE_OF[kind], file, line) for kind, places in where.items() for file, line in places}
    emptied = {(row["file"], int(row["line"])) for row in ledger if row["action"] == "empty_cell"}
    assert emptied == {tuple(place) for place in where["impossible_ages"]}


def test_every_published_claim_has_one_verdict(phase_one):
    folder, _ = phase_one
    claims = [row["claim_id"] for row in rows(folder / "config/published/phase_one.csv")]
    scorecard = rows(folder / "results/phase_one/scorecard.csv")
    assert [row["claim_id"] for row in scorecard] == claims
    assert {row["verdict"] for row in scorecard} <= {"recovered", "not recovered", "not computable"}
    assert all(row["reason"] for row in scorecard)


def test_every_key_finding_has_a_verdict_and_every_headline_claim_its_specifications(phase_one):
    folder, _ = phase_one
    tables = folder / "results/phase_one/tables"
    findings = rows(tables / "verdicts/findings.csv")
    assert len(findings) == 9
    assert {row["verdict"] for row in findings} <= {"supported", "caveat", "not_supported", "untested"}
    assert all(row["why"].endswith(".") for row in findings)
    claims = {row["claim"]: row for row in rows(tables / "multiverse/claims.csv")}
    assert all(int(row["n_computed"]) > 10 for row in claims.values())
    # What the cohort was calibrated to holds by the study's own choices.
    assert {row["configured_holds"] for row in claims.values()} == {"True"}


def test_verdicts_and_words_are_those_of_data_that_agree(phase_one):
    folder, _ = phase_one
    findings = rows(folder / "results/phase_one/tables/verdicts/findings.csv")
    assert {row["finding"]: row["verdict"] for row in findings} == VERDICTS["phase_one"]
    for kind in ("html", "docx"):
        path = folder / f"results/phase_one/report/phase_one_synthetic.{kind}"
        text = "".join(map(plain, readable(path.name, path.read_bytes())))
        for agree, against in WORDS.values():
            assert plain(agree) in text and plain(against) not in text, (kind, agree)


def test_a_second_run_has_nothing_to_do(phase_one):
    folder, _ = phase_one
    again = build(folder)
    assert again.returncode == 0
    assert "Nothing to do" in again.stderr
    assert not STEP.search(again.stderr)
    assert "Nothing to do" in build(folder, "--plan").stderr


def test_one_core_gives_the_same_bytes_as_two(phase_one, copy):
    two, _ = phase_one
    one = copy("one_core")
    run = build(one, "--cores", "1")
    assert run.returncode == 0, run.stderr
    assert digests(one, *RESULTS) == digests(two, *RESULTS)
    assert digests(one, "data/raw/phase_one/*") == digests(two, "data/raw/phase_one/*")


def test_plain_snakemake_agrees_that_nothing_is_left(phase_one):
    folder, _ = phase_one
    command = [sys.executable, "-m", "snakemake", "--cores", "all"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert "Nothing to be done" in run.stdout + run.stderr


def test_every_data_file_figure_and_report_says_synthetic(phase_one):
    folder, _ = phase_one
    results = folder / "results/phase_one"
    for path in [*results.glob("tables/**/*.csv"), results / "scorecard.csv"]:
        assert {row["cohort"] for row in rows(path)} <= {"synthetic"}, path
    for path in [*results.glob("figures/*.png"), *results.glob("figures/*.svg"), *results.glob("report/*")]:
        assert "_synthetic" in path.name
    for path in (folder / "data/raw/phase_one").iterdir():
        assert "synthetic" in path.name or b"synthetic" in path.read_bytes().lower(), path


def test_snakemake_report_holds_figures_and_scorecard(phase_one):
    folder, _ = phase_one
    command = [sys.executable, "-m", "snakemake", "--report", "run.zip"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (folder / "run.zip").stat().st_size > 100_000
