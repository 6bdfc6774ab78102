"""What Kafka holds: topic ids, offsets of every partition, missing offsets; and the hint how far ingest is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lakehouse.offsets import Log, OffsetRange, OffsetsError, TopicPartition

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

REQUEST_TIMEOUT_MS = 20_000


@contextmanager
def admin(bootstrap: str) -> Iterator[KafkaAdminClient]:
    """An admin client, closed at the end. Raises kafka.errors.KafkaError if no broker answers."""
    from kafka import KafkaAdminClient

    client = KafkaAdminClient(bootstrap_servers=bootstrap, client_id="lakehouse", request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        yield client
    finally:
        client.close()


def read_logs(client: KafkaAdminClient, topics: Sequence[str], may_be_gone: Collection[str] = ()) -> list[Log]:
    """The readable range of every partition of all these topics now: [log start, last stable offset).

    Raises:
        OffsetsError: one of `topics` is missing that is not among those that `may_be_gone` (they give no logs then).
    """
    from kafka import TopicPartition as KafkaPartition
    from kafka.protocol.consumer import IsolationLevel, OffsetSpec

    places = [
        TopicPartition(topic["name"], str(topic["topic_id"]), partition["partition_index"])
        for topic in client.describe_topics(sorted({*topics, *may_be_gone}))
        if not topic["error_code"]
        for partition in topic["partitions"]
    ]
    missing = sorted(set(topics) - {at.topic for at in places} - set(may_be_gone))
    if missing:
        raise OffsetsError(
            f"Kafka has no topic {', '.join(missing)}; nothing was moved. No ingest has read of it so far: "
            "`make up` makes it (on a cluster: `lakehouse bootstrap`), then ingest goes on."
        )
    keys = {KafkaPartition(at.topic, at.partition): at for at in places}
    ask = {"isolation_level": IsolationLevel.READ_COMMITTED}
    earliest = client.list_partition_offsets(dict.fromkeys(keys, OffsetSpec.EARLIEST), **ask)
    latest = client.list_partition_offsets(dict.fromkeys(keys, OffsetSpec.LATEST), **ask)
    return [Log(at, earliest[key].offset, latest[key].offset) for key, at in keys.items()]


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


def mirror(bootstrap: str, group: str, ranges: Sequence[OffsetRange], seconds: float = 15) -> str | None:
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
            with admin(bootstrap) as client:
                answers = client.alter_group_offsets(group, ends)
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
