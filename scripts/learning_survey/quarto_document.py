"""A report as Pandoc's syntax tree, with Quarto's features worked out: values, conditions, numbers, cross-references.

The tree is Pandoc's JSON: an element is ``{"t": type, "c": content}``, attributes ``[id, [classes], [[key, value]]]``.
What is not one of the features that docs/rendering.md lists is a SurveyError with file, line and remedy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any

from learning_survey.errors import nearest
from learning_survey.quarto_source import CLOSE, MARKER, OPEN, PAGE_BREAK, VALUES, Source, fail, lookup

Element = dict[str, Any]
BOXES = ("banner", "keyfinding", "note", "method", "lead", "small")
SPANS = ("value", "muted")
PLAIN = ("RawBlock", "RawInline", "Div", "Span", "Header", "Table", "Figure", "Para")  # what may be unsupported
FLOATS = {"fig": "Figure", "tbl": "Table"}
NAMES = {**FLOATS, "sec": "Section"}
IMAGE = {"html": "svg", "typst": "svg", "docx": "png"}
BREAKS = {
    "html": ("html", '<div style="page-break-after: always;"></div>'),
    "typst": ("typst", "#pagebreak()"),
    "docx": ("openxml", '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'),
}


def rewrite(node: Any, kinds: Collection[str], visit: Callable[[Element], list[Element] | None]) -> Any:
    """A copy of ``node``, children first, in which ``visit`` may put a list in the place of an element of ``kinds``.

    A word or a space, of which most of a report consists, is shared with ``node``.
    """
    if isinstance(node, dict):
        return {k: rewrite(v, kinds, visit) if isinstance(v, (dict, list)) else v for k, v in node.items()}
    out = []
    for child in node:
        element = isinstance(child, dict) and "t" in child
        nodes = isinstance(child.get("c") if element else child, (dict, list))
        copy = rewrite(child, kinds, visit) if nodes else child
        put = visit(copy) if element and copy["t"] in kinds else None
        if put is None:
            out.append(copy)
        else:
            out.extend(put)
    return out


class Document:
    """A parsed report, checked, its conditions decided and its figures, tables and sections numbered."""

    def __init__(self, source: Source, tree: Element, metadata: dict[str, Any], citations: set[str]) -> None:
        self.source, self.metadata, self.citations = source, metadata, citations
        self.numbers: dict[str, str] = {}
        self.meta, self.version = tree["meta"], tree["pandoc-api-version"]
        blocks = self._with_values(tree["blocks"])
        blocks = rewrite(blocks, ("Div", "Span", "CodeBlock", "Code"), self._condition)
        blocks = rewrite(blocks, PLAIN, self._plain)
        self._number(blocks)
        self.blocks = blocks
        rewrite(blocks, ("Cite",), lambda e: self._reference(e, "html"))  # for its errors

    def json(self, format_: str) -> bytes:
        """The tree for one of Pandoc's writers ('html', 'typst', 'docx'), as JSON."""
        blocks = rewrite(self.blocks, ("Figure", "Table", "Div"), lambda e: self._float(e, format_))
        blocks = rewrite(blocks, ("Cite",), lambda e: self._reference(e, format_))
        return json.dumps({"pandoc-api-version": self.version, "meta": self.meta, "blocks": blocks}).encode()

    # ------------------------------------------------------------ values and conditions

    def _with_values(self, blocks: list[Element]) -> list[Element]:
        """Markers replaced by what the values' own paragraphs hold."""
        last = blocks.pop() if blocks and blocks[-1]["t"] == "Div" and blocks[-1]["c"][0][0] == VALUES else None
        if last is None or len(last["c"][1]) != len(self.source.values):
            fail("a fenced div or code block does not end", self.source.where(":::"), "Close every ':::'.")
        values = [paragraph["c"][2:] for paragraph in last["c"][1]]  # without the marker and the space after it

        def put(element: Element) -> list[Element] | None:
            if OPEN not in element["c"]:
                return None
            out: list[Element] = []
            for at, part in enumerate(MARKER.split(element["c"])):
                out.extend(values[int(part)] if at % 2 else [_string(part)] if part else [])
            return out

        blocks = rewrite(blocks, ("Str",), put)
        if left := MARKER.search(json.dumps(blocks, ensure_ascii=False)):
            place = self.source.where(f"{OPEN}{left[1]}{CLOSE}")
            fail("a value in code, a formula, a link or an attribute", place, "Use {{< var >}} in running text only.")
        return blocks

    def _condition(self, element: Element) -> list[Element] | None:
        """Quarto's content-visible and content-hidden: the content, or nothing."""
        (_, classes, pairs), content = element["c"]
        conditions = [(key, name) for key, name in pairs if key.startswith(("when-", "unless-"))]
        behaviour = [c for c in classes if c in ("content-visible", "content-hidden")]
        if not conditions and not behaviour:
            return None
        met = True
        for key, name in conditions:
            place = self.source.where(f'{key}="{name}"', key)
            if key not in ("when-meta", "unless-meta"):
                fail(f"unsupported condition '{key}'", place, "Use when-meta or unless-meta.")
            met = met and self._true(name, place) == (key == "when-meta")
        if not behaviour or element["t"] in ("CodeBlock", "Code"):
            place = self.source.where(*(f'{k}="{n}"' for k, n in conditions), *(f".{c}" for c in classes))
            fail(
                "a condition on nothing",
                place,
                "Write ::: {.content-visible when-meta=…} or [text]{.content-visible …}.",
            )
        if other := [c for c in classes if c not in behaviour]:
            place = self.source.where(f".{other[0]}", behaviour[0])
            fail(
                f"a condition and '{other[0]}' in one",
                place,
                "Put the box inside the condition: Quarto drops its class.",
            )
        return content if met == (behaviour[0] == "content-visible") else []

    def _true(self, name: str, place: str) -> bool:
        try:
            value = lookup(self.metadata, name)
        except KeyError as error:
            fail(f"no metadata named '{name}'", place, error.args[0])
        if not isinstance(value, bool):
            fail(f"'{name}' is not true or false", place, "Conditions need truth values in _study.yml.")
        return value

    # ------------------------------------------------------------ what a source may hold

    def _plain(self, element: Element) -> list[Element] | None:
        """Raise for what is not supported; drop HTML comments."""
        kind, where = element["t"], self.source.where
        if kind in ("RawBlock", "RawInline"):
            text = element["c"][1].strip()
            if text.startswith("<!--") and text.endswith("-->"):
                return []
            fail(
                f"raw {element['c'][0]}", where(text.split("\n")[0], "{="), "Write plain Markdown, or one of our boxes."
            )
        elif kind == "Div":
            identifier, classes, pairs = element["c"][0]
            if identifier != "refs" and (not classes or set(classes) - {*BOXES, PAGE_BREAK} or pairs):
                name = next((c for c in classes if c not in BOXES), "") or (pairs[0][0] if pairs else ":::")
                fail(f"unsupported fenced div '{name}'", where(f".{name}", name), f"Our boxes: {', '.join(BOXES)}.")
        elif kind == "Span":
            classes, pairs = element["c"][0][1:]
            if unknown := [c for c in classes if c not in SPANS] + [k for k, _ in pairs if k != "title"]:
                fail(
                    f"unsupported span '{unknown[0]}'",
                    where(f".{unknown[0]}", unknown[0]),
                    f"Our spans: {', '.join(SPANS)}.",
                )
        elif kind == "Header":
            if unknown := [c for c in element["c"][1][1] if c not in ("unnumbered", "unlisted")]:
                fail(f"unsupported heading class '{unknown[0]}'", where(unknown[0]), "Use .unnumbered or none.")
        elif kind == "Table":
            self._check_table(element)
        elif kind == "Figure":
            self._check_figure(element)
        elif kind == "Para" and any(inline["t"] == "Image" for inline in element["c"]):
            path = next(i["c"][2][0] for i in element["c"] if i["t"] == "Image")
            fail("an image that is not a figure", where(f"({path})"), "Put it alone in a paragraph and caption it.")
        return None

    def _check_table(self, table: Element) -> None:
        identifier, _, pairs = table["c"][0]
        caption = "".join(_words(_caption(table["c"][1])))
        if (identifier or caption) and not (identifier.startswith("tbl-") and caption and not pairs):
            place = self.source.where(f"#{identifier}" if identifier else caption[:30])
            fail("a table with half a caption", place, "Write ': Caption. {#tbl-name}', or no caption at all.")

    def _check_figure(self, figure: Element) -> None:
        identifier = figure["c"][0][0]
        blocks = figure["c"][2]
        inlines = blocks[0]["c"] if len(blocks) == 1 and blocks[0]["t"] == "Plain" else []
        if len(inlines) != 1 or inlines[0]["t"] != "Image":
            fail("a figure that is not one image", self.source.where(f"#{identifier}"), "Write one image, alone.")
        (_, _, pairs), _, (path, _) = inlines[0]["c"]
        place = self.source.where(f"#{identifier}" if identifier else f"({path})")
        if not identifier.startswith("fig-"):
            fail("a figure without a name", place, "Write ![Caption.](figures/x){#fig-x fig-alt=…}.")
        options = dict(pairs)
        if not options.get("fig-alt", "").strip():
            fail(f"figure '{identifier}' has no alt text", place, "Say what it shows in fig-alt.")
        if unknown := set(options) - {"fig-alt", "width"}:
            fail(f"unsupported figure option '{min(unknown)}'", place, "Supported: fig-alt and width.")
        for suffix in sorted(set(IMAGE.values())):
            if not (self.source.folder / f"{path}.{suffix}").is_file():
                known = [str(p.relative_to(self.source.folder)) for p in self.source.folder.glob(f"**/*.{suffix}")]
                fail(f"no figure '{path}.{suffix}'", place, nearest(f"{path}.{suffix}", sorted(known)))

    # ------------------------------------------------------------ numbers and references

    def _number(self, blocks: list[Element]) -> None:
        """Number figures, tables and headings in the order of the document; names must be unique."""
        counts = dict.fromkeys(FLOATS, 0)
        levels: list[int] = []

        def count(element: Element) -> None:
            if element["t"] == "Header":
                level, (identifier, classes, _), _ = element["c"]
                if "unnumbered" in classes:
                    return self._name(identifier, "")
                levels[:] = [*levels, *[0] * level][:level]
                levels[-1] += 1
                self._name(identifier, ".".join(map(str, levels)))
            elif identifier := element["c"][0][0]:
                kind = identifier[:3]
                counts[kind] += 1
                self._name(identifier, str(counts[kind]))
            return None

        rewrite(blocks, ("Header", "Figure", "Table"), count)

    def _name(self, identifier: str, number: str) -> None:
        if identifier in self.numbers and identifier.startswith(tuple(f"{k}-" for k in NAMES)):
            fail(f"the name '{identifier}' is used twice", self.source.where(f"#{identifier}"), "Names must be unique.")
        self.numbers[identifier] = number

    def _reference(self, element: Element, format_: str) -> list[Element] | None:
        """A citation of a figure, table or section as a link with its number; other citations must be in the .bib."""
        cited = element["c"][0]
        for key in (c["citationId"] for c in cited):
            place = self.source.where(f"@{key}")
            if key[:4] not in [f"{kind}-" for kind in NAMES]:
                if key not in self.citations:
                    fail(f"'@{key}' is not in the bibliography", place, nearest(key, sorted(self.citations)))
                continue
            plain = cited[0]["citationMode"]["t"] == "AuthorInText" and not cited[0]["citationSuffix"]
            if len(cited) != 1 or not plain:
                place = self.source.where(f"[@{key}", f"@{key}")
                fail(f"unsupported reference to '{key}'", place, f"Write @{key} by itself, without brackets.")
            if not self.numbers.get(key):
                why = "has no number" if key in self.numbers else "is not in this report"
                fail(f"'@{key}' {why}", place, nearest(key, sorted(k for k, n in self.numbers.items() if n)))
            name = NAMES[key[:3]]
            if format_ == "typst":
                return [_raw("typst", f"#ref(<{key}>, supplement: [{name}])", "RawInline")]
            text = _string(f"{name}\u00a0{self.numbers[key]}")
            return [{"t": "Link", "c": [["", ["quarto-xref"], []], [text], [f"#{key}", ""]]}]
        return None

    # ------------------------------------------------------------ figures and tables in each format

    def _float(self, element: Element, format_: str) -> list[Element] | None:
        if element["t"] == "Div":
            return [_raw(*BREAKS[format_])] if PAGE_BREAK in element["c"][0][1] else None
        identifier = element["c"][0][0]
        if not identifier:
            return None
        caption = _caption(element["c"][1])
        body = element if element["t"] == "Table" else self._image(element, format_)
        kind = identifier[:3]
        if format_ == "typst":
            return _typst_float(kind, identifier, caption, _uncaptioned(body))
        label = _string(f"{FLOATS[kind]}\u00a0{self.numbers[identifier]}:")
        if format_ == "html":
            captioned = [{"t": "Span", "c": [["", ["float-number"], []], [label]]}, {"t": "Space"}, *caption]
            return _html_float(kind, identifier, captioned, _uncaptioned(body))
        bold = {"t": "Strong", "c": [label]}
        captioned = [{"t": "Span", "c": [[identifier, [], []], [bold]]}, {"t": "Space"}, *caption]
        attributes = ["", *element["c"][0][1:]]
        content = [attributes, [None, [{"t": "Plain", "c": captioned}]]]
        if element["t"] == "Table":
            return [{"t": "Table", "c": [*content, *element["c"][2:]]}]
        return [{"t": "Figure", "c": [*content, [body]]}]

    def _image(self, figure: Element, format_: str) -> Element:
        """The image of a figure as a paragraph, with its alt text and its file's suffix."""
        (_, _, pairs), _, (path, _) = figure["c"][2][0]["c"][0]["c"]
        options, path = dict(pairs), f"{path}.{IMAGE[format_]}"
        if format_ == "typst":
            width = f"width: {options['width']}, " if "width" in options else ""
            return _raw("typst", f"#image({_quoted(path)}, {width}alt: {_quoted(options['fig-alt'])})")
        kept = [["width", options["width"]]] if "width" in options else []
        alt = [["alt", options["fig-alt"]]] if format_ == "html" else []
        words = [_string(options["fig-alt"])]
        return {"t": "Plain", "c": [{"t": "Image", "c": [["", [], kept + alt], words, [path, ""]]}]}


def _typst_float(kind: str, identifier: str, caption: list[Element], body: Element) -> list[Element]:
    """The same call of `figure` as Quarto's, so that one template styles both."""
    place = {"fig": "bottom", "tbl": "top"}[kind]
    options = f'kind: "quarto-float-{kind}", supplement: "{FLOATS[kind]}", numbering: "1"'
    return [
        _raw("typst", "#figure(["),
        body,
        {
            "t": "Plain",
            "c": [
                _raw("typst", f"], caption: figure.caption(position: {place}, [", "RawInline"),
                *caption,
                _raw("typst", f"]), {options})\n<{identifier}>", "RawInline"),
            ],
        },
    ]


def _html_float(kind: str, identifier: str, caption: list[Element], body: Element) -> list[Element]:
    """A `figure` with a table's caption above it and a picture's below, and classes as Quarto's."""
    words = {
        "t": "Plain",
        "c": [_raw("html", "<figcaption>", "RawInline"), *caption, _raw("html", "</figcaption>", "RawInline")],
    }
    content = {"t": "Div", "c": [["", ["float-content"], []], [body]]}
    return [
        _raw("html", f'<figure id="{identifier}" class="quarto-float quarto-float-{kind}">'),
        *([words, content] if kind == "tbl" else [content, words]),
        _raw("html", "</figure>"),
    ]


def _uncaptioned(body: Element) -> Element:
    """A table without its caption and name; anything else as it is."""
    if body["t"] != "Table":
        return body
    return {"t": "Table", "c": [["", *body["c"][0][1:]], [None, []], *body["c"][2:]]}


def _caption(caption: list[Any]) -> list[Element]:
    return [inline for block in caption[1] for inline in block["c"]]


def _words(inlines: list[Element]) -> list[str]:
    return re.findall(r'"t": "Str", "c": "(.*?)"', json.dumps(inlines, ensure_ascii=False))


def _string(text: str) -> Element:
    return {"t": "Str", "c": text}


def _raw(format_: str, text: str, kind: str = "RawBlock") -> Element:
    return {"t": kind, "c": [format_, text]}


def _quoted(text: str) -> str:
    """A Typst string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
