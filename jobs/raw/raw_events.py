"""The raw table: Kafka messages as they were sent; one row for each message, one commit for each batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jobs.judging import message
from lakehouse import names
from lakehouse.catalog.tables import RAW_EVENTS, schema_of
from lakehouse.contract.message_form import ID_AT, ID_BEGINS, ID_LENGTH
from lakehouse.ledger.offsets import OffsetRange

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from jobs.delta.store import TableStore

# Larger ranges are read in an even number of parts, so that all cores have the same work; also in publish, which reads
# whole files, one for each part. Fetches are larger than Kafka's default, which is quicker. A consumer holds two of
# them in memory.
SPLIT_FROM_ROWS = 50_000
ROWS_PER_PART = 170_000
FETCH_BYTES = 4_000_000
POLL_RECORDS = 5_000
# The time that a fetch at the end of a partition waits at the broker. Spark's request for the partition's end waits
# behind it on the same connection. By default it is half a second, most of the time of a small batch.
FETCH_WAIT_MS = 10
# Work that Parquet is spared: dictionaries for columns without repeats, and statistics for columns that no query
# filters by.
UNREPEATED = ("offset", "value", "event_id")
NO_REPEATS = {f"parquet.enable.dictionary#{name}": "false" for name in UNREPEATED}
PARQUET = {
    **NO_REPEATS,
    **{
        f"parquet.column.statistics.enabled#{name}": "false"
        for name in (
            "topic",
            "topic_id",
            "key",
            "value",
            "kafka_headers.list.element.key",
            "kafka_headers.list.element.value",
        )
    },
}


# Parsing a value as JSON takes twenty times as long as finding its event_id as text. If a value is valid JSON, names
# event_id once and has no \u escape, both find the same text. But the text may belong to an inner object, or to a name
# that only ends with event_id. So this column is never null where the event_id can be read. It is a key to find
# arrivals; publish parses the few that it finds.
_SEARCHED = rf"""regexp_extract_all({message.TEXT}, r'"event_id"(?:\s*:\s*"({message.UUID_PATTERN})")?', 1)"""

# The API writes the id first. Then it is the object's own, and a second one after it would make the JSON invalid. So no
# search is needed.
_FIRST = (
    f"case when startswith({message.TEXT}, '{ID_BEGINS}') and substring(value, {ID_AT + ID_LENGTH}, 1) = X'22' "
    f"then cast(substring(value, {ID_AT}, {ID_LENGTH}) as string) end"
)


def read_batch(spark: SparkSession, bootstrap: str, batch_id: int, ranges: Sequence[OffsetRange]) -> DataFrame:
    """The messages of the planned ranges, in RAW_EVENTS.

    Raises (when evaluated): Spark's own error if an offset of the ranges is no longer in Kafka.
    """
    wanted = [r for r in ranges if len(r)]
    if not wanted:
        return spark.createDataFrame([], schema_of(RAW_EVENTS))
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
        .option("kafka.max.partition.fetch.bytes", FETCH_BYTES)
        .option("kafka.fetch.max.bytes", FETCH_BYTES)
        .option("kafka.max.poll.records", POLL_RECORDS)
        .option("kafka.fetch.max.wait.ms", FETCH_WAIT_MS)
        .option("minPartitions", sum(map(parts, wanted)))
        .load()
    )
    columns = {"timestamp": "kafka_timestamp", "headers": "kafka_headers"}
    return as_raw(messages.withColumnsRenamed(columns), {r.at.topic: r.at.topic_id for r in wanted}, batch_id)


def parts(range_: OffsetRange) -> int:
    """The number of parts, and so of files, in which a range is read."""
    return 1 if len(range_) < SPLIT_FROM_ROWS else 2 * -(-len(range_) // (2 * ROWS_PER_PART))


def as_raw(messages: DataFrame, topic_ids: Mapping[str, str], batch_id: int) -> DataFrame:
    """Completes messages (columns topic to kafka_headers, without topic_id) to all columns of RAW_EVENTS."""
    known = {name: f"struct('{topic_id}' as id, {int(batch_id)}L as batch)" for name, topic_id in topic_ids.items()}
    by_topic = message.by_key("topic", known)
    looked = (
        messages.selectExpr("*", f"{message.as_uuid(_FIRST)} as first")
        .selectExpr("*", f"case when first is null then {_SEARCHED} end as named")
        .selectExpr("*", rf"first is null and (contains({message.TEXT}, r'\u') or size(named) > 1) as odd")
    )
    return message.with_json(looked, readable="odd").selectExpr(
        "topic",
        f"{by_topic}.id as topic_id",
        "partition",
        "offset",
        "kafka_timestamp",
        "key",
        "value",
        "kafka_headers",
        f"coalesce(first, case when odd then {message.uuid('event_id')} when named[0] <> '' then lower(named[0]) end) "
        "as event_id",
        f"{by_topic}.batch as batch_id",
        "cast(kafka_timestamp as date) as event_date",
    )


def append_batch(
    spark: SparkSession, store: TableStore, bootstrap: str, batch_id: int, ranges: Sequence[OffsetRange]
) -> None:
    """Appends the messages of the ranges to the raw table as that batch, unless the batch is there."""
    for name, value in PARQUET.items():
        spark.conf.set(name, value)
    store.append_once(read_batch(spark, bootstrap, batch_id, ranges), names.RAW_EVENTS, app="raw", version=batch_id)
