"""The manifest of a backup: read, written, and held against the folder; what is wrong is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.state.manifest import BackupError, Partition, part_of, read_manifest, verify
from tests.unit.stack.state.manifests import manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A backup of three files."""
    folder = tmp_path / "backup"
    for name in ("airflow.db", "erasure.key", "warehouse/raw/events/part-0"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    files = tuple(part_of(folder, str(f.relative_to(folder))) for f in sorted(folder.rglob("*")) if f.is_file())
    (folder / "manifest.json").write_text(manifest(files).model_dump_json())
    return folder


def looked_at(folder: Path) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    verify(folder, read_manifest(folder), lambda files, size: told.append((files, size)))
    return told


def test_a_whole_backup_is_right_and_each_file_is_told(folder: Path) -> None:
    assert looked_at(folder) == [(1, 10), (2, 21), (3, 48)]
    assert str(read_manifest(folder)) == (
        "backup 01234567 of 2026-11-28 00:00:00 UTC, made by 0.1.0: 3 files, 0.0 MB, through ledger entry 7"
    )


def test_form_1_did_not_say_of_which_kind_the_database_is_and_knew_one(folder: Path) -> None:
    file = folder / "manifest.json"
    values = json.loads(file.read_text())
    assert (read_manifest(folder).database, read_manifest(folder).airflow) == ("sqlite", "airflow.db")
    del values["database"]
    file.write_text(json.dumps(values | {"form": 1}))
    assert read_manifest(folder).database == "sqlite"
    file.write_text(json.dumps(values | {"form": 2, "database": "postgresql"}))
    assert read_manifest(folder).airflow == "airflow.dump"


def test_what_waited_is_named_by_topic_partition_and_offset() -> None:
    def said(next_offset: int, end: int | None) -> str:
        return str(Partition(topic="events", topic_id="a", partition=0, next_offset=next_offset, end=end))

    assert said(5, 8) == "events-0 [5, end of the topic a): 3 offsets waited when the backup was made"
    assert said(8, 8) == said(8, None) == "events-0 [8, end of the topic a): nothing known waited"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: (f / "erasure.key").unlink(), "erasure.key is missing"),
        (lambda f: (f / "erasure.key").write_text("short"), "erasure.key has 5 bytes, not 11"),
        (lambda f: (f / "erasure.key").write_text("erasure.kez"), "erasure.key has another checksum"),
        (lambda f: (f / "other").touch(), "other is not in the manifest"),
    ],
)
def test_a_file_that_is_not_as_it_was_made_is_named(folder: Path, change: Callable[[Path], object], words: str) -> None:
    change(folder)
    with pytest.raises(BackupError, match=f"is not as it was made; nothing was restored.*\n  {words}"):
        looked_at(folder)


def test_a_folder_that_is_no_whole_backup_of_this_form_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="is no backup: .*manifest.json cannot be read"):
        read_manifest(tmp_path)
    with pytest.raises(BackupError, match="a backup that did not end has left"):
        read_manifest(folder.rename(tmp_path / "backup.part"))
    folder = tmp_path / "backup.part"
    folder = folder.rename(tmp_path / "backup")
    values = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(values | {"form": 3}))
    with pytest.raises(BackupError, match="form: Input should be 1 or 2.*of another version; this reads forms 1 and 2"):
        read_manifest(folder)
    (folder / "manifest.json").write_text('{"form": 1')
    with pytest.raises(BackupError, match="the file: Invalid JSON.*it is damaged"):
        read_manifest(folder)
