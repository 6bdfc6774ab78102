"""`lakehouse backup`, `restore`, `metastore rebuild` and `upgrade`: what they ask, show and refuse."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from lakehouse.clients.airflow import AirflowApi, AirflowError
from lakehouse.clients.hdfs import HdfsError
from lakehouse.ledger.offsets import Log, TopicPartition
from lakehouse.settings import Settings
from operations import completeness, draining, ingest_status
from operations.runs import RunOutcome
from stack.errors import StackError
from stack.state.manifest import BackupError, Manifest
from tests.unit.operations.conftest import lakehouse
from tests.unit.stack.state.manifests import manifest

AT = TopicPartition("events", "a", 0)
MANIFEST = manifest()
RESTORE = ("restore", "/backup", "--no-erasures", "--why", "the disk is gone")


@pytest.fixture
def did(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the commands do, in order; nothing of it is done."""
    done: list[Any] = []

    def restored(settings: Settings, order: Any, manifest: Any, servers: Any, say: Any) -> None:
        done.append(f"restore, {servers.up}")

    def backup(settings: Settings, folder: Path, say: object, owner: object) -> Manifest:
        done.append((folder, owner))
        return MANIFEST

    def check(settings: Settings, order: Any, servers: object, say: object) -> Manifest:
        done.append(order)
        return MANIFEST

    monkeypatch.setattr("stack.airflow_login.connect", lambda settings: "api")
    monkeypatch.setattr("operations.draining.drain_kafka", lambda settings, api, say: done.append("drain"))
    monkeypatch.setattr("stack.state.backup.backup", backup)
    monkeypatch.setattr("stack.state.restore.check", check)
    monkeypatch.setattr("stack.state.restore.erased_since", lambda order: 3)
    monkeypatch.setattr("stack.state.restore.restore", restored)
    monkeypatch.setattr("stack.state.metastore.rebuild", lambda settings, say: done.append("rebuild"))
    monkeypatch.setattr("stack.state.upgrade.upgrade", lambda settings, say: done.append("upgrade"))
    return done


def test_a_backup_says_what_is_not_in_it_and_where_the_list_is(did: list[Any]) -> None:
    result = lakehouse("backup", "/backup")
    assert result.exit_code == 0, result.output
    assert did == [(Path("/backup"), None)]
    assert "/backup: backup 01234567 of 2026-11-28 00:00:00 UTC" in result.output
    assert "not in it: events-0 [5, end of the topic a): 3 offsets waited" in result.output
    assert str(Settings().erasure_list_file) in result.output


def test_a_drained_backup_drains_first(did: list[Any]) -> None:
    assert lakehouse("backup", "/backup", "--drain").exit_code == 0
    assert did == ["drain", (Path("/backup"), None)]


def test_a_backup_is_given_to_whom_the_command_names_by_number(did: list[Any]) -> None:
    assert lakehouse("backup", "/backup", "--owner", "1000:100").exit_code == 0
    assert did == [(Path("/backup"), (1000, 100))]
    result = lakehouse("backup", "/backup", "--owner", "ada")
    assert result.exit_code == 2 and "'ada' is not two numbers such as 1000:1000" in result.output


def test_a_restore_shows_what_is_given_up_and_asks(did: list[Any]) -> None:
    result = lakehouse(*RESTORE, answer="n\n")
    assert result.exit_code == 1 and len(did) == 1
    assert "events-0 [5, end of the topic a): 3 offsets waited when the backup was made" in result.output
    assert "and what was acknowledged after 2026-11-28 00:00:00 UTC." in result.output
    result = lakehouse("restore", "/backup", "--erasures", "/list", "--why", "the disk is gone", answer="y\n")
    assert result.exit_code == 0 and did[-1] == "restore, make up" and did[-2].erasures == Path("/list")
    assert "erased since, and are erased again: 3" in result.output


def test_files_of_others_are_read_by_the_rights_that_a_container_has(
    did: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is of another user there, and access(2) says that it cannot be read, though it can."""
    monkeypatch.setattr("os.access", lambda *_, **__: False)
    words = ("restore", str(tmp_path), "--erasures", str(tmp_path), "--why", "the disk is gone", "--running", "--yes")
    assert lakehouse(*words).exit_code == 0 and lakehouse("backup", str(tmp_path)).exit_code == 0


def test_servers_that_run_are_not_started(did: list[Any]) -> None:
    assert lakehouse(*RESTORE, "--running", "--yes").exit_code == 0
    assert did[-1] == "restore, make compose-up"


def test_a_restore_goes_nowhere_without_a_word_on_erasures(did: list[Any]) -> None:
    for words in ((), ("--erasures", "/list", "--no-erasures")):
        result = lakehouse("restore", "/backup", "--why", "the disk is gone", "--yes", *words)
        assert result.exit_code == 2 and "give --erasures FILE, or say --no-erasures" in result.output
    assert lakehouse("restore", "/backup", "--no-erasures", "--why", "x").exit_code == 2
    assert did == []


def test_the_metastore_and_upgrades_have_their_commands(did: list[Any]) -> None:
    assert lakehouse("metastore", "rebuild").exit_code == 0 and lakehouse("upgrade").exit_code == 0
    assert did == ["rebuild", "upgrade"]


@pytest.mark.parametrize("error", [BackupError("no"), HdfsError("no"), StackError("no")])
def test_what_goes_wrong_is_one_line(did: list[Any], monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*_: Any) -> None:
        raise error

    monkeypatch.setattr("stack.state.backup.backup", fails)
    result = lakehouse("backup", "/backup")
    assert (result.exit_code, result.output) == (1, "Error: no\n")


# ---- drain first


class Ingest(AirflowApi):
    """Airflow and Trino: each run of ingest reads two offsets more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, state: str = "success") -> None:
        self.cursor, self.started, self.open = 0, 0, False
        outcome = RunOutcome(state, (), ("publish failed:", "  no space"), "http://airflow/run")
        monkeypatch.setattr(draining, "admin", lambda settings: nullcontext())
        monkeypatch.setattr(draining, "read_logs", lambda client, topics: [Log(AT, 0, 5)])
        for asked in (completeness, ingest_status):
            monkeypatch.setattr(asked, "query", self.query)
        monkeypatch.setattr(draining, "follow", lambda api, dag_id, run_id: outcome)

    def trigger(self, dag_id: str, conf: object = None) -> str:
        assert dag_id == "ingest_events"
        self.cursor, self.started = self.cursor + 2, self.started + 1
        return f"r{self.started}"

    def query(self, settings: Settings, sql: str) -> list[dict[str, Any]]:
        if "closed_at" in sql:
            return [{"entry_id": 1, "kind": "ingest", "status": "planned", "since": None}] if self.open else []
        return [{"topic": "events", "topic_id": "a", "partition": 0, "start": 0, "until": self.cursor}]


def test_ingest_runs_until_all_that_waited_is_in_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    api, said = Ingest(monkeypatch), list[str]()
    draining.drain_kafka(Settings(), api, said.append)
    assert api.started == 3
    assert said[0] == "5 offsets wait in Kafka: ingesting" and said[-1] == "all that waited in Kafka is in tables"


def test_an_entry_that_stays_open_or_a_red_run_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Ingest(monkeypatch)
    api.open = True
    with pytest.raises(AirflowError, match="after 20 runs"):
        draining.drain_kafka(Settings(), api, lambda line: None)
    api = Ingest(monkeypatch, "failed")
    with pytest.raises(AirflowError, match="ingest_events is failed: publish failed:; no space; http://airflow/run"):
        draining.drain_kafka(Settings(), api, lambda line: None)
