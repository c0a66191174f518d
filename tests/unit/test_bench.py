"""The study that the benchmark of large exports rests on, made small, and what is written of its runs."""

import os
import subprocess
import sys

import polars as pl
import pytest
from conftest import ROOT
from surveys import read_ingested

from learning_survey import clean, ingest
from learning_survey.config import load_study

sys.path.insert(0, str(ROOT / "workflow"))
import bench_comparisons
import bench_exports
import bench_scale


def test_its_exports_hold_the_dirt_that_the_rules_of_cleaning_are_for(tmp_path):
    bench_exports.main(tmp_path, 3000, 7)
    study, out = load_study("scale", tmp_path), tmp_path / "processed"
    ingest.ingest(study, out / "ingested.arrow", tmp_path / "tables")
    assert read_ingested(out / "ingested.arrow")["file"].n_unique() == 7
    clean.clean(study, out / "ingested.arrow", out, tmp_path / "tables")
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
    assert "| 1,000 | 2 | ingest | 3.5 | 2.50 | – | 4.5 | 2.25 | – | 310 |" in page
    assert "| 1,000 | 2 | ingest and clean | 5.0 | 3.50 | – | 6.5 | 3.25 | – | 2100 |" in page
    assert "times as long as Polars to read: ingest of 1,000 rows (2.50)." in page
    assert "Over 2048 MiB: clean of 1,000 rows." in page and "DuckDB is not installed here" in page
    runs["read, DuckDB"] = [bench_scale.Run(2.0, 4.0, 90), bench_scale.Run(4.0, 4.0, 90)]
    page = "\n".join(bench_scale.section({1000: runs}))
    assert "| 1,000 | 2 | ingest | 3.5 | 2.50 | 1.25 | 4.5 | 2.25 | 1.12 | 310 |" in page


# ---------------------------------------------------------------- comparisons


def test_enlarged_cells_have_many_times_the_students_of_each_cell_and_dimension():
    who = {"cluster": "S1", "school": "S1", "group": None, "age": None, "flagged": False}
    rows = [("boys", "d1", 4, 3.0, 20), ("boys", "d1", 3, 2.0, 5), ("girls", "d1", 4, 1.0, 30)]
    rows.append(("girls", "all", 2, 1.5, 7))
    kinds = {"group": pl.String, "age": pl.Int16, "answered": pl.Int16}
    cells = pl.DataFrame(
        [who | dict(zip(("gender", "dimension", "answered", "score", "n"), row, strict=True)) for row in rows],
        schema_overrides=kinds,
    )
    many = bench_comparisons.enlarged(cells, times=100)
    assert many.schema == cells.schema
    by = many.group_by("dimension", "gender").agg(pl.col("n").sum(), pl.len()).sort("dimension", "gender")
    assert by.rows() == [("all", "girls", 700, 1), ("d1", "boys", 2500, 3), ("d1", "girls", 3000, 3)]
    assert not many.select(pl.exclude("n")).is_duplicated().any()
    # half as the cell, half as everybody: girls have score 1 in a half and 30 of 55 of the other
    ones = many.filter(gender="girls", dimension="d1", score=1.0)["n"].item()
    assert ones == pytest.approx(3000 * (0.5 + 0.5 * 30 / 55), rel=0.05)


def test_the_page_says_which_targets_were_missed():
    seconds = {"few": {"models": 14.0, "others": 2.0}, "many": {"models": 15.0, "others": 4.9}}
    found = bench_comparisons.Compared({"few": 29940, "many": 3023940}, {"few": 85370, "many": 308615}, seconds)
    text = "\n".join(bench_comparisons.section(found))
    assert "| models | 14.0 | 15.0 |" in text and "| all of these | 16.0 | 19.9 |" in text
    assert text.endswith("Missed: 29,940 students take 16.0 s, not 15.")
