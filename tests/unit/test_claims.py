"""Claims of reports that nobody here has seen: a wellbeing survey of 12 schools, with kinds of claims of its own."""

from __future__ import annotations

import csv

import pytest
import yaml
from pipeline import publish, step
from surveys import make_survey

from learning_survey.claims import ends, load_published, number
from learning_survey.errors import SurveyError
from learning_survey.tables import read

YEARS = {
    "label": "Phase",
    "source": "age",
    "levels": [
        {"id": "lower", "label": "Lower school", "ages": [5, 9], "stage": "primary"},
        {"id": "middle", "label": "Middle school", "ages": [10, 13], "stage": "primary"},
        {"id": "upper", "label": "Upper school", "ages": [14, 18], "stage": "secondary"},
    ],
}
TOLERANCES = {
    "exact": {"cap": 0},
    "mean": {"cap": 0.05},
    "share": {"cap": 1},
    "alpha": {"cap": 0.01},
    "p": {"cap": 0},
    "about": {"cap": 0.25, "rounding": 0.25},
}
DIMENSION = {"dimension": "{dimension}"}


def rule(claims: str, check: str, table: str, column: str, **keys) -> dict:
    return {"claims": claims, "check": check, "table": table, "column": column, **keys}


RULES = [
    rule("n", "value", "clean.sample", "value", where={"fact": "students"}, tolerance="exact"),
    rule("ages", "range", "clean.sample", "value", where={"fact": ["age_min", "age_max"]}, tolerance="exact"),
    rule("mean.{dimension}", "value", "describe.dimensions", "mean", where=DIMENSION, tolerance="mean"),
    rule(
        "high.{dimension}",
        "value",
        "describe.dimensions",
        "share_high",
        where=DIMENSION,
        scale=100,
        tolerance="share",
    ),
    rule("alphas", "range", "reliability.alpha", "alpha", where={"scale": ["d1", "d2", "d3"]}, tolerance="alpha"),
    rule(
        "gap.{dimension}",
        "compare",
        "gender.means",
        "mean",
        by="difference",
        where={**DIMENSION, "group": "girls"},
        against={**DIMENSION, "group": "boys"},
        tolerance="mean",
    ),
    rule(
        "twice",
        "compare",
        "gender.means",
        "n",
        by="ratio",
        where={"dimension": "d1", "group": "girls"},
        against={"dimension": "d1", "group": "boys"},
        tolerance="about",
    ),
    rule(
        "p.{dimension}",
        "bound",
        "gender.tests",
        "p",
        side="greatest",
        where={**DIMENSION, "test": "clustered_wald"},
        tolerance="p",
    ),
    rule("girls_above", "order", "gender.means", "mean", name="group", each="dimension", where={"dimension": "d1"}),
    rule("alike", "count", "key_stages.tests", "p_holm", where={"test": "trend_clustered"}, below=0.05),
    rule("highest", "extreme", "describe.dimensions", "mean", side="highest", name="dimension"),
    rule(
        "first_step",
        "value",
        "key_stages.pairs",
        "difference",
        where={"dimension": "d1", "group_a": "lower", "group_b": "middle", "adjacent": True},
        tolerance="mean",
    ),
    rule("rated", "value", "inspection.means", "mean", where={"dimension": "d1", "rating": "Good"}, tolerance="mean"),
    rule("scales", "value", "multiverse.claims", "estimate", where={"claim": "x"}, tolerance="mean"),
    rule("model", "value", "confirmatory.fit", "cfi", tolerance="alpha"),
]


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """The survey with the tables that its claims need."""
    made = make_survey(
        tmp_path_factory.mktemp("wellbeing"),
        name="wellbeing",
        schools=12,
        per_school=60,
        dimensions=3,
        phases=False,
        ratings=False,
        gender_shift={"girls": {"d1": 0.4}},
        dimension_shift={"d3": 0.6},
        study={"key_stages": YEARS, "confirmatory": {"models": []}, "invariance": {"groupings": []}},
    )
    made.run("ingest", "clean", "score")
    for stage in ("describe", "reliability", "gender", "key_stages"):
        step(made, stage, processed=made.processed, out=made.tables / stage)
    return made


def cell(survey, table: str, column: str, **where: str) -> float:
    frame = read(survey.tables, table)
    for name, value in where.items():
        frame = frame[frame[name] == value]
    return float(frame[column].iloc[0])


@pytest.fixture(scope="module")
def printed(survey):
    """What a careful author would print, by claim, and beside it something that is not so."""
    mean = {d: cell(survey, "describe.dimensions", "mean", dimension=d) for d in ("d1", "d2", "d3")}
    high = cell(survey, "describe.dimensions", "share_high", dimension="d2")
    alpha = sorted(cell(survey, "reliability.alpha", "alpha", scale=d) for d in mean)
    girls, boys = (cell(survey, "gender.means", "mean", dimension="d1", group=g) for g in ("girls", "boys"))
    n = {g: cell(survey, "gender.means", "n", dimension="d1", group=g) for g in ("girls", "boys")}
    significant = (read(survey.tables, "key_stages.tests").query("test == 'trend_clustered'")["p_holm"] < 0.05).sum()
    pairs = read(survey.tables, "key_stages.pairs").query("dimension == 'd1' and group_a == 'lower'")
    step_ = float(pairs.query("group_b == 'middle'")["difference"].iloc[0])
    return {
        "n": ("720", "719"),
        "ages": ("5 to 18", "5 to 17"),
        "mean.d1": (f"{mean['d1']:.2f}", f"{mean['d1'] + 0.2:.2f}"),
        "mean.d2": (f"{mean['d2']:.1f}", f"{mean['d2'] + 0.2:.1f}"),
        "high.d2": (f"{high * 100:.0f}", f"{high * 100 + 3:.0f}"),
        "alphas": (f"{alpha[0]:.2f}–{alpha[-1]:.2f}".replace("0.", "."), f"{alpha[0]:.2f} to {alpha[-1] + 0.03:.2f}"),
        "gap.d1": (f"{girls - boys:.2f}", f"−{girls - boys:.2f}"),
        "twice": (f"{n['girls'] / n['boys']:.0f}", "2"),
        "p.d1": (".01", None),
        "p.d2": ("1", ".0000001"),
        "girls_above": ("girls>boys", "boys>girls"),
        "alike": (f"{significant} of 3", f"{3 - significant} of 3"),
        "highest": ("d3", "d1"),
        "first_step": (f"{step_:.3f}".replace("-", "−"), f"{step_ + 0.4:.3f}"),
    }


def scored(survey, published: dict[str, str], kinds: dict[str, str] | None = None) -> dict[str, dict[str, str]]:
    """The scorecard's rows by claim, as the script writes them."""
    rules = [r for r in RULES if any(is_for(r["claims"], c) for c in published)]
    claims = [(c, (kinds or {}).get(c, "value"), text) for c, text in published.items()]
    publish(survey, claims, {"tolerances": TOLERANCES, "rules": rules})
    out = survey.results / "scorecard.csv"
    step(survey, "scorecard", tables=survey.tables, out=out)
    with out.open(encoding="utf-8", newline="") as file:
        return {row["claim_id"]: row for row in csv.DictReader(file)}


def is_for(pattern: str, claim: str) -> bool:
    start, placeholder, _ = pattern.partition("{")
    return pattern == claim or (bool(placeholder) and start == f"{claim.split('.', maxsplit=1)[0]}.")


def test_every_kind_of_claim_holds_where_it_is_so_and_fails_where_it_is_not(survey, printed):
    right = scored(survey, {c: so for c, (so, _) in printed.items()})
    assert {c: r["verdict"] for c, r in right.items()} == dict.fromkeys(printed, "reproduced"), right
    wrong = scored(survey, {c: not_so for c, (_, not_so) in printed.items() if not_so})
    assert {r["verdict"] for r in wrong.values()} == {"not reproduced"}, wrong
    assert all(r["reason"].endswith(".") for r in [*right.values(), *wrong.values()])


def test_a_synthetic_survey_recovers_and_does_not_reproduce(survey, printed):
    before = survey.study_file.read_text(encoding="utf-8")
    (survey.root / "config/calibration").mkdir(exist_ok=True)
    content = yaml.safe_load(before) | {"synthetic": True, "calibration": "none", "published": "wellbeing"}
    survey.study_file.write_text(yaml.safe_dump(content), encoding="utf-8")
    try:
        # Results carry the kind of cohort, so the tables are made again.
        for stage in ("ingest", "clean", "score"):
            survey.run(stage)
        step(survey, "describe", processed=survey.processed, out=survey.tables / "describe")
        so, not_so = printed["mean.d1"]
        assert scored(survey, {"mean.d1": so})["mean.d1"]["verdict"] == "recovered"
        assert scored(survey, {"mean.d1": not_so})["mean.d1"]["verdict"] == "not recovered"
    finally:
        survey.study_file.write_text(before, encoding="utf-8")
        survey.run("ingest", "clean", "score")
        step(survey, "describe", processed=survey.processed, out=survey.tables / "describe")


def test_a_claim_about_what_the_survey_does_not_have_is_not_computable_and_says_why(survey):
    rows = scored(survey, {"rated": "3.2", "scales": "0.4", "model": ".95", "mean.d1": "3", "girls_above": "girls>men"})
    assert {c: rows[c]["verdict"] for c in ("rated", "scales", "model", "girls_above")} == dict.fromkeys(
        ("rated", "scales", "model", "girls_above"), "not computable"
    )
    assert rows["rated"]["reason"] == "The study has no ratings."
    assert rows["scales"]["reason"] == "The study has no headline claims."
    assert rows["model"]["reason"] == "The study has no confirmatory factor models."
    assert "no 'men' in the table gender.means, which has boys, girls" in rows["girls_above"]["reason"]


@pytest.mark.parametrize(
    ("claim", "text", "problem", "remedy"),
    [
        ("n", '"2,800"', "not a number", "without commas"),
        ("high.d2", "48%", "not a number", "'scale: 100'"),
        ("mean.d1", '"3,4"', "not a number", "with a point before decimals"),
        ("p.d1", "< .001", "not a number", "the number alone"),
        ("mean.d1", "about 3", "not a number", "by another check than 'value'"),
        ("alphas", ".60", "not a range such as", "'.60 to .81'"),
        ("alphas", ".81 to .60", "not a range", "'.60 to .81'"),
        ("alike", "none", "not a count such as '9 of 9'", "'9 of 9'"),
        ("girls_above", "girls", "not an order such as", "'boys>girls'"),
        ("highest", " ", "not a text", "another check"),
    ],
)
def test_a_published_text_that_cannot_be_read_is_an_error_with_its_line(survey, claim, text, problem, remedy):
    with pytest.raises(SurveyError, match=problem) as error:
        scored(survey, {"mean.d3": "3", claim: text})
    assert error.value.where.endswith("published/wellbeing.csv, line 3") and remedy in error.value.remedy


def test_a_cell_with_a_comma_needs_quotation_marks(survey):
    with pytest.raises(SurveyError, match="more or fewer cells") as error:
        scored(survey, {"n": "2,800"})
    assert error.value.where.endswith("wellbeing.csv, line 2") and "quotation marks" in error.value.remedy


@pytest.mark.parametrize(
    ("old", "new", "message", "remedy"),
    [
        ("table: describe.dimensions", "table: describe.dimension", "unknown table", "'describe.dimensions'"),
        ("table: describe.dimensions", "table: verdicts.findings", "made after the claims", "earlier table"),
        ("column: mean", "column: maen", "no column 'maen'", "'mean'"),
        ("tolerance: mean", "tolerance: meen", "unknown tolerance", "'mean'"),
        ("check: value", "check: valeu", "valeu", "'value'"),
        ("where:", "wher:", "unknown key", "'where'"),
        ("dimension: '{dimension}'", "dimension: '{dimenson}'", "is not in", "'dimension'"),
    ],
)
def test_a_wrong_rule_is_an_error_with_its_line(survey, old, new, message, remedy):
    scored(survey, {"mean.d1": "3"})
    path = survey.root / "config/published/wellbeing.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines, 1) if "mean.{dimension}" in line)
    with pytest.raises(SurveyError, match=message) as error:
        load_published("wellbeing", survey.root)
    place, _, line = error.value.where.partition(":")[0].partition(", line ")
    assert place.endswith("wellbeing.yaml") and first <= int(line) < first + 8 and remedy in error.value.remedy


FIGURES = {"2800": 2800, ".76": 0.76, "−.15": -0.15, "-0.15": -0.15, "3.": 3}


@pytest.mark.parametrize(("text", "value"), FIGURES.items())
def test_printed_figures_are_read_as_printed(text, value):
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "2,800", "48%", "1e3", "nan", "inf", "1_000", "3.4.5", "0x10"])
def test_what_is_no_printed_figure_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        number(text)


def test_ends_of_a_range():
    assert ends(".60 to .81") == ends(".60–.81") == (".60", ".81")
