"""The ledger's rows made into entries: what is open, what is next, and what contradicts the protocol."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from lakehouse.catalog.tables import LEDGER
from lakehouse.ledger.entries import Count, LedgerError, fold
from lakehouse.ledger.offsets import OffsetRange, TopicPartition

DAY = dt.date(2026, 11, 22)
AT = TopicPartition("events", "id-1", 0)


def row(entry_id: int, step: str, **columns: Any) -> dict[str, Any]:
    empty = dict.fromkeys(LEDGER)
    return {**empty, "entry_id": entry_id, "kind": "ingest", "step": step, "attempt_id": "a", **columns}


def planned(entry_id: int, start: int, until: int) -> dict[str, Any]:
    ranges = [{"topic": "events", "topic_id": "id-1", "partition": 0, "start": start, "until": until}]
    return row(entry_id, "planned", ranges=ranges)


def decided(entry_id: int, rows: int = 1) -> dict[str, Any]:
    count = {"destination": "default_events", "topic": "events", "partition": 0, "event_date": DAY, "rows": rows}
    return row(entry_id, "decided", counts=[count], verdict="passed", staging="s", page="p")


def test_an_empty_ledger_starts_at_nothing() -> None:
    snapshot = fold([])
    assert (snapshot.last_entry_id, snapshot.newest_ingest, snapshot.cursor, snapshot.closed_through) == (
        0,
        None,
        {},
        0,
    )


def test_the_cursor_is_the_end_of_the_newest_ingest_whatever_the_order_of_rows() -> None:
    snapshot = fold([planned(2, 5, 9), row(1, "done"), decided(1), planned(1, 0, 5)])
    assert snapshot.cursor == {AT: 9}
    assert snapshot.last_entry_id == 2
    assert [e.entry_id for e in snapshot.open_entries] == [2]
    assert snapshot.closed_through == 1


def test_a_decided_entry_is_open_until_it_is_done() -> None:
    snapshot = fold([planned(1, 0, 5), decided(1)])
    (entry,) = snapshot.open_entries
    assert entry.decision is not None
    assert entry.decision.counts == (Count("default_events", "events", 0, DAY, 1),)
    assert entry.ranges == (OffsetRange(AT, 0, 5),)


def test_an_abandoned_entry_is_closed() -> None:
    snapshot = fold([row(1, "planned", kind="replay"), row(1, "abandoned", kind="replay")])
    assert snapshot.open_entries == ()
    assert snapshot.closed_through == 1
    assert snapshot.newest_ingest is None


def test_closed_through_stops_at_the_first_open_entry() -> None:
    rows = [
        planned(1, 0, 1),
        decided(1),
        row(1, "done"),
        planned(2, 1, 2),
        planned(3, 2, 3),
        decided(3),
        row(3, "done"),
    ]
    assert fold(rows).closed_through == 1


def test_a_step_written_twice_is_refused() -> None:
    with pytest.raises(LedgerError, match="entry 1 has two rows 'done'"):
        fold([planned(1, 0, 5), decided(1), row(1, "done"), row(1, "done")])


def test_an_entry_without_a_plan_is_refused() -> None:
    with pytest.raises(LedgerError, match="entry 1 has decided but was never planned"):
        fold([decided(1)])
