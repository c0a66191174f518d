"""Nobody whom the exports name is anywhere in what the pipeline writes, and no cell of it runs in a spreadsheet."""

import csv
import gzip
import html
import io
import re
import zipfile
import zlib

import numpy as np
import polars as pl
import pytest
from pipeline import build, step
from surveys import Survey, make_survey

from learning_survey.ingest import ingest
from rules.commands import command

PEOPLE = 6 * 30
DROPPED = ["RecipientFirstName", "Full name", "Email", "IPAddress", "Coordinates", "Mobile", "Comments", "DOB"]


def planted(survey: Survey) -> set[str]:
    """Put identifiers of every kind into the exports and give back each text that nobody may find again."""
    found: set[str] = set()
    for n, path in enumerate(survey.exports):
        frame = pl.read_csv(path, infer_schema=False)
        k = [100 * n + j + 1000 for j in range(frame.height)]
        columns = {
            "RecipientFirstName": [f"Zoltana{i}" for i in k],
            "Full name": [f"Zoltana{i} O'Quirk-Ünlü" for i in k],
            "Email": [f"zoltana.{i}@pupils.example.org" for i in k],
            "IPAddress": [f"198.51.{i // 100}.{i % 100}" if i % 2 else f"2001:db8::{i:x}:{i + 7:x}" for i in k],
            "Coordinates": [f"51.50{i}, -0.12{i}" for i in k],
            "Mobile": [f"+44 7700 9{i:05d}" for i in k],
            "Comments": [f"I am Zoltana and number {i} is the house that I live in" for i in k],
            "DOB": [f"20{i % 10:02d}-0{1 + i % 9}-1{i % 9}T{i}" for i in k],
        }
        frame = frame.with_columns(pl.Series(name, cells) for name, cells in columns.items())
        # Ids that are e-mail addresses, and schools that are called by their names.
        frame = frame.with_columns(
            pl.format("{}@id.example.net", "response_id").alias("response_id"),
            pl.format("Quibblewick {} Academy", "school_id").alias("school_id"),
        )
        # What people write where it does not belong, in cells that go to the ledger.
        gender = frame["gender"].to_list()
        gender[0:4] = [f"write to zoltana{n}@home.example.com", "=HYPERLINK(1)", "@robot", "+1-2"]
        gender[4] = f"I am Zoltana Number{n} and live at the end of the long road"
        age = frame["age"].to_list()
        age[5], age[6] = f"07700 91{n}234", "-7"
        frame = frame.with_columns(pl.Series("gender", gender), pl.Series("age", age))
        found |= {text for cells in columns.values() for text in cells} | {gender[0], gender[4], age[5]}
        found |= set(frame["response_id"]) | set(frame["school_id"])
        # A repeat of a row, and a row without answers: both leave an entry in the ledger.
        blank = frame[[1]].with_columns(pl.lit("-").alias(c) for c in frame.columns if re.match(r"d\d_", c))
        pl.concat([frame, frame[[0]], blank]).write_csv(path)
    register = survey.exports[0].parent / "schools.csv"
    schools = pl.read_csv(register, infer_schema=False)
    schools.with_columns(pl.format("QUIBBLEWICK {} Academy", "school_id").alias("school_id")).write_csv(register)
    return found | set(survey.truth["respondent"]) | set(survey.truth["school_id"]) | {"Quibblewick", "Zoltana"}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Survey, set[str]]:
    survey = make_survey(
        tmp_path_factory.mktemp("private"), schools=6, per_school=30, study={"factors": {"dimension_factors": 1}}
    )
    texts = planted(survey)
    survey.change(columns={"identifiers": DROPPED}, schools={"min_students": 10})
    build(survey)
    step(survey, "figures", tables=survey.tables, out=survey.results / "figures")
    step(survey, "audit", results=survey.results, processed=survey.processed, out=survey.results / "audit")
    return survey, texts


def texts_of(name: str, data: bytes) -> list[str]:
    """Everything that can be read in a file: as it is, unpacked, and with the marks of HTML resolved."""
    if name.endswith(".parquet"):
        frame = pl.read_parquet(io.BytesIO(data))
        cells = [str(v) for c in frame.select(pl.col(pl.String)) for v in c.unique()]
        return ["\n".join([*frame.columns, *cells])]
    if name.endswith(".gz"):
        return texts_of(name.removesuffix(".gz"), gzip.decompress(data))
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            inside = [text for part in parts.namelist() for text in [part, *texts_of(part, parts.read(part))]]
        return inside
    if name.endswith(".npy"):
        array = np.load(io.BytesIO(data))
        return ["\n".join(map(str, np.unique(array)))] if array.dtype.kind == "U" else []
    streams = []
    if data.startswith(b"%PDF"):
        for start in re.finditer(rb"stream\r?\n", data):
            unpacked = zlib.decompressobj()
            try:
                streams.append(unpacked.decompress(data[start.end() :]).decode("utf-8", "replace"))
            except zlib.error:
                continue
    text = data.decode("utf-8", "replace")
    plain = html.unescape(re.sub(r"<[^>]*>", "", text)) if name.endswith((".html", ".xml", ".svg")) else ""
    return [text, plain, *streams]


def leaks(survey: Survey, texts: set[str]) -> dict[str, list[str]]:
    """The files below results/, data/processed/ and logs/ in whose content or name one of ``texts`` is found."""
    out, wanted = {}, {text.casefold() for text in texts}
    for folder in ("results", "data/processed", "logs"):
        for path in sorted((survey.root / folder).rglob("*")):
            if path.is_file():
                read = "\n".join(
                    [str(path.relative_to(survey.root)), *texts_of(path.name, path.read_bytes())]
                ).casefold()
                if found := [text for text in wanted if text in read]:
                    out[path.name] = sorted(found)
    return out


def test_nothing_that_was_planted_is_found_again(made):
    survey, texts = made
    assert len(texts) > 8 * PEOPLE
    names = {path.suffix for folder in ("results", "data/processed") for path in (survey.root / folder).rglob("*")}
    assert {".csv", ".json", ".svg", ".png", ".parquet", ".npz", ".md"} <= names
    assert leaks(survey, texts) == {}


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
        np.savez_compressed(folder / "d.npz", names=np.array([one]))
        with zipfile.ZipFile(folder / "e.docx", "w", zipfile.ZIP_DEFLATED) as parts:
            parts.writestr("word/document.xml", f"<w:r>{one[:9]}</w:r><w:r>{one[9:]}</w:r>")
        (folder / "f.pdf").write_bytes(b"%PDF-1.7\nstream\n" + zlib.compress(one.encode()) + b"\nendstream")
        (folder / "g.html").write_text("<b>zoltana&#46;1003&#64;pupils.example.org</b>", encoding="utf-8")
        (folder / f"{one}.txt").write_text("", encoding="utf-8")
        assert set(leaks(survey, {one})) == {path.name for path in folder.iterdir()}
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_the_ledger_has_the_places_and_withholds_the_texts(made):
    survey, _ = made
    with (survey.processed / "ledger.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"] == "responses_1.csv"]
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
    before = pl.read_parquet(survey.processed / "ingested.parquet")
    orders = set()
    for k in range(8):
        monkeypatch.setenv("LEARNING_SURVEY_KEY", f"another key for tests, {k}")
        ingest(survey.load(), tmp_path / "i.parquet", tmp_path)
        after = pl.read_parquet(tmp_path / "i.parquet")
        assert not set(before["respondent"]) & set(after["respondent"])
        orders.add(tuple(after["school"].rank("dense").unique(maintain_order=True)))
    assert len(orders) > 3


def test_a_real_study_without_a_key_ends_with_one_message(made, monkeypatch, tmp_path):
    survey, _ = made
    monkeypatch.delenv("LEARNING_SURVEY_KEY")
    done = command("ingest", survey.root, "--study", "small", "--out", tmp_path / "i.parquet", "--tables", tmp_path)
    assert done.returncode == 2 and "import secrets" in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
