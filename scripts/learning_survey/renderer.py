"""From a report's private folder to HTML, PDF and Word: by Quarto where it is installed, else by Pandoc and Typst.

docs/rendering.md says what the folder holds and what the sources may use. Both ways read the same sources, styles and
settings; the built-in one (`quarto_source`, `quarto_document`) supports what that page lists and stops at the rest.
"""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import yaml

from learning_survey import quarto
from learning_survey.errors import FREE, SurveyError, nearest, no_room
from learning_survey.quarto_document import Document
from learning_survey.quarto_source import Source, read_yaml
from learning_survey.tables import replacing

CHOICE = "LEARNING_SURVEY_RENDERER"
FORMATS = tuple(quarto.SUFFIX)
EPOCH = "315532800"  # 1 January 1980, the earliest that a zip file can state: outputs carry no time of making
LOADS = re.compile(
    r"""<(?:link|script|img|iframe|source|object|embed|video|audio|track|use|image|input)\b[^>]*?
        \s(?:src|href|xlink:href|data|poster|srcset)\s*=\s*["']?(?!data:|\#)([^"'\s>]+)
      | @import\s+(?:url\()?["']?(?!data:)([^"')\s;]+)
      | \burl\(\s*["']?(?!data:|\#)([^"')\s]+)""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class RendererInfo:
    """What makes the report: 'Quarto' or 'built-in renderer', its version, and the programs inside it."""

    name: str
    version: str
    engines: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        """For the colophon: 'Quarto 1.7.34 (Pandoc 3.6.3, Typst 0.13.0)'."""
        inside = ", ".join(f"{name} {number}" for name, number in self.engines)
        return f"{self.name} {self.version}".strip() + f" ({inside})"


@lru_cache(maxsize=1)
def _found() -> Path | None:
    """The Quarto to use, or None for the built-in renderer; LEARNING_SURVEY_RENDERER decides when it is set."""
    choice = os.environ.get(CHOICE, "").strip().lower()
    if choice not in ("", "quarto", "builtin"):
        raise SurveyError(f"unknown renderer '{choice}'", where=CHOICE, remedy=nearest(choice, ["quarto", "builtin"]))
    path = None if choice == "builtin" else quarto.find()
    if choice == "quarto" and path is None:
        oldest = ".".join(map(str, quarto.OLDEST))
        raise SurveyError(
            "Quarto was asked for and is not installed",
            where=CHOICE,
            remedy=f"Install Quarto {oldest} or later, or unset {CHOICE} to use the built-in renderer.",
        )
    return path


@lru_cache(maxsize=1)
def renderer_info() -> RendererInfo:
    """Which renderer `render` will use; raises SurveyError when the one asked for is not there."""
    if path := _found():
        engines = tuple((name.title(), quarto.version(path, name)) for name in ("pandoc", "typst"))
        return RendererInfo("Quarto", quarto.version(path), engines)
    import pypandoc

    return RendererInfo(
        "Built-in renderer", "", (("Pandoc", str(pypandoc.get_pandoc_version())), ("Typst", package_version("typst")))
    )


def render(folder: Path, master: str, out: Path, stem: str, formats: Sequence[str] = FORMATS) -> RendererInfo:
    """Render ``folder/master`` to ``out/<stem>.html``, ``.pdf`` and ``.docx``.

    All formats are made in ``folder`` before any is moved, so that a failure leaves ``out`` as it was. Raises
    SurveyError for a source that cannot be rendered and for HTML that would load anything from elsewhere.
    """
    if unknown := [f for f in formats if f not in FORMATS]:
        raise SurveyError(f"unknown format '{unknown[0]}'", where=master, remedy=nearest(unknown[0], FORMATS))
    info = renderer_info()
    metadata = prepare(folder)
    env = {"SOURCE_DATE_EPOCH": EPOCH}
    if path := _found():
        made = quarto.render(path, folder, master, formats, env)
    else:
        made = _built_in(folder, master, metadata, formats, env)
    if "html" in made and (outside := loads_from_outside(made["html"].read_text(encoding="utf-8"))):
        raise SurveyError(
            f"the page would load {outside[0]}", where=master, remedy="Embed it: the report must make no request."
        )
    for format_, path in made.items():
        with replacing(out / f"{stem}.{quarto.SUFFIX[format_]}") as temporary:
            temporary.write_bytes(path.read_bytes())
    return info


def prepare(folder: Path) -> dict[str, Any]:
    """Write the Word styles, with the mark of a synthetic study in its header; return the report's metadata.

    `render` calls it. Call it after assembly when Quarto is to be run by hand in the folder.
    """
    from learning_survey.word_styles import reference_document

    project = read_yaml(folder / "_quarto.yml", "_quarto.yml")
    metadata = dict(project)
    for name in project.get("metadata-files", []):
        metadata |= read_yaml(folder / name, name)
    for key in ("title",) + (("mark", "banner") if metadata.get("synthetic") else ()):
        if not metadata.get(key):
            raise SurveyError(f"no '{key}'", where="_study.yml", remedy="The report's assembly writes it.")
    mark = metadata["mark"] if metadata.get("synthetic") else ""
    content = reference_document(_word_default(), metadata["title"], mark)
    with replacing(folder / metadata["format"]["docx"]["reference-doc"]) as temporary:
        temporary.write_bytes(content)
    return metadata


@lru_cache(maxsize=1)
def _word_default() -> bytes:
    return _pandoc("--print-default-data-file", "reference.docx")


def loads_from_outside(html: str) -> list[str]:
    """What a browser would fetch for this page besides the page itself (links to follow do not count)."""
    return [next(part for part in found if part) for found in LOADS.findall(html)]


def _built_in(
    folder: Path, master: str, metadata: dict[str, Any], formats: Sequence[str], env: dict[str, str]
) -> dict[str, Path]:
    """Render with Pandoc's writers and Typst; raises SurveyError naming file and line of what is not supported."""
    source = Source.of(folder, master)
    kept = ("title", "subtitle", "synthetic", "mark", "banner", "lang", "toc-title", "link-citations")
    front = yaml.safe_dump({k: metadata[k] for k in kept if k in metadata}, allow_unicode=True)
    document = Document(source, _parsed(source, front), metadata, _citation_keys(folder, metadata))
    stem = Path(master).stem

    def make(format_: str) -> tuple[str, Path]:
        path = folder / f"{stem}.{'typ' if format_ == 'typst' else quarto.SUFFIX[format_]}"
        arguments = [*_common(metadata, format_), *_special(metadata, format_), "-o", path.name]
        _pandoc(*arguments, stdin=document.json(format_), cwd=folder, env=env)
        return format_, _typeset(path, folder) if format_ == "typst" else path

    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(pool.map(make, sorted(formats, key=("typst", "html", "docx").index)))


def _parsed(source: Source, front: str) -> dict[str, Any]:
    """Pandoc's syntax tree of the sources under a front matter; its warnings, say of an unclosed div, are errors."""
    head = f"---\n{front}...\n\n"
    try:
        return json.loads(_pandoc("-f", "markdown", "-t", "json", stdin=(head + source.text).encode()))
    except SurveyError as error:
        line = re.search(r"\bline (\d+)", error.problem)
        at = int(line[1]) - head.count("\n") - 1 if line else -1
        if not 0 <= at < len(source.origin):
            raise
        place = "{}, line {}".format(*source.origin[at])
        if "unclosed" in error.problem:
            raise SurveyError("a fenced div that does not end", where=place, remedy="Close it with ':::'.") from None
        raise SurveyError(error.problem.replace(line[0], "this line"), where=place, remedy=error.remedy) from None


def _common(metadata: dict[str, Any], format_: str) -> list[str]:
    """Pandoc's arguments for the settings that all formats share."""
    arguments = [
        "-f",
        "json",
        "-t",
        {"html": "html5", "typst": "typst-citations"}.get(format_, format_),
        "--standalone",
    ]
    arguments += [f"--lua-filter={name}" for name in metadata.get("filters", [])]
    if metadata.get("bibliography"):
        arguments += ["--citeproc", f"--bibliography={metadata['bibliography']}"]
    if metadata.get("number-sections"):
        arguments.append("--number-sections")
    if metadata["format"][format_].get("toc", metadata.get("toc")):
        arguments += ["--toc", f"--toc-depth={metadata.get('toc-depth', 3)}"]
    return [*arguments, "--syntax-highlighting=none"]


def _special(metadata: dict[str, Any], format_: str) -> list[str]:
    """Pandoc's arguments for one format."""
    options = metadata["format"][format_]
    if format_ == "html":
        template = "--template=styles/builtin.html"
        return [template, f"--css={options['css']}", "--embed-resources", "--mathml", "--section-divs"]
    if format_ == "typst":
        return ["--template=styles/builtin.typ", f"--variable=section-numbering:{options['section-numbering']}"]
    return [f"--reference-doc={options['reference-doc']}"]


def _typeset(path: Path, root: Path) -> Path:
    """Compile a Typst file to PDF beside it, with the fonts inside Typst only, so that every machine gives the same."""
    import typst

    made = path.with_suffix(".pdf")
    try:
        typst.compile(path, output=made, root=root, ignore_system_fonts=True, timestamp=int(EPOCH))
    except typst.TypstError as error:
        raise SurveyError(
            f"Typst could not set the PDF: {error.message}",
            where=path.name,
            remedy="Look for the words it names in the sources or in styles/.",
        ) from None
    return made


def _citation_keys(folder: Path, metadata: dict[str, Any]) -> set[str]:
    name = metadata.get("bibliography")
    if not name:
        return set()
    if not (folder / name).is_file():
        raise SurveyError("no such file", where=name, remedy="The report's assembly copies the bibliography.")
    return set(re.findall(r"^\s*@\w+\s*\{\s*([^,\s]+)\s*,", (folder / name).read_text(encoding="utf-8"), re.MULTILINE))


def _pandoc(*arguments: str, stdin: bytes = b"", cwd: Path | None = None, env: dict[str, str] | None = None) -> bytes:
    import pypandoc

    done = subprocess.run(
        [pypandoc.get_pandoc_path(), *arguments],
        input=stdin,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        check=False,
    )
    warnings = done.stderr.decode(errors="replace").strip()
    too_large = os.strerror(errno.EFBIG) if done.returncode == -signal.SIGXFSZ else ""
    if reason := no_room(warnings) or too_large:
        raise SurveyError(f"Pandoc cannot write: {reason}", where=cwd or "the report", remedy=FREE)
    if done.returncode or "[WARNING]" in warnings:
        raise SurveyError(
            f"Pandoc said: {warnings or done.returncode}",
            where="the report",
            remedy="Correct the source that it names.",
        )
    return done.stdout
