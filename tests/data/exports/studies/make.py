"""Make the corpus of small studies: one folder for each way to map, to join and to clean exports.

    python tests/data/exports/studies/make.py [folder]

A folder holds its exports, ``study.yaml`` and ``instrument.yaml``, and ``expected.json`` with what comes out: ``codes``
as ingested (file, line, one code per item), ``clean`` (file, line and the named columns of the kept rows), ``ledger``
(file, line, column, raw value, rule, action), ``flags`` (the lines that an index of careless responding flags),
``absent`` (texts that no file may hold), or the ``error``. Everything expected is written down here, from what went in;
nothing is read back.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

Rows = Sequence[Sequence[str]]
CASES: dict[str, tuple[dict[str, Rows], dict[str, Any], dict[str, Any], dict[str, Any]]] = {}

AGREE = {1: ["Disagree"], 2: ["Don’t mind"], 3: ["Agree"]}
ITEMS = ["q1", "q2", "q3", "q4"]
DROP_NOTHING = {"drop_duplicates": False, "min_answered": 0.0, "straight_liners": "keep"}
A, M, D = "Agree", "Don’t mind", "Disagree"
MIXED = [A, D, M, A]


def case(
    name: str,
    files: dict[str, Rows],
    expected: Mapping[str, Any],
    *,
    columns: Mapping[str, Any] | None = None,
    exports: Mapping[str, Any] | None = None,
    items: Sequence[str] = ITEMS,
    responses: Mapping[str, Any] | None = None,
    scale_of: Mapping[str, str] | None = None,
    labels: Mapping[int, list[str]] = AGREE,
    dimensions: Sequence[str] | None = None,
    turned: Sequence[str] = (),
    **study: Any,
) -> None:
    """A study of ``items`` and what is expected of it; ``turned`` are reversed.

    Without ``dimensions``, which have equally many items each, they are in one, or where there are four in two.
    """
    dimensions = dimensions or (["like", "safe"] if len(items) == 4 else ["like"])
    codes = list(labels)
    instrument = {
        "id": name,
        "title": "An instrument of the corpus",
        "response": {"codes": codes, "labels": dict(labels)},
        **({"responses": dict(responses)} if responses else {}),
        "score": {"min_items": 1},
        "bands": [
            {"id": "low", "label": "Low", "from": codes[0]},
            {"id": "high", "label": "High", "from": codes[-1], "high": True},
        ],
        "dimensions": [{"id": d, "label": d.capitalize()} for d in dimensions],
        "items": [
            {
                "id": item,
                "dimension": dimensions[k * len(dimensions) // len(items)],
                "reversed": item in turned,
                "wording": f"Statement {k + 1}.",
                **({"response": scale_of[item]} if scale_of and item in scale_of else {}),
            }
            for k, item in enumerate(items)
        ],
    }
    content = {
        "id": name,
        "title": "A study of the corpus",
        "seed": 1,
        "instrument": name,
        "report": "survey",
        "exports": {"folder": f"data/raw/{name}", "files": ["*.csv"], **(exports or {})},
        "columns": {"respondent": "id", **(columns or {})},
        **study,
    }
    CASES[name] = (files, content, instrument, dict(expected))


def lined(codes: Sequence[Sequence[int | None]], file: str = "answers.csv", first: int = 2) -> list[list[Any]]:
    return [[file, k + first, *row] for k, row in enumerate(codes)]


# ---------------------------------------------------------------- mapping


def labels_and_codes() -> None:
    decomposed = unicodedata.normalize("NFD", "Très d’accord")
    spelt = {1: ["Très d’accord", "Strongly agree"], 2: ["Pas d’accord", "I don't agree"], 3: ["Ça dépend"]}
    rows = [
        ["r1", "Très d’accord", decomposed, "TRÈS D'ACCORD", "  très   d’accord. "],
        ["r2", "Strongly agree", "strongly-agree!", "I don’t agree", "i don`t agree"],
        ["r3", "ça dépend", "Ça dépend…", "", "Cela ne me regarde pas"],
        ["r4", "1", "2.0", "3", "02"],
    ]
    case(
        "labels_in_many_spellings",
        {"answers.csv": [["id", *ITEMS], *rows]},
        {"codes": lined([[1, 1, 1, 1], [1, 1, 2, 2], [3, 3, None, None], [1, 2, 3, 2]])},
        labels=spelt,
        exports={"missing_labels": ["cela ne me regarde pas"]},
    )
    rows = [["r1", A, A, A, A], ["r2", A, "Agre", A, "Agre"], ["r3", "Agre", A, A, A]]
    said = "unknown label 'Agre', 3 times in 'q1', 'q2', 'q4', first in line 3. Did you mean 'Agree'"
    case("unknown_label", {"answers.csv": [["id", *ITEMS], *rows]}, {"error": said, "file": "answers.csv"})
    said = "'4' is not a valid code 1..3, 1 time in 'q3', first in line 3"
    rows = [["r1", "1", "2", "3", "1"], ["r2", "1", "2", "4", "1"]]
    case("code_out_of_range", {"answers.csv": [["id", *ITEMS], *rows]}, {"error": said, "file": "answers.csv"})


def matrices() -> None:
    """One dimension asked in two matrices that have labels of their own."""
    often = {1: ["Never"], 2: ["Sometimes"], 3: ["Always"]}
    header = ["id", "School [I like it]", "School [It bores me]", "Lessons [I join in]", "Lessons [I give up]"]
    items = ["likes", "bored", "joins"]
    rows = [["r1", A, D, "Always", "Never"], ["r2", M, "", "Sometimes", "Always"]]
    case(
        "one_scale_in_two_matrices",
        {"answers.csv": [header, *rows]},
        {"codes": lined([[3, 1, 3], [2, None, 2]])},
        items=items,
        responses={"often": {"codes": [1, 2, 3], "labels": often}},
        scale_of={"joins": "often"},
        columns={
            "items": {
                "likes": "School [I like it]",
                "bored": {"pattern": r"School \[.* bores .*\]"},
                "joins": {"question": "I join in"},
            },
            "ignore": ["Lessons [I give up]"],
        },
    )
    rows = [["r1", A, D, "Agree", "Never"]]
    case(
        "label_of_another_matrix",
        {"answers.csv": [header, *rows]},
        {"error": "unknown label 'Agree', 1 time in 'Lessons [I join in]', first in line 2", "file": "answers.csv"},
        items=items,
        responses={"often": {"codes": [1, 2, 3], "labels": often}},
        scale_of={"joins": "often"},
        columns={
            "items": dict(zip(items, header[1:4], strict=True)),
            "ignore": ["Lessons [I give up]"],
        },
    )


# ---------------------------------------------------------------- several files


def several_files() -> None:
    """A school in two waves, another in one, and a file in another language that was not asked for gender."""
    welsh = {
        code: [*texts, other]
        for (code, texts), other in zip(AGREE.items(), ["Anghytuno", "Dim ots", "Cytuno"], strict=True)
    }
    files = {
        "north_wave_1.csv": [["id", "sex", *ITEMS], ["n1", "girl", A, M, D, A], ["n2", "boy", D, D, "", A]],
        "north_wave_2.csv": [["q4", "q3", "q2", "q1", "sex", "id"], [A, D, M, D, "boy", "n3"]],
        "south_wave_1.csv": [["sex", *ITEMS, "id"], ["girl", A, A, A, M, "s1"]],
        "south_welsh.csv": [["id", *ITEMS], ["s2", "Cytuno", "Dim ots", "anghytuno", "Cytuno"]],
    }
    codes = [
        *lined([[3, 2, 1, 3], [1, 1, None, 3]], "north_wave_1.csv"),
        *lined([[1, 2, 1, 3]], "north_wave_2.csv"),
        *lined([[3, 3, 3, 2]], "south_wave_1.csv"),
        *lined([[3, 2, 1, 3]], "south_welsh.csv"),
    ]
    gender = {"categories": [{"id": "boys", "label": "Boys", "values": ["boy"]},
                             {"id": "girls", "label": "Girls", "values": ["girl"]}]}  # fmt: skip
    genders = ["girls", "boys", "boys", "girls", None]
    clean = [[*row[:2], sex, sex_school] for row, sex, sex_school in zip(codes, genders, [0, 0, 0, 1, 1], strict=True)]
    shared: dict[str, Any] = {"columns": {"gender": "sex"}, "labels": welsh, "gender": gender, "clean": DROP_NOTHING}
    schools = {"north*": {"school": "North"}, "south*": {"school": "South"}}
    case(
        "files_of_one_study",
        files,
        {"codes": codes, "clean": {"columns": ["gender", "school"], "rows": clean}, "ledger": []},
        exports={"optional": ["gender"], "constants": schools},
        **shared,
    )
    said = "no column 'sex'"
    case("column_missing_from_one_file", files, {"error": said, "file": "south_welsh.csv"}, **shared)
    del shared["columns"], shared["gender"]
    files = {"a.csv": [["id", *ITEMS], ["a1", *MIXED]], "b.csv": [["id", *ITEMS[:3]], ["b1", *MIXED[:3]]]}
    case("item_missing_from_one_file", files, {"error": "without 'q4'", "file": "b.csv"}, **shared)


# ---------------------------------------------------------------- cleaning


def identifiers() -> None:
    """Columns that tell who wrote: listed to be dropped, in nobody's list, and in place of an answer."""
    planted = {
        "Your full name": "Planted Person",
        "E-mail": "planted@example.org",
        "IP Address": "192.0.2.17",
        "Location": "51.50010, -0.12620",
        "Mobile": "07700 900123",
        "Anything else?": "My planted aunt says; it is fine",
    }
    header = ["id", *planted, *ITEMS]
    rows = [["r1", *planted.values(), *MIXED], ["r2", *planted.values(), *MIXED]]
    case(
        "identifiers_dropped",
        {"answers.csv": [header, *rows]},
        {
            "codes": lined([[3, 1, 2, 3]] * 2),
            "clean": {"columns": [], "rows": lined([[]] * 2)},
            "ledger": [],
            "absent": list(planted.values()),
        },
        columns={"identifiers": list(planted)},
        clean=DROP_NOTHING,
    )
    case(
        "columns_in_no_list",
        {"answers.csv": [[*header, "wave"], *([*row, "1"] for row in rows)]},
        {"error": "unknown columns", "file": "answers.csv"},
    )
    case(
        "identifier_for_an_answer",
        {"answers.csv": [["id", *ITEMS], ["r1", *MIXED], ["r2", A, "planted@example.org", A, A]]},
        {"error": "the column of item 'q2' holds a direct identifier (e-mail address)", "file": "answers.csv, line 3"},
    )


def consent_and_previews() -> None:
    rows = [
        ["r1", "Yes", "complete", *MIXED],
        ["r2", "YES.", "complete", *MIXED],
        ["r3", "No", "complete", *MIXED],
        ["r4", "", "complete", *MIXED],
        ["r5", "I agree", "Survey Preview", *MIXED],
        ["r6", "I agree", "Survey Test", *MIXED],
        ["r7", "I agree", "complete", *MIXED],
    ]
    ledger = [
        [6, "status", "Survey Preview", "test_status", "drop_row"],
        [7, "status", "Survey Test", "test_status", "drop_row"],
        [4, "consent", "No", "consent", "drop_row"],
        [5, "consent", None, "consent", "drop_row"],
    ]
    case(
        "consent_and_previews",
        {"answers.csv": [["id", "consent", "status", *ITEMS], *rows]},
        {"clean": {"columns": [], "rows": [["answers.csv", line] for line in (2, 3, 8)]}, "ledger": ledger},
        columns={"consent": "consent", "status": "status"},
        clean={**DROP_NOTHING, "consent": ["yes", "I agree"], "test_status": ["survey preview", "survey test"]},
    )


def repeated() -> None:
    """The same respondent twice with different answers; a row that is there twice leaves first."""
    rows = [["r1", A, A, "", ""], ["r2", *MIXED], ["r1", A, A, D, ""], ["r2", *MIXED], ["r1", D, A, "", ""]]
    twice = [5, "respondent", "withheld", "duplicates", "drop_row"]
    for keep, stays in (("first", 2), ("last", 6), ("most_complete", 4)):
        gone = [[line, "respondent", "withheld", "repeated_ids", "drop_row"] for line in (2, 4, 6) if line != stays]
        case(
            f"repeated_respondent_{keep}",
            {"answers.csv": [["id", *ITEMS], *rows]},
            {
                "clean": {"columns": [], "rows": [["answers.csv", line] for line in sorted([3, stays])]},
                "ledger": [twice, *gone],
            },
            clean={**DROP_NOTHING, "drop_duplicates": True, "repeated_ids": keep},
        )


def careless() -> None:
    """Twelve answers: one respondent gives one of them throughout, another takes half a second for each."""
    items = [f"q{k}" for k in range(1, 13)]
    some = [A, D, M, D, A, A, M, D, A, M, D, A]
    rows = [
        ["r1", "60", *some],
        ["r2", "60", *[A] * 12],
        ["r3", "6", *reversed(some)],
        ["r4", "soon", *some[3:], *some[:3]],
    ]
    flags = {"longest_run": [3], "irv": [3], "seconds_per_item": [4]}
    seconds = [5, "seconds", "soon", "seconds", "empty_cell"]
    shared: dict[str, Any] = {"items": items, "columns": {"seconds": "time"}}
    files = {"answers.csv": [["id", "time", *items], *rows]}
    rules = {"longest_run": {"threshold": 1}, "irv": {"threshold": 0}, "seconds_per_item": {"threshold": 1}}
    everyone = [["answers.csv", line] for line in (2, 3, 4, 5)]
    case(
        "careless_flagged",
        files,
        {"flags": flags, "clean": {"columns": [], "rows": everyone}, "ledger": [seconds]},
        clean={**DROP_NOTHING, "careless": rules},
        **shared,
    )
    rules = {name: {**rule, "action": "drop" if name != "irv" else "flag"} for name, rule in rules.items()}
    gone = [
        [3, "items", "12 in a row", "careless_longest_run", "drop_row"],
        [4, "seconds", "0.5 for each item", "careless_seconds_per_item", "drop_row"],
    ]
    case(
        "careless_dropped",
        files,
        {"flags": flags, "clean": {"columns": [], "rows": [everyone[0], everyone[3]]}, "ledger": [seconds, *gone]},
        clean={**DROP_NOTHING, "careless": rules},
        **shared,
    )


def inconsistent() -> None:
    """Three dimensions of an item in each half; the last item is reversed and has labels of its own.

    Of the halves that vary, r2's agree (3, 1, 2 and 3, 1, 2), r3's contradict each other (3, 1, 2 and 1, 3, 2), and
    r4's agree in part: 3, 1, 2 and 3, 2, 1 have a correlation of 1/2, stepped up 2/3.
    """
    items = [f"q{k}" for k in range(1, 7)]
    rows = [
        ["r1", A, A, A, A, A, "Never"],
        ["r2", A, A, D, D, M, "Sometimes"],
        ["r3", A, D, D, A, M, "Sometimes"],
        ["r4", A, A, D, M, M, "Always"],
    ]
    shared: dict[str, Any] = {
        "items": items,
        "dimensions": ["like", "safe", "fair"],
        "responses": {"often": {"codes": [1, 2, 3], "labels": {1: ["Never"], 2: ["Sometimes"], 3: ["Always"]}}},
        "scale_of": {"q6": "often"},
        "turned": ["q6"],
    }
    gone = [[4, "items", "consistency -1.0", "careless_even_odd", "drop_row"]]
    for action, lines, ledger in (("flag", (2, 3, 4, 5), []), ("drop", (2, 3, 5), gone)):
        case(
            f"even_odd_{'dropped' if action == 'drop' else 'flagged'}",
            {"answers.csv": [["id", *items], *rows]},
            {
                "flags": {"even_odd": [4]},
                "clean": {"columns": [], "rows": [["answers.csv", line] for line in lines]},
                "ledger": ledger,
            },
            clean={**DROP_NOTHING, "careless": {"even_odd": {"threshold": 0.5, "action": action}}},
            **shared,
        )


def far_away() -> None:
    """Six respondents agree twice, six disagree twice, and two contradict themselves.

    All deviate by 1 from the mean, 2, so that the covariances are 14/13 and 10/13. The squared distance is then
    13 · 48/96 = 6.5 for the two, whose p on 2 degrees of freedom is exp(-3.25) = 0.04, and 13/12 for others, p 0.58.
    """
    answers = [[A, A], [D, D]] * 3 + [[A, D]] + [[A, A], [D, D]] * 3 + [[D, A]]
    rows = [[f"r{k}", *own] for k, own in enumerate(answers)]
    gone = [[line, "items", "squared distance 6.5", "careless_mahalanobis", "drop_row"] for line in (8, 15)]
    for action, dropped, ledger in (("flag", (), []), ("drop", (8, 15), gone)):
        case(
            f"mahalanobis_{'dropped' if action == 'drop' else 'flagged'}",
            {"answers.csv": [["id", *ITEMS[:2]], *rows]},
            {
                "flags": {"mahalanobis": [8, 15]},
                "clean": {"columns": [], "rows": [["answers.csv", k] for k in range(2, 16) if k not in dropped]},
                "ledger": ledger,
            },
            items=ITEMS[:2],
            clean={**DROP_NOTHING, "careless": {"mahalanobis": {"threshold": 0.05, "action": action}}},
        )


def gender() -> None:
    words = ["Girl", "  FEMALE ", "boy!", "Non binary", "non-binary", "prefer not to say", "attack helicopter", ""]
    ids = ["girls", "girls", "boys", "other", "other", None, None, None]
    categories = [
        {"id": "girls", "label": "Girls", "values": ["girl", "female"]},
        {"id": "boys", "label": "Boys", "values": ["boy", "male"]},
        {"id": "other", "label": "Other", "values": ["non-binary"]},
    ]
    case(
        "gender_in_free_text",
        {"answers.csv": [["id", "sex", *ITEMS], *([f"r{k}", word, *MIXED] for k, word in enumerate(words))]},
        {
            "clean": {"columns": ["gender"], "rows": lined([[i] for i in ids])},
            "ledger": [[k + 2, "gender", words[k], "gender", "empty_cell"] for k in (5, 6)],
        },
        columns={"gender": "sex"},
        gender={"categories": categories},
        clean=DROP_NOTHING,
    )


def key_stages() -> None:
    """On 15 June 2021 it is the age on 31 August 2020 that counts: born on 31 August 2009 eleven, a day later ten."""
    levels = [
        {"id": "KS2", "label": "Key Stage 2", "ages": [7, 10], "years": ["Year 3", "Year 6", "6"]},
        {"id": "KS3", "label": "Key Stage 3", "ages": [11, 13], "years": ["Year 7", "Y9"]},
    ]
    people = [  # born, age, year, and the key stage
        ("31/08/2009", "", "", "KS3"),
        ("01/09/2009", "", "", "KS2"),
        ("", "9", "", "KS2"),
        ("", "", "y9", "KS3"),
        ("01/09/2009", "11", "Year 6", "KS2"),
        ("31/08/2009", "", "Year 6", "KS2"),
        ("", "9", "Year 7", "KS3"),
        ("yesterday", "", "Year 3", "KS2"),
        ("", "", "Year 99", None),
        ("", "", "", None),
    ]
    ledger = [
        [10, "year_group", "Year 99", "year_group", "empty_cell"],
        [9, "birth_date", "withheld", "birth_date", "empty_cell"],
        [7, "birth_date", "withheld", "group_conflict_birth_date", "empty_cell"],
        [8, "age", "9", "group_conflict_age", "empty_cell"],
    ]
    case(
        "key_stage_from_year_birth_or_age",
        {
            "answers.csv": [
                ["id", "born", "age", "year", *ITEMS],
                *([f"r{k}", *person[:3], *MIXED] for k, person in enumerate(people)),
            ]
        },
        {"clean": {"columns": ["group"], "rows": lined([[person[3]] for person in people])}, "ledger": ledger},
        columns={"birth_date": "born", "age": "age", "year_group": "year"},
        survey_date=datetime.date(2021, 6, 15),
        key_stages={"label": "Key stage", "source": "age", "levels": levels},
        clean={**DROP_NOTHING, "birth_date_format": "%d/%m/%Y"},
    )
    levels = [
        {"id": "A", "label": "Primaire", "values": ["CP", "CE1"]},
        {"id": "B", "label": "Collège", "values": ["6e", "sixième"]},
    ]
    words, ids = ["cp", "CE1", "6e", "Sixieme", "sixième ", "terminale"], ["A", "A", "B", None, "B", None]
    case(
        "key_stage_of_another_school_system",
        {"answers.csv": [["id", "classe", *ITEMS], *([f"r{k}", word, *MIXED] for k, word in enumerate(words))]},
        {
            "clean": {"columns": ["group"], "rows": lined([[i] for i in ids])},
            "ledger": [[k + 2, "group", words[k], "group", "empty_cell"] for k in (3, 5)],
        },
        columns={"group": "classe"},
        key_stages={"label": "Cycle", "source": "column", "levels": levels},
        clean=DROP_NOTHING,
    )


def main(folder: Path) -> None:
    for part in (
        labels_and_codes,
        matrices,
        several_files,
        identifiers,
        consent_and_previews,
        repeated,
        careless,
        inconsistent,
        far_away,
        gender,
        key_stages,
    ):
        part()
    for name, (files, study, instrument, expected) in CASES.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for file, rows in files.items():
            out = io.StringIO()
            csv.writer(out, lineterminator="\n").writerows(rows)
            (place / file).write_text(out.getvalue(), encoding="utf-8")
        for file, content in (("study", study), ("instrument", instrument)):
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
            (place / f"{file}.yaml").write_text(text, encoding="utf-8")
        text = json.dumps(expected, ensure_ascii=False, indent=1) + "\n"
        (place / "expected.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
