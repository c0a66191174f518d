"""Which of the project's own modules a script runs: read from its imports, so that a rule can list them as inputs.

Snakemake does not see an edit to an imported module. The workflow (``workflow/rules/common.smk``) therefore adds these
files to each rule's inputs, and the audit names them beside every number. Standard library only: this runs whenever
Snakemake starts.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path

BODIES = ("body", "orelse", "finalbody", "handlers", "cases")  # what holds statements: an import stands in no other


def modules_of(script: Path) -> list[Path]:
    """The project's modules that ``script`` imports, directly or through others, sorted by path.

    A module is the project's own when it lies beside the script, as Python itself finds it: ``learning_survey.x`` is
    ``<folder of script>/learning_survey/x.py``, and a package's ``__init__.py`` comes with every module in it. Imports
    inside functions count, since they run; imports under ``if TYPE_CHECKING`` do not. The script is not in the list.
    Paths start as ``script`` does. Raises OSError when the script cannot be read and SyntaxError when a module is not
    valid Python.
    """
    root, found, waiting = script.parent, set(), [script]
    own = _own(root)
    while waiting:
        path = waiting.pop()
        state = path.stat()
        package = path.relative_to(root).parts[:-1]
        for name in _imports(path, package, state.st_mtime_ns, state.st_size):
            for module in _files(name, own):
                if module not in found and module != script:
                    found.add(module)
                    waiting.append(module)
    return sorted(found)


def _own(root: Path) -> dict[str, Path]:
    """The file of each module below ``root`` by its dotted name; of a package, its ``__init__.py``."""
    found: dict[str, Path] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name.isidentifier() and name != "__pycache__"]
        here = Path(folder)
        above = here.relative_to(root).parts
        for stem in (name.removesuffix(".py") for name in files if name.endswith(".py")):
            if stem == "__init__":
                found[".".join(above)] = here / "__init__.py"  # before a module of the same name, as for Python
            else:
                found.setdefault(".".join([*above, stem]), here / f"{stem}.py")
    return found


def _files(name: str, own: dict[str, Path]) -> Iterator[Path]:
    """The files of ``own`` that run when module ``name`` is imported: its packages and the module itself."""
    return (own[part] for part in accumulate(name.split("."), "{}.{}".format) if part in own)


@cache
def _imports(path: Path, package: tuple[str, ...], _changed: int, _size: int) -> tuple[str, ...]:
    """Dotted names that ``path`` imports; ``from a import b`` gives ``a.b``, which may be a module or a name in one."""
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_bytes(), str(path))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # One dot is the module's own package, each further dot the one above.
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            names.update(f"{base}.{alias.name}" if base else alias.name for alias in node.names)
        elif isinstance(node, ast.If) and _types_only(node.test):
            waiting.extend(node.orelse)
        else:
            waiting.extend(child for body in BODIES for child in getattr(node, body, ()))
    return tuple(sorted(names))


def _types_only(test: ast.expr) -> bool:
    return getattr(test, "id", getattr(test, "attr", "")) == "TYPE_CHECKING"
