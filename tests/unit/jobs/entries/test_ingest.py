"""Which planned offsets have no row in raw."""

from __future__ import annotations

from pyspark.sql import SparkSession

from jobs.entries.ingest import gaps_of
from lakehouse.ledger.offsets import OffsetRange, TopicPartition

A, B, C = (TopicPartition("events", "id", number) for number in range(3))


def test_a_gap_is_one_range_however_long_and_a_partition_without_rows_is_all_gap(spark: SparkSession) -> None:
    rows = [("events", 0, offset) for offset in (10, 11, 15, 19)] + [("events", 1, 5), ("other", 2, 1)]
    raw = spark.createDataFrame(rows, "topic string, partition int, offset bigint")
    wanted = [OffsetRange(A, 9, 20), OffsetRange(B, 5, 1_000_000_000), OffsetRange(C, 0, 3)]
    assert gaps_of(raw, wanted) == [
        [OffsetRange(A, 9, 10), OffsetRange(A, 12, 15), OffsetRange(A, 16, 19)],
        [OffsetRange(B, 6, 1_000_000_000)],
        [OffsetRange(C, 0, 3)],
    ]


def test_rows_outside_of_a_range_are_no_part_of_it_and_a_full_range_has_no_gaps(spark: SparkSession) -> None:
    raw = spark.createDataFrame([("events", 0, n) for n in range(6)], "topic string, partition int, offset bigint")
    assert gaps_of(raw, [OffsetRange(A, 2, 4)]) == []
    assert gaps_of(raw, [OffsetRange(A, 4, 8)]) == [[OffsetRange(A, 6, 8)]]
