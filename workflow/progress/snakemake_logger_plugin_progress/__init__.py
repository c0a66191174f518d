"""Progress in words: ``[ 3 of 17]  clean         apply the study's cleaning rules …``.

A Snakemake logger plugin, used by ``workflow/build.py``. Snakemake's own job logs stay in ``.snakemake/log``. A step
that fails shows what it said, which for bad input is one clear message. In a dry run each step says why it would run.
"""

from __future__ import annotations

import sys
from logging import ERROR, LogRecord
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

TAIL = 40
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
                lines = (
                    Path(log).read_text(encoding="utf-8", errors="replace").splitlines() if Path(log).is_file() else []
                )
                self._say("\n".join(lines[-TAIL:]))
                self._say(f"\n(full log: {log})")
        elif event in (None, LogEvent.ERROR) and record.levelno >= ERROR and not self.failed:
            # A step's own message follows with JOB_ERROR; that its command failed says nothing to a reader.
            if "CalledProcessError" not in record.getMessage():
                self._say(record.getMessage())
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
