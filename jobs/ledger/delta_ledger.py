"""The ledger in its Delta table: read by delta-rs, which needs no Spark for it, and written by Spark (decision 0022)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from jobs.delta import writes
from jobs.ledger.ledger import Ledger
from lakehouse.catalog.tables import LEDGER, schema_of
from lakehouse.ledger.entries import LedgerError
from lakehouse.limits import within
from lakehouse.texts import harmless, without_colors

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import SparkSession

SCHEMA = schema_of(LEDGER)

READ_SECONDS = 300.0  # a NameNode that hangs; delta-rs itself would wait for ever
LONGEST = 500  # characters of a cause that an error tells
GREATEST = "max.entry_id"  # a file's statistics in the table's log

T = TypeVar("T")


class DeltaLedger(Ledger):
    """The ledger in the Delta table at `path`."""

    def __init__(self, spark: SparkSession, path: str, attempt_id: str, airflow_run: str) -> None:
        super().__init__(attempt_id, airflow_run)
        self._spark = spark
        self._path = path

    @cached_property
    def _table(self) -> DeltaTable:
        """The table as of its first use; see `_read`."""
        from deltalake import DeltaTable  # takes 0.1 s, which a job that ends by a wrong argument need not spend

        return DeltaTable(self._path)

    def _read(self, query: Callable[[DeltaTable], T]) -> T:
        """The answer of the table with all commits of all writers.

        Raises:
            LedgerError: it cannot be read.
        """

        def read() -> T:
            self._table.update_incremental()
            return query(self._table)

        try:
            return within(READ_SECONDS, read)
        except Exception as error:  # of HDFS or of Delta: delta-rs has many classes for them
            raise LedgerError(f"the ledger at {self._path} cannot be read; is HDFS up? {_brief(error)}") from error

    def _last_entry_id(self) -> int:
        return self._read(_greatest_entry_id)

    def _rows(self, first: int, last: int | None = None) -> list[Mapping[str, Any]]:
        from pyarrow import dataset

        wanted = dataset.field("entry_id") >= first
        if last is not None:
            wanted &= dataset.field("entry_id") <= last
        return self._read(lambda table: table.to_pyarrow_dataset().to_table(filter=wanted).to_pylist())

    def _append(self, row: Mapping[str, Any], app: str, version: int) -> None:
        frame = self._spark.createDataFrame([tuple(row.get(name) for name in LEDGER)], SCHEMA)
        writes.append_once(frame, self._path, app=app, version=version)


def _greatest_entry_id(table: DeltaTable) -> int:
    """By the statistics in the table's log; a file without them makes it read the column."""
    import pyarrow
    from pyarrow import compute

    files = pyarrow.table(table.get_add_actions(flatten=True))
    if GREATEST in files.column_names and not files.column(GREATEST).null_count:
        ids = files.column(GREATEST)
    else:
        ids = table.to_pyarrow_dataset().to_table(columns=["entry_id"]).column("entry_id")
    return compute.max(ids).as_py() or 0


def _brief(error: Exception) -> str:
    """The causes that delta-rs draws as a tree, in one line, without Java's own lines."""
    lines = (line.strip(" \t↳") for line in without_colors(str(error)).splitlines() if not line.startswith("\tat "))
    return harmless(": ".join(line for line in lines if line))[:LONGEST]
