"""A backup that the machine's files forbid: one sentence, no snapshot left, and a draft that the next one may delete."""

from __future__ import annotations

import datetime as dt
import errno
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from lakehouse.clients.hdfs import Hdfs, Status
from lakehouse.settings import Settings
from stack.environment import stack_secrets
from stack.state import backup as module
from stack.state.manifest import BackupError

SAID: list[str] = []


class Warehouse(Hdfs):
    """One file, which does not fit on the disk; keeps which snapshots there are."""

    kept: ClassVar[list[str]] = []

    def allow_snapshots(self, path: str) -> None:
        """It does."""

    def snapshots(self, path: str) -> tuple[Status, ...]:
        return tuple(Status(name, True, 0, dt.datetime.now(dt.UTC)) for name in self.kept)

    def make_snapshot(self, path: str, name: str) -> str:
        self.kept.append(name)
        return f"{path}/.snapshot/{name}"

    def delete_snapshot(self, path: str, name: str) -> None:
        self.kept.remove(name)

    def below(self, path: str, inside: str = "") -> Iterator[tuple[str, Status]]:
        yield "raw/part-0", Status("part-0", False, 1, dt.datetime.now(dt.UTC))

    def read_into(self, path: str, local: Path) -> str:
        raise OSError(errno.ENOSPC, "No space left on device", str(local))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A stack that was started once."""
    state = tmp_path / "state"
    stack_secrets(state)
    sqlite3.connect(state / "airflow" / "airflow.db").close()
    return Settings(state=state)


def refused(settings: Settings, folder: Path) -> str:
    with pytest.raises(BackupError) as raised:
        module.backup(settings, folder, SAID.append)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_full_disk_is_one_sentence_and_leaves_no_snapshot(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Hdfs", Warehouse)
    monkeypatch.setattr(module, "_ends", lambda settings: [])
    folder = tmp_path / "b"
    assert refused(settings, folder) == (
        f"The backup {folder} cannot be made ({folder}.part/warehouse/raw/part-0: No space left on device): make room, or "
        "name a folder that can be written. What was copied, in b.part beside it, is deleted by the next backup of the "
        "same name."
    )
    assert not Warehouse.kept and not folder.exists()
    assert (tmp_path / "b.part" / module.MARK).exists()
    assert "part-0: No space left" in refused(settings, folder)  # the next one begins anew


def test_a_folder_that_cannot_be_made_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = f"cannot be made ({tmp_path}/file/b.part: Not a directory): make room, or name"
    assert words in refused(settings, tmp_path / "file" / "b")


def test_a_secret_that_is_not_there_is_named(settings: Settings, tmp_path: Path) -> None:
    missing = settings.state / "erasure.key"
    missing.unlink()
    assert f"({missing}: No such file or directory)" in refused(settings, tmp_path / "b")


def test_a_database_that_cannot_be_copied_is_named(settings: Settings, tmp_path: Path) -> None:
    database = settings.state / "airflow" / "airflow.db"
    database.write_text(json.dumps("no database" * 1000))
    words = f"{database} cannot be copied to {tmp_path}/b.part/airflow.db: DatabaseError: file is not a database."
    assert refused(settings, tmp_path / "b") == words
