"""Matching what an export says with what the configuration calls it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

from learning_survey.errors import SurveyError

if TYPE_CHECKING:
    from learning_survey.instrument import Instrument, Response

NUMBER = re.compile(r"([+-]?\d+)(?:\.0*)?")
DECIMAL = re.compile(r"[+-]?\d*[.,]\d+|[+-]\d+")  # without its point or sign it would be another number
# What is typed for an apostrophe. Unicode counts some of these as letters or as accents, not as punctuation.
APOSTROPHES = dict.fromkeys(map(ord, "'’‘‛ʼʻʹ′`´ˋˊ＇"), "'")


# Byte order marks, soft hyphens, marks of direction and of width zero; not those that join letters and pictures.
UNSEEN = dict.fromkeys([0x00AD, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def trimmed(text: str) -> str:
    """``text`` on one line: without outer and repeated spaces, of whatever kind, and without marks that nobody sees."""
    return " ".join(text.translate(UNSEEN).split())


def normalised(text: str) -> str:
    """``text`` without case, spaces and punctuation; a text of nothing else loses only case and outer spaces.

    All apostrophes are one, and all Unicode forms of a letter are one (NFKC). Letters with accents stay different from
    those without. Symbols such as ``+`` are kept.
    """
    folded = unicodedata.normalize("NFKC", text.translate(APOSTROPHES)).casefold()
    folded = unicodedata.normalize("NFKC", folded).strip()
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


def whole_number(text: str) -> int | None:
    """The whole number that ``text`` is (``4``, ``-9``, ``4.0``), or None."""
    number = NUMBER.fullmatch(unicodedata.normalize("NFKC", text).strip())
    return int(number[1]) if number else None


class Labels:
    """Which texts are the same as one of ``labels``: equal normalised, or the same whole number."""

    def __init__(self, labels: Iterable[str]) -> None:
        self._known = {_key(label) for label in labels}

    def __contains__(self, text: str) -> bool:
        return _key(text) in self._known


def _key(text: str) -> str | int:
    if (number := whole_number(text)) is not None:
        return number
    plain = unicodedata.normalize("NFKC", text).strip()
    return plain if DECIMAL.fullmatch(plain) else normalised(text)


class Codes:
    """Labels of a response scale → codes: the instrument's ``response``, or the one of ``responses`` called ``scale``.

    ``known`` lists the labels, ``range`` says which numbers are valid. Raises SurveyError when one label has two codes.
    """

    def __init__(self, instrument: Instrument, scale: str | None = None) -> None:
        response: Response = instrument.responses[scale] if scale else instrument.response
        self.key = f"responses.{scale}.labels" if scale else "response.labels"
        pairs = [(str(code), labels) for code, labels in response.labels.items()]
        self._labels = lookup(pairs, f"instrument '{instrument.id}', {self.key}")
        self._exact = {label.strip().casefold(): int(code) for code, labels in pairs for label in labels}
        self._valid = set(response.codes)
        self.known = [label for _, labels in pairs for label in labels]
        first, last = response.codes[0], response.codes[-1]
        whole = response.codes == [*range(first, last + 1)]
        self.range = f"{first}..{last}" if whole else ", ".join(map(str, response.codes))

    def of(self, text: str) -> int | None:
        """The code that ``text`` stands for: a label first, then a number that is a valid code; else None."""
        if (code := self._exact.get(text.strip().casefold())) is not None:
            return code
        if (number := whole_number(text)) is not None:
            return number if number in self._valid else None
        if DECIMAL.fullmatch(unicodedata.normalize("NFKC", text).strip()):
            return None
        found = self._labels.get(normalised(text))
        return None if found is None else int(found)
