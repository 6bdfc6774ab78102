"""Restores a backup on an empty stack: nothing that reads tables is started before what is lost and erased is settled."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lakehouse.clients.hdfs import Hdfs
from lakehouse.erasure_list import Erased, keep, later, read
from lakehouse.settings import Settings
from stack import bootstrap
from stack.control import only_one
from stack.environment import job_environment, local_settings, secret_files, write_private
from stack.restoring import HDFS, JOBS, alone, restored, restoring
from stack.state.airflow_database import airflow_database
from stack.state.copied import Copied
from stack.state.manifest import (
    SECRETS,
    THREADS,
    WAREHOUSE,
    BackupError,
    Database,
    Manifest,
    Part,
    read_manifest,
    told_of_files,
    verify,
)
from stack.state.restored_servers import Servers
from stack.state.told import Say, Told

_ERASE_SECONDS = 3600.0
_RESTORED_BY: dict[Database, str] = {
    "sqlite": "Airflow's database in SQLite, as `make up` has it: restore it by `lakehouse restore`, without "
    "LAKEHOUSE_DATABASE",
    "postgresql": "Airflow's database in PostgreSQL, as containers have it: restore it by `make compose-restore`",
}


@dataclass(frozen=True)
class Order:
    """What a person asked for: which backup, who asks and why, and the list of erasures; none: nobody was erased."""

    folder: Path
    who: str
    why: str
    erasures: Path | None


def check(settings: Settings, order: Order, servers: Servers, say: Say) -> Manifest:
    """Looks at everything that speaks against the restore, and changes nothing.

    Raises:
        BackupError: something does. ErasureListError: the list cannot be read. HdfsError, KafkaError: a server that
            others start does not answer.
    """
    with told_of_files(f"The backup {order.folder} cannot be read", order.folder, "nothing was restored."):
        return _check(local_settings(settings), order, servers, say)


def _check(settings: Settings, order: Order, servers: Servers, say: Say) -> Manifest:
    manifest = read_manifest(order.folder)
    if manifest.database != (here := airflow_database(settings).kind):
        raise BackupError(
            f"{order.folder} holds {_RESTORED_BY[manifest.database]}. This stack's is {here}, which cannot read it."
        )
    _check_stack(settings, manifest, servers)
    if manifest.decided and settings.warehouse_uri != manifest.warehouse_uri:
        raise BackupError(
            f"Entry {manifest.decided[0]} was decided and not closed; its staged files are named with the address "
            f"{manifest.warehouse_uri}, and this stack has {settings.warehouse_uri}. Restore under the same address "
            "(LAKEHOUSE_NAMENODE_PORT, LAKEHOUSE_PORT_OFFSET, LAKEHOUSE_WAREHOUSE), or take a backup with --drain."
        )
    told = Told(say, f"of {len(manifest.files):,} files, {manifest.size / 1e6:,.1f} MB, have the right checksum")
    verify(order.folder, manifest, told.so_far)
    _check_secrets(settings, order.folder)
    if order.erasures is not None:
        _check_list(order.erasures, read(order.erasures), Copied(order.folder).erasures)
    return manifest


def erased_since(order: Order) -> int:
    """How many erasures are carried out again."""
    return len(later(read(order.erasures), Copied(order.folder).erasures)) if order.erasures else 0


def restore(settings: Settings, order: Order, manifest: Manifest, servers: Servers, say: Say) -> None:
    """Restores a backup that `check` found right, and starts the stack. A restore that was killed is gone on with.

    Raises:
        StackError: a step failed; the same command goes on with it. HdfsError: HDFS does not answer.
    """
    settings = local_settings(settings)
    marker = restoring(settings.state)
    with only_one(settings.state), alone(settings.state, BackupError):
        _check_stack(settings, manifest, servers)
        write_private(marker, json.dumps({"id": manifest.id}))
        _put_airflow(settings, order.folder, manifest)
        servers.run(HDFS)
        _put_warehouse(settings, order.folder, manifest, say)
        servers.run(JOBS)
        for line in _settle(settings, order, manifest):
            say(line)
        done = {"id": manifest.id, "at": f"{dt.datetime.now(dt.UTC)}"}
        write_private(restored(settings.state), json.dumps(done))
        marker.unlink()
        servers.run()
        say(f"Restored {manifest}.")


def _check_stack(settings: Settings, manifest: Manifest, servers: Servers) -> None:
    marker = restoring(settings.state)
    if marker.exists():
        if json.loads(marker.read_text())["id"] != manifest.id:
            raise BackupError(
                f"{servers.place} holds half of another backup: give that one, or begin anew. {servers.emptied}"
            )
        return
    there = servers.holds()
    if not there:
        return
    before = restored(settings.state)
    if before.exists() and (found := json.loads(before.read_text()))["id"] == manifest.id:
        raise BackupError(f"{servers.place} was restored from this backup at {found['at']}: `{servers.up}` starts it.")
    raise BackupError(
        f"{servers.place} is not empty ({', '.join(there[:5])}): a backup is restored on an empty stack only. "
        f"{servers.emptied}"
    )


def _check_list(file: Path, listed: Sequence[Erased], in_backup: Sequence[Erased]) -> None:
    """The list goes at least as far as the backup: it is brought up to date before a backup ends."""
    if missing := set(in_backup) - set(listed):
        raise BackupError(
            f"{file} lacks {len(missing)} of the {len(in_backup)} erasures that the backup holds: it is an older list, or of "
            "another stack. Give the newest one of the stack that was backed up."
        )


def _check_secrets(settings: Settings, folder: Path) -> None:
    """What lies outside of the stack's folder, or was given to containers, is not written over."""
    for name, file in _secrets(settings).items():
        if file.exists() and file.read_text() != (folder / name).read_text():
            raise BackupError(
                f"{file} is another than {name} of the backup: move it away (in containers, what it is made of: .compose), "
                "the tables and Airflow's database need the backup's."
            )


def _secrets(settings: Settings) -> dict[str, Path]:
    """Where this stack has what the backup has under these names."""
    files = secret_files(settings.state) | {"erasure_key": settings.erasure_key_file}
    return {name: files[secret] for name, secret in SECRETS.items()}


def _put_airflow(settings: Settings, folder: Path, manifest: Manifest) -> None:
    """Airflow's database and the keys, each whole or not at all. Once Airflow's is there, it is left alone."""
    for name, file in _secrets(settings).items():
        write_private(file, (folder / name).read_text())
    airflow_database(settings).fill_from(folder / manifest.airflow)


def _put_warehouse(settings: Settings, folder: Path, manifest: Manifest, say: Say) -> None:
    """Writes all files beside the warehouse's place, compares them, and moves them there at once."""
    hdfs, draft = Hdfs(settings), f"{settings.warehouse}.restoring"
    if not hdfs.exists(draft) and hdfs.exists(f"{settings.warehouse}/ops/ledger"):
        return  # an earlier try moved it
    wanted = [each for each in manifest.files if each.path.startswith(f"{WAREHOUSE}/")]
    there = {path: status.size for path, status in hdfs.below(draft)}
    told = Told(say, f"of {len(wanted):,} files, {manifest.size / 1e6:,.1f} MB, are in HDFS")

    def put(part: Part) -> None:
        name = part.path.removeprefix(f"{WAREHOUSE}/")
        if there.get(name) != part.size or part.size == 0:
            hdfs.write(f"{draft}/{name}", folder / part.path, replace=True)
        if part.changed_at:
            hdfs.set_changed_at(f"{draft}/{name}", part.changed_at)
        told.one(part.size)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(put, wanted))
    now = {path: status.size for path, status in hdfs.below(draft)}
    if now != {each.path.removeprefix(f"{WAREHOUSE}/"): each.size for each in wanted}:
        raise BackupError(f"HDFS does not hold in {draft} what was written there; run the restore again.")
    hdfs.delete(settings.warehouse)  # an empty folder, which a probe of the DataNode has made
    hdfs.move(draft, settings.warehouse)
    say(f"{len(wanted):,} files are in HDFS")


def _settle(settings: Settings, order: Order, manifest: Manifest) -> list[str]:
    """Records the losses and erases again, in a job. Returns what it says."""
    lost = [each.model_dump(include={"topic", "topic_id", "partition"}) for each in manifest.partitions]
    ranges = [
        row | {"start": each.next_offset, "until": None} for row, each in zip(lost, manifest.partitions, strict=True)
    ]
    arguments = ["--run", f"restore of {manifest.id}", "--who", order.who, "--why", order.why]
    arguments += ["--lost", json.dumps(ranges)]
    if order.erasures is not None:
        keep(settings.erasure_list_file, read(order.erasures))
        arguments += ["--erasures", str(order.erasures.absolute())]
    return bootstrap.run_job(settings, job_environment(settings), "restored", *arguments, seconds=_ERASE_SECONDS)
