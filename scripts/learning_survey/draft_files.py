"""A draft as the two YAML files that a person corrects and confirms: every proposal has its evidence beside it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from learning_survey.draft import Draft, draft, wording_of
from learning_survey.draft_columns import ROWS, Column
from learning_survey.draft_fields import GENDERS, KEY_STAGES, at_school
from learning_survey.draft_questions import missing_labels, questions, scale_names
from learning_survey.errors import SurveyError
from learning_survey.exports import Detected
from learning_survey.labels import whole_number
from learning_survey.mapping import short
from learning_survey.tables import write_text


def write(
    name: str, files: Sequence[Path], root: Path = Path(), stated: dict[str, str] | None = None
) -> tuple[Path, Path]:
    """Draft study and instrument ``name`` from ``files`` and write both below ``root``/config; returns their paths.

    ``stated`` is what the files do not tell of themselves (``draft.draft``); it goes into the study too.
    Raises SurveyError, and writes nothing, for a name that cannot be one, for files that cannot be read, and where one
    of the two is there already: a draft never takes the place of somebody's work.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise SurveyError(
            f"'{name}' cannot be the name of a study",
            remedy="Use small letters, digits and underscores, with a letter first: NAME=autumn_2026.",
        )
    paths = tuple(root / "config" / kind / f"{name}.yaml" for kind in ("studies", "instruments"))
    for path in paths:
        if path.exists():
            raise SurveyError("is there already", where=path, remedy="Give the draft another NAME, or move the file.")
    if not files:
        raise SurveyError("no exports are named", remedy='make study NAME=<name> EXPORTS="<files>"')
    if twice := sorted({str(f) for f in files if list(files).count(f) > 1}):
        raise SurveyError("is named twice", where=twice[0], remedy="Name each export once.")
    proposal = draft(name, [root / file for file in files], stated)
    write_text(paths[1], instrument_text(proposal))
    try:
        write_text(paths[0], study_text(proposal, root))
    except BaseException:
        paths[1].unlink(missing_ok=True)
        raise
    return paths


def study_text(d: Draft, root: Path) -> str:
    """``config/studies/<name>.yaml``."""
    folder, names = _places(d.files, root)
    lines = [
        f"# A draft, made from {len(d.files)} export{'s' if len(d.files) > 1 else ''}"
        f" ({d.rows:,} rows; at most the first {ROWS:,} of each file). Every line with a",
        "# comment is a proposal, and the comment says why. Check all of them, here and in the instrument.",
        f"id: {_scalar(d.name)}",
        f"title: {_scalar(d.name.replace('_', ' ').capitalize())}",
        "draft: true",
        "confirm:",
        *(f"  - {_scalar(question)}" for question in questions(d)),
        "seed: 1",
        f"instrument: {_scalar(d.name)}",
        "report: survey",
        "exports:",
        f"  folder: {_scalar(folder)}",
        "  files:",
        *(f"    - {_scalar(n, flow=True)}  # {_how(how)}" for n, how in zip(names, d.written, strict=True)),
        *(f"  {key}: {_scalar(value)}" for key, value in d.stated.items()),
    ]
    used = [f.column for f in d.found.values()] + [i.column for i in d.items]
    blanks = sorted({text for column in used for text in column.blanks})
    if blanks:
        lines.append(f"  missing_values: {_flow(blanks)}  # stand for no answer, in any column")
    dropped = missing_labels(d)
    if dropped:
        lines.append("  # Answers to items that count as none:")
        lines.append("  missing_labels:")
        lines += [f"    - {_scalar(text)}  # {times:,} times" for text, times in dropped]
    if d.optional:
        lines.append("  optional:")
        lines += [
            f"    - {_scalar(name)}  # in {len(column.files)} of {len(d.files)} files" for name, column in d.optional
        ]
    lines.append("columns:")
    for field, found in d.found.items():
        also = f"; other candidates: {', '.join(_word(o) for o in found.others)}" if found.others else ""
        lines.append(f"  {field}: {_header(found.column)}  # {found.evidence}{also}")
    renamed = [(i.id, _header(i.column)) for i in d.items if i.id != i.column.header or len(i.column.spellings) > 1]
    if renamed:
        lines.append("  items:")
        lines += [f"    {_scalar(item)}: {header}" for item, header in renamed]
    if d.identifiers:
        lines.append("  # Could identify someone: dropped when the files are read, and nothing of them is kept.")
        lines.append("  identifiers:")
        lines += [f"    - {_header(c)}  # {kind}" for c, kind in d.identifiers]
    if d.ignored:
        lines.append("  ignore:")
        lines += [
            f"    - {_header(c)}  # {why}" + (f"; {_different(len(c.values))} in {c.filled:,} rows" if c.filled else "")
            for c, why in d.ignored
        ]
    lines[-1] += " {}" if lines[-1] == "columns:" else ""
    lines += [*_key_stages(d), *_gender(d)]
    rules = (("status", "test", "test_status"), ("consent", "agreed", "consent"))
    clean = [
        f"  {key}: {_flow(d.found[field].meanings[meaning])}"
        for field, meaning, key in rules
        if field in d.found and d.found[field].meanings
    ]
    lines += ["clean:", *clean] if clean else []
    if len(d.dimensions) > 2:  # fewer scores have no factors
        lines += ["factors:", "  dimension_factors: 1"]
    if "school" in d.found:
        lines += ["schools:", *_min_students(d)]
    return "\n".join(lines) + "\n"


def instrument_text(d: Draft) -> str:
    """``config/instruments/<name>.yaml``."""
    names = scale_names(d)
    lines = [
        f"# A draft, made from the exports of the study '{d.name}'; the questions to be answered stand in its file.",
        f"id: {_scalar(d.name)}",
        f"title: {_scalar(d.name.replace('_', ' ').capitalize())}",
        *_scale(d, 0, "response", ""),
    ]
    if len(d.scales) > 1:
        lines.append("responses:")
        for k in range(1, len(d.scales)):
            lines += _scale(d, k, names[k], "  ")
    smallest = min(sum(i.dimension == dim for i in d.items) for dim in d.dimensions)
    low, high = d.codes[0], d.codes[-1]
    middle = (low + high) / 2
    lines += ["score:", f"  min_items: {max(1, 3 * smallest // 4)}", "bands:"]
    lines.append("  # The upper part of the scale, a middle answer excluded, counts as high.")
    lines.append(f"  - {{id: low, label: Low, from: {float(low)}}}")
    if len(d.codes) % 2:
        lines.append(f"  - {{id: medium, label: Medium, from: {middle - 0.5}}}")
    lines.append(f"  - {{id: high, label: High, from: {middle + 0.5 * (len(d.codes) % 2)}, high: true}}")
    lines.append("# Items are grouped by what their headers or questions have in common.")
    lines.append("dimensions:")
    for ident, label in d.dimensions.items():
        n = sum(i.dimension == ident for i in d.items)
        lines.append(f"  - {{id: {_scalar(ident)}, label: {_scalar(label, flow=True)}}}  # {n} items")
    lines.append(
        "# r is the correlation of the answers, as given, with the mean of the group's others, turned where reversed."
    )
    lines.append("items:")
    for item in d.items:
        parts = [f"id: {_scalar(item.id)}", f"dimension: {_scalar(item.dimension)}"]
        parts += [f"response: {names[item.scale]}"] if item.scale else []
        parts += ["reversed: true"] if item.reversed else []
        parts += [f"wording: {_scalar(wording_of(item.column), flow=True)}"]
        r = f"r = {item.rest_r:.2f}, n = {item.rest_n:,}" if item.rest_r == item.rest_r else "r cannot be computed"
        doubt = "; PROPOSED AS REVERSED" if item.reversed else "; near zero" if abs(item.rest_r) < 0.1 else ""
        lines.append(f"  - {{{', '.join(parts)}}}  # {r}{doubt}")
    return "\n".join(lines) + "\n"


def _scale(d: Draft, k: int, name: str, indent: str) -> list[str]:
    n = sum(i.scale == k for i in d.items)
    scale = d.scales[k]
    return [
        f"{indent}{name}:  # {n} items; {scale.evidence}",
        f"{indent}  codes: {d.codes}",
        f"{indent}  labels:",
        *(f"{indent}    {code}: {_flow(point)}" for code, point in zip(d.codes, scale.points, strict=True)),
    ]


def _key_stages(d: Draft) -> list[str]:
    """Levels from the column of key stages or school years; without one from age."""
    if "group" in d.found:
        found = d.found["group"]
        if found.own_words:
            lines = [
                f"    - {{id: {k}, label: {_scalar(texts[0], flow=True)}, values: {_flow(texts)}}}"
                for k, texts in found.meanings.items()
            ]
            label = _scalar(_word(found.column.text))
            return [*_longitudinal(d), "key_stages:", f"  label: {label}", "  source: column", "  levels:", *lines]
        lines = [
            f"    - {{id: {k}, label: {KEY_STAGES[k][0]}, values: {_flow(texts)}, stage: {KEY_STAGES[k][3]}}}"
            for k, texts in found.meanings.items()
        ]
        return ["key_stages:", "  label: Key stage", "  source: column", "  levels:", *lines]
    if "age" in d.found and (share := at_school(d.found["age"].column)) >= 0.8:
        ages = {whole_number(text) for text in d.found["age"].column.values}
        lines = [
            f"    - {{id: {k}, label: {label}, ages: [{first}, {last}], stage: {stage}}}"
            for k, (label, (first, last), _, stage) in KEY_STAGES.items()
            if ages & set(range(first, last + 1))
        ]
        if len(lines) < 2:
            return []
        head = [
            f"key_stages:  # by age, as in England: {share:.0%} are from 5 to 18; take it out where it does not fit"
        ]
        return [*head, "  label: Key stage", "  source: age", "  levels:", *lines]
    return []


def _longitudinal(d: Draft) -> list[str]:
    """That the groups are the same students, asked again: where an id stands in several of them."""
    ids = d.found.get("respondent")
    again = ids is not None and len(ids.column.values) < ids.column.filled
    return ["longitudinal: true  # ids of respondents come again in other groups"] if again else []


def _min_students(d: Draft) -> list[str]:
    """From how many students on a school is compared: 20, or 10 where fewer than half of the schools have 20."""
    sizes = Counter()
    for text, times in d.found["school"].column.values.items():
        sizes[text.casefold()] += times
    reached = sum(n >= 20 for n in sizes.values())
    least = 20 if 2 * reached >= len(sizes) else 10
    return [f"  min_students: {least}  # {reached:,} of {len(sizes):,} schools have 20 rows or more"]


def _gender(d: Draft) -> list[str]:
    if "gender" not in d.found:
        return []
    lines = [
        f"    - {{id: {ident}, label: {_gender_label(ident, texts)}, values: {_flow(texts)}}}"
        for ident, texts in d.found["gender"].meanings.items()
    ]
    return ["gender:", "  categories:", *lines]


def _gender_label(ident: str, texts: list[str]) -> str:
    """A category of one wording that is not boys' or girls' is called what it was called in the survey."""
    own = ident not in GENDERS or (ident == "other" and len(texts) == 1)
    return _scalar(texts[0], flow=True) if own else GENDERS[ident][0]


def _different(texts: int) -> str:
    return f"{texts:,} different texts" if texts != 1 else "one text"


def _how(written: Detected) -> str:
    """How a file is written, as far as its format has a say in it."""
    parts = [written.format, written.encoding, written.delimiter, written.line_end]
    rows = f"{written.header_rows} header row{'s' if written.header_rows > 1 else ''}" if written.header_rows else ""
    sheet = f"sheet '{_word(written.sheet)}'" if written.sheet else ""
    return ", ".join(part for part in [*parts, sheet, rows] if part)


def _places(files: Sequence[Path], root: Path) -> tuple[str, list[str]]:
    """The folder that all files are in, from the root where it is below it, and their paths below that folder."""
    whole, base = [file.resolve() for file in files], root.resolve()
    folder = whole[0].parent
    while not all(file.is_relative_to(folder) for file in whole):
        folder = folder.parent
    names = [re.sub(r"([*?\[])", r"[\1]", file.relative_to(folder).as_posix()) for file in whole]
    below = folder.is_relative_to(base)
    return (folder.relative_to(base) if below else folder).as_posix(), names


def _scalar(text: str, flow: bool = False) -> str:
    """``text`` as one YAML scalar on one line, which is read back as the same text."""
    plain = not flow and yaml.safe_dump(text, width=10**9, allow_unicode=True).removesuffix("\n...\n").rstrip("\n")
    if plain and "\n" not in plain:
        return plain
    return yaml.safe_dump(text, default_style='"', width=10**9, allow_unicode=True).strip()


def _flow(texts: Iterable[str]) -> str:
    return "[" + ", ".join(_scalar(text, flow=True) for text in texts) + "]"


def _header(column: Column) -> str:
    """How a study names a column: by its header, or by a pattern where files write that in other capitals."""
    if len(column.spellings) < 2:
        return _scalar(column.header)
    return f"{{pattern: {_scalar('(?i)' + re.escape(column.header), flow=True)}}}"


def _word(text: str) -> str:
    return short(" ".join(text.split()))
