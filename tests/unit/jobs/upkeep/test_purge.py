"""When the record of an erasure may say that nothing old is left of the player."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.upkeep import purge, snapshots
from tests.unit.jobs.upkeep.kept import LOCAL, WAREHOUSE, Kept, Listening

LONG_AGO = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


class Erasures:
    """ops.erasures with one that waits for so long that its old files are gone, or with none; keeps what is run on it."""

    def __init__(self, last: dt.datetime | None = LONG_AGO) -> None:
        self.last = last
        self.done: list[str] = []

    def read(self, table: object) -> Erasures:
        return self

    where = selectExpr = read

    def collect(self) -> list[dict[str, dt.datetime | None]]:
        return [{"last": self.last}]

    def sql(self, statement: str) -> SimpleNamespace:
        return SimpleNamespace(collect=lambda: self.done.append(statement))


def job(erasures: Erasures, local: bool = False) -> Any:
    settings = LOCAL if local else WAREHOUSE
    return Listening(settings, store=erasures, spark=erasures, path=lambda table: f"/{table.name}")


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    monkeypatch.setattr(snapshots, "Hdfs", Kept)
    monkeypatch.setattr(Kept, "days", {})
    return Kept.days


@pytest.mark.parametrize("name", ["backup-killed", "of-somebody-else"])
def test_while_a_snapshot_keeps_the_old_files_nobody_is_noted_as_purged(kept: dict[str, float], name: str) -> None:
    kept[name] = 0.1
    erasures = Erasures()
    purge.note_purged(given := job(erasures), ())
    assert erasures.done == []
    assert given.said == [
        f"old files can still be read below /lakehouse/.snapshot/ ({name}), so purged_at stays null; the next day looks "
        "again"
    ]
    del kept[name]
    purge.note_purged(given, ())
    (done,) = erasures.done
    assert done.startswith("update delta.`/erasures` set purged_at = current_timestamp()")
    assert (
        given.said[-1] == "no file and no log entry is left of players that were erased until 2026-01-02T00:00:00+00:00"
    )


def test_in_a_local_folder_no_snapshot_is_looked_for(kept: dict[str, float]) -> None:
    kept["backup-of-another-warehouse"] = 1
    erasures = Erasures()
    purge.note_purged(job(erasures, local=True), ())
    assert len(erasures.done) == 1


def test_of_snapshots_nothing_is_said_while_no_erasure_waits(kept: dict[str, float]) -> None:
    kept["backup-going-on"] = 0.1
    erasures = Erasures(last=None)
    purge.note_purged(given := job(erasures), ())
    assert (erasures.done, given.said) == ([], [])
