"""Which messages of a day are not in the tables yet: Kafka's offsets for times against the done ingests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from lakehouse import names
from lakehouse.contract import load_contracts
from lakehouse.query import query
from lakehouse.settings import Settings

REQUEST_TIMEOUT_MS = 20_000


class DayError(ValueError):
    """A day that cannot be built; the message says which can."""


class Partition(NamedTuple):
    """A partition of one incarnation of a topic."""

    topic: str
    topic_id: str
    partition: int


def day_of(wanted: str | None, interval_start: dt.datetime | None, run_after: dt.datetime, now: dt.datetime) -> dt.date:
    """The day that a run builds: the one asked for, else its data interval's, else the day before it was triggered.

    Raises:
        DayError: the day is not written YYYY-MM-DD, or not over.
    """
    if wanted:
        try:
            day = dt.date.fromisoformat(wanted)
        except ValueError:
            raise DayError(
                f"day is {wanted!r}; write it YYYY-MM-DD, such as {now - dt.timedelta(days=1):%Y-%m-%d}"
            ) from None
    elif interval_start is not None:
        day = interval_start.astimezone(dt.UTC).date()
    else:
        day = run_after.astimezone(dt.UTC).date() - dt.timedelta(days=1)
    if day >= now.astimezone(dt.UTC).date():
        raise DayError(
            f"the day {day} is not over (UTC); the last one that can be built is {now - dt.timedelta(days=1):%Y-%m-%d}"
        )
    return day


def missing(settings: Settings, day: dt.date) -> list[str]:
    """Sentences that name what of `day` no done ingest has brought; none if the day is complete.

    Raises:
        kafka.errors.KafkaError: the broker does not answer. QueryError: Trino does not.
    """
    # Kafka first: what arrives between the two reads is of a later day.
    wanted = _wanted(settings, day)
    return lacking(_reached(settings), wanted, day)


def lacking(reached: Mapping[Partition, int], wanted: Mapping[Partition, int], day: dt.date) -> list[str]:
    """Compares where the done ingests are with the first offset behind the day, of each partition."""
    return [
        f"{at.topic}-{at.partition}: offsets [{reached.get(at, 0)}, {until}) of {day} or before are not published"
        for at, until in sorted(wanted.items())
        if reached.get(at, 0) < until
    ]


def _wanted(settings: Settings, day: dt.date) -> dict[Partition, int]:
    """For each partition the first offset whose broker time is behind the day, or the end if there is none."""
    from kafka import KafkaAdminClient, TopicPartition
    from kafka.protocol.consumer import IsolationLevel, OffsetSpec

    topics = load_contracts(settings.contracts).topics
    midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)
    client = KafkaAdminClient(
        bootstrap_servers=settings.kafka_bootstrap,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        bootstrap_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    try:
        places = {
            TopicPartition(topic["name"], partition["partition_index"]): str(topic["topic_id"])
            for topic in client.describe_topics(list(topics))
            for partition in topic["partitions"]
        }
        committed_only = IsolationLevel.READ_COMMITTED
        ends = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST), isolation_level=committed_only)
        behind = client.list_partition_offsets(
            dict.fromkeys(places, int(midnight.timestamp() * 1000)), isolation_level=committed_only
        )
    finally:
        client.close()
    return {
        Partition(at.topic, topic_id, at.partition): behind[at].offset if behind[at].offset >= 0 else ends[at].offset
        for at, topic_id in places.items()
    }


def _reached(settings: Settings) -> dict[Partition, int]:
    """Where the newest done ingest ended; entries are closed in order, so all before it are done too."""
    rows = query(
        settings,
        f"""
        select planned.topic, planned.topic_id, planned.partition, planned.until
        from {names.LEDGER.qualified} as ledger
        cross join unnest(ledger.ranges) as planned(topic, topic_id, partition, start, until)
        where ledger.step = 'planned' and ledger.entry_id = (
          select max(entry_id) from {names.LEDGER.qualified} where kind = 'ingest' and step = 'done')
        """,
    )
    return {Partition(row["topic"], row["topic_id"], row["partition"]): row["until"] for row in rows}
