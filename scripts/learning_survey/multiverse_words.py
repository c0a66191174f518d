"""Choices of the multiverse in words, for figures and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learning_survey.multiverse_plan import cuts, leasts

if TYPE_CHECKING:
    from learning_survey.config import Loaded

CHOICE = {
    "cleaning": "students kept",
    "scoring": "answers needed",
    "high": "rule for high",
    "standardiser": "standardiser",
    "adjustment": "adjustment",
    "culture": "strong culture",
}
UNIT = {
    "share": "Share of students",
    "sd": "Standard deviations",
    "score": "Points of the scale",
    "ratio": "Ratio",
    "correlation": "Correlation",
}
PRINTED = {"share": "share", "sd": "effect", "score": "mean", "ratio": "ratio", "correlation": "loading"}
"""How a claim's unit is printed: units of ``schemas``."""


def levels(study: Loaded) -> dict[str, dict[str, str]]:
    """What each level of each choice is called, in the order in which it is shown."""
    least = leasts(study.instrument)
    strong = study.schools.strong_culture if study.schools else None
    return {
        "cleaning": {"configured": "all students kept", "unflagged": "without the careless"},
        "scoring": {
            "configured": f"{least['configured']} answers or more",
            "any": "any answer",
            "all": "all answers",
        },
        "high": {
            rule: f"high is {'above' if passed else 'from'} {cut:g}"
            for rule, (cut, passed) in cuts(study.instrument).items()
        },
        "standardiser": {"total": "total spread", "within": "spread in schools", "between": "spread of schools"},
        "adjustment": {
            "none": "students as they are",
            "schools": "schools weigh the same",
            "composition": "composition adjusted",
            "model": "mixed model",
        },
        "culture": {
            "threshold": f"strong is {strong.min_share:.0%} or more" if strong else "",
            "top_tenth": "strong is the top tenth",
        },
    }
