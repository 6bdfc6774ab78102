"""Compares how Trino sees a table with its Delta log: the same columns, of the same types, in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lakehouse import names
from lakehouse.clients.trino import QueryError, query
from lakehouse.settings import Settings

# Trino's name for each simple type of a Delta schema.
_SIMPLE = {
    "string": "varchar",
    "long": "bigint",
    "integer": "integer",
    "short": "smallint",
    "byte": "tinyint",
    "boolean": "boolean",
    "double": "double",
    "float": "real",
    "binary": "varbinary",
    "date": "date",
    "timestamp": "timestamp(3) with time zone",
    "timestamp_ntz": "timestamp(6)",
}


class Column(NamedTuple):
    """A column with its type in Trino's words."""

    name: str
    type: str


def columns_of_schema(schema: Mapping[str, Any]) -> list[Column]:
    """The columns of a Delta schema (the JSON form that the log holds), in Trino's words."""
    return [Column(field["name"].lower(), trino_type(field["type"])) for field in schema["fields"]]


def trino_type(kind: Any) -> str:
    """Trino's name for a type of a Delta schema: a name, or a mapping for array, map and struct."""
    if isinstance(kind, str):
        if kind.startswith("decimal"):
            return kind.replace(" ", "")
        return _SIMPLE.get(kind, kind)
    if kind["type"] == "array":
        return f"array({trino_type(kind['elementType'])})"
    if kind["type"] == "map":
        return f"map({trino_type(kind['keyType'])}, {trino_type(kind['valueType'])})"
    fields = ", ".join(f"{field['name'].lower()} {trino_type(field['type'])}" for field in kind["fields"])
    return f"row({fields})"


def differences(delta: Sequence[Column], trino: Sequence[Column]) -> list[str]:
    """A sentence for each difference; none if both are the same."""
    if list(delta) == list(trino):
        return []
    log, seen = dict(delta), dict(trino)
    said = [f"Trino lacks {name} {kind}" for name, kind in delta if name not in seen]
    said += [f"Trino has {name} {kind}, the Delta log does not" for name, kind in trino if name not in log]
    said += [
        f"{name} is {kind} in the Delta log and {seen[name]} in Trino"
        for name, kind in delta
        if name in seen and seen[name] != kind
    ]
    return said or [
        f"Trino's order is {', '.join(column.name for column in trino)}, the Delta log's is {', '.join(log)}"
    ]


def trino_columns(settings: Settings) -> dict[str, list[Column]]:
    """The columns of all tables as Trino sees them, by qualified name. A table that Trino cannot read is left out.

    Raises:
        QueryError: Trino does not answer.
    """
    schemas = ", ".join(f"'{name}'" for name in names.DATABASES)
    rows = query(
        settings,
        f"""
        select table_schema, table_name, column_name, data_type from information_schema.columns
        where table_schema in ({schemas}) order by table_schema, table_name, ordinal_position
        """,
    )
    found: dict[str, list[Column]] = {}
    for row in rows:
        column = Column(row["column_name"], row["data_type"].replace('"', ""))
        found.setdefault(f"{row['table_schema']}.{row['table_name']}", []).append(column)
    return found


def why_unreadable(settings: Settings, table: names.Table) -> str | None:
    """Trino's error if it cannot read the table; None if it can."""
    try:
        query(settings, f'select 1 from {table.database}."{table.name}" limit 0')
    except QueryError as error:
        return str(error)
    return None
