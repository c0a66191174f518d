"""The study that the benchmark of large exports rests on, made small, and what is written of its runs."""

import os
import subprocess
import sys

import polars as pl
import pytest
from conftest import ROOT

from learning_survey import clean, ingest
from learning_survey.config import load_study

sys.path.insert(0, str(ROOT / "workflow"))
import bench_exports
import bench_scale


def test_its_exports_hold_the_dirt_that_the_rules_of_cleaning_are_for(tmp_path):
    bench_exports.main(tmp_path, 3000, 7)
    study, out = load_study("scale", tmp_path), tmp_path / "processed"
    ingest.ingest(study, out / "ingested.parquet", tmp_path / "tables")
    assert pl.read_parquet(out / "ingested.parquet")["file"].n_unique() == 7
    clean.clean(study, out / "ingested.parquet", out, tmp_path / "tables")
    flow = {row["step"]: row for row in pl.read_csv(tmp_path / "tables" / "flow.csv").iter_rows(named=True)}
    assert flow["test_status"]["rows_in"] == 3000
    for step in ("blank", "duplicates", "require_age"):
        assert 0 < flow[step]["rows_dropped"] < 60
    assert flow["ages"]["cells_emptied"] > 0 and flow["gender"]["cells_emptied"] > 0
    items = study.instrument.item_ids
    missing = sum(pl.read_parquet(out / "clean.parquet").select(items).null_count().row(0))
    assert 0.01 < missing / (3000 * len(items)) < 0.03


def test_a_run_is_timed_with_its_memory_and_a_failure_ends_the_benchmark(tmp_path):
    # From a process as small as the benchmark's own: a new process begins with its parent's memory.
    code = 'import bench_scale, pathlib; print(*bench_scale.run(["-c", "x = bytearray(1 << 27)"], pathlib.Path()))'
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    wall, processor, peak = map(float, done.stdout.split())
    assert wall > 0 and processor > 0 and 128 < peak < 400
    with pytest.raises(SystemExit, match="no such thing"):
        bench_scale.run(["-c", "raise SystemExit('no such thing')"], tmp_path)


def test_the_page_gives_medians_ratios_to_reading_and_what_is_over_the_limit():
    runs = {
        "read": [bench_scale.Run(1.0, 2.0, 90), bench_scale.Run(2.0, 2.0, 90)],
        "ingest": [bench_scale.Run(3.0, 4.0, 300), bench_scale.Run(4.0, 5.0, 310)],
        "clean": [bench_scale.Run(1.0, 2.0, 2100), bench_scale.Run(2.0, 2.0, 500)],
    }
    page = "\n".join(bench_scale.section({1000: runs}))
    assert "| 1,000 | 2 | ingest | 3.5 | 2.50 | 4.5 | 2.25 | 310 |" in page
    assert "| 1,000 | 2 | ingest and clean | 5.0 | 3.50 | 6.5 | 3.25 | 2100 |" in page
    assert "Over 2048 MiB: clean of 1,000 rows." in page
