"""What a Delta schema is in Trino's words, and what is said when Trino sees something else."""

from __future__ import annotations

import pytest

from lakehouse.catalog import agreement
from lakehouse.catalog.agreement import Column, columns_of_schema, differences, trino_type
from lakehouse.clients.trino import QueryError
from lakehouse.names import Table
from lakehouse.settings import Settings

RANGES = {
    "type": "array",
    "containsNull": True,
    "elementType": {
        "type": "struct",
        "fields": [{"name": "Topic", "type": "string"}, {"name": "until", "type": "long"}],
    },
}
A, B = Column("a", "bigint"), Column("b", "varchar")


@pytest.mark.parametrize(
    ("delta", "trino"),
    [
        ("string", "varchar"),
        ("long", "bigint"),
        ("timestamp", "timestamp(3) with time zone"),
        ("decimal(10, 2)", "decimal(10,2)"),
        ({"type": "map", "keyType": "string", "valueType": "binary"}, "map(varchar, varbinary)"),
        (RANGES, "array(row(topic varchar, until bigint))"),
    ],
)
def test_types_in_trinos_words(delta: object, trino: str) -> None:
    assert trino_type(delta) == trino


def test_columns_keep_their_order() -> None:
    schema = {"fields": [{"name": "Ranges", "type": RANGES}, {"name": "day", "type": "date"}]}
    assert columns_of_schema(schema) == [
        Column("ranges", "array(row(topic varchar, until bigint))"),
        Column("day", "date"),
    ]


@pytest.mark.parametrize(
    ("trino", "said"),
    [
        ([A, B], []),
        ([A], ["Trino lacks b varchar"]),
        ([A, B, Column("c", "date")], ["Trino has c date, the Delta log does not"]),
        ([A, Column("b", "date")], ["b is varchar in the Delta log and date in Trino"]),
        ([B, A], ["Trino's order is b, a, the Delta log's is a, b"]),
    ],
)
def test_what_differs_is_said(trino: list[Column], said: list[str]) -> None:
    assert differences([A, B], trino) == said


@pytest.mark.parametrize(
    ("delta", "trino"),
    [
        ("integer", "integer"),
        ("short", "smallint"),
        ("byte", "tinyint"),
        ("boolean", "boolean"),
        ("double", "double"),
        ("float", "real"),
        ("binary", "varbinary"),
        ("date", "date"),
        ("timestamp_ntz", "timestamp(6)"),
        ("void", "void"),
    ],
)
def test_each_simple_type_has_its_name_and_others_keep_theirs(delta: str, trino: str) -> None:
    assert trino_type(delta) == trino


def test_several_differences_are_all_said() -> None:
    c = Column("c", "date")
    assert differences([A, B], [c, Column("b", "date")]) == [
        "Trino lacks a bigint",
        "Trino has c date, the Delta log does not",
        "b is varchar in the Delta log and date in Trino",
    ]


def test_trinos_columns_are_listed_by_table(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def query(settings: Settings, sql: str) -> list[dict[str, str]]:
        asked.append(sql)
        rows = (
            ("raw", "events", "a", "bigint"),
            ("raw", "events", "b", 'row("x" varchar)'),
            ("ops", "ledger", "a", "date"),
        )
        names = ("table_schema", "table_name", "column_name", "data_type")
        return [dict(zip(names, row, strict=True)) for row in rows]

    monkeypatch.setattr(agreement, "query", query)
    assert agreement.trino_columns(Settings()) == {
        "raw.events": [A, Column("b", "row(x varchar)")],
        "ops.ledger": [Column("a", "date")],
    }
    assert "where table_schema in ('raw', 'game', 'ops', 'compat') order by" in asked[0]


def test_why_trino_does_not_read_a_table_is_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(agreement, "query", lambda settings, sql: asked.append(sql))
    assert agreement.why_unreadable(Settings(), Table("game", "a b")) is None
    assert asked == ['select 1 from game."a b" limit 0']

    def refuse(settings: Settings, sql: str) -> None:
        raise QueryError("no such table")

    monkeypatch.setattr(agreement, "query", refuse)
    assert agreement.why_unreadable(Settings(), Table("game", "a")) == "no such table"
