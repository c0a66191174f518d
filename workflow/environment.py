"""Write environment.yml: what pyproject.toml asks for, at the versions of requirements.lock, for conda users."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Names that differ on conda-forge, and packages that only the package index has.
CONDA_NAMES = {"factor-analyzer": "factor_analyzer", "matplotlib": "matplotlib-base"}
PIP_ONLY = {"pypandoc-binary", "typst"}


def locked(lock: str) -> dict[str, str]:
    """Versions in a lock file by package name, as Python 3.11 would install them."""
    versions = {}
    for name, version, marker in re.findall(r"^([a-z0-9][\w.-]*)==([^ ;\\]+)(?: ; ([^\\]+))?", lock, re.M):
        if "python_full_version >=" not in marker:
            versions[name] = version
    return versions


def environment(project: str, lock: str, quarto_lock: str) -> str:
    """The text of environment.yml for these three files' texts."""
    metadata = tomllib.loads(project)["project"]
    asked = [*metadata["dependencies"], *metadata["optional-dependencies"]["dev"]]
    names = sorted(re.match(r"[a-z0-9-]+", line).group() for line in asked)
    versions = locked(lock)
    quarto = locked(quarto_lock)["quarto-cli"]
    conda = [f"  - {CONDA_NAMES.get(n, n)}={versions[n]}" for n in names if n not in PIP_ONLY]
    pip = [f"      - {n}=={versions[n]}" for n in names if n in PIP_ONLY]
    return "\n".join(
        [
            "# Written by `make lock` from pyproject.toml and requirements.lock; a test holds them together.",
            "# conda env create -f environment.yml && conda activate learning-survey && snakemake --cores all",
            "name: learning-survey",
            "channels:",
            "  - conda-forge",
            "  - bioconda # snakemake",
            "  - nodefaults",
            "dependencies:",
            "  - python=3.11",
            f"  - quarto={quarto}",
            *conda,
            "  - pip",
            "  - pip:",
            *pip,
            "",
        ]
    )


def main() -> None:
    texts = [(ROOT / name).read_text() for name in ("pyproject.toml", "requirements.lock", "requirements-quarto.lock")]
    (ROOT / "environment.yml").write_text(environment(*texts))


if __name__ == "__main__":
    main()
