"""Writing: whole or not at all, checked against the schema, the same bytes for the same content."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from surveys import make_survey

from learning_survey.errors import SurveyError
from learning_survey.schemas import RANGES, TABLES
from learning_survey.tables import read, replacing, write, write_json, write_text


@pytest.fixture
def study(tmp_path):
    return make_survey(tmp_path, schools=0, per_school=2, dimensions=2).load()


@pytest.fixture
def frame():
    estimate = {"share": [0.25, 0.75], "share_ci_low": [0.2, np.nan], "share_ci_high": [0.3, 1 / 3]}
    return pd.DataFrame(
        {
            "dimension": ["d1", "d2"],
            "band": ["low", "low"],
            "label": ["Low", 'A "low", one'],
            "band_order": [1, 1],
            "n": [10, 1234567],
            **estimate,
        }
    )


def test_a_table_comes_back_as_it_was_written_and_names_its_study(study, frame, tmp_path):
    shuffled = frame[list(reversed(frame.columns))]
    path = write(shuffled, "describe.bands", tmp_path / "tables" / "describe", study)
    assert path == tmp_path / "tables" / "describe" / "bands.csv"
    lines = path.read_text().splitlines()
    assert lines[0].split(",")[:3] == ["study", "cohort", "dimension"] and lines[1].startswith(
        "small,real,d1,low,Low,1,"
    )
    assert ",0.3333333333" in lines[2]
    pd.testing.assert_frame_equal(read(tmp_path / "tables", "describe.bands"), frame, check_dtype=False)


def test_a_table_is_written_the_same_each_time_and_its_frame_is_left_alone(study, frame, tmp_path):
    before = frame.copy()
    first = write(frame, "describe.bands", tmp_path, study).read_bytes()
    assert write(frame, "describe.bands", tmp_path, study).read_bytes() == first
    pd.testing.assert_frame_equal(frame, before)


def test_an_identifier_that_looks_like_a_number_stays_text(study, frame, tmp_path):
    frame["band"] = ["01", "NA"]
    write(frame, "describe.bands", tmp_path / "describe", study)
    assert read(tmp_path, "describe.bands")["band"].tolist() == ["01", "NA"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: f.assign(share=[0.5, 1.01]),
        lambda f: f.assign(n=[-1, 3]),
        lambda f: f.assign(dimension=["d1", "d1"]),
        lambda f: f.assign(dimension=["d1", None]),
        lambda f: f.drop(columns="share_ci_low"),
        lambda f: f.assign(extra=1),
        lambda f: f.assign(share=["a", "b"]),
    ],
    ids=[
        "share above one",
        "negative count",
        "key twice",
        "key missing",
        "column missing",
        "extra column",
        "no number",
    ],
)
def test_a_table_that_does_not_fit_is_refused_and_not_written(study, frame, tmp_path, spoil):
    with pytest.raises(SurveyError, match="does not fit its schema") as error:
        write(spoil(frame), "describe.bands", tmp_path / "out", study)
    assert error.value.where == "table describe.bands" and not (tmp_path / "out").exists()


def test_a_table_that_was_never_made_is_named(tmp_path):
    with pytest.raises(SurveyError, match="no such table") as error:
        read(tmp_path, "describe.bands")
    assert error.value.where == str(tmp_path / "describe" / "bands.csv")


def test_every_table_has_a_key_that_cannot_be_missing():
    for name, table in TABLES.items():
        assert table.keys and not any(table.columns[k].nullable for k in table.keys), name
        assert table.about.endswith((".", ")")), name
    assert set(RANGES) <= {spec.unit for table in TABLES.values() for spec in table.columns.values()}


# ---------------------------------------------------------------- whole or not at all


def test_a_file_appears_only_when_its_writing_ends_well(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with replacing(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half" and [p.name for p in path.parent.iterdir()] == ["file.txt"]
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("other")
        raise KeyboardInterrupt
    assert path.read_text() == "half" and [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_disk_that_cannot_be_written_to_is_a_clear_error(tmp_path):
    def full(path: Path) -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(SurveyError, match="cannot write: No space left on device") as error:
        full(tmp_path / "file.txt")
    assert error.value.where == str(tmp_path / "file.txt") and not list(tmp_path.iterdir())


def test_what_a_killed_writer_left_is_removed_by_the_next_one_of_the_same_file_only(tmp_path):
    mine, other = tmp_path / "a[1].csv", tmp_path / "a1.csv"  # brackets are no pattern
    left = [tmp_path / f".{mine.name}.{number}.part" for number in (1, 4_000_000)]
    others = tmp_path / f".{other.name}.1.part"
    for path in (*left, others):
        path.write_text("half")
    write_text(mine, "whole")
    assert sorted(tmp_path.iterdir()) == sorted([mine, others])
    write_text(other, "whole")
    assert sorted(tmp_path.iterdir()) == sorted([mine, other])


WRITING = """
import resource, signal, sys
from pathlib import Path
import polars as pl, xlsxwriter
from learning_survey.tables import replacing
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
with replacing(Path(sys.argv[1])) as path:
    {how}
"""
WRITERS = {
    "text": "path.write_text('x' * 10_000)",
    "Parquet": "pl.DataFrame({'a': range(10_000)}).write_parquet(path)",
    "a streamed query": "pl.LazyFrame({'a': range(10_000)}).sink_parquet(path)",
    "a workbook": "pl.DataFrame({'a': range(10_000)}).write_excel(str(path))",
}


@pytest.mark.skipif(sys.platform != "linux", reason="files are limited as Linux does")
@pytest.mark.parametrize("how", WRITERS)
def test_every_library_that_finds_no_room_is_a_clear_error(tmp_path, how):
    """Each raises an exception of its own; some say only that writing failed."""
    path = tmp_path / "out.xlsx"
    path.write_text("old")
    command = [sys.executable, "-c", WRITING.format(how=WRITERS[how]), str(path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-2:] == [
        f"learning_survey.errors.SurveyError: {path}: cannot write: File too large",
        "  Free disk space or correct permissions, then run again.",
    ]
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_an_error_that_is_not_of_the_disk_stays_what_it_is(tmp_path):
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    with pytest.raises(SurveyError, match=r"^a\.csv: odd$"), replacing(tmp_path / "a.txt"):
        raise SurveyError("odd", where="a.csv")
    assert not list(tmp_path.iterdir())


def test_text_and_json_are_written_alike_on_every_system(tmp_path):
    write_text(tmp_path / "a.txt", "é\nb\n")
    assert (tmp_path / "a.txt").read_bytes() == "é\nb\n".encode()
    write_json(tmp_path / "a.json", {"b": 1, "a": ["é", None]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n "a": [\n  "é",\n  null\n ],\n "b": 1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", {"a": float("nan")})
    assert not (tmp_path / "b.json").exists()


def test_a_table_without_rows_has_its_columns(study, tmp_path):
    empty = pd.DataFrame(columns=list(TABLES["factors.communalities"].columns))
    path = write(empty, "factors.communalities", tmp_path, study)
    assert path.read_text() == "study,cohort,solution,variable,communality,uniqueness,heywood\n"


def test_a_table_of_no_rows_at_all_has_its_columns(study, tmp_path):
    path = write(pd.DataFrame([]), "factors.communalities", tmp_path, study)
    assert path.read_text() == "study,cohort,solution,variable,communality,uniqueness,heywood\n"
    with pytest.raises(SurveyError, match="does not fit its schema"):
        write(pd.DataFrame(columns=["solution", "variabel"]), "factors.communalities", tmp_path, study)
