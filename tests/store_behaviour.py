"""The behaviour of any store of tables: one suite for tables in memory and for Delta tables on real servers."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobs.delta.store import TableStore
from lakehouse.catalog.tables import Definition, schema_of
from lakehouse.names import GAME, OPS, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DAY = dt.date(2026, 11, 22)
TIME = dt.datetime(2026, 11, 22, 3, 4, 5, 678, tzinfo=dt.UTC)
COLUMNS = {
    "topic_id": ("string", "a"),
    "partition": ("int", "b"),
    "offset": ("bigint", "c"),
    "raw_event": ("string", "d"),
    "http_headers": ("map<string, string>", "e"),
    "items": ("array<struct<item: string, quantity: bigint>>", "f"),
    "time": ("timestamp", "g"),
    "event_date": ("date", "h"),
}
ITEMS = [{"item": "Schwert 🗡", "quantity": 2**40}]


class StoreBehaviour:
    """Subclasses give the fixtures `spark`, `store` and `table`, which is new in each test, and call `definition`."""

    def made(self, store: TableStore, table: Table) -> Definition:
        """The table, empty."""
        wanted = Definition(table, "a test's", COLUMNS, partitioned=True)
        store.create([wanted])
        return wanted

    def rows(self, spark: SparkSession, *offsets: int, **more: Any) -> DataFrame:
        values = {
            "raw_event": "{}",
            "http_headers": {"X-A": "b"},
            "items": ITEMS,
            "time": TIME,
            "event_date": DAY,
            **more,
        }
        return spark.createDataFrame(
            [{"topic_id": "id", "partition": 0, "offset": at, **values} for at in offsets], schema_of(COLUMNS)
        )

    def offsets(self, store: TableStore, table: Table) -> list[int]:
        return sorted(row["offset"] for row in store.read(table).select("offset").collect())

    def test_a_new_table_is_empty_and_is_made_once(self, store: TableStore, table: Table) -> None:
        wanted = self.made(store, table)
        assert (store.read(table).columns, store.read(table).collect()) == (list(COLUMNS), [])
        assert store.create([wanted]) == []

    def test_a_column_that_is_new_is_added_and_null_in_old_rows(
        self, spark: SparkSession, store: TableStore, table: Table
    ) -> None:
        wanted = self.made(store, table)
        store.append_once(self.rows(spark, 1), table, app="a", version=1)
        more = replace(wanted, columns={**COLUMNS, "newer": ("bigint", "i")})
        assert store.create([more]) == [f"added {table.qualified}.newer"]
        assert [row["newer"] for row in store.read(table).collect()] == [None]

    def test_values_are_read_back_as_they_were(self, spark: SparkSession, store: TableStore, table: Table) -> None:
        self.made(store, table)
        store.append_once(self.rows(spark, 2**40), table, app="a", version=1)
        (row,) = store.read(table).collect()
        found = row.asDict(recursive=True)
        found["time"] = found["time"].astimezone(dt.UTC)
        assert found == {
            "topic_id": "id", "partition": 0, "offset": 2**40, "raw_event": "{}", "http_headers": {"X-A": "b"},
            "items": ITEMS, "time": TIME.replace(microsecond=678), "event_date": DAY,
        }  # fmt: skip

    def test_a_version_is_written_once_and_an_older_one_no_more(
        self, spark: SparkSession, store: TableStore, table: Table
    ) -> None:
        self.made(store, table)
        for offset, app, version in ((1, "a", 5), (2, "a", 5), (3, "a", 4), (4, "b", 1), (5, "a", 6)):
            store.append_once(self.rows(spark, offset), table, app=app, version=version)
        assert self.offsets(store, table) == [1, 4, 5]

    def test_of_writers_of_one_version_at_the_same_time_one_writes(
        self, spark: SparkSession, store: TableStore, table: Table
    ) -> None:
        self.made(store, table)
        frames = [self.rows(spark, number) for number in range(4)]
        with ThreadPoolExecutor(len(frames)) as threads:
            for each in [threads.submit(store.append_once, frame, table, app="a", version=1) for frame in frames]:
                each.result()
        assert len(self.offsets(store, table)) == 1

    def test_rows_that_meet_a_condition_are_replaced_once(
        self, spark: SparkSession, store: TableStore, table: Table
    ) -> None:
        self.made(store, table)
        store.append_once(self.rows(spark, 1, 2, 3), table, app="a", version=1)
        where = f"event_date = date '{DAY}' and `offset` <= 2"
        store.append_once(self.rows(spark, 0), table, app="a", version=2, replace_where=where)
        store.append_once(self.rows(spark, 1), table, app="a", version=2, replace_where=where)
        assert self.offsets(store, table) == [0, 3]

    def test_rows_are_added_each_time(self, spark: SparkSession, store: TableStore, table: Table) -> None:
        self.made(store, table)
        for _ in range(2):
            store.add_rows(self.rows(spark, 1), table)
        assert self.offsets(store, table) == [1, 1]

    def test_rows_are_deleted_by_their_places_or_other_columns(
        self, spark: SparkSession, store: TableStore, table: Table
    ) -> None:
        self.made(store, table)
        store.add_rows(self.rows(spark, 1, 2, 3), table)
        store.add_rows(self.rows(spark, 1, topic_id="other"), table)
        for _ in range(2):
            store.delete_rows(self.rows(spark, 1, 2, 9), table)
        assert self.offsets(store, table) == [1, 3]
        store.delete_rows(self.rows(spark, 7, topic_id="other"), table, on=("topic_id",))
        assert self.offsets(store, table) == [3]

    def test_event_tables_are_those_of_the_game_that_keep_events(self, store: TableStore, table: Table) -> None:
        self.made(store, table)
        facts = Table(GAME, f"{table.name}_facts")
        quarantine = Table(OPS, f"{table.name}_ops")
        for other, columns in (
            (facts, {name: COLUMNS[name] for name in ("offset", "event_date")}),
            (quarantine, COLUMNS),
        ):
            store.create([Definition(other, "a test's", columns, partitioned=True)])
        assert [each for each in store.event_tables() if each.name.startswith(table.name)] == [table]
