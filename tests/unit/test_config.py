"""Configuration: what ships is valid, what is wrong is refused by file and key, generated pages have not drifted."""

import json

import pytest
import yaml
from conftest import ROOT
from surveys import make_survey

from learning_survey.config import Study, load_project, load_study
from learning_survey.errors import SurveyError
from learning_survey.instrument import Instrument
from learning_survey.reference import UNITS, documents
from learning_survey.schemas import TABLES

STUDIES = sorted(p.stem for p in (ROOT / "config" / "studies").glob("*.yaml"))


@pytest.fixture
def survey(tmp_path):
    return make_survey(tmp_path, schools=2, per_school=2, dimensions=2)


def refused(survey):
    with pytest.raises(SurveyError) as error:
        survey.load()
    assert error.value.where and error.value.remedy
    return error.value


# ---------------------------------------------------------------- what ships


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_that_ships_loads(name):
    study = load_study(name, ROOT)
    assert study.id == name and study.export_folder == ROOT / study.exports.folder
    assert study.mark == ("_synthetic" if study.synthetic else "")


def test_the_project_builds_studies_that_exist():
    assert set(load_project(ROOT).studies) <= set(STUDIES)


@pytest.mark.parametrize("path", sorted(documents()))
def test_generated_pages_have_not_drifted(path):
    assert (ROOT / path).read_text(encoding="utf-8") == documents()[path], "run scripts/generate_schemas.py"


def test_the_schemas_describe_what_ships_and_refuse_unknown_keys():
    import jsonschema

    for model, folder in (("study", "studies"), ("instrument", "instruments")):
        schema = json.loads(documents()[f"workflow/schemas/{model}.schema.json"])
        jsonschema.Draft202012Validator.check_schema(schema)
        for path in (ROOT / "config" / folder).glob("*.yaml"):
            content = json.loads(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), default=str))
            jsonschema.validate(content, schema)
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({**content, "colour": 1}, schema)


def test_every_table_and_column_is_on_the_page_with_a_known_unit():
    page = documents()["docs/tables.md"]
    for name, table in TABLES.items():
        assert f"### {name}\n" in page
        for column, spec in table.columns.items():
            assert f"| `{column}`{'*' if spec.key else ''} | {spec.unit} |" in page and spec.unit in UNITS


# ---------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("keys", "place", "remedy"),
    [
        ({"exprots": {}}, "exprots: unknown key", "Did you mean 'exports'"),
        ({"exports": {"file": []}}, "exports.file: unknown key", "Did you mean 'files'"),
        ({"clean": {"min_answer": 0.5}}, "clean.min_answer: unknown key", "Did you mean 'min_answered'"),
        ({"schools": {"strong_culture": {"min_shares": 1}}}, "schools.strong_culture.min_shares", "'min_share'"),
        ({"gender": {"categories": [{"id": "a", "lable": "A"}]}}, "gender.categories.0.lable: unknown", "'label'"),
        ({"clean": {"min_answered": 1.5}}, "clean.min_answered: Input should be less than or equal to 1", "Correct"),
        ({"clean": {"straight_liners": "shoot"}}, "clean.straight_liners: Input should be 'drop'", "Correct"),
        ({"title": None}, "title: Field required", "Correct"),
        ({"seed": "x"}, "seed: Input should be a valid integer", "Correct"),
        ({"id": "Small"}, "id: String should match", "Correct"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_file_and_place(survey, keys, place, remedy):
    survey.change(**keys)
    error = refused(survey)
    assert error.where.partition(", line ")[0] == str(survey.study_file)
    assert place in error.problem and remedy in error.remedy


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"columns": {"age": None}}, "key_stages from age need columns.age"),
        ({"columns": {"gender": None}}, "gender needs columns.gender"),
        ({"gender": {"small": "merge"}}, "'small: merge' and 'merge_into' go together"),
        ({"gender": {"merge_into": "girls"}}, "'small: merge' and 'merge_into' go together"),
        (
            {"gender": {"small": "merge", "merge_into": "gils"}},
            "merge_into: unknown category 'gils'. Did you mean 'girls'",
        ),
        ({"columns": {"school": None}}, "schools need columns.school"),
        ({"register": {"rating": None}, "inspection": {"ratings": ["a", "b"]}}, None),
        ({"register": None}, "inspection needs a register with a rating column"),
        ({"synthetic": True}, "a synthetic study needs 'calibration'"),
        ({"clean": {"test_status": ["test"]}}, "clean.test_status needs columns.status"),
        ({"clean": {"require": ["group"]}, "key_stages": None}, "clean.require: group needs key_stages"),
        ({"clean": {"require": ["gender"]}, "gender": None}, "clean.require: gender needs gender"),
        ({"clean": {"require": ["age"]}, "key_stages": None, "columns": {"age": None}}, "age needs columns.age"),
        (
            {"models": {"covariates": ["age"]}, "columns": {"age": None}, "key_stages": None},
            "models.covariates: age needs columns.age",
        ),
        (
            {"models": {"covariates": ["phase"]}, "register": None, "inspection": None},
            "models.covariates: phase needs a register with a phase column",
        ),
        (
            {"models": {"covariates": ["country"]}, "register": None, "inspection": None},
            "models.covariates: country needs a register",
        ),
        ({"models": {"covariates": ["age", "phase", "country"]}}, None),
        ({"id": "other"}, "id is 'other'"),
        ({"columns": {"items": {"d1_9": "Q"}}}, "columns.items: unknown item 'd1_9'"),
        ({"factors": {"dimension_factors": 2}}, "factors.dimension_factors is 2 for 2 dimensions"),
        ({"instrument": "smal"}, "no such file"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(survey, keys, problem):
    survey.change(**keys)
    if problem is None:
        survey.load()
    else:
        assert problem in refused(survey).problem


def change_instrument(survey, change):
    path = survey.root / "config" / "instruments" / "small.yaml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))


def lopsided(content):
    """Three answers that do not lie alike from both ends, under an item that is reversed."""
    content["responses"] = {"short": {"codes": [1, 2, 5], "labels": {1: ["No"], 2: ["Hardly"], 5: ["Yes"]}}}
    content["items"][3] |= {"response": "short", "reversed": True}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda c: c["items"].append(c["items"][0]), "item ids given twice: d1_1"),
        (lambda c: c["items"][0].update(dimension="d9"), "item 'd1_1' has unknown dimension 'd9'. Known: 'd1', 'd2'."),
        (lambda c: c["score"].update(min_items=5), "dimension 'd1' has 4 items; it needs at least 5"),
        (lambda c: c["bands"].reverse(), "bands must ascend and start at the lowest code, 1"),
        (lambda c: c["bands"][-1].update(high=False), "mark the top band or bands"),
        (lambda c: c["bands"][0].update(high=True, label="x"), "mark the top band or bands"),
        (lambda c: c["response"].update(codes=[2, 1, 3, 4, 5]), "codes must be ascending"),
        (lambda c: c["response"]["labels"].pop(3), "no label for codes [3]"),
        (lambda c: c["response"]["labels"].update({9: ["x"]}), "labels for codes that are not valid: [9]"),
        (lambda c: c["items"][0].update(reverse=True), "items.0.reverse: unknown key"),
        (lopsided, "item 'd1_4' is reversed, and its codes [1, 2, 5] would be [1, 4, 5] when turned round"),
    ],
)
def test_an_instrument_that_contradicts_itself_is_refused(survey, change, problem):
    change_instrument(survey, change)
    error = refused(survey)
    assert problem in error.problem and error.where.partition(", line ")[0].endswith("instruments/small.yaml")


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2\n", "", "just words"])
def test_a_file_that_is_no_mapping_is_refused(survey, text):
    survey.study_file.write_text(text)
    refused(survey)


def test_a_file_that_is_not_text_is_refused(survey):
    survey.study_file.write_bytes(b"\xff\xfe\x00")
    assert "not valid YAML" in refused(survey).problem


def test_a_missing_study_names_those_there_are(tmp_path, survey):
    with pytest.raises(SurveyError, match="no such file") as error:
        load_study("smal", survey.root)
    assert error.value.remedy == "Did you mean 'small'?"


def test_the_instrument_answers_for_its_parts(survey):
    instrument = survey.load().instrument
    assert instrument.dimension_ids == ["d1", "d2"] and instrument.items_of("d2") == ["d2_1", "d2_2", "d2_3", "d2_4"]
    assert instrument.reversed_ids == ["d1_4", "d2_4"] and instrument.high_from == 3.5
    assert instrument.label_of("d2") == "Dimension 2"


def test_stages_are_those_that_the_study_plans(survey):
    assert survey.load().stages == [
        "describe",
        "reliability",
        "missing",
        "polychoric",
        "factors",
        "confirmatory",
        "invariance",
        "key_stages",
        "gender",
        "schools",
        "inspection",
        "models",
    ]
    survey.change(inspection=None, gender=None, confirmatory={"models": []}, invariance={"groupings": []})
    without = ["describe", "reliability", "missing", "polychoric", "factors", "key_stages", "schools", "models"]
    assert survey.load().stages == without


def test_values_cannot_change_after_loading(survey):
    study = survey.load().study
    assert isinstance(study, Study) and isinstance(survey.load().instrument, Instrument)
    with pytest.raises(ValueError, match="frozen"):
        study.seed = 3
