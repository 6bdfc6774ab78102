"""The tables, as those see them who bring ledger entries into them: a port, and what stands behind it with real tables."""

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
        """All rows, as they are when they are first asked for."""

    def append_once(
        self, frame: DataFrame, table: Table, *, app: str, version: int, replace_where: str | None = None
    ) -> None:
        """Appends the rows, unless (`app`, `version`) or a later version of it is there already: once, whoever tries it.

        With `replace_where`, rows that meet the condition are replaced instead, in the same commit.
        """

    def add_rows(self, frame: DataFrame, table: Table) -> None:
        """Appends the rows, each time that it is called."""

    def delete_rows(self, places: DataFrame, table: Table, on: Sequence[str] = MESSAGE_KEY) -> None:
        """Deletes the rows whose columns `on` are in `places`; harmless if they are gone."""

    def create(self, wanted: Sequence[Definition]) -> list[str]:
        """Makes tables that are not there, and adds columns that are new. Returns what it changed, in words."""

    def event_tables(self) -> list[Table]:
        """Every event table, those of contracts that are gone included."""


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
