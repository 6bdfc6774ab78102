"""Tables in memory, for tests of the jobs that write entries. One test suite shows that they behave as Delta tables."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa

from lakehouse import names
from lakehouse.catalog.tables import schema_of
from lakehouse.ledger.vocabulary import MESSAGE_KEY

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.catalog.tables import Definition
    from lakehouse.names import Table


class MemoryStore:
    """Tables as frames of a Spark session with their rows in memory. Several writers may share it.

    `tables`: those that are there from the beginning, with their rows in memory.
    """

    def __init__(self, spark: SparkSession, tables: Mapping[Table, DataFrame] = MappingProxyType({})) -> None:
        self._spark = spark
        self._frames = dict(tables)
        # What a table's frame was made of. It is the rows of that frame alone, not of one that took its place.
        self._rows: dict[Table, tuple[DataFrame, pa.Table]] = {}
        self._versions: dict[tuple[Table, str], int] = {}
        self._lock = threading.RLock()

    def read(self, table: Table) -> DataFrame:
        return self._frames[table]

    def append_once(
        self, frame: DataFrame, table: Table, *, app: str, version: int, replace_where: str | None = None
    ) -> None:
        with self._lock:
            if version <= self._versions.get((table, app), -1):
                return
            kept = self.read(table)
            if replace_where:
                kept = kept.where(f"not coalesce({replace_where}, false)")
            self._write(table, kept, frame)
            self._versions[table, app] = version

    def add_rows(self, frame: DataFrame, table: Table) -> None:
        with self._lock:
            self._write(table, self.read(table), frame)

    def delete_rows(self, places: DataFrame, table: Table, on: Sequence[str] = MESSAGE_KEY) -> None:
        with self._lock:
            left = self.read(table).join(places.select(*on).distinct(), list(on), "left_anti")
            self._keep(self._rows_of(left.selectExpr(*_quoted(self.read(table)))), table)

    def create(self, wanted: Sequence[Definition]) -> list[str]:
        changed = []
        with self._lock:
            for each in wanted:
                if each.table not in self._frames:
                    made = self._spark.createDataFrame([], schema_of(each.columns))
                    self._frames[each.table] = made.where("false")  # else each query asks a Python worker for no rows
                    changed.append(f"made {each.table.qualified}")
                there = set(self.read(each.table).schema.names)
                new = [name for name in each.columns if name not in there]
                if new:
                    more = [f"cast(null as {each.columns[name][0]}) as `{name}`" for name in new]
                    self._frames[each.table] = self.read(each.table).selectExpr("*", *more)
                changed += [f"added {each.table.qualified}.{name}" for name in new]
        return changed

    def event_tables(self) -> list[Table]:
        return sorted(
            (
                table
                for table, frame in self._frames.items()
                if table.database == names.GAME and "raw_event" in frame.columns
            ),
            key=lambda table: table.name,
        )

    def _write(self, table: Table, kept: DataFrame, new: DataFrame) -> None:
        there = set(new.columns)
        columns = [
            f"`{each.name}`" if each.name in there else f"cast(null as {each.dataType.simpleString()}) as `{each.name}`"
            for each in kept.schema.fields
        ]
        before, more = self._rows_of(kept, table), self._rows_of(new.selectExpr(*columns))
        self._keep(pa.concat_tables([before, more.cast(before.schema)]), table)

    def _rows_of(self, frame: DataFrame, table: Table | None = None) -> pa.Table:
        """A copy of the rows: the source of the frame may change later. `table`: the one whose frame it may be."""
        if table in self._rows and self._rows[table][0] is frame:
            return self._rows[table][1]
        return frame.toArrow()

    def _keep(self, rows: pa.Table, table: Table) -> None:
        schema = self.read(table).schema
        self._frames[table] = self._spark.createDataFrame(rows).to(schema)
        self._rows[table] = self._frames[table], rows


def _quoted(frame: DataFrame) -> list[str]:
    return [f"`{name}`" for name in frame.columns]
