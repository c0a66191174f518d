"""``figures.py`` as a command: the files that it writes, the same bytes each time, and its errors."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from aggregates import make_tables
from matplotlib.image import imread

from learning_survey import figure_plan
from learning_survey.config import load_study

ROOT = Path(__file__).resolve().parents[2]


def start(tables, out, study="phase_one", **environment):
    command = [sys.executable, "scripts/figures.py", "--study", study, "--tables", str(tables), "--out", str(out)]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return make_tables(load_study("phase_one", ROOT), tmp_path_factory.mktemp("figures") / "tables", n_schools=87)


@pytest.fixture(scope="module")
def runs(tables):
    """The folders of two runs that differ in what must not matter."""
    folders = [tables.parent / "one", tables.parent / "two"]
    settings = [{"PYTHONHASHSEED": "1", "TZ": "UTC"}, {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"}]
    started = [start(tables, folder, **env) for folder, env in zip(folders, settings, strict=True)]
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    return folders


def test_every_figure_is_there_in_both_formats_with_its_mark(runs):
    expected = figure_plan.names(load_study("phase_one", ROOT))
    index = json.loads((runs[0] / "figures.json").read_text())
    assert set(index) == set(expected)
    for name, about in index.items():
        assert about["file"] == f"{name}_synthetic"
        assert (runs[0] / f"{name}_synthetic.svg").is_file() and (runs[0] / f"{name}_synthetic.png").is_file()


def test_two_runs_give_the_same_bytes(runs):
    names = sorted(path.name for path in runs[0].iterdir())
    assert names == sorted(path.name for path in runs[1].iterdir())
    for name in names:
        assert (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes(), name


def test_vectors_need_no_type_and_are_small(runs):
    for path in runs[0].glob("*.svg"):
        text = path.read_text()
        assert "<text" not in text and "font-family" not in text and "<image" not in text, path.name
        assert "<dc:date>" not in text and "Matplotlib v" not in text, path.name
        assert 'width="453.6pt"' in text, path.name
        assert path.stat().st_size < 500_000, path.name


def test_pictures_are_1260_dots_wide_and_carry_no_text(runs):
    for path in runs[0].glob("*.png"):
        content = path.read_bytes()
        assert struct.unpack(">I", content[16:20]) == (1260,), path.name
        assert b"tEXt" not in content and b"tIME" not in content and b"iTXt" not in content, path.name


def test_nothing_touches_the_edge_of_a_picture(runs):
    for path in runs[0].glob("*.png"):
        white = imread(path)[..., :3].min(axis=2) > 0.99
        edges = white[:, :2], white[:, -2:], white[:2], white[-2:]
        assert all(edge.all() for edge in edges), path.name


def test_a_missing_table_ends_with_its_name_and_no_index(tmp_path):
    study = load_study("bfi", ROOT)
    folder = make_tables(study, tmp_path / "tables")
    (folder / "gender" / "pairs.csv").unlink()
    process = start(folder, tmp_path / "figures", study="bfi")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "gender/pairs.csv" in errors and "Traceback" not in errors
    assert not list((tmp_path / "figures").glob("*.json")) and not list((tmp_path / "figures").glob(".*"))
