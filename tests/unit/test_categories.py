"""Columns of texts that repeat."""

import polars as pl
import pytest

from learning_survey.categories import FIELD, enumerated, recoded


@pytest.mark.parametrize("cells", [["b", None, "a", "b"], [None, None], []])
def test_each_different_text_is_asked_for_once_and_null_stays(cells):
    asked = []

    def meaning(texts):
        asked.extend(texts)
        return [None if text == "a" else text.upper() for text in texts]

    found = recoded(pl.Series("x", cells, dtype=FIELD), meaning)
    assert found.to_list() == [cell and {"a": None, "b": "B"}[cell] for cell in cells]
    assert found.dtype == FIELD and found.name == "x"
    assert sorted(asked) == sorted({cell for cell in cells if cell})


def test_a_meaning_may_be_a_number():
    cells = pl.Series(["ten", "one", None], dtype=FIELD)
    assert recoded(cells, lambda texts: [len(t) * 100 for t in texts], pl.Int16).to_list() == [300, 300, None]


def test_an_enum_has_the_texts_of_its_cells_in_order_and_no_others():
    all_texts = pl.Series("x", ["not kept", "b", None, "a", "b"], dtype=FIELD)
    found = enumerated(all_texts[1:])
    assert found.to_list() == ["b", None, "a", "b"] and found.name == "x"
    assert found.dtype.categories.to_list() == ["a", "b"]
    assert enumerated(all_texts[2:3]).dtype.categories.to_list() == []
