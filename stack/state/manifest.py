"""The manifest of a backup: what is in its folder, with checksums, and what of Kafka it holds."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from lakehouse.texts import is_of_file, words_of_file
from stack.errors import StackError

FILE = "manifest.json"
WAREHOUSE = "warehouse"  # folder: the tables as they lay in HDFS
AIRFLOW_DATABASES = {"sqlite": "airflow.db", "postgresql": "airflow.dump"}
SECRETS = {"erasure.key": "erasure_key", "airflow-secrets.json": "airflow_keys", "passwords.json": "airflow_passwords"}
THREADS = 8

Database = Literal["sqlite", "postgresql"]


class BackupError(StackError):
    """A backup cannot be made, or cannot be restored as it is. The message says what, where, and what to do."""


@contextmanager
def told_of_files(begin: str, place: Path, end: str) -> Iterator[None]:
    """A file that cannot be read or written in this block is a BackupError: `begin`, its path and the cause, `end`.

    place: where an error that names no file happened, as on a full disk.
    """
    try:
        yield
    except OSError as error:
        if not is_of_file(error):
            raise
        raise BackupError(f"{begin} ({words_of_file(error, place)}): {end}") from error


class Part(BaseModel):
    """One file: its path in the backup's folder, bytes, SHA-256, and for the warehouse when it last changed in HDFS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size: int
    sha256: str
    changed_at: dt.datetime | None = None


class Partition(BaseModel):
    """How far ingest had read a partition, and where Kafka's log ended just after the snapshot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: str
    topic_id: str
    partition: int
    next_offset: int
    end: int | None  # none: Kafka no longer had that topic

    @property
    def waiting(self) -> int:
        """The offsets that Kafka held then and the backup does not."""
        return max(0, (self.end or 0) - self.next_offset)

    def __str__(self) -> str:
        words = f"{self.waiting} offsets waited when the backup was made" if self.waiting else "nothing known waited"
        return f"{self.topic}-{self.partition} [{self.next_offset}, end of the topic {self.topic_id}): {words}"


class Manifest(BaseModel):
    """The content of manifest.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal[1, 2]  # of this file and of the folder
    id: str
    made_at: dt.datetime  # of the snapshot
    version: str  # of the code that made it
    commit: str | None
    warehouse_uri: str
    database: Database = "sqlite"  # Airflow's; form 1 did not say, and knew no other
    last_entry: int  # of the ledger
    decided: tuple[
        int, ...
    ]  # entries that were decided and not closed: they name staging folders by their full address
    erasures: int  # rows of ops.erasures
    partitions: tuple[Partition, ...]
    files: tuple[Part, ...]

    @property
    def size(self) -> int:
        return sum(each.size for each in self.files)

    @property
    def airflow(self) -> str:
        """The file that holds Airflow's database."""
        return AIRFLOW_DATABASES[self.database]

    def __str__(self) -> str:
        return (
            f"backup {self.id[:8]} of {self.made_at:%Y-%m-%d %H:%M:%S} UTC, made by {self.version}: "
            f"{len(self.files):,} files, {self.size / 1e6:,.1f} MB, through ledger entry {self.last_entry}"
        )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup.

    Raises:
        BackupError: the folder is no whole backup, or one that this version cannot read.
    """
    if folder.name.endswith(".part"):
        raise BackupError(f"{folder} is what a backup that did not end has left: give the folder of a whole one.")
    file = folder / FILE
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except OSError as error:
        raise BackupError(f"{folder} is no backup: {file} cannot be read ({error.strerror}).") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise BackupError(
            f"{file} cannot be used ({place}: {first['msg']}): it is damaged, or of another version; this reads forms 1 and 2."
        ) from None


def verify(folder: Path, manifest: Manifest, tell: Callable[[int, int], None]) -> None:
    """Compares every file with its size and checksum. `tell`: how many files and bytes are looked at so far.

    Raises:
        BackupError: names the first files that are missing, added or changed.
    """
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {FILE}
    wrong = [f"{name} is not in the manifest" for name in sorted(there - {each.path for each in manifest.files})]
    with ThreadPoolExecutor(THREADS) as threads:
        files = size = 0
        for each, fault in zip(manifest.files, threads.map(lambda p: _fault(folder, p), manifest.files), strict=True):
            files, size = files + 1, size + each.size
            tell(files, size)
            if fault:
                wrong.append(f"{each.path} {fault}")
    if wrong:
        raise BackupError(
            f"The backup {folder} is not as it was made; nothing was restored. Take another one. Of {len(wrong)} faults:\n"
            + "\n".join(f"  {fault}" for fault in wrong[:10])
        )


def verify_some(folder: Path, manifest: Manifest, names: Collection[str]) -> None:
    """Compares files of these names alone.

    Raises:
        BackupError: names those that are missing or changed.
    """
    found = {each.path: _fault(folder, each) for each in manifest.files if each.path in names}
    if wrong := [f"{name} {fault}" for name in names if (fault := found.get(name, "is not in the manifest"))]:
        raise BackupError(f"The backup {folder} is not as it was made, take another one: {'; '.join(wrong)}.")


def part_of(folder: Path, path: str) -> Part:
    """A file of the folder as a part of the manifest."""
    file = folder / path
    return Part(path=path, size=file.stat().st_size, sha256=_sha256(file))


def waiting(partitions: Sequence[Partition]) -> int:
    return sum(each.waiting for each in partitions)


def _fault(folder: Path, part: Part) -> str | None:
    file = folder / part.path
    if not file.is_file():
        return "is missing"
    if (size := file.stat().st_size) != part.size:
        return f"has {size} bytes, not {part.size}"
    return None if _sha256(file) == part.sha256 else "has another checksum"


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
