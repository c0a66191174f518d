"""Generated studies and exports for property tests: what was answered is known, and so is every way it was written.

``surveys()`` draws a ``Generated``: an instrument (2 to 11 points, labels in many scripts or numbers, reversed items,
one or two sets of labels, one or two labels to a code, each spelt in many ways), a study (columns by id, wording,
pattern or question; missing values; a column that one file lacks; schools and their register; free text and other
columns that could tell who wrote them) and answers. ``ways()`` draws a ``Way`` to write a file. ``Generated.write``
makes a project of both.
"""

from __future__ import annotations

import importlib.util
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyreadstat
import xlsxwriter
import yaml
from conftest import ROOT
from hypothesis import strategies as st

from learning_survey.config import Loaded, load_study
from learning_survey.labels import normalised

_spec = importlib.util.spec_from_file_location("make", ROOT / "tests" / "data" / "exports" / "make.py")
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)

# The last word tells labels apart, by more than one letter, so that no single damaged byte makes one into another.
NUMBERS = ["alpha", "bravo", "cymbal", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo"]
WESTERN = ["Très d’accord", "I don't know,", "Stimme zu;", 'say "yes"', "Größe", "two\nlines", "años |", "100 %:", "é"]
ANYWHERE = [*WESTERN, "są może", "да, нет", "同意", "Ναι", "katılıyorum", "👍 e\u0301", "“x” – y"]
STEM = "How do you feel, on the whole?"
FIELDS = {"respondent": "rid", "school": "site", "age": "years", "gender": "sex"}
SITES = ["S1", "Été", "St. John's"]
IDENTIFIERS = {"mail": "person{}@example.org", "said": "“planted {}”, it\nsays; twice\t|"}
SPELLINGS = [
    str,
    lambda text: text if "ı" in text else text.upper(),  # its capital is that of i in most languages
    str.title,
    lambda text: f"  {text.replace(' ', '   ')} ",
    lambda text: f"{text}!",
    lambda text: text.replace("’", "'"),
    lambda text: unicodedata.normalize("NFD", text),  # last: no one-byte encoding has its accents
]
GENDERS = {"boys": "Boy", "girls": "Girl"}
CODECS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with BOM",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "cp1252": "Windows-1252",
    "mac-roman": "Mac Roman",
}
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
CONVENTIONS = ("id", "wording", "code_sub", "question_sub", "two_rows", "two_rows_repeated", "three_rows")


@dataclass(frozen=True)
class Way:
    """How a file is written; what its format does not have is ignored."""

    kind: str = "csv"  # csv, xlsx, ods, sav, zsav, parquet
    delimiter: str = "comma"
    end: str = "\n"
    quote_all: bool = False
    codec: str = "utf-8"
    value_labels: bool = False  # SPSS: numbers with labels and declared missing values, not texts

    @property
    def typed(self) -> bool:
        return self.kind in ("sav", "zsav", "parquet")

    @property
    def stated(self) -> dict[str, str]:
        return {"delimiter": self.delimiter, "encoding": self.codec.replace("-sig", "")} if self.kind == "csv" else {}


@dataclass
class Generated:
    """``rows`` holds, for each file, its rows by column name; a row without any text is blank."""

    points: int
    first: int  # the lowest code
    labels: dict[str | None, list[list[str]]]  # those of each code, by response scale
    items: list[dict[str, Any]]
    convention: str
    orders: list[list[str]]  # columns of each file
    rows: list[list[dict[str, str]]]
    codes: list[list[dict[str, int | None]]]
    study: dict[str, Any] = field(default_factory=dict)

    @property
    def item_ids(self) -> list[str]:
        return [item["id"] for item in self.items]

    @property
    def texts(self) -> str:
        """Everything that a file may hold."""
        return "".join(text for rows in self.rows for row in rows for text in row.values())

    def header(self, order: list[str]) -> list[list[str]]:
        """The rows of headers."""
        wording = {item["id"]: item["wording"] for item in self.items}
        names = {
            "wording": lambda i: wording[i],
            "code_sub": lambda i: f"Q1[{i}]",
            "question_sub": lambda i: f"{STEM} [{wording[i]}]",
        }
        name = names.get(self.convention, lambda i: i)
        if self.convention.startswith("two_rows"):
            above, below, last = [], [], None
            for column in order:
                stem = STEM if column in wording else column
                above.append("" if stem == last and self.convention == "two_rows" else stem)
                below.append(wording.get(column, "Response"))
                last = stem
            return [above, below]
        one = [name(c) if c in wording else c for c in order]
        if self.convention == "three_rows":
            texts = [f"{STEM} - {wording[c]}" if c in wording else c for c in order]
            one = [f"Q{k}" if c in wording else c for k, c in enumerate(order)]
            return [one, texts, [f'{{"ImportId":"{c}"}}' for c in order]]
        return [one]

    def column(self, item: str, order: list[str]) -> str:
        """What the column of an item is called where the file of ``order`` is read as text."""
        names = self.header(order)
        at = order.index(item)
        return f"{STEM} [{names[1][at]}]" if self.convention.startswith("two_rows") else names[0][at]

    def header_rows(self, way: Way) -> int:
        return 1 if way.typed else {"two_rows": 2, "two_rows_repeated": 2, "three_rows": 3}.get(self.convention, 1)

    def write(self, root: Path, ways: list[Way]) -> Loaded:
        """The project with one file for each of ``ways``; returns its study."""
        folder = root / "data" / "raw" / "gen"
        folder.mkdir(parents=True)
        for k, (order, rows, way) in enumerate(zip(self.orders, self.rows, ways, strict=True)):
            self.file(folder / f"part_{k}.{way.kind}", order, rows, way)
        return self.configure(root, ways)

    def configure(self, root: Path, ways: list[Way], **exports: Any) -> Loaded:
        ids = self.item_ids
        items = {}
        if self.convention == "code_sub":
            items = {i: {"pattern": rf"(Q\d\[)?{i}\]?"} for i in ids}
        elif self.convention == "three_rows":
            items = {i["id"]: {"question": i["wording"]} for i in self.items}
        stated = {f"part_{k}.*": way.stated for k, way in enumerate(ways)}
        says = {key: {p: s[key] for p, s in stated.items() if key in s} for key in ("delimiter", "encoding")}
        says = {key: value for key, value in says.items() if value}
        if self.convention.startswith("two_rows"):
            says["header"] = "two_rows"
        given = {name for order in self.orders for name in order}
        columns = {f: name for f, name in FIELDS.items() if name in given}
        study = {
            "id": "gen",
            "title": "Generated",
            "seed": 1,
            "instrument": "gen",
            "report": "survey",
            "exports": {
                "folder": "data/raw/gen",
                "files": ["part_*"],
                "missing_values": ["-", "n/a"],
                "missing_labels": ["No answer"],
                "optional": ["gender"] if "gender" in columns else [],
                **says,
                **exports,
            },
            "columns": {**columns, "items": items, "identifiers": sorted(given & IDENTIFIERS.keys())},
            **self.study,
        }
        if "gender" in columns:
            study["gender"] = {
                "categories": [{"id": k, "label": k, "values": [v, v.upper() + "!"]} for k, v in GENDERS.items()]
            }
        if "school" in columns:
            study["register"] = {"file": "data/raw/gen/schools.csv"}
            lines = ["school_id,phase,country,ofsted_rating", *(f"{site},all,Wales," for site in SITES)]
            (root / "data" / "raw" / "gen" / "schools.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        codes = list(range(self.first, self.first + self.points))
        scales = {name: {"codes": codes, "labels": self.meanings(name)} for name in self.labels}
        instrument = {
            "id": "gen",
            "title": "Generated",
            "response": scales[None],
            "responses": {name: scale for name, scale in scales.items() if name},
            "score": {"min_items": 1},
            "bands": [
                {"id": "low", "label": "Low", "from": codes[0]},
                {"id": "high", "label": "High", "from": codes[-1], "high": True},
            ],
            "dimensions": [{"id": d, "label": d} for d in dict.fromkeys(i["dimension"] for i in self.items)],
            "items": self.items,
        }
        for name, content in (("studies", study), ("instruments", instrument)):
            path = root / "config" / name / "gen.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
        (root / "config" / "config.yaml").write_text("studies: [gen]\n")
        return load_study("gen", root)

    def meanings(self, scale: str | None) -> dict[int, list[str]]:
        return {self.first + k: labels for k, labels in enumerate(self.labels[scale])}

    def cells(self, order: list[str], rows: list[dict[str, str]]) -> list[list[str]]:
        return [[row.get(column, "") for column in order] for row in rows]

    def file(self, path: Path, order: list[str], rows: list[dict[str, str]], way: Way) -> None:
        cells = self.cells(order, rows)
        table = [*self.header(order), *cells]
        if way.kind == "csv":
            path.write_bytes(encoded(text(table, way), way.codec))
        elif way.kind == "xlsx":
            with xlsxwriter.Workbook(path) as book:
                sheet = book.add_worksheet()
                for r, row in enumerate(table):
                    for c, cell in enumerate(row):
                        sheet.write_string(r, c, cell) if cell else None
        elif way.kind == "ods":
            path.write_bytes(make.ods(table))
        elif way.kind == "parquet":
            names = order if len(self.header(order)) > 1 else self.header(order)[0]
            if self.convention == "three_rows":
                names = [{i["id"]: i["wording"] for i in self.items}.get(c, c) for c in order]
            pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row").write_parquet(path)
        else:
            self._spss(path, order, cells, way)

    def _spss(self, path: Path, order: list[str], cells: list[list[str]], way: Way) -> None:
        frame = pd.DataFrame(cells, columns=order)
        asked = {i["id"]: i["wording"] for i in self.items}
        labels, missing = {}, {}
        if way.value_labels:
            for item in self.items:
                meaning = self.meanings(item.get("response"))
                number = {normalised(label): float(code) for code, labels in meaning.items() for label in labels}
                number |= {str(code): float(code) for code in meaning}  # answers that are codes already
                values = [
                    number.get(text, number.get(normalised(text), 99.0 if text else None)) for text in frame[item["id"]]
                ]
                frame[item["id"]] = pd.Series(values, dtype=float)
                labels[item["id"]] = {code: texts[-1] for code, texts in meaning.items()} | {99: "No answer"}
                missing[item["id"]] = [99]
        pyreadstat.write_sav(
            frame,
            str(path),
            compress=way.kind == "zsav",
            column_labels=[asked.get(name, "") for name in order],
            variable_value_labels=labels,
            missing_ranges=missing,
        )


def text(table: list[list[str]], way: Way) -> str:
    """As RFC 4180 has it."""
    mark = DELIMITERS[way.delimiter]

    def cell(content: str) -> str:
        plain = not way.quote_all and not set(content) & {mark, '"', "\r", "\n"}
        return content if plain else '"' + content.replace('"', '""') + '"'

    return "".join(mark.join(map(cell, row)) + way.end for row in table)


def encoded(content: str, codec: str) -> bytes:
    return ("\ufeff" + content).encode(codec) if codec.startswith("utf-16") else content.encode(codec)


# ---------------------------------------------------------------- strategies


@st.composite
def surveys(draw: st.DrawFn, numeric: bool | None = None, words: list[str] = ANYWHERE) -> Generated:
    points, first = draw(st.integers(2, 11)), draw(st.sampled_from([1, 1, 0, -2]))
    numeric = draw(st.sampled_from([False, False, True])) if numeric is None else numeric
    scales: list[str | None] = [None, "other"] if draw(st.booleans()) else [None]
    labels = {}
    for scale in scales:
        word = draw(st.lists(st.sampled_from(words), min_size=points, max_size=points))
        order = draw(st.permutations(NUMBERS[:points]))
        others = draw(st.lists(st.booleans(), min_size=points, max_size=points))
        labels[scale] = [
            [f"{w} {n}", *([f"or {n}, {w}"] if other else [])] for w, n, other in zip(word, order, others, strict=True)
        ]
    items = []
    for d in range(draw(st.integers(1, 3))):
        for k in range(draw(st.integers(2, 3))):
            one = {"id": f"d{d}_{k}", "dimension": f"d{d}", "wording": f"Ça va, {NUMBERS[k]} {NUMBERS[d]}?"}
            one["reversed"] = draw(st.booleans())
            if d and len(scales) > 1:
                one["response"] = "other"
            items.append(one)
    ids = [item["id"] for item in items]
    spellings = draw(st.sampled_from([SPELLINGS[:-1], SPELLINGS]))
    fields = ["rid", "years", *(name for name in ("sex", "site", *IDENTIFIERS) if draw(st.booleans()))]
    total = draw(st.integers(1, 3))
    orders, rows, codes = [], [], []
    serial = 0
    for k in range(total):
        own = [f for f in fields if f != "sex" or k == 0 or draw(st.booleans())]
        orders.append(draw(st.permutations([*own, *ids])))
        rows.append([]), codes.append([])
        for _ in range(draw(st.integers(2, 6))):
            serial += 1
            row = {"rid": f"r{serial:04d}", "years": str(draw(st.integers(5, 18)))}
            if "site" in own:
                row["site"] = draw(st.sampled_from(SITES))
            row |= {name: text.format(serial) for name, text in IDENTIFIERS.items() if name in own}
            if "sex" in own:
                row["sex"] = draw(st.sampled_from(["Boy", "girl", " GIRL! ", ""]))
            answers: dict[str, int | None] = {}
            for item in items:
                at = draw(st.integers(-1, points - 1))
                answers[item["id"]] = None if at < 0 else first + at
                if at < 0:
                    row[item["id"]] = draw(st.sampled_from(["", "-", "N/A", "no answer"]))
                else:
                    label = draw(st.sampled_from(labels[item.get("response")][at]))
                    row[item["id"]] = str(first + at) if numeric else draw(st.sampled_from(spellings))(label)
            rows[-1].append(row), codes[-1].append(answers)
    return Generated(points, first, labels, items, draw(st.sampled_from(CONVENTIONS)), orders, rows, codes)


def ways(kinds: tuple[str, ...] = ("csv", "csv", "csv", "xlsx", "ods", "sav", "zsav", "parquet")) -> st.SearchStrategy:
    return st.builds(
        Way,
        kind=st.sampled_from(kinds),
        delimiter=st.sampled_from(["comma", "semicolon", "tab", "pipe"]),
        end=st.sampled_from(["\n", "\r\n", "\r"]),
        quote_all=st.booleans(),
        codec=st.sampled_from(list(CODECS)),
        value_labels=st.booleans(),
    )


def writable(survey: Generated, way: Way) -> Way:
    """``way``, in UTF-8 where its encoding lacks a character of the survey."""
    try:
        survey.texts.encode(way.codec), "Ç".encode(way.codec)
    except UnicodeEncodeError:
        return Way(way.kind, way.delimiter, way.end, way.quote_all, "utf-8", way.value_labels)
    return way
