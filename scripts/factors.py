"""Factor the dimension scores and the items: whether, how many, which, and how near the published ones.

Correlations are pairwise. Adequacy is KMO and Bartlett's test; the number of factors comes from parallel analysis
(random correlation matrices drawn from their Wishart distribution), Velicer's MAP and Kaiser's count; the factors are
minimum-residual ones after a promax rotation with the study's kappa, Kaiser-normalised unless it says otherwise.
Communalities are the diagonal of P phi P'. Intervals leave out one cluster at a time.
Methods and sources: docs/methods/factors.md.
"""

from pathlib import Path

from learning_survey import cli, factors, tables
from learning_survey.config import load_study


def main(study: str, processed: Path, out: Path) -> None:
    """Read the moments below ``processed`` and write the tables ``factors.*`` to ``out``."""
    loaded = load_study(study)
    for name, frame in factors.tables(loaded, processed).items():
        tables.write(frame, f"factors.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
