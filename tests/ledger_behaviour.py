"""The behaviour of any ledger: one suite for the ledger in memory and for the one in Delta on real servers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import jobs.ledger.ledger
from jobs.ledger.ledger import Ledger
from lakehouse.ledger.entries import Compared, Count, Decision, LedgerError, Refusal, Request
from lakehouse.ledger.offsets import OffsetRange, TopicPartition
from lakehouse.ledger.selection import Selection
from lakehouse.ledger.vocabulary import Destination, Kind, Verdict

Open = Callable[[str], Ledger]  # attempt_id -> a ledger of a writer of its own, on the table that all of a test share

AT = TopicPartition("events", "AAAAAAAAAAAAAAAAAAAAAQ", 2)
DAY = dt.date(2026, 11, 22)
TIME = dt.datetime(2026, 11, 22, 3, 4, 5, 678, tzinfo=dt.UTC)
COUNTS = (
    Count(Destination.QUARANTINE, "events", 2, DAY, 3),
    Count("sword_purchases", "events", 2, DAY, 2**40),
)
PASSED = Decision("one", "hash", Verdict.PASSED, (), COUNTS, "hdfs://nn/staging", "ingest-000001")
REPLAY = Request(
    Kind.REPLAY, "Anna Ö", "costs ${env:HOME}, 'quoted'", 7,
    selection=Selection("audit:*", "purchase_sword", 5, TIME, TIME), waiver="it is right",
)  # fmt: skip


def ranges(start: int, until: int) -> list[OffsetRange]:
    return [OffsetRange(AT, start, until)]


class LedgerBehaviour:
    """Its subclasses give the fixture `ledger`."""

    def test_an_empty_ledger_has_no_entry_and_no_cursor(self, ledger: Open) -> None:
        snapshot = ledger("one").read()
        assert (snapshot.last_entry_id, snapshot.open_entries, snapshot.cursor) == (0, (), {})

    def test_a_plan_is_read_back_as_it_was_made(self, ledger: Open) -> None:
        ledger("one").plan_ingest(1, ranges(0, 2**40))
        entry = ledger("two").read_entry(1)
        assert (entry.kind, entry.ranges, entry.planned_by) == (Kind.INGEST, tuple(ranges(0, 2**40)), "one")
        assert entry.request is None and not entry.closed
        assert entry.planned_at and abs(dt.datetime.now(dt.UTC) - entry.planned_at) < dt.timedelta(minutes=10)

    def test_of_two_plans_of_an_entry_the_first_one_stays(self, ledger: Open) -> None:
        ledger("one").plan_ingest(1, ranges(0, 5))
        ledger("two").plan_request(1, REPLAY)
        entry = ledger("two").read_entry(1)
        assert (entry.kind, entry.planned_by) == (Kind.INGEST, "one")
        assert ledger("two").read().cursor == {AT: 5}

    def test_of_writers_at_the_same_time_one_plans(self, ledger: Open) -> None:
        writers = {f"writer-{number}": ledger(f"writer-{number}") for number in range(4)}
        with ThreadPoolExecutor(len(writers)) as threads:
            for plan in [threads.submit(writer.plan_ingest, 1, ranges(0, 5)) for writer in writers.values()]:
                plan.result()
        assert ledger("reader").read_entry(1).planned_by in writers  # more than one row would be an error

    @pytest.mark.parametrize(
        "request_",
        [
            REPLAY,
            Request(Kind.DISCARD, "b", "why", 1, selection=Selection()),
            Request(Kind.REBUILD, "b", "why", 3, day=DAY, tables=("sword_purchases", "messages")),
            Request(Kind.REBUILD, "b", "why", 3, day=DAY),
            Request(Kind.ERASE, "b", "why", 3, player_hash="0a"),
        ],
        ids=["replay", "discard", "rebuild of tables", "rebuild", "erase"],
    )
    def test_what_was_asked_for_is_read_back_letter_by_letter(self, ledger: Open, request_: Request) -> None:
        ledger("one").plan_request(1, request_)
        entry = ledger("two").read_entry(1)
        assert (entry.kind, entry.request, entry.ranges) == (request_.kind, request_, ())

    def test_a_decision_is_read_back_as_it_was_made_and_stays(self, ledger: Open) -> None:
        first = Decision(
            "one", "hash", Verdict.PASSED, ("a", "b"), COUNTS, "folder", "page",
            comparison=(Compared("messages", 1, 2, 3),), refused=(Refusal("quantity_possible", 4),),
        )  # fmt: skip
        ledger("one").plan_ingest(1, ranges(0, 5))
        ledger("one").decide(1, Kind.INGEST, first)
        ledger("two").decide(1, Kind.INGEST, Decision("two", "", Verdict.FAILED, (), (), "", ""))
        assert ledger("three").read_entry(1).decision == first

    def test_a_decided_entry_is_not_abandoned(self, ledger: Open) -> None:
        ledger("one").plan_request(1, REPLAY)
        ledger("one").decide(1, Kind.REPLAY, PASSED)
        ledger("two").abandon(1, Kind.REPLAY, "too old")
        assert ledger("two").read_entry(1).decision == PASSED

    def test_an_abandoned_entry_is_not_decided(self, ledger: Open) -> None:
        ledger("one").plan_request(1, REPLAY)
        ledger("two").abandon(1, Kind.REPLAY, "too old", "page")
        ledger("one").decide(1, Kind.REPLAY, PASSED)
        entry = ledger("one").read_entry(1)
        assert entry.closed and entry.decision is not None
        assert (entry.decision.abandoned, entry.decision.why, entry.decision.page) == (True, "too old", "page")

    def test_an_ingest_is_never_abandoned(self, ledger: Open) -> None:
        ledger("one").plan_ingest(1, ranges(0, 5))
        with pytest.raises(LedgerError, match="entry 1 is an ingest"):
            ledger("one").abandon(1, Kind.INGEST, "why")
        assert not ledger("one").read_entry(1).closed

    def test_done_closes_once(self, ledger: Open) -> None:
        ledger("one").plan_ingest(1, ranges(0, 5))
        ledger("one").decide(1, Kind.INGEST, PASSED)
        assert [entry.entry_id for entry in ledger("one").read().open_entries] == [1]
        ledger("one").done(1, Kind.INGEST, COUNTS, "page")
        ledger("two").done(1, Kind.INGEST, (), "")
        snapshot = ledger("three").read()
        assert snapshot.open_entries == () and snapshot.closed_through == 1
        assert snapshot.newest_done_ingest is not None and snapshot.recent_counts == (COUNTS,)

    def test_an_old_open_entry_is_found_below_many_closed_ones(
        self, ledger: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs.ledger.ledger, "RECENT", 2)
        one = ledger("one")
        one.plan_request(1, REPLAY)
        for entry_id in (2, 3, 4):
            one.plan_request(entry_id, REPLAY)
            one.abandon(entry_id, Kind.REPLAY, "why")
        assert [entry.entry_id for entry in ledger("two").read().open_entries] == [1]

    def test_an_entry_that_was_never_planned_is_said_to_be_none(self, ledger: Open) -> None:
        ledger("one").plan_ingest(1, ranges(0, 5))
        with pytest.raises(LedgerError, match="entry 2 is not in the ledger"):
            ledger("one").read_entry(2)
