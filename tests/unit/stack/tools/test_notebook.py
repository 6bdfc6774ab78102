"""The report as a page, and JupyterLab: what Jupyter is told, and what is said if it cannot do it."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from operations.cli import main
from stack.tools import notebook

ADDRESSES = ("127.0.0.1:8080", "sc://127.0.0.1:15002")


@pytest.fixture
def jupyter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Jupyter that writes what it was called with, and ends with 0 unless told otherwise."""
    file = tmp_path / "jupyter"
    file.write_text('#!/bin/sh\necho "$LAKEHOUSE_TRINO $LAKEHOUSE_SPARK $HOME $@" > "$0.called"\n')
    file.chmod(0o755)
    monkeypatch.setattr(notebook, "JUPYTER", file)
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path / "state"))
    return file


def test_the_report_is_executed_against_this_stack_and_written_into_its_state(jupyter: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["notebook", "--page"])
    folder = tmp_path / "state" / "notebook"
    assert (result.exit_code, result.output) == (0, f"The report is in {folder}/report.html\n")
    trino, spark, home, *arguments = Path(f"{jupyter}.called").read_text().split()
    assert ((trino, spark), home) == (ADDRESSES, str(folder))
    assert arguments[:2] == ["nbconvert", "--execute"] and arguments[-1] == str(notebook.REPORT)


def test_the_end_of_what_jupyter_said_is_shown_if_a_cell_fails(jupyter: Path) -> None:
    jupyter.write_text('#!/bin/sh\nfor n in $(seq 30); do printf "\\033[31mline\\033[0m $n\\n" >&2; done; exit 1\n')
    result = CliRunner().invoke(main, ["notebook", "--page"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: a cell of report.ipynb failed:\nline 19\n")
    assert result.output.endswith("line 30\n")


def test_a_report_that_does_not_end_is_given_up(jupyter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "EXECUTE_SECONDS", 0.2)
    jupyter.write_text("#!/bin/sh\nexec sleep 20\n")
    result = CliRunner().invoke(main, ["notebook", "--page"])
    assert result.exit_code == 1 and "the report is not done after 0.2 s" in result.output


def test_without_its_environment_it_says_what_to_do(jupyter: Path) -> None:
    jupyter.unlink()
    for arguments in ([], ["--page"]):
        result = CliRunner().invoke(main, ["notebook", *arguments])
        assert (result.exit_code, result.output) == (
            1,
            "Error: the environment of notebooks is not there: run `make notebook` once\n",
        )


def test_jupyterlab_listens_on_this_machine_alone(jupyter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: became.append(arguments))
    monkeypatch.setattr(notebook, "port_is_free", lambda host, port: True)
    CliRunner().invoke(main, ["notebook"])
    ((path, arguments, variables),) = became
    assert (path, arguments[:4]) == (str(jupyter), [str(jupyter), "lab", "--no-browser", "--ip=127.0.0.1"])
    assert not any("token" in each for each in arguments)  # Jupyter makes one and asks for it
    assert (variables["LAKEHOUSE_TRINO"], variables["LAKEHOUSE_SPARK"]) == ADDRESSES


def test_a_port_that_is_taken_is_named(jupyter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(notebook, "PORT", port)
        result = CliRunner().invoke(main, ["notebook"])
    assert result.exit_code == 1 and f"port {port} is taken" in result.output


def test_the_report_is_kept_without_what_it_showed() -> None:
    report = json.loads(notebook.REPORT.read_text())
    cells = [cell for cell in report["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 15
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
