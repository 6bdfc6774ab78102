"""The commands of the local stack: what each says it does, and what failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError

from lakehouse.settings import Settings
from stack.errors import StackError
from stack.loads.demo import Line
from stack.loads.documents import LoadError
from tests.unit.operations.conftest import lakehouse

STACK = ["stack.control.up", "stack.control.down", "stack.downloads.fetch"]


@pytest.mark.parametrize("function", STACK)
def test_a_command_of_the_stack_says_what_it_does_and_what_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, function: str
) -> None:
    name = function.rpartition(".")[2]
    given: list[Any] = []

    def work(what: Any, say: Any) -> None:
        given.append(what)
        say("at work")

    def fail(what: Any, say: Any) -> None:
        raise StackError("no Java")

    monkeypatch.setenv("LAKEHOUSE_SERVERS", str(tmp_path))
    monkeypatch.setattr(function, work)
    result = lakehouse(name)
    assert (result.exit_code, result.output) == (0, "at work\n")
    assert given == [tmp_path] if name == "fetch" else given[0].servers == tmp_path
    monkeypatch.setattr(function, fail)
    result = lakehouse(name)
    assert (result.exit_code, result.output) == (1, "Error: no Java\n")
    monkeypatch.setenv("LAKEHOUSE_LINGER_MS", "101")
    result = lakehouse(name)
    words = "Error: LAKEHOUSE_LINGER_MS='101': Input should be less than or equal to 100\n"
    assert (result.exit_code, result.output) == (1, words)


def test_bootstrap_makes_all_in_the_order_of_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []
    for step in ("make_topics", "make_tables", "make_views", "prepare_airflow"):
        monkeypatch.setattr(f"stack.bootstrap.{step}", lambda *given, step=step: did.append(step))
    result = lakehouse("bootstrap")
    assert result.exit_code == 0 and [line.split()[1].rstrip(",") for line in result.output.splitlines()] == [
        "topics", "tables", "views", "Airflow's",
    ]  # fmt: skip
    assert did == ["make_topics", "make_tables", "make_views", "prepare_airflow"]

    def fail(*_: Any) -> None:
        raise KafkaTimeoutError("late")

    monkeypatch.setattr("stack.bootstrap.make_topics", fail)
    result = lakehouse("bootstrap")
    words = "making topics ...\nError: Kafka does not answer: KafkaTimeoutError: late; see `make status`\n"
    assert (result.exit_code, result.output) == (1, words)


@pytest.mark.parametrize(("answer", "equal"), [(1_203, True), (1_204, False)])
def test_the_demo_shows_each_answer_beside_what_was_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: int, equal: bool
) -> None:
    did: list[Any] = []
    lines = [Line("Swords", "red", 1_000, 203, answer), Line("Swords", "blue", 0, 0, 0), Line("Horses", "", 0, 0, 0)]
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path))
    monkeypatch.setattr("stack.control.up", lambda settings, say: did.append("up"))
    monkeypatch.setattr("stack.environment.airflow_password", lambda state: {tmp_path: "secret"}[state])
    monkeypatch.setattr("lakehouse.clients.airflow.AirflowApi", lambda *given: did.append(given))
    monkeypatch.setattr("stack.loads.demo.demo", lambda settings, api, say: lines)
    result = lakehouse("demo")
    assert did == ["up", ("http://127.0.0.1:8090", "admin", "secret")]
    shown = [" ".join(line.replace("│", " ").replace("┃", " ").split()) for line in result.output.splitlines()]
    table, rest = shown[:-5], shown[-5:]
    verdict = "equal" if equal else "DIFFERS"
    assert table[0] == "Trino's answers beside what was sent"
    assert table[2] == "Question Group before sent expected Trino"
    assert table[4:7] == [
        f"Swords red 1,000 203 1,203 {answer:,} {verdict}", "blue 0 0 0 0 equal", "Horses 0 0 0 0 equal",
    ]  # fmt: skip
    assert rest == [
        "Airflow http://127.0.0.1:8090 (login admin / secret)",
        "Quality pages http://127.0.0.1:8090/quality/ (same login)",
        "Trino http://127.0.0.1:8080 (any user name, no password)",
        "API http://127.0.0.1:5000/docs",
        "All 3 answers are equal to what was sent." if equal else "Error: 1 of 3 answers differ from what was sent",
    ]
    assert result.exit_code == (0 if equal else 1)


def test_a_demo_on_servers_that_run_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: Settings, say: Any) -> None:
        raise StackError("started")

    monkeypatch.setattr("stack.environment.airflow_password", lambda state: "secret")
    monkeypatch.setattr("lakehouse.clients.airflow.AirflowApi", lambda *login: None)
    monkeypatch.setattr("stack.loads.demo.demo", lambda settings, api, say: [])
    monkeypatch.setattr("stack.control.up", fail)
    assert lakehouse("demo").exit_code == 1
    assert lakehouse("demo", "--running").exit_code == 0


def test_a_demo_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: Settings, say: Any) -> None:
        raise LoadError("not accepted")

    monkeypatch.setattr("stack.control.up", fail)
    result = lakehouse("demo")
    assert (result.exit_code, result.output) == (1, "Error: not accepted\n")
