"""Where in a YAML file something stands, for errors: its line, and the keys that lead to it.

Places(path).of("rules", 3)          # "config/published/phase_one.yaml, line 41: rules.3"
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from learning_survey.yaml_files import LOADER


class Places:
    """The lines of one YAML file, read when the first is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root: Any = None

    def of(self, *keys: str | int) -> str:
        """File, line and keys of what stands under ``keys`` (names in mappings, numbers in lists)."""
        place = f"{self.path}, line {line}" if (line := self.line(keys)) else str(self.path)
        return f"{place}: {'.'.join(map(str, keys))}" if keys else place

    def line(self, keys: Iterable[str | int]) -> int | None:
        """The line (from 1) of the last of ``keys`` that the file has; None where it has none of them.

        A key that is not there is passed over: what is missing has no line of its own, and the location of a
        validation error names the kind of a rule among the keys.
        """
        if self._root is None:
            self._root = yaml.compose(self.path.read_text(encoding="utf-8"), Loader=LOADER)
        node, line = self._root, None
        for key in keys:
            if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                node = node.value[key]
                line = node.start_mark.line + 1
            elif isinstance(node, yaml.MappingNode):
                found = [(k, v) for k, v in node.value if k.value == str(key)]
                if found:
                    line, node = found[0][0].start_mark.line + 1, found[0][1]
        return line
