"""Factors as a command: tables from what the step 'score' hands on, held against planted and published loadings."""

import csv
import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from conftest import ROOT
from processed import arguments, process, run_step, written
from surveys import Survey, make_survey

from learning_survey.claims import COLUMNS
from learning_survey.schemas import TABLES
from learning_survey.tables import read

NAMES = [name.split(".")[1] for name in TABLES if name.startswith("factors.")]
PLANTED = np.kron(np.eye(2), np.array([[0.9], [0.8], [0.7]]))


def tables(survey: Survey) -> dict:
    return {name: read(survey.tables, f"factors.{name}") for name in NAMES}


def six(root, **more) -> Survey:
    """Six dimensions on two factors, 24 items; ``published`` names the factors in the other order."""
    options = {"schools": 20, "per_school": 60, "dimensions": 6, "factor_loadings": PLANTED, "factor_r": 0.3}
    survey = make_survey(root, **(options | {"icc": 0.05, "school_r": 0.5} | more))
    process(survey)
    return survey


def publish(survey: Survey, loadings: np.ndarray, leave_out: int = 0) -> None:
    """Publish ``loadings`` of factors 'second' and 'first' of the dimensions."""
    path = survey.root / "config/published/printed.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [(f"loading.d{i + 1}.{f}", x) for i, row in enumerate(loadings) for f, x in zip(FACTORS, row, strict=True)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for claim, x in [("sample.students", 1200), *cells[leave_out:]]:
            row = dict.fromkeys(COLUMNS, "") | {"claim_id": claim, "kind": "value", "published": x}
            writer.writerow(row)


FACTORS = ("second", "first")
STUDY = {"published": "printed", "factors": {"dimension_factors": 2, "item_factors": 6, "parallel_draws": 60}}
INSTRUMENT = {"factors": [{"id": f, "label": f.capitalize()} for f in FACTORS]}


def test_planted_factors_are_found_and_held_against_the_published(tmp_path):
    survey = six(tmp_path, missing=0.02, study=STUDY, instrument=INSTRUMENT)
    publish(survey, np.round(-PLANTED[:, ::-1], 2))
    assert run_step("factors", survey) == (0, "")
    made = tables(survey)
    for name in NAMES:
        assert list(made[name].columns) == list(TABLES[f"factors.{name}"].columns)

    suggested = made["suggested"].set_index(["matrix", "method"])["factors"]
    assert suggested["dimensions", "parallel_factors"] == 2
    assert suggested["items", "parallel_factors"] == 6
    assert suggested["polychoric", "parallel_factors"] == 6
    assert suggested["dimensions", "empirical_kaiser"] == 2
    assert suggested["dimensions", "hull"] in (1, 2)

    loadings = made["loadings"].query("solution == 'dimensions'")
    assert loadings["factor"].tolist() == list(FACTORS) * 6
    assert loadings["factor_label"].tolist() == ["Second", "First"] * 6
    # The published signs are all turned, so the computed ones are too.
    assert (loadings.query("published != 0")["pattern"] < -0.4).all()
    np.testing.assert_allclose(loadings["difference"], loadings["pattern"] - loadings["published"], atol=1e-9)
    assert (loadings["pattern_ci_low"] < loadings["pattern"]).all()
    assert (loadings["pattern"] < loadings["pattern_ci_high"]).all()
    near = made["congruence"].set_index("factor")
    assert (near["tucker"] > 0.98).all()
    own = loadings[loadings["factor"] == "first"]["difference"]
    np.testing.assert_allclose(near.loc["first", "rms_difference"], np.sqrt((own**2).mean()), atol=1e-9)
    np.testing.assert_allclose(near.loc["first", "max_difference"], own.abs().max(), atol=1e-9)

    items = made["loadings"].query("solution == 'items'")
    assert items["factor"].unique().tolist() == [f"d{i}" for i in range(1, 7)]
    strongest = items.loc[items.groupby("variable", sort=False)["pattern"].idxmax()]
    assert (strongest["variable"].str.split("_").str[0] == strongest["factor"]).all()
    assert items["published"].isna().all()
    assert items["pattern_ci_low"].notna().all()

    phi = made["phi"]
    assert phi.groupby("solution").size().to_dict() == {"dimensions": 1, "items": 15}
    assert ((phi["phi_ci_low"] < phi["phi"]) & (phi["phi"] < phi["phi_ci_high"])).all()
    adequacy = made["adequacy"].set_index(["matrix", "statistic"])
    assert adequacy.loc[("items", "bartlett"), "df"] == 24 * 23 / 2
    assert 0.7 < adequacy.loc[("items", "kmo"), "value"] < 1
    assert made["communalities"]["communality"].between(0, 1).all()

    first = written("factors", survey)
    command = [sys.executable, ROOT / "scripts/factors.py", *arguments("factors", survey)]
    subprocess.run(command, cwd=survey.root, check=True)
    assert written("factors", survey) == first


def test_without_published_loadings_factors_are_numbered_and_nothing_is_compared(tmp_path):
    survey = six(tmp_path, study={"factors": {"dimension_factors": 2, "parallel_draws": 20}}, instrument=INSTRUMENT)
    assert run_step("factors", survey) == (0, "")
    made = tables(survey)
    assert made["loadings"]["factor"].unique().tolist() == ["f1", "f2"]
    assert made["loadings"]["factor_label"].unique().tolist() == ["Factor 1", "Factor 2"]
    assert made["loadings"][["published", "difference"]].isna().all(axis=None)
    assert made["loadings"].groupby("factor")["pattern"].sum().gt(0).all()
    assert made["congruence"].empty
    assert set(made["loadings"]["solution"]) == {"dimensions"}
    assert set(made["retention"]["matrix"]) == {"dimensions", "items", "polychoric"}


def test_two_dimensions_have_no_factors_but_their_items_do(tmp_path):
    plan = {"dimension_factors": 1, "item_factors": 2, "parallel_draws": 20}
    survey = make_survey(tmp_path, schools=0, per_school=500, dimensions=2, points=11, study={"factors": plan})
    process(survey)
    assert run_step("factors", survey) == (0, "")
    made = tables(survey)
    assert set(made["retention"]["matrix"]) == {"items", "polychoric"}
    assert made["loadings"]["factor"].unique().tolist() == ["d1", "d2"]


def test_too_few_students_keep_rows_and_lose_numbers(tmp_path):
    survey = six(tmp_path, schools=3, per_school=10, study=STUDY | {"min_group": 31, "published": None})
    assert run_step("factors", survey) == (0, "")
    made = tables(survey)
    assert len(made["loadings"]) == 6 * 2 + 24 * 6
    for frame in made.values():
        assert frame.select_dtypes("number").drop(columns=["k", "optimum"], errors="ignore").isna().all(axis=None)


def test_a_solution_at_its_bound_is_marked_and_has_no_intervals(tmp_path):
    """One dimension is the factor itself, and a little more, to another: the best uniqueness is below zero."""
    r = np.array([[1, 0.9, 0.85], [0.9, 1, 0.6], [0.85, 0.6, 1]])
    plan = {"dimension_factors": 1, "parallel_draws": 20}
    survey = make_survey(
        tmp_path, dimensions=3, items_per=8, loading=0.97, points=11, trait_r=r, icc=0, study={"factors": plan}
    )
    process(survey)
    assert run_step("factors", survey) == (0, "")
    made = tables(survey)
    assert made["communalities"]["heywood"].tolist() == [True, False, False]
    assert made["loadings"]["pattern"].notna().all()
    assert made["loadings"][["pattern_ci_low", "pattern_ci_high"]].isna().all(axis=None)


def test_more_factors_than_can_be_identified_name_the_key(tmp_path):
    survey = six(tmp_path, study={"factors": {"dimension_factors": 4, "parallel_draws": 20}})
    code, error = run_step("factors", survey)
    assert code == 2
    assert "factors.dimension_factors" in error
    assert "3 is the most" in error
    assert written("factors", survey) == {}


@pytest.mark.parametrize("fault", ["a cell missing", "not a number"])
def test_published_loadings_that_do_not_fit_are_refused(tmp_path, fault):
    survey = six(tmp_path, study=STUDY, instrument=INSTRUMENT)
    printed = PLANTED.astype(object)
    if fault == "not a number":
        printed[2, 1] = "n/a"
    publish(survey, printed, leave_out=fault == "a cell missing")
    code, error = run_step("factors", survey)
    assert code == 2
    assert "printed.csv" in error
    assert ("loading.d1.second" if fault == "a cell missing" else "n/a") in error
    assert written("factors", survey) == {}


def test_an_item_that_never_varies_is_named(tmp_path):
    survey = six(tmp_path)
    process(replace(survey, truth=survey.truth.with_columns(d3_1=pl.lit(2))))
    code, error = run_step("factors", survey)
    assert code == 2
    assert "item d3_1" in error
    assert written("factors", survey) == {}
