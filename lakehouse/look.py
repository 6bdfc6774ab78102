"""A cheap look at Kafka: is there anything that no ingest has taken yet?"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TypeVar

from lakehouse.settings import Settings

REQUEST_TIMEOUT_MS = 20_000
log = logging.getLogger(__name__)

Place = TypeVar("Place")


def anything_new(settings: Settings, topics: Sequence[str]) -> bool:
    """Compares the ends of the topics' partitions with what the last done ingest left in the consumer group.

    The group is a hint, so this errs towards yes: also if Kafka does not answer, since the drain then says why.
    """
    from kafka import KafkaAdminClient, TopicPartition
    from kafka.errors import KafkaError
    from kafka.protocol.consumer import IsolationLevel, OffsetSpec

    try:
        client = KafkaAdminClient(
            bootstrap_servers=settings.kafka_bootstrap,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            bootstrap_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            described = client.describe_topics(list(topics))
            if any(topic["error_code"] for topic in described):
                return True
            places = [
                TopicPartition(topic["name"], partition["partition_index"])
                for topic in described
                for partition in topic["partitions"]
            ]
            committed_only = IsolationLevel.READ_COMMITTED
            ends = client.list_partition_offsets(
                dict.fromkeys(places, OffsetSpec.LATEST), isolation_level=committed_only
            )
            starts = client.list_partition_offsets(
                dict.fromkeys(places, OffsetSpec.EARLIEST), isolation_level=committed_only
            )
            done = client.list_group_offsets({settings.consumer_group: places}).get(settings.consumer_group, {})
        finally:
            client.close()
    except (KafkaError, OSError) as error:
        log.warning(
            "Kafka cannot tell whether anything is new (%s: %s); the drain will look", type(error).__name__, error
        )
        return True
    return differs(
        {place: offset.offset for place, offset in starts.items()},
        {place: offset.offset for place, offset in ends.items()},
        {place: offset.offset for place, offset in done.items() if offset.offset >= 0},
    )


def differs(starts: Mapping[Place, int], ends: Mapping[Place, int], done: Mapping[Place, int]) -> bool:
    """Whether a partition's end is not where ingest is. One that ingest never saw counts unless nothing was ever in it.

    An end below the mark counts too: the topic was made again, which must be said and not slept through.
    """
    return any(
        end != done[place] if place in done else end > 0 or starts.get(place, 0) > 0 for place, end in ends.items()
    )
