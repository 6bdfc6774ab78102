"""How long unread messages stay in Kafka, and the warnings of that for the log of a run."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.clients import kafka
from lakehouse.ledger.offsets import Log, TopicPartition
from lakehouse.settings import Settings
from lakehouse.texts import words_of

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unread:
    """Messages of one partition that no ingest has taken: offsets [start, end), and the hours until the first expires.

    `hours` is None if they never expire or their time is not known, and 0 or less if they may be deleted at any moment.
    `since`: when the broker took the first (UTC); None if there is none, or Kafka does not tell.
    """

    at: TopicPartition
    start: int
    end: int
    hours: float | None = None
    since: dt.datetime | None = None


@dataclass(frozen=True)
class Look:
    """What one look at Kafka found: what it holds of each partition, where the consumer group is, and what is unread."""

    logs: Sequence[Log]
    done: Mapping[TopicPartition, int]
    unread: Sequence[Unread]


def look(settings: Settings, topics: Sequence[str]) -> Look:
    """Asks Kafka. Raises OffsetsError if a topic is missing, KafkaError or OSError if Kafka does not answer."""
    with kafka.admin(settings) as client:
        logs = kafka.read_logs(client, topics)
        done = kafka.group_offsets(client, settings.consumer_group, [each.at for each in logs])
        return Look(logs, done, unread(settings, client, logs, done))


def unread(
    settings: Settings, client: KafkaAdminClient, logs: Sequence[Log], done: Mapping[TopicPartition, int]
) -> list[Unread]:
    """The unread messages of every partition.

    `done`: where ingest is; a partition that it does not name counts from its start.

    If Kafka does not say when messages expire, their hours are unknown; that is no reason to stop.
    """
    starts = first_unread(logs, done)
    waiting = {each.at: starts[each.at] for each in logs if starts[each.at] < each.end}
    retention: dict[str, int] = {}
    times: dict[TopicPartition, dt.datetime] = {}
    if waiting:
        try:
            retention = kafka.retention_ms(client, {at.topic for at in waiting})
            times = kafka.first_times(settings, waiting)
        except Exception as error:  # of any kind, see first_times
            log.warning("Kafka does not say when unread messages expire: %s", words_of(error))
    now = dt.datetime.now(dt.UTC)
    return [
        Unread(
            each.at,
            starts[each.at],
            each.end,
            hours_left(times.get(each.at), retention.get(each.at.topic, -1), now),
            times.get(each.at),
        )
        for each in logs
    ]


def first_unread(logs: Iterable[Log], done: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The first unread offset that Kafka holds, of each partition; the partition's end if there is none."""
    return {each.at: min(max(done.get(each.at, 0), each.earliest), each.end) for each in logs}


def hours_left(first: dt.datetime | None, retention_ms: int, now: dt.datetime) -> float | None:
    """Hours until a message of that time is old enough to be deleted; None: never, or not known."""
    if first is None or retention_ms < 0:
        return None
    return (first + dt.timedelta(milliseconds=retention_ms) - now).total_seconds() / 3600


def warnings(found: Iterable[Unread], limit_hours: float) -> list[str]:
    """A sentence for each partition whose unread messages expire within `limit_hours`."""
    return [
        f"{each.at}: the unread offsets [{each.start}, {each.end}) "
        + (f"begin to expire in {each.hours:.1f} hours" if each.hours > 0 else "may be deleted at any moment")
        + ", and what expires unread is lost. Let ingest_events run (its last red run says what stops it), or give the "
        f"topic {each.at.topic} a longer retention.ms meanwhile"
        for each in found
        if each.hours is not None and each.hours <= limit_hours
    ]
