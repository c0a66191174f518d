"""The command 'verdicts': from exports to verdicts, which turn when the opposite was planted."""

import subprocess
import sys

import pytest
import yaml
from conftest import ROOT
from multiverse_plans import every_kind, write_plan
from pipeline import build, publish, step
from surveys import make_survey

from learning_survey.tables import read

CLAIMS = [("decline.d1", "order", "decline"), ("decline.d2", "order", "decline"), ("leaders", "external", "half")]
RULES = {
    "tolerances": {"count": {"cap": 0}},
    "rules": [
        {
            "claims": "decline.{dimension}",
            "check": "falls",
            "table": "key_stages.means",
            "where": {"dimension": "{dimension}"},
            "column": "mean",
            "order": "group_order",
            "trend": {"table": "key_stages.tests", "where": {"dimension": "{dimension}", "test": "trend_clustered"}},
            "steps": {"table": "key_stages.pairs", "where": {"dimension": "{dimension}", "adjacent": "True"}},
        },
        {"claims": "leaders", "check": "external", "reason": "Nobody was asked."},
    ],
}
VERDICTS = {
    "families": [
        {"id": "trends", "label": "Trends", "table": "key_stages.tests", "where": {"test": "trend_clustered"}},
        {"id": "extremes", "label": "Top and bottom school", "table": "schools.extremes"},
    ],
    "findings": [
        {
            "id": "older_lower",
            "title": "Older students score lower",
            "values": {
                "falls": {"claims": "decline.*"},
                "ways": {"table": "multiverse.claims", "where": {"claim": "trends"}, "column": "share_holds"},
            },
            "outcomes": [
                {"verdict": "not_supported", "when": {"value": "falls", "is": 0}, "why": "None of {falls_of} falls."},
                {"verdict": "supported", "when": {"value": "ways", "at_least": 0.8}, "why": "In {ways} of ways."},
                {"verdict": "caveat", "why": "{falls} of {falls_of} fall, in {ways} of ways."},
            ],
        },
        {
            "id": "schools_differ",
            "title": "Schools differ",
            "values": {
                "beyond": {"table": "multiverse.claims", "where": {"claim": "school_chance"}, "column": "share_holds"},
                "differ": {"table": "schools.extremes", "column": "p_holm", "count": {"below": 0.05}},
            },
            "outcomes": [
                {"verdict": "not_supported", "when": {"value": "beyond", "below": 0.5}, "why": "{beyond} of ways."},
                {"verdict": "supported", "why": "In {beyond} of ways, and on {differ} of {differ_of} dimensions."},
            ],
        },
        {
            "id": "leaders_acted",
            "title": "Leaders acted",
            "values": {"acted": {"claims": "leaders"}},
            "outcomes": [
                {"verdict": "supported", "when": {"value": "acted", "is": 1}, "why": "They did ({acted})."},
                {"verdict": "not_supported", "why": "They did not."},
            ],
        },
    ],
}
FALL = {"KS1": 0.8, "KS2": 0.5, "KS3": -0.2, "KS4": -0.5, "KS5": -0.8}


def judged(folder, **planted):
    """The survey, built up to its audit."""
    size = {"schools": 20, "per_school": 60, "dimensions": 2, "phases": False, "seed": 3}
    survey = make_survey(folder, **(size | planted))
    publish(survey, CLAIMS, RULES)
    write_plan(survey, every_kind())
    path = survey.root / "config" / "verdicts" / f"{survey.name}.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(VERDICTS, sort_keys=False), encoding="utf-8")
    survey.change(verdicts=survey.name)
    build(survey)
    step(survey, "audit", results=survey.results, processed=survey.processed, out=survey.results / "audit")
    return survey


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    return judged(tmp_path_factory.mktemp("verdicts"), group_shift=FALL, icc=0.3)


def found(survey):
    return read(survey.tables, "verdicts.findings").set_index("finding")


def test_planted_truth_is_supported_and_what_was_not_asked_is_not_tested(survey):
    verdicts = found(survey)
    assert verdicts.verdict.to_dict() == {
        "older_lower": "supported",
        "schools_differ": "supported",
        "leaders_acted": "untested",
    }
    assert verdicts.why["older_lower"] == "In 100% of ways."
    assert verdicts.why["schools_differ"] == "In 100% of ways, and on 2 of 2 dimensions."
    assert verdicts.why["leaders_acted"] == "Nobody was asked."
    assert verdicts.number.tolist() == [1, 2, 3]


def test_the_opposite_turns_each(tmp_path):
    verdicts = found(judged(tmp_path, group_shift={k: -v for k, v in FALL.items()}, icc=0.0, school_r=0.0))
    assert verdicts.verdict[["older_lower", "schools_differ"]].tolist() == ["not_supported", "not_supported"]
    assert verdicts.why["older_lower"] == "None of 2 falls."


def test_what_a_verdict_rests_on_is_in_a_table(survey):
    values = read(survey.tables, "verdicts.values").set_index(["finding", "value"])
    assert values.text["older_lower", "falls"] == "2" and values.total["older_lower", "falls"] == 2
    assert values.source["older_lower", "falls"] == "scorecard: decline.*"
    assert values.source["older_lower", "ways"] == "multiverse.claims: claim is trends"
    assert values.lacking["leaders_acted", "acted"] == "Nobody was asked."


def test_corrections_inside_a_family_are_those_of_the_stage(survey):
    families = read(survey.tables, "verdicts.families").set_index(["family", "test"])
    tests = read(survey.tables, "key_stages.tests")
    trends = tests[tests.test == "trend_clustered"].set_index("dimension")
    for dimension in ("d1", "d2"):
        assert families.p_holm["trends", dimension] == pytest.approx(trends.p_holm[dimension])
    assert families.source["extremes", "d1"] == "schools.extremes"


def command(survey, **options):
    paths = {"tables": survey.tables, "scorecard": survey.results / "scorecard.csv", "out": survey.tables / "verdicts"}
    line = [sys.executable, ROOT / "scripts" / "verdicts.py", "--study", survey.name]
    for name, path in (paths | options).items():
        line += [f"--{name}", path]
    return subprocess.run(line, cwd=survey.root, capture_output=True, text=True, check=False)


def test_two_runs_write_the_same_bytes(survey, tmp_path):
    run = command(survey, out=tmp_path / "again")
    assert run.returncode == 0 and run.stderr == "", run.stderr
    for path in (tmp_path / "again").iterdir():
        assert path.read_bytes() == (survey.tables / "verdicts" / path.name).read_bytes()


def test_a_missing_table_and_a_wrong_rule_say_what_to_do(survey, tmp_path):
    run = command(survey, tables=tmp_path)
    assert run.returncode == 2 and "no such table" in run.stderr and "Traceback" not in run.stderr
    path = survey.root / "config" / "verdicts" / f"{survey.name}.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("p_holm", "p_hlm"), encoding="utf-8")
    run = command(survey)
    path.write_text(text, encoding="utf-8")
    assert run.returncode == 2 and "Did you mean" in run.stderr and "findings.1.values.differ" in run.stderr
