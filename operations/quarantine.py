"""Queries about a selection of the open rows in quarantine."""

from __future__ import annotations

from typing import Any

from lakehouse.clients.trino import query
from lakehouse.contract.model import Contracts
from lakehouse.contract.personal import LONGEST_READ, MASK, masked_event_id, masked_text, masked_value, whole_value
from lakehouse.ledger.selection import Selection
from lakehouse.settings import Settings

BYTES_SHOWN = 120


def counted(settings: Settings, contracts: Contracts, selection: Selection) -> list[dict[str, Any]]:
    """Open rows by reason_code, at_fault, event_type, event_date and batch_id, newest day first. Raises QueryError.

    Types that no contract names are anybody's text: they count together, masked.
    """
    condition, parameters = selection.condition()
    known = ", ".join("?" * len(contracts))
    return query(
        settings,
        f"""
        select reason_code, at_fault, if(event_type is null or event_type in ({known}), event_type, '{MASK}') as event_type,
          event_date, batch_id, count(*) as messages from ops.quarantine_open
        where {condition} group by 1, 2, 3, 4, 5
        order by event_date desc, batch_id desc, reason_code, at_fault desc, 3
        """,
        [*contracts, *parameters],
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


def rows(
    settings: Settings, contracts: Contracts, selection: Selection, limit: int, *, personal: bool = False
) -> list[dict[str, Any]]:
    """The newest open rows, at most `limit`, each with its value for people. Raises QueryError.

    personal: with what names people, which is masked otherwise.
    """
    condition, parameters = selection.condition()
    found = query(
        settings,
        f"""
        select topic, topic_id, partition, "offset", kafka_timestamp, batch_id, entry_id, event_type, event_id, player,
          reason_code, field, rule, at_fault, substr(value, 1, {LONGEST_READ + 1}) as value, length(value) as bytes
        from ops.quarantine_open where {condition}
        order by kafka_timestamp desc, topic, partition, "offset" desc limit {int(limit)}
        """,
        parameters,
    )
    return [{**row, **_shown(row, contracts, personal)} for row in found]


def _shown(row: dict[str, Any], contracts: Contracts, personal: bool) -> dict[str, Any]:
    if personal:
        return {"value": whole_value(row["value"], BYTES_SHOWN)}
    known = row["event_type"] if row["event_type"] in contracts else None  # any other is anybody's text
    return {
        "value": masked_value(row["value"], contracts),
        "player": masked_text(row["player"]),
        "event_type": known or masked_text(row["event_type"]),
        "event_id": masked_event_id(row["event_id"]),
    }
