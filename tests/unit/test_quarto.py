"""Finding and running the real Quarto, with a stand-in that records how it is called."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from report_folder import assembled, forget

from learning_survey import quarto, renderer
from learning_survey.errors import SurveyError

STAND_IN = """#!/bin/sh
case "$1" in
  --version) echo "{version}" ;;
  pandoc) echo "pandoc 3.6.3" ;;
  typst) echo "typst 0.13.0 (abc)" ;;
  render)
    shift; echo "$@" >> calls; echo "$SOURCE_DATE_EPOCH" > epoch
    {render} ;;
esac
"""
MAKES = 'for s in html pdf docx; do echo "{page}" > "${{1%.qmd}}.$s"; done'


def install(folder: Path, version: str = "1.7.34", render: str = MAKES.format(page="<p>made</p>")) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "quarto"
    path.write_text(STAND_IN.format(version=version, render=render))
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def empty(monkeypatch, tmp_path):
    """No Quarto anywhere, neither on PATH nor beside Python, and no choice made."""
    beside = tmp_path / "environment"
    beside.mkdir()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    monkeypatch.delenv(renderer.CHOICE, raising=False)
    if quarto.find():
        monkeypatch.setenv("PATH", "/bin")
    forget()
    yield beside
    forget()


@pytest.fixture
def on_path(monkeypatch, tmp_path):
    def put(**options) -> Path:
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
        return install(tmp_path / "bin", **options)

    return put


def test_none():
    assert quarto.find() is None
    assert renderer.renderer_info().name == "Built-in renderer"


def test_path_comes_first_then_the_environment(on_path, empty):
    inside = install(empty, "1.6.40")
    assert quarto.find() == inside
    assert quarto.find() != on_path() == quarto.find()


@pytest.mark.parametrize("version", ["1.4.550", "could not download Quarto"])
def test_too_old_or_broken_does_not_count(on_path, version):
    on_path(version=version)
    assert quarto.find() is None


def test_info_names_what_is_inside(on_path):
    on_path()
    assert renderer.renderer_info().label == "Quarto 1.7.34 (Pandoc 3.6.3, Typst 0.13.0)"


def test_choice(on_path, monkeypatch):
    monkeypatch.setenv(renderer.CHOICE, "quarto")
    with pytest.raises(SurveyError, match="Quarto was asked for and is not installed"):
        renderer.renderer_info()
    on_path()
    assert renderer.renderer_info().name == "Quarto"
    forget()
    monkeypatch.setenv(renderer.CHOICE, "builtin")
    assert renderer.renderer_info().name == "Built-in renderer"
    forget()
    monkeypatch.setenv(renderer.CHOICE, "qarto")
    with pytest.raises(SurveyError, match="Did you mean 'quarto'"):
        renderer.renderer_info()


def test_render_in_one_run_with_word_styles_ready(on_path, tmp_path):
    on_path()
    folder = assembled(tmp_path / "private")
    info = renderer.render(folder, "sample.qmd", tmp_path / "out", "sample_synthetic")
    assert info.name == "Quarto" and (folder / "styles/reference.docx").is_file()
    assert (folder / "calls").read_text() == "sample.qmd\n"
    assert (folder / "epoch").read_text().strip() == renderer.EPOCH
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        f"sample_synthetic.{s}" for s in ("docx", "html", "pdf")
    ]


def test_one_format(on_path, tmp_path):
    on_path()
    folder = assembled(tmp_path / "private")
    renderer.render(folder, "sample.qmd", tmp_path / "out", "x", ["typst"])
    assert (folder / "calls").read_text() == "sample.qmd --to typst\n"
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["x.pdf"]


@pytest.mark.parametrize(
    ("render", "message"),
    [
        ("echo 'no such crossref' >&2; exit 1", "could not render the report:\nno such crossref"),
        ("echo x > sample.html; echo x > sample.pdf", "did not make sample.docx"),
        (MAKES.format(page="<img src=http://example.org/a.png>"), "the page would load http://example.org/a.png"),
    ],
)
def test_failure_leaves_nothing(on_path, tmp_path, render, message):
    on_path(render=render)
    with pytest.raises(SurveyError) as caught:
        renderer.render(assembled(tmp_path / "private"), "sample.qmd", tmp_path / "out", "x")
    assert message in caught.value.problem
    assert not (tmp_path / "out").exists()
