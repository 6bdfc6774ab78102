"""Queries about a selection of the open rows in quarantine."""

from __future__ import annotations

from typing import Any

from lakehouse.clients.trino import query
from lakehouse.ledger.selection import Selection
from lakehouse.settings import Settings

BYTES_SHOWN = 120


def counted(settings: Settings, selection: Selection) -> list[dict[str, Any]]:
    """Open rows by reason_code, at_fault, event_type, event_date and batch_id, newest day first. Raises QueryError."""
    condition, parameters = selection.condition()
    return query(
        settings,
        f"""
        select reason_code, at_fault, event_type, event_date, batch_id, count(*) as messages from ops.quarantine_open
        where {condition} group by 1, 2, 3, 4, 5
        order by event_date desc, batch_id desc, reason_code, at_fault desc, event_type
        """,
        parameters,
    )


def by_reason(settings: Settings, selection: Selection) -> dict[str, int]:
    """Open rows per reason code, the most frequent first. Raises QueryError."""
    condition, parameters = selection.condition()
    rows = query(
        settings,
        f"select reason_code, count(*) as messages from ops.quarantine_open where {condition} group by 1 order by 2 desc, 1",
        parameters,
    )
    return {row["reason_code"]: row["messages"] for row in rows}


def rows(settings: Settings, selection: Selection, limit: int) -> list[dict[str, Any]]:
    """The newest open rows, at most `limit`, with the first bytes of each value as text. Raises QueryError."""
    condition, parameters = selection.condition()
    return query(
        settings,
        f"""
        select topic, topic_id, partition, "offset", kafka_timestamp, batch_id, entry_id, event_type, event_id, player,
          reason_code, field, rule, at_fault, from_utf8(substr(value, 1, {BYTES_SHOWN})) as value, length(value) as bytes
        from ops.quarantine_open where {condition}
        order by kafka_timestamp desc, topic, partition, "offset" desc limit {int(limit)}
        """,
        parameters,
    )
