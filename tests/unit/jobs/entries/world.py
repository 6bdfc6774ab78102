"""One lakehouse in memory, with the real judging and audits: for tests of what jobs do to its ledger and tables."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from jobs.delta.memory import MemoryStore
from jobs.entries import commit, submit
from jobs.ledger.memory import MemoryLedger, MemoryTable
from jobs.raw.raw_events import as_raw
from jobs.runtime.hooks import Hooks
from jobs.runtime.job import Job
from jobs.staging.open_quarantine import open_rows
from lakehouse import names
from lakehouse.catalog import tables
from lakehouse.ledger.entries import Entry, Request
from lakehouse.ledger.offsets import OffsetRange, TopicPartition
from lakehouse.ledger.vocabulary import MESSAGE_KEY, Kind
from lakehouse.names import Table
from lakehouse.settings import Settings
from tests.agreement.rows import raw_rows
from tests.unit.jobs.messages import CONTRACTS, NOW, event_id

AT = TopicPartition("events", "id", 0)
DAY = NOW.date()
KEY = "0123456789abcdef" * 4


class Crash(Exception):
    """What a test does to an attempt in place of kill -9."""


class Trace(list[tuple[str, ...]]):
    """What happened, in order: ("point", its name) and ("commit", table, transaction app)."""


class NotingHooks(Hooks):
    """Notes the points that an attempt passes, and ends it at one of them."""

    def __init__(self, trace: Trace, crash_at: str | None) -> None:
        self._trace = trace
        self._crash_at = crash_at

    def at(self, point: str) -> None:
        self._trace.append(("point", point))
        if point == self._crash_at:
            raise Crash(point)


class NotingStore(MemoryStore):
    """All tables as a lakehouse begins; notes each commit, also one that does nothing. The ledger is read as a table, too."""

    def __init__(self, spark: SparkSession, trace: Trace, ledger: MemoryTable) -> None:
        super().__init__(spark, empty_tables(spark))
        self._trace = trace
        self._ledger = ledger

    def read(self, table: Table) -> DataFrame:
        """A rebuild counts by the ledger's rows."""
        if table != names.LEDGER:
            return super().read(table)
        schema = super().read(table).schema
        rows = pa.Table.from_pylist(cast(list[Any], self._ledger.rows), to_arrow_schema(schema))
        return self._spark.createDataFrame(rows).to(schema)  # of a list a Python worker would make the rows

    def append_once(
        self, frame: DataFrame, table: Table, *, app: str, version: int, replace_where: str | None = None
    ) -> None:
        super().append_once(frame, table, app=app, version=version, replace_where=replace_where)
        self._trace.append(("commit", table.qualified, app))

    def delete_rows(self, places: DataFrame, table: Table, on: Sequence[str] = MESSAGE_KEY) -> None:
        super().delete_rows(places, table, on)
        self._trace.append(("commit", table.qualified, ""))


class NotingTable(MemoryTable):
    """The ledger's rows; notes each commit."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._trace = trace

    def append(self, row: Mapping[str, Any], app: str, version: int) -> None:
        super().append(row, app, version)
        self._trace.append(("commit", names.LEDGER.qualified, app))


class Said:
    """A logger that keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str) -> None:
        self.lines.append(message)

    warning = info

    def debug(self, message: str) -> None:
        """How far it is: said only where a step takes long."""


@cache
def empty_tables(spark: SparkSession) -> Mapping[Table, DataFrame]:
    """All tables as a lakehouse begins, made once: it takes longer than many a test."""
    store, made = MemoryStore(spark), tables.definitions(CONTRACTS)
    store.create(made)
    return {each.table: store.read(each.table) for each in made}


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
        self.trace = Trace()
        self.ledger = NotingTable(self.trace)
        self.store = NotingStore(spark, self.trace, self.ledger)
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
            NotingHooks(self.trace, crash_at),
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
        """Carries out a request, as a job does that somebody started. Returns its entry."""
        request = Request(kind, "tester", "a test's reason", more.pop("through", 0), **more)
        return submit.carry_out(self.job(), request)

    def close(self, crash_at: str | None = None) -> None:
        """Closes all open entries by a new attempt."""
        commit.close_all(self.job(crash_at))

    def entry(self, entry_id: int) -> Entry:
        return self.job().ledger.read_entry(entry_id)

    def offsets(self, table: str) -> list[int]:
        rows = self.store.read(names.event_table(table)).select("offset").collect()
        return sorted(row["offset"] for row in rows)

    def held(self) -> dict[int, str]:
        """The reason of each message that is open in quarantine."""
        return {row["offset"]: row["reason_code"] for row in open_rows(self.job(), "true").collect()}


def sword(**fields: Any) -> bytes:
    event = {"event_type": "purchase_sword", "event_id": event_id(), "player": "p", "host": "h", **fields}
    return json.dumps(event).encode()
