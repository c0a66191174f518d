"""The report's look in Word: Pandoc's reference document with our page, header, footer and styles.

Pandoc and Quarto copy page size, header, footer and styles from a reference document. It is made here, from the one
that Pandoc brings, rather than kept: the header names the report, and a synthetic study's carries its mark.
"""

from __future__ import annotations

import io
import re
import zipfile
from html import escape

ACCENT, INK, GREY, RULE, WASH = "1B4F72", "222222", "5A5A5A", "B9C3CB", "F1F5F8"
MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
CONTENT = "application/vnd.openxmlformats-officedocument.wordprocessingml"
SERIF, SANS = "Cambria", "Calibri"
OLDEST = (1980, 1, 1, 0, 0, 0)


def _spacing(before: int, after: int, line: int = 276) -> str:
    return f'<w:spacing w:before="{before}" w:after="{after}" w:line="{line}" w:lineRule="auto"/>'


def _edge(side: str, size: int, colour: str, space: int = 6) -> str:
    return f'<w:{side} w:val="single" w:sz="{size}" w:space="{space}" w:color="{colour}"/>'


def _borders(*edges: str) -> str:
    return f"<w:pBdr>{''.join(edges)}</w:pBdr>"


def _run(size: float, colour: str = INK, *, font: str = SERIF, bold: bool = False) -> str:
    return (
        f'<w:rFonts w:ascii="{font}" w:hAnsi="{font}" w:eastAsia="{font}" w:cs="{font}"/>'
        + ("<w:b/>" if bold else "")
        + f'<w:color w:val="{colour}"/><w:sz w:val="{round(2 * size)}"/><w:szCs w:val="{round(2 * size)}"/>'
    )


KEEP = "<w:keepNext/><w:keepLines/>"
SHADE = f'<w:shd w:val="clear" w:color="auto" w:fill="{WASH}"/>'
ALL_SIDES = _borders(*(_edge(side, 8, ACCENT, 8) for side in ("top", "left", "bottom", "right")))
# id, name, based on, next, paragraph properties (in the schema's order), run properties
PARAGRAPHS = [
    ("Normal", "Normal", "", "", "", ""),
    ("BodyText", "Body Text", "Normal", "", _spacing(100, 100), ""),
    ("Compact", "Compact", "BodyText", "", "<w:keepLines/>" + _spacing(20, 20, 252), ""),
    ("KeptRow", "Kept Row", "Compact", "", KEEP, ""),
    ("Title", "Title", "Normal", "BodyText", _borders(_edge("top", 24, ACCENT, 12)) + _spacing(0, 60, 240),
     _run(25, ACCENT, font=SANS, bold=True)),
    ("Subtitle", "Subtitle", "Normal", "BodyText", _spacing(0, 320, 252), _run(13, GREY, font=SANS)),
    ("Heading1", "heading 1", "Normal", "BodyText", KEEP + _spacing(400, 140, 240) + '<w:outlineLvl w:val="0"/>',
     _run(17, ACCENT, font=SANS, bold=True)),
    ("Heading2", "heading 2", "Normal", "BodyText", KEEP + _spacing(300, 100, 240) + '<w:outlineLvl w:val="1"/>',
     _run(13, ACCENT, font=SANS, bold=True)),
    ("Heading3", "heading 3", "Normal", "BodyText", KEEP + _spacing(240, 80, 240) + '<w:outlineLvl w:val="2"/>',
     _run(11, ACCENT, font=SANS, bold=True)),
    ("Caption", "Caption", "Normal", "", _spacing(60, 120, 252), _run(9, font=SANS)),
    ("TableCaption", "Table Caption", "Caption", "", "<w:keepNext/>" + _spacing(240, 100, 252), ""),
    ("ImageCaption", "Image Caption", "Caption", "", _spacing(80, 280, 252), ""),
    ("CaptionedFigure", "Captioned Figure", "Normal", "",
     "<w:keepNext/>" + _spacing(240, 40, 240) + '<w:jc w:val="center"/>', ""),
    ("FootnoteText", "Footnote Text", "Normal", "", _spacing(0, 40, 240), _run(8.5)),
    ("Bibliography", "Bibliography", "Normal", "", _spacing(0, 100, 252) + '<w:ind w:left="360" w:hanging="360"/>', ""),
    ("KeyFinding", "Key Finding", "BodyText", "", _borders(_edge("left", 24, ACCENT, 10)) + SHADE + _spacing(0, 80)
     + '<w:ind w:left="240" w:right="120"/>', ""),
    ("Banner", "Banner", "BodyText", "",
     "<w:keepLines/>" + ALL_SIDES + _spacing(160, 240) + '<w:ind w:left="200" w:right="200"/>', ""),
    ("Note", "Note", "BodyText", "", _borders(_edge("top", 4, RULE), _edge("bottom", 4, RULE)) + _spacing(160, 160),
     _run(9.5)),
    ("Method", "Method", "BodyText", "",
     _borders(_edge("left", 8, RULE, 10)) + _spacing(60, 60) + '<w:ind w:left="240"/>', _run(9, GREY)),
    ("BoxGap", "Box Gap", "Normal", "", _spacing(0, 0, 240), _run(5)),
    ("Lead", "Lead", "BodyText", "", _spacing(60, 200, 288), _run(12)),
    ("SmallPrint", "Small Print", "BodyText", "", _spacing(40, 60, 252), _run(8.5)),
    ("Header", "header", "Normal", "", _spacing(0, 0, 240), _run(8.5, GREY, font=SANS)),
    ("Footer", "footer", "Normal", "", _spacing(0, 0, 240) + '<w:jc w:val="right"/>', _run(8.5, GREY, font=SANS)),
]  # fmt: skip
CHARACTERS = [
    ("Muted", "Muted", f'<w:color w:val="{GREY}"/>'),
    ("SectionNumber", "Section Number", f'<w:color w:val="{GREY}"/>'),
    ("Hyperlink", "Hyperlink", f'<w:color w:val="{ACCENT}"/>'),
]
TABLE = f"""<w:style w:type="table" w:default="1" w:styleId="Table"><w:name w:val="Table"/>
<w:basedOn w:val="TableNormal"/><w:qFormat/><w:rPr>{_run(9, font=SANS)}</w:rPr>
<w:tblPr><w:tblInd w:w="0" w:type="dxa"/><w:tblBorders>
{_edge("top", 10, INK, 0)}{_edge("bottom", 10, INK, 0)}</w:tblBorders><w:tblCellMar>
<w:top w:w="30" w:type="dxa"/><w:left w:w="70" w:type="dxa"/>
<w:bottom w:w="30" w:type="dxa"/><w:right w:w="70" w:type="dxa"/>
</w:tblCellMar></w:tblPr><w:tblStylePr w:type="firstRow"><w:rPr><w:b/></w:rPr><w:tcPr><w:tcBorders>
{_edge("bottom", 6, INK, 0)}</w:tcBorders><w:vAlign w:val="bottom"/></w:tcPr></w:tblStylePr></w:style>"""


def reference_document(default: bytes, title: str, mark: str = "") -> bytes:
    """A reference document made from Pandoc's ``default`` one; the same bytes for the same arguments.

    ``title`` stands in the header of every page, and so does ``mark`` when there is one.
    """
    with zipfile.ZipFile(io.BytesIO(default)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts["word/styles.xml"] = _styled(parts["word/styles.xml"])
    parts["word/header1.xml"] = _header(title, mark)
    parts["word/footer1.xml"] = _footer()
    for number, kind in enumerate(("header", "footer"), start=101):
        relation = f'<Relationship Type="{RELATIONS}/{kind}" Id="rId{number}" Target="{kind}1.xml"/>'
        override = f'<Override PartName="/word/{kind}1.xml" ContentType="{CONTENT}.{kind}+xml"/>'
        _before(parts, "word/_rels/document.xml.rels", "</Relationships>", relation)
        _before(parts, "[Content_Types].xml", "</Types>", override)
    page = (
        f'<w:headerReference xmlns:r="{RELATIONS}" w:type="default" r:id="rId101"/>'
        f'<w:footerReference xmlns:r="{RELATIONS}" w:type="default" r:id="rId102"/>'
        '<w:footnotePr><w:numRestart w:val="eachSect"/></w:footnotePr><w:pgSz w:w="11906" w:h="16838"/>'
        '<w:pgMar w:top="1587" w:right="1417" w:bottom="1417" w:left="1417" w:header="709" w:footer="709" '
        'w:gutter="0"/>'
    )
    parts["word/document.xml"] = re.sub(
        r"<w:sectPr\b.*</w:sectPr>", f"<w:sectPr>{page}</w:sectPr>", parts["word/document.xml"], flags=re.DOTALL
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(parts, key=lambda n: (n != "[Content_Types].xml", n)):
            archive.writestr(zipfile.ZipInfo(name, OLDEST), parts[name], zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _styled(styles: str) -> str:
    """Pandoc's styles with ours in the place of those of the same id."""
    made = {"Table": TABLE}
    for identifier, name, based, following, paragraph, run in PARAGRAPHS:
        default = ' w:default="1"' if identifier == "Normal" else ""
        made[identifier] = (
            f'<w:style w:type="paragraph"{default} w:styleId="{identifier}"><w:name w:val="{name}"/>'
            + (f'<w:basedOn w:val="{based}"/>' if based else "")
            + (f'<w:next w:val="{following}"/>' if following else "")
            + f"<w:qFormat/><w:pPr>{paragraph}</w:pPr><w:rPr>{run}</w:rPr></w:style>"
        )
    for identifier, name, run in CHARACTERS:
        made[identifier] = (
            f'<w:style w:type="character" w:styleId="{identifier}"><w:name w:val="{name}"/>'
            f'<w:basedOn w:val="DefaultParagraphFont"/><w:rPr>{run}</w:rPr></w:style>'
        )
    for identifier, style in made.items():
        old = re.compile(rf'<w:style\b[^>]*w:styleId="{identifier}".*?</w:style>', re.DOTALL)
        styles, replaced = old.subn(lambda _, style=style: style, styles, count=1)
        if not replaced:
            styles = styles.replace("</w:styles>", f"{style}</w:styles>")
    defaults = f'<w:rPr>{_run(10.5)}<w:lang w:val="en-GB"/></w:rPr>'
    styles = re.sub(r"<w:rPr>.*?</w:rPr>(?=\s*</w:rPrDefault>)", defaults, styles, flags=re.DOTALL)
    paragraph = f"<w:pPr>{_spacing(0, 120)}</w:pPr>"
    return re.sub(r"<w:pPr>.*?</w:pPr>(?=\s*</w:pPrDefault>)", paragraph, styles, flags=re.DOTALL)


def _header(title: str, mark: str) -> str:
    tab = '<w:tabs><w:tab w:val="right" w:pos="9072"/></w:tabs>'
    words = f'<w:r><w:t xml:space="preserve">{escape(title)}</w:t></w:r>'
    if mark:
        words += (
            f'<w:r><w:tab/></w:r><w:r><w:rPr><w:b/><w:color w:val="{ACCENT}"/></w:rPr>'
            f'<w:t xml:space="preserve">{escape(mark)}</w:t></w:r>'
        )
    line = _borders(_edge("bottom", 4, RULE, 4))
    return _part("hdr", f'<w:p><w:pPr><w:pStyle w:val="Header"/>{line}{tab}</w:pPr>{words}</w:p>')


def _footer() -> str:
    def number(code: str) -> str:
        return f'<w:fldSimple w:instr=" {code} "><w:r><w:t>1</w:t></w:r></w:fldSimple>'

    between = '<w:r><w:t xml:space="preserve"> / </w:t></w:r>'
    words = number("PAGE") + between + number("NUMPAGES")
    return _part("ftr", f'<w:p><w:pPr><w:pStyle w:val="Footer"/></w:pPr>{words}</w:p>')


def _part(kind: str, content: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<w:{kind} xmlns:w="{MAIN}">{content}</w:{kind}>'


def _before(parts: dict[str, str], name: str, end: str, addition: str) -> None:
    parts[name] = parts[name].replace(end, addition + end)
