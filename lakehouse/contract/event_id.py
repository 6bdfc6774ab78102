"""Event ids: which ones a client may send, the time in them, and the id of a message that was sent without one."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

from lakehouse.contract import patterns

# Ids are looked up only in the days around their time, so an old id that comes again could not be told from a new one.
OLDEST, NEWEST = timedelta(days=7), timedelta(hours=1)
# The API's clock and the broker's differ, and a message waits between them. So the API keeps inside both limits by this
# margin.
MARGIN = timedelta(minutes=5)

_UUID7 = re.compile(patterns.inner(patterns.UUID7))
_MICROSECOND = timedelta(microseconds=1)
_OLDEST_US, _NEWEST_US = OLDEST // _MICROSECOND, NEWEST // _MICROSECOND


def made_at(event_id: str) -> datetime | None:
    """The time in a UUIDv7, in UTC. None if the text is no UUIDv7, or its time is beyond the calendar."""
    if _UUID7.fullmatch(event_id) is None:
        return None
    try:
        return datetime.fromtimestamp(_milliseconds(event_id) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def in_time(made: datetime, now: datetime) -> bool:
    """Whether the API accepts an id of that time now."""
    return now - OLDEST + MARGIN <= made <= now + NEWEST - MARGIN


def is_current(event_id: str, appended_at: int) -> bool:
    """Whether the text is a UUIDv7 that a message of that time may have. The time is in microseconds since 1970."""
    return _UUID7.fullmatch(event_id) is not None and is_near(event_id, appended_at)


def is_near(uuid7: str, appended_at: int) -> bool:
    """Whether a message of that time may have this UUIDv7."""
    return appended_at - _OLDEST_US <= _milliseconds(uuid7) * 1000 <= appended_at + _NEWEST_US


def derived(topic_id: str | None, partition: int, offset: int) -> str:
    """A UUID of version 8 (free form) made of a message's coordinates, so that a message always gets the same id."""
    coordinates = "/".join([*([topic_id] if topic_id is not None else []), str(partition), str(offset)])
    digest = hashlib.sha256(coordinates.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def _milliseconds(event_id: str) -> int:
    return int(event_id[:8] + event_id[9:13], 16)
