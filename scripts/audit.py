"""Check the results against each other, and write what a reviewer needs.

Writes ``manifest.csv`` (every file: bytes, SHA-256, rows, sensitivity, rule), ``trail.csv`` (every value and claim:
file, row, rule), ``steps.csv`` (every rule: code, inputs, outputs), ``checks.csv`` and a ``README.md`` that says how to
read them. A check that fails ends the step with an error that lists all that failed, and nothing is written. The checks
are described in ``docs/methods/scorecard.md``.
"""

from pathlib import Path

from learning_survey import audit, audit_checks, cli
from learning_survey.config import load_study
from learning_survey.tables import write_text


def main(study: str, results: Path, processed: Path, out: Path) -> None:
    loaded = load_study(study)
    audited = audit.Audited(loaded, results, processed)
    found = audit_checks.checks(audited)
    audit_checks.require(found)
    files = audit.manifest(audited)
    about = [
        {"check": c.name, "about": c.about, "compared": c.compared, "result": "passed", "note": c.note} for c in found
    ]
    texts = {
        "trail.csv": audit.to_csv(loaded, audit.trail(audited)),
        "steps.csv": audit.to_csv(loaded, audit.steps(audited)),
        "checks.csv": audit.to_csv(loaded, about),
        "README.md": audit.readme(audited, files, found),
        "manifest.csv": audit.to_csv(loaded, files),
    }
    for name, text in texts.items():
        write_text(out / name, text)


if __name__ == "__main__":
    cli.run(main)
