"""Lines of YAML files in errors."""

import pytest

from learning_survey.places import Places

TEXT = """\
# a comment
title: One
rules:
  - {claims: a, check: value}
  - claims: b
    where:
      fact: [x, y]
"""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ((), None),
        (("title",), 2),
        (("rules", 0), 4),
        (("rules", 1), 5),
        (("rules", 1, "where", "fact", 1), 7),
        # The name of a kind among the keys is passed over; what is missing has the line of what it is missing from.
        (("rules", 1, "value", "where"), 6),
        (("rules", 1, "tolerance"), 5),
        (("rules", 9), 3),
        (("source",), None),
    ],
)
def test_a_place_has_the_line_of_its_last_key(tmp_path, keys, line):
    path = tmp_path / "a.yaml"
    path.write_text(TEXT, encoding="utf-8")
    assert Places(path).line(keys) == line
    start = f"{path}, line {line}" if line else str(path)
    assert Places(path).of(*keys) == start + (f": {'.'.join(map(str, keys))}" if keys else "")
