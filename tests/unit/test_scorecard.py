"""The scorecard: every claim once, and the other verdict when the data say the other thing."""

import copy
import math
import shutil

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from published_tables import agreeing, claims

from learning_survey.claim_rules import Tolerance
from learning_survey.claims import load_published
from learning_survey.config import Loaded, load_study
from learning_survey.errors import SurveyError
from learning_survey.schemas import TABLES
from learning_survey.scorecard import CHECKS, Source, holds, judged

STUDY = load_study("phase_one", ROOT)
PUBLISHED, MATCHED = load_published("phase_one", ROOT)
FRAMES = agreeing()
EXTERNAL = "schools.strong_culture_leadership"
NAN = math.nan


def real(study: Loaded, **keys) -> Loaded:
    changed = study.study.model_copy(update={"synthetic": False, "calibration": None, **keys})
    return Loaded(changed, study.instrument, study.root)


def judge(claim: str, frames: dict, study: Loaded = STUDY) -> dict:
    matched = next(m for m in MATCHED if m.claim.claim_id == claim)
    return judged(matched, PUBLISHED, Source(study, ROOT / "nowhere", _read=frames))


def altered(table: str, where: dict, **values) -> dict:
    """The agreeing tables, with some cells of one table changed: a number, or a function of the old one."""
    frames = dict(FRAMES)
    frame = frames[table] = FRAMES[table].copy()
    rows = pd.Series(True, index=frame.index)
    for column, wanted in where.items():
        rows &= frame[column].isin([wanted] if isinstance(wanted, str) else wanted)
    assert rows.any()
    for column, value in values.items():
        frame.loc[rows, column] = frame.loc[rows, column].map(value) if callable(value) else value
    return frames


@pytest.mark.parametrize("claim", [c for c in claims() if c != EXTERNAL])
def test_every_claim_holds_where_the_tables_agree(claim):
    row = judge(claim, FRAMES)
    assert row["verdict"] == "recovered", row["reason"]
    assert row["computed"]
    assert row["source_file"].startswith("tables/")
    assert row["rule"] in ("clean", *STUDY.stages)


@pytest.mark.parametrize("claim", [m.claim.claim_id for m in MATCHED if m.claim.kind == "value"])
def test_a_value_outside_its_tolerance_does_not_hold(claim):
    matched = next(m for m in MATCHED if m.claim.claim_id == claim)
    rule = matched.rule
    if rule.check == "label":
        frames = altered(rule.table, {"position": matched.values["position"]}, rating="Inadequate")
    else:
        beyond = 1.02 * PUBLISHED.tolerances[rule.tolerance].cap or 1
        where = {c: w.format_map(matched.values) for c, w in rule.where.items()} | rule.at
        frames = altered(
            rule.table, where, **{rule.column: float(matched.claim.published) / rule.scale + beyond / rule.scale}
        )
    assert judge(claim, frames)["verdict"] == "not recovered"


DIMENSION = {"dimension": "learning"}
FLIPS = {
    "high.fair_safe_help_two_fifths": ("describe.dimensions", {"dimension": "school_is_safe"}, {"share_high": 0.46}),
    "high.aiming_high_highest": ("describe.dimensions", {"dimension": "challenge"}, {"share_high": 0.63}),
    "high.errors_lowest": ("describe.dimensions", {"dimension": "learning"}, {"share_high": 0.14}),
    "key_stage.decline.learning": ("key_stages.tests", DIMENSION, {"slope": 0.2}),
    "key_stage.decline.challenge": ("key_stages.tests", {"dimension": "challenge"}, {"p_holm": 0.06}),
    "key_stage.decline.aiming_high": (
        "key_stages.means",
        {"dimension": "aiming_high", "group": "KS5"},
        {"mean": 4.1},
    ),
    "key_stage.decline.school_is_safe": (
        "key_stages.pairs",
        {"dimension": "school_is_safe", "group_a": "KS3", "group_b": "KS4"},
        {"difference": -0.1},
    ),
    "key_stage.primary_secondary_step": ("key_stages.means", {"group": "KS4"}, {"mean": 2.9}),
    "items.highest": ("describe.items", {"item": "learning1"}, {"mean": 3.9}),
    "items.lowest": ("describe.items", {"item": "challenge1"}, {"mean": 1.1}),
    "challenge.below_expectation": (
        "describe.contrasts",
        {},
        {"difference": -0.4, "difference_ci_low": -0.5, "difference_ci_high": -0.3},
    ),
    "gender.order": ("gender.means", {**DIMENSION, "group": "girls"}, {"mean": 3.8}),
    "gender.effect_min": ("gender.pairs", {**DIMENSION, "group_b": "girls"}, {"hedges_g": 0.04}),
    "gender.effect_max": ("gender.pairs", {**DIMENSION, "group_a": "boys"}, {"hedges_g": -0.36}),
    "gender.other_lowest_fair_safe": (
        "gender.means",
        {"dimension": "school_is_safe", "group": "boys"},
        {"mean": 3.0},
    ),
    "schools.top_bottom_gap_min": ("schools.extremes", DIMENSION, {"gap": 23.0}),
    "schools.top_bottom_gap_max": ("schools.extremes", DIMENSION, {"gap": 86.0}),
    "schools.top_bottom_significant": ("schools.extremes", DIMENSION, {"p_holm": 0.051}),
    "inspection.no_difference": ("inspection.tests", DIMENSION, {"p_holm": 0.049}),
    "inspection.good_above_outstanding": ("inspection.means", {**DIMENSION, "rating": "Good"}, {"mean": 3.49}),
}


@pytest.mark.parametrize("claim", FLIPS)
def test_contradicting_data_give_the_other_verdict(claim):
    table, where, values = FLIPS[claim]
    frames = altered(table, where, **values)
    assert judge(claim, frames)["verdict"] == "not recovered"
    assert judge(claim, frames, real(STUDY))["verdict"] == "not reproduced"
    assert judge(claim, FRAMES, real(STUDY))["verdict"] == "reproduced"


def test_every_kind_of_check_has_a_flip():
    flipped = {m.rule.check for m in MATCHED if m.claim.claim_id in FLIPS or m.claim.kind == "value"}
    assert flipped == set(CHECKS) - {"range", "compare"}  # no claim of Phase One needs these: tests/unit/test_claims.py


def test_an_interval_that_includes_zero_is_not_a_difference():
    frames = altered("describe.contrasts", {}, difference_ci_low=-0.01)
    assert judge("challenge.below_expectation", frames)["verdict"] == "not recovered"


def test_the_reason_names_the_level_of_the_study():
    resampling = STUDY.resampling.model_copy(update={"level": 0.9})
    row = judge("challenge.below_expectation", FRAMES, real(STUDY, resampling=resampling))
    assert "90% interval" in row["reason"]


def test_an_insignificant_step_upwards_does_not_refute_a_decline():
    where = {**DIMENSION, "group_a": "KS4", "group_b": "KS5"}
    frames = altered("key_stages.pairs", where, difference=-0.02, p_holm=0.4)
    assert judge("key_stage.decline.learning", frames)["verdict"] == "recovered"


def test_a_claim_that_needs_other_data_is_not_computable_and_says_why():
    row = judge(EXTERNAL, FRAMES)
    assert row["verdict"] == "not computable"
    assert "leaders" in row["reason"]
    assert row["computed"] is None
    assert not holds(row["verdict"])


def test_a_study_without_schools_says_so():
    study = real(STUDY, schools=None, inspection=None, gender=None, key_stages=None)
    reasons = {
        "schools.top_bottom_gap_max": "The study has no schools.",
        "gender.order": "The study has no gender.",
        "inspection.no_difference": "The study has no ratings.",
        "key_stage.primary_secondary_step": "The study has no ordered groups.",
    }
    for claim, reason in reasons.items():
        row = judge(claim, FRAMES, study)
        assert (row["verdict"], row["reason"]) == ("not computable", reason)
    assert judge("reliability.overall", FRAMES, study)["verdict"] == "reproduced"


@pytest.mark.parametrize("claim", [c for c in claims() if c != EXTERNAL])
def test_withheld_figures_are_not_computable(claim):
    """Whatever numbers a check reads, without them there is no verdict for or against."""
    rule = next(m.rule for m in MATCHED if m.claim.claim_id == claim)
    frames = dict(FRAMES)
    frames[rule.table] = FRAMES[rule.table].copy()
    frames[rule.table][rule.column] = None if rule.check == "label" else NAN
    row = judge(claim, frames)
    assert row["verdict"] == "not computable"
    assert row["reason"].endswith(".")


def test_an_empty_table_is_not_computable():
    row = judge("challenge.below_expectation", FRAMES | {"describe.contrasts": FRAMES["describe.contrasts"].iloc[:0]})
    assert (row["verdict"], row["reason"]) == (
        "not computable",
        "The table describe.contrasts is empty for this study.",
    )


def test_a_group_that_the_study_lacks_is_not_computable():
    frames = FRAMES | {"gender.means": FRAMES["gender.means"].query("group != 'other'")}
    assert "no 'other'" in judge("gender.order", frames)["reason"]


def test_a_table_that_should_be_there_is_an_error():
    with pytest.raises(SurveyError, match="no such table"):
        judge("reliability.overall", {})


# ---------------------------------------------------------------- what the row says


def test_units_sources_and_sentences():
    row = judge("high.challenge", altered("describe.dimensions", {"dimension": "challenge"}, share_high=0.487))
    assert (row["computed"], row["tolerance"], row["verdict"]) == ("48.7", 1.5, "recovered")
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((45, 51))
    assert row["reason"] == "48.7 lies within 1.5 of 48."
    assert row["source_file"] == "tables/describe/dimensions.csv"
    assert row["source_row"] == "row 3: dimension=challenge"
    assert row["rule"] == "describe"


def test_a_claim_on_several_tables_names_them_and_their_rows():
    row = judge("key_stage.decline.challenge", FRAMES)
    assert row["source_file"] == "tables/key_stages/means.csv; tables/key_stages/tests.csv; tables/key_stages/pairs.csv"
    assert row["source_row"].startswith(
        "rows 7-11; row 5: dimension=challenge, test=trend_clustered; rows 12, 16, 19, 21"
    )


def test_source_rows_hold_the_computed_figure():
    """Row numbers are those of a spreadsheet, with the header in row 1."""
    for claim in ("reliability.learning", "loading.school_is_safe.safety", "schools.top_bottom_gap_max"):
        row, rule = judge(claim, FRAMES), next(m.rule for m in MATCHED if m.claim.claim_id == claim)
        number = int(row["source_row"].split(":")[0].removeprefix("row "))
        assert FRAMES[rule.table][rule.column].iloc[number - 2] == float(row["computed"])


def test_the_largest_step_says_in_how_many_it_is():
    frames = altered("key_stages.means", {**DIMENSION, "group": "KS2"}, mean=3.4)
    row = judge("key_stage.primary_secondary_step", frames)
    assert row["verdict"] == "recovered"
    assert "8 of 9" in row["reason"]


def test_the_least_gap_must_be_where_it_was_published():
    frames = altered("schools.extremes", DIMENSION, gap=23.5)
    row = judge("schools.top_bottom_gap_min", frames)
    assert row["verdict"] == "not recovered"
    assert row["reason"] == "The least is at learning, not at errors_as_opportunities; 23.5 lies within 1.5 of 24."


def test_limits_of_an_absolute_bound_are_those_of_the_size():
    frames = altered("gender.pairs", {}, hedges_g=lambda x: -x, hedges_g_ci_low=-0.5, hedges_g_ci_high=-0.01)
    row = judge("gender.effect_max", frames)
    assert (row["computed"], row["ci_low"], row["ci_high"]) == ("0.3", 0.01, 0.5)


# ---------------------------------------------------------------- tolerance


@pytest.mark.parametrize(
    ("tolerance", "printed", "sampling", "expected"),
    [
        ({"cap": 0.01}, "0.73", 0.0, 0.005),
        ({"cap": 0.01}, "0.73", 0.002, 0.007),
        ({"cap": 0.01}, "0.73", 0.2, 0.01),
        ({"cap": 1}, "48", 0.0, 0.5),
        ({"cap": 1, "decimals": 2}, "0.7", 0.0, 0.005),
        ({"cap": 5, "rounding": 5}, "50", 0.0, 5),
        ({"cap": 0}, "29940", 3.0, 0),
    ],
)
def test_tolerance(tolerance, printed, sampling, expected):
    assert Tolerance(**tolerance).of(printed, sampling) == pytest.approx(expected)


def test_no_tolerance_is_wider_than_its_kind_allows():
    caps = {"alpha": 0.01, "loading": 0.05, "share": 1.5, "effect": 0.10, "count": 0}
    assert {name: PUBLISHED.tolerances[name].cap for name in caps} == caps
    units = {"alpha": "alpha", "loading": "loading", "percent": "share", "effect size": "effect"}
    words = {"sample.primary_share", "schools.strong_culture_share"}
    for m in MATCHED:
        if m.rule.check == "value" and m.claim.unit in units and m.claim.claim_id not in words:
            assert m.rule.tolerance == units[m.claim.unit]


@given(
    half=st.floats(0, 0.5),
    shift=st.floats(-0.2, 0.2),
    claim=st.sampled_from(["learning", "challenge"]),
)
def test_a_verdict_is_the_comparison_that_the_row_shows(half, shift, claim):
    """Whatever the figures, the verdict follows from the published value, the computed one and the tolerance shown."""
    published = float(claims()[f"schools.top_bottom_effect.{claim}"])
    d = published + shift
    frames = altered("schools.extremes", {"dimension": claim}, d=d, d_ci_low=d - half, d_ci_high=d + half)
    row = judge(f"schools.top_bottom_effect.{claim}", frames)
    assert 0.005 <= row["tolerance"] <= 0.10
    near_edge = abs(abs(float(row["computed"]) - published) - row["tolerance"]) < 1e-7
    assert near_edge or holds(row["verdict"]) == (abs(float(row["computed"]) - published) <= row["tolerance"])


# ---------------------------------------------------------------- wrong configuration


@pytest.fixture
def project(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


def edit(project, change) -> None:
    path = project / "config/published/phase_one.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def rule(content, claim):
    return next(r for r in content["rules"] if r["claims"] == claim)


BROKEN = {
    "unknown key": (lambda c: rule(c, "reliability.overall").update(tabel="x"), r"(?s)tabel: unknown key.*'table'"),
    "unknown key above": (lambda c: c.update(rule=[]), r"(?s)rule: unknown key.*'rules'"),
    "unknown check": (lambda c: rule(c, "reliability.overall").update(check="vaule"), r"(?s)vaule.*mean 'value'"),
    "unknown table": (
        lambda c: rule(c, "reliability.overall").update(table="reliability.alpa"),
        r"(?s)unknown table.*'reliability.alpha'",
    ),
    "unknown column": (
        lambda c: rule(c, "reliability.overall").update(column="alfa"),
        r"(?s)no column 'alfa'.*'alpha'",
    ),
    "unknown column in where": (
        lambda c: rule(c, "reliability.overall").update(where={"scael": "all"}),
        r"(?s)no column 'scael'.*'scale'",
    ),
    "unknown column of the trend": (
        lambda c: rule(c, "key_stage.decline.{dimension}")["trend"].update(p="p_hol"),
        r"(?s)no column 'p_hol'.*'p_holm'",
    ),
    "unknown placeholder": (
        lambda c: rule(c, "reliability.{dimension}").update(where={"scale": "{dimensoin}"}),
        r"(?s)'\{dimensoin\}' is not in.*'dimension'",
    ),
    "unknown tolerance": (
        lambda c: rule(c, "reliability.overall").update(tolerance="alfa"),
        r"(?s)unknown tolerance 'alfa'.*'alpha'",
    ),
    "rule for no claim": (
        lambda c: c["rules"].append(copy.deepcopy(rule(c, "reliability.overall")) | {"claims": "reliability.overal.x"}),
        r"(?s)no claim is computed.*'reliability.overall'",
    ),
    "two rules": (
        lambda c: c["rules"].append(copy.deepcopy(rule(c, "reliability.overall"))),
        "two rules compute 'reliability.overall'",
    ),
    "at without pick": (lambda c: rule(c, "schools.top_bottom_gap_min").pop("pick"), "'at' needs 'pick'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_wrong_rule_is_an_error_that_names_file_place_and_remedy(project, case):
    change, message = BROKEN[case]
    edit(project, change)
    with pytest.raises(SurveyError, match=message) as caught:
        load_published("phase_one", project)
    assert "phase_one.yaml" in caught.value.where


def test_where_for_no_row_or_several_is_an_error(project):
    edit(project, lambda c: rule(c, "reliability.overall").update(where={"scale": "total"}))
    edit(project, lambda c: rule(c, "factors.count").update(where={"matrix": "dimensions"}))
    published, matched = load_published("phase_one", project)
    for claim, message in (
        ("reliability.overall", "no row where scale=total"),
        ("factors.count", "2 rows of table 'factors.suggested' match; it needs one"),
    ):
        with pytest.raises(SurveyError, match=message):
            judged(
                next(m for m in matched if m.claim.claim_id == claim), published, Source(STUDY, project, _read=FRAMES)
            )


def test_a_claim_without_a_rule_is_listed_as_not_computable(project):
    edit(project, lambda c: c["rules"].remove(rule(c, "reliability.overall")))
    edit(
        project,
        lambda c: rule(c, "reliability.{dimension}").update(claims="reliability.{d}", where={"scale": "learning"}),
    )
    edit(project, lambda c: c["rules"].remove(rule(c, "factors.count")))
    published, matched = load_published("phase_one", project)
    assert [m.claim.claim_id for m in matched] == list(claims())
    row = judged(next(m for m in matched if m.claim.claim_id == "factors.count"), published, Source(STUDY, project))
    assert (row["verdict"], row["reason"]) == ("not computable", "No rule says how to compute this claim.")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("claim_id,section", "claim,section", "its columns are claim"),
        ("factors.count,", "reliability.overall,", "given twice"),
        (",value,number of survey items", ",valeu,number of survey items", "unknown kind 'valeu'"),
        ("number of survey items,36", "number of survey items,", None),
        ("number of survey items,36", "number of survey items", "fewer cells"),
    ],
)
def test_a_broken_list_of_claims_is_an_error(project, old, new, message):
    path = project / "config/published/phase_one.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SurveyError) as caught:
        published, matched = load_published("phase_one", project)
        judged(matched[2], published, Source(STUDY, project, _read=FRAMES))
    assert (message or "published is ''") in caught.value.message


def test_every_table_in_the_rules_is_made_by_a_stage_of_the_study():
    for m in MATCHED:
        for part in (m.rule, getattr(m.rule, "trend", None), getattr(m.rule, "steps", None)):
            if table := getattr(part, "table", None):
                assert table in TABLES
                assert table.partition(".")[0] in ("clean", *STUDY.stages)
