"""Tables, summaries and conditions of a report on schools and ratings follow the numbers."""

import pytest
import yaml
from conftest import ROOT
from report_fixture import make_results, project

from learning_survey.config import load_study
from learning_survey.markdown import Source
from learning_survey.renderer import render
from learning_survey.report import assemble
from learning_survey.school_tables import cultures, gaps, ratings
from learning_survey.summary import summary_values
from learning_survey.summary_schools import facts
from learning_survey.values import Tables, study_values, table_values, to_json


def source(tmp_path, **change):
    study = load_study("phase_one", ROOT)
    make_results(study, tmp_path, {name.replace("__", "."): edit for name, edit in change.items()})
    return Source(Tables(tmp_path / "tables", study), study, [])


def test_gaps_stand_beside_what_chance_gives(tmp_path):
    def edit(rows):
        rows[0] |= {"observed": 1.76, "chance_most": 0.38, "corrected": 1.74, "corrected_ci_low": 1.65}
        rows[0] |= {"corrected_ci_high": 1.84, "other_half": 1.75}

    text = gaps(source(tmp_path, schools__gaps=edit))
    first = next(line for line in text.splitlines() if "Expectations" in line)
    for number in ("1.76", "0.38", "1.74", "(1.65 to 1.84)", "1.75"):
        assert number in first
    assert "all" not in [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]


def test_a_dimension_without_a_gap_is_left_out_and_no_row_is_no_table(tmp_path):
    def edit(rows):
        for row in rows[1:]:
            row.update(dict.fromkeys(k for k in row if k != "dimension"))

    table = gaps(source(tmp_path / "one", schools__gaps=edit))
    assert "Expectations" in table and "Challenge" not in table
    assert gaps(source(tmp_path / "none", schools__gaps=list.clear)) is None


def test_every_definition_has_one_row_with_both_ratios(tmp_path):
    def edit(rows):
        for row, ratio in zip(rows, (1.83, 1.23, 1.55, 1.15), strict=True):
            row |= {"ratio": ratio, "text": row["definition"]}

    text = cultures(source(tmp_path, schools__cultures=edit))
    rows = [line for line in text.splitlines() if "_" in line and line.startswith("|")]
    assert (
        len(rows) == 2 and all(n in rows[0] for n in ("1.83", "1.23")) and all(n in rows[1] for n in ("1.55", "1.15"))
    )


def test_ratings_have_each_model_s_difference_and_a_verdict(tmp_path):
    def edit(rows):
        for row in rows:
            row["effect"] = {"unadjusted": 0.31, "phase": -0.07, "mixed": -0.05, "weighted": 0.99}[row["model"]]

    text = ratings(source(tmp_path, inspection__effects=edit))
    first = next(line for line in text.splitlines() if "Expectations" in line)
    assert "0.31" in first and "−0.07" in first and "−0.05" in first and "0.99" not in first
    assert "open" in first and "Good minus Outstanding" in text
    assert ratings(source(tmp_path / "none", inspection__effects=list.clear)) is None


@pytest.mark.parametrize(("p", "beyond"), [(0.001, True), (0.5, False)])
def test_prose_on_chance_follows_the_p_values(tmp_path, p, beyond):
    def edit(rows):
        for row in rows:
            row["p"] = 0.001
        rows[-1]["p"] = p

    s = source(tmp_path, schools__gaps=edit, schools__gaps_high=edit)
    found = facts(s.tables)
    assert (found["gaps-beyond-chance"], found["gaps-within-chance"]) == (beyond, not beyond)
    values = summary_values(s.tables, s.study)
    high = len(s.dimensions) - (not beyond)
    assert values["summary.schools.gaps_high.beyond_chance"]["value"] == high


def test_prose_on_ratings_follows_dates_and_verdicts(tmp_path):
    def undated(rows):
        for row in rows:
            row |= {"median_years": None, "n_left_out": 0, "n_after_survey": 0}

    def late(rows):
        undated(rows)
        rows[0] |= {"median_years": 6.1, "n_left_out": 2, "n_after_survey": 1, "n_used": 9}

    def alike(rows):
        for row in rows:
            row["verdict"] = "alike"

    first = facts(source(tmp_path / "a", inspection__frameworks=undated).tables)
    assert not any(first[k] for k in ("ratings-dated", "ratings-left-out", "ratings-after-survey", "ratings-alike"))
    s = source(tmp_path / "b", inspection__frameworks=late, inspection__equivalence=alike)
    second = facts(s.tables)
    assert all(second[k] for k in ("ratings-dated", "ratings-left-out", "ratings-after-survey", "ratings-alike"))
    values = summary_values(s.tables, s.study)
    assert values["summary.inspection.frameworks.most.median_years"]["value"] == 6.1
    assert values["summary.inspection.frameworks.n_left_out"]["value"] == 2
    assert values["summary.inspection.verdict.alike"]["value"] == len(s.dimensions)
    assert values["summary.inspection.verdict.open"]["value"] == 0


def test_ranks_and_definitions_are_summed_up(tmp_path):
    def ranks(rows):
        own = [row for row in rows if row["dimension"] == "all"]
        for row, (low, high, top, moved) in zip(
            own, ((1, 2, 0.99, 0.1), (1, 3, 0.4, -0.3), (2, 4, 0.01, 0), (4, 4, 0, 0)), strict=True
        ):
            row |= {"rank_ci_low": low, "rank_ci_high": high, "top_tenth": top, "shrunken": 3, "adjusted": 3 + moved}

    def definitions(rows):
        for row, ratio in zip(rows, (1.8, 1.2, None, None), strict=True):
            row["ratio"] = ratio

    s = source(tmp_path, schools__means=ranks, schools__cultures=definitions)
    values = summary_values(s.tables, s.study)
    found = {k: values[f"summary.schools.{k}"]["value"] for k in ("rank_width", "ranked", "adjusted_change")}
    assert found == {"rank_width": 2.5, "ranked": 4, "adjusted_change": 0.3}
    assert values["summary.schools.top_tenth.sure"]["value"] == 1
    assert values["summary.schools.top_tenth.possible"]["value"] == 1
    assert values["summary.schools.cultures.definitions"]["value"] == 2
    assert values["summary.schools.cultures.ratio.lowest.ratio"]["value"] == 1.8
    assert values["summary.schools.cultures.without_ratio"]["value"] == 1


def test_a_study_that_compares_no_pair_of_ratings_has_a_report(tmp_path):
    """Its tables of pairs are empty, and nothing visible asks for them."""
    root = project(tmp_path)
    path = root / "config/studies/phase_one.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) | {"report": "survey"}
    content["inspection"] = {"ratings": ["Outstanding", "Good", "Requires improvement"]}
    del content["register"]["rating_date"]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    study = load_study("phase_one", root)
    tables = ("effects", "equivalence", "power", "contrast", "frameworks")
    make_results(study, tmp_path / "results", {f"inspection.{t}": list.clear for t in tables})
    made = Tables(tmp_path / "results/tables", study)
    values = study_values(study) | summary_values(made, study)
    values |= {k: v for table in made.names for k, v in table_values(made[table], table).items()}
    (tmp_path / "results/values.json").write_text(to_json(values), encoding="utf-8")
    master = assemble(study, tmp_path / "results", root / "reports", tmp_path / "folder", "r")
    render(tmp_path / "folder", master.name, tmp_path, "out", ["html"])
    text = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "The register does not say when schools were rated" in text
    assert "Above on every measure?" not in text
