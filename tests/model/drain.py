"""Drain: Kafka to raw, and the plans of all kinds of entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.model import judge
from tests.model.rules import Rules, Step
from tests.model.state import PLAN, RAW, TABLES, Entry, Local, State


class Drain(Rules):
    """The first part of an ingest, and of an erase, which must have all messages up to its time in raw."""

    def _ask(self, state: State, local: Local) -> Iterator[Step]:
        """An erase notes Kafka's end offsets: what lies below them must go."""
        low = tuple(map(max, self.cursor(state, self.newest_ingest(state)), state.heads))
        for ends in [*self.vectors(low), low]:
            late = "erase_time_first" in self.without
            yield state, self.to(local, "look", data=low if late else ends), ("asks at {}", ends)

    def _look(self, state: State, local: Local) -> Iterator[Step]:
        newest, last = self.newest_ingest(state), len(state.entries)
        data, label = (last, local.data), ("reads the ledger: last entry {}, newest ingest {}", last, newest)
        drained = local.kind == "E" and all(map(int.__ge__, self.cursor(state, newest), local.data))
        if drained or (local.kind == "E" and "erase_drains" in self.without):
            for ends in self.vectors(local.data) + [local.data] if "erase_time_first" in self.without else [local.data]:
                if "erase_through_last" in self.without:
                    yield state, self.to(local, "number", data=(self.player, newest, ends)), label
                else:
                    yield state, self.to(local, "plan>own", last, (self.player, last, ends)), label
        elif newest and not state.entries[newest - 1].closed:
            yield state, self.to_raw(local, "plan", newest, data), label
        else:
            yield state, self.to(local, self._after("plan"), newest, data), label

    def _after(self, then: str) -> str:
        return "plan>ingest" if "same_snapshot" not in self.without else "reread"

    def _next(self, state: State, local: Local) -> Local:
        """What follows an append to raw: the plan, staging, or what the run does after its own batch."""
        then = local.step.partition(">")[2]
        if then == "plan":
            return self.to(local, self._after(then), local.entry, local.data[:2])
        return self.to(local, "stage", local.entry) if then == "stage" else self._drained(local, local.data[1])

    def _drained(self, local: Local, ends: object) -> Local:
        return self.to(local, "look", data=ends) if local.kind == "E" else self.to(local, "close")

    def _read(self, state: State, local: Local) -> Iterator[Step]:
        """Reads Kafka for a batch, unless raw has it."""
        entry = local.entry
        if state.versions[RAW] >= entry:
            yield state, self._next(state, local), ("has batch {} in raw", entry)
            return
        wanted = self.effective(state, entry)
        gone = self.expired(state, wanted)
        if gone and "stops_on_loss" not in self.without:
            yield state, self.to(local, "END"), ("stops: messages {} of batch {} expired", gone, entry)
            return
        content = tuple(m for m in wanted if m not in gone)
        step = local.step.replace("read", "raw")
        yield state, self.to(local, step, entry, (*local.data[:2], content)), ("reads {} of batch {}", content, entry)

    def _raw(self, state: State, local: Local) -> Iterator[Step]:
        entry, after = local.entry, self._next(state, local)
        if not self.wins(state, local, RAW, entry, "raw_txn"):
            yield state, after, ("appends batch {} to raw: no-op", entry)
            return
        content = local.data[2] if local.data[2] is not None else self.effective(state, entry)
        rows = tuple(sorted(state.raw + tuple((entry, m) for m in content)))
        yield self.commit(state, RAW, entry, raw=rows), after, ("appends batch {} to raw: {}", entry, content)

    def _reread(self, state: State, local: Local) -> Iterator[Step]:
        data = (len(state.entries), local.data[1])
        yield state, self.to(local, "plan>ingest", self.newest_ingest(state), data), ("reads the ledger again",)

    def _plan(self, state: State, local: Local) -> Iterator[Step]:
        if local.step == "plan>own":
            last, plan = local.entry, local.data
            again = self.to(local, "number", data=plan)
            if local.kind == "E" and "erase_through_last" not in self.without:
                again = self.to(local, "look", data=plan[-1])
            yield self._planned(state, local, last, plan, self.to(local, "close"), again)
            return
        last, ends = local.data
        cursor = self.cursor(state, local.entry)
        start = cursor
        if state.heads != (0,) * len(state.heads):
            span = (cursor, tuple(map(max, cursor, state.heads)))
            gone = [m for m in judge.in_range(self.scenario, span) if m not in state.lost]
            if gone and "loss_recorded" in self.without:
                start = span[1]
            elif gone and "stops_on_loss" not in self.without:
                yield state, self.to(local, "END"), ("stops: messages {} expired before their plan", gone)
                return
        won, lost = (self.to(local, step, last + 1, (0, ends, None)) for step in ("raw>on", "back>raw"))
        won = self.to_raw(local, "on", last + 1, (0, ends))
        for vector in self.vectors(start):
            yield self._planned(state, local, last, (start, vector), won, lost, "I")
        yield state, self._drained(local, ends), ("sees nothing new in Kafka",)

    def _planned(
        self, state: State, local: Local, last: int, plan: tuple[Any, ...], won: Local, lost: Local, kind: str = ""
    ) -> Step:
        if not self.wins(state, local, PLAN, last + 1, "plan_txn"):
            return state, lost, ("plan of entry {}: refused", last + 1)
        entry = Entry(kind or local.kind.replace("S", "R"), plan)
        state = self.commit(state, PLAN, last + 1, entries=state.entries + (entry,))
        return state, won, ("plans entry {}: {} {}", last + 1, entry.kind, plan)

    def _planned_by_another(self, state: State, local: Local, entry: Entry) -> Local:
        if entry.kind == "I":
            return self.to_raw(local, "on", local.entry, local.data[:2])
        if local.kind == "E" and "erase_drains_on" in self.without:
            last = len(state.entries)
            return self.to(local, "plan>own", last, (self.player, last, local.data[1]))
        return self._drained(local, local.data[1])

    def _begin(self, state: State, local: Local) -> Iterator[Step]:
        """Reads through which entry it goes: it keeps that, however long it takes to get a number."""
        rebuilds = local.kind in "RS"
        through = self.newest_ingest(state, done=True) if rebuilds else len(state.entries)
        if not through:
            yield state, self.to(local, "END"), ("has nothing to do",)
            return
        tables = (0,) if local.kind == "S" else tuple(range(len(TABLES)))
        plan = (self.day, through, tables) if rebuilds else (through,)
        yield state, self.to(local, "number", data=plan), ("reads the ledger: through {}", through)

    def _number(self, state: State, local: Local) -> Iterator[Step]:
        last = len(state.entries)
        yield state, self.to(local, "plan>own", last, local.data), ("reads the ledger: last entry {}", last)
