"""How far ingest is: its last batch, what it has not read of Kafka yet, and what waits in quarantine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from lakehouse.clients import expiry
from lakehouse.clients.kafka import admin, group_offsets, read_logs
from lakehouse.clients.trino import QueryError, query
from lakehouse.contract.load import load_contracts
from lakehouse.ledger.offsets import OffsetsError
from lakehouse.ledger.vocabulary import Kind
from lakehouse.settings import Settings
from operations.completeness import reached

Found = TypeVar("Found")


@dataclass(frozen=True)
class Batch:
    """The newest ingest of the ledger. `at`: when it came to its status (UTC)."""

    entry_id: int
    status: str
    verdict: str | None
    published: int
    quarantined: int
    at: dt.datetime


@dataclass(frozen=True)
class Partition:
    """What no ingest has published of a partition. `oldest`: when the broker took the first of it (UTC).

    `expires_hours`: until the first may be deleted; None if never, or if Kafka does not tell.
    """

    topic: str
    partition: int
    unread: int
    oldest: dt.datetime | None
    expires_hours: float | None


@dataclass(frozen=True)
class IngestStatus:
    """What could be learned, and a sentence for each thing that could not."""

    last_batch: Batch | None
    quarantine_open: int | None
    partitions: tuple[Partition, ...]
    unknown: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def ingest_status(settings: Settings) -> IngestStatus:
    """Asks Trino and Kafka. What one of them does not answer is among `unknown`; the rest is told all the same."""
    unknown: list[str] = []

    def asked(question: Callable[[Settings], Found]) -> Found | None:
        from kafka.errors import KafkaError

        try:
            return question(settings)
        except (QueryError, OffsetsError) as error:
            unknown.append(str(error))
        except (KafkaError, OSError) as error:
            unknown.append(f"Kafka does not answer: {type(error).__name__}: {error}")
        return None

    batch = asked(_last_batch)
    waiting = asked(_quarantine_open)
    partitions = asked(_partitions) or ()
    return IngestStatus(batch, waiting, partitions, tuple(dict.fromkeys(unknown)))


def _last_batch(settings: Settings) -> Batch | None:
    rows = query(
        settings,
        "select entry_id, status, verdict, published, quarantined, coalesce(closed_at, decided_at, planned_at) as at "
        f"from ops.batches where kind = '{Kind.INGEST}' order by entry_id desc limit 1",
    )
    return Batch(**rows[0]) if rows else None


def _quarantine_open(settings: Settings) -> int:
    (row,) = query(settings, "select count(*) as messages from ops.quarantine_open")
    return int(row["messages"])


def _partitions(settings: Settings) -> tuple[Partition, ...]:
    """By the ledger; by what ingest last left in the consumer group if Trino cannot be asked."""
    topics = load_contracts(settings.contracts).topics
    with admin(settings) as client:
        logs = read_logs(client, topics)
        try:
            done = reached(settings)
        except QueryError:
            done = group_offsets(client, settings.consumer_group, [each.at for each in logs])
        found = expiry.unread(settings, client, logs, done)
    return tuple(
        Partition(each.at.topic, each.at.partition, each.end - each.start, each.since, each.hours)
        for each in sorted(found, key=lambda each: (each.at.topic, each.at.partition))
    )
