"""The baselines, hand-written with Spark alone: `python -m benchmarks.baselines WHAT OFFSETS FOLDER`.

`OFFSETS` is JSON, partition -> first offset of the topic `events`; `FOLDER` a new folder in HDFS, beside which the
tables of MERGE stay: as in ours, the events of earlier rounds are in them. It needs the job's environment
(benchmarks/spark_jobs.py gives it).

* `batch`: one Spark batch from Kafka into a Delta table, nothing else;
* `stream`: Structured Streaming, availableNow, from Kafka into a Delta table;
* `merge`: the stream, then for each event type of the topic a MERGE of its parsed events by event_id into a Delta
  table.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

COLUMNS = ("topic", "partition", "offset", "timestamp", "key", "value", "cast(timestamp as date) as event_date")
ENVELOPE = "event_id string, event_type string, player string, host string, received_at timestamp"
OWN = {
    "default": "",
    "purchase_horse": "speed double, size string, quantity bigint",
    "purchase_sword": "direction string, event_detail string, color string, quantity bigint",
    "guild_action": "action string, guild string",
    "cart_action": "action string, items array<struct<item_type: string, item: string, quantity: bigint>>",
}
LIMIT_SECONDS = 900


def main(what: str, offsets: str, folder: str) -> None:
    from pyspark.sql.connect.session import SparkSession

    spark = SparkSession.builder.remote(os.environ["LAKEHOUSE_SPARK_REMOTE"]).create()
    options = {
        "kafka.bootstrap.servers": os.environ["LAKEHOUSE_KAFKA_BOOTSTRAP"],
        "subscribe": "events",
        "startingOffsets": json.dumps({"events": json.loads(offsets)}),
    }
    try:
        if what == "batch":
            frame = spark.read.format("kafka").options(**options).load().selectExpr(*COLUMNS)
            frame.write.format("delta").mode("append").save(f"{folder}/bronze")
            return
        stream(spark, options, folder)
        if what == "merge":
            merge(spark, folder)
    finally:
        spark.stop()


def stream(spark: Any, options: dict[str, str], folder: str) -> None:
    """All that waits, in one micro-batch."""
    query = (
        spark.readStream.format("kafka").options(**options).load().selectExpr(*COLUMNS)
        .writeStream.format("delta").trigger(availableNow=True)
        .option("checkpointLocation", f"{folder}/checkpoint").start(f"{folder}/bronze")
    )  # fmt: skip
    if not query.awaitTermination(LIMIT_SECONDS):
        raise RuntimeError("the stream did not end")


def merge(spark: Any, folder: str) -> None:
    """A table for each event type; events that are there already stay as they are."""
    for event_type, own in OWN.items():
        schema = f"{ENVELOPE}, {own}".removesuffix(", ")
        table = f"{folder.rpartition('/')[0]}/merged/{event_type}"
        spark.sql(f"create table if not exists delta.`{table}` ({schema}) using delta")
        spark.read.format("delta").load(f"{folder}/bronze").selectExpr(
            f"from_json(cast(value as string), '{schema}') as event"
        ).where(f"event.event_type = '{event_type}'").selectExpr("event.*").createOrReplaceTempView("incoming")
        spark.sql(
            f"merge into delta.`{table}` t using incoming s on t.event_id = s.event_id when not matched then insert *"
        ).collect()


if __name__ == "__main__":
    main(*sys.argv[1:])
