"""The ledger's counts by destination and day: those of closed entries never change, so they are kept, and newer ones asked."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from typing import NamedTuple

from expectations.pages.source import Row, Source
from lakehouse.ledger.vocabulary import NOT_PUBLISHED, Kind, Step, sql_list

NEWEST = "select max(entry_id) as entry_id, max(closed_through) as closed_through from ops.ledger"
# What ops.freshness says of each table follows from these rows, of which that view would unfold as many again.
# A rebuild counts all rows of its day once more, an erasure what it deletes, and a replay what was quarantined before.
ROWS = f"""
select c.destination, c.event_date, entry_id <= ? as is_closed,
  coalesce(sum(c.rows) filter (where kind = '{Kind.INGEST}'
    or kind = '{Kind.REPLAY}' and c.destination not in ({sql_list(NOT_PUBLISHED)})), 0) as rows,
  coalesce(sum(c.rows) filter (where kind = '{Kind.INGEST}'), 0) as arrived,
  bool_or(kind = '{Kind.INGEST}') as is_ingested, max(entry_id) as last_entry_id
from ops.ledger cross join unnest(counts) as c(destination, topic, partition, event_date, rows)
where step = '{Step.DONE}' and entry_id > ? group by 1, 2, 3
"""

Place = tuple[str, dt.date | None]


class Count(NamedTuple):
    """Of one destination and day."""

    rows: int
    arrived: int
    is_ingested: bool
    last_entry_id: int

    def plus(self, other: Count | None) -> Count:
        if other is None:
            return self
        return Count(
            self.rows + other.rows,
            self.arrived + other.arrived,
            self.is_ingested or other.is_ingested,
            max(self.last_entry_id, other.last_entry_id),
        )


class Counts:
    """What all requests share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._through = 0
        self._closed: dict[Place, Count] = {}

    def rows(self, source: Source) -> Sequence[Row]:
        """A row a destination and day: `destination`, `event_date`, and the fields of Count. Raises what the source raises."""
        newest = source.rows(NEWEST)[0]
        with self._lock:
            if (newest["entry_id"] or 0) < self._through:  # it is another ledger
                self._through, self._closed = 0, {}
            # Asked before: all rows of entries through it were written before those that are read now.
            closed = max(newest["closed_through"] or 0, self._through)
            answer = source.rows(ROWS, closed, self._through)
            kept = _added(self._closed, [row for row in answer if row["is_closed"]])
            if closed > self._through:
                self._through, self._closed = closed, kept
        found = _added(kept, [row for row in answer if not row["is_closed"]])
        return [
            {"destination": destination, "event_date": day} | count._asdict()
            for (destination, day), count in found.items()
        ]


def _added(counts: dict[Place, Count], rows: Sequence[Row]) -> dict[Place, Count]:
    added = dict(counts)
    for row in rows:
        place = (row["destination"], row["event_date"])
        added[place] = Count(*(row[name] for name in Count._fields)).plus(added.get(place))
    return added
