"""What maintenance decides: which files are worth joining, whose staging goes, which properties a table lacks."""

from __future__ import annotations

import datetime as dt

import pytest

from jobs.delta import conflicts
from jobs.upkeep import compaction, housekeeping
from jobs.upkeep.table_health import Health, plain
from lakehouse.clients.hdfs import Status

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
HOST = "hdfs://127.0.0.1:9820"


def test_files_are_counted_by_partition() -> None:
    files = [
        f"{HOST}/l/raw/events/event_date=2026-11-22/b%20c",
        f"{HOST}/l/raw/events/event_date=2026-11-22/a",
        f"{HOST}/l/ops/ledger/d",
    ]
    assert compaction.by_folder(files) == {
        "/l/ops/ledger": ["d"],
        "/l/raw/events/event_date=2026-11-22": ["a", "b c"],
    }


def test_only_files_that_are_small_and_in_the_table_now_are_worth_joining() -> None:
    sizes = {"a": 10, "b": compaction.SMALL_BYTES, "of an older version": 10}
    assert compaction.small_files(["a", "b", "vanished meanwhile"], sizes) == 1


def test_a_partition_is_selected_by_its_folder() -> None:
    assert compaction.partition_filter("/l/raw/events/event_date=2026-11-22") == "event_date = '2026-11-22'"
    assert compaction.partition_filter("/l/ops/ledger") is None


def test_only_staging_of_closed_entries_is_deleted() -> None:
    names = ["entry_id=1", "entry_id=12", "entry_id=3", "entry_id=", "entry_id=x", "dry_run", "else=1"]
    folders = [Status(name, True, 0, NOW) for name in names]
    assert housekeeping.closed_folders(folders, 3) == ["entry_id=1", "entry_id=3"]
    assert housekeeping.closed_folders(folders, 0) == []


@pytest.mark.parametrize(
    ("there", "hours", "wanted"),
    [
        ({}, 168, {"delta.logRetentionDuration": "interval 7 days"}),
        ({"delta.logRetentionDuration": "interval 7 days", "other": "x"}, 168, {}),
        (
            {"delta.logRetentionDuration": "interval 7 days"},
            336,
            {"delta.deletedFileRetentionDuration": "interval 336 hours"},
        ),
        (
            {"delta.logRetentionDuration": "interval 7 days", "delta.deletedFileRetentionDuration": "interval 0 hours"},
            168,
            {"delta.deletedFileRetentionDuration": "interval 168 hours"},
        ),
    ],
)
def test_the_properties_that_a_table_lacks(there: dict[str, str], hours: int, wanted: dict[str, str]) -> None:
    assert housekeeping.wanted_properties(there, hours) == wanted


def test_a_conflict_is_tried_again_a_few_times_and_said() -> None:
    said: list[str] = []
    tries: list[int] = []

    def action() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("[DELTA_CONCURRENT_APPEND.WITHOUT_HINT] files were added")

    conflicts.retried(action, said.append, "build of a day")
    assert said == [f"build of a day: another writer was faster; attempt {n} of 4" for n in (2, 3)]


def test_a_conflict_that_stays_and_another_error_are_the_callers() -> None:
    tries: list[int] = []

    def action() -> None:
        tries.append(1)
        raise RuntimeError("DELTA_CONCURRENT_DELETE_READ" if len(tries) < 9 else "disk full")

    with pytest.raises(RuntimeError, match="DELTA_CONCURRENT"):
        conflicts.retried(action, lambda _: None, "x")
    assert len(tries) == conflicts.ATTEMPTS
    tries += [1] * 4
    with pytest.raises(RuntimeError, match="disk full"):
        conflicts.retried(action, lambda _: None, "x")
    assert len(tries) == 9


def test_a_verdict_is_one_line() -> None:
    assert str(Health("game.x")) == "game.x: Delta log, metastore and Trino agree"
    assert str(Health("game.x", ("a", "b"))) == "game.x: repaired: a; b"
    assert str(Health("game.x", ("a",), ("c",))) == "game.x: NOT REPAIRED: c"


def test_types_are_compared_as_spark_writes_them() -> None:
    assert plain("array<struct<key: string, value: binary>>") == "array<struct<key:string,value:binary>>"
