"""Generate the synthetic cohort of a study, as a survey operator would deliver it.

Students' answers come from a multilevel thresholded-normal model with the parameters in ``config/calibration/``
(docs/cohort.md). Beside the exports stand the school register and ``truth.json``, which says what dirt was planted and
where; no analysis reads it. The same study, seed and calibration give the same bytes.
"""

from pathlib import Path

from learning_survey import cli
from learning_survey.calibration import load_calibration
from learning_survey.config import load_study
from learning_survey.delivery import deliver, write
from learning_survey.errors import SurveyError
from learning_survey.simulate import simulate


def main(study: str, out: Path, seed: int | None = None) -> None:
    loaded = load_study(study)
    if not loaded.synthetic:
        raise SurveyError(f"the study '{study}' is real", where="simulate", remedy="Its exports are not generated.")
    seed = loaded.seed if seed is None else seed
    calibration = load_calibration(loaded)
    cohort = simulate(calibration, loaded.instrument, loaded.study, seed)
    write(deliver(cohort, calibration, loaded.instrument, loaded.study, seed), out, loaded.study)


if __name__ == "__main__":
    cli.run(main)
