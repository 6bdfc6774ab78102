"""Which offsets hold a message, and the hint for others how far ingest is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from lakehouse.kafka_logs import admin
from lakehouse.offsets import OffsetRange, OffsetsError

if TYPE_CHECKING:
    from lakehouse.settings import Settings


def offsets_with_message(
    bootstrap: str, places: Iterable[tuple[str, int, int]], timeout_ms: int = 20_000
) -> list[tuple[str, int, int]]:
    """Of (topic, partition, offset), those at which Kafka holds a message that a reader of committed data sees.

    Offsets taken by transaction markers, aborted messages and compacted ones hold none.

    Raises:
        OffsetsError: Kafka did not answer for an offset within `timeout_ms`.
    """
    from kafka import KafkaConsumer
    from kafka import TopicPartition as KafkaPartition

    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False, max_poll_records=1
    )
    found = []
    try:
        for topic, partition, offset in places:
            at = KafkaPartition(topic, partition)
            consumer.assign([at])
            consumer.seek(at, offset)
            records: list[Any] = []
            deadline = _deadline(timeout_ms)
            while not records and consumer.position(at) <= offset:
                records = consumer.poll(timeout_ms=500).get(at, [])
                if not records and deadline():
                    raise OffsetsError(
                        f"{topic}-{partition}: Kafka did not say within {timeout_ms} ms what offset {offset} holds"
                    )
            if records and records[0].offset == offset:
                found.append((topic, partition, offset))
    finally:
        consumer.close()
    return found


def mirror(settings: Settings, ranges: Sequence[OffsetRange], seconds: float = 15) -> str | None:
    """Writes the end of a published batch to a consumer group: a hint for lag monitors and the look, never the cursor.

    A new Kafka needs some seconds until it keeps groups. Returns why it could not be written, None if it was: a hint
    must not fail what is done.
    """
    import time

    from kafka import TopicPartition as KafkaPartition
    from kafka.errors import KafkaError, NoError
    from kafka.structs import OffsetAndMetadata

    ends = {KafkaPartition(r.at.topic, r.at.partition): OffsetAndMetadata(r.until, "", -1) for r in ranges}
    expired = _deadline(int(seconds * 1000))
    while True:
        try:
            with admin(settings) as client:
                answers = client.alter_group_offsets(settings.consumer_group, ends)
            refused = {error.__name__ for error in answers.values() if error is not NoError}
        except KafkaError as error:
            refused = {type(error).__name__}
        if not refused:
            return None
        if expired():
            return ", ".join(sorted(refused))
        time.sleep(0.5)


def _deadline(timeout_ms: int) -> Any:
    import time

    end = time.monotonic() + timeout_ms / 1000
    return lambda: time.monotonic() > end
