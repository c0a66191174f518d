"""Whole studies planted with another truth than Phase One's: the same report and rules, a calibration of their own.

    study = plant(tmp_path, "reversed")     # config/, reports/, the study "reversed" and its exports below tmp_path
    build(study)                            # pipeline.build: every stage up to verdicts and values

``reversed``: one notion and not three, shares far from two fifths, older students above younger and girls above boys,
lessons that give more challenge than students want, students at ease with errors, most schools strong, and ratings that
go with what students say. ``alike``: 240 schools that differ by nothing but chance, nearly all of them rated; three
notions as distinct as can be, and most students low on errors.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from conftest import ROOT
from pipeline import step
from surveys import Project

from learning_survey.config import load_study

Content = dict[str, Any]
ERRORS = "errors_as_opportunities"
# What the default cohort's verdict on each finding is, and what each planted study's is.
VERDICTS = {
    "phase_one": {
        "three_notions": "caveat",
        "two_fifths": "caveat",
        "students_decline": "caveat",
        "challenge_short": "caveat",
        "errors_as_failures": "caveat",
        "leadership_matters": "untested",
        "huge_differences": "supported",
        "leaders_teachers_difference": "untested",
        "ofsted_unrelated": "untested",
    },
}
AGAINST = "not_supported"
VERDICTS["reversed"] = dict.fromkeys(VERDICTS["phase_one"], AGAINST) | {
    "huge_differences": "supported",
    "leaders_teachers_difference": "untested",
}
VERDICTS["alike"] = {
    "three_notions": "supported",
    "two_fifths": "caveat",
    "students_decline": AGAINST,
    "challenge_short": "caveat",
    "errors_as_failures": "supported",
    "leadership_matters": AGAINST,
    "huge_differences": AGAINST,
    "leaders_teachers_difference": AGAINST,
    "ofsted_unrelated": "supported",
}
# What the report says of each finding where the data agree with it, and where they are against it.
WORDS = {
    "three_notions": (
        "Parallel analysis suggests as many factors as published.",
        "Parallel analysis does not suggest the published number of factors.",
    ),
    "two_fifths": ("Each is about two in five, as published.", "They are not all near two in five,"),
    "students_decline": ("On every dimension older students report lower,", "does not hold throughout."),
    "challenge_short": (
        "Students report less challenge than they want.",
        "Students do not report less challenge than they want,",
    ),
    "errors_as_failures": ("It is the lowest share of all dimensions.", "It is not the lowest share,"),
    "leadership_matters": (
        "Whether leaders acted on purpose cannot be read from students' answers.",
        "In these data no schools stand out by a strong culture",
    ),
    "huge_differences": (
        "The two differ on every dimension, as published.",
        "The two do not differ on every dimension, against the published report.",
    ),
    "leaders_teachers_difference": (
        "From these differences the published report concludes",
        "In these data schools hardly differ beyond chance,",
    ),
    "ofsted_unrelated": ("does not follow from such an absence.", "rests on an absence that these data do not have."),
}
# Loadings on teachers, learning and safety that are like the published ones.
PATTERN = {
    "expectations": (-0.1, 0.85, 0.1),
    "challenge": (0.0, 0.9, 0.0),
    "aiming_high": (0.35, 0.7, -0.1),
    "learning": (0.35, 0.7, -0.1),
    "teachers_help": (0.9, 0.1, -0.1),
    "enthusiastic_teachers": (0.9, 0.0, 0.0),
    ERRORS: (-0.1, 0.0, 0.9),
    "school_is_fair": (0.8, 0.0, 0.25),
    "school_is_safe": (0.25, 0.1, 0.85),
}


@dataclass(frozen=True)
class Planted(Project):
    """A study in a project folder of its own."""

    def run(self, *stages: str) -> None:
        """The first stages, as scripts."""
        before = self.processed
        files = {
            "ingest": {"out": before / "ingested.arrow", "tables": self.tables / "ingest"},
            "clean": {"ingested": before / "ingested.arrow", "out": before, "tables": self.tables / "clean"},
            "score": {"clean": before / "clean.parquet", "flags": before / "flags.parquet", "out": before},
        }
        for stage in stages:
            step(self, stage, **files[stage])


def plant(folder: Path, name: str) -> Planted:
    """A project below ``folder`` with the study ``name``, one of ``TRUTHS``: Phase One's with another calibration."""
    for part in ("config", "reports"):
        shutil.copytree(ROOT / part, folder / part, dirs_exist_ok=True)
    dimensions = load_study("phase_one", folder).instrument.dimension_ids
    calibration = _read(folder / "config/calibration/phase_one.yaml")
    TRUTHS[name](calibration, dimensions)
    for block in calibration.values():
        if isinstance(block, dict):
            block |= {"published": [], "assumed": "planted"}
    _write(folder / f"config/calibration/{name}.yaml", calibration | {"id": name})
    content = _read(folder / "config/studies/phase_one.yaml")
    content |= {"id": name, "calibration": name, "subtitle": "On a cohort planted with another truth"}
    content["source"] = "It was planted with another truth than the published one."
    content["exports"]["folder"] = f"data/raw/{name}"
    content["register"]["file"] = f"data/raw/{name}/schools.csv"
    # Fewer draws than a study to publish: intervals and limits by resampling are rougher, estimates are the same.
    content["factors"]["parallel_draws"] = 100
    content["resampling"] = {"draws": 100}
    content["invariance"] = {"groupings": ["group"], "ordinal": False}
    _write(folder / f"config/studies/{name}.yaml", content)
    planted = Planted(folder, name)
    step(planted, "simulate", out=folder / "data/raw" / name)
    return planted


def _reversed(c: Content, dimensions: list[str]) -> None:
    """The opposite of findings 1 to 6 and 9."""
    _cohort(c, primary=24, secondary=20, size=90, countries={"England": 40, "Wales": 4})
    # One notion: every dimension correlates with every other alike.
    c["students"]["covariance"] = (np.full((9, 9), 0.6) + np.eye(9) * 0.22).tolist()
    shift = dict.fromkeys(dimensions, 0.45) | {ERRORS: 1.8, "aiming_high": 0.0, "school_is_fair": 0.75}
    for item, model in c["items"]["items"].items():
        dimension = next(d for d in dimensions if _prefix(d) == item[:3])
        model["thresholds"] = [t - shift[dimension] for t in model["thresholds"]]
    # What lessons give is agreed to as wanting was, and wanting as lessons' giving.
    items = c["items"]["items"]
    for wanted, met in (("cha1", "cha3"), ("cha2", "cha4")):
        items[wanted]["thresholds"], items[met]["thresholds"] = items[met]["thresholds"], items[wanted]["thresholds"]
    for block in ("key_stages", "gender"):
        for shifts in c[block]["shifts"].values():
            shifts.update({d: -x for d, x in shifts.items()})
    for kind, rating, size in (("top_school", "Outstanding", 0.8), ("bottom_school", "Requires improvement", -0.8)):
        c[kind] |= {"students": 120, "rating": rating, "effect": dict.fromkeys(dimensions, size)}
    c["strong_schools"]["schools"] = {"primary": 0, "secondary": 0}
    c["other_schools"] |= {"highest": 0.75, "lowest": -0.75}
    c["ratings"]["groups"] = {
        "Outstanding": {"schools": 12, "strong": 0, "mean": 0.35},
        "Good": {"schools": 14, "strong": 0, "mean": 0.0},
        "Requires improvement": {"schools": 10, "strong": 0, "mean": -0.35},
    }


def _alike(c: Content, dimensions: list[str]) -> None:
    """The opposite of findings 3 and 6 to 8, and 1, 5 and 9 borne out."""
    _cohort(c, primary=120, secondary=120, size=34, countries={"England": 230, "Wales": 10})
    # The published pattern, of notions that hardly go together, and items that measure little else.
    loadings = np.array([PATTERN[d] for d in dimensions])
    common = loadings @ (np.full((3, 3), 0.2) + np.eye(3) * 0.8) @ loadings.T
    c["students"]["covariance"] = (common + np.diag(np.maximum(1 - np.diag(common), 0.05))).tolist()
    for item, model in c["items"]["items"].items():
        model["loading"] = 0.9
        if item.startswith("err"):
            model["thresholds"] = [t + 0.5 for t in model["thresholds"]]
    nothing = dict.fromkeys(dimensions, 0.0)
    for stage in c["key_stages"]["shifts"]:
        c["key_stages"]["shifts"][stage] = dict(nothing)
    for kind in ("top_school", "bottom_school"):
        c[kind] |= {"students": 60, "effect": dict(nothing), "spread": dict.fromkeys(dimensions, 1.0)}
    c["strong_schools"]["schools"] = {"primary": 0, "secondary": 0}
    c["other_schools"] |= {"level_sd": 0.001, "profile_sd": 0.001}
    c["ratings"]["groups"] = {
        "Outstanding": {"schools": 110, "strong": 0, "mean": 0.0},
        "Good": {"schools": 110, "strong": 0, "mean": 0.0},
        "Requires improvement": {"schools": 10, "strong": 0, "mean": 0.0},
    }


def _cohort(c: Content, *, primary: int, secondary: int, size: int, countries: dict[str, int]) -> None:
    c["cohort"] |= {
        "students": {"primary": primary * size, "secondary": secondary * size},
        "schools": {"primary": primary, "secondary": secondary},
        "smallest": size // 2,
    }
    c["countries"]["schools"] = countries
    c["dirt"] |= {k: min(v, 20) for k, v in c["dirt"].items() if isinstance(v, int) and not isinstance(v, bool)}


TRUTHS: dict[str, Callable[[Content, list[str]], None]] = {"reversed": _reversed, "alike": _alike}


def _prefix(dimension: str) -> str:
    return {"school_is_fair": "fai", "school_is_safe": "saf", "teachers_help": "hel"}.get(dimension, dimension[:3])


def _read(path: Path) -> Content:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _write(path: Path, content: Content) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
