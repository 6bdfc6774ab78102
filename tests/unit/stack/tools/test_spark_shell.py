"""What `lakehouse pyspark` becomes: Python with PySpark's start file, or with a program, that finds the warm Spark."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from operations.cli import main


class Became(Exception):
    """The process that this one would have become."""

    def __init__(self, path: str, arguments: list[str], variables: dict[str, str]) -> None:
        super().__init__(path)
        self.arguments, self.variables = arguments, variables


@pytest.fixture
def spark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of something that listens."""

    def become(*arguments: Any) -> None:
        raise Became(*arguments)

    monkeypatch.setattr(os, "execve", become)
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"sc://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("LAKEHOUSE_SPARK_REMOTE", address)
        yield address


def became(*arguments: str) -> Became:
    result = CliRunner().invoke(main, ["pyspark", *arguments])
    assert isinstance(result.exception, Became), result.output
    return result.exception


def test_a_shell_starts_with_pysparks_own_start_file(spark: str) -> None:
    process = became()
    assert process.arguments == [sys.executable, "-i"]
    assert Path(process.variables["PYTHONSTARTUP"]).is_file()
    assert process.variables["PYTHONSTARTUP"].endswith("/pyspark/shell.py")
    assert (process.variables["SPARK_REMOTE"], process.variables["SPARK_CONNECT_MODE_ENABLED"]) == (spark, "1")


def test_a_program_is_run_with_the_same_spark(spark: str, tmp_path: Path) -> None:
    program = tmp_path / "count.py"
    program.write_text("")
    process = became(str(program))
    assert process.arguments == [sys.executable, str(program)]
    assert process.variables["SPARK_REMOTE"] == spark and "PYTHONSTARTUP" not in process.variables


def test_without_spark_it_says_what_to_do(spark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_SPARK_REMOTE", "sc://127.0.0.1:9")
    result = CliRunner().invoke(main, ["pyspark"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: Spark Connect does not answer at sc://127.0.0.1:9 (")
    assert result.output.endswith("start it with `make up`\n")


def test_a_program_that_is_not_there_is_named(spark: str) -> None:
    result = CliRunner().invoke(main, ["pyspark", "nothing.py"])
    assert result.exit_code == 2 and "File 'nothing.py' does not exist" in result.output
