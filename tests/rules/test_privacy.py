"""Nobody whom the exports name is anywhere in what the pipeline writes, and no cell of it runs in a spreadsheet."""

import csv
import gzip
import os
import re
import shutil
import subprocess
import zipfile
import zlib

import numpy as np
import polars as pl
import pyreadstat
import pytest
import typst
import xlsxwriter
from conftest import ROOT
from pipeline import build, step
from readable import plain, readable
from surveys import Survey, make_survey, read_ingested

from learning_survey.ingest import ingest
from rules.commands import command

PEOPLE = 6 * 30
DROPPED = [
    "RecipientFirstName",
    {"pattern": "Full.name"},
    "Email",
    "IPAddress",
    "Coordinates",
    "Mobile",
    "Comments",
    "DOB",
]


# What a file says of its maker, its pupils and its school outside its rows.
OWNERS = [f"{first} Vandersloot{k}" for k, first in enumerate(("Ánastasia", "ÁNASTASIA", "anastasia"))]
SHEET = "Form Tutor Vandersloot9"
NAMES = (
    "Quibblewick Academy.csv",
    "zoltana o'quirk.csv",
    "QUIBBLEWICK.xlsx",
    "Mx Vandersloot.sav",
    "O'Quirk ünlü.parquet",
)


def planted(survey: Survey) -> set[str]:
    """Put identifiers of every kind into the exports and give back each text that nobody may find again."""
    found: set[str] = set()
    for n, path in enumerate(survey.exports):
        frame = pl.read_csv(path, infer_schema=False)
        k = [100 * n + j + 1000 for j in range(frame.height)]
        writings = (str, str.upper, str.lower, lambda name: name.replace("Ünlü", "Unlu"))
        columns = {
            "RecipientFirstName": [f"Zoltana{i}" for i in k],
            "Full name": [writings[i % 4](f"Zoltana{i} O'Quirk-Ünlü") for i in k],
            "Email": [f"zoltana.{i}@pupils.example.org" for i in k],
            "IPAddress": [f"198.51.{i // 100}.{i % 100}" if i % 2 else f"2001:db8::{i:x}:{i + 7:x}" for i in k],
            "Coordinates": [f"51.50{i}, -0.12{i}" for i in k],
            "Mobile": [f"+44 7700 9{i:05d}" for i in k],
            "Comments": [f"I am Zoltana and number {i} is the house that I live in" for i in k],
            "DOB": [f"20{i % 10:02d}-0{1 + i % 9}-1{i % 9}T{i}" for i in k],
        }
        frame = frame.with_columns(pl.Series(name, cells) for name, cells in columns.items())
        # Ids that are e-mail addresses, schools that are called by their names, and a date of birth that is mapped.
        frame = frame.with_columns(
            pl.format("{}@id.example.net", "response_id").alias("response_id"),
            pl.format("Quibblewick {} Academy", "school_id").alias("school_id"),
            pl.Series("born", [f"{1 + i % 28:02d}.{1 + i % 12:02d}.20{10 + i % 3}" for i in k]),
        )
        # What people write where it does not belong, in cells that go to the ledger.
        gender = frame["gender"].to_list()
        gender[0:4] = [f"write to zoltana{n}@home.example.com", "=HYPERLINK(1)", "@robot", "+1-2"]
        gender[4] = f"I am Zoltana Number{n} and live at the end of the long road"
        age, born = frame["age"].to_list(), frame["born"].to_list()
        age[5], age[6], born[7] = f"07700 91{n}234", "-7", "31.02.2012"
        frame = frame.with_columns(pl.Series("gender", gender), pl.Series("age", age), pl.Series("born", born))
        found |= {text for cells in columns.values() for text in cells} | {gender[0], gender[4], age[5], *born}
        found |= set(frame["response_id"]) | set(frame["school_id"])
        # A repeat of a row, and a row without answers: both leave an entry in the ledger.
        blank = frame[[1]].with_columns(pl.lit("-").alias(c) for c in frame.columns if re.match(r"d\d_", c))
        path.unlink()
        write(pl.concat([frame, frame[[0]], blank]), path.with_name(NAMES[n]))
    register = survey.exports[0].parent / "schools.csv"
    schools = pl.read_csv(register, infer_schema=False)
    schools.with_columns(pl.format("QUIBBLEWICK {} Academy", "school_id").alias("school_id")).write_csv(register)
    found |= set(survey.truth["respondent"]) | set(survey.truth["school_id"])
    return found | {"Zoltana1", "Zoltana Number", *OWNERS}


def write(frame: pl.DataFrame, path) -> None:
    """An export in the format of its name, whose properties name people."""
    if path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".xlsx":
        with xlsxwriter.Workbook(path) as book:
            book.set_properties(dict.fromkeys(("author", "title", "manager", "company", "comments"), OWNERS[0]))
            frame.write_excel(book, worksheet=SHEET)
    elif path.suffix == ".sav":
        named = frame.rename({"Full name": "Full_name"}).to_pandas()
        labels = {"Email": f"mail to {OWNERS[1]}"}
        pyreadstat.write_sav(named, path, file_label=OWNERS[1], note=OWNERS[1], column_labels=labels)
    else:
        frame.write_parquet(path, metadata={"owner": OWNERS[2]})


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Survey, set[str]]:
    survey = make_survey(
        tmp_path_factory.mktemp("private"),
        schools=6,
        per_school=30,
        files=5,
        study={"factors": {"dimension_factors": 1}},
    )
    texts = planted(survey)
    survey.change(
        exports={"files": [f"*.{suffix}" for suffix in ("csv", "xlsx", "sav", "parquet")]},
        columns={"identifiers": DROPPED, "birth_date": "born"},
        clean={"birth_date_format": "%d.%m.%Y"},
        survey_date="2021-06-15",
        schools={"min_students": 10},
    )
    build(survey)
    step(survey, "figures", tables=survey.tables, out=survey.results / "figures")
    shutil.copytree(ROOT / "reports", survey.root / "reports")
    log = survey.root / "logs" / "small" / "report.log"
    log.parent.mkdir(parents=True)
    arguments = ["--study", "small", "--results", survey.results, "--out", survey.results / "report"]
    builtin = os.environ | {"LEARNING_SURVEY_RENDERER": "builtin"}
    done = command("report", survey.root, *arguments, environment=builtin)
    assert done.returncode == 0, done.stderr
    log.write_text(done.stdout + done.stderr, encoding="utf-8")
    step(survey, "audit", results=survey.results, processed=survey.processed, out=survey.results / "audit")
    return survey, texts


def leaks(survey: Survey, texts: set[str], folders=("results", "data/processed", "logs")) -> dict[str, list[str]]:
    """The files below the folders in whose content or name one of ``texts`` is found, in any writing."""
    out, wanted = {}, {plain(text) for text in texts}
    for folder in folders:
        for path in sorted((survey.root / folder).rglob("*")):
            if path.is_file():
                name = str(path.relative_to(survey.root))
                read = "\n".join(map(plain, [name, *readable(path.name, path.read_bytes())]))
                if found := [text for text in wanted if text in read]:
                    out[path.name] = sorted(found)
    return out


def test_nothing_that_was_planted_is_found_again(made):
    survey, texts = made
    assert len(texts) > 8 * PEOPLE
    names = {path.suffix for folder in ("results", "data/processed") for path in (survey.root / folder).rglob("*")}
    assert {".csv", ".json", ".svg", ".png", ".parquet", ".arrow", ".npz", ".md", ".html", ".pdf", ".docx"} <= names
    assert leaks(survey, texts) == {}


def test_names_of_files_and_sheets_are_in_the_ledger_and_its_key_only(made):
    survey, _ = made
    names = {*NAMES, *(name.rpartition(".")[0] for name in NAMES), SHEET, "Quibblewick", "Vandersloot", "O'Quirk"}
    assert leaks(survey, names, ("results", "logs")) == {}
    assert set(leaks(survey, names, ("data/processed",))) == {
        *("ingested.arrow", "clean.parquet", "flags.parquet", "ledger.csv", "files.csv")
    }
    with (survey.processed / "files.csv").open(encoding="utf-8", newline="") as file:
        key = {row["label"]: (row["file"], row["sheet"]) for row in csv.DictReader(file)}
    assert {file for file, _ in key.values()} == set(NAMES) and (NAMES[2], SHEET) in key.values()
    with (survey.results / "audit" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        raw = {row["path"] for row in csv.DictReader(file) if row["rule"] == "as received"}
    assert raw == {"register", *(f"exports/{label}" for label in key)}


def test_pages_of_the_pdf_can_be_searched(made):
    survey, _ = made
    path = survey.results / "report" / "small.pdf"
    texts = [plain(text) for text in readable(path.name, path.read_bytes())]
    assert any(plain("Careless responding") in text for text in texts)
    if shutil.which("pdftotext"):
        page = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True).stdout
        words = {plain(word) for word in page.split() if len(word) > 5}
        unseen = {word for word in words if not any(word in text for text in texts)}
        assert len(words) > 200 and len(unseen) <= 0.02 * len(words), unseen


def test_the_search_finds_what_is_there(made):
    survey, texts = made
    one = "zoltana.1003@pupils.example.org"
    assert one in texts
    folder = survey.results / "planted"
    folder.mkdir()
    try:
        (folder / "a.csv").write_text(f"x\n{one.upper()}\n", encoding="utf-8")
        (folder / "b.csv.gz").write_bytes(gzip.compress(one.encode()))
        pl.DataFrame({"x": [None, one]}).write_parquet(folder / "c.parquet")
        unused = pl.Enum([one, "of no row"])  # a text that no cell has is in the file all the same
        pl.DataFrame({"x": pl.Series([None, "of no row"], dtype=unused)}).write_ipc(
            folder / "c.arrow", compression="lz4"
        )
        np.savez_compressed(folder / "d.npz", names=np.array([one]))
        with zipfile.ZipFile(folder / "e.docx", "w", zipfile.ZIP_DEFLATED) as parts:
            parts.writestr("word/document.xml", f"<w:r>{one[:9]}</w:r><w:r>{one[9:]}</w:r>")
        (folder / "f.pdf").write_bytes(b"%PDF-1.7\nstream\n" + zlib.compress(one.encode()) + b"\nendstream")
        (folder / "g.html").write_text("<b>zoltana&#46;1003&#64;pupils.example.org</b>", encoding="utf-8")
        (folder / f"{one}.txt").write_text("", encoding="utf-8")
        png = (survey.results / "figures" / "share_high.png").read_bytes()
        note = b"zTXtAuthor\0\0" + zlib.compress(one.encode())
        (folder / "h.png").write_bytes(png[:33] + (len(note) - 4).to_bytes(4, "big") + note + b"crc!" + png[33:])
        (survey.root / "page.typ").write_text(f'This is #"{one}".', encoding="utf-8")
        typst.compile(survey.root / "page.typ", output=folder / "i.pdf")
        assert set(leaks(survey, {one})) == {path.name for path in folder.iterdir()}
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_the_ledger_has_the_places_and_withholds_the_texts(made):
    survey, _ = made
    with (survey.processed / "ledger.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"] == NAMES[0]]
    said = {(int(row["line"]), row["column"]): row["raw"] for row in rows}
    assert said[2, "gender"] == said[6, "gender"] == said[7, "age"] == "withheld"
    assert said[3, "gender"] == "'=HYPERLINK(1)" and said[4, "gender"] == "'@robot" and said[5, "gender"] == "'+1-2"
    assert said[8, "age"] == "-7", "a number is harmless"
    repeats = [row["raw"] for row in rows if row["rule"] == "duplicates"]
    assert repeats == ["withheld"]


def test_the_audit_has_searched_for_what_was_planted(made):
    survey, _ = made
    readme = (survey.results / "audit" / "README.md").read_text(encoding="utf-8")
    searched = int(re.search(r"Searched for ([\d,]+) ids", readme)[1].replace(",", ""))
    assert searched > 4 * PEOPLE
    (survey.results / "notes.md").write_text("zoltana.1003@pupils.example.org", encoding="utf-8")
    arguments = ["--study", "small", "--results", survey.results, "--processed", survey.processed]
    done = command("audit", survey.root, *arguments, "--out", survey.results / "again")
    (survey.results / "notes.md").unlink()
    assert done.returncode == 2 and "no_persons" in done.stderr


def test_no_cell_of_a_csv_runs_in_a_spreadsheet(made):
    survey, _ = made
    files = [*survey.results.rglob("*.csv"), *survey.processed.rglob("*.csv")]
    assert len(files) > 20
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            cells = {cell for row in csv.reader(file) for cell in row}
        runs = [c for c in cells if re.match(r"[=+\-@\t\r]", c) and not re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]\d+)?", c)]
        assert runs == [], path


def test_the_same_people_have_other_pseudonyms_and_labels_under_another_key(made, tmp_path, monkeypatch):
    survey, _ = made
    before = read_ingested(survey.processed / "ingested.arrow")
    orders = set()
    for k in range(8):
        monkeypatch.setenv("LEARNING_SURVEY_KEY", f"another key for tests, {k}")
        ingest(survey.load(), tmp_path / "i.arrow", tmp_path)
        after = read_ingested(tmp_path / "i.arrow")
        assert not set(before["respondent"]) & set(after["respondent"])
        orders.add(tuple(after["school"].rank("dense").unique(maintain_order=True)))
    assert len(orders) > 3


def test_a_real_study_without_a_key_ends_with_one_message(made, monkeypatch, tmp_path):
    survey, _ = made
    monkeypatch.delenv("LEARNING_SURVEY_KEY")
    done = command("ingest", survey.root, "--study", "small", "--out", tmp_path / "i.arrow", "--tables", tmp_path)
    assert done.returncode == 2 and "import secrets" in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
