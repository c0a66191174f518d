"""Pages generated from the models: JSON schemas of the configuration and the list of tables."""

from __future__ import annotations

import json
from typing import Any

from learning_survey.claim_rules import Published
from learning_survey.config import Project, Study
from learning_survey.instrument import Instrument
from learning_survey.multiverse_plan import Multiverse
from learning_survey.schemas import TABLES
from learning_survey.verdict_rules import Verdicts

UNITS = {
    "id": "an identifier",
    "text": "words, as printed",
    "count": "a number of things",
    "mean": "in points of the response scale",
    "share": "from 0 to 1, printed as a percentage",
    "points": "percentage points",
    "alpha": "a reliability, at most 1",
    "reliability": "reliability of a mean; below 0 where means differ less than chance would make them, and printed so",
    "loading": "a loading or a correlation",
    "effect": "in standard deviations",
    "fit": "an index of fit, or a change in one",
    "distance": "a difference without its sign, or a root mean square of differences",
    "statistic": "a number without a unit, or with the unit that its row states",
    "p": "a probability",
    "variance": "in squared points of the response scale",
    "ratio": "one quantity over another",
    "flag": "true or false",
}


def documents() -> dict[str, str]:
    """Path below the project's root → text, for every generated page."""
    models = {"study": Study, "instrument": Instrument, "project": Project, "published": Published}
    models |= {"multiverse": Multiverse, "verdicts": Verdicts}
    return {f"workflow/schemas/{name}.schema.json": schema(model) for name, model in models.items()} | {
        "docs/tables.md": tables_page()
    }


def schema(model: Any) -> str:
    """A model's JSON schema (draft 2020-12), with keys as they stand in the YAML."""
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def tables_page() -> str:
    """``docs/tables.md``: every aggregate table, what a row is, and its columns with units."""
    lines = [
        "# Tables",
        "",
        "Generated from `scripts/learning_survey/schemas.py` by `scripts/generate_schemas.py`. Do not edit.",
        "",
        "Table `stage.name` is the file `results/<study>/tables/<stage>/<name>.csv`. Each begins with two more",
        "columns, `study` and `cohort` (synthetic or real). Columns marked * identify a row. An empty cell is a number",
        "that does not exist or that rests on too few students.",
        "",
        "| unit | meaning |",
        "|---|---|",
        *(f"| {unit} | {meaning} |" for unit, meaning in UNITS.items()),
        "",
    ]
    stage = ""
    for name, table in TABLES.items():
        if name.split(".")[0] != stage:
            stage = name.split(".")[0]
            lines += [f"## {stage}", ""]
        lines += [f"### {name}", "", table.about, "", "| column | unit | meaning |", "|---|---|---|"]
        lines += [
            f"| `{column}`{'*' if spec.key else ''} | {spec.unit} | {_cell(spec.about)} |"
            for column, spec in table.columns.items()
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
