"""The step 'values' as a command."""

import json
import subprocess
import sys

import pytest
from report_fixture import ROOT, make_results, project

from learning_survey.config import load_study


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = project(tmp_path_factory.mktemp("values"))
    make_results(load_study("bfi", root), root / "results/bfi")
    return root


def run(root, out):
    command = [
        sys.executable,
        ROOT / "scripts/values.py",
        "--study",
        "bfi",
        "--tables",
        "results/bfi/tables",
        "--out",
        out,
    ]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_every_cell_of_every_table_has_a_name(root):
    done = run(root, "values.json")
    assert done.returncode == 0, done.stderr
    values = json.loads((root / "values.json").read_text(encoding="utf-8"))
    assert values["describe.items.A1.wording"]["text"] == "Am indifferent to the feelings of others."
    assert values["describe.item_distribution.A1.code6.share"]["file"] == "describe/item_distribution.csv"
    assert values["gender.pairs.openness.women.men.hedges_g"]["row"] == 6
    assert values["study.id"]["text"] == "bfi"
    assert all(set(v) == {"value", "text", "title", "file", "row"} for v in values.values())
    assert not any(name.startswith(("schools.", "inspection.", "colophon.")) for name in values)


def test_the_same_tables_give_the_same_bytes(root):
    assert run(root, "first.json").returncode == run(root, "second.json").returncode == 0
    assert (root / "first.json").read_bytes() == (root / "second.json").read_bytes()


def test_a_missing_stage_is_one_clear_message(root, tmp_path):
    project(tmp_path)
    done = run(tmp_path, "values.json")
    assert done.returncode == 2
    assert "no tables of the stage 'clean'" in done.stderr
    assert not (tmp_path / "values.json").exists()
