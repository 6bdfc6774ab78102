"""What is made once the servers answer, in which order, and the error if it cannot be made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lakehouse.clients.airflow import AirflowApi
from lakehouse.clients.trino import QueryError
from lakehouse.contract.load import load_contracts
from lakehouse.settings import CHECKOUT, Settings
from stack import bootstrap
from stack.errors import StackError

EVERY_DAG = (
    "ingest_events", "build_day", "maintain_tables", "replay_quarantine", "discard_quarantine", "accept_loss", "erase_player",
    "rebuild_live",
)  # fmt: skip


def test_topics_are_those_of_the_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr("lakehouse.catalog.topics.create_topics", lambda *given: made.append(given))
    bootstrap.make_topics(Settings())
    ((settings, contracts),) = made
    assert settings == Settings() and contracts.hash == load_contracts(Settings().contracts).hash


def ending(monkeypatch: pytest.MonkeyPatch, status: int, output: str = "") -> list[Any]:
    """Every program ends so; gives what was started."""
    calls: list[Any] = []

    def run(command: list[str], stdout: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        calls.append((command, options))
        stdout.write(output)
        return subprocess.CompletedProcess(command, status)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_tables_are_made_by_their_job_with_a_log_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = ending(monkeypatch, 0, "made\n")
    bootstrap.make_tables(Settings(state=tmp_path), {"A": "b"})
    options = {"stderr": subprocess.STDOUT, "env": {"A": "b"}, "cwd": CHECKOUT, "timeout": 180, "check": False}
    assert calls == [([sys.executable, f"{CHECKOUT}/jobs/create_tables.py"], options)]
    assert (tmp_path / "logs" / "create_tables.log").read_text() == "made\n"


def test_tables_that_cannot_be_made_are_said_with_the_logs_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ending(monkeypatch, 1, "no space\n")
    with pytest.raises(StackError) as raised:
        bootstrap.make_tables(Settings(state=tmp_path), {})
    log = tmp_path / "logs" / "create_tables.log"
    assert str(raised.value) == f"jobs/create_tables.py failed:\n  | no space\n  whole log: {log}"


def test_a_program_that_does_not_end_is_said_with_the_logs_end(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "import time; print('at work', flush=True); time.sleep(60)"]
    with pytest.raises(StackError) as raised:
        bootstrap.run_logged("the job", program, {}, tmp_path / "log", 1.5)
    assert str(raised.value) == f"the job did not end within 2 s:\n  | at work\n  whole log: {tmp_path}/log"


def test_views_are_made_and_then_a_table_is_asked_which_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[Any] = []

    def refuse(settings: Settings, sql: str) -> None:
        did.append(sql)
        raise QueryError("no such table")

    monkeypatch.setattr("lakehouse.catalog.views.create_views", lambda settings, contracts: did.append(contracts.hash))
    monkeypatch.setattr("lakehouse.clients.trino.query", refuse)
    bootstrap.make_views(Settings())
    assert did == [load_contracts(Settings().contracts).hash, "select max(entry_id) from ops.batches"]


class Airflow(AirflowApi):
    """Reads one more DAG a look, or none any more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *looks: set[str]) -> None:
        self.looks, self.did, self.errors, self.now = list(looks), list[Any](), list[str](), 0.0

        def sleep(seconds: float) -> None:
            self.now += seconds

        def connect(url: str, user: str, password: str) -> Airflow:
            self.did.append((url, user, password))
            return self

        monkeypatch.setattr("lakehouse.clients.airflow.AirflowApi", connect)
        monkeypatch.setattr(bootstrap, "airflow_password", {tmp_path: "secret"}.get)
        monkeypatch.setattr(bootstrap, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=sleep))

    def set_pool(self, name: str, slots: int, description: str) -> None:
        self.did.append((name, slots, description))

    def dag_ids(self) -> set[str]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def import_errors(self) -> list[str]:
        return self.errors

    def unpause(self, dag_id: str) -> None:
        self.did.append(dag_id)


def test_airflow_gets_its_pool_and_every_dag_goes_once_all_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    airflow = Airflow(monkeypatch, tmp_path, set(), {"build_day"}, {*EVERY_DAG, "other"})
    bootstrap.prepare_airflow(Settings(state=tmp_path))
    words = "Spark tasks, one at a time: it saves memory; that data are right does not hang on it."
    assert airflow.did == [
        ("http://127.0.0.1:8090", "admin", "secret"),
        ("spark_writers", 1, words),
        *EVERY_DAG,
    ]
    assert airflow.now == 1.0


def test_dags_that_cannot_be_read_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    airflow = Airflow(monkeypatch, tmp_path, {*EVERY_DAG} - {"build_day", "accept_loss"})
    with pytest.raises(StackError) as raised:
        bootstrap.prepare_airflow(Settings(state=tmp_path))
    assert str(raised.value) == "Airflow has not read accept_loss, build_day within 90 s; see its log"
    assert airflow.now == 90.5 and len(airflow.did) == 2
    airflow.errors = ["a.py: SyntaxError", "b.py: NameError"]
    with pytest.raises(StackError) as raised:
        bootstrap.prepare_airflow(Settings(state=tmp_path))
    assert str(raised.value) == "A DAG file cannot be read: a.py: SyntaxError; b.py: NameError"


def test_of_a_log_its_last_lines_are_shown(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert bootstrap.tail(log) == "  (no log yet)"
    log.write_bytes(b"\xff" + b"".join(b"%d\n" % number for number in range(20)) + b"x" * 400)
    lines = [*(f"  | {number}" for number in range(6, 20)), "  | " + "x" * 300]
    assert bootstrap.tail(log) == "\n".join(lines)
    assert bootstrap.tail(log, 2) == "\n".join(lines[-2:])
    log.write_bytes(b"y" * 20_000 + b"\nend")
    assert bootstrap.tail(log, 9) == "  | " + "y" * 300 + "\n  | end"
    log.write_bytes(b"first\n" + b"y\n" * 8_192)
    assert "first" not in bootstrap.tail(log, 100_000)
    log.write_bytes(b"first\n" + b"y" * 16_378)
    assert bootstrap.tail(log, 100).startswith("  | first\n")
