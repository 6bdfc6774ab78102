"""The oracle: compares what was sent with what the tables hold. It trusts only the answers of API, Kafka and Trino."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakehouse.clients.trino import QueryError
from tests.real import Place, Real

RAW = "raw"


@dataclass(frozen=True)
class Sent:
    """What was sent.

    The places where each event may end, by id; the acknowledged ones; and messages sent without the API, by
    coordinates.
    """

    events: Mapping[str, frozenset[str]]
    acknowledged: frozenset[str]
    messages: Mapping[Place, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A row of raw, a game table or open quarantine. `table`: `raw`, the table's name or `quarantine:<reason>`."""

    table: str
    topic_id: str
    at: Place
    batch_id: int
    event_id: str | None = None

    @property
    def key(self) -> tuple[str, int, int]:
        return self.topic_id, self.at[1], self.at[2]


@dataclass(frozen=True)
class Batch:
    """An ingest entry as the ledger tells it: offsets planned, and rows counted when it was done, per partition."""

    entry_id: int
    steps: frozenset[str]
    ranges: Mapping[tuple[str, int], tuple[int, int]]  # (topic_id, partition) -> [start, until)
    counted: int = 0


@dataclass(frozen=True)
class Seen:
    """Rows of the batches after `before`, and the ledger's entries from `before` on."""

    before: int
    rows: tuple[Row, ...]
    batches: tuple[Batch, ...]


def judge(sent: Sent, seen: Seen) -> list[str]:
    """A line for each fault. It begins with its kind: lost, doubled, misplaced, split, stuck, gap or unbalanced."""
    raw = [row for row in seen.rows if row.table == RAW]
    tables: dict[tuple[str, int, int], list[str]] = defaultdict(list)
    for row in seen.rows:
        if row.table != RAW:
            tables[row.key].append(row.table)
    return [
        *_of_places(raw, tables),
        *_of_events(sent, raw, tables),
        *_of_messages(sent, raw, tables),
        *_of_batches(seen, raw),
    ]


def _of_places(raw: list[Row], tables: Mapping[tuple[str, int, int], list[str]]) -> Iterable[str]:
    """Whoever sent it: a message is in raw once, and in one table at most."""
    arrivals = Counter(row.key for row in raw)
    for key, count in arrivals.items():
        if count > 1:
            yield f"doubled: {key} is in raw {count} times"
    for key, names in tables.items():
        if len(names) > 1:
            yield f"doubled: {key} is in {', '.join(sorted(names))}"
        if key not in arrivals:
            yield f"misplaced: {key} is in {names[0]} but not in raw"


def _of_events(sent: Sent, raw: list[Row], tables: Mapping[tuple[str, int, int], list[str]]) -> Iterable[str]:
    arrivals: dict[str, dict[tuple[str, int, int], Row]] = defaultdict(dict)
    for row in raw:
        if row.event_id is not None and row.event_id in sent.events:
            arrivals[row.event_id][row.key] = row
    fates: dict[int, set[bool]] = defaultdict(set)
    for event_id, allowed in sent.events.items():
        rows = sorted(arrivals[event_id].values(), key=lambda row: (row.batch_id, row.at))
        found = [(row, name) for row in rows for name in tables.get(row.key, ())]
        if not found and event_id in sent.acknowledged:
            yield f"lost: {event_id} was acknowledged and is {'in raw but in no table' if rows else 'not in raw'}"
        if not found and rows and event_id not in sent.acknowledged:
            yield f"lost: {event_id} is in raw but in no table"
        if len({row.key for row, _ in found}) > 1:
            yield f"doubled: {event_id} is visible at {', '.join(f'{row.at} in {name}' for row, name in found)}"
        for row, name in found:
            if name not in allowed:
                yield f"misplaced: {event_id} is in {name}, not in {' or '.join(sorted(allowed))}"
            if row is not rows[0]:
                yield f"misplaced: {event_id} is visible at {row.at}, though it arrived first at {rows[0].at}"
        if len(allowed) > 1 and len(found) == 1:
            fates[found[0][0].batch_id].add(found[0][1].startswith("quarantine"))
    for batch_id, both in fates.items():
        if len(both) > 1:
            yield f"split: batch {batch_id} was judged by two contracts"


def _of_messages(sent: Sent, raw: list[Row], tables: Mapping[tuple[str, int, int], list[str]]) -> Iterable[str]:
    by_place = {row.at: row for row in raw}
    for at, expected in sent.messages.items():
        row = by_place.get(at)
        found = tables.get(row.key, []) if row else []
        if not found:
            yield f"lost: message {at} was acknowledged and is {'in raw but in no table' if row else 'not in raw'}"
        elif found[0] != expected:
            yield f"misplaced: message {at} is in {found[0]}, not in {expected}"


def _of_batches(seen: Seen, raw: list[Row]) -> Iterable[str]:
    in_raw = Counter(row.batch_id for row in raw)
    known = {batch.entry_id for batch in seen.batches}
    for batch_id in sorted(set(in_raw) - known):
        yield f"unbalanced: raw has batch {batch_id}, which the ledger does not know"
    ends: dict[tuple[str, int], int] = {}
    for batch in sorted(seen.batches, key=lambda each: each.entry_id):
        for at, (start, until) in batch.ranges.items():
            if at in ends and ends[at] != start:
                yield f"gap: batch {batch.entry_id} starts at {start} of {at}, the one before ended at {ends[at]}"
            ends[at] = until
        if batch.entry_id <= seen.before:
            continue
        if "done" not in batch.steps:
            yield f"stuck: batch {batch.entry_id} is {' and '.join(sorted(batch.steps, reverse=True))}, not done"
            continue
        planned = sum(until - start for start, until in batch.ranges.values())
        if not planned == in_raw[batch.entry_id] == batch.counted:
            yield (
                f"unbalanced: batch {batch.entry_id} planned {planned} offsets, raw has {in_raw[batch.entry_id]}, "
                f"published, quarantined and duplicate are {batch.counted}"
            )


def read(real: Real, before: int, seconds: float = 120.0) -> Seen:
    """What the tables hold of the batches after `before`; waits for a Trino that is being started again."""
    until = time.monotonic() + seconds
    while True:
        try:
            return _read(real, before)
        except QueryError:
            if time.monotonic() > until:
                raise
            time.sleep(1)


def last_entry(real: Real, seconds: float = 120.0) -> int:
    """The number of the newest ledger entry, 0 if there is none; waits as `read` does."""
    until = time.monotonic() + seconds
    while True:
        try:
            return int(real.value("select coalesce(max(entry_id), 0) from ops.ledger"))
        except QueryError:
            if time.monotonic() > until:
                raise
            time.sleep(1)


def _read(real: Real, before: int) -> Seen:
    columns = 'topic_id, topic, partition, "offset", batch_id'
    after = f"where batch_id > {before}"
    parts = [f"select 'raw' as place, {columns}, event_id from raw.events {after}"]
    parts += [f"select '{name}', {columns}, null from game.{name} {after}" for name in real.event_tables()]
    parts.append(f"select 'quarantine:' || reason_code, {columns}, null from ops.quarantine_open {after}")
    rows = tuple(
        Row(
            each["place"],
            each["topic_id"],
            (each["topic"], each["partition"], each["offset"]),
            each["batch_id"],
            each["event_id"],
        )
        for each in real.query(" union all ".join(parts))
    )
    steps = real.query(f"select entry_id, step, ranges, counts from ops.ledger where entry_id >= {before}")
    return Seen(before, rows, tuple(_batches(steps)))


def _batches(steps: list[dict[str, Any]]) -> Iterable[Batch]:
    by_entry: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in steps:
        by_entry[row["entry_id"]].append(row)
    for entry_id, rows in by_entry.items():
        ranges = [each for row in rows if row["step"] == "planned" for each in row["ranges"] or ()]
        counts = [each for row in rows if row["step"] == "done" for each in row["counts"] or ()]
        yield Batch(
            entry_id,
            frozenset(row["step"] for row in rows),
            {(topic_id, partition): (start, until) for _, topic_id, partition, start, until in ranges},
            sum(each[-1] for each in counts),
        )
