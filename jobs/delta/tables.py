"""Makes the Delta tables, updates them to the contracts, and registers them in the metastore."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse import names
from lakehouse.catalog.spark_sql import literal
from lakehouse.catalog.tables import Definition, columns_of
from lakehouse.clients.hdfs import Hdfs

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakehouse.settings import Settings


def create_tables(spark: SparkSession, settings: Settings, wanted: list[Definition]) -> list[str]:
    """Makes missing databases and tables; adds missing columns and comments. Returns a sentence for each change."""
    changed = []
    for database in names.DATABASES:
        spark.sql(f"create database if not exists {database} location '{settings.warehouse_uri}/{database}'")
    present = {database: _tables(spark, database) for database in {d.table.database for d in wanted}}
    for definition in wanted:
        table, path = definition.table, definition.table.path(settings.warehouse_uri)
        if table.name not in present[table.database]:
            if is_written(settings, definition):
                # Its creation ended before the metastore had it, or the metastore lost it. The Delta log has the
                # schema.
                spark.sql(f"create table {table.qualified} using delta location '{path}'")
                changed.append(f"registered {table.qualified} again, which was not in the metastore")
            else:
                spark.sql(definition.ddl(path))
                changed.append(f"made {table.qualified}")
        changed += _follow(spark, definition)
    return changed


def register_found(spark: SparkSession, settings: Settings) -> list[str]:
    """Tells the metastore of tables in the warehouse that it lacks, such as those of removed contracts.

    Returns a sentence for each of them.
    """
    hdfs = Hdfs(settings)
    changed = []
    for database in names.DATABASES:
        folders = {each.name for each in hdfs.list(f"{settings.warehouse}/{database}") if each.is_folder}
        for table in sorted(folders - _tables(spark, database)):
            if _has_log(settings, names.Table(database, table)):
                path = f"{settings.warehouse_uri}/{database}/{table}"
                spark.sql(f"create table {database}.`{table}` using delta location '{path}'")
                changed.append(f"registered {database}.{table}, which no contract names and the metastore lacked")
    return changed


def is_written(settings: Settings, definition: Definition) -> bool:
    """Whether there is a Delta log with a commit at the table's path."""
    return _has_log(settings, definition.table)


def _has_log(settings: Settings, table: names.Table) -> bool:
    log = Hdfs(settings).list(f"{settings.warehouse}/{table.database}/{table.name}/_delta_log")
    return any(file.name.endswith(".json") for file in log)


def _follow(spark: SparkSession, definition: Definition) -> list[str]:
    """Adds the columns that the definition has and the table lacks, and new comments."""
    table = definition.table.qualified
    fields = spark.table(table).schema.fields
    there = {field.name: (field.metadata or {}).get("comment") for field in fields}
    new = {name: column for name, column in definition.columns.items() if name not in there}
    if new:
        spark.sql(f"alter table {table} add columns ({columns_of(new)})")
    stale = [name for name, (_, comment) in definition.columns.items() if name in there and there[name] != comment]
    for name in stale:
        spark.sql(f"alter table {table} alter column `{name}` comment {literal(definition.columns[name][1])}")
    return [f"added {table}.{name}" for name in new] + [f"described {table}.{name}" for name in stale]


def event_tables(spark: SparkSession) -> list[str]:
    """The names of all event tables in the metastore, also those of removed contracts."""
    views = {
        row["viewName"] for row in spark.sql(f"show views in {names.GAME}").collect()
    }  # made by Trino; Spark cannot read them
    there = sorted(_tables(spark, names.GAME) - views)
    return [name for name in there if "raw_event" in spark.table(f"{names.GAME}.{name}").columns]


def _tables(spark: SparkSession, database: str) -> set[str]:
    return {row["tableName"] for row in spark.sql(f"show tables in {database}").collect()}
