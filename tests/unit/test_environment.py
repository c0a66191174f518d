"""environment.yml names the versions of requirements.lock."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys

import yaml
from conftest import ROOT

sys.path.insert(0, str(ROOT / "workflow"))
from environment import CONDA_NAMES, PIP_ONLY, environment, locked


def test_environment_yml_is_what_the_lock_gives():
    texts = [(ROOT / name).read_text() for name in ("pyproject.toml", "requirements.lock", "requirements-quarto.lock")]
    assert (ROOT / "environment.yml").read_text() == environment(*texts)


def test_conda_users_get_the_same_versions():
    content = yaml.safe_load((ROOT / "environment.yml").read_text())
    versions = locked((ROOT / "requirements.lock").read_text())
    pypi = {conda: name for name, conda in CONDA_NAMES.items()}
    listed = dict(
        re.split("=+", line, maxsplit=1) for line in content["dependencies"] if isinstance(line, str) and "=" in line
    )
    listed |= dict(line.split("==") for line in content["dependencies"][-1]["pip"])
    quarto = locked((ROOT / "requirements-quarto.lock").read_text())["quarto-cli"]
    assert listed.pop("quarto") == quarto
    assert listed.pop("python") == "3.11"
    assert {pypi.get(name, name): version for name, version in listed.items()} == {
        name: versions[name] for name in versions if pypi.get(name, name) in {pypi.get(n, n) for n in listed}
    }
    assert set(content["dependencies"][-1]["pip"]) == {f"{name}=={versions[name]}" for name in PIP_ONLY}


def test_this_environment_is_the_locked_one():
    versions = locked((ROOT / "requirements.lock").read_text())
    for name in ("snakemake", "pingouin", "factor-analyzer", "polars", "typst"):
        assert importlib.metadata.version(name) == versions[name]


def test_the_lock_names_no_index_and_hashes_everything():
    for file in ("requirements.lock", "requirements-quarto.lock"):
        text = (ROOT / file).read_text()
        assert "://" not in text
        assert text.count("--hash=sha256:") >= len(re.findall(r"^[a-z0-9][\w.-]*==", text, re.M))


def test_an_environment_that_is_a_link_is_refused_and_what_it_leads_to_stays(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "ready").touch()
    (tmp_path / ".venv").symlink_to("theirs")
    command = ["bash", str(ROOT / "workflow" / "setup.sh")]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable}, text=True,
                          capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 2 and ".venv is a link to theirs" in done.stderr and "touch .venv/ready" in done.stderr
    assert (tmp_path / "theirs" / "ready").is_file()
