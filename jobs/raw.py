"""The raw table: Kafka messages as they were sent, one row a message, one commit a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jobs import delta_writes, message
from lakehouse.offsets import OffsetRange

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

COLUMNS = {
    "topic": ("string", "Kafka topic"),
    "topic_id": ("string", "Kafka's id of the topic; a topic made again has another"),
    "partition": ("int", "Kafka partition"),
    "offset": ("bigint", "Kafka offset"),
    "kafka_timestamp": ("timestamp", "when the broker appended the message (UTC)"),
    "key": ("binary", "message key as sent"),
    "value": ("binary", "message value as sent; null if the message has none"),
    "kafka_headers": ("array<struct<key: string, value: binary>>", "Kafka message headers as sent"),
    "event_id": ("string", "event_id in the value, lower-case, if it can be read and is a UUID; else null"),
    "batch_id": ("bigint", "ledger entry that brought the message"),
    "event_date": ("date", "day of kafka_timestamp (UTC)"),
}


def read_batch(spark: SparkSession, bootstrap: str, batch_id: int, ranges: Sequence[OffsetRange]) -> DataFrame:
    """The messages of the planned ranges, in COLUMNS.

    Raises (when evaluated): Spark's own error if an offset of the ranges is no longer in Kafka.
    """
    wanted = [r for r in ranges if len(r)]
    if not wanted:
        return spark.createDataFrame([], ", ".join(f"`{name}` {kind}" for name, (kind, _) in COLUMNS.items()))
    topics = sorted({r.at.topic for r in wanted})
    partitions = {t: [r.at.partition for r in wanted if r.at.topic == t] for t in topics}
    starts = {t: {str(r.at.partition): r.start for r in wanted if r.at.topic == t} for t in topics}
    untils = {t: {str(r.at.partition): r.until for r in wanted if r.at.topic == t} for t in topics}
    messages = (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap)
        .option("kafka.isolation.level", "read_committed")
        .option("assign", json.dumps(partitions))
        .option("startingOffsets", json.dumps(starts))
        .option("endingOffsets", json.dumps(untils))
        .option("includeHeaders", "true")
        .option("failOnDataLoss", "true")
        .load()
    )
    columns = {"timestamp": "kafka_timestamp", "headers": "kafka_headers"}
    return as_raw(messages.withColumnsRenamed(columns), {r.at.topic: r.at.topic_id for r in wanted}, batch_id)


def as_raw(messages: DataFrame, topic_ids: Mapping[str, str], batch_id: int) -> DataFrame:
    """Messages (topic to kafka_headers of COLUMNS, but without topic_id) in all of COLUMNS."""
    topic_id = " ".join(f"when '{topic}' then '{topic_id}'" for topic, topic_id in topic_ids.items())
    event_id = message.text("event_id")
    return message.with_json(messages, readable="instr(cast(value as string), 'event_id') > 0").selectExpr(
        "topic",
        f"case topic {topic_id} end as topic_id",
        "partition",
        "offset",
        "kafka_timestamp",
        "key",
        "value",
        "kafka_headers",
        f"case when {event_id} rlike '^{message.UUID_PATTERN}$' then lower({event_id}) end as event_id",
        f"cast({int(batch_id)} as bigint) as batch_id",
        "cast(kafka_timestamp as date) as event_date",
    )


def append_batch(spark: SparkSession, bootstrap: str, path: str, batch_id: int, ranges: Sequence[OffsetRange]) -> None:
    """Appends the messages of the ranges to the raw table as that batch; does nothing if the batch is there."""
    delta_writes.append_once(read_batch(spark, bootstrap, batch_id, ranges), path, app="raw", version=batch_id)
