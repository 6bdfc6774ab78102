"""What Kafka holds: offsets, also by time; the position of the consumer group; how long messages are kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lakehouse.clients.kafka_reader import consumer_at
from lakehouse.ledger.offsets import Log, OffsetsError, TopicPartition
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

REQUEST_TIMEOUT_MS = 20_000


@contextmanager
def admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    """An admin client, closed at the end. Raises kafka.errors.KafkaError or OSError if no broker answers."""
    from kafka import KafkaAdminClient

    client = KafkaAdminClient(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id="lakehouse",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        bootstrap_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    try:
        yield client
    finally:
        client.close()


def read_logs(client: KafkaAdminClient, topics: Sequence[str], may_be_gone: Collection[str] = ()) -> list[Log]:
    """The readable range of every partition of all these topics now: [log start, last stable offset).

    Raises:
        OffsetsError: a topic is missing. Topics in `may_be_gone` may be missing; they give no logs then.
    """
    from kafka.protocol.consumer import OffsetSpec

    described = client.describe_topics(sorted({*topics, *may_be_gone}))
    places = [
        TopicPartition(topic["name"], str(topic["topic_id"]), partition["partition_index"])
        for topic in described
        if not topic["error_code"]
        for partition in topic["partitions"]
    ]
    missing = sorted(set(topics) - {at.topic for at in places} - set(may_be_gone))
    if missing:
        raise OffsetsError(
            f"Kafka has no topic {', '.join(missing)}; nothing was moved. No ingest has read of it so far: "
            "`make up` makes it (on a cluster: `lakehouse bootstrap`), then ingest goes on."
        )
    earliest = _offsets(client, places, OffsetSpec.EARLIEST)
    latest = _offsets(client, places, OffsetSpec.LATEST)
    return [Log(at, earliest[at], latest[at]) for at in places]


def offsets_from(client: KafkaAdminClient, logs: Iterable[Log], time: dt.datetime) -> dict[TopicPartition, int]:
    """For each partition the first offset whose broker time is `time` or later, its end if there is none."""
    ends = {log.at: log.end for log in logs}
    found = _offsets(client, list(ends), int(time.timestamp() * 1000))
    return {at: offset if offset >= 0 else ends[at] for at, offset in found.items()}


def group_offsets(client: KafkaAdminClient, group: str, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """The next offset of each partition that the consumer group knows. It is a hint, not the cursor."""
    keys = _keys(places)
    answer = client.list_group_offsets({group: list(keys)}).get(group, {})
    return {keys[key]: known.offset for key, known in answer.items() if known.offset >= 0}


def retention_ms(client: KafkaAdminClient, topics: Iterable[str]) -> dict[str, int]:
    """How long each topic keeps a message, in milliseconds; -1: for ever."""
    from kafka.admin import ConfigResource

    asked = [ConfigResource("TOPIC", topic, ["retention.ms"]) for topic in sorted(set(topics))]
    answer = client.describe_configs(asked, config_filter="all").get("topic", {})
    return {
        topic: int(configs["retention.ms"]["value"]) for topic, configs in answer.items() if "retention.ms" in configs
    }


def first_times(
    settings: Settings, places: Mapping[TopicPartition, int], seconds: float = 5
) -> dict[TopicPartition, dt.datetime]:
    """The broker's time of the first message at or after each offset.

    Partitions without one within `seconds` are left out.

    Raises:
        confluent_kafka.KafkaException: the broker refuses, or a batch cannot be read.
        Exception: of any kind, if a batch is damaged: its checksum is not verified.
    """
    import time

    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka import TopicPartition as KafkaPartition

    waiting: dict[tuple[str | None, int | None], TopicPartition] = {(at.topic, at.partition): at for at in places}
    found: dict[TopicPartition, dt.datetime] = {}
    little = {
        "fetch.message.max.bytes": 1_024,
        "queued.min.messages": 1,
    }  # Kafka sends at least one batch, which is enough
    with consumer_at(settings, places, little) as consumer:
        until = time.monotonic() + seconds
        while waiting and (left := until - time.monotonic()) > 0:
            message = consumer.poll(left)
            if message is None:
                continue
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            at = waiting.pop((message.topic(), message.partition()), None)
            if at is not None and error is None:
                found[at] = dt.datetime.fromtimestamp(message.timestamp()[1] / 1000, dt.UTC)
                consumer.pause([KafkaPartition(at.topic, at.partition)])
    return found


def _offsets(client: KafkaAdminClient, places: Sequence[TopicPartition], spec: Any) -> dict[TopicPartition, int]:
    from kafka.protocol.consumer import IsolationLevel

    keys = _keys(places)
    if not keys:
        return {}
    answer = client.list_partition_offsets(dict.fromkeys(keys, spec), isolation_level=IsolationLevel.READ_COMMITTED)
    return {at: answer[key].offset for key, at in keys.items()}


def _keys(places: Iterable[TopicPartition]) -> dict[Any, TopicPartition]:
    """The partitions by kafka-python's own key, which has no topic id."""
    from kafka import TopicPartition as KafkaPartition

    return {KafkaPartition(at.topic, at.partition): at for at in places}
