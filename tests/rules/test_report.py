"""The step 'report' as a command: three formats, the mark of a synthetic study, and sentences that follow the data."""

import html
import os
import re
import subprocess
import sys
import zipfile

import pytest
from report_fixture import ROOT, make_results, project

from learning_survey.config import load_study

FLIPPED = ("gender.order", "high.errors_lowest", "inspection.no_difference", "challenge.below_expectation")


def run(root, step, *arguments):
    command = [sys.executable, ROOT / "scripts" / f"{step}.py", *arguments]
    environment = os.environ | {"LEARNING_SURVEY_RENDERER": "builtin"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def report(root, name, **kwargs):
    """Make results, run values and report; the text of the HTML with spaces made one."""
    results = root / "results" / name
    study = load_study(name, root)
    make_results(study, results, **kwargs)
    values = run(root, "values", "--study", name, "--tables", results / "tables", "--out", results / "values.json")
    assert values.returncode == 0, values.stderr
    made = run(root, "report", "--study", name, "--results", results, "--out", results / "report")
    assert made.returncode == 0, made.stderr
    page = (results / f"report/{name}{study.mark}.html").read_text(encoding="utf-8")
    return results / "report", page, re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", page)))


@pytest.fixture(scope="module")
def flipped(tmp_path_factory):
    root = project(tmp_path_factory.mktemp("flipped"))
    return report(root, "phase_one", verdicts=dict.fromkeys(FLIPPED, "not recovered"))


@pytest.fixture(scope="module")
def bfi(tmp_path_factory):
    """Made after a process that was killed left its private folder."""
    root = project(tmp_path_factory.mktemp("bfi"))
    left = root / "results" / "bfi" / ".report.killed.part"
    left.mkdir(parents=True)
    (left / "report.qmd").write_text("half a", encoding="utf-8")
    return report(root, "bfi")


def test_a_synthetic_report_says_so_in_its_names_and_on_its_first_page(flipped):
    folder, _, text = flipped
    assert sorted(p.name for p in folder.iterdir()) == [f"phase_one_synthetic.{s}" for s in ("docx", "html", "pdf")]
    assert "These are not real students." in text[: len(text) // 4]
    assert (folder / "phase_one_synthetic.pdf").read_bytes().startswith(b"%PDF")
    with zipfile.ZipFile(folder / "phase_one_synthetic.docx") as word:
        assert "These are not real students." in word.read("word/document.xml").decode("utf-8")


@pytest.mark.parametrize(
    ("contradicted", "agreed"),
    [
        ("does not hold on every dimension:", "Boys score above girls, and girls above"),
        ("It is not the lowest share, against the published report.", "It is the lowest share of all dimensions."),
        ("The rating groups differ on at least one dimension", "The rating groups do not differ on any dimension"),
        ("Students do not report less challenge than they want", "Students report less challenge than they want."),
    ],
)
def test_a_contradicted_claim_prints_the_opposite_sentence(flipped, contradicted, agreed):
    assert contradicted in flipped[2]
    assert agreed not in flipped[2]


def test_an_agreed_claim_prints_the_published_sentence(flipped):
    assert "Aiming High has the highest share of students rated high, as published." in flipped[2]
    assert "Aiming High does not have" not in flipped[2]
    assert "The two differ on every dimension, as published." in flipped[2]


def test_numbers_carry_their_source(flipped):
    _, page, text = flipped
    share = re.search(r'<span class="value" title="([^"]+describe/dimensions\.csv row \d+)"[^>]*>40%</span>', page)
    assert re.search(r"40\.\d%, 95% interval 36\.\d% to 44\.\d%; describe/dimensions\.csv row", html.unescape(share[1]))
    assert "These data agree with 89 of them, contradict 4, and cannot speak to 1" in text


def test_nothing_but_the_report_stays_behind(bfi, flipped):
    for folder, _, _ in (bfi, flipped):
        assert not list(folder.parent.glob(".*")) and len(list(folder.iterdir())) == 3


def test_the_colophon_says_what_made_the_report(flipped):
    colophon = flipped[2].rpartition("Colophon")[2]
    assert "20210601" in colophon
    assert "Pandoc" in colophon
    assert "synthetic cohort" in colophon
    assert "numpy" in colophon


def test_a_real_study_has_no_mark_and_leaves_out_what_it_does_not_have(bfi):
    folder, _, text = bfi
    assert sorted(p.name for p in folder.iterdir()) == ["bfi.docx", "bfi.html", "bfi.pdf"]
    assert "ynthetic" not in text
    for absent in ("Intraclass", "intraclass", "Scorecard", "published", "key stage", "students sitting"):
        assert absent not in text, absent
    for present in ("6 points", "Education", "Graduate degree", "Women − Men", "Neuroticism", "Slightly high"):
        assert present in text, present


def test_neither_report_shows_a_name_in_place_of_a_value(flipped, bfi):
    for _, page, text in (flipped, bfi):
        assert "{{<" not in page
        assert "?var:" not in text
        assert ":::" not in text


def test_a_value_that_is_not_there_is_one_clear_message_and_no_report(tmp_path):
    root = project(tmp_path)
    section = root / "reports/sections/survey_gender.qmd"
    section.write_text(section.read_text(encoding="utf-8") + "\n{{< var gender.means.oppenness.women.mean >}}\n")
    make_results(load_study("bfi", root), root / "results/bfi")
    run(root, "values", "--study", "bfi", "--tables", "results/bfi/tables", "--out", "results/bfi/values.json")
    done = run(root, "report", "--study", "bfi", "--results", "results/bfi", "--out", "results/bfi/report")
    assert done.returncode == 2
    assert "reports/sections/survey_gender.qmd, line" in done.stderr
    assert "gender.means.openness.women.mean" in done.stderr
    assert not (root / "results/bfi/report").exists()
