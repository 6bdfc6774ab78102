"""Where an event is: each of its arrivals, what became of it, and through which ledger entry."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from lakehouse.contract import Contracts
from lakehouse.query import query
from lakehouse.settings import Settings


@dataclass(frozen=True)
class Arrival:
    """One message with this event_id: `place` is a table, `quarantine`, `duplicate` or `raw` (not published yet)."""

    event_id: str
    topic: str
    partition: int
    offset: int
    kafka_timestamp: str
    batch_id: int
    place: str
    reason_code: str | None = None
    entry_id: int | None = None
    page: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        """For a person."""
        where = f"{self.topic}-{self.partition} offset {self.offset}, {self.kafka_timestamp}, batch {self.batch_id}"
        what = {
            "quarantine": f"in ops.quarantine: {self.reason_code}, through entry {self.entry_id}",
            "duplicate": "a repetition of the first arrival, so not published again",
            "raw": "in raw.events; its batch is not published yet, the next run of ingest_events does it",
        }.get(self.place, f"in game.{self.place}, through entry {self.entry_id}")
        return f"{self.event_id} ({where}): {what}" + (f"; {self.page}" if self.page else "")


def trace(settings: Settings, contracts: Contracts, event_id: str) -> list[Arrival]:
    """All arrivals of the event, the first one first; () if the lakehouse has not seen it.

    Raises:
        ValueError: `event_id` is no UUID.
        QueryError: Trino did not answer.
    """
    try:
        wanted = str(UUID(event_id))
    except ValueError:
        raise ValueError(f"{event_id!r} is no event_id; it is a UUID, as the API answered it") from None
    place = 'topic, topic_id, partition, "offset", kafka_timestamp, batch_id'
    nothing = "cast(null as varchar) as reason_code, cast(null as bigint) as entry_id"
    parts = [f"select {place}, 'raw' as place, {nothing} from raw.events where event_id = ?"]
    parts.append(f"select {place}, 'quarantine', reason_code, entry_id from ops.quarantine where event_id = ?")
    parts += [
        f"select {place}, '{table}', null, entry_id from game.{table} where event_id = ?" for table in contracts.tables
    ]
    rows = query(settings, " union all ".join(parts), [wanted] * len(parts))
    batches = {}
    if rows:
        ids = ", ".join(
            str(n)
            for n in sorted({row["entry_id"] or row["batch_id"] for row in rows} | {row["batch_id"] for row in rows})
        )
        batches = {
            row["entry_id"]: row
            for row in query(settings, f"select entry_id, status, page from ops.batches where entry_id in ({ids})")
        }
    best: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:  # a message is in raw and, once published, in one more place; the last entry speaks
        key = (row["topic_id"], row["partition"], row["offset"])
        if key not in best or (row["entry_id"] or 0) > (best[key]["entry_id"] or 0):
            best[key] = row
    return [
        _arrival(wanted, row, batches)
        for row in sorted(best.values(), key=lambda r: (r["batch_id"], r["topic"], r["partition"], r["offset"]))
    ]


def _arrival(event_id: str, row: dict[str, Any], batches: dict[int, dict[str, Any]]) -> Arrival:
    batch = batches.get(row["entry_id"] or row["batch_id"], {})
    place = row["place"]
    if place == "raw" and batch.get("status") == "done":
        place = "duplicate"
    return Arrival(
        event_id,
        row["topic"],
        row["partition"],
        row["offset"],
        str(row["kafka_timestamp"]),
        row["batch_id"],
        place,
        row["reason_code"],
        row["entry_id"],
        batch.get("page"),
    )
