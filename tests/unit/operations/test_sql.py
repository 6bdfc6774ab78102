"""`lakehouse sql`: where the statements come from, what is printed of each, and how it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lakehouse.clients.trino import Answer, QueryError
from lakehouse.settings import CHECKOUT
from operations.cli import main


class Session:
    """Keeps the statements; answers each with its number, unless it is `bad`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = False

    def __call__(self, settings: object) -> Session:
        return self

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def ask(self, sql: str) -> Answer:
        self.asked.append(sql)
        if sql == "bad":
            raise QueryError("Trino refused the statement: line 1:1: mismatched input 'bad'.\n  Expecting: 'ALL'")
        if sql == "wait":
            raise KeyboardInterrupt
        return Answer(["n"], [[len(self.asked)]])


@pytest.fixture
def trino(monkeypatch: pytest.MonkeyPatch) -> Session:
    session = Session()
    monkeypatch.setattr("lakehouse.clients.trino.Session", session)
    return session


def sql(*arguments: str, typed: str | bytes = "") -> Result:
    return CliRunner().invoke(main, ["sql", *arguments], input=typed)


def test_a_statement_needs_no_semicolon_and_may_be_several(trino: Session) -> None:
    assert sql("select 1 ; ").output == "n\n1\n"
    assert sql("select 2; use game").output == "n\n2\n\nn\n3\n"
    assert trino.asked == ["select 1", "select 2", "use game"] and trino.closed


def test_statements_come_from_a_file_or_the_standard_input(trino: Session, tmp_path: Path) -> None:
    file = tmp_path / "questions.sql"
    file.write_text("-- why\nselect 'ü;';\nselect 2\n")
    assert sql("--file", str(file)).exit_code == 0
    assert sql(typed="select 3;\nselect 4;").exit_code == 0
    assert trino.asked == ["select 'ü;'", "select 2", "select 3", "select 4"]


def test_the_mark_that_some_editors_put_before_utf_8_is_no_part_of_a_statement(trino: Session, tmp_path: Path) -> None:
    file = tmp_path / "questions.sql"
    file.write_bytes("\ufeffselect 'ü'".encode())
    assert sql("--file", str(file)).output == "n\n1\n"
    assert sql("--file", "-", typed=file.read_bytes()).output == "n\n2\n"
    assert sql(typed=file.read_bytes()).output == "n\n3\n"
    assert trino.asked == ["select 'ü'"] * 3


def test_a_standard_input_that_is_closed_is_one_line() -> None:
    command = ["sh", "-c", f"{sys.executable} -m operations.cli sql <&-"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    words = "Error: there is no statement in what was given"
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, words) and "Traceback" not in done.stderr


def test_each_format_is_printed(trino: Session) -> None:
    assert json.loads(sql("--format", "json", "select 1").output) == [{"n": 1}]
    assert sql("--format", "csv", "select 1").output == "n\n2\n"
    assert sql("--format", "table", "select 1").output == " n\n---\n 3\n"
    assert sql("--format", "xml", "select 1").exit_code == 2


def test_the_first_failure_ends_it_in_one_line_that_says_where(trino: Session) -> None:
    refused = "Trino refused the statement: line 1:1: mismatched input 'bad'. Expecting: 'ALL'"
    result = sql("bad")
    assert (result.exit_code, result.output) == (1, f"Error: {refused}\n")
    result = sql(typed="select 1;\n\nbad; select 3")
    assert (result.exit_code, result.output) == (1, f"n\n2\nError: statement 2 (line 3): {refused}\n")
    assert trino.asked == ["bad", "select 1", "bad"] and trino.closed


@pytest.mark.parametrize(
    ("arguments", "typed", "status", "words"),
    [
        ([], "", 2, "there is no statement in what was given"),
        (["/* only this */"], "", 2, "there is no statement in what was given"),
        ([], b"select '\xff'", 1, "what was given is not in UTF-8: byte 8 of it is wrong"),
        (["select 1", "--file", "-"], "", 2, "give a statement or a file, not both"),
        (["select 'a"], "", 1, "the SQL ends inside of a text ('...'), a quoted name (\"...\") or a comment (/* ... */) that "
         "is not closed"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said(
    trino: Session, arguments: list[str], typed: str | bytes, status: int, words: str
) -> None:
    result = sql(*arguments, typed=typed)
    assert (result.exit_code, result.output.splitlines()[-1]) == (status, f"Error: {words}")
    assert trino.asked == []


def test_ctrl_c_says_what_became_of_the_statement(trino: Session) -> None:
    result = sql("wait")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "Stopped; the statement is cancelled in Trino. Nothing was changed.\n" and trino.closed


def test_on_a_terminal_without_a_statement_trinos_own_client_takes_over(
    trino: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    became: list[Any] = []

    def execv(program: str, argv: list[str]) -> None:
        became.append((program, argv))
        raise SystemExit(0)

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr("stack.tools.trino_client.find_java", lambda environment: Path("/java17"))
    monkeypatch.setattr("operations.terminal.somebody_types", lambda: True)
    monkeypatch.setenv("LAKEHOUSE_SERVERS", str(tmp_path))
    result = sql()
    assert result.exit_code == 1 and result.output == (
        f"Error: Trino's client is not in {tmp_path}/trino: run `make jars`, or give a statement to `lakehouse sql`.\n"
    )
    jar = tmp_path / "trino" / "trino-cli-476-executable.jar"
    jar.parent.mkdir()
    jar.touch()
    assert sql().exit_code == 0
    command = ["/java17/bin/java", "-jar", str(jar), "--server", "http://127.0.0.1:8080", "--catalog", "lakehouse"]
    assert became == [("/java17/bin/java", command)] and trino.asked == []
