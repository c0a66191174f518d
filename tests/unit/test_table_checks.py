"""The check before a table is written, held against pandera, which checks it again in the audit."""

import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pandas as pd
import polars as pl
import pytest
from conftest import ROOT
from hypothesis import example, given
from hypothesis import strategies as st

from learning_survey.schemas import TABLES, Column, Table
from learning_survey.table_checks import cells_of, faults, pandera_faults
from learning_survey.tables import neutral, read, write

UNITS = ("id", "text", "flag", "count", "share", "mean")
NUMBERS = st.one_of(
    st.integers(-2, 10**6),
    st.floats(-0.5, 1.5),
    st.sampled_from([float("inf"), -float("inf"), float("nan"), 1 + 1e-12, -0.0, 1e-300, 12345678901.5]),
)
WORDS = st.sampled_from(["a", "b", "NA", 'a "b", c', "=1+1", "'-x", "two\nlines", "é", "1,5"])
OF_UNIT = {"id": WORDS, "text": WORDS, "flag": st.booleans()}
STUDY = SimpleNamespace(id="small", cohort="real")


@st.composite
def tables(draw: st.DrawFn, *, right: bool = False) -> tuple[Table, dict[str, list]]:
    """A table and cells for it; ``right``: such as fit but for ranges, nulls and keys that stand twice."""
    columns, cells, height = {}, {}, draw(st.integers(1, 5))
    for k in range(draw(st.integers(1, 4))):
        unit = draw(st.sampled_from(UNITS))
        key = draw(st.booleans()) if unit in ("id", "count") else False
        columns[f"c{k}"] = Column(unit, "", key=key, nullable=not key and draw(st.booleans()))
        own = OF_UNIT.get(unit, NUMBERS)
        odd = st.none() if right else st.one_of(st.none(), NUMBERS, WORDS, st.booleans())
        cell = own if draw(st.booleans()) else st.one_of(own, odd)
        cells[f"c{k}"] = draw(st.lists(cell, min_size=height, max_size=height))
    names = list(columns)
    if not right and draw(st.integers(0, 9)) == 0:
        cells.pop(names[0])
    if not right and draw(st.integers(0, 9)) == 0:
        cells["another"] = [1] * height
    return Table("", columns), cells


def one(unit: str, *cells: object) -> tuple[Table, dict[str, list]]:
    return Table("", {"c0": Column(unit, "")}), {"c0": list(cells)}


@given(tables())
@example(one("text", None, float("nan")))
@example(one("flag", True, None))
@example(one("count", True, 2.5))
@example(one("share", 1 + 1e-12))
@example(one("mean", "1,5"))
@example((Table("", {"c0": Column("id", "")}), {}))
def test_the_check_and_pandera_accept_and_refuse_the_same(drawn):
    table, cells = drawn
    frame = pd.DataFrame({name: pd.Series(column) for name, column in cells.items()})
    own = list(faults(cells_of(frame), table)) if cells else []
    assert bool(own) == bool(pandera_faults(frame, table) if cells else [])


@given(tables(right=True))
def test_what_is_accepted_comes_back_and_pandera_accepts_it_whichever_frame_it_was(drawn):
    table, cells = drawn
    frames = [
        pd.DataFrame({name: pd.Series(column) for name, column in cells.items()}),
        pl.DataFrame({name: pl.Series(column, strict=False) for name, column in cells.items()}),
    ]
    found = [list(faults(cells_of(frame), table)) for frame in frames]
    assert found[0] == found[1]
    if found[0]:
        return
    with mock.patch.dict(TABLES, {"stage.drawn": table}), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = [write(frame, "stage.drawn", folder / "stage", STUDY).read_bytes() for frame in frames]
        back = read(folder, "stage.drawn")
    assert written[0] == written[1]
    assert not pandera_faults(back, table)
    for column, given_ in cells_of(frames[0]).items():
        close = [pytest.approx(cell, rel=1e-9) if isinstance(cell, float) else cell for cell in given_]
        assert cells_of(back)[column] == close


@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(-(10**12), 10**12)), min_size=1, max_size=5), WORDS)
def test_a_file_has_the_bytes_that_pandas_writes(numbers, word):
    table = Table("", {"c0": Column("mean", ""), "c1": Column("text", ""), "c2": Column("flag", "")})
    frame = pd.DataFrame({"c0": pd.Series(numbers), "c1": word, "c2": True})
    with mock.patch.dict(TABLES, {"stage.drawn": table}), tempfile.TemporaryDirectory() as name:
        ours = write(frame, "stage.drawn", Path(name), STUDY).read_bytes()
    frame = frame.assign(c0=frame["c0"].astype(float), c1=neutral(word))
    frame.insert(0, "study", STUDY.id)
    frame.insert(1, "cohort", STUDY.cohort)
    assert ours == frame.to_csv(index=False, float_format="%.10g", lineterminator="\n").encode()


def test_faults_name_column_check_and_case():
    table = Table(
        "",
        {
            "who": Column("id", "", key=True, nullable=False),
            "n": Column("count", "", nullable=False),
            "share": Column("share", ""),
            "sure": Column("flag", ""),
            "gone": Column("text", ""),
        },
    )
    cells = {"who": ["a", "a"], "n": [None, "x"], "share": [0.5, 1.25], "sure": [True, None], "more": [1, 2]}
    assert list(faults(cells, table)) == [
        "more: column not of the table",
        "gone: column missing",
        "n: not nullable: 1 missing",
        "n: not a number: 'x'",
        "share: in_range(0, 1): 1.25",
        "sure: not nullable: 1 missing",
        "who: unique: a stands there 2 times",
    ]


def test_a_number_written_as_text_is_no_number():
    assert list(faults({"c0": ["1.5"]}, one("mean")[0])) == ["c0: not a number: '1.5'"]


def test_what_is_not_known_is_missing_in_every_type():
    frame = pd.DataFrame(
        {
            "a": pd.Series([1, None], dtype="Int64"),
            "b": pd.Series(["x", None], dtype="string"),
            "c": pd.Series([True, None], dtype="boolean"),
        }
    )
    assert cells_of(frame) == {"a": [1, None], "b": ["x", None], "c": [True, None]}
    assert cells_of(pl.DataFrame({"a": [float("nan"), None, 1.0]})) == {"a": [None, None, 1.0]}


def test_a_column_that_stands_twice_is_refused(tmp_path):
    frame = pd.DataFrame([["a", 1.0, 2.0]], columns=["c0", "c1", "c1"])
    table = Table("", {"c0": Column("id", "", key=True, nullable=False), "c1": Column("mean", "")})
    with mock.patch.dict(TABLES, {"stage.drawn": table}), pytest.raises(Exception, match="c1: column twice"):
        write(frame, "stage.drawn", tmp_path, STUDY)


def test_reading_and_cleaning_do_without_pandas(tmp_path):
    from surveys import make_survey

    survey = make_survey(tmp_path, schools=3, per_school=20, dimensions=2)
    steps = (
        "ingest(study, root / 'p/ingested.arrow', root / 't/ingest')",
        "clean(study, root / 'p/ingested.arrow', root / 'p', root / 't/clean')",
    )
    code = (
        "import sys; from pathlib import Path; root = Path(sys.argv[1])\n"
        "from learning_survey.config import load_study; from learning_survey.ingest import ingest\n"
        "from learning_survey.clean import clean\n"
        f"study = load_study(sys.argv[2], root)\n{steps[0]}\n{steps[1]}\n"
        "print(sorted({'pandas', 'pandera', 'scipy', 'pyarrow'} & sys.modules.keys()))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(survey.root), survey.name],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "scripts"), "LEARNING_SURVEY_KEY": "a key for surveys made by tests"},
    )
    assert found.stdout.strip() == "[]"
