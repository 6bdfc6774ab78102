"""The answers of a stack before it is lost and after it is restored: the rows of each table and view, summed up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.real import Real

CHANGING = {"freshness", "ingested", "losses"}  # two tell the time, in one a restore writes


def answers(real: Real, but: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The rows of each table and view, counted and summed up, whatever their order.

    `but`: conditions of rows that are left out, by a column of theirs; those of CHANGING all are.
    """
    columns: dict[str, list[str]] = {}
    for row in real.query(
        "select table_schema as s, table_name as t, column_name as c from information_schema.columns "
        "where table_schema in ('raw', 'game', 'ops', 'compat')"
    ):
        if row["t"] not in CHANGING:
            columns.setdefault(f"{row['s']}.{row['t']}", []).append(row["c"])
    assert len(columns) > 20
    found = {}
    for name, names in columns.items():
        whole = ", ".join(f'"{each}"' for each in names)
        left_out = [f"not ({condition})" for column, condition in (but or {}).items() if column in names]
        found[name] = real.query(
            f"select count(*) as rows, to_hex(checksum(row({whole}))) as sum from {name} where {' and '.join(left_out) or 'true'}"
        )
    return found
