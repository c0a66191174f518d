"""Make small exports in the manner of survey tools, and what a draft of each must find.

    python tests/data/exports/tools/make.py [folder]

Twenty-four made-up pupils answer six items on five points; the fourth goes against the rest. Each export holds them as
one tool would write it. ``expected.json`` has for each: the columns proposed for fields, the identifiers, the items'
headers, the dimensions' sizes and the answers as codes; or the error. Everything expected is written down here.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

Row = list[Any]
AGREE = ["Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree"]
ITEMS = ["I like to learn", "I can ask for help", "I feel safe", "I give up", "We work together", "I am proud"]
N = 24
LEVEL = [1 + (7 * n + n // 5) % 5 for n in range(N)]
ANSWERS = [[min(5, max(1, (6 - x if j == 3 else x) + (n * (j + 2)) % 3 - 1)) for j in range(6)]
           for n, x in enumerate(LEVEL)]  # fmt: skip
ANSWERS[4][1] = ANSWERS[9][5] = None
AGES = [8 + n % 7 for n in range(N)]
GENDERS = [("Boy", "Girl")[n % 2] for n in range(N)]
SCHOOLS = [("Hill Primary", "Lake Academy")[n % 3 == 0] for n in range(N)]
TIMES = [f"2026-03-02 09:{n:02d}:00" for n in range(N)]
CASES: dict[str, tuple[bytes, dict[str, Any]]] = {}


def text(rows: list[Row], delimiter: str = ",", quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n", quoting=quoting).writerows(rows)
    return out.getvalue().encode()


def label(code: int | None, labels: list[str] = AGREE) -> str:
    return "" if code is None else labels[code - 1]


def number(code: int | None) -> str:
    return "" if code is None else str(code)


def good(
    name: str, content: bytes, items: list[str], fields: dict[str, str], identifiers: list[str], **more: Any
) -> None:
    expected = {"items": items, "fields": fields, "identifiers": identifiers}
    CASES[name] = (content, expected | {"codes": ANSWERS} | more)


def qualtrics() -> None:
    """Numbers for choices, three rows above, previews among the answers and a consent of many words."""
    names = ["StartDate", "Status", "IPAddress", "ResponseId", "Q1", "Q2", *(f"Q3_{j}" for j in range(1, 7))]
    asked = ["Start Date", "Response Type", "IP Address", "Response ID"]
    asked += ["Do you agree to take part in this survey of your school?", "How old are you?"]
    asked += [f"How much do you agree? - {item}" for item in ITEMS]
    ids = [json.dumps({"ImportId": name}) for name in names]
    rows = [
        [TIMES[n], "1" if n in (3, 8) else "0", f"192.0.2.{n}", f"R_{n:04d}", "Yes", AGES[n], *map(number, ANSWERS[n])]
        for n in range(N)
    ]
    fields = {"respondent": "ResponseId", "age": "Q2", "status": "Status", "consent": "Q1"}
    good("qualtrics_numbers.csv", text([names, asked, ids, *rows]), names[6:], fields, ["IPAddress"],
         tests=["1"])  # fmt: skip


def lime_survey() -> None:
    """Codes and texts of questions in one header."""
    heads = ["Response ID", "age. How old are you?", "sex. Are you a", "school. Which school do you go to?"]
    items = [f"L1[SQ{j:03d}]. How much do you agree? [{item}]" for j, item in enumerate(ITEMS, start=1)]
    rows = [[n + 1, AGES[n], GENDERS[n], SCHOOLS[n], *map(label, ANSWERS[n])] for n in range(N)]
    fields = {"respondent": heads[0], "school": heads[3], "age": heads[1], "gender": heads[2]}
    good("lime_survey.csv", b"\xef\xbb\xbf" + text([heads + items, *rows], quoting=csv.QUOTE_ALL), items, fields,
         [])  # fmt: skip


def jotform() -> None:
    items = [f"How much do you agree? >> {item}" for item in ITEMS]
    heads = ["Submission Date", "First Name", "Age", "School", *items, "IP", "Submission ID"]
    rows = [["Mar 2, 2026", "Ada", AGES[n], SCHOOLS[n], *map(label, ANSWERS[n]), f"192.0.2.{n}", f"58{n:08d}"]
            for n in range(N)]  # fmt: skip
    fields = {"respondent": "Submission ID", "school": "School", "age": "Age"}
    good("jotform.csv", text([heads, *rows]), items, fields, ["First Name", "IP"])


def sosci() -> None:
    """Names above texts, without a gap between the names."""
    items = [f"LE01_{j:02d}" for j in range(1, 7)]
    names = ["CASE", "MODE", "STARTED", "SD01_01", *items, "TIME_SUM", "LASTPAGE"]
    asked = ["Interview number", "Interview mode", "Started", "Age: … years", *(f"Learning: {item}" for item in ITEMS)]
    rows = [[n + 1, "interview", TIMES[n], AGES[n], *(-9 if c is None else c for c in ANSWERS[n]), 60 + n, 4]
            for n in range(N)]  # fmt: skip
    fields = {"respondent": "CASE", "age": "SD01_01", "status": "MODE"}
    table = [names, [*asked, "Time in all", "Last page"], *rows]
    good("sosci_survey.csv", text(table, ";", csv.QUOTE_NONNUMERIC), items, fields, [])


def kobo() -> None:
    """Names of groups before those of questions, places with altitude and accuracy."""
    items = [f"learning/q{j}" for j in range(1, 7)]
    heads = ["start", "deviceid", "about/age", "about/gender", "about/school", "about/place", *items, "_uuid"]
    words = [text.lower().replace(" ", "_") for text in AGREE]
    rows = [
        [TIMES[n], f"collect:{n:06d}", AGES[n], ("male", "female")[n % 2], SCHOOLS[n], f"51.50{n:02d} -0.12{n:02d} 0 5"]
        + [label(code, words) for code in ANSWERS[n]]
        + [f"fe833c3c-6324-4f6b-870b-{n:012x}"]
        for n in range(N)
    ]
    fields = {"respondent": "_uuid", "school": "about/school", "age": "about/age", "gender": "about/gender"}
    good("kobo.csv", text([heads, *rows], ";", csv.QUOTE_ALL), items, fields, ["deviceid", "about/place"])


def odk() -> None:
    items = [f"learning-q{j}" for j in range(1, 7)]
    heads = ["SubmissionDate", "about-age", "about-school", *items, "SubmitterName", "Status", "KEY"]
    rows = [[TIMES[n], AGES[n], SCHOOLS[n], *map(number, ANSWERS[n]), "Ada", "", f"uuid:{n:032x}"] for n in range(N)]
    fields = {"school": "about-school", "age": "about-age"}
    good("odk.csv", text([heads, *rows]), items, fields, ["SubmitterName"])


def others() -> None:
    heads = ["id", "school", "age", *ITEMS]
    rows = [[f"r{n:02d}", SCHOOLS[n], AGES[n], *map(label, ANSWERS[n])] for n in range(N)]
    fields = {"respondent": "id", "school": "school", "age": "age"}
    named = [["", *heads], *([n + 1, *row] for n, row in enumerate(rows))]
    good("row_numbers.csv", text(named, quoting=csv.QUOTE_NONNUMERIC), ITEMS, fields, [],
         ignore=["(no header, column 1)"])  # fmt: skip
    faces = ["\U0001f621 ", "\U0001f641 ", "\U0001f610 ", "\U0001f642 ", "\U0001f600 "]
    faced = [face + words for face, words in zip(faces, AGREE, strict=True)]
    marked = [f"\u200b{item[:4]}\u00ad{item[4:]}\ufeff" for item in ITEMS]
    table = [["\ufeffid", *heads[1:3], *marked], *([*row[:3], *(label(c, faced) for c in codes)]
             for row, codes in zip(rows, ANSWERS, strict=True))]  # fmt: skip
    good("faces_and_unseen_marks.csv", text(table), ITEMS, fields, [])
    ends = ["Strongly disagree", "2", "3", "4", "Strongly agree"]
    table = [heads, *([*row[:3], *(label(c, ends) for c in codes)] for row, codes in zip(rows, ANSWERS, strict=True))]
    good("labels_at_the_ends.csv", text(table), ITEMS, fields, [])
    french = ["Pas du tout d’accord", "Plutôt pas d’accord", "Ni d’accord ni pas d’accord", "Plutôt d’accord",
              "Tout à fait d’accord"]  # fmt: skip
    halves = [[*row[:3], *(label(c, french if n % 2 else AGREE) for c in codes)]
              for n, (row, codes) in enumerate(zip(rows, ANSWERS, strict=True))]  # fmt: skip
    good("two_languages.csv", text([heads, *halves]), ITEMS, fields, [])
    halves = [[*row[:3], *((number if n % 2 else label)(c) for c in codes)]
              for n, (row, codes) in enumerate(zip(rows, ANSWERS, strict=True))]  # fmt: skip
    good("numbers_beside_labels.csv", text([heads, *halves]), ITEMS, fields, [], asked="A number is read as that")
    sentences = ["My teachers know my name", "My address is near school", "I have a mobile phone", *ITEMS[3:]]
    table = [[*heads[:3], *sentences], *rows]
    good("items_about_names.csv", text(table), sentences, fields, [])
    good("no_columns_but_items.csv", text([[f"v{j}" for j in range(6)], *(map(number, a) for a in ANSWERS)]),
         [f"v{j}" for j in range(6)], {}, [])  # fmt: skip
    written = [list(row) for row in rows]
    written[7][3] = "ada@example.org"
    good("address_for_an_answer.csv", text([heads, *written]), ITEMS, fields, [],
         asked="1 that could identify someone", error="holds a direct identifier (e-mail address)")  # fmt: skip
    written[7][3] = "dunno"
    good("stray_answer.csv", text([heads, *written]), ITEMS, fields, [], asked="'dunno' (1)",
         error="unknown label 'dunno'")  # fmt: skip


def spss() -> None:
    """Labels in words that no list knows, at both ends of the scale only, with a code for missing that has a label."""
    import polars as pl
    import pyreadstat

    frame = pl.DataFrame(
        {"IDSTUD": [float(1000 + n) for n in range(N)]}
        | {f"B{j}": [9.0 if row[j] is None else float(row[j]) for row in ANSWERS] for j in range(6)}
    )
    labels = {1.0: "Zéro", 5.0: "Beaucoup", 9.0: "Omitted or invalid"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.sav"
        pyreadstat.write_sav(
            frame.to_pandas(),
            str(path),
            column_labels=["Student ID", *ITEMS],
            variable_value_labels={f"B{j}": labels for j in range(6)},
        )
        content = bytearray(path.read_bytes())
    content[92:109] = b"01 Jan 2000:00:00"  # when it was made
    good("spss_labels_at_the_ends.sav", bytes(content), [f"B{j}" for j in range(6)], {"respondent": "IDSTUD"}, [])


def main(folder: Path) -> None:
    for make in (qualtrics, lime_survey, jotform, sosci, kobo, odk, others, spss):
        make()
    for name, (content, _) in CASES.items():
        (folder / name).write_bytes(content)
    expected = {name: case for name, (_, case) in CASES.items()}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
