"""The audit of print as a command: what a report's claims allow, and nothing where they do not."""

import numpy as np
import pytest
from conftest import ROOT
from pipeline import publish, step
from surveys import make_survey

from learning_survey.errors import SurveyError
from learning_survey.printed_rotation import Way
from learning_survey.schemas import TABLES
from learning_survey.tables import read

NAMES = [name.split(".")[1] for name in TABLES if name.startswith("published.")]
RULES = {
    "tolerances": {"count": {"cap": 0}},
    "rules": [
        {
            "claims": "sample.{fact}",
            "check": "value",
            "table": "clean.sample",
            "where": {"fact": "{fact}"},
            "column": "value",
            "tolerance": "count",
        }
    ],
}
SAMPLE = [("sample.students", "value", "1200"), ("sample.schools", "value", "20")]
FACTORS = {"factors": [{"id": f, "label": f.capitalize()} for f in ("first", "second")]}


def made(survey) -> dict:
    step(survey, "published", out=survey.tables / "published")
    return {name: read(survey.tables, f"published.{name}") for name in NAMES}


def rotated() -> tuple[np.ndarray, np.ndarray]:
    """Six scores on two factors, rotated by promax."""
    phi = np.array([[1, 0.5], [0.5, 1]])
    pattern = np.array([[0.8, 0.1], [0.7, 0], [0.6, -0.1], [0.1, 0.7], [0, 0.75], [0.15, 0.5]])
    return Way("promax", True, 4).rotate(pattern @ np.linalg.cholesky(phi))


def test_printed_loadings_give_back_their_rotation_and_alpha(tmp_path):
    survey = make_survey(tmp_path, dimensions=6, schools=4, per_school=20, instrument=FACTORS)
    pattern, _ = rotated()
    cells = [
        (f"loading.d{i + 1}.{f}", "value", f"{x:.4f}")
        for i, row in enumerate(pattern)
        for f, x in zip(("first", "second"), row, strict=True)
    ]
    alphas = [(f"reliability.d{i}", "value", "0.85") for i in range(1, 7)]
    publish(survey, [*SAMPLE, *cells, *alphas, ("reliability.overall", "value", "0.99")], RULES)
    assert survey.load().stages[-1] == "published"
    tables = made(survey)
    nearest = tables["rotations"].set_index("rotation")
    assert nearest.loc["promax_4_kaiser", "rms_bounded"] < 1e-3
    assert not tables["alpha"]["agrees"].any()
    assert nearest["chosen"].sum() == 1
    assert nearest.loc[nearest["chosen"], "rank"].tolist() == [1]
    assert tables["effects"].empty
    assert tables["percentages"].empty


def test_claims_without_loadings_leave_their_tables_empty(tmp_path):
    survey = make_survey(tmp_path, dimensions=3, schools=4, per_school=20)
    effects = [("schools.top_bottom_effect.d2", "value", "1.5")]
    publish(survey, [*SAMPLE, *effects], RULES)
    tables = made(survey)
    assert all(tables[name].empty for name in ("rotations", "phi", "communalities", "feasible", "alpha"))
    assert tables["effects"]["dimension"].tolist() == ["d2"]
    assert tables["effects"]["gap"].isna().all()
    assert 0 < tables["effects"]["icc_total"].item() < 1


def test_a_figure_that_is_no_number_is_named(tmp_path):
    survey = make_survey(tmp_path, dimensions=3, schools=4, per_school=20)
    publish(survey, [*SAMPLE, ("schools.top_bottom_effect.d2", "value", "large")], RULES)
    with pytest.raises(SurveyError, match=r"top_bottom_effect\.d2 is not a number: 'large'"):
        made(survey)


def test_a_study_without_published_figures_has_no_such_stage(tmp_path):
    assert "published" not in make_survey(tmp_path, schools=4, per_school=20).load().stages


def test_the_published_report_twice_is_the_same_to_the_byte(tmp_path):
    from learning_survey import published
    from learning_survey.config import load_study

    first, second = (published.tables(load_study("phase_one", ROOT)) for _ in range(2))
    for name in NAMES:
        assert first[name].to_csv() == second[name].to_csv()
