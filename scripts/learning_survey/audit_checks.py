"""The results of a study held against each other and against the person-level files that they come from.

Rows are conserved, counts agree between tables, shares are their counts' shares, no number rests on too few students,
the scorecard and the values are the tables' own, and nobody's id is in the results.
"""

from __future__ import annotations

import csv
import html
import math
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from learning_survey import file_labels
from learning_survey.audit import Audited, present, rows_in
from learning_survey.errors import SurveyError
from learning_survey.schemas import TABLES
from learning_survey.subtraction import left_over
from learning_survey.table_checks import cells_of, pandera_faults
from learning_survey.tables import read, restored
from learning_survey.values import Row

# Tables print ten significant digits.
CLOSE = 1e-8


@dataclass
class Check:
    """One check: what was compared, how often, and what did not agree."""

    name: str
    about: str
    compared: int = 0
    failures: list[str] = field(default_factory=list)
    note: str = ""

    def same(self, place: str, a: float | None, b: float | None, near: float = 0.0) -> None:
        """Compare two figures; one that was withheld is not compared."""
        if a is None or b is None:
            return
        self.that(place, math.isclose(a, b, rel_tol=near, abs_tol=near), f"{a:.10g} and {b:.10g}")

    def that(self, place: str, agrees: bool, what: str) -> None:
        self.compared += 1
        if not agrees:
            self.failures.append(f"{place}: {what}")


def checks(audited: Audited) -> list[Check]:
    """Every check that applies to the study. Raises nothing for a failure: see ``require``."""
    return [check(audited) for check in CHECKS]


def require(found: list[Check]) -> None:
    """Raise SurveyError that lists the checks that failed."""
    failed = [c for c in found if c.failures]
    if failed:
        lines = [f"{c.name} ({c.about}): {'; '.join(c.failures[:3])}" for c in failed]
        more = [f" and {len(c.failures) - 3} more" if len(c.failures) > 3 else "" for c in failed]
        raise SurveyError(
            "the results do not agree with each other:\n  - "
            + "\n  - ".join(map("".join, zip(lines, more, strict=True))),
            where="audit",
            remedy="Nothing was written. If a file was changed by hand, delete it and run the pipeline again.",
        )


def _rows_conserved(audited: Audited) -> Check:
    check = Check("rows_conserved", "rows in = rows kept + rows in the ledger, in each step and from step to step")
    flow = audited.tables["clean.flow"]
    received, kept = (rows_in(audited.processed / name) for name in ("ingested.arrow", "clean.parquet"))
    before = received
    for step in flow:
        check.same(f"{step['step']}, rows in and rows left by the step before", step["rows_in"], before)
        check.same(f"{step['step']}, in and out + dropped", step["rows_in"], step["rows_out"] + step["rows_dropped"])
        before = step["rows_out"]
    check.same("rows left and clean.parquet", before, kept)
    check.same("clean.parquet and scores.parquet", kept, rows_in(audited.processed / "scores.parquet"))
    with present(audited.processed / "ledger.csv").open(encoding="utf-8", newline="") as file:
        actions = Counter((row["rule"], row["action"]) for row in csv.DictReader(file))
    for step in flow:
        for action, column in (("drop_row", "rows_dropped"), ("empty_cell", "cells_emptied")):
            check.same(
                f"{step['step']}, {action} in ledger and flow", actions.pop((step["step"], action), 0), step[column]
            )
    check.that("ledger", not actions, f"entries of no step: {sorted(actions)}")
    return check


def _students(audited: Audited) -> Check:
    check = Check("students_agree", "answers and missing answers add up to the students, in every table")
    facts = {row["fact"]: row["value"] for row in audited.tables["clean.sample"]}
    students = facts["students"]
    check.same("students and clean.parquet", students, rows_in(audited.processed / "clean.parquet"))
    for table, key in (("describe.items", "item"), ("describe.dimensions", "dimension")):
        for row in audited.tables[table]:
            if row["n"] is not None and row["n_missing"] is not None:
                check.same(f"{table} {row[key]}, n + missing", row["n"] + row["n_missing"], students)
    counts = {row["dimension"]: row["n"] for row in audited.tables["describe.dimensions"]}
    for table in ("key_stages.means", "gender.means", "schools.means", "inspection.means"):
        sums: dict[str, float] = defaultdict(float)
        for row in audited.tables[table]:
            sums[row["dimension"]] += row["n"] or 0
        for dimension, n in sums.items():
            most = counts.get(dimension, students)
            check.that(
                f"{table} {dimension}", most is None or n <= most, f"groups hold {n:g} of {most or 0:g} students"
            )
    for stage in ("key_stages", "gender"):
        groups = {(row["dimension"], row["group"]): row["n"] for row in audited.tables[f"{stage}.means"]}
        for row in audited.tables[f"{stage}.pairs"]:
            for side in ("a", "b"):
                place = f"{stage}.pairs {row['dimension']} {row[f'group_{side}']}"
                check.same(place, row[f"n_{side}"], groups.get((row["dimension"], row[f"group_{side}"])))
    return check


def _shares(audited: Audited) -> Check:
    check = Check(
        "shares_agree", "distributions add up, shares are their counts' shares, share high is its bands' share"
    )
    instrument = audited.study.instrument
    codes = instrument.response.codes
    for parts, part, whole, key, high in (
        ("describe.item_distribution", "code", "describe.items", "item", set(codes[(len(codes) + 1) // 2 :])),
        ("describe.bands", "band", "describe.dimensions", "dimension", {b.id for b in instrument.bands if b.high}),
    ):
        by_key: dict[str, list[Row]] = defaultdict(list)
        for row in audited.tables[parts]:
            by_key[row[key]].append(row)
        for row in audited.tables[whole]:
            cells = by_key[row[key]]
            if any(cell["n"] is None for cell in cells):
                continue
            n = sum(cell["n"] for cell in cells)
            check.same(f"{parts} {row[key]}, sum of n", n, row["n"])
            for cell in cells:
                check.same(
                    f"{parts} {row[key]} {cell[part]}, share", cell["share"], cell["n"] / n if n else None, CLOSE
                )
            share = sum(cell["share"] or 0 for cell in cells if cell[part] in high)
            check.same(f"{whole} {row[key]}, share high", row["share_high"], share, CLOSE)
    return check


# Tables whose rows are groups of students, with the columns that count them.
GROUPS = {
    "key_stages.means": ["n"],
    "key_stages.pairs": ["n_a", "n_b"],
    "gender.means": ["n"],
    "gender.pairs": ["n_a", "n_b"],
    "schools.means": ["n"],
    "schools.extremes": ["n_top", "n_bottom"],
    "inspection.means": ["n"],
    "describe.items": ["n"],
    "describe.dimensions": ["n"],
}


def _small_groups(audited: Audited) -> Check:
    study = audited.study
    schools = max(study.schools.min_students if study.schools else 0, study.min_group)
    check = Check(
        "small_groups",
        f"no number rests on fewer than {study.min_group} students, no school's on fewer than {schools}",
    )
    for table, counts in GROUPS.items():
        least = schools if table.startswith("schools.") else study.min_group
        numbers = [
            c
            for c, spec in TABLES[table].columns.items()
            if spec.unit not in ("id", "text", "flag", "count") and not spec.key
        ]
        for row in audited.tables[table]:
            place = f"{table} {' '.join(str(row[k]) for k in TABLES[table].keys)}"
            for count in counts:
                check.that(place, row[count] is None or row[count] >= least, f"{count} is {row[count] or 0:g}")
            if any(row[count] is None for count in counts):
                shown = [c for c in numbers if row[c] is not None]
                check.that(place, not shown, f"withheld, but has {', '.join(shown)}")
    return check


def _subtraction(audited: Audited) -> Check:
    least = audited.study.min_group
    check = Check("no_subtraction", f"what groups leave of a total is nobody, or at least {least} students")
    for place, left in left_over(audited.tables):
        check.that(place, not 0 < left < least, f"{left:g} are left")
    return check


def _tables_known(audited: Audited) -> Check:
    about = "every table is a known one, fits its schema by pandera, and says study and cohort in each row"
    check = Check("tables_known", about)
    study, folder = audited.study, audited.results / "tables"
    extra = [audited.results / "scorecard.csv"] if study.published else []
    for path in (*sorted(folder.rglob("*.csv")), *extra):
        above = folder if folder in path.parents else audited.results
        name = ".".join(path.relative_to(above).with_suffix("").parts)
        check.that(audited.name(path), name in TABLES, "not a table of the pipeline")
        if name not in TABLES:
            continue
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        known = header == ["study", "cohort", *TABLES[name].columns]
        check.that(f"{name}, columns", known, ", ".join(header))
        if known:
            odd = _by_pandera(above, name)
            check.that(f"{name}, schema", not odd, "; ".join(odd[:3]))
        said = {tuple(row[:2]) for row in rows}
        check.that(f"{name}, study and cohort", said <= {(study.id, study.cohort)}, str(sorted(said)))
    return check


def _by_pandera(folder: Path, name: str) -> list[str]:
    try:
        return pandera_faults(read(folder, name), TABLES[name])
    except ValueError as error:  # pandas cannot tell rows and columns
        return [str(error)]


def _files_known(audited: Audited) -> Check:
    check = Check("files_known", "every result was made by a rule; pictures and reports of a synthetic study say so")
    study = audited.study
    for path in audited.files:
        if audited.results not in path.parents:
            continue
        name = audited.name(path)
        check.that(name, audited.rule_of(name) != "", "no rule makes it")
        if path.suffix in (".svg", ".png", ".html", ".pdf", ".docx"):
            marked = path.stem.endswith("_synthetic")
            check.that(
                name, marked == study.synthetic, f"a {study.cohort} study's file is {'' if marked else 'not '}marked"
            )
    return check


def _values(audited: Audited) -> Check:
    check = Check("values_agree", "every value that the report may use is the cell that it says it is")
    for name, value in audited.values.items():
        table = value["file"].removesuffix(".csv").replace("/", ".")
        if table not in TABLES or value["row"] is None:
            continue
        rows = audited.tables[table]
        column = name.rpartition(".")[2]
        found = 0 <= value["row"] - 2 < len(rows)
        check.that(name, found, f"{value['file']} has no row {value['row']}")
        if found:
            row = rows[value["row"] - 2]
            if column in row and TABLES[table].columns[column].unit not in ("id", "text"):
                check.that(name, value["value"] == row[column], f"{value['value']} and {row[column]}")
            elif f"{column}_low" in row:
                limits = None if row[f"{column}_low"] is None else [row[f"{column}_low"], row[f"{column}_high"]]
                check.that(name, value["value"] == limits, f"{value['value']} and {limits}")
    return check


def _scorecard(audited: Audited) -> Check:
    check = Check(
        "scorecard_agrees",
        "every claim once, and as its rule gives it from the tables; computed values are their cells; verdicts follow",
    )
    if not audited.study.published:
        check.note = "The study has no published figures."
        return check
    from learning_survey.claims import load_published, number

    _, matched = load_published(audited.study.published, audited.study.root)
    rows = audited.scorecard
    check.that("claims", [r["claim_id"] for r in rows] == [m.claim.claim_id for m in matched], "not those published")
    kind = "recovered" if audited.study.synthetic else "reproduced"
    allowed = (kind, f"not {kind}", "not computable")
    for row, match in zip(rows, matched, strict=False):
        claim = row["claim_id"]
        check.that(claim, row["verdict"] in allowed, f"verdict '{row['verdict']}'")
        check.that(claim, row["verdict"] != "not computable" or bool(row["reason"]), "no reason")
        if getattr(match.rule, "check", "") != "value" or row["verdict"] == "not computable":
            continue
        computed = float(row["computed"])
        line = int(re.match(r"row (\d+)", row["source_row"])[1])
        cell = audited.tables[match.rule.table][line - 2]
        check.same(f"{claim}, cell", computed, cell[match.rule.column] * match.rule.scale, CLOSE)
        within = abs(computed - number(row["published"])) <= row["tolerance"] + CLOSE
        agrees = within and all(cell[c] == v for c, v in match.rule.at.items())
        check.that(f"{claim}, verdict", agrees == (row["verdict"] == kind), f"'{row['verdict']}' does not follow")
    _by_rules(check, audited)
    return check


def _by_rules(check: Check, audited: Audited) -> None:
    """Work every claim out anew from the tables, and compare each column of the scorecard."""
    from learning_survey.scorecard import scorecard

    try:
        anew = cells_of(scorecard(audited.study, audited.results / "tables"))
    except SurveyError as error:  # a rule does not fit a table that has been changed
        check.that("claims", False, error.problem)
        return
    for column, cells in anew.items():
        for row, cell in zip(audited.scorecard, cells, strict=False):
            place, printed = f"{row['claim_id']}, {column}", row[column]
            if isinstance(cell, str) or None in (cell, printed):
                check.that(place, cell == printed, f"'{printed}' and by its rule '{cell}'")
            else:
                check.same(place, printed, cell, CLOSE)


# ---------------------------------------------------------------- no one in the results

_TOKEN = re.compile(r"[\w@.+-]{4,}")
_EDGE = ".-+@"


def _no_persons(audited: Audited) -> Check:
    check = Check(
        "no_persons", "no id, identifier or file name as received and no keyed pseudonym is anywhere in the results"
    )
    words, phrases, numbers = _ids(audited)
    for path in audited.files:
        if audited.results not in path.parents:
            continue
        for text in _texts(path):
            tokens = {token.strip(_EDGE) for token in set(_TOKEN.findall(text))}
            found = sorted(words & tokens) + [p for p in phrases if p in text]
            check.that(audited.name(path), not found, f"{len(found)} ids, such as {found[:1]}")
    if numbers:
        for name in audited.tables.names:
            columns = [c for c, spec in TABLES[name].columns.items() if spec.unit == "id"]
            found = sorted({row[c] for row in audited.tables[name] for c in columns} & numbers)
            check.that(f"table {name}", not found, f"{len(found)} ids, such as {found[:1]}")
    check.note = (
        f"Searched for {len(words) + len(phrases)} ids in all text, and for {len(numbers)} that are bare numbers in "
        "the tables' columns of ids. PDF and PNG files cannot be searched; they are made from the same tables."
    )
    return check


def _ids(audited: Audited) -> tuple[set[str], list[str], set[str]]:
    """What must not be in the results: single words, others (names of files, and at most 500 more), and bare numbers.

    They are the ids of respondents and schools and the direct identifiers as the exports and the register have them,
    the names of files and sheets, and the keyed pseudonyms of the person-level files. A bare number cannot be told from
    a count, and a plain word or anything under four characters not from prose. The labels that schools have in the
    results are no raw ids, whatever they look like.
    """
    import polars as pl

    from learning_survey.received import identifying

    ids = identifying(audited.study) | (names := _names(audited))
    ingested = pl.read_ipc(audited.processed / "ingested.arrow", columns=["respondent", "school"])
    ids |= {x for column in ingested for x in column.drop_nulls().unique()}
    if (register := audited.processed / "schools.parquet").is_file() and audited.study.columns.school:
        ids -= set(pl.read_parquet(register, columns=["school"])["school"])
    numbers = {i for i in ids if i.isdigit()}
    telling = {i for i in ids - numbers if len(i) >= 4 and not i.isalpha()}
    words = {i for i in telling if _TOKEN.fullmatch(i) and i == i.strip(_EDGE)}
    phrases = telling - words
    return words, sorted(phrases & names) + sorted(phrases - names)[:500], numbers


def _names(audited: Audited) -> set[str]:
    """Names of export files and their sheets, but for those of results themselves; none where results may have them."""
    if file_labels.named(audited.study):
        return set()
    with (audited.processed / file_labels.FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = {restored(row[column]).rpartition("/")[2] for row in rows for column in ("file", "sheet")}
    return names - {path.name for path in audited.files if audited.results in path.parents}


def _texts(path: Path) -> Iterator[str]:
    """The text of a file, without pictures embedded in it; nothing for a file that holds none."""
    if path.suffix in (".docx", ".xlsx"):
        with zipfile.ZipFile(path) as parts:
            for name in sorted(parts.namelist()):
                if name.endswith((".xml", ".rels")):
                    text = parts.read(name).decode("utf-8")
                    # Word may split a word into several runs, so tags inside a paragraph vanish.
                    yield html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</w:p>|<w:(?:br|tab)\b", "\n\\g<0>", text)))
    elif path.suffix in (".csv", ".json", ".svg", ".html", ".md", ".txt", ".yml", ".yaml", ".xml", ".qmd"):
        text = path.read_text(encoding="utf-8", errors="replace")
        yield html.unescape(re.sub(r"base64,[A-Za-z0-9+/=\s]+", "", text))


CHECKS: list[Callable[[Audited], Check]] = [
    _rows_conserved,
    _students,
    _shares,
    _small_groups,
    _subtraction,
    _tables_known,
    _files_known,
    _values,
    _scorecard,
    _no_persons,
]
