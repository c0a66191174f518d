"""Which modules a script runs, read from its imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from learning_survey.code import modules_of

FILES = {
    "step.py": "import os\nfrom learning_survey import first\n",
    "learning_survey/__init__.py": "",
    "learning_survey/first.py": "def f():\n    from learning_survey.late import g\n    return g\n",
    "learning_survey/late.py": "import learning_survey.dotted\nfrom learning_survey.named import thing as other\n",
    "learning_survey/dotted.py": "from . import near\nfrom .deep.inner import x\n",
    "learning_survey/named.py": "thing = 1\n",
    "learning_survey/near.py": "import learning_survey.first  # a circle\n",
    "learning_survey/deep/__init__.py": "",
    "learning_survey/deep/inner.py": "from .. import above\nx = 1\n",
    "learning_survey/above.py": "",
    "learning_survey/typed.py": "",
    "learning_survey/unused.py": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def names(tree: Path, script: str = "step.py") -> set[str]:
    return {str(p.relative_to(tree)) for p in modules_of(tree / script)}


def test_every_form_of_import_is_followed(tree):
    assert names(tree) == set(FILES) - {"step.py", "learning_survey/typed.py", "learning_survey/unused.py"}


@pytest.mark.parametrize(
    "before",
    [
        "try:\n    pass\nexcept OSError:\n    ",
        "try:\n    pass\nfinally:\n    ",
        "try:\n    pass\nexcept OSError:\n    pass\nelse:\n    ",
        "with open('x'):\n    ",
        "for _ in ():\n    pass\nelse:\n    ",
        "while False:\n    ",
        "match 1:\n  case 1:\n    ",
        "class A:\n  async def f(self):\n    ",
        "if 1:\n    pass\nelif 2:\n    ",
    ],
)
def test_an_import_in_any_statement_is_followed(tree, before):
    (tree / "step.py").write_text(f"{before}import learning_survey.unused\n")
    assert "learning_survey/unused.py" in names(tree)


def test_an_import_for_types_only_does_not_count(tree):
    (tree / "learning_survey/first.py").write_text(
        "import typing\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from learning_survey import typed\n"
        "if typing.TYPE_CHECKING:\n    import learning_survey.typed\nelse:\n    import learning_survey.named\n"
    )
    assert names(tree) == {"learning_survey/__init__.py", "learning_survey/first.py", "learning_survey/named.py"}


def test_an_edit_is_seen_at_once(tree):
    assert "learning_survey/unused.py" not in names(tree)
    (tree / "learning_survey/named.py").write_text("import learning_survey.unused\n")
    assert "learning_survey/unused.py" in names(tree)


def test_a_script_beside_it_counts_and_the_script_itself_does_not(tree):
    (tree / "other.py").write_text("import step\nimport other\n")
    assert names(tree, "other.py") >= {"step.py", "learning_survey/first.py"}
    assert "other.py" not in names(tree, "other.py")


def test_paths_start_as_the_script_does_and_are_sorted(tree, monkeypatch):
    monkeypatch.chdir(tree)
    found = modules_of(Path("step.py"))
    assert found == sorted(found)
    assert Path("learning_survey/first.py") in found


def test_broken_code_is_an_error_that_names_the_file(tree):
    (tree / "learning_survey/named.py").write_text("def:\n")
    with pytest.raises(SyntaxError) as caught:
        modules_of(tree / "step.py")
    assert "named.py" in caught.value.filename


@pytest.mark.parametrize("script", sorted(p.name for p in (ROOT / "scripts").glob("*.py")))
def test_the_list_holds_every_module_that_python_loads(script):
    """Importing a real script loads no module of the project that the list lacks."""
    path = ROOT / "scripts" / script
    code = (
        f"import sys, importlib.util; sys.path.insert(0, {str(path.parent)!r});"
        f"s = importlib.util.spec_from_file_location('step', {str(path)!r});"
        "m = importlib.util.module_from_spec(s); sys.modules['step'] = m; s.loader.exec_module(m);"
        "print([getattr(m, '__file__', None) for m in list(sys.modules.values())])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {Path(f) for f in ast.literal_eval(done.stdout) if f}
    own = {p for p in loaded if (ROOT / "scripts") in p.parents and p != path}
    assert own
    assert own <= set(modules_of(path))
