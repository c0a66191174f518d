"""The audit: it passes what is right, and each check fails on what it is there for."""

import csv
import hashlib
import io
import json
import re
import shutil
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path

import polars as pl
import pytest
from conftest import ROOT
from pipeline import build, publish
from surveys import Survey, make_survey

from learning_survey import audit
from learning_survey.audit_checks import CHECKS, checks, require
from learning_survey.config import Loaded, load_study
from learning_survey.errors import SurveyError

RULES = {
    "tolerances": {"count": {"cap": 0}},
    "rules": [
        {
            "claims": "students",
            "check": "value",
            "table": "clean.sample",
            "where": {"fact": "students"},
            "column": "value",
            "tolerance": "count",
        },
        {"claims": "leaders", "check": "external", "reason": "The survey does not ask."},
    ],
}


ONE_FACTOR = {"factors": {"dimension_factors": 1}}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Survey:
    """A built survey with a published report, a picture, and a gender that too few give to be shown."""
    root = tmp_path_factory.mktemp("made")
    survey = make_survey(root, schools=6, per_school=35, dimensions=4, missing=0.02, seed=3, study=ONE_FACTOR)
    publish(survey, [("students", "value", "210"), ("leaders", "external", "50")], RULES)
    build(survey)
    (survey.results / "figures").mkdir()
    (survey.results / "figures/share_high.svg").write_text("<svg><text>Dimension 1</text></svg>", encoding="utf-8")
    return survey


@pytest.fixture
def survey(made, tmp_path) -> Survey:
    root = Path(shutil.copytree(made.root, tmp_path / "project"))
    return Survey(root, made.name, made.truth, tuple(root / path.relative_to(made.root) for path in made.exports))


def audited(survey: Survey) -> audit.Audited:
    return audit.Audited(survey.load(), survey.results, survey.processed)


def failing(survey: Survey) -> dict[str, list[str]]:
    return {c.name: c.failures for c in checks(audited(survey)) if c.failures}


def edit(path: Path, pick, change) -> None:
    """Change the first row of a CSV that ``pick`` accepts."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows, header = list(reader), reader.fieldnames
    row = next(r for r in rows if pick(r))
    row.update(change(row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def any_row(_) -> bool:
    return True


# ---------------------------------------------------------------- checks


def test_everything_passes_where_nothing_is_wrong(made):
    found = checks(audited(made))
    require(found)
    assert [c.failures for c in found] == [[]] * len(CHECKS)
    assert all(c.compared > 0 for c in found)
    withheld = [r for r in audited(made).tables["gender.means"] if r["n"] is None]
    assert withheld, "the survey should have a group that is too small to show"


def table(name):
    return lambda s: s.tables / f"{name.replace('.', '/')}.csv"


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def docx(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("word/document.xml", f"<w:document><w:p>{text}</w:p></w:document>")


def values_edit(s: Survey, name: str, **changes) -> None:
    path = s.results / "values.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content[name] |= changes
    path.write_text(json.dumps(content), encoding="utf-8")


def fewer(s: Survey) -> None:
    path = s.processed / "scores.parquet"
    pl.read_parquet(path)[:-1].write_parquet(path)


def school_id(s: Survey) -> str:
    return pl.read_csv(s.exports[0])["school_id"][0]


def keyed_school(s: Survey) -> str:
    return pl.read_parquet(s.processed / "schools.parquet")["pseudonym"][0]


WRONG = {
    "a step's counts": (
        "rows_conserved",
        lambda s: edit(s.tables / "clean/flow.csv", any_row, lambda r: {"rows_dropped": 5}),
    ),
    "fewer scores than students": ("rows_conserved", fewer),
    "a ledger entry of no step": (
        "rows_conserved",
        lambda s: (s.processed / "ledger.csv").open("a", encoding="utf-8").write("f.csv,2,age,x,magic,drop_row\n"),
    ),
    "answers to an item": (
        "students_agree",
        lambda s: edit(s.tables / "describe/items.csv", any_row, lambda r: {"n_missing": int(r["n_missing"]) + 1}),
    ),
    "students in the sample": (
        "students_agree",
        lambda s: edit(s.tables / "clean/sample.csv", lambda r: r["fact"] == "students", lambda r: {"value": 209}),
    ),
    "groups that hold too many": (
        "students_agree",
        lambda s: edit(s.tables / "gender/means.csv", any_row, lambda r: {"n": 1000}),
    ),
    "a pair's group": (
        "students_agree",
        lambda s: edit(s.tables / "gender/pairs.csv", lambda r: r["n_a"], lambda r: {"n_a": int(r["n_a"]) + 1}),
    ),
    "a distribution": (
        "shares_agree",
        lambda s: edit(s.tables / "describe/item_distribution.csv", any_row, lambda r: {"n": int(r["n"]) + 1}),
    ),
    "a share": (
        "shares_agree",
        lambda s: edit(s.tables / "describe/bands.csv", any_row, lambda r: {"share": float(r["share"]) + 0.001}),
    ),
    "a share high": (
        "shares_agree",
        lambda s: edit(s.tables / "describe/dimensions.csv", any_row, lambda r: {"share_high": 0.5}),
    ),
    "an item's share high": (
        "shares_agree",
        lambda s: edit(s.tables / "describe/items.csv", any_row, lambda r: {"share_high": 0.5}),
    ),
    "a small group": (
        "small_groups",
        lambda s: edit(s.tables / "key_stages/means.csv", any_row, lambda r: {"n": 9}),
    ),
    "groups that leave a few": (
        "no_subtraction",
        lambda s: edit(
            s.tables / "missing/groups.csv", lambda r: r["group"] == "boys", lambda r: {"n": int(r["n"]) - 4}
        ),
    ),
    "a small school": ("small_groups", lambda s: edit(s.tables / "schools/means.csv", any_row, lambda r: {"n": 9})),
    "a number without its students": (
        "small_groups",
        lambda s: edit(s.tables / "gender/means.csv", lambda r: not r["n"], lambda r: {"mean": 3.2}),
    ),
    "an unknown table": (
        "tables_known",
        lambda s: (s.tables / "gender/ids.csv").write_text("study,cohort,respondent\n", encoding="utf-8"),
    ),
    "another column": ("tables_known", lambda s: replaced(s.tables / "gender/tests.csv", "\n", ",person\n")),
    "a cell that no schema allows": (
        "tables_known",
        lambda s: edit(s.tables / "gender/tests.csv", any_row, lambda r: {"p": 1.5}),
    ),
    "a row of another width": (
        "tables_known",
        lambda s: (t := s.tables / "gender/tests.csv").write_text(t.read_text()[:-1] + ",x,x\n", encoding="utf-8"),
    ),
    "another cohort": (
        "tables_known",
        lambda s: edit(s.tables / "gender/tests.csv", any_row, lambda r: {"cohort": "synthetic"}),
    ),
    "a file of nobody's": (
        "files_known",
        lambda s: (s.results / "notes.txt").write_text("x", encoding="utf-8"),
    ),
    "a mark on a real study": (
        "files_known",
        lambda s: (s.results / "figures/items_synthetic.svg").write_text("<svg/>", encoding="utf-8"),
    ),
    "a value": ("values_agree", lambda s: values_edit(s, "describe.dimensions.d1.mean", value=3.21)),
    "a value's row": ("values_agree", lambda s: values_edit(s, "describe.dimensions.d1.mean", row=99)),
    "an interval": ("values_agree", lambda s: values_edit(s, "describe.dimensions.d1.mean_ci", value=[1, 2])),
    "a computed value": (
        "scorecard_agrees",
        lambda s: edit(s.results / "scorecard.csv", any_row, lambda r: {"computed": "209"}),
    ),
    "a verdict": (
        "scorecard_agrees",
        lambda s: edit(s.results / "scorecard.csv", any_row, lambda r: {"verdict": "not reproduced"}),
    ),
    "a verdict of another kind of study": (
        "scorecard_agrees",
        lambda s: edit(s.results / "scorecard.csv", any_row, lambda r: {"verdict": "recovered"}),
    ),
    "an interval of a claim": (
        "scorecard_agrees",
        lambda s: edit(s.results / "scorecard.csv", any_row, lambda r: {"ci_low": "0.5"}),
    ),
    "the rows that a claim is from": (
        "scorecard_agrees",
        lambda s: edit(s.results / "scorecard.csv", any_row, lambda r: {"source_row": r["source_row"] + "1"}),
    ),
    "another claim": (
        "scorecard_agrees",
        lambda s: edit(s.results / "scorecard.csv", any_row, lambda r: {"claim_id": "pupils"}),
    ),
    "a claim without a reason": (
        "scorecard_agrees",
        lambda s: edit(s.results / "scorecard.csv", lambda r: not r["computed"], lambda r: {"reason": ""}),
    ),
    "a respondent in a picture": (
        "no_persons",
        lambda s: replaced(s.results / "figures/share_high.svg", "Dimension 1", "of r000017."),
    ),
    "a school in a table": (
        "no_persons",
        lambda s: edit(s.tables / "schools/means.csv", any_row, lambda r: {"school": school_id(s)}),
    ),
    "a keyed school in a table": (
        "no_persons",
        lambda s: edit(s.tables / "schools/means.csv", any_row, lambda r: {"school": keyed_school(s)}),
    ),
    "a keyed respondent in a picture": (
        "no_persons",
        lambda s: replaced(s.results / "figures/share_high.svg", "Dimension 1", s.keyed(["r000017"], "respondent")[0]),
    ),
    "the name of an export": (
        "no_persons",
        lambda s: replaced(s.results / "figures/share_high.svg", "Dimension 1", "from responses_1.csv"),
    ),
    "a school in Word, in two runs": (
        "no_persons",
        lambda s: docx(
            s.results / "report/small.docx", "<w:r>the school</w:r><w:r>x</w:r> <w:r>scho</w:r><w:r>ol-003</w:r>"
        ),
    ),
    "a school in HTML": (
        "no_persons",
        lambda s: (
            (docx(s.results / "report/small.docx", "none"))
            or (s.results / "report/small.html").write_text("<td>school&#45;003</td>", encoding="utf-8")
        ),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_result_fails_its_check(survey, case):
    check, spoil = WRONG[case]
    spoil(survey)
    found = failing(survey)
    assert check in found
    with pytest.raises(SurveyError, match=check):
        require(checks(audited(survey)))


def test_every_check_has_something_that_fails_it(made):
    assert {check for check, _ in WRONG.values()} == {c.name for c in checks(audited(made))}


def test_the_error_lists_every_check_that_failed(survey):
    replaced(survey.results / "figures/share_high.svg", "Dimension 1", "r000017")
    (survey.results / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(SurveyError) as caught:
        require(checks(audited(survey)))
    assert "no_persons" in caught.value.message
    assert "files_known" in caught.value.message
    assert "notes.txt" in caught.value.message


def test_embedded_pictures_and_hidden_files_are_not_searched(survey):
    text = '<img src="data:image/png;base64,AAAAr000017BBBB r000018">'.replace(" ", "\n")
    (survey.results / "report").mkdir()
    (survey.results / "report/small.html").write_text(text, encoding="utf-8")
    (survey.results / ".lock").write_text("r000017", encoding="utf-8")
    assert failing(survey) == {}


def rename(survey: Survey, respondents: dict[str, str], schools: dict[str, str]) -> None:
    """Give respondents and schools other ids in the exports and the register."""
    for path in (survey.root / "data/raw/small").glob("*.csv"):
        frame = pl.read_csv(path, infer_schema=False)
        meanings = {"response_id": respondents, "school_id": schools}
        frame.with_columns(pl.col(c).replace(m) for c, m in meanings.items() if c in frame.columns).write_csv(path)


def test_bare_numbers_are_searched_where_they_cannot_be_counts(survey):
    rename(survey, {"r000017": "210"}, {})
    assert failing(survey) == {}, "210 is the number of students as well"
    edit(survey.tables / "schools/extremes.csv", any_row, lambda r: {"top_school": "210"})
    assert "no_persons" in failing(survey)


def test_respondents_numbered_from_one_do_not_fail_right_results(survey):
    rename(survey, {f"r{k:06}": str(k) for k in range(1, 211)}, {})
    assert failing(survey) == {}


def test_ids_that_look_like_pseudonyms_or_words_do_not_fail_right_results(survey):
    rename(survey, {"r000001": "Dimension", "r000002": "of"}, {"school-001": "S01", "school-002": "S02"})
    assert failing(survey) == {}


def test_an_id_of_several_words_is_found(survey):
    rename(survey, {}, {"school-001": "Oak Hill School"})
    replaced(survey.results / "figures/share_high.svg", "Dimension 1", "Oak Hill School")
    assert list(failing(survey)) == ["no_persons"]


def test_small_schools_are_held_to_the_larger_minimum(survey):
    survey.change(schools={"min_students": 50})
    assert "small_groups" in failing(survey)


# ---------------------------------------------------------------- manifest


def test_manifest_has_every_file_once_with_its_hash(made):
    rows = {row["path"]: row for row in audit.manifest(audited(made))}
    here = [p for f in ("data", "results") for p in (made.root / f).rglob("*") if p.is_file()]
    raw = ("exports/F01", "exports/F02", "register")
    by_size = sorted(made.exports, key=lambda p: p.stat().st_size)
    received = dict(zip(raw, [*by_size, made.root / made.load().register_.file], strict=True))
    files = {p.relative_to(made.root).as_posix(): p for p in here if p not in received.values()} | received
    assert set(rows) == set(files)
    for name, row in rows.items():
        data = files[name].read_bytes()
        size = None if name.startswith("exports/") else len(data)
        assert (row["bytes"], row["sha256"]) == (size, hashlib.sha256(data).hexdigest())
        assert row["sensitivity"] == ("aggregate" if name.startswith("results/") else "person-level")
        assert row["rule"]
    assert {rows[name]["rule"] for name in raw} == {"as received"}
    assert {rows[name]["rows"] for name in raw[:2]} == {None}, "they tell how many answered in a file"
    assert rows["data/processed/small/clean.parquet"]["rows"] == 210
    assert rows["data/processed/small/moments.npz"]["rows"] is None
    assert rows["results/small/tables/gender/means.csv"]["rule"] == "gender"
    assert rows["results/small/tables/gender/means.csv"]["rows"] == 12


@pytest.mark.parametrize(
    ("text", "rows"),
    [("", 0), ("a\n", 0), ("a\n1\n2\n", 2), ("a\n1\n2", 2), ('a\n"1\n2"\n3\n', 2), ("a\r\n1\r\n", 1), ("a\n\n1\n", 1)],
)
def test_rows_of_a_csv(tmp_path, text, rows):
    (tmp_path / "x.csv").write_bytes(text.encode())
    assert audit.rows_in(tmp_path / "x.csv") == rows


# ---------------------------------------------------------------- trail and steps


def test_every_value_and_claim_leads_to_a_row_and_a_rule(made):
    about = audited(made)
    rules = {row["rule"]: row for row in audit.steps(about)}
    rows = audit.trail(about)
    assert {r["name"] for r in rows if r["kind"] == "value"} == set(about.values)
    assert {r["name"] for r in rows if r["kind"] == "claim"} == {"students", "leaders"}
    for row in rows:
        if row["file"].startswith("tables/"):
            assert (made.results / row["file"]).is_file()
            assert row["rule"] in rules
            assert f"results/small/tables/{row['rule']}/*.csv" in rules[row["rule"]]["writes"]
    claim = next(r for r in rows if r["name"] == "students")
    assert (claim["value"], claim["file"], claim["rule"]) == ("210", "tables/clean/sample.csv", "clean")


def test_steps_lead_back_to_the_exports(made):
    steps = {row["rule"]: row for row in audit.steps(audited(made))}
    assert "simulate" not in steps
    reads = set(steps["gender"]["reads"].split("; "))
    seen: set[str] = set()
    while new := reads - seen:
        seen |= new
        for step in steps.values():
            if any(fnmatchcase(a, b) for a in new for b in step["writes"].split("; ")):
                reads |= set(step["reads"].split("; "))
    assert {"exports/*", "register"} <= seen
    assert "scripts/gender.py" in steps["gender"]["code"]
    assert "scripts/learning_survey/gender.py" in steps["gender"]["code"]
    assert len({s["code_sha256"] for s in steps.values()}) == len(steps)


def test_a_study_without_groups_has_no_such_steps():
    bfi = load_study("bfi", ROOT)
    names = [row["rule"] for row in audit.steps(audit.Audited(bfi, ROOT / "results/bfi", ROOT / "data/processed/bfi"))]
    assert not {"simulate", "schools", "inspection", "scorecard"} & set(names)
    assert {"gender", "key_stages"} <= set(names)


@pytest.mark.parametrize("rule", [rule for rule in audit.STEPS if rule != "simulate"])
def test_steps_are_those_of_the_workflow(rule):
    """What a rule's file names as input and output is what the audit says that it reads and writes."""
    text = (ROOT / f"workflow/rules/{rule}.smk").read_text(encoding="utf-8")
    text = text[text.index(f"rule {rule}:") :]
    parts = {a: re.search(rf"\n    {a}:\n(.*?)\n    [a-z]+:\n", text, re.DOTALL)[1] for a in ("input", "output")}
    for part, ours in (("input", audit.STEPS[rule].reads), ("output", audit.STEPS[rule].writes)):
        named = re.findall(r'f"(\{(?:PROCESSED|RESULTS)\}[^"]+)"', parts[part])
        if part == "output":
            named += [f"{{RESULTS}}/tables/{s}/x.csv" for s in re.findall(r'tables\("(\w+)"\)', parts[part])]
        named = [n.replace("{PROCESSED}", "{p}").replace("{RESULTS}", "{r}") for n in named]
        assert named or part == "input"
        for name in named:
            assert any(fnmatchcase(name, p) or f"{name}/*" == p for p in ours), name
    for word, pattern in (
        ("=all_tables|=analysed", "{r}/tables/*.csv"),
        (r"published\(", "config/published/{published}.csv"),
        ("exports", "{exports}"),
        ("register,", "{register}"),
        ("scorecard_file", "{r}/scorecard.csv"),
    ):
        named = re.search(word, parts["input"]) is not None
        assert named == (pattern in audit.STEPS[rule].reads) or word == r"published\("


def test_readme_says_what_was_found_and_what_a_synthetic_study_is(made):
    about = audited(made)
    files, found = audit.manifest(about), checks(about)
    text = audit.readme(about, files, found)
    assert "1 not computable, 1 reproduced" in text
    assert all(f"`{c.name}`" in text for c in found)
    assert "This is a synthetic study." not in text
    study = about.study
    about.study = Loaded(study.study.model_copy(update={"synthetic": True}), study.instrument, study.root)
    assert "This is a synthetic study." in audit.readme(about, files, found)


def test_csv_says_study_and_cohort(made):
    rows = list(csv.DictReader(io.StringIO(audit.to_csv(made.load(), [{"a": 1}, {"a": "x,y"}]))))
    assert rows == [{"study": "small", "cohort": "real", "a": "1"}, {"study": "small", "cohort": "real", "a": "x,y"}]
