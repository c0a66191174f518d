"""Progress in words, from the records that Snakemake hands to its logger plugins."""

import errno
import logging
import os
import shutil
import sys
from types import SimpleNamespace

import pytest
from conftest import ROOT
from snakemake_interface_logger_plugins.common import LogEvent

sys.path.insert(0, str(ROOT / "workflow" / "progress"))
import snakemake_logger_plugin_progress as progress


@pytest.fixture
def say(capsys, monkeypatch):
    """A function that hands a record to the plugin and returns what it printed."""
    monkeypatch.setattr(logging, "raiseExceptions", logging.raiseExceptions)
    common = SimpleNamespace(dryrun=False)
    handler = progress.LogHandler(common, None)

    def emit(event=None, message="", level=logging.INFO, **fields) -> str:
        record = logging.LogRecord("snakemake", level, "", 0, message, None, None)
        record.__dict__.update({"event": event} if event else {}, **fields)
        handler.emit(record)
        out, err = capsys.readouterr()
        assert not out
        return err

    emit.common = common
    return emit


def test_steps_are_counted_without_the_rule_that_only_gathers(say):
    stats = {"all": 1, "ingest": 1, "clean": 9, "total": 11}
    assert say(LogEvent.RUN_INFO, stats=stats) == ""
    assert say(LogEvent.JOB_INFO, rule_name="ingest", rule_msg="read the exports") == (
        "[ 1 of 10]  ingest             read the exports\n"
    )
    assert say(LogEvent.JOB_INFO, rule_name="all", rule_msg=None) == ""
    assert say(LogEvent.JOB_INFO, rule_name="clean", rule_msg=None).startswith("[ 2 of 10]  clean")


def test_a_dry_run_says_why_each_step_would_run(say):
    say.common.dryrun = True
    say(LogEvent.RUN_INFO, stats={"clean": 1})
    reason = "Missing output files: d, c, b, a; Updated input files: x.csv; Code has changed since last execution"
    assert say(LogEvent.JOB_INFO, rule_name="clean", rule_msg="clean", reason=reason).splitlines()[1:] == [
        "          not there yet: a, b, c and 1 more",
        "          changed: x.csv",
        "          code has changed since last execution",
        "",
    ]


def test_a_step_that_fails_shows_the_end_of_its_log_once(say, tmp_path):
    log = tmp_path / "clean.log"
    log.write_text("\n".join(map(str, range(100))), encoding="utf-8")
    shown = say(LogEvent.JOB_ERROR, rule_name="clean", log=[str(log)])
    lines = shown.strip().splitlines()
    assert lines[0] == "The step 'clean' failed." and lines[-1] == f"(full log: {log})"
    assert [line for line in lines if line.isdigit()] == [str(n) for n in range(60, 100)]
    assert say(LogEvent.JOB_ERROR, rule_name="clean", log=[str(log)]) == ""
    assert say(LogEvent.ERROR, "Exiting because a job failed", logging.ERROR) == ""  # it has been said


@pytest.mark.parametrize("log", ["", "\n\n", None])
def test_a_step_that_fails_without_a_word_was_killed(say, tmp_path, log):
    path = tmp_path / "figures.log"
    if log is not None:
        path.write_text(log)
    shown = say(LogEvent.JOB_ERROR, rule_name="figures", log=[str(path)])
    assert "The step 'figures' failed." in shown
    assert "error: it ended without a message, as a process does that is killed" in shown
    assert "Close other programs, then run again." in shown


def test_a_step_whose_log_found_no_room_is_a_full_disk(say, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=100))
    path = tmp_path / "figures.log"
    shown = say(LogEvent.JOB_ERROR, rule_name="figures", log=[str(path)])
    assert f"error: {path}: cannot write: No space left on device\n  Free disk space, then run again." in shown


def test_a_failure_of_snakemake_itself_is_said_and_that_of_a_command_is_left_to_its_step(say, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    full = say(LogEvent.ERROR, f"OSError: [Errno 28] {os.strerror(errno.ENOSPC)}: '.snakemake/x'", logging.ERROR)
    place = tmp_path / ".snakemake"
    assert full == f"error: {place}: cannot write: No space left on device\n  Free disk space, then run again.\n"
    assert say(LogEvent.ERROR, "CalledProcessError in file clean.smk", logging.ERROR) == ""
    assert say(None, "MissingInputException in rule clean", logging.ERROR) == "MissingInputException in rule clean\n"
    assert say(None, "chatter") == ""


def test_nothing_to_do_is_said_in_words(say):
    assert say(None, "Nothing to be done (all requested files are present and up to date).") == (
        "Nothing to do: every result is newer than its data, code and settings.\n"
    )
