"""The one error that users see: what is wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SurveyError(Exception):
    """A problem in a user's data, configuration or set-up.

    ``where`` names the file and, when known, the place in it (a line, a column, a key); ``remedy`` says what to do.
    """

    def __init__(self, problem: str, *, where: object = "", remedy: str = "") -> None:
        self.problem, self.where, self.remedy = problem, str(where), remedy
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The error as a person reads it: place and problem on one line, remedy on the next."""
        head = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{head}\n  {self.remedy}" if self.remedy else head


def nearest(word: object, known: Iterable[object], count: int = 3) -> str:
    """A hint that names the known words most like ``word``, or all of them when none is alike."""
    words = [str(k) for k in known]
    close = difflib.get_close_matches(str(word), words, n=count, cutoff=0.6)
    if close:
        return "Did you mean " + " or ".join(f"'{c}'" for c in close) + "?"
    shown = ", ".join(f"'{w}'" for w in words[:12]) + (", …" if len(words) > 12 else "")
    return f"Known: {shown}." if words else "None is known."
