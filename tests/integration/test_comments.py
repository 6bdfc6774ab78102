"""Whoever looks at a table or a view in Trino reads what each column means."""

from __future__ import annotations

import time

import pytest

from lakehouse.catalog.views import create_views, views
from tests.real import Real

pytestmark = pytest.mark.timeout(300)


def relations(stack: Real) -> list[str]:
    """Every table and view of the schemas that people read."""
    rows = stack.query(
        "select table_schema, table_name from information_schema.tables where table_schema in ('game', 'ops', 'compat')"
    )
    return sorted(f'{row["table_schema"]}."{row["table_name"]}"' for row in rows)


def test_no_column_lacks_a_comment(stack: Real) -> None:
    found = relations(stack)
    assert {'game."sword_purchases"', 'ops."batches"', 'compat."valid_events"'} <= set(found) and len(found) > 20
    columns = {
        f"{name}.{row['Column']}": row["Comment"] for name in found for row in stack.query(f"show columns from {name}")
    }
    assert sorted(name for name, comment in columns.items() if not (comment or "").strip()) == []


def test_no_table_or_view_lacks_a_comment(stack: Real) -> None:
    rows = stack.query(
        "select schema_name, table_name, comment from system.metadata.table_comments "
        "where catalog_name = 'lakehouse' and schema_name in ('game', 'ops', 'compat')"
    )
    assert len(rows) == len(relations(stack))
    assert [row for row in rows if not row["comment"]] == []


def test_views_that_are_made_again_have_their_comments_within_seconds(stack: Real) -> None:
    began = time.monotonic()
    assert set(create_views(stack.settings, stack.contracts)) == set(views(stack.settings))
    assert time.monotonic() - began < 20
    test_no_column_lacks_a_comment(stack)
