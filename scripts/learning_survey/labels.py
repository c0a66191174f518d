"""Matching what an export says with what the configuration calls it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from learning_survey.config import Instrument
from learning_survey.errors import SurveyError

NUMBER = re.compile(r"([+-]?\d+)(?:\.0*)?")


def normalised(text: str) -> str:
    """``text`` without case, spaces and punctuation; a text of nothing else loses only case and outer spaces.

    Letters with accents stay different from those without. Symbols such as ``+`` are kept.
    """
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    return "".join(c for c in folded if unicodedata.category(c)[0] not in "PZC") or folded


def lookup(meanings: Iterable[tuple[str, Iterable[str]]], where: object) -> dict[str, str]:
    """Normalised label → what it means, for ``(meaning, labels)`` pairs.

    Raises SurveyError when one label has two meanings.
    """
    known: dict[str, str] = {}
    for meaning, labels in meanings:
        for label in labels:
            if known.setdefault(normalised(label), meaning) != meaning:
                raise SurveyError(
                    f"the label '{label}' stands for both '{known[normalised(label)]}' and '{meaning}'",
                    where=where,
                    remedy="Labels must differ in more than case, spaces and punctuation.",
                )
    return known


class Codes:
    """Labels of a response scale → codes."""

    def __init__(self, instrument: Instrument) -> None:
        pairs = [(str(code), labels) for code, labels in instrument.response.labels.items()]
        self._labels = lookup(pairs, f"instrument '{instrument.id}', response.labels")
        self._exact = {label.strip().casefold(): int(code) for code, labels in pairs for label in labels}
        self._valid = set(instrument.response.codes)
        self.known = [label for _, labels in pairs for label in labels]

    def of(self, text: str) -> int | None:
        """The code that ``text`` stands for: a label first, then a number that is a valid code; else None."""
        if (code := self._exact.get(text.strip().casefold())) is not None:
            return code
        if number := NUMBER.fullmatch(unicodedata.normalize("NFKC", text).strip()):
            return int(number[1]) if int(number[1]) in self._valid else None
        found = self._labels.get(normalised(text))
        return None if found is None else int(found)
