"""What a restore refuses before it changes anything, and what a backup refuses."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from deltalake import write_deltalake

from lakehouse.erasure_list import Erased, keep
from lakehouse.settings import Settings
from stack import control
from stack.environment import local_settings
from stack.errors import StackError
from stack.state import restore
from stack.state.backup import backup
from stack.state.manifest import BackupError, Manifest, part_of
from stack.state.restore import Order

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
    (folder / "erasure.key").write_text("k" * 64)
    files = [str(each.relative_to(folder)) for each in sorted(folder.rglob("*")) if each.is_file()]
    values: dict[str, Any] = {
        "form": 1,
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


def test_an_empty_stack_is_restored_into_and_changed_by_no_check(tmp_path: Path) -> None:
    folder = make(tmp_path / "backup", [ANNA])
    settings = settings_of(tmp_path)
    assert restore.check(settings, order(folder), quiet).id == "0123456789"
    assert not settings.state.exists()
    (settings.state / "logs").mkdir(parents=True)  # of a start that failed
    restore.check(settings, order(folder), quiet)


@pytest.mark.parametrize("there", ["hdfs", "kafka", "airflow", "erasure.key"])
def test_a_stack_with_data_is_refused(tmp_path: Path, there: str) -> None:
    folder, settings = make(tmp_path / "backup"), settings_of(tmp_path)
    (settings.state / there).mkdir(parents=True)
    with pytest.raises(BackupError, match=rf"is not empty \({there}\).*on an empty stack only"):
        restore.check(settings, order(folder), quiet)


def test_a_restore_that_was_begun_is_gone_on_with_by_the_same_backup_only(tmp_path: Path) -> None:
    folder, settings = make(tmp_path / "backup"), settings_of(tmp_path)
    (settings.state / "hdfs").mkdir(parents=True)
    marker = settings.state / control.RESTORING
    marker.write_text(json.dumps({"id": "0123456789"}))
    restore.check(settings, order(folder), quiet)
    with pytest.raises(StackError, match="did not end: run the same `lakehouse restore` again"):
        control.up(settings, quiet)
    with pytest.raises(BackupError, match="did not end: run the same `lakehouse restore` again"):
        backup(settings, tmp_path / "new", quiet)
    marker.write_text(json.dumps({"id": "another"}))
    with pytest.raises(BackupError, match="half of another backup"):
        restore.check(settings, order(folder), quiet)
    marker.unlink()
    (settings.state / restore.RESTORED).write_text(json.dumps({"id": "0123456789", "at": "noon"}))
    with pytest.raises(BackupError, match="was restored from this backup at noon: `make up` starts it"):
        restore.check(settings, order(folder), quiet)


def test_a_decided_entry_is_restored_under_its_own_address_only(tmp_path: Path) -> None:
    folder = make(tmp_path / "backup", decided=(5,))
    restore.check(settings_of(tmp_path), order(folder), quiet)
    with pytest.raises(BackupError, match="Entry 5 was decided and not closed.*--drain"):
        restore.check(settings_of(tmp_path, port_offset=1000), order(folder), quiet)
    restore.check(settings_of(tmp_path, port_offset=1000), order(make(tmp_path / "drained")), quiet)


def test_a_list_that_lacks_an_erasure_of_the_backup_is_refused(tmp_path: Path) -> None:
    folder, listed = make(tmp_path / "backup", [ANNA]), tmp_path / "erasures.jsonl"
    keep(listed, [BOB])
    with pytest.raises(BackupError, match="lacks 1 of the 1 erasures that the backup holds"):
        restore.check(settings_of(tmp_path), order(folder, listed), quiet)
    keep(listed, [ANNA])
    restore.check(settings_of(tmp_path), order(folder, listed), quiet)
    assert restore.erased_since(order(folder, listed)) == 1
    assert restore.erased_since(order(folder)) == 0


def test_another_erasure_key_is_not_written_over(tmp_path: Path) -> None:
    folder, key = make(tmp_path / "backup"), tmp_path / "elsewhere.key"
    key.write_text("another")
    with pytest.raises(BackupError, match="elsewhere.key is another erasure key"):
        restore.check(settings_of(tmp_path, erasure_key_file=key), order(folder), quiet)


def test_a_changed_file_is_found_before_anything_is_touched(tmp_path: Path) -> None:
    folder, settings = make(tmp_path / "backup"), settings_of(tmp_path)
    (folder / "erasure.key").write_text("j" * 64)
    with pytest.raises(BackupError, match="erasure.key has another checksum"):
        restore.check(settings, order(folder), quiet)
    assert not settings.state.exists()


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


def test_a_stack_whose_databases_are_in_postgresql_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="pg_dump"):
        backup(settings_of(tmp_path, database="postgres:5432"), tmp_path / "backup", quiet)
