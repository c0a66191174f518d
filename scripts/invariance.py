"""Examine whether the items measure the same thing in the same way in all groups: measurement invariance.

The correlated-factors model is fitted to the groups' moments by maximum likelihood with nothing equal (configural),
equal loadings (metric), equal intercepts (scalar) and equal residual variances (strict) (Meredith 1993). A fall in CFI
of more than .010 with a rise in RMSEA of .015 or in SRMR of .030 (.010 for intercepts) counts against a level (Chen
2007), and stands beside what schools drawn at random would give. Items are tested one by one (Rao's score test,
clusters as units) and sized by dMACS (Nye & Drasgow 2011). Ordinal items by WLSMV, after Wu & Estabrook (2016).
Methods and sources: docs/methods/invariance.md.
"""

from pathlib import Path

from learning_survey import cli, invariance, tables
from learning_survey.config import load_study


def main(study: str, processed: Path, out: Path) -> None:
    """Read the scores below ``processed`` and write the tables ``invariance.*`` to ``out``."""
    loaded = load_study(study)
    for name, frame in invariance.tables(loaded, processed).items():
        tables.write(frame, f"invariance.{name}", out, loaded)


if __name__ == "__main__":
    cli.run(main)
