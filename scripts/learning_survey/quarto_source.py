"""A report's sources as one Markdown text: includes put in place, values marked, every line's origin kept.

Values are not pasted into the text. ``{{< var a.b >}}`` becomes a marker, and the value a paragraph of its own after
the text, so that a value is read as Markdown by itself, as Quarto does, and cannot turn its surroundings into a list or
a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from learning_survey.errors import SurveyError, nearest
from learning_survey.yaml_files import LOADER

SHORTCODE = re.compile(r"\{\{<(.*?)>\}\}")
ESCAPED = re.compile(r"\{\{\{<|\{\{</\*")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})\s*(.*)$")
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
OPEN, CLOSE = "\ue000", "\ue001"
MARKER = re.compile(f"{OPEN}(\\d+){CLOSE}")
VALUES = "values-of-the-report"
PAGE_BREAK = "page-break-of-the-report"
KNOWN = ("var", "include", "pagebreak")


def read_yaml(path: Path, shown: str) -> dict[str, Any]:
    """The mapping in a YAML file, {} for an empty one; raises SurveyError when it is missing or is not a mapping."""
    if not path.is_file():
        raise SurveyError("no such file", where=shown, remedy="The report's assembly writes it.")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SurveyError(f"not valid YAML: {error}", where=shown, remedy="Correct it at the place named.") from None
    if content is not None and not isinstance(content, dict):
        raise SurveyError("holds no keys", where=shown, remedy="Write 'key: value' lines.")
    return content or {}


def lookup(tree: dict[str, Any], name: str) -> Any:
    """``tree['a']['b']`` for the name 'a.b'; raises KeyError with the names that stand beside the missing one."""
    node: Any = tree
    for at, part in enumerate(parts := name.split(".")):
        if not isinstance(node, dict) or part not in node:
            before = ".".join(parts[:at])
            siblings = sorted(map(str, node)) if isinstance(node, dict) else []
            raise KeyError(nearest(name, [f"{before}.{s}" if before else s for s in siblings]))
        node = node[part]
    return node


@dataclass
class Source:
    """The whole report as Markdown lines, and where each line came from (file, line)."""

    folder: Path
    variables: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    origin: list[tuple[str, int]] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, master: str) -> Source:
        """Read ``folder/master`` and all that it includes; raises SurveyError naming file and line."""
        variables = folder / "_variables.yml"
        source = cls(folder, read_yaml(variables, variables.name) if variables.exists() else {})
        source._take(master, ())
        return source

    @property
    def text(self) -> str:
        """Markdown for Pandoc: the lines, then the values, a paragraph each, in a div that `split` takes off again."""
        values = "\n\n".join(f"{OPEN} {value}" for value in self.values)
        return "\n".join([*self.lines, "", f"::::::::::: {{#{VALUES}}}", "", values, "", ":::::::::::", ""])

    def where(self, *needles: str) -> str:
        """'file, line n' of the first line that contains all ``needles``, else one of them, the first needle first."""
        for wanted in (needles, *((needle,) for needle in needles)):
            for line, (name, number) in zip(self.lines, self.origin, strict=True):
                if all(needle in line for needle in wanted):
                    return f"{name}, line {number}"
        return self.origin[0][0] if self.origin else str(self.folder)

    def _take(self, name: str, above: tuple[str, ...]) -> None:
        """Append the lines of one file, with includes in their places."""
        fence = ""
        for number, line in self._numbered(name, above):
            place = f"{name}, line {number}"
            if number == 1 and line.strip() == "---":
                fail("front matter", place, "Move its keys to _study.yml, which the report's assembly writes.")
            opened = FENCE.match(line)
            if fence:
                fence = "" if opened and opened[1].startswith(fence) and not opened[2] else fence
            elif opened:
                fence = opened[1]
                if opened[2].startswith("{"):
                    fail(
                        "a code cell or raw block", place, "Computation belongs to the pipeline; write plain Markdown."
                    )
            if "{{" not in line:
                self._add(line, name, number)
                continue
            if ESCAPED.search(line) or fence or any("{{<" in m[2] for m in CODE_SPAN.finditer(line)):
                fail("a shortcode in code", place, "Shortcodes work in text, headings, captions and table cells only.")
            if (alone := SHORTCODE.fullmatch(line.strip())) and (words := alone[1].split())[:1] == ["include"]:
                self._include(words, line, place, (*above, name))
            elif alone and words == ["pagebreak"]:
                self._add(f"::: {{.{PAGE_BREAK}}}\n:::", name, number)
            else:
                self._add(SHORTCODE.sub(lambda m, place=place: self._value(m[1], place), line), name, number)
        if fence:
            fail("a code block that does not end", self.where(fence), f"Close it with {fence}.")

    def _numbered(self, name: str, above: tuple[str, ...]) -> Iterator[tuple[int, str]]:
        content = (self.folder / name).read_text(encoding="utf-8") if (self.folder / name).is_file() else None
        if content is None:
            fail("no such file", name, "The report's assembly copies every source; check its name.")
        return enumerate(content.splitlines(), start=1)

    def _add(self, text: str, name: str, number: int) -> None:
        for line in text.split("\n"):
            self.lines.append(line)
            self.origin.append((name, number))

    def _include(self, words: list[str], line: str, place: str, above: tuple[str, ...]) -> None:
        if len(words) != 2 or line[0].isspace():
            fail(f"cannot include: {line.strip()}", place, "Write {{< include path/from/the/master.md >}}, unindented.")
        name = words[1].strip("\"'").removeprefix("/")
        if name in above:
            fail(f"'{name}' includes itself", place, "Remove the circle.")
        if not (self.folder / name).is_file():
            near = [
                str(p.relative_to(self.folder)) for p in sorted((self.folder / name).parent.glob("*")) if p.is_file()
            ]
            fail(
                f"includes '{name}', which is not there",
                place,
                f"Paths start at the master's folder. {nearest(name, near)}",
            )
        self._add("", *_split(place))
        self._take(name, above)
        self._add("", *_split(place))

    def _value(self, code: str, place: str) -> str:
        words = code.split()
        if len(words) != 2 or words[0] != "var":
            fail(
                f"unsupported shortcode '{{{{<{code}>}}}}'",
                place,
                "Supported: {{< var x >}} in text, {{< include path >}} and {{< pagebreak >}} alone on a line.",
            )
        try:
            value = lookup(self.variables, words[1])
        except KeyError as error:
            fail(f"no value named '{words[1]}'", place, error.args[0])
        if value is None or isinstance(value, dict | list):
            fail(f"'{words[1]}' is not a single value", place, "Name one value in _variables.yml.")
        self.values.append(" ".join(str(value).split()) if not isinstance(value, bool) else str(value).lower())
        return f"{OPEN}{len(self.values) - 1}{CLOSE}"


def fail(problem: str, where: str, remedy: str) -> NoReturn:
    raise SurveyError(problem, where=where, remedy=remedy)


def _split(place: str) -> tuple[str, int]:
    name, number = place.rsplit(", line ", 1)
    return name, int(number)
