"""What results call export files, and the key that leads back to their names."""

import polars as pl
import pytest
from conftest import ROOT
from surveys import make_survey, read_ingested

from learning_survey import file_labels
from learning_survey.config import load_study
from learning_survey.errors import SurveyError

NAMES = ("Quibblewick Academy.csv", "=Zoltana O'Quirk.csv")


@pytest.fixture
def survey(tmp_path):
    made = make_survey(tmp_path, schools=2, per_school=20, dimensions=2)
    for path, name in zip(made.exports, NAMES, strict=True):
        path.rename(path.with_name(name))
    made.change(exports={"files": ["*.csv"]})
    return made


def test_labels_stand_in_tables_and_the_key_has_the_names(survey):
    survey.run("ingest", "clean")
    key = survey.processed / "files.csv"
    known = file_labels.read(key)
    assert set(known) == set(NAMES) and set(known.values()) == {"F01", "F02"}
    assert "'=Zoltana" in key.read_text(encoding="utf-8")
    for table, column in (("ingest/files", "rows"), ("clean/flow_files", "rows_in")):
        frame = pl.read_csv(survey.tables / f"{table}.csv")
        assert frame["file"].to_list() == ["F01", "F02"]
        rows = read_ingested(survey.processed / "ingested.arrow").group_by("file").len()
        assert {known[name]: n for name, n in rows.rows()} == dict(frame.select("file", column).rows())


def test_labels_do_not_follow_the_alphabet(survey):
    folder = survey.exports[0].parent
    small = folder / "Zz.csv"
    small.write_bytes(b"\n".join((folder / NAMES[0]).read_bytes().splitlines()[:5]))
    paths = [small, *(folder / name for name in NAMES)]
    by_size = sorted(paths, key=lambda p: (p.stat().st_size, p.name))
    found = file_labels.labels(paths, survey.load())
    assert [found[p.name] for p in by_size] == ["F01", "F02", "F03"] and found["Zz.csv"] == "F01"
    assert file_labels.labels(paths[::-1], survey.load()) == found


def test_files_keep_their_names_where_there_is_nobody_to_protect():
    public, synthetic = load_study("bfi", ROOT), load_study("phase_one", ROOT)
    assert file_labels.labels([ROOT / "tests/data/bfi.csv"], public) == {"bfi.csv": "bfi.csv"}
    row = {"file": "a.xlsx", "sheet": "Answers"}
    assert file_labels.shown(row, {"a.xlsx": "a.xlsx"}, synthetic) == row


def test_without_the_key_the_error_names_the_step(survey, tmp_path):
    with pytest.raises(SurveyError, match="labels of the study's files") as error:
        file_labels.read(tmp_path / "files.csv")
    assert "'ingest'" in error.value.remedy
