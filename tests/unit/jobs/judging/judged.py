"""Messages, and what the judging in Spark makes of them: for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession

from jobs.judging import duplicates
from jobs.judging.batches import Place
from jobs.judging.judge import judge
from tests.unit.jobs.messages import CONTRACTS, MAX_BYTES, batch_of, collected, event_id


def repeats_in(batch: DataFrame, arrivals: DataFrame, **options: Any) -> DataFrame | None:
    return duplicates.find_repeats(
        batch, arrivals, duplicates.bounds_of(batch), CONTRACTS, max_event_bytes=MAX_BYTES, **options
    )


def result_of(
    batch: DataFrame,
    repeats: DataFrame | None,
    header_rules: dict[str, str] | None = None,
    unreadable: Sequence[Place] = (),
) -> list[Row]:
    return collected(
        judge(
            batch,
            repeats,
            CONTRACTS,
            max_event_bytes=MAX_BYTES,
            header_rules=header_rules or {},
            unreadable=unreadable,
        )
    )


def judged(batch: DataFrame, earlier: DataFrame | None = None, header_rules: dict[str, str] | None = None) -> list[Row]:
    arrivals = batch if earlier is None else earlier.unionAll(batch)
    return result_of(batch, repeats_in(batch, arrivals), header_rules)


def judge_values(spark: SparkSession, *values: bytes | None) -> list[Row]:
    return judged(batch_of(spark, list(values)))


def sword(**fields: Any) -> bytes:
    return json.dumps(
        {"event_type": "purchase_sword", "event_id": event_id(), "player": "p", "host": "h", **fields}
    ).encode()


def deep(levels: int, begin: str = '{"a":', end: str = "}") -> str:
    return begin * levels + "1" + end * levels
