"""What the benchmark writes of measurement and R, that it does without R, and that its sums are those of all rows."""

import sys

import numpy as np
import polars as pl
import pytest
from conftest import ROOT

from learning_survey import score
from learning_survey.config import load_study

sys.path.insert(0, str(ROOT / "workflow"))
import bench_measurement as bench
import bench_steps

SECONDS = dict.fromkeys(bench.STEPS, 0.5)
R = bench.Reference(dict.fromkeys(bench.IN_R, 1.0) | {"parallel": 30.0, "cfa_wlsmv": 4.9}, "R 4.2.2, psych 2.2.9")


def measured(reference=R, seconds=SECONDS, moments=None, stages=None):
    rows = {"n": 29940, "complete": 23456.0, "two": 28058, "seconds": seconds}
    many = {"n": 3113760, "pass": 61.2, "peak": 812.3, "seconds": moments or {"alphas": [0.01, 0.011]}}
    return bench.Measured(rows, many, stages or {"factors": 4.0, "polychoric": 2.0}, reference)


def page(**given):
    return "\n".join(bench.section(measured(**given)))


def test_the_page_sets_each_step_beside_r():
    text = page()
    assert "| parallel analysis, 100 draws | 0.5000 | 30.0 | 60 |" in text
    assert "| nine factors, ML | 0.5000 | 1.00 | 2.0 |" in text
    assert "| nine factors, robust ML by school | 0.5000 |  |  |" in text
    assert "| nine factors, full-information ML | 0.5000 | not run: takes minutes; `make bench R=all` |  |" in text
    assert "R 4.2.2, psych 2.2.9: in the same run" in text
    assert "| all of these | 6.50 | | |" in text and "| all of these | 6.0 |" in text
    assert "| nine alphas, with if-dropped | 0.0100 | 0.0110 | 1.10 |" in text
    assert text.endswith("Missed: none.")


def test_the_page_says_which_targets_are_missed():
    slow = SECONDS | {"parallel": 2.0, "cfa_ml": 1.5, "cfa_fiml": 70.0}
    text = page(seconds=slow, moments={"alphas": [0.01, 0.02]}).partition("Missed: ")[2]
    assert "parallel analysis, 100 draws (15.0 times as fast as R, not 20)" in text
    assert "nine factors, ML (0.7 times as fast as R, not 1)" in text
    assert "the steps take 78 s, not 60" in text
    assert "nine alphas, with if-dropped (2.00 times as long from the moments of more students)" in text
    assert "WLSMV" not in text and "full-information" not in text
    wlsmv = bench.Reference({"cfa_wlsmv": 8.0, "invariance_wlsmv": 60.0}, "")
    text = page(reference=wlsmv, seconds=SECONDS | {"cfa_wlsmv": 2.0}).partition("Missed: ")[2]
    assert text == "nine factors, WLSMV (4.0 times as fast as R, not 5)."


def test_every_step_is_timed_and_every_step_of_r_is_one_of_ours():
    script = (ROOT / "workflow" / "bench_measurement.R").read_text(encoding="utf-8")
    for step in bench.IN_R + bench.SLOW_IN_R:
        assert step in bench.STEPS and f"\n  {step} = function()" in script


def test_without_r_the_page_says_so_and_leaves_it_out(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = bench.reference(tmp_path, tmp_path, bench.IN_R)
    text = page(reference=found)
    assert "R is not installed: its times are left out." in text
    assert "| nine factors, ML | 0.5000 |  |  |" in text and "not run" not in text
    assert text.endswith("Missed: none.")


def test_r_without_its_packages_is_as_good_as_none(monkeypatch, tmp_path):
    (tmp_path / "Rscript").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (tmp_path / "Rscript").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bench.reference(tmp_path, tmp_path, bench.IN_R).absent == "R is installed without psych and lavaan"


def test_what_r_prints_is_read():
    found = bench.reported("alphas 0.6120 \ncfa_ml 0.3000 \nversions R 4.2.2, psych 2.2.9 \n")
    assert found == bench.Reference({"alphas": 0.612, "cfa_ml": 0.3}, "R 4.2.2, psych 2.2.9")


def test_a_command_that_fails_ends_the_benchmark_with_what_it_said(tmp_path):
    with pytest.raises(SystemExit, match="no such thing"):
        bench.command([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path)


@pytest.fixture(scope="module")
def cohort():
    """600 students of one trait in 6 schools, and the study."""
    study, rng = load_study("phase_one", ROOT), np.random.default_rng(7)
    items = study.instrument.item_ids
    own = np.array([study.instrument.dimension_ids.index(i.dimension) for i in study.instrument.items])
    trait = rng.normal(size=(600, 1)) + rng.normal(size=(600, 9))
    code = np.clip(np.rint(3 + 0.6 * trait[:, own] + rng.normal(0, 0.8, (600, len(items)))), 1, 5)
    frame = pl.DataFrame(np.where(rng.random(code.shape) < 0.002, np.nan, code), schema=items).fill_nan(None)
    who = {"gender": rng.choice(["girls", "boys"], 600), "group": rng.choice(["ks2", "ks3"], 600)}
    who |= {"cluster": rng.choice([f"S{k:02d}" for k in range(1, 7)], 600)}
    return score.scored(frame.with_columns(pl.Series(k, v) for k, v in who.items()), study.instrument), study


def test_blocks_of_students_add_up_to_all_of_them(cohort):
    scores, study = cohort
    one, two = (bench_steps.Given.of(part, study) for part in (scores, pl.concat([scores, scores])))
    total = one + one
    assert total.n == two.n == 1200
    for a in "nsqc":
        np.testing.assert_allclose(getattr(total.moments, a), getattr(two.moments, a))
    assert np.array_equal(total.pairs.pairs, two.pairs.pairs) and np.array_equal(total.pairs.items, two.pairs.items)
    assert total.groups.keys() == two.groups.keys() == {"boys", "girls"}
    for mine, theirs in zip([total.whole, *total.groups.values()], [two.whole, *two.groups.values()], strict=True):
        np.testing.assert_allclose(mine.c, theirs.c)


def test_every_step_runs_and_has_its_line(cohort):
    scores, study = cohort
    given = bench_steps.Given.of(scores, study)
    steps = bench_steps.from_rows(given, scores, study)
    assert sorted(steps) == sorted(bench.STEPS) and set(bench_steps.from_moments(given, study)) < set(steps)
    for step in steps.values():
        assert bench_steps.seconds(step) > 0
