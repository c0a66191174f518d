"""Studies of students planted with the opposite truth, from exports to report: verdicts and words turn."""

from __future__ import annotations

import csv

import pytest
from pipeline import build, step
from planted import AGAINST, TRUTHS, VERDICTS, WORDS, plant
from readable import plain, readable


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", params=list(TRUTHS))
def planted(request, tmp_path_factory):
    """One planted study with everything up to its report: its name and its results."""
    study = plant(tmp_path_factory.mktemp(request.param), request.param)
    build(study)
    step(study, "figures", tables=study.tables, out=study.results / "figures")
    step(study, "report", results=study.results, out=study.results / "report")
    return request.param, study.results


def texts(results):
    """The report as HTML and as Word, as one run of letters each."""
    return {
        path.suffix: "".join(map(plain, readable(path.name, path.read_bytes())))
        for path in (results / "report").iterdir()
        if path.suffix in (".html", ".docx")
    }


def test_each_finding_is_turned_by_some_study():
    for finding, verdict in VERDICTS["phase_one"].items():
        assert verdict != AGAINST
        assert any(VERDICTS[name][finding] == AGAINST for name in TRUTHS), finding


def test_verdicts_are_those_of_the_planted_truth(planted):
    name, results = planted
    findings = rows(results / "tables/verdicts/findings.csv")
    assert {row["finding"]: row["verdict"] for row in findings} == VERDICTS[name], [row["why"] for row in findings]


def test_the_report_gives_each_verdict_and_its_reason(planted):
    _, results = planted
    for kind, text in texts(results).items():
        for row in rows(results / "tables/verdicts/findings.csv"):
            assert plain(f"Verdict: {row['label']}. {row['why']}") in text, (kind, row["finding"])


def test_the_words_of_the_report_follow_the_data(planted):
    name, results = planted
    for kind, text in texts(results).items():
        for finding, words in WORDS.items():
            against = VERDICTS[name][finding] == AGAINST
            assert plain(words[against]) in text, (kind, finding)
            assert plain(words[not against]) not in text, (kind, finding)


def test_claims_fail_where_their_opposite_was_planted(planted):
    name, results = planted
    verdicts = {row["claim_id"]: (row["verdict"], row["computed"]) for row in rows(results / "scorecard.csv")}
    orders = {
        "reversed": {
            "gender.order": "boys>girls>other in 0 of 9",
            "inspection.good_above_outstanding": "0 of 9",
            "inspection.no_difference": "9 of 9",
            "high.errors_lowest": "school_is_safe",
            "key_stage.decline.learning": "no decline",
            "challenge.below_expectation": "not short",
        },
        "alike": {"key_stage.decline.learning": "no decline", "schools.strong_culture_share": "0"},
    }[name]
    for claim, computed in orders.items():
        assert verdicts[claim] == ("not recovered", computed)


def test_a_planted_cohort_is_not_said_to_be_calibrated_to_what_was_published(planted):
    _, results = planted
    for kind, text in texts(results).items():
        assert plain("It was planted with another truth than the published one.") in text, kind
        assert plain("calibrated to") not in text and plain("resemble the published") not in text, kind
