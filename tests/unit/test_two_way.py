"""Two-way tables against counting cell by cell, what adds up, and files that are not what they should be."""

from pathlib import Path

import numpy as np
import pytest

from learning_survey import two_way
from learning_survey.errors import SurveyError
from learning_survey.two_way import TwoWay, choices

NAMES, CODES = ["a", "b", "c"], [(1, 2, 3), (1, 3), (1, 2, 3, 4)]


@pytest.fixture
def answers():
    rng = np.random.default_rng(4)
    x = np.column_stack([rng.choice(own, 400) for own in CODES]).astype(float)
    x[rng.random(x.shape) < 0.15] = np.nan
    keys = np.column_stack(
        [rng.choice(list("pqrs"), 400), rng.choice(["", "k1", "k2"], 400), rng.choice(["m", ""], 400)]
    )
    return x, keys


@pytest.fixture
def tables(answers):
    return TwoWay.of(choices(answers[0], CODES), NAMES, CODES, answers[1])


def counted(x, i, j):
    """The two-way table of two items, one cell at a time."""
    return [[np.sum((x[:, i] == a) & (x[:, j] == b)) for b in CODES[j]] for a in CODES[i]]


def test_counts_are_those_of_the_rows(answers, tables):
    pooled = tables.pooled()
    for pair, (i, j) in enumerate([(0, 1), (0, 2), (1, 2)]):
        rows, columns = len(CODES[i]), len(CODES[j])
        np.testing.assert_array_equal(pooled.pairs[pair, :rows, :columns], counted(answers[0], i, j))
        assert pooled.pairs[pair].sum() == np.sum(counted(answers[0], i, j))
    np.testing.assert_array_equal(pooled.items.sum(axis=1), np.sum(~np.isnan(answers[0]), axis=0))


def test_rows_in_blocks_give_the_same(answers, tables, monkeypatch):
    monkeypatch.setattr(two_way, "BLOCK", 7)
    again = TwoWay.of(choices(answers[0], CODES), NAMES, CODES, answers[1])
    np.testing.assert_array_equal(again.pairs, tables.pairs)


@pytest.mark.parametrize(("key", "column"), [("cluster", 0), ("group", 1), ("gender", 2)])
def test_cells_add_up_to_groups(answers, tables, key, column):
    x, keys = answers
    labels, parts = tables.by(key)
    assert labels == sorted(set(keys[:, column]) - {""})
    for label, own in zip(labels, parts.pairs, strict=True):
        np.testing.assert_array_equal(own[0, :3, :2], counted(x[keys[:, column] == label], 0, 1))
    girls = tables.by(key, chosen=tables.cells[:, 2] == "m")[1]
    assert girls.pairs.sum() == sum(
        TwoWay.of(choices(x[inside], CODES), NAMES, CODES, keys[inside]).pooled().pairs.sum()
        for inside in [(keys[:, 2] == "m") & (keys[:, column] != "")]
    )


def test_selection_turns_tables_whose_items_change_places(answers, tables):
    turned = tables.pooled().select(["c", "a"])
    np.testing.assert_array_equal(turned.pairs[0, :4, :3], counted(answers[0], 2, 0))
    assert turned.codes == (CODES[2], CODES[0])
    np.testing.assert_array_equal(turned.items[1, :3], tables.pooled().items[0, :3])


def test_saved_tables_come_back_and_the_same_tables_give_the_same_bytes(tables, tmp_path):
    tables.save(tmp_path / "a.npz")
    tables.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    back = TwoWay.load(tmp_path / "a.npz")
    assert (back.variables, back.codes) == (tables.variables, tables.codes)
    np.testing.assert_array_equal(back.cells, tables.cells)
    np.testing.assert_array_equal(back.pairs, tables.pairs)
    assert back.pairs.dtype == np.uint8


def spoil(tables, path: Path, what: str) -> None:
    if what == "text":
        path.write_bytes(b"not a zip")
    elif what == "more answers":
        TwoWay(tables.variables, tables.codes, tables.cells, tables.items, tables.pairs + np.uint8(1)).save(path)
    elif what == "fractions":
        TwoWay(tables.variables, tables.codes, tables.cells, tables.items, tables.pairs / 2).save(path)
    elif what == "one cell less":
        TwoWay(tables.variables, tables.codes, tables.cells[1:], tables.items, tables.pairs).save(path)


@pytest.mark.parametrize("what", ["absent", "text", "more answers", "fractions", "one cell less"])
def test_a_file_that_is_something_else_is_refused(tables, tmp_path, what):
    spoil(tables, tmp_path / "t.npz", what)
    with pytest.raises(SurveyError, match=r"not a file of two-way tables[\s\S]*'score' makes it"):
        TwoWay.load(tmp_path / "t.npz")


def test_an_answer_outside_the_codes_is_refused():
    with pytest.raises(ValueError, match="not among"):
        choices(np.array([[2.0, 2.0]]), [(1, 2), (1, 3)])
