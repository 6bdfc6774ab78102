"""The loop that closes entries, with kinds that only record their calls, on a ledger in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jobs.entries import commit
from jobs.ledger.memory import MemoryLedger, MemoryTable
from jobs.runtime.job import Job
from jobs.staging import last_resort
from jobs.staging.files import BalanceError, Refused
from lakehouse.ledger.entries import Count, Decision, Entry, LedgerError, Refusal, Request, Snapshot
from lakehouse.ledger.offsets import OffsetRange, TopicPartition
from lakehouse.ledger.selection import Selection
from lakehouse.ledger.vocabulary import Kind, Verdict

COUNTS = (Count("messages", "events", 0, dt.date(2026, 11, 22), 5),)
RANGES = [OffsetRange(TopicPartition("events", "id", 0), 0, 5)]
REPLAY = Request(Kind.REPLAY, "a", "why", 0, selection=Selection())


class FakeKind:
    """Notes each call; `fails` says which call raises what, `meanwhile` what happens elsewhere during it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fails: dict[str, Exception] = {}
        self.meanwhile: dict[str, Callable[[], object]] = {}
        self.published: list[Decision] = []
        self.refused: tuple[Refusal, ...] = ()

    def _called(self, step: str, entry: Entry) -> None:
        self.calls.append(f"{step} {entry.entry_id}")
        self.meanwhile.pop(step, lambda: None)()
        if step in self.fails:
            raise self.fails[step]

    def stage(self, job: Job, entry: Entry, snapshot: Snapshot) -> Decision:
        self._called("stage", entry)
        return Decision(job.attempt_id, "", Verdict.PASSED, (), COUNTS, "folder", "page", refused=self.refused)

    def publish(self, job: Job, entry: Entry, decision: Decision) -> None:
        self._called("publish", entry)
        self.published.append(decision)

    def read_back(self, job: Job, entry: Entry, decision: Decision) -> tuple[Count, ...]:
        self._called("read_back", entry)
        return decision.counts

    def after(self, job: Job, entry: Entry) -> None:
        self._called("after", entry)


@dataclass
class World:
    """One ledger, the kinds that all writers share, and what was said."""

    kind: FakeKind = field(default_factory=FakeKind)
    table: MemoryTable = field(default_factory=MemoryTable)
    said: list[str] = field(default_factory=list)
    died: int = 0  # attempts at a request that left nothing but their marker

    def ledger(self, attempt_id: str = "other") -> MemoryLedger:
        return MemoryLedger(self.table, attempt_id, "by hand")

    def job(self, attempt_id: str = "mine") -> Job:
        fake = SimpleNamespace(
            settings=SimpleNamespace(abandon_after_minutes=60),
            ledger=self.ledger(attempt_id),
            hooks=SimpleNamespace(at=lambda point: None),
            say=self.said.append,
            warn=lambda message: self.said.append(f"WARNING: {message}"),
            attempt_id=attempt_id,
        )
        return cast(Job, fake)

    def entry(self, entry_id: int) -> Entry:
        return self.ledger().read_entry(entry_id)

    def age(self, entry_id: int, minutes: int) -> None:
        """Makes an entry's plan that old."""
        for row in cast(list[dict[str, Any]], self.table.rows):
            if row["entry_id"] == entry_id:
                row["time"] -= dt.timedelta(minutes=minutes)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()

    @contextmanager
    def noted(job: Job, entry: Entry) -> Iterator[None]:
        yield

    monkeypatch.setattr(commit, "KINDS", dict.fromkeys(Kind, world.kind))
    monkeypatch.setattr(commit, "prepare_audit", lambda: None)
    monkeypatch.setattr(last_resort, "noted", noted)
    monkeypatch.setattr(last_resort, "killed", lambda job, entry: world.died)
    return world


def steps(entry_id: int) -> list[str]:
    return [f"{step} {entry_id}" for step in ("stage", "publish", "read_back", "after")]


def test_open_entries_are_closed_one_by_one_the_lowest_first(world: World) -> None:
    world.ledger().plan_ingest(1, RANGES)
    world.ledger().plan_request(2, REPLAY)
    assert commit.close_all(world.job()) == 2
    assert world.kind.calls == [*steps(1), *steps(2)]
    assert world.entry(1).done and world.entry(2).done
    assert world.said[-1] == "entry 2 (replay) is passed: messages 5"


def test_what_is_planned_while_the_last_one_is_closed_is_left_to_the_next_run(world: World) -> None:
    world.ledger().plan_ingest(1, RANGES)
    world.kind.meanwhile["publish"] = lambda: world.ledger().plan_ingest(2, RANGES)
    assert commit.close_all(world.job()) == 1
    assert not world.entry(2).closed


def test_with_nothing_open_what_follows_the_last_ingest_is_made_good(world: World) -> None:
    assert commit.close_all(world.job()) == 0 and world.kind.calls == []
    world.ledger().plan_ingest(1, RANGES)
    world.kind.fails["after"] = RuntimeError("killed after done")
    with pytest.raises(RuntimeError):
        commit.close_all(world.job())
    world.kind.calls, world.kind.fails = [], {}
    assert commit.close_all(world.job()) == 0
    assert world.kind.calls == ["after 1"]


def test_a_decided_entry_is_published_as_it_was_decided_and_not_staged_again(world: World) -> None:
    decision = Decision("other", "", Verdict.FAILED, ("rule",), COUNTS, "their folder", "page")
    world.ledger().plan_ingest(1, RANGES)
    world.ledger().decide(1, Kind.INGEST, decision)
    commit.close_all(world.job())
    assert world.kind.calls == steps(1)[1:] and world.kind.published == [decision]


def test_an_attempt_whose_decision_comes_second_publishes_the_first_one(world: World) -> None:
    first = Decision("other", "", Verdict.PASSED, (), (), "their folder", "")
    world.ledger().plan_ingest(1, RANGES)
    world.kind.meanwhile["stage"] = lambda: world.ledger().decide(1, Kind.INGEST, first)
    commit.close_all(world.job())
    assert world.kind.published == [first]


def test_a_refused_request_is_abandoned_with_its_words_and_page(world: World) -> None:
    world.ledger().plan_request(1, REPLAY)
    world.kind.fails["stage"] = Refused("the audit failed", "replay-000001")
    assert commit.close_all(world.job()) == 1
    decision = world.entry(1).decision
    assert decision is not None
    assert (decision.abandoned, decision.why, decision.page) == (True, "the audit failed", "replay-000001")
    assert world.kind.calls == ["stage 1"]
    assert world.said == ["entry 1 (replay) is abandoned; nothing was changed: the audit failed"]


@pytest.mark.parametrize("planned_by", ["mine", "other"])
def test_a_request_that_cannot_be_staged_is_abandoned_and_fails_only_the_task_that_planned_it(
    world: World, planned_by: str
) -> None:
    world.ledger(planned_by).plan_request(1, REPLAY)
    world.kind.fails["stage"] = ValueError("no such thing")
    if planned_by == "mine":
        with pytest.raises(ValueError, match="no such thing"):
            commit.close_all(world.job())
    else:
        assert commit.close_all(world.job()) == 1
    decision = world.entry(1).decision
    assert decision is not None and decision.abandoned and decision.why == "ValueError: no such thing"


def test_an_ingest_that_cannot_be_staged_stays_open(world: World) -> None:
    world.ledger().plan_ingest(1, RANGES)
    world.kind.fails["stage"] = ValueError("no such thing")
    with pytest.raises(ValueError, match="no such thing"):
        commit.close_all(world.job())
    assert world.entry(1).decision is None


def test_only_a_request_is_given_up_for_its_age(world: World) -> None:
    world.ledger().plan_ingest(1, RANGES)
    world.ledger().plan_request(2, REPLAY)
    world.age(1, minutes=61)
    world.age(2, minutes=61)
    commit.close_all(world.job())
    assert world.kind.calls == steps(1)
    decision = world.entry(2).decision
    assert decision is not None and decision.why == "nobody could decide it within 1:00:00"


def test_only_a_request_is_given_up_because_attempts_at_it_died(world: World) -> None:
    world.died = last_resort.KILLED
    world.ledger().plan_ingest(1, RANGES)
    world.ledger().plan_request(2, REPLAY)
    commit.close_all(world.job())
    assert world.kind.calls == steps(1)
    decision = world.entry(2).decision
    assert decision is not None and decision.why == f"{world.died} attempts at it died without a word"


def test_an_entry_of_a_kind_of_a_newer_version_is_left_alone(world: World) -> None:
    world.ledger().plan_request(1, replace(REPLAY, kind="merge"))
    with pytest.raises(LedgerError, match="entry 1 is a merge, which this version cannot finish"):
        commit.close_all(world.job())
    assert world.kind.calls == []


def test_an_entry_whose_rows_are_not_as_decided_stays_open(world: World) -> None:
    world.ledger().plan_ingest(1, RANGES)
    world.kind.fails["read_back"] = BalanceError("4 rows, decided were 5")
    with pytest.raises(BalanceError):
        commit.close_all(world.job())
    assert not world.entry(1).closed


def test_rows_that_changed_since_another_run_closed_the_entry_are_no_fault(world: World) -> None:
    world.ledger().plan_ingest(1, RANGES)
    world.kind.meanwhile["read_back"] = lambda: world.ledger().done(1, Kind.INGEST, COUNTS, "page")
    world.kind.fails["read_back"] = BalanceError("4 rows, decided were 5")
    assert commit.close_all(world.job()) == 1
    assert world.said == ["entry 1 was closed by another run, and later entries changed its rows since"]
    assert "after 1" not in world.kind.calls


def test_refused_rows_are_said_as_a_warning(world: World) -> None:
    world.kind.refused = (Refusal("quantity_possible", 2),)
    world.ledger().plan_ingest(1, RANGES)
    commit.close_all(world.job())
    assert world.said[-1] == (
        "WARNING: 2 rows of entry 1 break the rule quantity_possible: they are in quarantine as audit:quantity_possible, "
        "all other good rows are published"
    )
