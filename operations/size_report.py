"""Says a sizing in two tables: what a load needs, and what breaks first."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

from lakehouse.contract.model import Contracts
from operations import grid
from operations.sizing import (
    CORE_SHARE,
    EXECUTOR_CORES,
    GB,
    HEAP_A_MILLION_BLOCKS,
    MACHINE_CORES,
    MB,
    TB,
    Costs,
    Deployment,
    Load,
    Sizing,
)

SHOWN = (10_000, 100_000, 1_000_000)  # events a second, in docs/scale.md
_BYTES = (("PB", 1e15), ("TB", TB), ("GB", GB), ("MB", MB))
_COUNTS = (("trillion", 1e12), ("billion", 1e9), ("million", 1e6))


class Need(NamedTuple):
    """One line: `name` and `value` for programs; how much there is now, and what moves it."""

    name: str
    what: str
    value: float
    unit: str = ""
    there: float | None = None
    moved_by: str = ""


def needs(sizing: Sizing) -> list[Need]:
    """What the load needs, in the order in which an event meets it."""
    here, costs = sizing.here, sizing.costs
    api, spark, kafka = "instances of the API", "Spark's master", "LAKEHOUSE_TOPIC_PARTITIONS"
    every, batch = "LAKEHOUSE_INGEST_EVERY_MINUTES", "LAKEHOUSE_MAX_EVENTS_PER_BATCH"
    heap = "LAKEHOUSE_NAMENODE_HEAP"
    alone, together = sizing.cores(costs.api_alone_us), sizing.cores(costs.api_together_us)
    recommended = max(1.0, sizing.blocks / 1e6) * HEAP_A_MILLION_BLOCKS
    hosts = f"of {MACHINE_CORES} cores"
    return [
        Need("events_a_day", "events a day", sizing.events_a_day),
        Need("api_cores_alone", "API, one event a request", alone, "cores", here.api_processes, api),
        Need("api_cores_together", "API, 500 events a request", together, "cores", here.api_processes, api),
        Need("partitions", "Kafka, partitions of a topic", sizing.partitions, "", here.topic_partitions, kafka),
        Need("brokers", f"Kafka, brokers {hosts}", sizing.brokers, "", here.brokers, "brokers"),
        Need("kafka_disk", f"Kafka, disk for {here.kafka_days} days", sizing.kafka_disk, "bytes", None, "log.retention.hours"),
        Need("events_a_run", f"ingest, events every {here.interval_minutes} min", sizing.events_a_run, "", None, every),
        Need("batch_events", "ingest, a batch for all of them", sizing.batch_events, "", here.max_events_per_batch, batch),
        Need("run_seconds", "ingest, drain and publish of a run", sizing.run_seconds, "s", None, spark),
        Need("compaction_seconds", "compaction, of each hour", sizing.compaction_seconds, "s", None, spark),
        Need("spark_cores", "Spark, cores", sizing.spark_cores, "", here.spark_cores, spark),
        Need("executors", f"Spark, executors of {EXECUTOR_CORES} cores", sizing.executors, "", None, spark),
        Need(
            "shuffle_partitions", "Spark, shuffle partitions", sizing.spark_cores, "", here.shuffle_partitions,
            "spark.sql.shuffle.partitions",
        ),
        Need("hdfs_disk", "HDFS, disk", sizing.hdfs_disk, "bytes"),
        Need("datanodes", f"HDFS, DataNodes {hosts}", sizing.datanodes, "", here.datanodes, "DataNodes"),
        Need("files_a_day", "HDFS, new files a day", sizing.files_a_day, "", None, every),
        Need("files", "HDFS, files in the end", sizing.files),
        Need("raw_files", "raw, files of its newest version", sizing.raw_kept_files, "", None, "JOINED_BYTES"),
        Need("namenode_objects", "NameNode, heap of the files", sizing.namenode_heap, "bytes", None, every),
        Need("namenode_heap", "NameNode, heap to give it", recommended, "bytes", here.namenode_heap, heap),
        Need("ledger_rows_a_day", "ledger, rows a day", sizing.runs_a_day * costs.ledger_rows, "", None, every),
        Need("checks_rows_a_day", "checks, rows a day", sizing.runs_a_day * costs.checks_rows, "", None, every),
    ]  # fmt: skip


def report(sizing: Sizing, width: int | None = None) -> str:
    """Both tables, for people. `width`: columns of the terminal; None if lines may be as long as they are."""
    load, here = sizing.load, sizing.here
    rate = load.events_per_second
    needed = [
        (
            each.what,
            told(each.value, each.unit),
            "" if each.there is None else told(each.there, each.unit),
            each.moved_by,
        )
        for each in needs(sizing)
    ]
    limits = [
        (each.what, f"{each.events_per_second:,.0f}", "yes" if each.events_per_second < rate else "no", each.setting)
        for each in sizing.limits()
    ]
    first = sizing.first_limit()
    next_one = first or sizing.limits()[0]
    verdict = "First to break" if first else "No limit is reached. The next"
    return "\n".join(
        [
            f"{rate:,.0f} events/s of {load.event_bytes:,.0f} bytes, {load.replication} copies, tables kept "
            f"{load.retention_days:,} days, a run every {here.interval_minutes} min.",
            f"Cores and time are planned to be used to {CORE_SHARE:.0%}. Computed, not run: see docs/scale.md.",
            "",
            grid.text(("what", "needed", "there", "moved by"), needed, width),
            "",
            grid.text(("limit of what is there", "events/s", "reached", "moved by"), limits, width),
            "",
            f"{verdict}, at {next_one.events_per_second:,.0f} events/s: {next_one.what}.",
            f"Moved by: {next_one.setting}.",
        ]
    )


def markdown(contracts: Contracts) -> str:
    """What the command says of some rates, on the default settings; ends with a newline."""
    here = Deployment(topics=len(contracts.topics), event_types=len(contracts))
    shown = []
    for rate in SHOWN:
        sizing = Sizing(Load(rate, round(Costs().value_bytes)), here)
        shown.append(f"```text\n$ lakehouse size --events-per-second {rate}\n{report(sizing)}\n```\n")
    return "\n".join(shown)


def as_json(sizing: Sizing) -> dict[str, Any]:
    """The same for programs, in bytes, seconds and numbers."""
    first = sizing.first_limit()
    return {
        "load": asdict(sizing.load),
        "needs": {each.name: each.value for each in needs(sizing)},
        "there": {each.name: each.there for each in needs(sizing) if each.there is not None},
        "limits": [
            {**each._asdict(), "reached": each.events_per_second < sizing.load.events_per_second}
            for each in sizing.limits()
        ],
        "breaks_first": first and first.name,
    }


def told(value: float, unit: str) -> str:
    """A number with its unit, of three digits or as whole as it is."""
    if unit == "bytes":
        return _scaled(value, _BYTES) or f"{value:,.0f} bytes"
    if not unit:
        return _scaled(value, _COUNTS[:-1]) if value >= 1e9 else f"{value:,.0f}"
    if unit == "cores" and value < 10:
        return f"{value:.2g} cores" if value >= 0.01 else "under 0.01 cores"
    return f"{value:,.0f} {unit}"


def _scaled(value: float, scales: tuple[tuple[str, float], ...]) -> str:
    for name, scale in scales:
        if value >= scale:
            return f"{value / scale:,.3g} {name}" if value < 1000 * scale else f"{value / scale:,.0f} {name}"
    return ""
