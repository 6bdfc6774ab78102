"""Results of an audit's checks: staged by the attempt that audited, and read by whoever publishes its decision."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

from lakehouse import names
from lakehouse.catalog.tables import CHECKS, schema_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from expectations.results import Check
    from jobs.runtime.job import Job
    from lakehouse.contract.model import Contracts

_ARROW = {
    "bigint": pa.int64(),
    "date": pa.date32(),
    "string": pa.string(),
    "array<string>": pa.list_(pa.string()),
    "timestamp": pa.timestamp("us", "UTC"),
}


def rows_of(
    checks: Sequence[Check],
    contracts: Contracts,
    at: dt.datetime,
    *,
    entry_id: int | None = None,
    day: dt.date | None = None,
) -> list[tuple[Any, ...]]:
    """The rows of ops.checks, in its columns; `at`: when the audit was made."""
    return [
        tuple({**_row(each, contracts, at), "entry_id": entry_id, "day": day}[name] for name in CHECKS)
        for each in checks
    ]


def _row(check: Check, contracts: Contracts, at: dt.datetime) -> Mapping[str, Any]:
    tables = [contracts[each].table for each in check.event_types] + ([check.table] if check.table else [])
    return {
        "name": check.name,
        "description": check.description,
        "severity": check.severity,
        "scope": check.scope,
        "tables": list(dict.fromkeys(tables)),
        "field": check.field,
        "outcome": str(check.outcome),
        "observed": check.observed,
        "allowed": check.allowed,
        "rows_checked": check.rows_checked,
        "rows_failing": check.rows_failing,
        "audited_at": at,
        "event_date": at.astimezone(dt.UTC).date(),
    }


def frame_of(job: Job, rows: Sequence[tuple[Any, ...]]) -> DataFrame:
    """The rows as one part, so that they become one file."""
    return job.spark.createDataFrame(list(rows), schema_of(CHECKS)).coalesce(1)


def stage(job: Job, rows: Sequence[tuple[Any, ...]], staging: str) -> int:
    """Writes the rows into the staging folder as one file, once a folder. Returns how many.

    Without Spark, which would take three requests and a commit for some twenty rows.

    Raises:
        HdfsError: HDFS did not take the file, or there is one already.
    """
    schema = pa.schema([(name, _ARROW[kind]) for name, (kind, _) in CHECKS.items()])
    with tempfile.TemporaryDirectory() as local:
        file = Path(local) / "checks.parquet"
        parquet.write_table(pa.Table.from_pylist([dict(zip(CHECKS, row, strict=True)) for row in rows], schema), file)
        job.files.put(file, f"{names.checks_folder(staging)}/{file.name}")
    return len(rows)


def staged(job: Job, staging: str) -> DataFrame:
    """What was staged, in the columns of ops.checks."""
    return job.spark.read.schema(schema_of(CHECKS)).parquet(names.checks_folder(staging)).coalesce(1)
