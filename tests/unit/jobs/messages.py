"""Messages as rows of the raw table, for tests of what is made of them."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import DataFrame, Row, SparkSession

from jobs.raw.raw_events import as_raw
from lakehouse.contract.load import load_contracts
from lakehouse.settings import Settings
from tests.agreement.rows import raw_rows

CONTRACTS = load_contracts(Settings().contracts)
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/*/*.json"))
NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)
MAX_BYTES = 10_000


def event_id(at: dt.datetime = NOW) -> str:
    """A UUIDv7 of that time."""
    millis = int(at.timestamp() * 1000)
    return str(uuid.UUID(int=millis << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)))


def batch_of(
    spark: SparkSession, values: Sequence[bytes | None], batch_id: int = 1, at: dt.datetime = NOW
) -> DataFrame:
    # as a table of Arrow: of Python's rows Spark would make an RDD, which each query reads by a worker of its own
    return as_raw(spark.createDataFrame(raw_rows(values, at)), {"events": "id"}, batch_id)


def collected(judged: DataFrame) -> list[Row]:
    """The judged messages in order, with the client's times as texts: PySpark fails at times of year 1's first day."""
    return (
        judged.selectExpr("* except (occurred_at)", "cast(occurred_at as string) as occurred_at")
        .orderBy("offset")
        .collect()
    )
