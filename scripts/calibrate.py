"""Calibrate the synthetic cohort to the published figures and write ``config/calibration/<name>.yaml``.

The parameters are those with which the *analyses* recover the figures: observed ordinal scores are measured, and each
parameter is moved by how far its figure is off (docs/cohort.md). The same inputs give the same file.
"""

import sys
from pathlib import Path

from learning_survey import cli
from learning_survey.calibrate import as_yaml, calibrate, published_claims
from learning_survey.config import load_study
from learning_survey.tables import write_text


def main(study: str = "phase_one", out: Path | None = None) -> None:
    loaded = load_study(study)

    def report(step: int, off: dict[str, float]) -> None:
        print(f"step {step}: " + ", ".join(f"{k} {v:.4f}" for k, v in off.items()), file=sys.stderr)

    calibration = calibrate(loaded, published_claims(loaded), report)
    write_text(out or Path("config/calibration") / f"{loaded.calibration}.yaml", as_yaml(calibration))


if __name__ == "__main__":
    cli.run(main)
