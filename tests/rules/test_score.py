"""The command ``score.py``: its files, the same bytes each time, and a missing input."""

import pytest
from surveys import make_survey

from rules.commands import command

FOLDER = "data/processed/small"
ARGUMENTS = (
    *("--study", "small", "--clean", f"{FOLDER}/clean.parquet", "--flags", f"{FOLDER}/flags.parquet", "--out", FOLDER),
)


@pytest.fixture
def survey(tmp_path):
    made = make_survey(tmp_path, schools=2, per_school=15, dimensions=2, missing=0.1)
    made.run("ingest", "clean")
    return made


def test_it_writes_scores_and_moments_the_same_each_time(survey):
    files = [
        survey.processed / name
        for name in (
            "scores.parquet",
            "cells.parquet",
            "moments.npz",
            "moments_group.npz",
            "moments_gender.npz",
            "pairs.npz",
        )
    ]
    done = command("score", survey.root, *ARGUMENTS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    first = [path.read_bytes() for path in files]
    command("score", survey.root, *ARGUMENTS)
    assert [path.read_bytes() for path in files] == first


def test_a_missing_input_ends_with_one_message_and_nothing_written(survey):
    (survey.processed / "clean.parquet").unlink()
    before = sorted(survey.processed.iterdir())
    done = command("score", survey.root, *ARGUMENTS)
    assert done.returncode == 2 and "not the cleaned data of this study" in done.stderr
    assert "Traceback" not in done.stderr and sorted(survey.processed.iterdir()) == before
