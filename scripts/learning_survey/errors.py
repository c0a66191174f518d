"""The one error that users see: what is wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Iterable

FREE = "Free disk space, then run again."
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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


def system_reason(error: object) -> tuple[int, str]:
    """Number and text of the system error that an exception, or what a program printed, stands for; (0, '') for none.

    Libraries written in Rust, and xlsxwriter, raise exceptions of their own that have it in their text only.
    """
    if isinstance(error, SurveyError):
        return 0, ""
    if isinstance(error, OSError) and error.errno and error.strerror:
        return error.errno, error.strerror
    text = str(error)
    if found := re.search(r"\(os error (\d+)\)|\[Errno (\d+)\]", text):
        number = int(found[1] or found[2])
        return number, os.strerror(number)
    return next(((number, os.strerror(number)) for number in NO_ROOM if os.strerror(number) in text), (0, ""))


def no_room(error: object) -> str:
    """What the system says where ``error`` means that a file found no room; '' for any other error."""
    if "No usable temporary directory" in str(error):  # Python writes a few bytes to try one
        return os.strerror(errno.ENOSPC)
    number, reason = system_reason(error)
    return reason if number in NO_ROOM else ""
