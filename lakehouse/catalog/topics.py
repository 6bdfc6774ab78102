"""Makes the Kafka topics that the contracts name."""

from __future__ import annotations

from lakehouse.contract.model import PROBE_TOPIC, Contracts
from lakehouse.settings import Settings

# Messages carry the broker's time. It decides the day of an event, and whether its event_id is of that time.
TOPIC_CONFIG = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(4 * 1024 * 1024)}
PROBE_CONFIG = {"retention.ms": "60000", "segment.ms": "60000", "max.message.bytes": "1024"}


def create_topics(settings: Settings, contracts: Contracts) -> list[str]:
    """Makes the topics that are not there. Returns their names.

    Raises:
        kafka.errors.KafkaError: the broker does not answer or refuses.
    """
    from kafka import KafkaAdminClient

    client = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap, request_timeout_ms=20_000)
    try:
        there = set(client.list_topics())
        wanted = {
            topic: {
                "num_partitions": settings.topic_partitions,
                "replication_factor": settings.topic_replication,
                "configs": TOPIC_CONFIG,
            }
            for topic in contracts.topics
        }
        wanted[PROBE_TOPIC] = {
            "num_partitions": 1,
            "replication_factor": settings.topic_replication,
            "configs": PROBE_CONFIG,
        }
        missing = {name: topic for name, topic in wanted.items() if name not in there}
        if missing:
            client.create_topics(missing)
        return sorted(missing)
    finally:
        client.close()
