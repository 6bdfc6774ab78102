"""Event ids: which ones a client may send, and when the one that sent them was made."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from lakehouse.contract import patterns

# Ids are looked up in the days around their time only, so an id from far away could not be told from a new one.
OLDEST, NEWEST = timedelta(days=7), timedelta(hours=1)

_UUID7 = re.compile(patterns.inner(patterns.UUID7))


def made_at(event_id: str) -> datetime | None:
    """The time in a UUIDv7, in UTC; None if the text is none, or says a time that no calendar has."""
    if _UUID7.fullmatch(event_id) is None:
        return None
    milliseconds = int(event_id[:8] + event_id[9:13], 16)
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def in_time(made: datetime, now: datetime) -> bool:
    """Whether an id of that time may be used now."""
    return now - OLDEST <= made <= now + NEWEST
