"""A report's private folder as assembly leaves it, made from the sample in ``tests/data/report_sample``."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from learning_survey import renderer

ROOT = Path(__file__).resolve().parent.parent


def assembled(folder: Path, **study: object) -> Path:
    """The sample in ``folder``, its metadata changed by ``study``."""
    shutil.copytree(ROOT / "tests/data/report_sample", folder)
    shutil.copytree(ROOT / "reports/styles", folder / "styles")
    shutil.copy(ROOT / "reports/_quarto.yml", folder)
    meta = yaml.safe_load((folder / "_study.yml").read_text()) | study
    (folder / "_study.yml").write_text(yaml.safe_dump(meta))
    return folder


def forget() -> None:
    """Forget which renderer was found, so that a test can change what there is to find."""
    renderer._found.cache_clear()
    renderer.renderer_info.cache_clear()
