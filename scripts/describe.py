"""Describe items and dimensions: means, distributions, bands, shares rated high, wanted against experienced.

A mean or share over N students has the linearised, school-clustered variance G/(G-1) Σ_g (Σ_i∈g (x_i - m))² / N² and
Student's t with G - 1 degrees of freedom; a share's interval is Wilson's at the effective sample size. An item's
share high counts answers in the upper half of the options, neutral excluded; a dimension's counts scores in the
instrument's high bands. Methods and sources: docs/methods/describe.md.
"""

from pathlib import Path

from learning_survey import cli, describe, tables
from learning_survey.config import load_study
from learning_survey.students import Students


def main(study: str, processed: Path, out: Path) -> None:
    """Read the scored students below ``processed`` and write the tables ``describe.*`` to ``out``."""
    loaded = load_study(study)
    students = Students.read(processed)
    for name in ("items", "item_distribution", "dimensions", "bands", "contrasts"):
        frame = getattr(describe, name)(students, loaded.instrument, loaded.resampling.level, loaded.min_group)
        tables.write(frame, f"describe.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
