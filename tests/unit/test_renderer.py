"""The built-in renderer: a sample that uses every feature, in three formats, and an error for everything else."""

from __future__ import annotations

import itertools
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typst
import yaml
from report_folder import assembled, forget

from learning_survey import renderer
from learning_survey.errors import SurveyError

MARK = "Synthetic cohort: not real students"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FONT = '#set page(height: auto)\n#set text(font: "Libertinus Serif", size: 8.5pt, weight: "bold")\n'


@pytest.fixture(autouse=True, scope="module")
def builtin():
    """These tests are about the built-in renderer, whatever is installed here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(renderer.CHOICE, "builtin")
        forget()
        yield
    forget()


@pytest.fixture(scope="module")
def made(tmp_path_factory, builtin) -> Path:
    base = tmp_path_factory.mktemp("sample")
    renderer.render(assembled(base / "private"), "sample.qmd", base / "out", "sample_synthetic")
    return base


@pytest.fixture(scope="module")
def real(tmp_path_factory, builtin) -> Path:
    """The same report of a study that is not synthetic and has schools."""
    base = tmp_path_factory.mktemp("real")
    folder = assembled(base / "private", synthetic=False, stages={"gender": False, "schools": True})
    source = folder / "sections/summary.qmd"
    source.write_text(source.read_text().replace("Never.", "Two numbers."))
    renderer.render(folder, "sample.qmd", base / "out", "sample")
    return base


class Page(HTMLParser):
    """Ids, links, text by element, and images of an HTML page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids, self.links, self.images, self.spans, self.stack = [], [], [], [], []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"]] if tag == "a" else []
        self.images += [attributes] if tag == "img" else []
        self.spans += [attributes] if tag == "span" else []
        self.stack.append(tag)

    def handle_endtag(self, tag):
        self.stack.pop()

    def handle_data(self, data):
        if "style" not in self.stack:
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).replace("\u00a0", " ").split())


@pytest.fixture(scope="module")
def page(made) -> Page:
    return Page((made / "out/sample_synthetic.html").read_text())


def word(made: Path, part: str = "word/document.xml", stem: str = "sample_synthetic") -> ElementTree.Element:
    with zipfile.ZipFile(made / f"out/{stem}.docx") as archive:
        return ElementTree.fromstring(archive.read(part))


def paragraphs(root: ElementTree.Element) -> list[tuple[str, str]]:
    """Style and text of each paragraph."""
    found = []
    for p in root.iter(f"{W}p"):
        style = p.find(f"{W}pPr/{W}pStyle")
        text = "".join(t.text or "" for t in p.iter(f"{W}t")).replace("\u00a0", " ")
        found.append(("" if style is None else style.get(f"{W}val"), text))
    return found


def glyphs(svg: str) -> list[str]:
    return re.findall(r'<use xlink:href="#(\w+)"', svg)


# ---------------------------------------------------------------- the three formats


def test_in_word_text_keeps_its_distance_from_the_table_above(made):
    body = list(word(made).find(f"{W}body"))
    after = [b.find(f"{W}pPr/{W}pStyle") for a, b in itertools.pairwise(body) if a.tag == f"{W}tbl"]
    assert after and all(style is not None and style.get(f"{W}val") == "BoxGap" for style in after)


def test_in_word_a_short_table_stays_whole_and_no_row_of_a_long_one_stands_alone(made):
    def kept(row: ElementTree.Element) -> bool:
        styles = {p.find(f"{W}pPr/{W}pStyle").get(f"{W}val") for p in row.iter(f"{W}p")}
        assert len(styles) == 1
        return styles == {"KeptRow"}

    tables = [[kept(row) for row in table.iter(f"{W}tr")] for table in word(made).iter(f"{W}tbl")]
    short = [rows for rows in tables if len(rows) <= 25]
    long = [rows for rows in tables if len(rows) > 25]
    assert short and all(rows == [True] * (len(rows) - 1) + [False] for rows in short)
    assert long and all(
        rows[:2] == [True] * 2 and rows[-3:] == [True, True, False] and not any(rows[2:-3]) for rows in long
    )
    styles = word(made, "word/styles.xml")
    row = next(s for s in styles.iter(f"{W}style") if s.get(f"{W}styleId") == "KeptRow")
    assert row.find(f"{W}pPr/{W}keepNext") is not None


def test_spaces_around_a_sentence_that_is_left_out_are_not_printed_in_word(tmp_path):
    folder = assembled(tmp_path / "private")
    source = folder / "sections/summary.qmd"
    hidden = '[Left out.]{.content-visible unless-meta="synthetic"}'
    source.write_text(f"{source.read_text()}\n\n{hidden}\n{hidden}\nStays. {hidden} Stays too.\n")
    renderer.render(folder, "sample.qmd", tmp_path / "out", "sample_synthetic")
    assert "Stays. Stays too." in {text for _, text in paragraphs(word(tmp_path))}


def test_three_files_and_nothing_else(made):
    names = sorted(p.name for p in (made / "out").iterdir())
    assert names == [f"sample_synthetic.{s}" for s in ("docx", "html", "pdf")]
    assert (made / "out/sample_synthetic.pdf").read_bytes().startswith(b"%PDF-")


def test_colophon_can_name_the_renderer_beforehand(builtin):
    assert re.fullmatch(r"Built-in renderer \(Pandoc [\d.]+, Typst [\d.]+\)", renderer.renderer_info().label)


def test_html_values_conditions_and_citations(page):
    assert "alpha for Fairness is 0.93, as Table 1 shows, and Fairness is high in most schools" in page.text
    assert "Fairness is low" not in page.text and "Never" not in page.text
    assert "Shown, since the study has it. 1. first comes before a|b." in page.text
    assert "A second one, n < 10." in page.text
    assert "(Cronbach 1951, 297; Cohen 1988)" in page.text and "Lawrence Erlbaum" in page.text
    assert "A footnote with 7 in it" in page.text
    assert {"class": "value", "title": "reliability.csv, row 3"} in page.spans


def test_html_numbers_and_links(page):
    assert "Figure 1: Share of students rated high, by dimension; alpha of Fairness 0.93." in page.text
    assert "Table 2: Items in order." in page.text and "Section 3 says how" in page.text
    assert "1.1 Gender" in page.text and "2.1.1 A third level" in page.text and "3 Methods" in page.text
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert set(inside) <= set(page.ids) and {"fig-share", "tbl-items", "sec-methods"} <= set(inside)
    assert len(page.ids) == len(set(page.ids))


def test_html_is_self_contained_and_described(page, made):
    assert renderer.loads_from_outside((made / "out/sample_synthetic.html").read_text()) == []
    assert [i["alt"] for i in page.images] == [
        'Three bars: Fairness 40%, "Safety" 43%, Challenge 62%.',
        "The same bars, smaller.",
    ]
    assert all(i["src"].startswith("data:image/svg+xml") for i in page.images)


def test_word_has_numbers_links_boxes_and_alt_text(made):
    document = word(made)
    found = paragraphs(document)
    assert ("ImageCaption", "Figure 2: Half the width.") in found
    assert any(s == "TableCaption" and t.startswith("Table 1: Dimensions: students") for s, t in found)
    assert any(s == "KeyFinding" and t.startswith("Two in five students") for s, t in found)
    assert ("KeyFinding", "•\u00a0A first point, with a number: 1,234.".replace("\u00a0", " ")) in found
    assert {"Banner", "Note", "Method", "Lead", "SmallPrint"} <= {s for s, _ in found}
    anchors = {link.get(f"{W}anchor") for link in document.iter(f"{W}hyperlink")} - {None}
    bookmarks = {mark.get(f"{W}name") for mark in document.iter(f"{W}bookmarkStart")}
    assert anchors <= bookmarks and {"fig-share", "tbl-items", "sec-methods"} <= anchors
    described = {e.get("descr") for e in document.iter() if e.tag.endswith("}docPr")}
    assert {'Three bars: Fairness 40%, "Safety" 43%, Challenge 62%.', "The same bars, smaller."} <= described


def test_pdf_numbers_are_those_of_the_html(made):
    """Typst numbers figures by their order, kind by kind: its order must be the one the HTML's numbers came from."""
    source = made / "private/sample.typ"
    for kind, names in {"fig": ["fig-share", "fig-narrow"], "tbl": ["tbl-dimensions", "tbl-items"]}.items():
        where = f'figure.where(kind: "quarto-float-{kind}")'
        found = typst.query(source, where, field="label", root=source.parent, ignore_system_fonts=True)
        assert yaml.safe_load(found) == [f"<{name}>" for name in names]
    text = source.read_text()
    assert "#ref(<sec-methods>, supplement: [Section])" in text
    assert 'alt: "Three bars: Fairness 40%, \\"Safety\\" 43%, Challenge 62%."' in text


def test_in_the_pdf_a_paragraph_stays_with_the_list_that_it_leads_to(made):
    text = (made / "private/sample.typ").read_text()
    assert len(re.findall(r"#survey-intro\[\n.*?\n\]\n\n[-+] ", text, re.DOTALL)) == text.count("#survey-intro[") == 1


def test_wide_tables_give_each_column_room_and_narrow_ones_keep_their_width(made):
    text = (made / "private/sample.typ").read_text()
    columns = re.search(r"columns: \(([\d.%, ]+)\)", text)
    widths = [float(width) for width in re.findall(r"([\d.]+)%", columns[1])]
    assert len(widths) == 8 and sum(widths) == pytest.approx(100, abs=1)
    assert widths[1] == max(widths) and min(widths) > 4
    assert "columns: 6," in text


def test_synthetic_mark_on_every_page(made, page):
    assert page.text.count(MARK) == 1 and "These students do not exist." in page.text
    mark = glyphs(typst.compile((FONT + MARK).encode(), format="svg", ignore_system_fonts=True).decode())
    pages = typst.compile(made / "private/sample.typ", root=made / "private", format="svg", ignore_system_fonts=True)
    assert len(pages) >= 4 and len(mark) > 20
    for number, svg in enumerate(pages, start=1):
        drawn = " ".join(glyphs(svg.decode()))
        assert " ".join(mark) in drawn, f"page {number} lacks the mark"
    assert any(MARK in text for _, text in paragraphs(word(made, "word/header1.xml")))


def test_real_study_has_no_mark(real):
    html = (real / "out/sample.html").read_text()
    assert MARK not in html and "These students do not exist" not in html
    assert MARK not in (real / "private/sample.typ").read_text()
    with zipfile.ZipFile(real / "out/sample.docx") as archive:
        for name in archive.namelist():
            assert MARK.encode() not in archive.read(name), name


def test_conditions_follow_the_metadata(real):
    text = Page((real / "out/sample.html").read_text()).text
    assert "Shown, since the study has it" not in text and "1.1 Schools" in text
    assert "Table 1: Two numbers." in text and "as Table 2 shows" in text


def test_same_bytes_again(made, tmp_path):
    renderer.render(assembled(tmp_path / "elsewhere"), "sample.qmd", tmp_path / "out", "sample_synthetic")
    for path in sorted((made / "out").iterdir()):
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes(), path.name


# ---------------------------------------------------------------- what it refuses


ERRORS = [
    ("A {{< var n.student >}}.", "no value named 'n.student'", "n.students"),
    ("A {{< var n >}}.", "'n' is not a single value", "_variables.yml"),
    ("A {{< meta title >}}.", "unsupported shortcode", "Supported:"),
    ("See `{{< var n.count >}}`.", "a shortcode in code", "text"),
    ("See [x]({{< var n.count >}}).", "a value in code, a formula, a link", "running text"),
    ("{{< include tables/dimension.md >}}", "includes 'tables/dimension.md', which is not there", "dimensions.md"),
    ("{{< include sections/summary.qmd >}}", "includes itself", "circle"),
    ("Text {{< include tables/items.md >}}", "unsupported shortcode", "alone"),
    ("```{python}\n1 + 1\n```", "a code cell", "pipeline"),
    ("```\nno end", "a code block that does not end", "```"),
    ("::: {.note}\nno end", "a fenced div that does not end", ":::"),
    ("::: {.callout-note}\nx\n:::", "unsupported fenced div 'callout-note'", "keyfinding"),
    ('::: {.content-visible when-format="html"}\nx\n:::', "unsupported condition 'when-format'", "when-meta"),
    ('::: {.content-visible when-meta="claims.hihger"}\nx\n:::', "no metadata named 'claims.hihger'", "claims.higher"),
    ('::: {.content-visible when-meta="title"}\nx\n:::', "'title' is not true or false", "truth"),
    ('::: {.note when-meta="claims.higher"}\nx\n:::', "a condition on nothing", "content-visible"),
    ('::: {.note .content-visible when-meta="synthetic"}\nx\n:::', "a condition and 'note' in one", "inside"),
    ("[x]{.red}", "unsupported span 'red'", "value"),
    ("<b>x</b>", "raw html", "Markdown"),
    ("`#v(1em)`{=typst}", "raw typst", "Markdown"),
    ("See @fig-shares.", "'@fig-shares' is not in this report", "fig-share"),
    ("See @tbl-schools.", "'@tbl-schools' is not in this report", ""),
    ("See @sec-refs.", "'@sec-refs' has no number", ""),
    ("See [@fig-share].", "unsupported reference to 'fig-share'", "brackets"),
    ("See [@cronbach1952].", "'@cronbach1952' is not in the bibliography", "cronbach1951"),
    ('![A.](figures/shares){#fig-x fig-alt="a"}', "no figure 'figures/shares.png'", "figures/share.png"),
    ('![A.](figures/share){#fig-share fig-alt="a"}', "'fig-share' is used twice", "unique"),
    ("![A.](figures/share){#fig-x}", "figure 'fig-x' has no alt text", "fig-alt"),
    ('![A.](figures/share){#fig-x fig-alt="a" fig-align="left"}', "option 'fig-align'", "width"),
    ('![A.](figures/share){fig-alt="a"}', "a figure without a name", "#fig-x"),
    ("Text ![A.](figures/share) text", "an image that is not a figure", "alone"),
    (": Caption.\n\n| a |\n|---|\n| 1 |", "a table with half a caption", "tbl-name"),
    ("# Head {#sec-x .big}", "unsupported heading class 'big'", "unnumbered"),
]


@pytest.mark.parametrize(("text", "problem", "remedy"), ERRORS, ids=[e[1] for e in ERRORS])
def test_what_is_not_supported_is_named_with_file_and_line(tmp_path, text, problem, remedy):
    folder = assembled(tmp_path / "private")
    end = folder / "sections/end.qmd"
    end.write_text(end.read_text().replace("# References {", "# References {#sec-refs "))
    source = folder / "sections/summary.qmd"
    lines = source.read_text().count("\n")
    source.write_text(source.read_text() + f"\n{text}\n")
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("the last good one")
    with pytest.raises(SurveyError) as caught:
        renderer.render(folder, "sample.qmd", out, "report")
    assert problem in caught.value.problem and remedy in caught.value.message
    if "twice" not in problem:
        assert caught.value.where == f"sections/summary.qmd, line {lines + 2}"
    assert [p.name for p in out.iterdir()] == ["report.html"]
    assert (out / "report.html").read_text() == "the last good one"


def test_front_matter_in_a_section(tmp_path):
    folder = assembled(tmp_path / "private")
    (folder / "sections/end.qmd").write_text("---\ntitle: x\n---\n")
    with pytest.raises(SurveyError, match=r"sections/end.qmd, line 1: front matter"):
        renderer.render(folder, "sample.qmd", tmp_path / "out", "x")


def test_a_format_that_fails_leaves_the_others_unmoved(tmp_path):
    folder = assembled(tmp_path / "private")
    (folder / "figures/share.png").write_bytes(b"")
    (folder / "figures/share.svg").write_text("not a picture")
    with pytest.raises(SurveyError, match="Typst could not set the PDF"):
        renderer.render(folder, "sample.qmd", tmp_path / "out", "x")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", ["title", "banner"])
def test_missing_metadata(tmp_path, key):
    with pytest.raises(SurveyError, match=f"_study.yml: no '{key}'"):
        renderer.render(assembled(tmp_path / "private", **{key: ""}), "sample.qmd", tmp_path / "out", "x")


def test_unknown_format(tmp_path):
    with pytest.raises(SurveyError, match="unknown format 'pdf'"):
        renderer.render(tmp_path, "sample.qmd", tmp_path, "x", ["pdf"])


@pytest.mark.parametrize(
    ("html", "outside"),
    [
        ('<a href="https://example.org/x">follow</a>', []),
        ('<img src="data:image/png;base64,AA==" alt="https://example.org">', []),
        ('<svg><use xlink:href="#glyph"/><path fill="url(#g)"/></svg>', []),
        ('<img alt="" src="https://example.org/a.png">', ["https://example.org/a.png"]),
        ("<link rel=stylesheet href=report.css>", ["report.css"]),
        ('<script src="//cdn.example.org/a.js"></script>', ["//cdn.example.org/a.js"]),
        ('<style>@import "https://example.org/a.css";</style>', ["https://example.org/a.css"]),
        ("<style>p {background: url('https://example.org/b.png')}</style>", ["https://example.org/b.png"]),
    ],
)
def test_what_a_page_would_load(html, outside):
    assert renderer.loads_from_outside(html) == outside
