"""Follows Kafka's messages as they arrive, each as one line of text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING

from lakehouse.clients.kafka import admin, read_logs
from lakehouse.clients.kafka_reader import consumer_at
from lakehouse.ledger.offsets import OffsetsError, TopicPartition
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from confluent_kafka import Message

_POLL_SECONDS = 0.2


def beginnings(settings: Settings, topics: list[str], from_start: bool) -> dict[TopicPartition, int]:
    """Of every partition the offset from which it is followed: its first, or its end.

    Raises:
        OffsetsError: there is no such topic. kafka.errors.KafkaError: the broker does not answer.
    """
    with admin(settings) as client:
        logs = read_logs(client, [], may_be_gone=topics)
        if missing := sorted(set(topics) - {log.at.topic for log in logs}):
            there = sorted(name for name in client.list_topics() if not name.startswith("__"))
            raise OffsetsError(f"Kafka has no topic {', '.join(missing)}; it has {', '.join(there) or 'none'}")
    return {log.at: log.earliest if from_start else log.end for log in logs}


def follow(
    settings: Settings, places: Mapping[TopicPartition, int], warn: Callable[[str], None]
) -> Generator[Message | None]:
    """The committed messages from these offsets on, without end; None again and again while there is nothing new.

    Raises:
        OffsetsError: a message cannot be read.
    """
    options = {
        "enable.partition.eof": False,
        "fetch.wait.max.ms": 500,
        "log_level": 0,
        "error_cb": lambda error: warn(f"Kafka: {error.str()}"),
    }
    with consumer_at(settings, places, options) as consumer:
        while True:
            message = consumer.poll(_POLL_SECONDS)
            if message is not None and (error := message.error()) is not None:
                raise OffsetsError(f"{message.topic()}-{message.partition()}: Kafka cannot be read: {error.str()}")
            yield message


def line(message: Message) -> str:
    """When the broker took it (UTC), where it is, its key and its value. Control characters are as they were sent."""
    milliseconds = message.timestamp()[1]
    when = dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")
    place = f"{message.topic()}-{message.partition()}@{message.offset()}"
    return f"{when}  {place}  {_text(message.key(), '-')}  {_text(message.value(), '(no value)')}"


def _text(data: str | bytes | None, absent: str) -> str:
    """Bytes that are no UTF-8 are shown as \\xNN."""
    if data is None:
        return absent
    return data if isinstance(data, str) else data.decode("utf-8", "backslashreplace")
