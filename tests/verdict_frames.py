"""Tables in memory for tests of verdicts, and the scorecard and verdicts that the real rules make of them.

frames = planted(("describe.contrasts", {}, {"difference": -0.2}))     # the agreeing tables with some cells changed
verdict("challenge_short", frames)                                     # the finding's verdict, by config/verdicts/
"""

from __future__ import annotations

import math

import pandas as pd
from conftest import ROOT
from published_tables import agreeing

from learning_survey.claims import load_published
from learning_survey.config import Loaded, load_study
from learning_survey.scorecard import Source, judged
from learning_survey.verdict_rules import load_verdicts
from learning_survey.verdicts import Evidence
from learning_survey.verdicts import judged as verdict_on

STUDY = load_study("phase_one", ROOT)
PUBLISHED, MATCHED = load_published("phase_one", ROOT)
RULES = {finding.id: finding for finding in load_verdicts(STUDY).findings}
FRAMES = agreeing()


def rows_of(frame: pd.DataFrame) -> list[dict]:
    """A table as the stage reads it: null is None."""
    return [
        {c: None if isinstance(v, float) and math.isnan(v) else v for c, v in row.items()}
        for row in frame.to_dict("records")
    ]


def evidence(frames: dict[str, pd.DataFrame], study: Loaded = STUDY) -> Evidence:
    """Tables as they are and the scorecard that the real checks make of them."""
    source = Source(study, ROOT / "nowhere", _read=frames)
    card = [judged(m, PUBLISHED, source) for m in MATCHED]
    return Evidence(study, ROOT / "nowhere", card, {name: rows_of(frame) for name, frame in frames.items()})


def verdict(finding: str, frames: dict[str, pd.DataFrame], study: Loaded = STUDY) -> dict:
    known = evidence(frames, study)
    rule = RULES[finding]
    return verdict_on(rule, {name: known.value(value) for name, value in rule.values.items()})


def planted(*changes: tuple[str, dict, dict]) -> dict[str, pd.DataFrame]:
    """The agreeing tables with some cells changed: (table, where, values), a value or a function of the old one."""
    frames = dict(FRAMES)
    for table, where, values in changes:
        frame = frames[table] = frames[table].copy()
        rows = pd.Series(data=True, index=frame.index)
        for column, wanted in where.items():
            rows &= frame[column].isin([wanted] if isinstance(wanted, str) else wanted)
        assert rows.any(), (table, where)
        for column, value in values.items():
            frame.loc[rows, column] = frame.loc[rows, column].map(value) if callable(value) else value
    return frames
