"""Progress in words: ``[ 3 of 17]  clean         apply the study's cleaning rules …``.

A Snakemake logger plugin, used by ``workflow/build.py``. Snakemake's own job logs stay in ``.snakemake/log``. A step
that fails shows what it said, which for bad input is one clear message. In a dry run each step says why it would run.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sys
from logging import ERROR, LogRecord
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

TAIL = 40
NO_ROOM = [os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]
REMEDY = "Free disk space, then run again."
ROOM = 1 << 16  # bytes; with less a disk is as good as full
NAMED = 3  # files named in a reason before the rest are only counted
REASONS = {
    "Missing output files": "not there yet",
    "Input files updated by another job": "an earlier step makes anew",
    "Updated input files": "changed",
}


class LogHandler(LogHandlerBase):
    """Print one line when a step starts, and the end of its log when it fails."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.started = 0
        self.total = 0
        self.failed: set[str] = set()
        # Snakemake's own log may find no room; that is no reason to print tracebacks.
        logging.raiseExceptions = False

    def emit(self, record: LogRecord) -> None:
        fields: dict[str, Any] = record.__dict__
        event = fields.get("event")
        if event == LogEvent.RUN_INFO:
            # 'total' counts every job; rule all only gathers.
            counted = {name: n for name, n in fields["stats"].items() if name not in ("total", "all")}
            self.total = sum(counted.values())
        elif event == LogEvent.JOB_INFO and fields["rule_name"] != "all":
            self.started += 1
            width = len(str(self.total))
            message = fields.get("rule_msg") or ""
            self._say(f"[{self.started:>{width}} of {self.total}]  {fields['rule_name']:<18} {message}")
            if self.common_settings.dryrun:
                self._say("".join(f"{'':<{width * 2 + 8}}{line}\n" for line in because(fields["reason"])))
        elif event == LogEvent.JOB_ERROR and fields["rule_name"] not in self.failed:
            self.failed.add(fields["rule_name"])
            self._say(f"\nThe step '{fields['rule_name']}' failed.\n")
            for log in fields.get("log") or []:
                self._say("\n".join(said(Path(log))))
                self._say(f"\n(full log: {log})")
        elif event in (None, LogEvent.ERROR) and record.levelno >= ERROR and not self.failed:
            message = record.getMessage()
            if reason := next((r for r in NO_ROOM if r in message), ""):
                self._say(f"error: {Path('.snakemake').resolve()}: cannot write: {reason}\n  {REMEDY}")
            # A step's own message follows with JOB_ERROR; that its command failed says nothing to a reader.
            elif "CalledProcessError" not in message:
                self._say(message)
        elif event is None and record.getMessage().startswith("Nothing to be done"):
            self._say("Nothing to do: every result is newer than its data, code and settings.")

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    @property
    def writes_to_stream(self) -> bool:
        return True

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return True

    @property
    def has_formatter(self) -> bool:
        return True

    @property
    def needs_rulegraph(self) -> bool:
        return False


def said(log: Path) -> list[str]:
    """The last lines that a step wrote before it failed, or what it means that there are none."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    if any(lines):
        return lines[-TAIL:]
    if shutil.disk_usage(log.parent if log.parent.is_dir() else ".").free < ROOM:
        return [f"error: {log}: cannot write: {NO_ROOM[0]}", f"  {REMEDY}"]
    return [
        "error: it ended without a message, as a process does that is killed, say by a system that is out of memory",
        "  Close other programs, then run again.",
    ]


def because(reason: str) -> list[str]:
    """Snakemake's reason for a step as lines that a person reads: what is missing or changed, and which files."""
    lines = []
    for part in reason.split("; "):
        head, _, listed = part.partition(": ")
        files = listed.split(", ") if listed else []
        rest = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
        named = ", ".join(sorted(files)[:NAMED])
        lines.append(f"{REASONS.get(head, head.lower())}{': ' if files else ''}{named}{rest}")
    return lines
