"""Values: how numbers are printed, named and traced, and what summaries point at."""

import json

import pytest
from report_fixture import make_results, project

from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.schemas import TABLES
from learning_survey.summary import summary_values
from learning_survey.values import (
    Tables,
    claim_text,
    joined,
    part,
    plain,
    precise,
    read_rows,
    row_values,
    scorecard_values,
    span_of,
    study_values,
    table_values,
    text_of,
    to_json,
)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.6213, "share", "62%"),
        (0.004, "share", "0.4%"),
        (0.0, "share", "0%"),
        (1.0, "share", "100%"),
        (29940.0, "count", "29,940"),
        (487.6, "count", "488"),
        (0.9292, "alpha", "0.93"),
        (-0.126, "loading", "−0.13"),
        (-0.001, "effect", "0.00"),
        (1.06, "loading", "1.06"),
        (0.0004, "p", "< .001"),
        (0.0042, "p", ".004"),
        (0.034, "p", ".03"),
        (1.0, "p", "> .99"),
        (85.02, "points", "85"),
        (-3.4, "points", "−3"),
        (3.456, "mean", "3.46"),
        (0.0123, "variance", "0.012"),
        (1.841, "ratio", "1.84"),
        (89.46, "ratio", "89.5"),
        (134475.2, "statistic", "134,475"),
        (3.0, "statistic", "3"),
        (True, "flag", "yes"),
        ("Aiming High", "text", "Aiming High"),
        (None, "share", "–"),
    ],
)
def test_text_follows_the_unit(value, unit, text):
    assert text_of(value, unit) == text


def test_the_note_has_a_digit_more_than_the_text():
    assert precise(0.6213, "share") == "62.1%"
    assert precise(-0.126, "loading") == "−0.126"
    assert precise(0.00012, "p") == "0.00012"


def test_keys_become_parts_of_names():
    assert part("item", "kmo:exp1") == "kmo_exp1"
    assert part("code", 4.0) == "code4"
    assert part("rating", "Requires improvement") == "Requires_improvement"


def test_lists_of_words():
    assert joined(["a"]) == "a"
    assert joined(["a", "b", "c"]) == "a, b and c"


def dimension_row(**change):
    row = {"dimension": "d1", "label": "One", "n": 400.0, "n_missing": 0.0, "mean": 3.0, "mean_ci_low": 2.9}
    row |= {"mean_ci_high": 3.1, "sd": 1.0, "share_high": 0.621, "share_high_ci_low": 0.6, "share_high_ci_high": 0.642}
    return row | {"design_effect": 2.0, "rank": 1.0} | change


def test_a_value_names_its_interval_file_and_row():
    values = table_values([dimension_row()], "describe.dimensions")
    share = values["describe.dimensions.d1.share_high"]
    assert share["text"] == "62%"
    assert share["title"] == "62.1%, 95% interval 60.0% to 64.2%; describe/dimensions.csv row 2"
    assert (share["file"], share["row"], share["value"]) == ("describe/dimensions.csv", 2, 0.621)
    assert values["describe.dimensions.d1.share_high_ci"]["text"] == "60% to 64%"
    assert values["describe.dimensions.d1.share_high_ci"]["value"] == [0.6, 0.642]
    assert "describe.dimensions.d1.share_high_ci_low" not in values
    assert "describe.dimensions.d1.dimension" not in values


def test_a_row_without_counts_is_withheld_and_one_with_counts_does_not_apply():
    small = dimension_row(n=None, mean=None, mean_ci_low=None, mean_ci_high=None, share_high=None)
    cells = row_values(small, "describe.dimensions", 2)
    assert cells["mean"]["text"] == cells["mean_ci"]["text"] == cells["n"]["text"] == "withheld"
    assert row_values(dimension_row(sd=None), "describe.dimensions", 2)["sd"]["text"] == "–"


def test_a_reliability_below_zero_is_printed_as_one():
    assert text_of(-2.38, "reliability") == "below 0" and text_of(0.824, "reliability") == "0.82"
    assert span_of(-0.4, 0.5, "reliability") == "below 0 to 0.50"


def test_a_model_that_was_not_estimated_is_not_withheld():
    row = dict.fromkeys(TABLES["confirmatory.fit"].columns) | {"model": "bifactor", "estimator": "ml"}
    assert row_values(row, "confirmatory.fit", 2)["cfi"]["text"] == "withheld"
    assert row_values(row | {"status": "not estimated"}, "confirmatory.fit", 2)["cfi"]["text"] == "–"


def test_two_rows_may_not_share_a_name():
    with pytest.raises(SurveyError, match=r"describe\.dimensions\.a_b"):
        table_values([dimension_row(dimension="a b"), dimension_row(dimension="a-b")], "describe.dimensions")


def test_a_table_that_lacks_a_column_is_refused(tmp_path):
    path = tmp_path / "dimensions.csv"
    path.write_text("study,cohort,dimension\nx,real,d1\n")
    with pytest.raises(SurveyError, match="share_high"):
        read_rows(path, "describe.dimensions")


def claim(claim_id, verdict, published="0.9", computed="0.912", tolerance=0.05):
    row = {"claim_id": claim_id, "statistic": "s", "published": published, "computed": computed}
    return row | {"verdict": verdict, "tolerance": tolerance, "source_file": "t.csv", "source_row": "3"}


def test_claims_are_counted_by_every_beginning_of_their_ids():
    rows = [
        claim("schools.effect.a", "recovered"),
        claim("schools.effect.b", "not recovered"),
        claim("schools.share", "recovered"),
        claim("schools.why", "not computable", computed=None),
    ]
    values = scorecard_values(rows, synthetic=True)
    assert values["scorecard.all.agree"]["value"] == 2
    assert values["scorecard.schools.total"]["value"] == 4
    assert values["scorecard.schools.disagree"]["value"] == 1
    assert values["scorecard.schools.not_computable"]["value"] == 1
    assert values["scorecard.schools.effect.agree"]["text"] == "1"
    assert values["scorecard.word"]["text"] == "recovered"
    assert scorecard_values(rows, synthetic=False)["scorecard.word"]["text"] == "reproduced"
    assert values["claim.schools.why.computed"]["text"] == "–"


def test_claims_print_as_people_read_them():
    assert claim_text(claim("a.b", "recovered", computed="-0.126214"), "computed") == "−0.13"
    assert claim_text(claim("a.b", "recovered", computed="29940", tolerance=0), "computed") == "29,940"
    # A bound on a p value is exact, and the p value is not whole.
    assert claim_text(claim("a.b", "recovered", computed="0.0312", tolerance=0), "computed") == "0.031"
    assert claim_text(claim("a.b", "recovered", computed="9.464501501e-07", tolerance=0), "computed") == "< 0.001"
    assert claim_text(claim("a.b", "recovered", computed="0.39502", tolerance=0.0005), "computed") == "0.3950"
    assert (
        claim_text(claim("a.b", "recovered", computed="0.60017 to 0.81396", tolerance=0.01), "computed")
        == "0.600 to 0.814"
    )
    assert claim_text(claim("a.b", "recovered", computed="36.7;41.36", tolerance=5.5), "computed") == "36.7; 41.4"
    assert claim_text(claim("a.b", "recovered", published="29940"), "published") == "29,940"
    assert claim_text(claim("a.b", "recovered", published="aiming_high"), "published") == "aiming high"
    assert claim_text(claim("a.b", "recovered", published="boys>girls"), "published") == "boys > girls"
    assert claim_text(claim("a.b", "x", published="x_y"), "published", {"x_y": "X on Y"}) == "X on Y"


@pytest.fixture(scope="module")
def phase_one(tmp_path_factory):
    root = project(tmp_path_factory.mktemp("values"))
    study = load_study("phase_one", root)

    def shares(rows):
        for k, row in enumerate(rows):
            row["share_high"] = [0.5, 0.9, 0.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5][k]

    def pairs(rows):
        for row in rows:
            row["hedges_g"], row["p_holm"] = 0.2, 0.2
        rows[4] |= {"hedges_g": -0.7, "p_holm": 0.01}

    def trends(rows):
        for k, row in enumerate(r for r in rows if r["test"] == "trend_clustered"):
            row["slope"] = [-0.3, 0.3, 0.0][k % 3]
            row["slope_ci_low"], row["slope_ci_high"] = row["slope"] - 0.1, row["slope"] + 0.1

    change = {"describe.dimensions": shares, "gender.pairs": pairs, "key_stages.tests": trends}
    make_results(study, root / "results/phase_one", change)
    return study, Tables(root / "results/phase_one/tables", study)


def test_summaries_point_at_rows(phase_one):
    study, tables = phase_one
    values = summary_values(tables, study)
    ids = study.instrument.dimension_ids
    assert values["summary.describe.share.highest.dimension_label"]["text"] == study.instrument.label_of(ids[1])
    assert values["summary.describe.share.lowest.share_high"]["text"] == "10%"
    assert values["summary.describe.share.lowest.share_high"]["row"] == 4
    assert values["summary.describe.shares"]["text"].startswith(f"{study.instrument.label_of(ids[1])} (90%), ")
    assert values["summary.describe.shares"]["text"].endswith(f" and {study.instrument.label_of(ids[2])} (10%)")


def test_a_pair_says_which_way_it_goes(phase_one):
    study, tables = phase_one
    values = summary_values(tables, study)
    largest = {k.rsplit(".", 1)[1]: v["text"] for k, v in values.items() if ".gender.effect.largest." in k}
    assert (largest["hedges_g"], largest["size"], largest["relation"]) == ("−0.70", "0.70", "lower than")
    assert (largest["group_a_label"], largest["group_b_label"]) == ("Boys", "Other or prefer not to say")
    assert values["summary.gender.different"]["value"] == 1
    assert values["summary.gender.pairs"]["value"] == 27


def test_trends_are_counted_by_their_intervals(phase_one):
    study, tables = phase_one
    values = summary_values(tables, study)
    counted = {name: values[f"summary.key_stages.{name}"]["value"] for name in ("falls", "rises", "unclear", "total")}
    assert counted == {"falls": 3, "rises": 3, "unclear": 3, "total": 9}


def test_models_are_counted_by_test_and_method_and_their_errors_compared(phase_one):
    study, tables = phase_one
    ids = study.instrument.dimension_ids
    rows = {(r["dimension"], r["test"], r["method"]): r for r in tables["models.tests"]}
    for d in ids:
        for method in ("naive", "cr2"):
            rows[d, "group", method]["p_holm"] = 0.001 if method == "naive" or d == ids[0] else 0.3
    rows[ids[1], "group", "cr2"]["p_holm"] = None
    for r in tables["models.coefficients"]:
        r["se"] = {"naive": 0.1, "robust": 0.25}.get(r["method"], 0.2)
    values = summary_values(tables, study)
    assert values["summary.models.group.naive"]["value"] == len(ids)
    assert values["summary.models.group.cr2"]["value"] == 1
    assert values["summary.models.group.cr2_tested"]["value"] == len(ids) - 1
    assert values["summary.models.group.wider"]["text"] == "2.5"
    assert values["summary.models.left_out"]["file"] == "models/variance.csv"


def test_what_was_not_looked_at_is_not_counted_as_none_found(phase_one):
    study, tables = phase_one
    assert summary_values(tables, study)["summary.inspection.tests"]["value"] == 9
    kept = {name: tables[name] for name in ("inspection.tests", "confirmatory.fit", "reliability.items")}
    try:
        tables._read |= {"inspection.tests": [], "confirmatory.fit": [], "reliability.items": []}
        none = summary_values(tables, study)
    finally:
        tables._read |= kept
    for name in ("inspection.tests", "confirmatory.best.model_label", "reliability.against"):
        assert none[f"summary.{name}"] | {"title": "", "file": "", "row": None} == plain(None, "–") | {"title": ""}


def test_items_that_go_against_their_dimension_are_named(phase_one):
    study, tables = phase_one
    row = next(r for r in tables["reliability.items"] if r["scale"] != "all")
    before = row["item_rest_r"]
    try:
        row["item_rest_r"] = -0.6
        wording = next(i.wording for i in study.instrument.items if i.id == row["item"])
        assert summary_values(tables, study)["summary.reliability.against"]["text"] == f"“{wording}”"
    finally:
        row["item_rest_r"] = before


def test_configuration_is_in_the_values(phase_one):
    values = study_values(phase_one[0])
    assert values["study.seed"]["text"] == "20210601"
    assert values["study.level"]["text"] == "95%"
    assert values["study.survey_date"]["text"] == "June 2021"
    assert values["instrument.high_bands"]["text"] == "“Quite high” or “Very high”"
    assert values["instrument.factor_list"]["text"] == "Teachers, Learning and Safety"


def test_json_is_one_value_a_line_in_order(phase_one):
    values = table_values(phase_one[1]["describe.dimensions"], "describe.dimensions")
    text = to_json(values)
    assert json.loads(text) == values
    assert len(text.splitlines()) == len(values) + 2
    assert text.splitlines()[1:-1] == sorted(text.splitlines()[1:-1])


def test_a_stage_without_tables_is_an_error(phase_one, tmp_path):
    with pytest.raises(SurveyError, match="stage 'clean'"):
        Tables(tmp_path, phase_one[0])
