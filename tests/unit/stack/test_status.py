"""What `lakehouse status` says of a stack, for people and for programs."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lakehouse.settings import Settings
from operations.cli import main
from operations.ingest_status import Batch, IngestStatus, OpenEntry, Partition
from operations.live_status import LiveStatus
from stack import status as module
from stack.errors import StackError
from stack.services import Service
from stack.status import ServiceStatus, StackStatus, status

JAVA = {"servers": "/java17/bin/java", "trino": "/java25/bin/java"}


class Stack:
    """A stack of four services, each as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
        self.running = True
        self.infos: dict[str, dict[str, Any]] = {}
        self.processes: dict[str, list[Any]] = {}
        parts = (
            Service("kafka", (), {}, address="127.0.0.1:9092"),
            Service("trino", (), {}, address="http://127.0.0.1:8080", login="any name"),
            Service("api", (), {}),
        )
        monkeypatch.setattr(module, "Supervisor", {state: self}.get)
        monkeypatch.setattr(module, "stack_processes", {state: self.processes}.get)
        monkeypatch.setattr(module, "memory_bytes", sum)
        monkeypatch.setattr(module, "heap_limit_bytes", lambda own: 1_500_400_000 if own == [7] else None)
        monkeypatch.setattr(module, "services", lambda settings, machine: parts)
        monkeypatch.setattr(module, "find_java", lambda environment: Path("/java17"))
        monkeypatch.setattr(module, "trino_java", lambda: Path("/java25"))

    def is_running(self) -> bool:
        return self.running

    def states(self) -> dict[str, dict[str, Any]]:
        return self.infos


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stack:
    return Stack(monkeypatch, tmp_path)


def test_each_service_has_state_address_login_process_and_memory(stack: Stack, tmp_path: Path) -> None:
    stack.infos = {
        "kafka": {"statename": "RUNNING", "pid": 7},
        "trino": {"statename": "STARTING", "pid": 8},
        "api": {"statename": "FATAL", "pid": 0},
    }
    stack.processes |= {"kafka": [1_000_000, 600_000], "trino": [2_400_000], "supervisord": [3_000_000], "x": [9**9]}
    found = status(Settings(state=tmp_path))
    assert found == StackStatus(
        up=False,
        state_folder=str(tmp_path),
        memory_mb=7,
        java=JAVA,
        services=(
            ServiceStatus("kafka", "running", "127.0.0.1:9092", "", 7, 2),
            ServiceStatus("trino", "starting", "http://127.0.0.1:8080", "any name", 8, 2),
            ServiceStatus("api", "failing", "", "", None, 0),
        ),
    )
    stack.infos = {name: {"statename": "RUNNING", "pid": 1} for name in stack.infos}
    assert status(Settings(state=tmp_path)).up
    stack.infos["api"] = {"statename": "BACKOFF"}
    assert status(Settings(state=tmp_path)).services[2].state == "failing"
    stack.infos["api"] = {"statename": "EXITED"}
    assert status(Settings(state=tmp_path)).services[2].state == "stopped"
    stack.processes["api"] = [7]
    assert [line.heap_limit_mb for line in status(Settings(state=tmp_path)).services] == [None, None, 1500]


def test_processes_without_supervisord_are_orphaned(stack: Stack, tmp_path: Path) -> None:
    stack.running, stack.infos = False, {"kafka": {"statename": "RUNNING"}}
    stack.processes["kafka"] = [5_000_000]
    found = status(Settings(state=tmp_path))
    assert [line.state for line in found.services] == ["orphaned", "stopped", "stopped"]
    assert not found.up


SHOWN = StackStatus(
    True,
    "/s",
    1234,
    JAVA,
    (
        ServiceStatus("kafka", "running", "127.0.0.1:9092", "", 7, 400, None, 2400),
        ServiceStatus("airflow-api-server", "failing", "http://127.0.0.1:8090", "admin", 8, 12345, 384),
    ),
)
NOW = dt.datetime(2026, 11, 27, 12, 0, tzinfo=dt.UTC)
BATCH = Batch(12, "done", "passed", 1_234, 5, NOW - dt.timedelta(seconds=300))
INGEST = IngestStatus(
    BATCH,
    OpenEntry(13, "replay", "planned", NOW - dt.timedelta(seconds=60)),
    {"rule:red": 1_000, "not_json": 2, "schema:size:enum": 1, "too_deep": 1},
    (
        Partition("events", 0, 1_200, NOW - dt.timedelta(minutes=20), 165.6),
        Partition("events", 1, 3, NOW - dt.timedelta(hours=3), 0.0),
        Partition("events", 2, 1, None, None),
        Partition("other", 0, 0, None, None),
    ),
    ("Kafka\x1b does not\nanswer",),
)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack is as SHOWN, with Kafka and Trino running; ingest as INGEST."""
    trino = ServiceStatus("trino", "running", "http://127.0.0.1:8080", "", 9, 600)
    monkeypatch.setattr(module, "status", lambda settings: replace(SHOWN, services=(*SHOWN.services, trino)))
    monkeypatch.setattr("operations.ingest_status.ingest_status", lambda settings: INGEST)
    monkeypatch.setattr("operations.commands.status.current_time", lambda: NOW)


def test_people_see_how_far_ingest_is(shown: None) -> None:
    result = CliRunner().invoke(main, ["status"])
    lines = result.output.splitlines()
    assert (result.exit_code, lines[5:]) == (
        0,
        [
            "Not known: Kafka\\x1b does not answer",
            f"Last batch: 12, done 5 min ago ({BATCH.at:%Y-%m-%d %H:%M:%S} UTC), audit passed: 1,234 published, "
            "5 quarantined",
            "Not closed: replay 13, planned 60 s ago",
            "Open in quarantine: 1,004 messages (1,000 rule:red, 2 not_json, 1 schema:size:enum, ...)",
            "In Kafka, and not published:",
            " partition | unread | oldest, ago | begins to expire in",
            "-----------+--------+-------------+---------------------",
            " events-0  |   1200 | 20 min      | 6.9 days",
            " events-1  |      3 | 3.0 h       | NOW",
            " events-2  |      1 |             | never, or not known",
            " other-0   |      0 |             |",
            "Java 17, of all servers but Trino: /java17/bin/java",
            "Java 25, of Trino: /java25/bin/java",
        ],
    )


def test_before_the_first_batch_it_says_so(shown: None, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = IngestStatus(None, None, {}, (), ())
    monkeypatch.setattr("operations.ingest_status.ingest_status", lambda settings: nothing)
    lines = CliRunner().invoke(main, ["status"]).output.splitlines()
    assert lines[5:7] == ["Last batch: there is none yet", "Open in quarantine: 0 messages"]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (LiveStatus(7), "through entry 7"),
        (LiveStatus(), "not made yet"),
        (LiveStatus(error="gone\x1b"), "not known, Redis does not answer: gone\\x1b"),
    ],
)
def test_people_see_how_far_the_live_state_is(monkeypatch: pytest.MonkeyPatch, found: LiveStatus, words: str) -> None:
    redis = ServiceStatus("redis", "running", "redis://127.0.0.1:6379/0", "", 9, 10)
    monkeypatch.setattr(module, "status", lambda settings: replace(SHOWN, services=(redis,)))
    monkeypatch.setattr("operations.live_status.live_status", lambda settings: found)
    assert f"Live state: {words}" in CliRunner().invoke(main, ["status"]).output.splitlines()
    assert json.loads(CliRunner().invoke(main, ["status", "--json"]).output)["live"] == found.as_json()


def test_states_are_coloured_on_a_terminal_alone(shown: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in CliRunner().invoke(main, ["status"]).output
    coloured = CliRunner().invoke(main, ["status"], color=True).output
    assert "\x1b[32mrunning   \x1b[0m" in coloured and "\x1b[31mfailing   \x1b[0m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in CliRunner().invoke(main, ["status"], color=True).output


def test_people_see_a_line_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "status", lambda settings: SHOWN)
    result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "service                state       memory    limit  heap limit  address",
        "kafka                  running     400 MB  2400 MB              127.0.0.1:9092",
        "airflow-api-server     failing   12345 MB               384 MB  http://127.0.0.1:8090  (login: admin)",
        "all                               1234 MB                       state and logs in /s",
        "Ingest: not known while trino does not run",
        "Java 17, of all servers but Trino: /java17/bin/java",
        "Java 25, of Trino: /java25/bin/java",
    ]


def test_programs_read_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "status", lambda settings: SHOWN)
    found = json.loads(CliRunner().invoke(main, ["status", "--json"]).output)
    assert found == {**json.loads(json.dumps(SHOWN.as_json())), "ingest": None, "live": None}
    assert SHOWN.as_json()["services"][0] == {
        "service": "kafka",
        "state": "running",
        "address": "127.0.0.1:9092",
        "login": "",
        "pid": 7,
        "memory_mb": 400,
        "heap_limit_mb": None,
        "memory_limit_mb": 2400,
    }


def test_programs_read_how_far_ingest_is(shown: None) -> None:
    found = json.loads(CliRunner().invoke(main, ["status", "--json"]).output)["ingest"]
    assert found["last_batch"]["entry_id"] == 12 and found["quarantine_open"]["not_json"] == 2
    assert found["partitions"][3] == {
        "topic": "other", "partition": 0, "unread": 0, "oldest": None, "expires_hours": None,
    }  # fmt: skip


def test_what_is_missing_on_the_machine_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(settings: Settings) -> None:
        raise StackError("Java 17 is needed")

    monkeypatch.setattr(module, "status", refuse)
    result = CliRunner().invoke(main, ["status"])
    assert (result.exit_code, result.output) == (1, "Error: Java 17 is needed\n")
