"""The ledger in its Delta table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jobs.delta import writes
from jobs.ledger.ledger import Ledger
from lakehouse.catalog.tables import LEDGER

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = ", ".join(f"{name} {kind}" for name, (kind, _) in LEDGER.items())


class DeltaLedger(Ledger):
    """The ledger in the Delta table at `path`, read and written by Spark."""

    def __init__(self, spark: SparkSession, path: str, attempt_id: str, airflow_run: str) -> None:
        super().__init__(attempt_id, airflow_run)
        self._spark = spark
        self._path = path

    def _last_entry_id(self) -> int:
        frame = self._spark.read.format("delta").load(self._path)
        return int(frame.selectExpr("max(entry_id)").collect()[0][0] or 0)

    def _rows(self, first: int, last: int | None = None) -> list[Mapping[str, Any]]:
        wanted = f"entry_id >= {int(first)}" + ("" if last is None else f" and entry_id <= {int(last)}")
        frame = self._spark.read.format("delta").load(self._path).where(wanted)
        return [row.asDict(recursive=True) for row in frame.collect()]

    def _append(self, row: Mapping[str, Any], app: str, version: int) -> None:
        frame = self._spark.createDataFrame([tuple(row.get(name) for name in LEDGER)], SCHEMA)
        writes.append_once(frame, self._path, app=app, version=version)
