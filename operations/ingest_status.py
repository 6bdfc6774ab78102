"""How far ingest is: its last batch, what it has not read of Kafka yet, and what waits in quarantine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from lakehouse.clients import expiry
from lakehouse.clients.kafka import admin, group_offsets, read_logs
from lakehouse.clients.trino import QueryError, query
from lakehouse.contract.load import load_contracts
from lakehouse.ledger.offsets import OffsetsError
from lakehouse.ledger.selection import Selection
from lakehouse.ledger.vocabulary import Kind
from lakehouse.settings import Settings
from lakehouse.texts import words_of
from operations.completeness import reached
from operations.quarantine import by_reason

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
class OpenEntry:
    """The oldest entry of any kind that is neither done nor abandoned: those behind it wait. `since`: planned (UTC)."""

    entry_id: int
    kind: str
    status: str
    since: dt.datetime


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
    """What could be learned, and a sentence for each thing that could not.

    `quarantine_open`: messages by reason code, the most frequent first.
    """

    last_batch: Batch | None
    open_entry: OpenEntry | None
    quarantine_open: Mapping[str, int] | None
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
            unknown.append(f"Kafka does not answer: {words_of(error)}")
        return None

    batch = asked(last_batch)
    entry = asked(open_entry)
    waiting = asked(quarantine_open)
    read = asked(partitions) or ()
    return IngestStatus(batch, entry, waiting, read, tuple(dict.fromkeys(unknown)))


def last_batch(settings: Settings) -> Batch | None:
    """Raises QueryError."""
    rows = query(
        settings,
        "select entry_id, status, verdict, published, quarantined, coalesce(closed_at, decided_at, planned_at) as at "
        f"from ops.batches where kind = '{Kind.INGEST}' order by entry_id desc limit 1",
    )
    return Batch(**rows[0]) if rows else None


def open_entry(settings: Settings) -> OpenEntry | None:
    """Raises QueryError."""
    rows = query(
        settings,
        "select entry_id, kind, status, planned_at as since from ops.batches where closed_at is null "
        "order by entry_id limit 1",
    )
    return OpenEntry(**rows[0]) if rows else None


def quarantine_open(settings: Settings) -> dict[str, int]:
    """Messages by reason code, the most frequent first. Raises QueryError."""
    return by_reason(settings, Selection())


def partitions(settings: Settings) -> tuple[Partition, ...]:
    """By the ledger; by what ingest last left in the consumer group if Trino cannot be asked.

    Raises:
        KafkaError, OSError: Kafka does not answer. OffsetsError: a topic is missing.
    """
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
