"""Generate a study with large exports for workflow/bench_scale.py: bench_exports.py <folder> <rows> <files>.

One CSV file for each school, made one at a time: memory holds one file. Answers follow a trait of the student and one
of the school, so that items correlate; the seed is fixed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import polars as pl
import yaml

ROOT = Path(__file__).resolve().parent.parent
SPELLINGS = (str, str.upper, lambda text: f" {text}", str.lower)
SPELT = (0.94, 0.02, 0.02, 0.02)
MISSING, BLANK, REPEATED, WRONG_AGE = 0.02, 0.005, 0.005, 0.004
GENDERS = ["Boy", "Girl", "girl", "M", "Female", "Prefer not to say", "attack helicopter"]
GENDER = (0.4, 0.4, 0.05, 0.05, 0.05, 0.04, 0.01)


def export(school: str, first: int, rows: int, instrument: dict, rng: np.random.Generator) -> pl.DataFrame:
    """One school's export: ``rows`` students, numbered from ``first``, of whom some stand in it twice."""
    labels = [spelt(own[0]) for own in instrument["response"]["labels"].values() for spelt in SPELLINGS] + [""]
    texts = pl.Series(labels, dtype=pl.String)
    turned = np.array([item.get("reversed", False) for item in instrument["items"]])
    trait = rng.normal(3.5, 0.3) + rng.normal(0, 0.7, (rows, 1))
    code = np.clip(np.rint(trait + rng.normal(0, 0.8, (rows, len(turned)))), 1, 5).astype(np.int16)
    code = np.where(turned, 6 - code, code)
    place = (code - 1) * len(SPELLINGS) + rng.choice(len(SPELLINGS), p=SPELT, size=code.shape).astype(np.int16)
    blank = rng.random((rows, 1)) < BLANK
    place = np.where(blank | (rng.random(code.shape) < MISSING), len(labels) - 1, place)
    age = np.where(rng.random(rows) < WRONG_AGE, 99, rng.integers(5, 18, rows, endpoint=True))
    frame = pl.DataFrame(
        {
            "response_id": pl.int_range(first, first + rows, eager=True).map_elements("R{:08d}".format, pl.String),
            "school_id": pl.repeat(school, rows, eager=True),
            "age": pl.Series(age).cast(pl.String),
            "gender": pl.Series(GENDERS).gather(rng.choice(len(GENDERS), p=GENDER, size=rows)),
            "status": pl.repeat("complete", rows, eager=True),
            "started_at": pl.repeat("2021-06-15T08:40:04", rows, eager=True),
            **{item["id"]: texts.gather(place[:, k]) for k, item in enumerate(instrument["items"])},
        }
    )
    again = rng.choice(rows, int(REPEATED * rows), replace=False)
    return pl.concat([frame[: rows - len(again)], frame[np.sort(again)]])


def main(folder: Path, rows: int, files: int) -> None:
    for part in ("instruments", "studies"):
        (folder / "config" / part).mkdir(parents=True)
    shutil.copy(ROOT / "config/instruments/learning_survey.yaml", folder / "config/instruments")
    instrument = yaml.safe_load((ROOT / "config/instruments/learning_survey.yaml").read_text(encoding="utf-8"))
    study = yaml.safe_load((ROOT / "config/studies/phase_one.yaml").read_text(encoding="utf-8"))
    study |= {"id": "scale", "exports": {**study["exports"], "folder": "exports", "files": ["*_synthetic.csv"]}}
    study["columns"]["ignore"] = ["started_at"]
    study["register"]["file"] = "schools.csv"
    (folder / "config/studies/scale.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    (folder / "exports").mkdir()
    rng = np.random.default_rng(study["seed"])
    schools = [f"SYN{k + 1:03d}" for k in range(files)]
    for k, school in enumerate(schools):
        first, after = rows * k // files, rows * (k + 1) // files
        frame = export(school, first, after - first, instrument, rng)
        frame.write_csv(folder / "exports" / f"{school.lower()}_synthetic.csv")
    register = pl.DataFrame({"school_id": schools, "phase": "all", "country": "England", "ofsted_rating": "Good"})
    register = register.with_columns(ofsted_date=pl.lit("2019-06-03"))
    register.write_csv(folder / "schools.csv")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
