"""What a reviewer needs: every file with its hash, and every number with its origin.

``manifest`` lists files, ``trail`` leads from a value to the row of a table and the rule that made it, ``steps`` from
a rule to its code and its inputs. ``audit_checks`` holds the results against each other. Nothing here reads a clock,
so the same files give the same audit.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning_survey import file_labels
from learning_survey.code import modules_of
from learning_survey.errors import SurveyError
from learning_survey.exports import export_files
from learning_survey.figure_plan import FIGURES
from learning_survey.schemas import TABLES
from learning_survey.tables import neutral
from learning_survey.values import Row, Tables, read_rows

if TYPE_CHECKING:
    from learning_survey.audit_checks import Check
    from learning_survey.config import Loaded

PERSON, AGGREGATE = "person-level", "aggregate"
EXPORTS, REGISTER = "exports/*", "register"  # what raw files are called where results do not name them
SCRIPTS = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Step:
    """What a rule reads and writes, as patterns: ``{raw}``, ``{p}`` and ``{r}`` are the study's three folders."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]


def _analysis(stage: str, *more: str) -> Step:
    return Step(("{p}/scores.parquet", "{p}/moments.npz", *more), (f"{{r}}/tables/{stage}/*.csv",))


def _comparison(stage: str, *more: str) -> Step:
    return Step(("{p}/cells.parquet", *more), (f"{{r}}/tables/{stage}/*.csv",))


_BY_GROUP = ("{p}/moments_group.npz", "{p}/moments_gender.npz")
_PUBLISHED = ("config/published/{published}.csv", "config/published/{published}.yaml")
_TABLES = "{r}/tables/*.csv"
_SHOWN = tuple(
    f"{{r}}/tables/{stage}/*.csv" for stage in dict.fromkeys([*(stage for stage, _ in FIGURES.values()), "multiverse"])
)

# The workflow's rules in the order that data flow; a test holds this list against workflow/rules/.
STEPS = {
    "simulate": Step(("config/calibration/{calibration}.yaml",), ("{raw}/*",)),
    "ingest": Step(("{exports}",), ("{p}/ingested.arrow", "{p}/files.csv", "{r}/tables/ingest/*.csv")),
    "clean": Step(
        ("{p}/ingested.arrow", "{p}/files.csv", "{register}"),
        ("{p}/clean.parquet", "{p}/flags.parquet", "{p}/schools.parquet", "{p}/ledger.csv", "{r}/tables/clean/*.csv"),
    ),
    "score": Step(
        ("{p}/clean.parquet", "{p}/flags.parquet"),
        ("{p}/scores.parquet", "{p}/cells.parquet", "{p}/moments.npz", *_BY_GROUP, "{p}/pairs.npz"),
    ),
    "describe": _analysis("describe"),
    "reliability": _analysis("reliability", *_BY_GROUP, "{p}/pairs.npz"),
    "missing": _analysis("missing", "{p}/cells.parquet"),
    "polychoric": Step(("{p}/pairs.npz",), ("{r}/tables/polychoric/*.csv",)),
    "factors": _analysis("factors", "{p}/pairs.npz", _PUBLISHED[0]),
    "confirmatory": _analysis("confirmatory"),
    "invariance": _analysis("invariance"),
    "key_stages": _comparison("key_stages"),
    "gender": _comparison("gender"),
    "schools": _comparison("schools"),
    "inspection": _comparison("inspection", "{p}/schools.parquet"),
    "models": _comparison("models", "{p}/schools.parquet"),
    "multiverse": Step(
        ("{p}/cells.parquet", "{p}/schools.parquet", "config/multiverse/{multiverse}.yaml"),
        ("{r}/tables/multiverse/*.csv",),
    ),
    "published": Step(_PUBLISHED, ("{r}/tables/published/*.csv",)),
    "figures": Step((*_SHOWN, _PUBLISHED[0]), ("{r}/figures/*",)),
    "values": Step((_TABLES,), ("{r}/values.json",)),
    "scorecard": Step((_TABLES, *_PUBLISHED), ("{r}/scorecard.csv",)),
    "verdicts": Step(
        (
            _TABLES,
            "{r}/scorecard.csv",
            *_PUBLISHED,
            "config/verdicts/{verdicts}.yaml",
            "config/multiverse/{multiverse}.yaml",
        ),
        ("{r}/tables/verdicts/*.csv",),
    ),
    "report": Step((_TABLES, "{r}/figures/*", "{r}/values.json", "{r}/scorecard.csv", "reports/*"), ("{r}/report/*",)),
}


@dataclass
class Audited:
    """The files and tables of one study, read once."""

    study: Loaded
    results: Path
    processed: Path

    @cached_property
    def tables(self) -> Tables:
        return Tables(self.results / "tables", self.study)

    @cached_property
    def files(self) -> list[Path]:
        """Everything that the audit covers: raw inputs, person-level files and results, without hidden files."""
        raw = list(self.study.export_folder.rglob("*")) if self.study.synthetic else export_files(self.study)
        if self.study.register_:
            raw.append(self.study.root / self.study.register_.file)
        made = [*self.processed.rglob("*"), *self.results.rglob("*")]
        audit = self.results / "audit"
        kept = {p for p in (*raw, *made) if p.is_file() and not p.name.startswith(".") and audit not in p.parents}
        return sorted(kept, key=self.name)

    def name(self, path: Path) -> str:
        """A file's path from the project's root, as the audit prints it; a label where results name no raw file."""
        root, full = self.study.root.absolute(), path.absolute()
        if full in self._labels:
            return self._labels[full]
        return (full.relative_to(root) if full.is_relative_to(root) else full).as_posix()

    @cached_property
    def _labels(self) -> dict[Path, str]:
        if file_labels.named(self.study):
            return {}
        folder, known = self.study.export_folder.absolute(), file_labels.read(self.processed / file_labels.FILE)
        register = {(self.study.root / self.study.register_.file).absolute(): REGISTER} if self.study.register_ else {}
        return {folder / name: EXPORTS.replace("*", label) for name, label in known.items()} | register

    def patterns(self, patterns: Iterable[str]) -> list[str]:
        """Patterns with the study's folders and files in them; what the study does not have is left out."""
        study = self.study
        known = {
            "raw": [Path(study.exports.folder).as_posix()],
            "p": [self.name(self.processed)],
            "r": [self.name(self.results)],
            "exports": [f"{Path(study.exports.folder).as_posix()}/{pattern}" for pattern in study.exports.files],
            "register": [Path(study.register_.file).as_posix()] if study.register_ else [],
            "published": [study.published] if study.published else [],
            "multiverse": [study.multiverse] if study.multiverse else [],
            "verdicts": [study.verdicts] if study.verdicts else [],
            "calibration": [study.calibration] if study.calibration else [],
        }
        if not file_labels.named(study):
            known |= {"exports": [EXPORTS], "register": [REGISTER] if study.register_ else []}
        filled = []
        for pattern in patterns:
            key = re.search(r"\{(\w+)\}", pattern)
            filled += [pattern.replace(key[0], value) for value in known[key[1]]] if key else [pattern]
        return filled

    def rule_of(self, name: str) -> str:
        """The rule that made a file; '' when none did."""
        return next((rule for rule, patterns in self._made_by if any(fnmatchcase(name, p) for p in patterns)), "")

    @cached_property
    def _made_by(self) -> list[tuple[str, list[str]]]:
        return [(r, self.patterns(s.writes)) for r, s in STEPS.items() if r != "simulate" or self.study.synthetic]

    @cached_property
    def scorecard(self) -> list[Row]:
        return read_rows(self.results / "scorecard.csv", "scorecard") if self.study.published else []

    @cached_property
    def values(self) -> dict[str, dict[str, Any]]:
        path = self.results / "values.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SurveyError(f"cannot be read: {error}", where=path, remedy="Run the pipeline; it makes it.") from None


# ---------------------------------------------------------------- manifest


def manifest(audited: Audited) -> list[dict[str, Any]]:
    """One row per file: path, bytes, sha256, rows (CSV and Parquet), sensitivity, and the rule that made it.

    An export has neither rows nor bytes where files have labels: they tell how many answered in it.
    """
    rows, labelled = [], not file_labels.named(audited.study)
    results = f"{audited.name(audited.results)}/"
    for path in audited.files:
        name = audited.name(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        sized = not (labelled and name.startswith("exports/"))
        rows.append(
            {
                "path": name,
                "bytes": path.stat().st_size if sized else None,
                "sha256": digest,
                "rows": rows_in(path) if sized else None,
                "sensitivity": AGGREGATE if name.startswith(results) else PERSON,
                "rule": audited.rule_of(name) or ("" if name.startswith(results) else "as received"),
            }
        )
    return rows


def rows_in(path: Path) -> int | None:
    """Rows of a CSV (without its header), Parquet or Arrow file, None for another.

    Raises SurveyError when it is not there.
    """
    present(path)
    if path.suffix in (".parquet", ".arrow"):
        import polars as pl

        scan = pl.scan_parquet if path.suffix == ".parquet" else pl.scan_ipc
        return scan(path).select(pl.len()).collect().item()
    if path.suffix != ".csv":
        return None
    data = path.read_bytes()
    if b'"' in data:
        # A quoted cell may hold line breaks. Latin 1 reads any bytes, and leaves quotes and breaks where they are.
        lines = sum(1 for row in csv.reader(io.StringIO(data.decode("latin-1"), newline="")) if row)
    else:
        lines = sum(1 for line in data.splitlines() if line)
    return max(lines - 1, 0)


def present(path: Path) -> Path:
    """``path`` when there is such a file; raises SurveyError when there is none."""
    if not path.is_file():
        raise SurveyError("no such file", where=path, remedy="Run the pipeline; it makes the file.")
    return path


# ---------------------------------------------------------------- trail


def trail(audited: Audited) -> list[dict[str, Any]]:
    """One row per value that the report may use and per source of each claim: file, row, and the rule that made it."""
    rows = []
    for name, value in sorted(audited.values.items()):
        file = value["file"]
        table = file.removesuffix(".csv").replace("/", ".")
        rows.append(
            {
                "kind": "value",
                "name": name,
                "value": value["text"],
                "file": f"tables/{file}" if table in TABLES else file,
                "row": value["row"],
                "rule": table.partition(".")[0] if table in TABLES else "",
            }
        )
    for claim in audited.scorecard:
        files, places = ((claim[c] or "").split("; ") for c in ("source_file", "source_row"))
        for file, place in zip(files, places, strict=True):
            rows.append(
                {
                    "kind": "claim",
                    "name": claim["claim_id"],
                    "value": claim["computed"] or claim["verdict"],
                    "file": file,
                    "row": place,
                    "rule": claim["rule"] or "",
                }
            )
    return rows


def steps(audited: Audited) -> list[dict[str, Any]]:
    """One row per rule: its code, a hash over that code, what it reads and what it writes."""
    rows = []
    optional = {"confirmatory", "invariance", "key_stages", "gender", "schools", "inspection", "models", "multiverse"}
    optional |= {"published", "verdicts"}
    stages = optional - set(audited.study.stages)
    if not audited.study.synthetic:
        stages.add("simulate")
    if not audited.study.published:
        stages.add("scorecard")
    for rule, step in STEPS.items():
        if rule in stages:
            continue
        script = SCRIPTS / f"{rule}.py"
        code = [script, *modules_of(script)]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in code)).hexdigest()
        rows.append(
            {
                "rule": rule,
                "code": "; ".join(path.relative_to(SCRIPTS.parent).as_posix() for path in code),
                "code_sha256": digest,
                "reads": "; ".join(audited.patterns(step.reads)),
                "writes": "; ".join(audited.patterns(step.writes)),
            }
        )
    return rows


# ---------------------------------------------------------------- the reviewer's page


def readme(audited: Audited, files: list[dict[str, Any]], found: list[Check]) -> str:
    """A page that says how to read the audit."""
    study = audited.study
    sides = Counter(row["sensitivity"] for row in files)
    verdicts = Counter(row["verdict"] for row in audited.scorecard)
    card = (
        ", ".join(f"{n} {verdict}" for verdict, n in sorted(verdicts.items())) or "the study has no published figures"
    )
    about = (
        "This is a synthetic study. It shows that the pipeline finds what was put in, and nothing about the world.\n\n"
        if study.synthetic
        else ""
    )
    lines = "\n".join(
        f"- `{c.name}`: {c.about}. {c.compared:,} comparisons.{' ' * bool(c.note)}{c.note}" for c in found
    )
    return f"""# Audit of {study.title}

{about}Study `{study.id}`, seed {study.seed}. Scorecard: {card}.

## From a number to its origin

1. Find the number in `trail.csv`: by the name that the report's source uses (`kind` is `value`), or by the claim's id
   in the scorecard (`kind` is `claim`). It gives the file, the row as a spreadsheet counts (the header is row 1), and
   the rule that made the file.
2. Find the rule in `steps.csv`: its script and every module that the script runs, a hash over that code, what it
   reads and what it writes. A rule that reads tables leads to the rules that write them, and so back to the exports.
3. Find the files in `manifest.csv`: size, SHA-256, rows, sensitivity and rule. `person-level` files stay in `data/`;
   `aggregate` files are the results. Of the first kind there are {sides[PERSON]}, of the second {sides[AGGREGATE]}.

Rows and cells that were not used are in `{audited.name(audited.processed)}/ledger.csv`: file, line, rule, what it said.

## What was checked

All of these held; had one not, there would be no audit. `checks.csv` has the counts.

{lines}
"""


def to_csv(study: Loaded, rows: list[dict[str, Any]]) -> str:
    """Rows, all of the same columns, as CSV text, with the columns ``study`` and ``cohort`` in front."""
    out, safe = io.StringIO(), cache(neutral)  # the same rules, files and rows stand beside most values
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["study", "cohort", *rows[0]])
    for row in rows:
        cells = (safe(cell) if isinstance(cell, str) else cell for cell in row.values())
        writer.writerow([study.id, study.cohort, *cells])
    return out.getvalue()
