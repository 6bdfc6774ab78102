"""What a Delta schema is in Trino's words, and what is said when Trino sees something else."""

from __future__ import annotations

import pytest

from lakehouse.catalog.agreement import Column, columns_of_schema, differences, trino_type

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
