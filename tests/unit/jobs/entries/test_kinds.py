"""Each kind of entry from its plan to its end, with the real judging and audits, on a ledger and tables in memory."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import uuid
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from expectations.audit import prepare
from jobs.delta.memory import MemoryStore
from jobs.entries import commit, ingest
from jobs.ledger.memory import MemoryLedger, MemoryTable
from jobs.raw import drain, raw_events
from jobs.raw.raw_events import as_raw
from jobs.runtime.hooks import Hooks
from jobs.runtime.job import Job
from jobs.staging.open_quarantine import open_rows
from jobs.upkeep import purge
from jobs.upkeep.erasures import hash_of
from lakehouse import names
from lakehouse.catalog import tables
from lakehouse.ledger.entries import Entry, Request
from lakehouse.ledger.offsets import Log, OffsetRange, OffsetsError, TopicPartition
from lakehouse.ledger.selection import Selection
from lakehouse.ledger.vocabulary import Kind, Verdict
from lakehouse.settings import Settings
from tests.agreement.rows import raw_rows
from tests.unit.jobs.messages import CONTRACTS, NOW, event_id

with warnings.catch_warnings():  # what other people's packages warn of while they are imported is theirs to mend
    warnings.simplefilter("ignore")
    prepare()

pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed <socket:ResourceWarning",
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",
)
AT = TopicPartition("events", "id", 0)
DAY = NOW.date()
KEY = "0123456789abcdef" * 4


class Crash(Exception):
    """What a test does to an attempt in place of kill -9."""


class CrashesAt(Hooks):
    """Ends the attempt at one point, each time that it comes there."""

    def __init__(self, point: str | None) -> None:
        self._point = point

    def at(self, point: str) -> None:
        if point == self._point:
            raise Crash(point)


class Said:
    """A logger that keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str) -> None:
        self.lines.append(message)

    warning = info


class World:
    """One lakehouse in memory."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        key = folder / "erasure.key"
        key.write_text(KEY)
        nobody = "127.0.0.1:9"
        self.settings = Settings(
            state=folder,
            hdfs_uri="file:",
            warehouse=str(folder / "warehouse"),
            webhdfs_url=f"http://{nobody}/webhdfs/v1",
            kafka_bootstrap=nobody,
            erasure_key_file=key,
            max_event_bytes=10_000,
        )
        self.spark = spark
        self.store = MemoryStore(spark)
        self.store.create(tables.definitions(CONTRACTS))
        self.ledger = MemoryTable()
        self.log = Said()

    def job(self, crash_at: str | None = None) -> Job:
        """A new attempt."""
        attempt = uuid.uuid4().hex
        ledger = MemoryLedger(self.ledger, attempt, "by hand")
        job = Job(
            self.settings,
            CONTRACTS,
            self.spark,
            ledger,
            CrashesAt(crash_at),
            "by hand",
            attempt,
            argparse.Namespace(),
            self.log,
        )
        job.__dict__["store"] = self.store
        return job

    def arrive(self, *values: bytes | None, at: dt.datetime = NOW) -> int:
        """A batch of messages, planned and in raw. Returns its number."""
        snapshot = self.job().ledger.read()
        batch_id, start = snapshot.last_entry_id + 1, snapshot.cursor.get(AT, 0)
        self.job().ledger.plan_ingest(batch_id, [OffsetRange(AT, start, start + len(values))])
        self.store.add_rows(self.messages(values, start, batch_id, at), names.RAW_EVENTS)
        return batch_id

    def messages(self, values: Iterable[bytes | None], start: int, batch_id: int, at: dt.datetime = NOW) -> Any:
        frame = self.spark.createDataFrame(raw_rows(list(values), at)).selectExpr(
            "* except (`offset`)", f"`offset` + {start} as `offset`"
        )
        return as_raw(frame, {"events": "id"}, batch_id)

    def ask(self, kind: Kind, **more: Any) -> Entry:
        """Plans a request and closes all that is open. Returns the request's entry."""
        entry_id = self.job().ledger.read().last_entry_id + 1
        request = Request(kind, "tester", "a test's reason", more.pop("through", entry_id - 1), **more)
        self.job().ledger.plan_request(entry_id, request)
        self.close()
        return self.entry(entry_id)

    def close(self, crash_at: str | None = None) -> None:
        """Closes all open entries by a new attempt."""
        ddl = ", ".join(f"`{name}` {kind}" for name, (kind, _) in tables.LEDGER.items())
        self.store._frames[names.LEDGER] = self.spark.createDataFrame(cast(list[Any], self.ledger.rows), ddl)
        commit.close_all(self.job(crash_at))

    def entry(self, entry_id: int) -> Entry:
        return self.job().ledger.read_entry(entry_id)

    def offsets(self, table: str) -> list[int]:
        rows = self.store.read(names.event_table(table)).select("offset").collect()
        return sorted(row["offset"] for row in rows)

    def held(self) -> dict[int, str]:
        """The reason of each message that is open in quarantine."""
        return {row["offset"]: row["reason_code"] for row in open_rows(self.job(), "true").collect()}


@pytest.fixture
def world(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(commit, "prepare_audit", lambda: None)
    monkeypatch.setattr(ingest, "mirror_end", lambda job, entry: None)
    monkeypatch.setattr(purge, "clean_staging", lambda job: None)
    return World(spark, tmp_path)


def sword(**fields: Any) -> bytes:
    event = {"event_type": "purchase_sword", "event_id": event_id(), "player": "p", "host": "h", **fields}
    return json.dumps(event).encode()


def counted(entry: Entry) -> dict[str, int]:
    """Rows by destination, as was decided, and found in the tables before the entry was closed."""
    found: Counter[str] = Counter()
    assert entry.decision is not None
    for each in entry.decision.counts:
        found[each.destination] += each.rows
    return dict(found)


def test_an_ingest_sends_each_message_to_one_place(world: World) -> None:
    same = sword()
    batch = world.arrive(sword(), b"junk", same, same, sword(quantity=-1), sword(quantity=1_000_000_000_000_0), None)
    world.close()
    entry = world.entry(batch)
    assert entry.done and entry.decision is not None and entry.decision.verdict == Verdict.PASSED
    assert world.offsets("sword_purchases") == [0, 2]
    assert world.held() == {
        1: "not_json", 4: "schema:quantity:minimum", 5: "schema:quantity:maximum", 6: "no_value",
    }  # fmt: skip
    assert counted(entry) == {"sword_purchases": 2, "quarantine": 4, "duplicate": 1}


POINTS = [
    "after_stage",
    "before_decide",
    "after_decide",
    "before_register",
    "after_table:sword_purchases",
    "after_quarantine",
]


@pytest.mark.parametrize("point", [*POINTS, "before_done"])
def test_an_ingest_that_ended_anywhere_is_finished_by_the_next_run_once(world: World, point: str) -> None:
    batch = world.arrive(sword(), b"junk", sword(event_type="default"))
    with pytest.raises(Crash):
        world.close(crash_at=point)
    assert not world.entry(batch).done
    world.close()
    assert world.entry(batch).done
    assert (world.offsets("sword_purchases"), world.offsets("default_events"), world.held()) == (
        [0],
        [2],
        {1: "not_json"},
    )


def test_a_repetition_in_a_later_batch_goes_nowhere(world: World) -> None:
    same = event_id()
    world.arrive(sword(event_id=same))
    world.arrive(sword(event_id=same), sword(event_id=same, quantity=7))
    world.close()
    assert world.offsets("sword_purchases") == [0]
    assert world.held() == {2: "event_id_reused"}


def test_a_replay_takes_what_its_selection_says_and_publishes_what_passes_now(world: World) -> None:
    """Held rows of a batch keep their contract: a waiver accepts them, and nothing else of quarantine is touched."""
    many = [sword() for _ in range(20)]
    bad = [sword(quantity=2_000_000_000) for _ in range(110)]  # more than a rule of rows lets through
    batch = world.arrive(*many, *bad, b"junk")
    world.close()
    decision = world.entry(batch).decision
    assert decision is not None and decision.verdict == Verdict.FAILED
    assert world.offsets("sword_purchases") == [] and len(world.held()) == 131
    (rule,) = decision.failed_checks
    replayed = world.ask(Kind.REPLAY, selection=Selection(reason=f"audit:{rule}"))
    assert counted(replayed) == {"sword_purchases": 20, "quarantine": 110}
    assert world.offsets("sword_purchases") == list(range(20)) and len(world.held()) == 111
    waived = world.ask(Kind.REPLAY, selection=Selection(reason=f"audit:{rule}"), waiver="they were sold")
    assert counted(waived) == {"sword_purchases": 110}
    assert world.offsets("sword_purchases") == list(range(130)) and world.held() == {130: "not_json"}
    again = world.ask(Kind.REPLAY, selection=Selection(reason=f"audit:{rule}"))
    assert again.done and counted(again) == {}


def test_a_discard_closes_rows_of_quarantine_and_publishes_nothing(world: World) -> None:
    world.arrive(sword(), b"junk", sword(quantity=-1))
    world.close()
    discarded = world.ask(Kind.DISCARD, selection=Selection(reason="not_json"))
    assert counted(discarded) == {"discarded": 1}
    assert world.held() == {2: "schema:quantity:minimum"} and world.offsets("sword_purchases") == [0]
    (action,) = world.store.read(names.QUARANTINE_ACTIONS).collect()
    assert (action["action"], action["offset"], action["who"], action["why"]) == (
        "discarded", 1, "tester", "a test's reason",
    )  # fmt: skip


def test_a_rebuild_puts_back_what_is_missing_and_touches_nothing_else(world: World) -> None:
    batch = world.arrive(sword(), b"junk", sword(), sword(event_type="default"))
    world.close()
    same = world.ask(Kind.REBUILD, day=DAY, through=batch)
    assert same.done and counted(same) == {}
    table = names.event_table("sword_purchases")
    world.store.delete_rows(world.store.read(table).where("`offset` = 2"), table)
    before = world.store.read(names.event_table("default_events")).collect()
    rebuilt = world.ask(Kind.REBUILD, day=DAY, through=batch)
    assert rebuilt.decision is not None
    changed = {each.destination: each.changed for each in rebuilt.decision.comparison if each.changed}
    assert changed == {"sword_purchases": 1}
    assert world.offsets("sword_purchases") == [0, 2] and world.held() == {1: "not_json"}
    assert world.store.read(names.event_table("default_events")).collect() == before


def test_a_rebuild_of_a_day_whose_raw_lacks_a_message_is_abandoned(world: World) -> None:
    batch = world.arrive(sword(), sword())
    world.close()
    raw = world.store.read(names.RAW_EVENTS)
    world.store.delete_rows(raw.where("`offset` = 1"), names.RAW_EVENTS)
    refused = world.ask(Kind.REBUILD, day=DAY, through=batch)
    assert refused.decision is not None and refused.decision.abandoned
    assert "events-0: 1 in raw, 2 counted" in refused.decision.why
    assert world.offsets("sword_purchases") == [0, 1]


def test_an_erased_player_is_in_no_table_and_does_not_come_back(world: World) -> None:
    batch = world.arrive(
        sword(player="anna"),
        sword(player="bob"),
        sword(player="anna", quantity=-1),
        b"junk",
        sword(host="anna").replace(b'"player": "p", ', b""),
    )
    world.close()
    erased = world.ask(Kind.ERASE, player_hash=hash_of("anna", KEY.encode()))
    assert erased.done
    assert counted(erased) == {"raw": 3, "sword_purchases": 2, "quarantine": 1}
    assert world.offsets("sword_purchases") == [1] and world.held() == {3: "not_json"}
    left = [row["offset"] for row in world.store.read(names.RAW_EVENTS).orderBy("offset").collect()]
    assert left == [1, 3]
    rebuilt = world.ask(Kind.REBUILD, day=DAY, through=batch)
    assert rebuilt.done and world.offsets("sword_purchases") == [1]


@pytest.fixture
def kafka(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What Kafka holds in its one partition, from offset 0 on."""
    waiting: list[bytes] = []

    def read_batch(spark: SparkSession, bootstrap: str, batch_id: int, ranges: list[OffsetRange]) -> Any:
        (only,) = ranges
        return world.messages(waiting[only.start : only.until], only.start, batch_id)

    monkeypatch.setattr(drain, "logs_of", lambda job, planned: [Log(AT, 0, len(waiting))])
    monkeypatch.setattr(raw_events, "read_batch", read_batch)
    return waiting


def in_raw(world: World) -> dict[int, list[int]]:
    """Offsets by batch."""
    found: dict[int, list[int]] = {}
    for row in world.store.read(names.RAW_EVENTS).orderBy("batch_id", "offset").collect():
        found.setdefault(row["batch_id"], []).append(row["offset"])
    return found


def test_a_drain_plans_what_waits_in_batches_and_brings_each_to_raw(world: World, kafka: list[bytes]) -> None:
    world.settings = world.settings.model_copy(update={"max_events_per_batch": 2})
    kafka += [sword() for _ in range(5)]
    assert drain.drain_waiting(world.job()) == 3
    assert in_raw(world) == {1: [0, 1], 2: [2, 3], 3: [4]}
    assert drain.drain_waiting(world.job()) == 0
    world.close()
    assert world.offsets("sword_purchases") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("point", ["before_plan", "after_plan", "before_raw", "after_raw"])
def test_a_drain_that_ended_anywhere_is_finished_by_the_next(world: World, kafka: list[bytes], point: str) -> None:
    kafka += [sword(), sword()]
    with pytest.raises(Crash):
        drain.drain_waiting(world.job(crash_at=point))
    kafka.append(sword())
    drain.drain_waiting(world.job())
    drain.drain_waiting(world.job())
    assert sorted(offset for offsets in in_raw(world).values() for offset in offsets) == [0, 1, 2]
    world.close()
    assert world.offsets("sword_purchases") == [0, 1, 2]


def test_a_drain_whose_messages_kafka_no_longer_has_moves_nothing(
    world: World, kafka: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka += [sword(), sword()]
    with pytest.raises(Crash):
        drain.drain_waiting(world.job(crash_at="after_plan"))
    monkeypatch.setattr(drain, "logs_of", lambda job, planned: [Log(AT, 1, 2)])
    with pytest.raises(OffsetsError):
        drain.drain_waiting(world.job())
    assert in_raw(world) == {} and world.job().ledger.read().last_entry_id == 1
