"""Messages as rows of raw, and judged rows as values that can be compared."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from jobs.judging.batches import BatchJudge
from tests.agreement.messages import APPENDED_AT

MAX_BYTES = 200_000
Row = Mapping[str, Any]


def judged(batch: pa.Table, judge: BatchJudge) -> pa.Table:
    """All rows of a batch of raw, by the evaluator."""
    return pa.Table.from_batches(judge(batch.to_batches()))


def raw_rows(values: Sequence[bytes | None], at: dt.datetime = APPENDED_AT) -> pa.Table:
    """The messages as rows of raw, but for what raw finds in them; `at`: the broker's time of all."""
    count = len(values)
    return pa.table(
        {
            "topic": pa.repeat("events", count),
            "topic_id": pa.repeat("id", count),
            "partition": pa.repeat(pa.scalar(0, pa.int32()), count),
            "offset": pa.array(range(count), pa.int64()),
            "kafka_timestamp": pa.repeat(pa.scalar(at, pa.timestamp("us", "UTC")), count),
            "key": pa.repeat(b"k", count),
            "value": pa.array(values, pa.binary()),
            "kafka_headers": pa.nulls(count, pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))),
        }
    )


def rows_of(table: pa.Table) -> list[Row]:
    """The rows by offset, as values that can be compared."""
    table = table.cast(pa.schema([(field.name, _times_as_numbers(field.type)) for field in table.schema]))
    return [
        {name: _sorted(value) for name, value in row.items()}
        for row in sorted(table.to_pylist(), key=lambda row: row["offset"])
    ]


def _times_as_numbers(kind: pa.DataType) -> pa.DataType:
    """Python has no datetime for the times beyond its years that Spark's casts can give."""
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_list(kind):
        return pa.list_(_times_as_numbers(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct(
            [(kind.field(at).name, _times_as_numbers(kind.field(at).type)) for at in range(kind.num_fields)]
        )
    return kind


def _sorted(value: Any) -> Any:
    """The value with each map in the order of its names."""
    if isinstance(value, dict):
        return {name: _sorted(each) for name, each in value.items()}
    if isinstance(value, list):
        inner = [each if isinstance(each, tuple) else _sorted(each) for each in value]
        return sorted(inner) if inner and isinstance(inner[0], tuple) else inner
    return value
