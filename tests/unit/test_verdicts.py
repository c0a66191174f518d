"""Verdicts: each of the nine findings turns with the truth, by the real rules; and the grammar of rules."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from verdict_frames import FRAMES, RULES, STUDY, evidence, planted, verdict

from learning_survey.config import Loaded, load_study
from learning_survey.errors import SurveyError
from learning_survey.schemas import TABLES
from learning_survey.verdict_rules import LABELS, Finding, load_verdicts
from learning_survey.verdicts import Known
from learning_survey.verdicts import judged as verdict_on


def headline(claim: str, **values: float) -> tuple[str, dict, dict]:
    return "multiverse.claims", {"claim": claim}, values


# Where the tables agree with every published claim.
AGREED = {
    "three_notions": "caveat",
    "two_fifths": "supported",
    "students_decline": "caveat",
    "challenge_short": "caveat",
    "errors_as_failures": "supported",
    "leadership_matters": "untested",
    "huge_differences": "supported",
    "leaders_teachers_difference": "untested",
    "ofsted_unrelated": "untested",
}


def turned(x: float) -> float:
    return -x


RISING = [
    ("key_stages.means", {}, {"mean": lambda m: 7 - m}),
    ("key_stages.tests", {}, {"slope": turned, "slope_ci_low": 0.1, "slope_ci_high": 0.3}),
    ("key_stages.pairs", {}, {"difference": turned}),
]
# The opposite truth of each finding.
OPPOSITE = {
    "three_notions": [("factors.suggested", {"matrix": "dimensions"}, {"factors": 1})],
    "two_fifths": [
        (
            "describe.dimensions",
            {"dimension": ["school_is_fair", "school_is_safe", "teachers_help"]},
            {"share_high": 0.7},
        )
    ],
    "students_decline": RISING,
    "challenge_short": [
        ("describe.contrasts", {}, {"difference": -0.2, "difference_ci_low": -0.3, "difference_ci_high": -0.1})
    ],
    "errors_as_failures": [
        ("describe.dimensions", {"dimension": "errors_as_opportunities"}, {"share_high": 0.7}),
        ("describe.bands", {"dimension": "errors_as_opportunities"}, {"share": 0.05}),
    ],
    "leadership_matters": [
        ("schools.strong_culture", {}, {"ratio": 1.05, "ratio_ci_low": 0.95, "ratio_ci_high": 1.15})
    ],
    "huge_differences": [
        ("schools.extremes", {}, {"d_total": 0.1, "d_shrunken": 0.05, "p_holm": 0.6}),
        ("schools.gaps", {}, {"p": 0.4}),
        headline("extremes_chance", share_holds=0.0, n_holds=0, estimate=0.8),
    ],
    "leaders_teachers_difference": [
        ("schools.variance", {}, {"icc1": 0.002}),
        headline("extremes_chance", share_holds=0.0, n_holds=0, estimate=0.8),
    ],
    "ofsted_unrelated": [("inspection.tests", {"test": "welch_anova"}, {"p": 0.0001, "p_holm": 0.001})],
}


GONE_RATIO = dict.fromkeys(("ratio", "ratio_ci_low", "ratio_ci_high"), float("nan"))
NO_CULTURE = ("schools.strong_culture", {}, {"n_schools": 0, "n_rest": 87, "share": 0.0} | GONE_RATIO)
ONLY_CULTURE = ("schools.strong_culture", {}, {"n_schools": 87, "n_rest": 0, "share": 1.0} | GONE_RATIO)


def contrast(difference: float, half: float) -> dict[str, float]:
    return {
        "difference": difference,
        "difference_ci_low": difference - half,
        "difference_ci_high": difference + half,
    }


def trends(slope: float, half: float, p: float) -> tuple[str, dict, dict]:
    changes = {"slope": slope, "slope_ci_low": slope - half, "slope_ci_high": slope + half, "p_holm": p}
    return "key_stages.tests", {}, changes


UNSURE, LEVEL = trends(-0.1, 0.2, 0.6), trends(0.0, 0.03, 0.9)


def test_every_finding_has_a_rule_and_is_turned_here():
    assert list(RULES) == list(AGREED) == list(OPPOSITE)


@pytest.mark.parametrize("finding", AGREED)
def test_a_finding_has_its_verdict_where_the_tables_agree(finding):
    found = verdict(finding, FRAMES)
    assert found["verdict"] == AGREED[finding], found["why"]
    assert found["label"] == LABELS[found["verdict"]]


@pytest.mark.parametrize("finding", OPPOSITE)
def test_the_opposite_truth_turns_each_finding(finding):
    found = verdict(finding, planted(*OPPOSITE[finding]))
    assert found["verdict"] == "not_supported", found["why"]
    assert found["outcome"] < len(RULES[finding].outcomes)


@pytest.mark.parametrize("finding", AGREED)
def test_no_finding_turns_with_the_truth_of_the_others(finding):
    others = [change for name, changes in OPPOSITE.items() if name != finding for change in changes]
    # The range of schools bears on two findings.
    if finding in ("huge_differences", "leaders_teachers_difference"):
        others = [c for c in others if not c[0].startswith(("multiverse.", "schools."))]
    assert verdict(finding, planted(*others))["verdict"] == AGREED[finding]


@pytest.mark.parametrize(
    ("finding", "changes", "expected"),
    [
        ("three_notions", [("factors.suggested", {"matrix": "dimensions"}, {"factors": 4})], "supported"),
        ("three_notions", [("factors.congruence", {}, {"tucker": 0.6})], "not_supported"),
        ("two_fifths", [headline("two_fifths", share_holds=0.25, n_holds=12)], "caveat"),
        ("students_decline", [("invariance.verdicts", {}, {"outcome": "fails"})], "caveat"),
        ("students_decline", [headline("older_lower", share_holds=0.5)], "caveat"),
        ("errors_as_failures", [("describe.bands", {}, {"share": 0.2})], "caveat"),
        ("errors_as_failures", [headline("errors_lowest", share_holds=0.5)], "caveat"),
        ("huge_differences", [("schools.extremes", {}, {"d_shrunken": 0.5})], "caveat"),
        ("ofsted_unrelated", [("inspection.equivalence", {}, {"verdict": "alike"})], "supported"),
        ("three_notions", [("factors.congruence", {}, {"tucker": 0.9})], "caveat"),
        ("leadership_matters", [NO_CULTURE], "not_supported"),
        ("leadership_matters", [ONLY_CULTURE], "untested"),
        # More than twice as well is no less to have been done by leaders.
        ("leadership_matters", [("schools.strong_culture", {}, {"ratio": 3.0})], "untested"),
        ("challenge_short", [("describe.contrasts", {}, contrast(0.05, 0.2))], "untested"),
        ("challenge_short", [("describe.contrasts", {}, contrast(0.0, 0.05))], "not_supported"),
        # Few schools: no fall is beyond doubt, and none is ruled out.
        ("students_decline", [UNSURE], "untested"),
        ("students_decline", [LEVEL], "not_supported"),
    ],
)
def test_what_lies_between_has_its_own_verdict(finding, changes, expected):
    found = verdict(finding, planted(*changes))
    assert found["verdict"] == expected, found["why"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (NO_CULTURE, "none of 87 schools"),
        (ONLY_CULTURE, "each of 87 schools"),
        (("schools.strong_culture", {}, {"ratio": 1.2}), "1.20 times"),
    ],
)
def test_a_ratio_that_is_not_there_or_too_small_is_told_for_what_it_is(change, says):
    assert says in verdict("leadership_matters", planted(change))["why"]


@pytest.mark.parametrize("finding", ["challenge_short", "leadership_matters", "leaders_teachers_difference"])
def test_what_one_survey_cannot_show_is_never_called_supported(finding):
    """Two questions compared, what leaders did, a cause: no figures of such a survey bear these out."""
    assert "supported" not in {outcome.verdict for outcome in RULES[finding].outcomes}


@pytest.mark.parametrize("finding", AGREED)
@pytest.mark.parametrize("opposite", [False, True])
def test_the_reason_holds_the_numbers_and_no_gap(finding, opposite):
    frames = planted(*OPPOSITE[finding]) if opposite else FRAMES
    why = verdict(finding, frames)["why"]
    assert any(c.isdigit() for c in why) and "{" not in why and "–" not in why and "nan" not in why
    assert why.endswith(".")


@pytest.mark.parametrize("finding", AGREED)
def test_no_number_is_typed_into_a_reason(finding):
    """Digits in a reason come from tables: nothing but names stands in the rule."""
    for outcome in RULES[finding].outcomes:
        text = outcome.why
        for name in sorted(RULES[finding].values, key=len, reverse=True):
            text = text.replace(f"{{{name}", "{")
        assert not any(c.isdigit() for c in text), text


def test_students_who_were_followed_can_decline():
    study = Loaded(STUDY.study.model_copy(update={"longitudinal": True}), STUDY.instrument, STUDY.root)
    assert verdict("students_decline", FRAMES, study)["verdict"] == "supported"
    assert verdict("students_decline", planted(*RISING), study)["verdict"] == "not_supported"


# ---------------------------------------------------------------- what is lacking


def lacking(*keys: str) -> Loaded:
    return Loaded(STUDY.study.model_copy(update=dict.fromkeys(keys)), STUDY.instrument, STUDY.root)


@pytest.mark.parametrize(
    ("finding", "keys", "why"),
    [
        ("students_decline", ["key_stages"], "The study has no ordered groups."),
        ("huge_differences", ["schools", "multiverse"], "The study has no"),
        ("ofsted_unrelated", ["inspection"], "The study has no ratings."),
    ],
)
def test_a_finding_without_data_cannot_be_tested_and_says_why(finding, keys, why):
    found = verdict(finding, FRAMES, lacking(*keys))
    assert found["verdict"] == "untested" and found["why"].startswith(why)


def test_a_withheld_number_is_no_verdict():
    frames = planted(("inspection.tests", {"dimension": "challenge"}, {"p_holm": float("nan")}))
    found = verdict("ofsted_unrelated", frames)
    assert found["verdict"] == "untested" and "withheld" in found["why"]


# ---------------------------------------------------------------- the grammar


def finding(when: dict, *names: str) -> Finding:
    cell = {"table": "clean.sample", "where": {"fact": "students"}, "column": "value"}
    return Finding.model_validate(
        {
            "id": "f",
            "title": "F",
            "values": dict.fromkeys(names, cell),
            "outcomes": [
                {"verdict": "supported", "when": when, "why": "Yes."},
                {"verdict": "not_supported", "why": "No."},
            ],
        }
    )


GONE = Known(lacking="It is gone.")


@pytest.mark.parametrize(
    ("when", "known", "expected"),
    [
        ({"value": "a", "above": 1}, {"a": Known(2)}, "supported"),
        ({"value": "a", "above": 2}, {"a": Known(2)}, "not_supported"),
        ({"value": "a", "at_least": 2}, {"a": Known(2)}, "supported"),
        ({"value": "a", "at_most": 1}, {"a": Known(2)}, "not_supported"),
        ({"value": "a", "below": "b"}, {"a": Known(2), "b": Known(3)}, "supported"),
        ({"value": "a", "below": "b"}, {"a": Known(2), "b": GONE}, "untested"),
        ({"value": "a", "is": "holds"}, {"a": Known("holds")}, "supported"),
        ({"value": "a", "is": True}, {"a": Known(value=False)}, "not_supported"),
        ({"value": "a", "among": ["x", "y"]}, {"a": Known("y")}, "supported"),
        ({"value": "a", "every": True}, {"a": Known(3, total=3)}, "supported"),
        ({"value": "a", "every": True}, {"a": Known(2, total=3)}, "not_supported"),
        ({"value": "a", "at_least": 1, "below": 2}, {"a": Known(2)}, "not_supported"),
        ({"all": [{"value": "a", "is": 1}, {"value": "b", "is": 1}]}, {"a": Known(0), "b": GONE}, "not_supported"),
        ({"all": [{"value": "a", "is": 1}, {"value": "b", "is": 1}]}, {"a": Known(1), "b": GONE}, "untested"),
        ({"any": [{"value": "a", "is": 1}, {"value": "b", "is": 1}]}, {"a": Known(1), "b": GONE}, "supported"),
        ({"any": [{"value": "a", "is": 1}, {"value": "b", "is": 1}]}, {"a": Known(0), "b": GONE}, "untested"),
        (
            {"any": [{"all": [{"value": "a", "is": 1}]}, {"value": "b", "is": 1}]},
            {"a": Known(0), "b": Known(1)},
            "supported",
        ),
    ],
)
def test_conditions_and_what_is_not_known(when, known, expected):
    found = verdict_on(finding(when, "a", "b"), known)
    assert found["verdict"] == expected
    assert found["why"] == {"untested": "It is gone."}.get(expected, found["why"])


def test_values_are_cells_counts_and_claims():
    known = evidence(FRAMES)
    rule = RULES["ofsted_unrelated"].values["different"]
    assert (known.value(rule).value, known.value(rule).total) == (0, 9)
    claims = known.value(RULES["students_decline"].values["falls"])
    assert (claims.part(""), claims.part("of"), claims.part("share")) == ("9", "9", "100%")
    cell = known.value(RULES["challenge_short"].values["difference"])
    assert (cell.part(""), cell.part("low"), cell.part("high"), cell.part("ci")) == (
        "0.40",
        "0.30",
        "0.50",
        "0.30 to 0.50",
    )
    least = known.value(RULES["students_decline"].values["weakest"])
    assert least.value == 0.2 and (least.low, least.high) == (pytest.approx(0.15), pytest.approx(0.25))


def changed(tmp_path: Path, edit) -> Loaded:
    """The real study with its rules edited."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    path = tmp_path / "config/verdicts/phase_one.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return load_study("phase_one", tmp_path)


@pytest.mark.parametrize(
    ("edit", "message", "remedy"),
    [
        (
            lambda c: c["findings"][0]["values"]["factors"].update(table="factors.sugested"),
            "unknown table",
            "factors.suggested",
        ),
        (
            lambda c: c["findings"][0]["values"]["factors"].update(table="verdicts.values", column="text"),
            "made of these rules",
            "",
        ),
        (lambda c: c["findings"][0]["values"]["factors"].update(column="factor"), "no column 'factor'", "'factors'"),
        (lambda c: c["findings"][0]["values"]["factors"].update(where={"matrx": "x"}), "no column 'matrx'", "'matrix'"),
        (
            lambda c: c["findings"][1]["values"]["near"].update(claims="high.fair_safe"),
            "no claim 'high.fair_safe'",
            "two_fifths",
        ),
        (
            lambda c: c["findings"][1]["values"]["ways"].update(where={"claim": "two_fifth"}),
            "no headline claim",
            "'two_fifths'",
        ),
        (lambda c: c["findings"][1]["outcomes"][0]["when"].update(value="neer"), "unknown value 'neer'", "'near'"),
        (lambda c: c["findings"][1]["outcomes"][0].update(why="{leastt}"), "why: unknown value 'leastt'", "'least'"),
        (lambda c: c["findings"][1]["outcomes"][0].update(why="{near_ci}"), "why: unknown value 'near_ci'", "near_"),
        (lambda c: c["findings"][1]["outcomes"][0].update(verdict="refuted"), "verdict", ""),
        (lambda c: c["findings"][1]["outcomes"].pop(), "the last outcome", ""),
        (
            lambda c: c["findings"][1]["values"].update(idle={"claims": "sample.*"}),
            "'idle' is in no condition",
            "take it out",
        ),
        (
            lambda c: c["findings"][2]["values"]["followed"].update(setting="longitudnal"),
            "a study has no 'longitudnal'",
            "'longitudinal'",
        ),
        (lambda c: c["findings"][1].update(id="three_notions"), "'three_notions' is given twice", "own id"),
        (lambda c: c["families"][0].update(p="p_value"), "no column 'p_value'", "'p_"),
        (lambda c: c["findings"][0]["outcomes"][0].update(wenn=1), "unknown key", "'when'"),
        (lambda c: c["findings"][1]["outcomes"][0].update(when={"value": "near"}), "say what it must be", ""),
    ],
)
def test_a_wrong_rule_names_its_place_and_the_nearest_name(tmp_path, edit, message, remedy):
    study = changed(tmp_path, edit)
    with pytest.raises(SurveyError, match=message) as error:
        load_verdicts(study)
    assert "verdicts/phase_one.yaml, line " in error.value.where and remedy in error.value.remedy


def test_rows_that_are_not_there_or_too_many_are_errors():
    known = evidence(FRAMES)
    rule = RULES["challenge_short"].values["difference"]
    with pytest.raises(SurveyError, match="no row where dimension is chalenge") as error:
        known.value(rule.model_copy(update={"where": {"dimension": "chalenge"}}))
    assert "challenge" in error.value.remedy
    with pytest.raises(SurveyError, match=r"rows of table 'schools\.variance'"):
        known.value(RULES["leaders_teachers_difference"].values["icc_least"].model_copy(update={"pick": None}))


def test_verdicts_need_published_claims(tmp_path):
    study = changed(tmp_path, lambda c: None)
    path = tmp_path / "config/studies/phase_one.yaml"
    path.write_text(path.read_text().replace("published: phase_one\n", ""))
    with pytest.raises(SurveyError, match="verdicts need 'published'"):
        load_study("phase_one", tmp_path)
    assert "verdicts" in study.stages and "verdicts" not in load_study("bfi", ROOT).stages


def test_tables_of_verdicts_are_in_the_registry():
    assert {n for n in TABLES if n.startswith("verdicts.")} == {
        "verdicts.findings",
        "verdicts.values",
        "verdicts.families",
    }
