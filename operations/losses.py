"""Finds the losses that stop ingest: compares the ledger, read through Trino, with what Kafka holds."""

from __future__ import annotations

from lakehouse import names
from lakehouse.clients.kafka import admin, read_logs
from lakehouse.clients.trino import query
from lakehouse.contract.load import load_contracts
from lakehouse.ledger.losses import compare
from lakehouse.ledger.offsets import (
    Loss,
    Mismatch,
    OffsetRange,
)
from lakehouse.ledger.vocabulary import Kind, Step
from lakehouse.settings import Settings


def discrepancies(settings: Settings) -> tuple[Mismatch, ...]:
    """Every mismatch that stops ingest; () if there is none.

    Raises:
        OffsetsError: a topic was never made. QueryError: Trino does not answer.
        kafka.errors.KafkaError: the broker does not answer.
    """
    plan = query(
        settings,
        f"""
        select entry_id, r.topic, r.topic_id, r.partition, r.start, r.until
        from {names.LEDGER.qualified} cross join unnest(ranges) as r(topic, topic_id, partition, start, until)
        where step = '{Step.PLANNED}' and entry_id = (
          select max(entry_id) from {names.LEDGER.qualified} where kind = '{Kind.INGEST}' and step = '{Step.PLANNED}')
        """,
    )
    ranges = [OffsetRange.of(row) for row in plan]
    lost = query(
        settings,
        f"select distinct r.topic, r.topic_id, r.partition, r.start, r.until from {names.LOSSES.qualified} "
        "cross join unnest(ranges) as r(topic, topic_id, partition, start, until)",
    )
    newest = plan[0]["entry_id"] if plan else 0
    in_raw = query(settings, "select 1 as there from raw.events where batch_id = ? limit 1", [newest])
    done = query(
        settings,
        f"select 1 as there from {names.LEDGER.qualified} where entry_id = ? and step = '{Step.DONE}'",
        [newest],
    )
    with admin(settings) as client:
        logs = read_logs(client, load_contracts(settings.contracts).topics, may_be_gone={r.at.topic for r in ranges})
    return compare(
        ranges,
        bool(in_raw or done),
        logs,
        [Loss.of(row) for row in lost],
    )
