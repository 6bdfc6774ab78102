"""The port through which jobs read and write tables, and its implementation with Delta tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from jobs.delta import tables, writes
from lakehouse import names
from lakehouse.ledger.vocabulary import MESSAGE_KEY

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.catalog.tables import Definition
    from lakehouse.names import Table
    from lakehouse.settings import Settings


class TableStore(Protocol):
    """Tables by name. Every write is one commit."""

    def read(self, table: Table) -> DataFrame:
        """All rows, as of the first time that they are read."""

    def append_once(
        self, frame: DataFrame, table: Table, *, app: str, version: int, replace_where: str | None = None
    ) -> None:
        """Appends the rows, unless (`app`, `version`) or a later version of `app` was committed already.

        With `replace_where`, rows that meet the condition are replaced instead, in the same commit.
        """

    def add_rows(self, frame: DataFrame, table: Table) -> None:
        """Appends the rows; each call adds them."""

    def delete_rows(self, places: DataFrame, table: Table, on: Sequence[str] = MESSAGE_KEY) -> None:
        """Deletes the rows whose columns `on` are in `places`. It may be repeated."""

    def create(self, wanted: Sequence[Definition]) -> list[str]:
        """Makes missing tables and adds missing columns. Returns a sentence for each change."""

    def event_tables(self) -> list[Table]:
        """Every event table, also those of removed contracts."""


class DeltaStore:
    """Delta tables in the warehouse, known to the metastore."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self._spark = spark
        self._settings = settings

    def read(self, table: Table) -> DataFrame:
        return self._spark.read.format("delta").load(self._path(table))

    def append_once(
        self, frame: DataFrame, table: Table, *, app: str, version: int, replace_where: str | None = None
    ) -> None:
        writes.append_once(frame, self._path(table), app=app, version=version, replace_where=replace_where)

    def add_rows(self, frame: DataFrame, table: Table) -> None:
        frame.write.format("delta").mode("append").save(self._path(table))

    def delete_rows(self, places: DataFrame, table: Table, on: Sequence[str] = MESSAGE_KEY) -> None:
        writes.delete_rows(places, self._path(table), on)

    def create(self, wanted: Sequence[Definition]) -> list[str]:
        return tables.create_tables(self._spark, self._settings, list(wanted))

    def event_tables(self) -> list[Table]:
        return [names.event_table(name) for name in tables.event_tables(self._spark)]

    def _path(self, table: Table) -> str:
        return table.path(self._settings.warehouse_uri)
