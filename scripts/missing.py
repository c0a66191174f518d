"""Show where answers are missing, test whether they are missing completely at random, and compare treatments.

Little's test (1988): sum over patterns of n_j (mean_j - mu)' S_oo^-1 (mean_j - mu), as chi-square with sum(p_j) - p
degrees of freedom. mu and S are maximum-likelihood estimates of the multivariate normal by the EM algorithm (Dempster,
Laird & Rubin 1977). Means and alphas from them stand beside those of the report (person means, pairwise covariances)
and those of students who answered every item. Methods and sources: docs/methods/missing.md.
"""

from pathlib import Path

from learning_survey import cli, missing, tables
from learning_survey.config import load_study


def main(study: str, processed: Path, out: Path) -> None:
    """Read the scores and moments below ``processed`` and write the tables ``missing.*`` to ``out``."""
    loaded = load_study(study)
    for name, frame in missing.tables(loaded, processed).items():
        tables.write(frame, f"missing.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
