"""Reads committed messages by confluent-kafka, which knows all of Kafka's codecs."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lakehouse.ledger.offsets import OffsetRange, OffsetsError, TopicPartition
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from confluent_kafka import Consumer

STALL_SECONDS = 30.0  # without progress, after which Kafka counts as not answering
_POLL_SECONDS = 0.5


@contextmanager
def consumer_at(
    settings: Settings, places: Mapping[TopicPartition, int], options: Mapping[str, Any]
) -> Iterator[Consumer]:
    """A consumer of committed messages from these offsets on.

    It also reports the end of a log. `options` are librdkafka's.

    It skips offsets that Kafka no longer holds.
    """
    from confluent_kafka import Consumer
    from confluent_kafka import TopicPartition as KafkaPartition

    # names: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "client.id": "lakehouse",
            "group.id": "lakehouse-reader",  # the client requires one; no group is joined and nothing is committed
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,  # how long the broker waits at the end of a log before it says so
            **options,
        },
        logger=logging.getLogger("kafka"),
    )
    try:
        consumer.assign([KafkaPartition(at.topic, at.partition, offset) for at, offset in places.items()])
        yield consumer
    finally:
        consumer.close()


def offsets_with_message(
    settings: Settings, wanted: OffsetRange, stall_seconds: float = STALL_SECONDS
) -> Iterator[int]:
    """The offsets of a range at which Kafka holds a message. It reads the range once.

    The client skips transaction markers, aborted messages and compacted ones.

    Raises:
        OffsetsError: The committed log ends before the range does; a message cannot be read; or Kafka made no progress
        for
            `stall_seconds`.
    """
    from confluent_kafka import KafkaError

    if not len(wanted):
        return
    fetched = _Fetched(wanted.at)
    options = {"stats_cb": fetched.note, "statistics.interval.ms": 500}
    with consumer_at(settings, {wanted.at: wanted.start}, options) as consumer:
        last, moved = -1, time.monotonic()
        while True:
            message = consumer.poll(_POLL_SECONDS)
            if message is None:
                if fetched.until > last:
                    last, moved = fetched.until, time.monotonic()
                elif time.monotonic() - moved > stall_seconds:
                    raise OffsetsError(
                        f"{wanted.at}: Kafka did not say for {stall_seconds:.0f} s what the offsets from "
                        f"{max(wanted.start, last)} on hold, of {wanted}; nothing was decided, run again once it answers"
                    )
                continue
            moved = time.monotonic()
            error, offset = message.error(), message.offset()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise OffsetsError(f"{wanted}: Kafka cannot say what these offsets hold: {error.str()}; run again")
            assert offset is not None
            if offset >= wanted.until:
                return
            if error is not None:
                raise OffsetsError(
                    f"{wanted}: Kafka's log ends at {offset} for a reader of committed messages; if it was cut off, "
                    "`lakehouse accept-loss` records what is missing, then ingest goes on"
                )
            if offset >= wanted.start:
                yield offset


class _Fetched:
    """How far the client has read a partition, by its own statistics. They move even where it delivers no message."""

    def __init__(self, at: TopicPartition) -> None:
        self._at = at
        self.until = -1

    def note(self, statistics: str) -> None:
        topic = json.loads(statistics)["topics"].get(self._at.topic, {"partitions": {}})
        partition = topic["partitions"].get(str(self._at.partition), {"next_offset": -1})
        self.until = max(self.until, partition["next_offset"])
