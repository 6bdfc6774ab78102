"""Makes a backup: the warehouse as one HDFS snapshot has it, Airflow's database, and the keys (decision 33)."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lakehouse import names
from lakehouse.clients.hdfs import Hdfs, HdfsError, Status
from lakehouse.clients.kafka import admin, read_logs
from lakehouse.contract.load import load_contracts
from lakehouse.erasure_list import keep
from lakehouse.ledger.entries import Snapshot
from lakehouse.ledger.offsets import Log, TopicPartition
from lakehouse.settings import CHECKOUT, Settings
from lakehouse.version import VERSION
from stack.environment import local_settings, secret_files, write_private
from stack.restoring import alone, refuse_half_restored
from stack.state.airflow_database import AirflowDatabase, airflow_database
from stack.state.copied import Copied
from stack.state.manifest import (
    AIRFLOW_DATABASES,
    FILE,
    SECRETS,
    THREADS,
    WAREHOUSE,
    BackupError,
    Manifest,
    Part,
    Partition,
    part_of,
    told_of_files,
)
from stack.state.told import Say, Told

MARK = ".lakehouse-backup"  # in a folder that is being written

Owner = tuple[int, int]  # the numbers of a user and a group


def backup(settings: Settings, folder: Path, say: Say, owner: Owner | None = None) -> Manifest:
    """Writes a backup of the running stack into a new folder. `owner`: whose the folder is, if not this process's user's.

    Raises:
        BackupError: it cannot be made; the message says why. HdfsError, KafkaError: a server does not answer.
    """
    folder = folder.absolute()
    with told_of_files(
        f"The backup {folder} cannot be made",
        _draft(folder),
        f"make room, or name a folder that can be written. What was copied, in {_draft(folder).name} beside it, is deleted "
        "by the next backup of the same name.",
    ):
        return _backup(local_settings(settings), folder, say, owner)


def _backup(settings: Settings, folder: Path, say: Say, owner: Owner | None) -> Manifest:
    refuse_half_restored(settings.state, BackupError)
    if folder.exists():
        raise BackupError(f"{folder} is there already: name a new folder for each backup.")
    database = airflow_database(settings)
    with alone(settings.state, BackupError):
        draft = _new_draft(folder)
        _copy_airflow(settings, database, draft)  # before the tables: what it says was done is in them
        hdfs, name = Hdfs(settings), names.BACKUP_SNAPSHOT + uuid.uuid4().hex
        hdfs.allow_snapshots(settings.warehouse)
        for old in hdfs.snapshots(settings.warehouse):
            if old.name.startswith(names.BACKUP_SNAPSHOT):  # of a backup that was killed
                hdfs.delete_snapshot(settings.warehouse, old.name)
        snapshot = hdfs.make_snapshot(settings.warehouse, name)
        try:
            made_at = dt.datetime.now(dt.UTC)
            say(f"the warehouse is kept as it is at {made_at:%H:%M:%S} UTC, as snapshot {name}")
            ends = _ends(settings)
            warehouse = _copy_warehouse(hdfs, snapshot, draft / WAREHOUSE, say)
        finally:
            hdfs.delete_snapshot(settings.warehouse, name)
        manifest = _describe(settings, database, draft, made_at, ends, warehouse)
        write_private(draft / FILE, manifest.model_dump_json(indent=1))
        if owner is not None:
            _hand_over(draft, owner)
        (draft / MARK).unlink()
        os.sync()  # the name says that it is whole
        draft.rename(folder)
    return manifest


def _draft(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.part")


def _new_draft(folder: Path) -> Path:
    """An empty folder beside the final one, for its owner alone."""
    draft = _draft(folder)
    if draft.exists():
        if not (draft / MARK).exists():
            raise BackupError(f"{draft} is in the way, and no backup left it: move it, or name another folder.")
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700, parents=True)
    (draft / MARK).touch()
    return draft


def _hand_over(draft: Path, owner: Owner) -> None:
    """In a container the user is none of the host's; the folder is to be of the person there."""
    for file in (draft, *draft.rglob("*")):
        os.chown(file, *owner)


def _copy_airflow(settings: Settings, database: AirflowDatabase, draft: Path) -> None:
    """Airflow's database as one transaction sees it, and the keys without which it and the tables cannot be used."""
    database.copy_to(draft / AIRFLOW_DATABASES[database.kind])
    files = secret_files(settings.state) | {"erasure_key": settings.erasure_key_file}
    for name, secret in SECRETS.items():
        shutil.copyfile(files[secret], draft / name)
    for file in draft.iterdir():
        file.chmod(0o600)


def _ends(settings: Settings) -> list[Log]:
    """Kafka's logs now, after the snapshot: what was acknowledged before it is below these ends."""
    with admin(settings) as client:
        return read_logs(client, load_contracts(settings.contracts).topics)


def _copy_warehouse(hdfs: Hdfs, snapshot: str, folder: Path, say: Say) -> list[Part]:
    """All files of the snapshot, with the time at which each last changed."""
    found = list(hdfs.below(snapshot))
    total = sum(status.size for _, status in found)
    told = Told(say, f"of {len(found):,} files, {total / 1e6:,.1f} MB, are copied")

    def copy(each: tuple[str, Status]) -> Part:
        path, status = each
        local = folder / path
        local.parent.mkdir(parents=True, exist_ok=True)
        digest = hdfs.read_into(f"{snapshot}/{path}", local)
        if (size := local.stat().st_size) != status.size:
            raise HdfsError(f"HDFS gave {size} bytes of {snapshot}/{path}, which has {status.size}")
        told.one(size)
        return Part(path=f"{WAREHOUSE}/{path}", size=size, sha256=digest, changed_at=status.changed_at)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(copy, found))


def _describe(
    settings: Settings,
    database: AirflowDatabase,
    draft: Path,
    made_at: dt.datetime,
    ends: Sequence[Log],
    warehouse: Sequence[Part],
) -> Manifest:
    """Reads the copied ledger: it says how far ingest was in the snapshot. Brings the list of erasures up to date."""
    copied = Copied(draft)
    ledger, gone = copied.ledger, copied.erasures
    keep(settings.erasure_list_file, gone)
    return Manifest(
        form=2,
        id=uuid.uuid4().hex,
        made_at=made_at,
        version=VERSION,
        commit=_commit(),
        warehouse_uri=settings.warehouse_uri,
        database=database.kind,
        last_entry=ledger.last_entry_id,
        decided=tuple(each.entry_id for each in ledger.open_entries if each.decision is not None),
        erasures=len(gone),
        partitions=tuple(_partitions(ledger, copied.newest_is_in_raw, ends)),
        files=(*[part_of(draft, name) for name in (AIRFLOW_DATABASES[database.kind], *SECRETS)], *warehouse),
    )


def _partitions(ledger: Snapshot, in_raw: bool, ends: Sequence[Log]) -> Iterator[Partition]:
    """For each partition the first offset that raw lacks. A batch that is planned and not in raw is not read."""
    newest = ledger.newest_ingest
    read = {r.at: r.until if in_raw else r.start for r in newest.ranges} if newest else {}
    end: Mapping[TopicPartition, int] = {log.at: log.end for log in ends}
    for at in sorted(read.keys() | end.keys()):
        yield Partition(
            topic=at.topic, topic_id=at.topic_id, partition=at.partition, next_offset=read.get(at, 0), end=end.get(at)
        )


def _commit() -> str | None:
    """The commit of the code, if it is a checkout of git."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, timeout=10, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() or None
