"""What a rate of events needs, computed from measured costs, and which limit of a deployment it reaches first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from lakehouse.catalog.tables import LOG_RETENTION
from lakehouse.contract.model import Contracts
from lakehouse.settings import Settings
from stack.java import heap_bytes

DAY = 86_400
MB, GB, TB = 1e6, 1e9, 1e12


class Measured(float):
    """A figure of benchmarks/results.md. `row`: the beginning of its line there."""

    row: str

    def __new__(cls, value: float, row: str) -> Measured:
        made = super().__new__(cls, value)
        made.row = row
        return made


PERF = "/v1/events, batches of 500 | kafka-producer-perf-test, 335 bytes"
SINGLES = "single events, 64 connections | the seeds' design: Werkzeug, kafka-python, not acknowledged"
PERF_BYTES = 335  # of an event of PERF
MEASURED_CORES = 2  # that SINGLES had


@dataclass(frozen=True)
class Costs:
    """What an event, a batch and a file cost on the machine that they were measured on.

    `_us`: microseconds of a core an event; `_bytes`: bytes an event, one copy; `_files`, `_rows`, `_seconds`: a batch,
    whatever its size. Of drain, publish and compaction: Spark, its workers and the job.
    """

    value_bytes: float = Measured(383, "value of a message")
    kafka_bytes: float = Measured(414, "Kafka's log, a session a request")
    single_events: float = Measured(10_003, SINGLES)  # a second
    api_together_us: float = Measured(11.6, "API, 500 events a request")
    broker_us: float = Measured(98.3, "broker, one event a request")
    broker_read_us: float = Measured(0.7, "drain, broker, a message")
    broker_events: float = Measured(301_296, PERF)  # a second
    drain_us: float = Measured(7.5, "drain, Spark and job, a message")
    publish_us: float = Measured(69.8, "publish, Spark and job, a message")
    compaction_us: float = Measured(37.9, "compaction, Spark and job, a message")
    drain_hdfs_us: float = Measured(0.2, "drain, HDFS, a message")
    publish_hdfs_us: float = Measured(2.3, "publish, HDFS, a message")
    drain_seconds: float = Measured(1.98, "drain, a batch")
    publish_seconds: float = Measured(10.57, "publish, a batch")
    raw_bytes: float = Measured(66.1, "raw, a message")
    game_bytes: float = Measured(85.3, "game, a message")
    staging_bytes: float = Measured(91.8, "staging, a message")
    raw_kept_bytes: float = Measured(63.2, "raw, compacted, a message")
    game_kept_bytes: float = Measured(79.1, "game, compacted, a message")
    log_files: float = Measured(30, "logs, files a large batch")
    ledger_files: float = Measured(3, "ledger, files a large batch")
    checks_files: float = Measured(1, "checks, files a large batch")
    quarantine_files: float = Measured(2, "quarantine, files a large batch")
    ledger_rows: float = Measured(3, "ledger, rows a batch")
    checks_rows: float = Measured(26, "checks, rows a batch")

    @property
    def api_alone_us(self) -> float:
        """Of an event that is a request, in a busy API; what its sender and the broker took is in it."""
        return MEASURED_CORES / self.single_events * 1e6

    @property
    def broker_bytes(self) -> float:
        """A second that one broker took."""
        return self.broker_events * PERF_BYTES


# What is no measurement of ours: docs/scale.md gives the sources.
CORE_SHARE = 0.7  # of cores and of an interval that is planned for; the rest catches up after an outage
PARTITION_BYTES = 10 * MB  # a second into one partition; guides say tens of MB
BROKER_PARTITIONS = 4_000  # replicas on one broker
OBJECT_BYTES = 150  # of NameNode heap: each file, folder and block is an object
OBJECTS_SHARE = 0.5  # of NameNode heap that objects may take; the rest is for its own work and for Java's collections
HEAP_A_MILLION_BLOCKS = GB
BLOCK_BYTES = 128 * 2**20
MACHINE_CORES = 16
MACHINE_BYTES = 12 * TB  # of disk that is filled, three quarters of 16 TB
EXECUTOR_CORES = 4

# As the code has them; tests hold them equal.
PART_ROWS = 170_000  # messages a file of raw, and a task of drain: jobs/raw/raw_events.py
FILE_ROWS = 250_000  # messages a task of publish: jobs/staging/files.py
JOINED_BYTES = 256 * 2**20  # of a compacted file: jobs/upkeep/compaction.py
LOG_DAYS = int(LOG_RETENTION.split()[1])
MOST = 100_000_000  # events a second that anybody may ask for


@dataclass(frozen=True)
class Load:
    """What is to come: `event_bytes` of a message's value, `retention_days` of the tables, `replication` of every byte."""

    events_per_second: float
    event_bytes: float
    retention_days: int = 365
    replication: int = 3


@dataclass(frozen=True)
class Deployment:
    """What there is: the settings, and what the local stack is made of (see the tests for where)."""

    interval_minutes: int = 1
    topic_partitions: int = 3
    max_events_per_batch: int = 1_000_000
    vacuum_hours: int = 168
    topics: int = 2
    event_types: int = 9
    api_processes: int = 2
    spark_cores: int = 2
    shuffle_partitions: int = 2
    brokers: int = 1
    datanodes: int = 1
    kafka_days: int = 7
    namenode_heap: float = 2**30

    @classmethod
    def of(cls, settings: Settings, contracts: Contracts) -> Deployment:
        """`settings`: as the servers have them, see `local_settings`."""
        return cls(
            interval_minutes=settings.ingest_every_minutes,
            topic_partitions=settings.topic_partitions,
            max_events_per_batch=settings.max_events_per_batch,
            vacuum_hours=settings.vacuum_hours,
            topics=len(contracts.topics),
            event_types=len(contracts),
            namenode_heap=heap_bytes(settings.namenode_heap),
        )


class Limit(NamedTuple):
    """What the deployment bears, in events a second, and which setting moves that."""

    name: str
    what: str
    events_per_second: float
    setting: str


@dataclass(frozen=True)
class Sizing:
    """A load on a deployment, by the costs. Sizes are in bytes of all copies, unless said otherwise."""

    load: Load
    here: Deployment = Deployment()
    costs: Costs = Costs()

    # ---- an event

    @property
    def weight(self) -> float:
        """How much more a core has to do for an event than for a measured one: as its bytes, and never less."""
        return max(1.0, self.load.event_bytes / self.costs.value_bytes)

    @property
    def in_kafka(self) -> float:
        """Bytes of an event in one copy of Kafka's log: what stands around a value does not grow with it."""
        return self.load.event_bytes + self.costs.kafka_bytes - self.costs.value_bytes

    @property
    def events_a_day(self) -> float:
        return self.load.events_per_second * DAY

    def stored(self, cost: float, days: float) -> float:
        """Bytes of so many days' events in all copies in HDFS, which grow with an event's size."""
        scaled = cost * self.load.event_bytes / self.costs.value_bytes
        return self.events_a_day * days * scaled * self.load.replication

    def cores(self, us: float, share: float = CORE_SHARE) -> float:
        """Cores for work of so many microseconds an event, of which a share is used."""
        return self.load.events_per_second * us * self.weight / 1e6 / share

    # ---- Kafka

    @property
    def partitions(self) -> int:
        """Of a topic, as if all events were of one."""
        needed = math.ceil(self.load.events_per_second * self.in_kafka / PARTITION_BYTES)
        return max(needed, self.here.topic_partitions)

    @property
    def kafka_disk(self) -> float:
        return self.events_a_day * self.here.kafka_days * self.in_kafka * self.load.replication

    @property
    def brokers(self) -> int:
        """For their cores, disks, partitions and bytes a second, and not fewer than copies."""
        copies = self.load.replication
        us = self.costs.broker_us * copies + self.costs.broker_read_us
        asked = (
            copies,
            self.cores(us) / MACHINE_CORES,
            self.kafka_disk / MACHINE_BYTES,
            self.partitions * self.here.topics * copies / BROKER_PARTITIONS,
            self.load.events_per_second * self.in_kafka * copies / (self.costs.broker_bytes * CORE_SHARE),
        )
        return math.ceil(max(asked))

    # ---- ingest

    @property
    def run_seconds_apart(self) -> int:
        return 60 * self.here.interval_minutes

    @property
    def runs_a_day(self) -> float:
        return DAY / self.run_seconds_apart

    @property
    def events_a_run(self) -> float:
        return self.load.events_per_second * self.run_seconds_apart

    @property
    def batch_events(self) -> int:
        """A batch that takes all that came since the last run, in millions, and not less than the setting."""
        millions = math.ceil(self.events_a_run / CORE_SHARE / 1e6)  # and what an outage left, bit by bit
        return max(self.here.max_events_per_batch, millions * 1_000_000)

    @property
    def batch_fixed_seconds(self) -> float:
        return self.costs.drain_seconds + self.costs.publish_seconds

    @property
    def ingest_us(self) -> float:
        return self.costs.drain_us + self.costs.publish_us

    @property
    def spark_cores(self) -> int:
        """For a run and the hourly compaction, which wait for each other, in the planned share of the time."""
        work = 3600 * self.load.events_per_second * (self.ingest_us + self.costs.compaction_us) * self.weight / 1e6
        fixed = 3600 / self.run_seconds_apart * self.batch_fixed_seconds
        return max(self.here.spark_cores, math.ceil(work / (CORE_SHARE * 3600 - fixed)))

    @property
    def executors(self) -> int:
        return math.ceil(self.spark_cores / EXECUTOR_CORES)

    @property
    def run_seconds(self) -> float:
        """Of drain and publish of what came in an interval, as one batch."""
        return self.batch_fixed_seconds + self.events_a_run * self.ingest_us * self.weight / 1e6 / self.spark_cores

    @property
    def compaction_seconds(self) -> float:
        """Of an hour."""
        return 3600 * self.cores(self.costs.compaction_us, 1) / self.spark_cores

    # ---- HDFS

    @property
    def kept_bytes(self) -> float:
        """Of raw and game once compacted, in one copy, a day."""
        return self.stored(self.costs.raw_kept_bytes + self.costs.game_kept_bytes, 1) / self.load.replication

    @property
    def hdfs_disk(self) -> float:
        """Tables of all days; files that were compacted, until vacuum deletes them; staging of up to a day."""
        kept = self.stored(self.costs.raw_kept_bytes + self.costs.game_kept_bytes, self.load.retention_days)
        replaced = self.stored(self.costs.raw_bytes + self.costs.game_bytes, self.vacuum_days)
        return kept + replaced + self.stored(self.costs.staging_bytes, 1)

    @property
    def vacuum_days(self) -> float:
        return self.here.vacuum_hours / 24 + 1  # it runs once a day

    @property
    def datanodes(self) -> int:
        hdfs = self.costs.drain_hdfs_us + self.costs.publish_hdfs_us
        asked = (self.cores(hdfs * self.load.replication) / MACHINE_CORES, self.hdfs_disk / MACHINE_BYTES)
        return max(self.load.replication, math.ceil(max(asked)))

    @property
    def raw_files(self) -> float:
        """Of a batch: one for each part that is drained, and for each partition at least."""
        return max(self.events_a_run / PART_ROWS, self.partitions * self.here.topics)

    @property
    def staged_files(self) -> int:
        """Of a batch: one for each task and event type."""
        return self.publish_tasks * self.here.event_types

    @property
    def publish_tasks(self) -> int:
        return max(2, math.ceil(self.events_a_run / FILE_ROWS))

    @property
    def table_files(self) -> float:
        """Data files that a batch adds to tables."""
        few = self.costs.ledger_files + self.costs.checks_files + self.costs.quarantine_files
        return self.raw_files + self.staged_files + few

    @property
    def files_a_day(self) -> float:
        """Before compaction, with Delta's logs and staging."""
        return self.runs_a_day * (self.table_files + self.costs.log_files + self.staged_files)

    @property
    def kept_files(self) -> float:
        """Of raw and game in a compacted day."""
        return max(self.kept_bytes / JOINED_BYTES, 1 + self.here.event_types)

    @property
    def raw_kept_files(self) -> float:
        """Of raw alone, once all days are compacted."""
        raw = self.stored(self.costs.raw_kept_bytes, 1) / self.load.replication
        return max(1, raw / JOINED_BYTES) * self.load.retention_days

    @property
    def young_files(self) -> float:
        """That compaction replaced or never sees, until they are deleted: of tables, of Delta's logs, of staging."""
        logs = self.costs.log_files * (LOG_DAYS + 1)
        return self.runs_a_day * (self.table_files * self.vacuum_days + logs + self.staged_files)

    @property
    def files(self) -> float:
        """In HDFS at the end of the retention."""
        return self.young_files + self.kept_files * self.load.retention_days

    @property
    def blocks(self) -> float:
        """A young file has one, a compacted one several."""
        return self.young_files + max(self.kept_files, self.kept_bytes / BLOCK_BYTES) * self.load.retention_days

    @property
    def namenode_heap(self) -> float:
        """What files and blocks alone take of it."""
        return (self.files + self.blocks) * OBJECT_BYTES

    # ---- what breaks

    def limits(self) -> list[Limit]:
        """How much each part of the deployment bears as it is, of events of this size, the least first."""
        costs, here = self.costs, self.here
        ingest, compaction = (us * self.weight / 1e6 for us in (self.ingest_us, costs.compaction_us))
        full, tasks = here.max_events_per_batch, max(2, math.ceil(here.max_events_per_batch / FILE_ROWS))
        one_by_one = self.batch_fixed_seconds / full  # seconds an event, in batches that are full
        found = [
            Limit(
                "api",
                "the API's processes, one event a request",
                here.api_processes / (costs.api_alone_us * self.weight / 1e6),
                "instances of the API",
            ),
            Limit(
                "spark_cores",
                "Spark's cores",
                1 / ((ingest + compaction) / here.spark_cores + one_by_one),
                "Spark's master",
            ),
            Limit(
                "batch",
                "batches, one after another",
                1 / (ingest / tasks + one_by_one),
                "LAKEHOUSE_MAX_EVENTS_PER_BATCH",
            ),
            Limit(
                "partitions",
                "partitions of a topic",
                here.topic_partitions * PARTITION_BYTES / self.in_kafka,
                "LAKEHOUSE_TOPIC_PARTITIONS",
            ),
            Limit(
                "broker", "bytes that a broker takes", here.brokers * self.costs.broker_bytes / self.in_kafka, "brokers"
            ),
            Limit(
                "namenode",
                "half of the NameNode's heap, in the end",
                self._rate_at(lambda sizing: sizing.namenode_heap, here.namenode_heap * OBJECTS_SHARE),
                "LAKEHOUSE_NAMENODE_HEAP",
            ),
        ]
        return sorted(found, key=lambda limit: limit.events_per_second)

    def first_limit(self) -> Limit | None:
        """The first that is reached as the rate grows to the load's; none if the deployment bears the load."""
        first = self.limits()[0]
        return first if first.events_per_second < self.load.events_per_second else None

    def _rate_at(self, value: Callable[[Sizing], float], limit: float) -> float:
        """The rate at which a value that grows with it is at the limit; zero if it is above without any event."""
        low, high = 0.0, float(MOST)
        for _ in range(100):
            middle = (low + high) / 2
            rate = replace(self, load=replace(self.load, events_per_second=middle))
            low, high = (low, middle) if value(rate) > limit else (middle, high)
        return low
