"""What a restore refuses before it changes anything, and what a backup refuses."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from deltalake import write_deltalake

from lakehouse.clients.hdfs import Hdfs, Summary
from lakehouse.erasure_list import Erased, keep
from lakehouse.ledger.offsets import Log, TopicPartition
from lakehouse.settings import Settings
from stack import bootstrap, control
from stack.environment import local_settings, secret_files
from stack.errors import StackError
from stack.restoring import HDFS, JOBS, alone, refuse_half_restored, restored, restoring
from stack.state import restore, restored_servers
from stack.state.backup import _hand_over, backup
from stack.state.manifest import SECRETS, BackupError, Manifest, part_of, read_manifest
from stack.state.restore import Order
from stack.state.restored_servers import Elsewhere, OfThisMachine
from stack.steps import Step

ANNA = Erased("2026-11-01T00:00:00.000000+00:00", "a" * 64, "ada", "request 1")
BOB = Erased("2026-11-02T00:00:00.000000+00:00", "b" * 64, "ada", "request 2")


def quiet(line: str) -> None:
    """Nobody listens."""


def make(folder: Path, gone: Sequence[Erased] = (), **fields: Any) -> Path:
    """A backup with these erasures, of a stack with the default address."""
    rows = [{"player_hash": e.player_hash, "who": e.who, "why": e.why} for e in gone]
    times = [dt.datetime.fromisoformat(each.erased_at) for each in gone]
    import pyarrow

    schema = pyarrow.schema(
        [*((n, pyarrow.string()) for n in ("player_hash", "who", "why")), ("erased_at", pyarrow.timestamp("us", "UTC"))]
    )
    table = pyarrow.Table.from_pylist([r | {"erased_at": t} for r, t in zip(rows, times, strict=True)], schema=schema)
    write_deltalake(folder / "warehouse" / "ops" / "erasures", table)
    for name in SECRETS:
        (folder / name).write_text(name[0] * 64)
    files = [str(each.relative_to(folder)) for each in sorted(folder.rglob("*")) if each.is_file()]
    values: dict[str, Any] = {
        "form": 2,
        "id": "0123456789",
        "made_at": dt.datetime(2026, 11, 28, tzinfo=dt.UTC),
        "version": "0.1.0",
        "commit": None,
        "warehouse_uri": Settings().warehouse_uri,
        "last_entry": 7,
        "decided": (),
        "erasures": len(gone),
        "partitions": (),
        "files": tuple(part_of(folder, each) for each in files),
    }
    (folder / "manifest.json").write_text(Manifest(**values | fields).model_dump_json())
    return folder


def settings_of(folder: Path, **fields: Any) -> Settings:
    return local_settings(Settings(state=folder / "state", **fields))


def order(folder: Path, erasures: Path | None = None) -> Order:
    return Order(folder, "ada", "the disk is gone", erasures)


def check(settings: Settings, asked: Order) -> Manifest:
    """By the local stack."""
    return restore.check(settings, asked, OfThisMachine(settings, quiet), quiet)


def test_an_empty_stack_is_restored_into_and_changed_by_no_check(tmp_path: Path) -> None:
    folder = make(tmp_path / "backup", [ANNA])
    settings = settings_of(tmp_path)
    assert check(settings, order(folder)).id == "0123456789"
    assert not settings.state.exists()
    (settings.state / "logs").mkdir(parents=True)  # of a start that failed
    check(settings, order(folder))


@pytest.mark.parametrize("there", ["hdfs", "kafka", "airflow", "erasure.key"])
def test_a_stack_with_data_is_refused(tmp_path: Path, there: str) -> None:
    folder, settings = make(tmp_path / "backup"), settings_of(tmp_path)
    (settings.state / there).mkdir(parents=True)
    with pytest.raises(BackupError, match=rf"is not empty \({there}\).*on an empty stack only"):
        check(settings, order(folder))


def test_a_restore_that_was_begun_is_gone_on_with_by_the_same_backup_only(tmp_path: Path) -> None:
    folder, settings = make(tmp_path / "backup"), settings_of(tmp_path)
    (settings.state / "hdfs").mkdir(parents=True)
    marker = restoring(settings.state)
    marker.parent.mkdir()
    marker.write_text(json.dumps({"id": "0123456789"}))
    check(settings, order(folder))
    with pytest.raises(StackError, match="did not end: run the same `lakehouse restore` again"):
        control.up(settings, quiet)
    with pytest.raises(BackupError, match="did not end: run the same `lakehouse restore` again"):
        backup(settings, tmp_path / "new", quiet)
    marker.write_text(json.dumps({"id": "another"}))
    with pytest.raises(BackupError, match="half of another backup"):
        check(settings, order(folder))
    marker.unlink()
    restored(settings.state).write_text(json.dumps({"id": "0123456789", "at": "noon"}))
    with pytest.raises(BackupError, match="was restored from this backup at noon: `make up` starts it"):
        check(settings, order(folder))


def test_a_decided_entry_is_restored_under_its_own_address_only(tmp_path: Path) -> None:
    folder = make(tmp_path / "backup", decided=(5,))
    check(settings_of(tmp_path), order(folder))
    with pytest.raises(BackupError, match="Entry 5 was decided and not closed.*--drain"):
        check(settings_of(tmp_path, port_offset=1000), order(folder))
    check(settings_of(tmp_path, port_offset=1000), order(make(tmp_path / "drained")))


def test_a_list_that_lacks_an_erasure_of_the_backup_is_refused(tmp_path: Path) -> None:
    folder, listed = make(tmp_path / "backup", [ANNA]), tmp_path / "erasures.jsonl"
    keep(listed, [BOB])
    with pytest.raises(BackupError, match="lacks 1 of the 1 erasures that the backup holds"):
        check(settings_of(tmp_path), order(folder, listed))
    keep(listed, [ANNA])
    check(settings_of(tmp_path), order(folder, listed))
    assert restore.erased_since(order(folder, listed)) == 1
    assert restore.erased_since(order(folder)) == 0


def test_another_erasure_key_is_not_written_over(tmp_path: Path) -> None:
    folder, key = make(tmp_path / "backup"), tmp_path / "elsewhere.key"
    key.write_text("another")
    with pytest.raises(BackupError, match="elsewhere.key is another than erasure.key of the backup: move it away"):
        check(settings_of(tmp_path, erasure_key_file=key), order(folder))


def test_a_changed_file_is_found_before_anything_is_touched(tmp_path: Path) -> None:
    folder, settings = make(tmp_path / "backup"), settings_of(tmp_path)
    (folder / "erasure.key").write_text("j" * 64)
    with pytest.raises(BackupError, match="erasure.key has another checksum"):
        check(settings, order(folder))
    assert not settings.state.exists()


def test_a_backup_of_another_kind_of_database_is_refused_and_where_to_is_said(tmp_path: Path) -> None:
    of_containers = make(tmp_path / "containers", database="postgresql")
    with pytest.raises(BackupError, match="holds Airflow's database in PostgreSQL.*`make compose-restore`.*is sqlite"):
        check(settings_of(tmp_path), order(of_containers))
    of_a_laptop = make(tmp_path / "laptop")
    with pytest.raises(BackupError, match="in SQLite.*`lakehouse restore`, without LAKEHOUSE_DATABASE.*is postgresql"):
        check(settings_of(tmp_path, database="postgres:5432"), order(of_a_laptop))


# ---- the steps, on servers that do nothing


@dataclass
class Steps:
    """A restore whose servers, tables and job do nothing; it can be killed at any step."""

    settings: Settings
    order: Order
    monkeypatch: pytest.MonkeyPatch
    killed_at: str = ""
    did: list[str] = field(default_factory=list)
    place: str = "here"
    up: str = "make up"
    emptied: str = "Empty it."

    def __post_init__(self) -> None:
        def settle(*_: object) -> list[str]:
            self.do("settle")
            return ["recorded as lost"]

        self.monkeypatch.setattr(restore, "_put_warehouse", lambda *_: self.do("warehouse"))
        self.monkeypatch.setattr(restore, "_settle", settle)
        self.monkeypatch.setattr(restore, "airflow_database", lambda settings: self)

    def do(self, what: str) -> None:
        if what == self.killed_at:
            raise KeyboardInterrupt
        self.did.append(f"{what}{'' if restoring(self.settings.state).exists() else ', open to all'}")

    def holds(self) -> list[str]:
        return [each for each in self.did if each]

    def run(self, names: Collection[str] | None = None) -> None:
        self.do("all" if names is None else ", ".join(names))

    def fill_from(self, file: Path) -> None:
        self.do(f"database from {file.name}")

    def restore(self, killed_at: str = "") -> None:
        self.killed_at = killed_at
        restore.restore(self.settings, self.order, read_manifest(self.order.folder), self, quiet)


STEPS = ["database from airflow.dump", ", ".join(HDFS), "warehouse", ", ".join(JOBS), "settle"]


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Steps:
    settings = settings_of(tmp_path, database="postgres:5432")
    return Steps(settings, order(make(tmp_path / "backup", database="postgresql")), monkeypatch)


@pytest.mark.parametrize("killed_at", ["", *STEPS])
def test_nobody_may_read_before_losses_and_erasures_are_settled_and_a_kill_changes_no_order(
    steps: Steps, killed_at: str
) -> None:
    if killed_at:
        with pytest.raises(KeyboardInterrupt):
            steps.restore(killed_at)
        assert steps.did == STEPS[: STEPS.index(killed_at)]
        with pytest.raises(StackError, match="did not end: .*`make compose-restore`"):
            refuse_half_restored(steps.settings.state)
        steps.did.clear()
    steps.restore()
    assert steps.did == [*STEPS, "all, open to all"]
    for name, secret in secret_files(steps.settings.state).items():
        assert secret.exists() == (name != "database_password")
    with pytest.raises(BackupError, match="here was restored from this backup at 20.*: `make up` starts it"):
        steps.restore()


# ---- servers that run elsewhere


class Answers:
    """What the servers hold."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files, self.empty, self.topics = 0, True, list[str]()
        logs = lambda client, topics, may_be_gone: [Log(TopicPartition(t, "id", 0), 0, 1) for t in self.topics]  # noqa: E731
        monkeypatch.setattr(Hdfs, "summary", lambda hdfs, path: Summary(self.files, 1, 0))
        monkeypatch.setattr(restored_servers, "admin", lambda settings: nullcontext())
        monkeypatch.setattr(restored_servers, "read_logs", logs)
        monkeypatch.setattr(restored_servers, "airflow_database", lambda settings: self)
        self.servers = Elsewhere(settings, quiet)

    def is_empty(self) -> bool:
        return self.empty


def test_servers_that_never_held_anything_are_empty_and_what_they_hold_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings = settings_of(
            tmp_path, api_url="http://nobody.invalid:5000", trino_url="http://127.0.0.1:1"
        ).model_copy(update={"airflow_url": "http://127.0.0.1:1"})
        found = Answers(settings, monkeypatch)
        assert found.servers.holds() == []
        found.files, found.empty, found.topics = 3, False, ["events"]
        folder = f"files in {settings.hdfs_uri}/lakehouse"
        assert found.servers.holds() == [folder, f"{folder}.restoring", "a database of Airflow", "topic events"]
        readable = settings.model_copy(update={"trino_url": f"http://127.0.0.1:{port}"})
        assert Answers(readable, monkeypatch).servers.holds() == ["Trino runs"]


def test_of_servers_that_run_elsewhere_only_the_steps_that_are_meant_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []

    def run(name: str, _: object) -> None:
        did.append(name)

    made = [Step(name, (), partial(run, name)) for name in ("topics", "tables", "views", "dags")]
    monkeypatch.setattr(bootstrap, "steps", lambda settings, java: made)
    monkeypatch.setattr(restored_servers, "find_java", lambda environment: tmp_path)
    said: list[str] = []
    servers = Elsewhere(settings_of(tmp_path), said.append)
    for names in (HDFS, JOBS, None):
        servers.run(names)
    assert did == ["topics", "tables"] and [line.split()[:2] for line in said] == [["✓", "topics"], ["✓", "tables"]]


# ---- backups


def test_a_backup_needs_a_new_folder_and_a_stack_that_was_up(tmp_path: Path) -> None:
    settings, folder = settings_of(tmp_path), tmp_path / "backup"
    settings.state.mkdir()
    with pytest.raises(BackupError, match="no database of Airflow at .*`make up`"):
        backup(settings, folder, quiet)
    with pytest.raises(BackupError, match="no database of Airflow"):  # what that left is in nobody's way
        backup(settings, folder, quiet)
    folder.mkdir()
    with pytest.raises(BackupError, match="is there already: name a new folder"):
        backup(settings, folder, quiet)
    other = tmp_path / "other.part"
    other.mkdir()
    with pytest.raises(BackupError, match="other.part is in the way, and no backup left it"):
        backup(settings, tmp_path / "other", quiet)


def test_one_backup_or_restore_of_a_stack_is_at_work(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with (
        alone(settings.state, BackupError),
        pytest.raises(BackupError, match="Another backup or restore of .* at work"),
    ):
        backup(settings, tmp_path / "backup", quiet)


def test_a_finished_backup_is_given_to_its_owner_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr(os, "chown", lambda file, *owner: given.update({str(file.relative_to(tmp_path)): owner}))
    (tmp_path / "draft" / "warehouse").mkdir(parents=True)
    (tmp_path / "draft" / "warehouse" / "part-0").touch()
    _hand_over(tmp_path / "draft", (1000, 100))
    assert given == dict.fromkeys(["draft", "draft/warehouse", "draft/warehouse/part-0"], (1000, 100))
