"""What holds for every command: its version, its end by Ctrl-C, and what it says while it takes long."""

from __future__ import annotations

import datetime as dt
import errno
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast
from unittest.mock import Mock

import click
import pytest
from click.testing import CliRunner

from lakehouse.settings import CHECKOUT
from lakehouse.version import VERSION
from operations import cli, terminal
from operations.cli import main
from tests.unit.operations.conftest import Airflow
from tests.unit.stack.state.manifests import manifest

# Commands that change nothing outside of this machine's README and docs, so that Ctrl-C leaves nothing to speak of.
# (`send` says by itself what was sent.)
READERS = {"metrics", "pyspark", "readme", "send", "size", "status", "tail", "trace"}


def test_the_version_is_the_projects() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.output) == (0, f"lakehouse {VERSION}\n")


@pytest.mark.parametrize("name", sorted(set(main.list_commands(click.Context(main))) - READERS))
def test_a_command_that_changes_something_says_what_ctrl_c_left(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"operations.commands.{name.replace('-', '_')}")

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.command, "make_context", interrupted)
    result = CliRunner().invoke(main, [name])
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", f"{module.STOPPED}\n")
    assert module.STOPPED.startswith("Stopped") and "\n" not in module.STOPPED


def test_of_a_command_that_only_reads_it_says_that_nothing_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lakehouse.settings.Settings.load", interrupted)
    result = CliRunner().invoke(main, ["trace", "id"])
    assert (result.exit_code, result.output) == (cli.INTERRUPTED, "Stopped; nothing was changed.\n")


class Typed(io.RawIOBase):
    """A standard input at which somebody types this; none: they press Ctrl-C."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not len(buffer):
            return 0  # click asks whether it gives bytes
        if self._answer is None:
            raise KeyboardInterrupt
        size = len(self._answer)
        buffer[:size], self._answer = self._answer, b""
        return size


ASKING = {
    "backfill": ("backfill", "--from", "2026-01-01", "--to", "2026-01-01"),
    "accept-loss": ("accept-loss", "--why", "it is old"),
    "replay": ("quarantine", "replay", "--why", "it is mended"),
    "discard": ("quarantine", "discard", "--why", "it is old"),
    "restore": ("restore", "/backup", "--no-erasures", "--why", "it is lost"),
    "player": ("erase-player", "--why", "request 1"),
    "erase-player": ("erase-player", "Player 40", "--why", "request 1"),
}


@pytest.mark.parametrize("arguments", ASKING.values(), ids=ASKING.keys())
def test_ctrl_c_at_a_question_says_that_nothing_was_changed(
    arguments: Sequence[str], airflow: Airflow, opened: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Mock(day=dt.date(2026, 1, 1), runs=True, sentences=lambda rebuild: ["it would run"])
    monkeypatch.setattr("operations.backfill.plan", lambda *_: [plan])
    monkeypatch.setattr("operations.losses.discrepancies", lambda settings: [Mock(sentence="gone")])
    monkeypatch.setattr("lakehouse.ledger.losses.as_expected", lambda found: "events-0 [1, 2)")
    monkeypatch.setattr("stack.state.restore.check", lambda *_: manifest())
    result = CliRunner().invoke(main, arguments, input=cast(IO[bytes], Typed(None)))
    assert (result.exit_code, result.stderr) == (130, "\nStopped; nothing was changed.\n")
    assert result.stdout and not airflow.started
    for answer in (b"n\n", b""):  # no, and an end of the input
        given = cast(IO[bytes], Typed(answer if "player" not in arguments[0] else b""))
        result = CliRunner().invoke(main, arguments, input=given)
        assert (result.exit_code, result.stderr) == (1, "Aborted!\n") and not airflow.started


def test_ctrl_c_of_a_person_at_a_question_is_status_130() -> None:
    command = [sys.executable, "-m", "operations.cli", "erase-player", "--why", "request 1"]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=CHECKOUT, **streams) as process:  # type: ignore[call-overload]
        asked = b"Player, exactly as in the column player: "
        assert process.stdout.read(len(asked)) == asked
        while Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2][0] != "S":
            time.sleep(0.01)  # until it waits for an answer
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == b"\nStopped; nothing was changed.\n"


def test_ctrl_c_while_a_command_is_imported_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.cli._module", Mock(side_effect=KeyboardInterrupt))
    result = CliRunner().invoke(main, ["up"])
    assert (result.exit_code, result.output) == (130, "Stopped; nothing was changed.\n")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/forbidden\x1b"), "/forbidden\\x1b: Permission denied"),
        (FileExistsError(errno.EEXIST, "File exists", "a", None, "b"), "b: File exists"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    ],
)
def test_a_file_that_cannot_be_read_or_written_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    monkeypatch.setattr("lakehouse.settings.Settings.load", Mock(side_effect=error))
    for command in (["trace", "id"], ["notebook"], ["upgrade"], ["quality", "export", "/x"]):
        result = CliRunner().invoke(main, command)
        assert (result.exit_code, result.output) == (1, f"Error: {words}\n")


def test_what_is_no_files_fault_is_told_as_the_mistake_that_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    monkeypatch.setattr("lakehouse.settings.Settings.load", Mock(side_effect=error))
    assert CliRunner().invoke(main, ["trace", "id"]).exception is error


def test_a_pipe_whose_reader_has_gone_ends_a_command_without_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as gone:
        command = [sys.executable, "-m", "operations.cli", "size", "--events-per-second", "1"]
        done = subprocess.run(command, cwd=CHECKOUT, stdout=gone, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard error output is one, as Rich sees it; two seconds are a moment."""
    for name in ("TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(terminal, "SILENT_SECONDS", 0.1)


def test_what_takes_long_says_what_it_is_at(on_a_terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.waiting("asking [b]Trino[/b]"):
        time.sleep(0.5)
        print(json.dumps({"n": 1}))
    out, err = capsys.readouterr()
    assert out == '{"n": 1}\n' and "asking [b]Trino[/b]" in err and "0:00:00" in err


def test_what_is_quick_says_nothing(on_a_terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.waiting("asking Trino"):
        pass
    with pytest.raises(KeyboardInterrupt), terminal.waiting("asking Trino"):
        raise KeyboardInterrupt
    assert capsys.readouterr() == ("", "")


def test_a_bar_tells_how_far_it_is(on_a_terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.bar(10) as tell:
        tell(5, "5 of 10 \x07acknowledged")
        time.sleep(0.3)
    out, err = capsys.readouterr()
    assert out == "" and "5 of 10 \\x07acknowledged" in err


def test_where_there_is_no_terminal_nothing_moves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "SILENT_SECONDS", 0.0)
    with terminal.waiting("asking Trino"), terminal.bar(10) as tell:
        tell(5, "half")
        time.sleep(0.2)
    assert capsys.readouterr() == ("", "")
