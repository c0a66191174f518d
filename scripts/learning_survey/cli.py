"""The command line of a step: its ``main``'s signature."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
import typing
from collections.abc import Callable
from pathlib import Path

from learning_survey.errors import FREE, SurveyError, no_room


def run(main: Callable[..., None], argv: list[str] | None = None) -> None:
    """Call ``main`` with arguments from the command line and exit.

    A parameter without a default is required; ``name`` becomes ``--name``. Annotations may be ``str``, ``int``,
    ``float``, ``Path``, an optional of these, or a list of these. A ``SurveyError`` ends with its message and exit
    code 2, and so does a full disk; any other exception keeps its traceback, since it is a defect of this project.
    """
    parser = argparse.ArgumentParser(
        description=inspect.getdoc(sys.modules[main.__module__]), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    hints = typing.get_type_hints(main)
    for name, parameter in inspect.signature(main).parameters.items():
        kind, many = _kind(hints[name])
        parser.add_argument(
            "--" + name.replace("_", "-"),
            type=kind,
            nargs="*" if many else None,
            required=parameter.default is inspect.Parameter.empty,
            default=None if parameter.default is inspect.Parameter.empty else parameter.default,
        )
    try:
        main(**vars(parser.parse_args(argv)))
    except SurveyError as error:
        print(f"error: {error.message}", file=sys.stderr)
        sys.exit(2)
    except Exception as error:
        if not (reason := no_room(error)):
            raise
        where = getattr(error, "filename2", None) or getattr(error, "filename", None)
        where = where or f"a temporary file in {os.environ.get('TMPDIR', '/tmp')}"
        print(f"error: {where}: cannot write: {reason}\n  {FREE}", file=sys.stderr)
        sys.exit(2)


def _kind(hint: object) -> tuple[Callable[[str], object], bool]:
    """The converter for one annotation, and whether it takes several values."""
    arguments = [a for a in typing.get_args(hint) if a is not type(None)]
    if typing.get_origin(hint) is list:
        return arguments[0], True
    kind = arguments[0] if arguments else hint
    if kind not in (str, int, float, Path):
        raise TypeError(f"a step's argument cannot be {hint!r}")
    return kind, False
