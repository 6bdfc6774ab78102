"""Traces an event: each of its arrivals, what became of it, and through which ledger entry."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

from lakehouse.clients.trino import query
from lakehouse.contract import fingerprint
from lakehouse.contract.judge import Judge
from lakehouse.contract.model import Contracts
from lakehouse.ledger.vocabulary import Action, Destination, Step
from lakehouse.settings import Settings

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class Arrival:
    """One message with this event_id: `place` is a table or a `Destination` (`raw`: not published yet)."""

    event_id: str
    topic: str
    partition: int
    offset: int
    kafka_timestamp: str
    batch_id: int
    place: str
    reason_code: str | None = None
    entry_id: int | None = None
    kind: str | None = None  # of that entry: ingest, replay, rebuild, discard
    who: str | None = None  # of a discard
    why: str | None = None
    page: str | None = None
    at_fault: bool | None = None  # of a quarantined arrival; false: it is only held with its batch
    differs: str | None = None  # of one that reuses the event_id: the difference from the first arrival

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        """The arrival as a sentence for a person."""
        where = f"{self.topic}-{self.partition} offset {self.offset}, {self.kafka_timestamp}, batch {self.batch_id}"
        through = f"through entry {self.entry_id}" + (f" ({self.kind})" if self.kind else "")
        what: dict[str, str] = {
            Destination.QUARANTINE: f"in ops.quarantine: {self.reason_code}, {through}"
            + ("; it is not at fault itself, only held with its batch" if self.at_fault is False else "")
            + (f"; {self.differs}" if self.differs else ""),
            Destination.DISCARDED: f"given up {through} by {self.who}: {self.why}; it was in ops.quarantine: {self.reason_code}",
            Destination.DUPLICATE: "a repetition of the first arrival, so not published again",
            Destination.SUPPRESSED: "not published: its player was erased (ops.erasures)",
            Destination.RAW: "in raw.events; its batch is not published yet, the next run of ingest_events does it",
        }
        told = what.get(self.place, f"in game.{self.place}, {through}")
        return f"{self.event_id} ({where}): {told}" + (f"; {self.page}" if self.page else "")


def trace(settings: Settings, contracts: Contracts, event_id: str) -> list[Arrival]:
    """All arrivals of the event, the first one first. Empty if the lakehouse has not seen it.

    Raises:
        ValueError: `event_id` is no UUID.
        QueryError: Trino did not answer.
    """
    try:
        wanted = str(UUID(event_id))
    except ValueError:
        raise ValueError(f"{event_id!r} is no event_id; it is a UUID, as the API answered it") from None
    place = 'topic, topic_id, partition, "offset", kafka_timestamp, batch_id'
    nothing = (
        "cast(null as varchar) as reason_code, cast(null as bigint) as entry_id, cast(null as boolean) as at_fault"
    )
    parts = [f"select {place}, 'raw' as place, {nothing}, value from raw.events where event_id = ?"]
    parts.append(
        f"select {place}, 'quarantine', reason_code, entry_id, at_fault, null from ops.quarantine where event_id = ?"
    )
    parts += [
        f"select {place}, '{table}', null, entry_id, null, null from game.{table} where event_id = ?"
        for table in contracts.tables
    ]
    found = query(settings, " union all ".join(parts), [wanted] * len(parts))
    rows = [row for row in found if row["place"] != Destination.RAW or may_name(row["value"], wanted)]
    if not rows:
        return []
    actions = query(
        settings,
        """
        select a.topic_id, a.partition, a."offset", a.action, a.entry_id, a.who, a.why from ops.quarantine_actions a
        where exists (select 1 from ops.quarantine q where q.event_id = ? and q.topic_id = a.topic_id
          and q.partition = a.partition and q."offset" = a."offset")
        """,
        [wanted],
    )
    entries = {row["batch_id"] for row in rows} | {row["entry_id"] for row in [*rows, *actions] if row["entry_id"]}
    listed = ", ".join(map(str, sorted(entries)))
    batches = query(settings, f"select entry_id, kind, status, page from ops.batches where entry_id in ({listed})")
    judge = Judge(contracts, settings.max_event_bytes)
    read = {
        _key(row): fingerprint.arrival(judge, row["value"], _microseconds(row["kafka_timestamp"]))
        for row in rows
        if row["place"] == Destination.RAW
    }
    return arrivals(wanted, rows, actions, {row["entry_id"]: row for row in batches}, read)


def may_name(value: bytes | None, event_id: str) -> bool:
    """Whether a message that raw has under the id may be of that id: its own field names it, or it cannot be read.

    `raw.event_id` may come from an inner object. This is not checked in Trino, whose JSON parser overflows its stack on
    deep messages.
    """
    try:
        read = json.loads(value or b"")
    except (ValueError, RecursionError):
        return True
    named = read.get("event_id") if isinstance(read, dict) else None
    return isinstance(named, str) and named.lower() == event_id


def arrivals(
    event_id: str,
    rows: Iterable[Mapping[str, Any]],
    actions: Iterable[Mapping[str, Any]],
    batches: Mapping[int, Mapping[str, Any]],
    read: Mapping[tuple[Any, ...], fingerprint.Arrival | None] = MappingProxyType({}),
) -> list[Arrival]:
    """Makes the arrivals from the tables' rows and the actions on quarantined rows, the first arrival first.

    A message is in raw and, once its batch is done, in at most one table or open in quarantine. Quarantine may hold
    older rows of it; the row of the last entry counts. `read`: the messages themselves, by `_key`.
    """
    best: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in rows:
        if _key(row) not in best or _later(row, best[_key(row)]):
            best[_key(row)] = row
    last_action = {_key(row): row for row in sorted(actions, key=lambda row: row["entry_id"])}
    found = sorted(best.values(), key=lambda row: (row["batch_id"], row["topic"], row["partition"], row["offset"]))
    told = [_arrival(event_id, row, last_action.get(_key(row)), batches, first=row is found[0]) for row in found]
    named = [each for row in found if (each := read.get(_key(row))) and each.event_id == event_id]
    return [
        replace(each, differs=_difference(read.get(_key(row)), named[0]))
        if each.reason_code == "event_id_reused" and named
        else each
        for row, each in zip(found, told, strict=True)
    ]


def _microseconds(time: Any) -> int | None:
    """Microseconds since 1970. None for a time outside of Python's years, which Trino's client returns as text."""
    return (time - _EPOCH) // _MICROSECOND if isinstance(time, dt.datetime) else None


def _difference(arrival: fingerprint.Arrival | None, first: fingerprint.Arrival) -> str | None:
    """Why an arrival is another event than the first one. It names the fields only: their values may be personal."""
    if arrival is None:
        return None
    names = list(arrival.differences(first))
    told = f"it differs from the first arrival in {', '.join(names)}" if names else ""
    if not first.passes and arrival.passes:
        told = f"{told}, which " if told else "the first arrival "
        told += "does not keep its contract; a corrected event needs an id of its own"
    return told or None


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["topic_id"], row["partition"], row["offset"]


def _later(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (row["entry_id"] or 0) > (other["entry_id"] or 0)


def _arrival(
    event_id: str,
    row: Mapping[str, Any],
    action: Mapping[str, Any] | None,
    batches: Mapping[int, Mapping[str, Any]],
    first: bool,
) -> Arrival:
    place, entry_id, who, why = row["place"], row["entry_id"], None, None
    if place == Destination.QUARANTINE and action is not None and action["entry_id"] > entry_id:
        # It is closed. Had it been published, the row in the event table would count.
        entry_id, who, why = action["entry_id"], action["who"], action["why"]
        place = Destination.DISCARDED if action["action"] == Action.DISCARDED else _unpublished(first)
    elif place == Destination.RAW and batches.get(row["batch_id"], {}).get("status") == Step.DONE:
        place = _unpublished(first)
    batch = batches.get(entry_id or row["batch_id"], {})
    return Arrival(
        event_id,
        row["topic"],
        row["partition"],
        row["offset"],
        str(row["kafka_timestamp"]),
        row["batch_id"],
        place,
        row["reason_code"],
        entry_id,
        batch.get("kind"),
        who,
        why,
        batch.get("page"),
        row.get("at_fault"),
    )


def _unpublished(first: bool) -> str:
    """Why a message of a closed batch is in no table: another arrival is the event, or its player was erased."""
    return Destination.SUPPRESSED if first else Destination.DUPLICATE
