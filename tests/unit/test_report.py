"""The report's assembly and tables, and rules that its sources keep."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from report_fixture import ROOT, make_results, project

from learning_survey.config import load_study
from learning_survey.errors import SurveyError
from learning_survey.markdown import Source, escaped, pipe, shown_length, span
from learning_survey.multiverse_plan import load_multiverse
from learning_survey.report import (
    OUTCOMES,
    about,
    assemble,
    commit,
    comparable,
    few_units,
    hyphened,
    improper,
    known,
    nested,
    visible_lines,
)
from learning_survey.report_tables import TABLES
from learning_survey.summary import summary_values
from learning_survey.values import Tables, read_rows, study_values, table_values, to_json
from learning_survey.verdict_rules import LABELS, load_verdicts

REPORTS = ROOT / "reports"
SOURCES = sorted([*REPORTS.glob("*.qmd"), *REPORTS.glob("sections/*.qmd")])


def results_of(root: Path, name: str, **kwargs):
    """A study's results with values.json, as the stage 'values' would leave them."""
    study = load_study(name, root)
    results = root / "results" / name
    make_results(study, results, **kwargs)
    tables = Tables(results / "tables", study)
    values = study_values(study) | summary_values(tables, study)
    for table in tables.names:
        values |= table_values(tables[table], table)
    (results / "values.json").write_text(to_json(values), encoding="utf-8")
    return study, results


@pytest.fixture(scope="module")
def phase_one(tmp_path_factory):
    root = project(tmp_path_factory.mktemp("phase_one"))
    verdicts = {"gender.order": "not recovered", "high.errors_lowest": "not recovered"}
    return results_of(root, "phase_one", verdicts=verdicts)


@pytest.fixture(scope="module")
def bfi(tmp_path_factory):
    return results_of(project(tmp_path_factory.mktemp("bfi")), "bfi")


def source_of(study, results):
    scorecard = read_rows(results / "scorecard.csv", "scorecard") if study.published else []
    return Source(Tables(results / "tables", study), study, scorecard)


# ---------------------------------------------------------------- Markdown


def test_punctuation_prints_as_it_is():
    assert escaped("p < .001 | [a_b] *c* $d @e") == r"p \< .001 \| \[a\_b\] \*c\* \$d \@e"
    assert escaped("A&amp;B") == r"A\&amp;B"
    assert escaped("\u0645\u062f") == "\u0645\u062f\u200e"  # numbers after it stay in their order


def test_a_span_carries_its_note_whatever_is_in_it():
    value = {"text": "< .001", "title": 'says "so"; a\\b'}
    assert span(value) == r'[\< .001]{.value title="says \"so\"; a\\b"}'
    assert shown_length(span(value)) == len("[< .001]")


def test_a_pipe_table_has_one_cell_per_column_and_a_caption():
    text = pipe(["A", "Long header"], "lr", [["a|b".replace("|", r"\|"), "1"]], "What.", "x")
    header, rule, row, blank, caption = text.splitlines()
    assert header == "| A | Long header |"
    assert re.fullmatch(r"\| -+ \| -+: \|", rule)
    assert row == r"| a\|b | 1 |"
    assert (blank, caption) == ("", ": What. {#tbl-x}")


def test_every_table_is_a_well_formed_pipe_table_with_its_own_name(phase_one, bfi):
    for study, results in (phase_one, bfi):
        names = []
        for name, make in TABLES.items():
            text = make(source_of(study, results))
            if text is None:
                continue
            for block in re.split(r"\n\n(?=\|)", text.strip()):
                table, caption = block.rsplit("\n\n", 1)
                widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
                assert len(widths) == 1, (study.id, name, widths)
                names.append(re.fullmatch(r": .+\. \{#(tbl-[a-z-]+)\}", caption)[1])
        assert len(names) == len(set(names)) > 8


def test_tables_that_do_not_apply_are_left_out(phase_one, bfi):
    without = {name for name, make in TABLES.items() if make(source_of(*bfi)) is None}
    assert without == {
        "published_rotations",
        "published_effects",
        "contrasts",
        "phi",
        "schools",
        "extremes",
        "gaps",
        "cultures",
        "inspection",
        "ratings",
        "multiverse",
        "verdicts",
        "families",
        "scorecard",
        "scorecard_totals",
        "scorecard_failures",
    }
    assert [name for name, make in TABLES.items() if make(source_of(*phase_one)) is None] == []


def test_the_scorecard_table_has_every_claim_and_its_totals_add_up(phase_one):
    source = source_of(*phase_one)
    rows = [line for line in TABLES["scorecard"](source).splitlines() if re.search(r"recovered|computable", line)]
    assert len(rows) == len(source.scorecard)
    totals = TABLES["scorecard_totals"](source).splitlines()
    last = [int(n) for n in re.findall(r"\d+", totals[-3])]
    assert last == [len(source.scorecard), len(source.scorecard) - 3, 2, 1]
    failures = TABLES["scorecard_failures"](source)
    assert failures.count("Not recovered") == 2
    assert failures.count("Not computable") == 1


def test_no_line_breaks_inside_an_interval_of_the_scorecard(phase_one):
    source = source_of(*phase_one)
    one = next(r for r in source.scorecard if r["claim_id"] == "high.expectations")
    table = TABLES["scorecard"](replace(source, scorecard=[one | {"ci_low": 44.9, "ci_high": 51.8}]))
    assert re.search(r"\(44.9\d*\u00a0to\u00a051.8\d*\)", table)


def test_the_inspection_table_turns_a_pair_that_stands_the_other_way(phase_one):
    """The table has Outstanding minus Good; the report shows Good minus Outstanding."""
    text = TABLES["inspection"](source_of(*phase_one))
    assert "[−0.20]" in text
    assert "(sign turned)" in text
    assert "(−0.22 to −0.18)" in text


def test_the_table_of_models_has_the_methods_that_the_study_has(phase_one, bfi):
    with_schools, without = (TABLES["models"](source_of(*own)) for own in (phase_one, bfi))
    assert with_schools.splitlines()[0].count("CR2") == 2 and "HC2" not in with_schools
    assert without.splitlines()[0] == "| Dimension | A, naive | A, HC2 | B, naive | B, HC2 |"
    assert "A: Key Stage 5 minus Key Stage 1; B: Girls minus Boys." in with_schools
    assert "as if respondents were independent" in without


# ---------------------------------------------------------------- conditions


META = {"has-published": True, "stages": {"gender": False, "schools": True}, "claims": {"a-b": True}}


def shown(text):
    return [line for _, line, stands in visible_lines(text, META, "x.qmd") if stands]


def test_conditions_on_divs_nest():
    text = """one
:::: {.content-visible when-meta="stages.schools"}
two
::: {.content-visible when-meta="stages.gender"}
three
:::
::: {.note}
four
:::
::::
::: {.content-hidden when-meta="claims.a-b"}
five
:::
::: {.content-visible unless-meta="stages.gender"}
six
:::
"""
    assert shown(text) == ["one", "two", "four", "six"]


def test_a_condition_that_nothing_answers_names_its_line():
    with pytest.raises(SurveyError, match=r"x\.qmd, line 2: condition 'stages\.gendre'") as error:
        shown('a\n[b]{.content-visible when-meta="stages.gendre"}\n')
    assert "stages.gender" in error.value.remedy


def test_a_value_is_known_where_it_is_there_and_no_dash(tmp_path):
    (tmp_path / "sections").mkdir()
    names = ("a.b_c", "a.nothing", "a.of_another_study")
    (tmp_path / "sections" / "x.qmd").write_text(" ".join(f"{{{{< var {name} >}}}}" for name in names))
    values = {"a.b_c": {"value": 0}, "a.nothing": {"value": None}, "a.never_named": {"value": 1}}
    assert known(tmp_path, values) == {"a-b-c": True, "a-nothing": False, "a-of-another-study": False}


def test_metadata_say_what_holds(phase_one):
    study, results = phase_one
    meta = about(study, read_rows(results / "scorecard.csv", "scorecard"), {"flow"}, in_schools=True)
    assert meta["synthetic"] is True
    assert meta["banner"].startswith("**These are not real students.**")
    assert (meta["claims"]["gender-order"], meta["refuted"]["gender-order"]) == (False, True)
    assert (meta["claims"]["high-expectations"], meta["refuted"]["high-expectations"]) == (True, False)
    external = "schools-strong-culture-leadership"
    assert (meta["claims"][external], meta["refuted"][external]) == (False, False)
    assert (meta["all"]["gender"], meta["all"]["schools"]) == (False, True)
    assert meta["tables"] == {hyphened(name): name == "flow" for name in TABLES}


def test_a_real_study_has_no_banner(bfi):
    meta = about(bfi[0], [], set(), in_schools=False)
    assert (meta["synthetic"], meta["banner"], meta["has-published"]) == (False, "", False)
    assert meta["stages"]["schools"] is False
    assert meta["stages"]["key-stages"] is True


def test_dotted_names_nest():
    assert nested({"a.b.c": "1", "a.d": "2"}) == {"a": {"b": {"c": "1"}, "d": "2"}}


# ---------------------------------------------------------------- assembly


def test_assembly_leaves_a_folder_that_answers_every_name(phase_one, tmp_path):
    study, results = phase_one
    master = assemble(study, results, study.root / "reports", tmp_path, "a renderer")
    assert master == tmp_path / "phase_one.qmd"
    variables = yaml.safe_load((tmp_path / "_variables.yml").read_text())
    meta = yaml.safe_load((tmp_path / "_study.yml").read_text())
    text = "\n".join(p.read_text() for p in [master, *(tmp_path / "sections").glob("*.qmd")])
    for name in set(re.findall(r"\{\{< var (\S+) >\}\}", (tmp_path / "sections/gender.qmd").read_text())):
        at = variables
        for step in name.split("."):
            at = at[step]
        assert isinstance(at, str)
    assert variables["colophon"]["renderer"].startswith("[a renderer]{.value")
    for include in re.findall(r"\{\{< include (\S+) >\}\}", text):
        assert (tmp_path / include).is_file() or include.startswith("sections/survey_")
    figure = (tmp_path / "figures/share_high.md").read_text()
    assert "(figures/share_high_synthetic){#fig-share-high fig-alt=" in figure
    assert r"What \"share_high\" shows. { {< var x >}}" in figure  # a wording with braces asks for no value
    assert (tmp_path / "figures/share_high_synthetic.png").is_file()
    assert meta["refuted"]["gender-order"] is True


def test_what_a_study_does_not_have_is_filled_only_where_it_is_hidden(bfi, tmp_path):
    study, results = bfi
    assemble(study, results, study.root / "reports", tmp_path, "r")
    assert "Does not apply" in (tmp_path / "tables/inspection.md").read_text()
    variables = yaml.safe_load((tmp_path / "_variables.yml").read_text())
    assert variables["summary"]["schools"]["icc"]["lowest"]["icc1"] == "–"
    assert variables["summary"]["gender"]["pairs"].startswith("[5]")


@pytest.mark.parametrize(
    ("line", "message", "remedy"),
    [
        ("{{< var study.sed >}}", r"sections/items\.qmd, line \d+: no value 'study\.sed'", "study.seed"),
        ("{{< include tables/itmes.md >}}", r"line \d+: include of 'tables/itmes\.md'", "tables/items.md"),
        ('[x]{.content-visible when-meta="claims.gender-ordr"}', "condition 'claims.gender-ordr'", "gender-order"),
    ],
)
def test_a_name_that_nothing_answers_stops_the_report(phase_one, tmp_path, line, message, remedy):
    study, results = phase_one
    sources = tmp_path / "reports"
    project(tmp_path)
    section = sources / "sections/items.qmd"
    section.write_text(section.read_text() + f"\n\n{line}\n")
    with pytest.raises(SurveyError, match=message) as error:
        assemble(study, results, sources, tmp_path / "folder", "r")
    assert remedy in error.value.remedy


def test_a_report_that_is_not_there_names_those_that_are(phase_one, tmp_path):
    study, results = phase_one
    (tmp_path / "survey.qmd").write_text("x")
    with pytest.raises(SurveyError, match="phase_one") as error:
        assemble(study, results, tmp_path, tmp_path / "folder", "r")
    assert "survey" in error.value.remedy


@pytest.mark.parametrize("name", ["phase_one", "survey"])
def test_a_report_stands_without_the_parts_that_a_study_may_lack(tmp_path, name):
    """No schools, groups or ratings: nothing visible may refer to what is not there, or the renderer stops."""
    from learning_survey.renderer import render

    root = project(tmp_path)
    path = root / "config/studies/phase_one.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key in ("key_stages", "gender", "schools", "inspection", "register", "calibration"):
        del content[key]
    content |= {"synthetic": False, "report": name, "clean": {}}
    del content["columns"]["school"]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    study, results = results_of(root, "phase_one")
    master = assemble(study, results, root / "reports", tmp_path / "folder", "r")
    render(tmp_path / "folder", master.name, tmp_path, "out", ["html"])
    text = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "Scorecard" in text
    assert "reproduced" in text
    assert "recovered</span>" not in text
    assert "not real students" not in text
    assert "ntraclass correlation is" not in text


def test_a_report_of_a_small_study_says_what_it_cannot_tell(tmp_path):
    """No rule of cleaning, no groups large enough for invariance, too few variables to count factors, no schools."""

    def sample(rows):
        rows[0] |= {"fact": "rows_received", "value": 412}
        rows += [{**rows[0], "fact": fact, "value": n} for fact, n in (("rows_dropped", 0), ("cells_emptied", 0))]
        rows += [{**rows[0], "fact": "students", "value": 412}]

    def untested(rows):
        for row in rows:
            row |= {"outcome": "not testable", "why": "fewer than two groups are large enough", "n": None}

    def by_student(rows):
        rows[:] = [row | {"estimator": "mlr"} for row in rows if row["estimator"] == "mlr_clustered"] or [
            rows[0] | {"estimator": "mlr"}
        ]

    none = dict.fromkeys(("clean.flow", "factors.suggested", "factors.retention", "invariance.fit"), list.clear)
    change = none | {
        "clean.sample": sample,
        "invariance.verdicts": untested,
        "confirmatory.fit": by_student,
    }
    study, results = results_of(project(tmp_path), "bfi", change=change)
    assemble(study, results, ROOT / "reports", tmp_path / "folder", "r")
    tables = {name: text for name, make in TABLES.items() if (text := make(source_of(study, results))) is not None}
    assert {"flow", "retention", "invariance"}.isdisjoint(tables)
    assert "fewer than two groups are large enough" in tables["invariance_verdicts"]
    assert "| continuous |" in tables["confirmatory"]


def test_a_folder_that_is_no_checkout_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) == "not a git checkout"


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_comparison_of_means_says_what_invariance_allows(tmp_path, outcome):
    """One sentence stands beside the number, and a dagger on it where means are not on one scale."""

    def says(rows):
        for row in rows:
            row["outcome"] = outcome

    def nothing_differs(rows):
        for row in rows:
            row["freed"] = row["differs"] = False

    change = {"invariance.verdicts": says, "invariance.items": nothing_differs}
    study, results = results_of(project(tmp_path), "phase_one", change=change)
    source = source_of(study, results)
    told = comparable(source)
    for grouping in ("group", "gender"):
        assert [name for name, true in told[grouping].items() if true] == [outcome.replace(" ", "-")]
        text = (ROOT / f"reports/sections/comparable_{grouping}.qmd").read_text(encoding="utf-8")
        assert set(re.findall(rf'when-meta="compare\.{grouping}\.([^"]+)"', text)) == {
            o.replace(" ", "-") for o in OUTCOMES
        }
    marked = outcome in ("fails", "model does not fit")
    for name in ("key_stages", "gender", "key_stage_effects", "gender_effects", "models"):
        table = TABLES[name](source)
        assert table.count("†") == (len(source.dimensions) + 1 if marked else 0)
        assert ("Scalar invariance does not hold" in table) == (outcome == "fails")
        assert ("cannot be told" in table) == (outcome == "model does not fit")


def test_a_dimension_whose_items_work_differently_is_marked(tmp_path):
    def one_is_free(rows):
        for row in rows:
            row["freed"] = row["differs"] = row["item"] == "fai1"

    study, results = results_of(project(tmp_path), "phase_one", change={"invariance.items": one_is_free})
    source = source_of(study, results)
    for name in ("gender", "gender_effects", "models"):
        table = TABLES[name](source)
        assert [line for line in table.splitlines() if "†" in line and "Fair" in line] and table.count("†") == 2
        assert "Items of this dimension work differently" in table


def test_cleaning_and_missing_answers_are_in_the_tables(phase_one, bfi):
    source = source_of(*phase_one)
    careless = TABLES["careless"](source)
    assert "18 in a row or more" in careless and "consistency below 2.502" in careless
    assert "with dropped" in TABLES["careless_sensitivity"](source)
    assert "Rows out" not in TABLES["taken"](source) and "row dropped" in TABLES["taken"](source)
    treatments = TABLES["missing_treatments"](source)
    assert len(treatments.splitlines()) == 2 + len(source.dimensions) + 1 + 2
    groups = TABLES["missing_groups"](source_of(*bfi)).splitlines()
    assert sum(line.startswith("| Education") for line in groups) == 1 and any("Women" in line for line in groups)


def test_a_bound_is_rounded_up_and_a_word_that_is_known_makes_no_table(tmp_path):
    def known(rows):
        rows[0]["cells"] = 0

    def differences(rows):
        for row, value in zip(rows, [-0.0101, 0.004, None, *[0.0] * 20], strict=False):
            row["mean_fiml_difference"] = value

    change = {"clean.unmapped": known, "missing.sensitivity": differences}
    study, results = results_of(project(tmp_path), "phase_one", change=change)
    source = source_of(study, results)
    assert TABLES["unmapped"](source) is None
    values = summary_values(source.tables, study)
    assert values["summary.missing.mean_change"]["text"] == "0.011"
    assert values["summary.clean.unmapped.cells"]["text"] == "0"


# ---------------------------------------------------------------- the sources keep their rules


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_a_sentence_that_depends_on_a_claim_has_its_opposite_beside_it(path):
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r'when-meta="claims\.([^"]+)"', text)) == set(
        re.findall(r'when-meta="refuted\.([^"]+)"', text)
    )
    assert set(re.findall(r'[^s]-?when-meta="all\.([^"]+)"', text)) <= set(
        re.findall(r'unless-meta="all\.([^"]+)"', text)
    )


TYPED = {"provenance", "methodology", "impact_narrative", "scorecard", "phase_two", "methods", "colophon", "message"}


@pytest.mark.parametrize("path", [p for p in SOURCES if p.stem not in TYPED], ids=lambda p: p.stem)
def test_no_number_of_the_data_is_typed_in(path):
    """After names, attributes, citations and list numbers no digit is left. TYPED tell dates and tolerances."""
    text = re.sub(r"\{\{<.*?>\}\}|\{[^{}]*\}|\[@[^\]]*\]|<!--.*?-->", "", path.read_text(encoding="utf-8"))
    text = re.sub(r"(?m)^(\*\*)?\d+\. ", "", text)
    assert re.findall(r".*\d.*", text) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_no_line_begins_with_a_reference(path):
    """Pandoc takes "@sec-x." at the beginning of a line for a numbered example."""
    assert not re.search(r"(?m)^\s*(\(@[\w-]+\)|@[\w-]+[.)])\s", path.read_text(encoding="utf-8"))


def test_every_section_is_in_a_report_and_every_citation_in_the_references():
    texts = "\n".join(p.read_text(encoding="utf-8") for p in SOURCES)
    included = set(re.findall(r"include sections/(\w+)\.qmd", texts))
    assert included == {p.stem for p in (REPORTS / "sections").glob("*.qmd")}
    keys = set(re.findall(r"(?m)^@\w+\{(\w+),", (REPORTS / "references.bib").read_text(encoding="utf-8")))
    cited = set(re.findall(r"\[@(\w+)", texts))
    assert cited == keys


@pytest.mark.parametrize("verdict", LABELS)
def test_prose_follows_the_verdicts(tmp_path, verdict):
    def gives(rows):
        for row in rows:
            row |= {"verdict": verdict, "label": LABELS[verdict], "why": f"Because of {row['finding']}."}

    study, results = results_of(project(tmp_path), "phase_one", change={"verdicts.findings": gives})
    assemble(study, results, ROOT / "reports", tmp_path / "folder", "r")
    meta = yaml.safe_load((tmp_path / "folder/_study.yml").read_text(encoding="utf-8"))
    assert set(meta["verdicts"]) == {hyphened(finding.id) for finding in load_verdicts(study).findings}
    for truth in meta["verdicts"].values():
        assert [name for name, true in truth.items() if true] == [hyphened(verdict)]

    def says(section):
        text = (ROOT / f"reports/sections/{section}.qmd").read_text(encoding="utf-8")
        return " ".join(line for _, line, stands in visible_lines(text, meta, section) if stands)

    against = verdict == "not_supported"
    assert ("hardly differ beyond" in says("difference")) == against
    assert ("nothing to start from" in says("leadership")) == against
    assert ("they do." in says("inspection")) == against
    assert ("go together hardly" in says("inspection")) == (verdict == "supported")
    table = TABLES["verdicts"](source_of(study, results))
    assert table.count(f"**{LABELS[verdict]}**") == 9 and "Because of two\\_fifths." in table


def test_the_report_of_a_survey_without_schools_speaks_of_respondents(bfi, tmp_path):
    study, results = bfi
    folder = tmp_path / "folder"
    assemble(study, results, ROOT / "reports", folder, "r")
    meta = yaml.safe_load((folder / "_study.yml").read_text(encoding="utf-8"))
    files, seen = ["survey.qmd"], 0
    for path in files:
        for number, line, stands in visible_lines((folder / path).read_text(encoding="utf-8"), meta, path):
            if stands:
                files += re.findall(r"include (\S+\.(?:qmd|md)) >", line)
                seen += len(re.findall(r"\b[Rr]espondents?\b", line))
                words = re.sub(r"\[[^]]*\]\{[^}]*has\.schools\"\}", "", line)
                if path != "tables/sample.md":  # its words are the made-up results' own
                    assert not re.search(r"\b[Ss]tudents?\b", words), (path, number, line)
    assert seen > 10 and len(files) > 20


def test_an_improper_solution_of_the_scores_is_told(bfi):
    source = source_of(*bfi)
    rows = source.rows("factors.communalities", solution="dimensions")
    for row in rows:
        row["heywood"] = False
    assert rows and not improper(source)
    rows[-1]["heywood"] = True
    assert improper(source)


def test_only_errors_by_school_say_that_schools_are_few(bfi):
    source = source_of(*bfi)
    rows = source.rows("confirmatory.fit")
    for row in rows:
        row |= {"estimator": "mlr", "few_units": True}
    assert rows and not few_units(source)
    rows[-1]["estimator"] = "mlr_clustered"
    assert few_units(source)


def test_a_study_without_verdicts_has_no_such_condition_and_no_curve(bfi, tmp_path):
    study, results = bfi
    assemble(study, results, ROOT / "reports", tmp_path / "folder", "r")
    meta = yaml.safe_load((tmp_path / "folder/_study.yml").read_text(encoding="utf-8"))
    assert meta["verdicts"] == {} and not meta["stages"]["verdicts"]
    lines = visible_lines('[a]{.content-visible when-meta="verdicts.any.supported"}', meta, "x")
    assert [line for _, line, _ in lines]
    assert "fig-" not in (tmp_path / "folder/figures/curves.md").read_text(encoding="utf-8")


def test_curves_stand_in_the_order_of_their_claims(phase_one, tmp_path):
    study, results = phase_one
    assemble(study, results, ROOT / "reports", tmp_path / "folder", "r")
    text = (tmp_path / "folder/figures/curves.md").read_text(encoding="utf-8")
    claims = [hyphened(claim.id) for claim in load_multiverse(study).claims]
    assert re.findall(r"#fig-curve-([a-z-]+)", text) == claims


def test_families_count_what_stays_below_a_twentieth(tmp_path):
    def p(rows):
        for i, row in enumerate(rows):
            row |= {"label": row["family"], "p": 0.01, "p_holm": 0.01 if i % 2 else 0.2, "p_bh": 0.01}
        rows[0] |= {"p": None, "p_holm": None, "p_bh": None}

    study, results = results_of(project(tmp_path), "phase_one", change={"verdicts.families": p})
    first, *_, last = [r for r in TABLES["families"](source_of(study, results)).splitlines()[2:] if r.startswith("|")]
    assert [c.strip() for c in first.strip("|").split("|")] == ["key\\_stage\\_trends", "8", "8", "4", "8"]
    assert "**All tests**" in last
