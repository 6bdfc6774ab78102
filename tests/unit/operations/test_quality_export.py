"""`lakehouse quality export`: which entries' results become Data Docs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lakehouse.settings import CHECKOUT
from operations.commands.quality import STOPPED
from tests.unit.operations.conftest import lakehouse


def test_data_docs_are_made_of_the_entries_that_are_named_or_of_the_last_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran: list[list[str]] = []

    def run(program: list[str], **_: Any) -> Any:
        ran.append(program[4:])
        return subprocess.CompletedProcess(program, 3)

    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setattr("operations.quality.query", lambda settings, sql: [{"entry_id": 9}, {"entry_id": 8}])
    folder = tmp_path / "docs"
    assert lakehouse("quality", "export", str(folder), "--entry", "7").exit_code == 3
    assert lakehouse("quality", "export", str(folder), "--last", "2").exit_code == 3
    module = "expectations.data_docs"
    assert ran == [
        [module, str(folder), "--entry", "7"],
        [module, str(folder), "--entry", "9", "--entry", "8"],
    ]
    monkeypatch.setattr("operations.quality.query", lambda settings, sql: [])
    assert lakehouse("quality", "export", str(folder)).output == "no results of checks are recorded yet\n"


def test_a_process_that_was_killed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", lambda program, **_: subprocess.CompletedProcess(program, -9))
    result = lakehouse("quality", "export", "/x", "--entry", "7")
    words = "Error: the process that writes the pages was ended by signal 9\n"
    assert (result.exit_code, result.output) == (1, words)


def test_ctrl_c_ends_the_command_and_its_process_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trino:  # which never answers
        trino.settimeout(60)
        variables = os.environ | {"LAKEHOUSE_TRINO_URL": f"http://127.0.0.1:{trino.getsockname()[1]}"}
        words = [sys.executable, "-m", "operations.cli", "quality", "export", str(tmp_path / "docs"), "--entry", "1"]
        command = subprocess.Popen(
            words,
            cwd=CHECKOUT,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        connection, _ = trino.accept()  # of the process that writes the pages
        with connection:
            os.killpg(command.pid, signal.SIGINT)  # as a terminal does
            assert command.communicate(timeout=30) == ("", f"{STOPPED}\n")
            assert command.returncode == 130
            connection.settimeout(10)
            while connection.recv(65_536):
                """What was asked; it ends with the process that asked."""
