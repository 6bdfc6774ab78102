"""Compares the Delta log, the metastore and Trino for each table, and repairs the metastore. It changes no rows.

Spark and Trino both read a table's columns from the Delta log. The metastore only says that there is a Delta table of
that name, and where. It agrees if it has the entry with the right location.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from jobs.delta.tables import create_tables, is_written
from lakehouse.catalog import agreement
from lakehouse.catalog.agreement import Column
from lakehouse.catalog.tables import Definition

if TYPE_CHECKING:
    from jobs.runtime.job import Job

ALTER_LOCATION = "spark.databricks.delta.alterLocation.bypassSchemaCheck"


class Health(NamedTuple):
    """What was repaired of a table, and what could not be repaired."""

    table: str
    repaired: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.broken:
            return f"{self.table}: NOT REPAIRED: {'; '.join(self.broken)}"
        if self.repaired:
            return f"{self.table}: repaired: {'; '.join(self.repaired)}"
        return f"{self.table}: Delta log, metastore and Trino agree"


def check(job: Job, definitions: Iterable[Definition]) -> list[Health]:
    """Checks and repairs each table, and logs its health. Types that differ from the contract count as broken."""
    definitions = list(definitions)
    found = {definition.table.qualified: in_metastore(job, definition) for definition in definitions}
    seen = agreement.trino_columns(job.settings)  # after the repairs
    found_health = []
    for definition in definitions:
        health = found[definition.table.qualified]
        if not health.broken:
            health = in_trino(job, definition, health, seen.get(definition.table.qualified))
        job.say(str(health))
        found_health.append(health)
    return found_health


def in_metastore(job: Job, definition: Definition) -> Health:
    """Makes sure that the metastore has the table, with the right location and the columns of its contract."""
    table, path = definition.table, job.path(definition.table)
    registered = is_registered(job, definition)
    repaired: list[str] = []
    if registered and not is_written(job.settings, definition):
        return Health(
            table.qualified,
            broken=(
                f"the metastore has it, but there is no Delta log at {path}; restore the folder, or find out who took it",
            ),
        )
    if registered:
        details = {row["col_name"]: row["data_type"] for row in extended(job, definition)}
        if details.get("Provider", "").lower() != "delta":
            return Health(
                table.qualified,
                broken=(f"the metastore has it as {details.get('Provider')}; drop that entry and run again",),
            )
        if not same_place(details.get("Location", ""), path):
            job.spark.conf.set(ALTER_LOCATION, "true")
            job.spark.sql(f"alter table {table.qualified} set location '{path}'")
            repaired.append(f"the metastore had it at {details.get('Location')}; set to {path}")
    repaired += create_tables(job.spark, job.settings, [definition])
    schema = job.spark.read.format("delta").load(path).schema
    there = {field.name: field.dataType.simpleString() for field in schema.fields}
    wanted = {name: plain(kind) for name, (kind, _) in definition.columns.items()}
    differing = [
        f"{name} is {there[name]}, its contract says {kind}"
        for name, kind in wanted.items()
        if name in there and there[name] != kind
    ]
    return Health(table.qualified, tuple(repaired), tuple(differing))


def in_trino(job: Job, definition: Definition, health: Health, seen: list[Column] | None) -> Health:
    """Compares Trino's columns with the Delta log.

    If they differ, it asks Trino again: the log may have changed meanwhile.
    """
    schema = job.store.read(definition.table).schema.jsonValue()
    columns = agreement.columns_of_schema(schema)
    if seen is not None and not agreement.differences(columns, seen):
        return health
    again = agreement.trino_columns(job.settings).get(definition.table.qualified)
    if again is None:
        why = agreement.why_unreadable(job.settings, definition.table)
        return health._replace(broken=(*health.broken, f"Trino cannot read it: {why}"))
    return health._replace(broken=(*health.broken, *agreement.differences(columns, again)))


def is_registered(job: Job, definition: Definition) -> bool:
    rows = job.spark.sql(f"show tables in {definition.table.database}").collect()
    return definition.table.name in {row["tableName"] for row in rows}


def extended(job: Job, definition: Definition) -> list[dict[str, str]]:
    rows = job.spark.sql(f"describe table extended {definition.table.qualified}").collect()
    return [row.asDict() for row in rows]


def same_place(one: str, other: str) -> bool:
    return one.rstrip("/") == other.rstrip("/")


def plain(kind: str) -> str:
    """A type as Spark's `simpleString` writes it."""
    return kind.replace(": ", ":").replace(", ", ",")
