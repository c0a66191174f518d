"""Small surveys for tests: a whole project folder with a generated study in it.

    from surveys import make_survey

    survey = make_survey(tmp_path, schools=12, per_school=40, gender_shift={"girls": {"d2": 0.3}})
    study = survey.load()                      # learning_survey.config.Loaded, with its root in tmp_path
    survey.run("ingest", "clean", "score")     # in this process; the files of docs/conventions.md
    scores = pl.read_parquet(survey.processed / "scores.parquet")

The model: in each dimension a student has a standard normal trait, part of which is the school's (``icc``), plus the
shifts planted for key stage, gender, rating, school and dimension. An item is ``loading`` times the trait plus noise,
cut into ``points`` codes at equally likely places. All shifts are in standard deviations of the trait. A shift is a
number, for all dimensions, or a mapping from dimension to number.

Names: dimensions ``d1`` …, items ``d1_1`` … (the last ``reversed_items`` of a dimension are reversed), schools
``school-001`` …, key stages KS1 to KS5 by age, genders ``boys``, ``girls``, ``other``, ratings Outstanding, Good,
Requires improvement. Labels are ``Answer 1`` … ``Answer <points>``. The same arguments give the same bytes.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
import yaml

from learning_survey.categories import FIELD, enumerated
from learning_survey.config import Loaded, load_study
from learning_survey.privacy import pseudonyms

Shift = float | Mapping[str, float]

KEY_STAGES = {
    "KS1": ("Key Stage 1", (5, 6), "primary"),
    "KS2": ("Key Stage 2", (7, 10), "primary"),
    "KS3": ("Key Stage 3", (11, 13), "secondary"),
    "KS4": ("Key Stage 4", (14, 15), "secondary"),
    "KS5": ("Key Stage 5", (16, 18), "secondary"),
}
GENDERS = {"boys": ["Boy", "Male"], "girls": ["Girl", "Female"], "other": ["Other"]}
RATINGS = ("Outstanding", "Good", "Requires improvement")


@dataclass(frozen=True)
class Project:
    """A study in a folder of its own: where its files are."""

    root: Path
    name: str

    @property
    def processed(self) -> Path:
        return self.root / "data" / "processed" / self.name

    @property
    def results(self) -> Path:
        return self.root / "results" / self.name

    @property
    def tables(self) -> Path:
        return self.results / "tables"

    @property
    def study_file(self) -> Path:
        return self.root / "config" / "studies" / f"{self.name}.yaml"

    def load(self) -> Loaded:
        return load_study(self.name, self.root)


@dataclass(frozen=True)
class Survey(Project):
    """A generated project: ``truth`` has one row per student in file order, with codes as recorded."""

    truth: pl.DataFrame
    exports: tuple[Path, ...]

    def keyed(self, ids: Sequence[str | None], kind: str = "school") -> list[str | None]:
        """The keyed pseudonyms of raw ids of schools, or of ``kind="respondent"``."""
        return pseudonyms(self.load()).of(pl.Series(ids, dtype=pl.String), kind).to_list()

    def label(self, school_id: str) -> str:
        """The label, S01 onwards, that a school has in cleaned data and in results."""
        schools = pl.read_parquet(self.processed / "schools.parquet")
        return schools.filter(pseudonym=self.keyed([school_id])[0])["school"].item()

    def change(self, **keys: Any) -> None:
        """Set keys of the study's YAML; a mapping is merged into the one that is there, None removes the key."""
        content = _merged(yaml.safe_load(self.study_file.read_text(encoding="utf-8")), keys)
        self.study_file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")

    def run(self, *stages: str) -> None:
        """Run stages in this process, through the functions that their scripts call."""
        study = self.load()
        for stage in stages:
            module = importlib.import_module(f"learning_survey.{stage}")
            if stage == "ingest":
                module.ingest(study, self.processed / "ingested.arrow", self.tables / "ingest")
            elif stage == "clean":
                module.clean(study, self.processed / "ingested.arrow", self.processed, self.tables / "clean")
            elif stage == "score":
                module.score(study, self.processed / "clean.parquet", self.processed / "flags.parquet", self.processed)
            else:
                raise ValueError(f"run the script of '{stage}' instead")


def read_ingested(path: Path) -> pl.DataFrame:
    """``ingested.arrow`` with text as text; all of it in memory, so that the file may be written anew."""
    return pl.read_ipc(path.read_bytes()).with_columns(pl.col(pl.Enum).cast(pl.String))


def write_ingested(frame: pl.DataFrame, path: Path) -> None:
    """Write what ``read_ingested`` gave, changed, as ``ingest`` writes it."""
    fields = [c for c, dtype in frame.schema.items() if not dtype.is_numeric() and c != "respondent"]
    frame.with_columns(enumerated(frame[c].cast(FIELD)) for c in fields).write_ipc(path)


def make_survey(
    root: Path,
    *,
    name: str = "small",
    seed: int = 1,
    schools: int = 12,
    per_school: int = 40,
    points: int = 5,
    dimensions: int = 4,
    items_per: int = 4,
    reversed_items: int = 1,
    loading: float = 0.8,
    trait_r: float | np.ndarray = 0.4,
    factor_loadings: np.ndarray | None = None,
    factor_r: float = 0.0,
    icc: float = 0.1,
    school_r: float = 0.7,
    item_shift: Mapping[str, float] | None = None,
    dimension_shift: Mapping[str, float] | None = None,
    group_shift: Mapping[str, Shift] | None = None,
    gender_shift: Mapping[str, Shift] | None = None,
    rating_shift: Mapping[str, Shift] | None = None,
    school_shift: Mapping[str, Shift] | None = None,
    phases: bool = True,
    key_stages: bool = True,
    gender: bool = True,
    ratings: bool = True,
    missing: float = 0.0,
    files: int = 2,
    study: Mapping[str, Any] | None = None,
    instrument: Mapping[str, Any] | None = None,
) -> Survey:
    """Write ``config/`` and ``data/raw/<name>/`` below ``root`` and return what was written.

    ``schools=0`` makes a survey of ``per_school`` respondents without schools. ``phases``: schools take turns at being
    primary (ages 5 to 10) and secondary (11 to 18); without, each has all ages. ``trait_r`` is the correlation of the
    traits, or their matrix; ``factor_loadings`` (dimensions × factors, with ``factor_r`` between factors) makes it
    ``L Φ L'`` with ones on the diagonal. ``missing`` is the chance that an answer is left out. ``study`` and
    ``instrument`` are merged into the YAML that is written (see ``Survey.change``).
    """
    rng = np.random.default_rng(seed)
    ids = [f"d{d + 1}" for d in range(dimensions)]
    total = max(schools, 1) * per_school
    at = np.repeat(np.arange(max(schools, 1)), per_school)
    school_ids = np.array([f"school-{s + 1:03d}" for s in range(max(schools, 1))])
    school_rating = np.array([RATINGS[s % 3] if s % 4 else "" for s in range(max(schools, 1))])
    secondary = (np.arange(max(schools, 1)) % 2).astype(bool)[at]
    low, high = (np.where(secondary, 11, 5), np.where(secondary, 18, 10)) if phases and schools else (5, 18)
    age = rng.integers(low, high, size=total, endpoint=True)
    group = np.array([_key_stage(a) for a in age])
    genders = rng.choice(list(GENDERS), p=[0.48, 0.48, 0.04], size=total)

    shift = np.tile([(dimension_shift or {}).get(d, 0.0) for d in ids], (total, 1))
    for planted, labels in (
        (group_shift, group),
        (gender_shift, genders),
        (rating_shift, school_rating[at]),
        (school_shift, school_ids[at]),
    ):
        for level, amount in (planted or {}).items():
            shift[labels == level] += [amount.get(d, 0.0) if isinstance(amount, Mapping) else amount for d in ids]

    within = _root(_correlation(trait_r, factor_loadings, factor_r, dimensions))
    between = _root(_correlation(school_r, None, 0, dimensions))
    share = icc if schools else 0.0
    schools_part = rng.normal(size=(max(schools, 1), dimensions)) @ between.T
    trait = np.sqrt(1 - share) * rng.normal(size=(total, dimensions)) @ within.T + np.sqrt(share) * schools_part[at]
    cuts = [NormalDist().inv_cdf(k / points) for k in range(1, points)]
    codes: dict[str, np.ndarray] = {}
    items = []
    for d, dimension in enumerate(ids):
        for k in range(items_per):
            item, turned = f"{dimension}_{k + 1}", k >= items_per - reversed_items
            noise = np.sqrt(1 - loading**2) * rng.normal(size=total)
            value = loading * (trait[:, d] + shift[:, d]) + noise + (item_shift or {}).get(item, 0.0)
            code = 1 + np.searchsorted(cuts, value)
            codes[item] = points + 1 - code if turned else code
            items.append(
                {
                    "id": item,
                    "dimension": dimension,
                    "reversed": turned,
                    "wording": f"Statement {k + 1} on {dimension}.",
                }
            )
    answered = {item: rng.random(total) >= missing for item in codes}

    truth = pl.DataFrame(
        {"respondent": [f"r{i + 1:06d}" for i in range(total)]}
        | ({"school_id": school_ids[at]} if schools else {})
        | ({"age": age, "group": group} if key_stages else {})
        | ({"gender": genders} if gender else {})
        | {i: pl.Series(c, dtype=pl.Int8).set(pl.Series(~answered[i]), None) for i, c in codes.items()}
    )
    folder = root / "data" / "raw" / name
    folder.mkdir(parents=True)
    raw = _as_exported(truth, list(codes), rng)
    parts = np.array_split(np.arange(total), files)
    exports = tuple(folder / f"responses_{k + 1}.csv" for k in range(files))
    for path, rows in zip(exports, parts, strict=True):
        raw[rows.tolist()].write_csv(path)
    if schools:
        pl.DataFrame(
            {
                "school_id": school_ids,
                "phase": np.where(np.arange(schools) % 2, "secondary", "primary") if phases else ["all"] * schools,
                "country": ["England" if s % 5 else "Wales" for s in range(schools)],
                "ofsted_rating": school_rating if ratings else [""] * schools,
            }
        ).write_csv(folder / "schools.csv")

    _write_yaml(
        root / "config" / "instruments" / f"{name}.yaml", _instrument(name, points, ids, items, items_per), instrument
    )
    flags = {"schools": schools > 0, "key_stages": key_stages, "gender": gender, "ratings": ratings and schools > 0}
    _write_yaml(root / "config" / "studies" / f"{name}.yaml", _study(name, seed, dimensions, flags), study)
    _write_yaml(root / "config" / "config.yaml", {"studies": [name]}, None)
    return Survey(root, name, truth, exports)


def _study(name: str, seed: int, dimensions: int, has: Mapping[str, bool]) -> dict[str, Any]:
    columns = {"respondent": "response_id"}
    content: dict[str, Any] = {
        "id": name,
        "title": "A small survey",
        "seed": seed,
        "instrument": name,
        "report": "survey",
        "exports": {"folder": f"data/raw/{name}", "files": ["responses_*.csv"], "missing_values": ["-"]},
        "columns": columns,
        "factors": {"dimension_factors": 2 if dimensions > 4 else 1, "parallel_draws": 50},
        "resampling": {"draws": 200},
    }
    if has["schools"]:
        columns["school"] = "school_id"
        content["register"] = {"file": f"data/raw/{name}/schools.csv"}
        content["schools"] = {"min_students": 10, "strong_culture": {"min_share": 0.6}}
    if has["key_stages"]:
        columns["age"] = "age"
        levels = [{"id": k, "label": v[0], "ages": list(v[1]), "stage": v[2]} for k, v in KEY_STAGES.items()]
        content["key_stages"] = {"label": "Key stage", "source": "age", "levels": levels}
    if has["gender"]:
        columns["gender"] = "gender"
        categories = [{"id": k, "label": k.capitalize(), "values": v} for k, v in GENDERS.items()]
        content["gender"] = {"categories": categories}
    if has["ratings"]:
        content["inspection"] = {"ratings": list(RATINGS), "higher": "Good", "lower": "Outstanding"}
    return content


def _instrument(
    name: str, points: int, dimensions: Sequence[str], items: list[dict[str, Any]], items_per: int
) -> dict[str, Any]:
    middle = (1 + points) / 2
    return {
        "id": name,
        "title": "A small instrument",
        "response": {
            "codes": list(range(1, points + 1)),
            "labels": {c: [f"Answer {c}"] for c in range(1, points + 1)},
        },
        "score": {"min_items": max(1, items_per - 1)},
        "bands": [
            {"id": "low", "label": "Low", "from": 1.0},
            {"id": "medium", "label": "Medium", "from": 1 + (middle - 1) / 2},
            {"id": "high", "label": "High", "from": middle + 0.5 * (points % 2), "high": True},
        ],
        "dimensions": [{"id": d, "label": f"Dimension {d[1:]}"} for d in dimensions],
        "items": items,
    }


def _as_exported(truth: pl.DataFrame, items: list[str], rng: np.random.Generator) -> pl.DataFrame:
    """The truth as an operator would export it: labels, and a gender in one of its spellings."""
    raw = truth.rename({"respondent": "response_id"}).drop("group", strict=False)
    raw = raw.with_columns(pl.format("Answer {}", pl.col(i)).alias(i) for i in items)
    if "gender" in raw.columns:
        spelt = [
            GENDERS[g][k % len(GENDERS[g])] for g, k in zip(raw["gender"], rng.integers(2, size=len(raw)), strict=True)
        ]
        raw = raw.with_columns(gender=pl.Series(spelt))
    return raw


def _key_stage(age: int) -> str:
    return next(k for k, (_, (first, last), _) in KEY_STAGES.items() if first <= age <= last)


def _correlation(r: float | np.ndarray, loadings: np.ndarray | None, factor_r: float, size: int) -> np.ndarray:
    if loadings is not None:
        factors = np.asarray(loadings, float)
        phi = np.full((factors.shape[1],) * 2, factor_r)
        np.fill_diagonal(phi, 1)
        matrix = factors @ phi @ factors.T
    else:
        matrix = np.array(np.broadcast_to(r, (size, size)), dtype=float)
    np.fill_diagonal(matrix, 1)
    return matrix


def _root(correlation: np.ndarray) -> np.ndarray:
    """A matrix whose product with its transpose is ``correlation``; a correlation of 1 is allowed."""
    values, vectors = np.linalg.eigh(correlation)
    if values[0] < -1e-9:
        raise ValueError(f"not a correlation matrix: smallest eigenvalue {values[0]:.3f}")
    return vectors * np.sqrt(np.clip(values, 0, None))


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in changes.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(out.get(key), dict):
            out[key] = _merged(out[key], value)
        else:
            out[key] = value
    return out


def _write_yaml(path: Path, content: dict[str, Any], changes: Mapping[str, Any] | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(_merged(content, changes or {}), sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
