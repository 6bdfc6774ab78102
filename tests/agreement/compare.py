"""The same messages through Spark's SQL and through the evaluator, cell by cell; what differs, and why it may."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
from pyspark.sql import SparkSession

from jobs.judging import checks
from jobs.judging.batches import BatchJudge
from jobs.raw.raw_events import as_raw
from lakehouse.contract.judge import Judge
from lakehouse.contract.model import Contracts
from tests.agreement.messages import APPENDED_AT

MAX_BYTES = 200_000
_APPENDED_AT = int(APPENDED_AT.timestamp() * 1_000_000)
Row = Mapping[str, Any]


class Difference(NamedTuple):
    """One cell, and `why` it may differ: a name of DECIDED, or none."""

    value: bytes | None
    column: str
    sql: Any
    ours: Any
    why: str | None


# What the SQL did otherwise, and the evaluator does so on purpose.
DECIDED = {
    "noncharacter": "U+FDD0 is text like any other; it stood for half a character only where SQL could not see one",
    "two to the 63rd": "2^63 written as a double is no whole number of 64 bits; Spark's cast gives the largest one",
    "exact": "a whole number with an exponent is its exact value, not the nearest double's",
    "nearly whole": "a fraction that no double tells from a whole number is that number, as the API reads it; Spark cuts it off",
    "zero below zero": "-0.0 is 0.0 however it is written; Spark keeps the sign of -0e0",
    "number as text": "a number in a map of texts is written in plain digits, not as Java writes a double",
    "long number": "digits before the point count, too, towards the 1,000 that a number may have",
    "not typed": "of a message that is no event, a field of another type is null, not what a cast makes of it",
    "names in order": "names of unknown fields are in the order of their characters, not of their UTF-16 units",
}


def both(spark: SparkSession, values: Sequence[bytes | None], contracts: Contracts) -> tuple[list[Row], list[Row]]:
    """The judged rows by SQL and by the evaluator, in the order of the messages."""
    batch = as_raw(spark.createDataFrame(raw_rows(values)), {"events": "id"}, 1)
    sql = checks.judge(batch, None, contracts, max_event_bytes=MAX_BYTES, header_rules={}).toArrow()
    ours = judged(batch.toArrow(), BatchJudge(contracts, MAX_BYTES))
    assert ours.column_names == sql.column_names
    return rows_of(sql), rows_of(ours)


def judged(batch: pa.Table, judge: BatchJudge) -> pa.Table:
    """All rows of a batch of raw, by the evaluator."""
    return pa.Table.from_batches(judge(batch.to_batches()))


def raw_rows(values: Sequence[bytes | None]) -> pa.Table:
    """The messages as rows of raw, but for what raw finds in them."""
    count = len(values)
    return pa.table(
        {
            "topic": pa.repeat("events", count),
            "topic_id": pa.repeat("id", count),
            "partition": pa.repeat(pa.scalar(0, pa.int32()), count),
            "offset": pa.array(range(count), pa.int64()),
            "kafka_timestamp": pa.repeat(pa.scalar(APPENDED_AT, pa.timestamp("us", "UTC")), count),
            "key": pa.repeat(b"k", count),
            "value": pa.array(values, pa.binary()),
            "kafka_headers": pa.nulls(count, pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))),
        }
    )


def differences(sql: Sequence[Row], ours: Sequence[Row], contracts: Contracts) -> list[Difference]:
    """Every cell that differs."""
    judge = Judge(contracts, MAX_BYTES)
    found = []
    for one, other in zip(sql, ours, strict=True):
        assert one["offset"] == other["offset"]
        for column in one:
            if repr(one[column]) != repr(other[column]):
                why = _why(column, one, other, judge)
                found.append(Difference(one["value"], column, one[column], other[column], why))
    return found


def rows_of(table: pa.Table) -> list[Row]:
    """The rows by offset, as values that can be compared."""
    table = table.cast(pa.schema([(field.name, _times_as_numbers(field.type)) for field in table.schema]))
    return [_plain(row) for row in sorted(table.to_pylist(), key=lambda row: row["offset"])]


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


def _plain(row: dict[str, Any]) -> Row:
    if (row["reason_code"] or "").startswith("rule:"):  # those are Spark's alone
        row |= {"reason_code": None, "rule": None, "destination": None}
    elif row["reason_code"] is None:
        row["destination"] = None
    return {name: _sorted(value) for name, value in row.items()}


def _sorted(value: Any) -> Any:
    """The value with each map in the order of its names."""
    if isinstance(value, dict):
        return {name: _sorted(each) for name, each in value.items()}
    if isinstance(value, list):
        inner = [each if isinstance(each, tuple) else _sorted(each) for each in value]
        return sorted(inner) if inner and isinstance(inner[0], tuple) else inner
    return value


def _why(column: str, sql: Row, ours: Row, judge: Judge) -> str | None:
    value = sql["value"] or b""
    if b"\xef\xb7\x90" in value or re.search(rb"\\u[fF][dD][dD]0", value):
        return "noncharacter"
    if ours["reason_code"] == "not_json" and re.search(rb"[0-9]\.[0-9]{1000}", value):
        return "long number"
    if b"0.99999999999999999999" in value:
        return "nearly whole"
    if sql["reason_code"] != ours["reason_code"] or column in ("reason_code", "field", "rule", "contract_version"):
        if re.search(rb"9223372036854775808|9\.223372036854775807e18", value):
            return "two to the 63rd"
        return None
    one, other = sql[column], ours[column]
    field = column.rpartition("__")[2]
    broken = [reason for reason in judge.message(value, _APPENDED_AT).reasons if reason.rule in ("type", "format")]
    if any(reason.field and reason.field.partition(".")[0] == field for reason in broken):
        return "not typed"
    if repr(one).replace("-0.0", "0.0") == repr(other):
        return "zero below zero"
    if column == "unknown_fields" and one and other and sorted(one) == other:
        return "names in order"
    if column in ("http_headers", "event_id", "player") or field in ("open", "opens", "thing"):
        return "number as text" if _numbers_alike(repr(one)) == _numbers_alike(repr(other)) else None
    return "exact" if _numbers_alike(repr(one)) == _numbers_alike(repr(other)) else None


def _numbers_alike(text: str) -> tuple[list[str], list[float]]:
    """What stands between the numbers of a text, and these."""
    number = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?(?:E-?[0-9]+)?|Infinity)")
    return number.split(text), [float(each) for each in number.findall(text)]
