"""Which entries have results of checks."""

from __future__ import annotations

from lakehouse.clients.trino import query
from lakehouse.settings import Settings


def last_audited(settings: Settings, limit: int) -> list[int]:
    """The last so many entries with results, newest first. Raises QueryError."""
    sql = (
        f"select distinct entry_id from ops.checks where entry_id is not null order by entry_id desc limit {int(limit)}"
    )
    return [row["entry_id"] for row in query(settings, sql)]
