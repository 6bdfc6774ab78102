"""Brings all that is in Kafka at a moment into tables, by runs of ingest_events."""

from __future__ import annotations

from collections.abc import Callable

from lakehouse import names
from lakehouse.clients.airflow import AirflowApi, AirflowError
from lakehouse.clients.kafka import admin, read_logs
from lakehouse.clients.trino import query
from lakehouse.contract.load import load_contracts
from lakehouse.ledger.offsets import Log, OffsetRange, TopicPartition
from lakehouse.ledger.vocabulary import Kind, Step
from lakehouse.settings import Settings
from operations.runs import follow

RUNS = 20  # a run brings at most what ten minutes of draining read

Say = Callable[[str], None]


def drain_kafka(settings: Settings, api: AirflowApi, say: Say) -> None:
    """Starts ingest until all that Kafka held at the beginning is in closed entries.

    Raises:
        AirflowError: a run is red, or after many runs there is still something to ingest.
    """
    with admin(settings) as client:
        logs = read_logs(client, load_contracts(settings.contracts).topics)
    for _ in range(RUNS):
        left = sum(max(0, log.end - offset) for log, offset in _unread(settings, logs))
        if not left and not _open(settings):
            say("all that waited in Kafka is in tables")
            return
        say(f"{left} offsets wait in Kafka: ingesting")
        run_id = api.trigger("ingest_events")
        outcome = follow(api, "ingest_events", run_id)
        if not outcome.good:
            words = "; ".join(line.strip() for line in outcome.errors[-2:])
            raise AirflowError(f"ingest_events is {outcome.state}: {words or 'see its tasks'}; {outcome.link}")
    raise AirflowError(f"after {RUNS} runs of ingest_events something still waits in Kafka; nothing was backed up")


def _unread(settings: Settings, logs: list[Log]) -> list[tuple[Log, int]]:
    """Each log with the next offset that no batch has planned."""
    rows = query(
        settings,
        f"""
        select r.topic, r.topic_id, r.partition, r.start, r.until
        from {names.LEDGER.qualified} cross join unnest(ranges) as r(topic, topic_id, partition, start, until)
        where step = '{Step.PLANNED}' and entry_id = (
          select max(entry_id) from {names.LEDGER.qualified} where kind = '{Kind.INGEST}' and step = '{Step.PLANNED}')
        """,
    )
    cursor: dict[TopicPartition, int] = {r.at: r.until for r in map(OffsetRange.of, rows)}
    return [(log, cursor.get(log.at, 0)) for log in logs]


def _open(settings: Settings) -> bool:
    return bool(query(settings, "select 1 as open from ops.batches where closed_at is null limit 1"))
