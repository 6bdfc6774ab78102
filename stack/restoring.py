"""What backups and restores leave for others of the same stack to see: a folder, which containers share as a volume."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from stack.errors import StackError
from stack.locks import locked

HDFS = ("namenode", "datanode")
# Enough for jobs. Nobody can ask Trino, Airflow's pages, the API or the live state before a restore is done.
JOBS = (*HDFS, "kafka", "metastore", "spark", "topics", "tables")


def folder(state: Path) -> Path:
    return state / "backup"


def restoring(state: Path) -> Path:
    """The file that is there from the first change of a restore to its end."""
    return folder(state) / "restoring.json"


def restored(state: Path) -> Path:
    """The file that says which backup this stack was restored from, and when."""
    return folder(state) / "restored.json"


def refuse_half_restored(state: Path, error: type[StackError] = StackError) -> None:
    """Nobody reads, copies or changes a stack while the restore that began to fill it has not ended."""
    if restoring(state).exists():
        raise error(
            f"A restore into {state} did not end: run the same `lakehouse restore` again (of containers: "
            "`make compose-restore`)."
        )


def alone(state: Path, error: type[StackError]) -> AbstractContextManager[None]:
    """Locks out other backups and restores of the same stack."""
    return locked(
        folder(state) / "lock", error(f"Another backup or restore of {state} is at work: wait for it to end.")
    )
