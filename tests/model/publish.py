"""Publish: takes the lowest open entry, stages and decides or abandons it, carries it out, and closes it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import permutations
from math import factorial
from typing import Any

from tests.model import judge
from tests.model.rules import Rules, Step
from tests.model.state import ABANDONED, DECIDE, DONE, SLOT, TABLES, Decision, Entry, Local, Scenario, State


@cache
def publication(scenario: Scenario, kind: str, decision: Decision, raw_first: bool) -> tuple[str, ...]:
    """The steps that publish a decision, in order, and then `count`."""
    if kind == "E":
        tables = {scenario.messages[m].table for m in decision.erased}
        steps = [f"erase:{TABLES[t]}" for t in sorted(tables)]
        if tables:
            steps += ["erase:quarantine"]
            steps = ["erase:raw", *steps] if raw_first else [*steps, "erase:raw"]
        return (*steps, "count")
    places = _places(scenario, decision)
    ordered = list(permutations(places))[decision.order]
    return (*ordered, *["actions"] * bool(decision.actions), "count")


def _places(scenario: Scenario, decision: Decision) -> list[str]:
    """The commits that an attempt makes at once, so that they may come in any order."""
    tables = {scenario.messages[r[0]].table for r in decision.game} | set(decision.swaps)
    return [f"game:{TABLES[t]}" for t in sorted(tables)] + ["quarantine"] * bool(decision.bad)


class Publish(Rules):
    """The second part of every run that plans an entry. Every run works on the lowest open entry, whatever its kind."""

    def _close(self, state: State, local: Local) -> Iterator[Step]:
        opened = [(i, e) for i, e in enumerate(state.entries, 1) if not e.closed]
        if not opened:
            yield state, self.to(local, "END"), ("sees no open entry",)
            return
        for number, entry in opened if "one_by_one" in self.without else opened[:1]:
            if entry.decision is None or "decided_once" in self.without:
                first = "stage"
                yield (
                    state,
                    (
                        self.to_raw(local, "stage", number)
                        if entry.kind == "I" and "raw_before_stage" not in self.without
                        else self.to(local, first, number)
                    ),
                    ("takes entry {} {}", number, entry.kind),
                )
            else:
                for taken in self._taken(local, number, entry):
                    yield state, taken, ("takes entry {}, decided", number)
        for number, entry in opened if "abandon_lowest" in self.without else opened[:1]:
            if (entry.kind != "I" or "ingest_stays" in self.without) and (
                entry.decision is None or "decided_stays" in self.without
            ):
                yield state, self.to(local, "abandon", number), ("takes entry {} to abandon it", number)

    def _taken(self, local: Local, number: int, entry: Entry) -> Iterator[Local]:
        """What to do for an entry of which a decision is expected: publish it, in any order of the tables."""
        if entry.decision is None or entry.decision.verdict == ABANDONED:
            yield self.to(local, "close")
            return
        places = () if entry.kind == "E" else _places(self.scenario, entry.decision)
        for order in range(factorial(len(places))):
            decision = entry.decision._replace(order=order)
            yield self.to(local, self._publication(entry, decision)[0], number, decision)

    def _publication(self, entry: Entry, decision: Decision) -> tuple[str, ...]:
        return publication(self.scenario, entry.kind, decision, "erase_raw_last" in self.without)

    def _stage(self, state: State, local: Local) -> Iterator[Step]:
        entry, number = state.entries[local.entry - 1], local.entry
        if self.fine and local.data is None:
            yield state, self.to(local, "stage", number, state.raw), ("reads raw for entry {}", number)
            return
        seen = state._replace(raw=local.data) if self.fine else state
        checked = entry.kind == "I" and "balance" not in self.without
        if checked and judge.balance_off(self.scenario, seen, number, self.without):
            yield state, self.to(local, "END"), ("stops: batch {} does not add up", number)
            return
        for contracts in (1, 0):
            decision = judge.stage(self.scenario, seen, number, contracts, self.without)
            if decision.verdict == ABANDONED:
                yield state, self.to(local, "abandon", number, decision), ("must abandon {}: {}", number, decision.why)
            else:
                yield state, self.to(local, "decide", number, decision), ("stages entry {}: {}", number, decision)

    def _decide(self, state: State, local: Local) -> Iterator[Step]:
        number, decision = local.entry, local.data
        after = self.to(local, "back>publish", number)
        if "read_back" in self.without:
            after = self.to(local, self._publication(state.entries[number - 1], decision)[0], number, decision)
        left_out = "decided_once" if "decided_once" in self.without else "decide_txn"
        yield self._decided(state, local, decision, after, left_out)

    def _abandon(self, state: State, local: Local) -> Iterator[Step]:
        decision = local.data or Decision(ABANDONED)
        yield self._decided(state, local, decision, self.to(local, "close"), "decided_stays")

    def _decided(self, state: State, local: Local, decision: Decision, after: Local, left_out: str) -> Step:
        number = local.entry
        if not self.wins(state, local, DECIDE, number, left_out):
            return state, after, ("decision of entry {}: refused", number)
        entry = state.entries[number - 1]
        entry = entry._replace(decisions=entry.decisions + (decision,))
        entries = state.entries[: number - 1] + (entry,) + state.entries[number:]
        return (
            self.commit(state, DECIDE, number, entries=entries),
            after,
            ("decides entry {}: {}", number, decision.verdict),
        )

    def _after_publishing(self, state: State, local: Local) -> Local:
        steps = self._publication(state.entries[local.entry - 1], local.data)
        return self.to(local, steps[steps.index(local.step) + 1], local.entry, local.data)

    def _published(self, state: State, local: Local, column: str, rows: tuple[Any, ...]) -> Step:
        number, after = local.entry, self._after_publishing(state, local)
        left_out = "actions_txn" if local.step == "actions" else "publish_txn"
        if not self.wins(state, local, SLOT[local.step], number, left_out):
            return state, after, ("{} of entry {}: no-op", local.step, number)
        return self._changed(self.commit(state, SLOT[local.step], number, **{column: rows}), state, local, after)

    def _changed(self, new: State, old: State, local: Local, after: Local) -> Step:
        number = local.entry
        if old.entries[number - 1].closed and new[2:6] != old[2:6]:
            new = new._replace(late=(number, local.step))
        return new, after, ("{} of entry {}", local.step, number)

    def _game(self, state: State, local: Local) -> Iterator[Step]:
        table, messages = TABLES.index(local.step.partition(":")[2]), self.scenario.messages
        entry, rows = state.entries[local.entry - 1], state.game
        if entry.kind == "R":
            day, through, _ = entry.plan
            rows = tuple(
                r
                for r in rows
                if not (messages[r[0]].day == day and messages[r[0]].table == table)
                or (r[1] > through and "rebuild_bound" not in self.without)
            )
        own = tuple(r for r in local.data.game if messages[r[0]].table == table)
        yield self._published(state, local, "game", tuple(sorted(rows + own)))

    def _quarantine(self, state: State, local: Local) -> Iterator[Step]:
        yield self._published(state, local, "quarantine", tuple(sorted(state.quarantine + local.data.bad)))

    def _actions(self, state: State, local: Local) -> Iterator[Step]:
        # the view asks whether an action exists, so the table is a set
        yield self._published(state, local, "actions", tuple(sorted({*state.actions, *local.data.actions})))

    def _erase(self, state: State, local: Local) -> Iterator[Step]:
        where = local.step.partition(":")[2]
        gone = set(local.data.erased)
        if "erase_staged" in self.without:  # by predicate: who is asked for in raw now
            gone = set(judge.stage(self.scenario, state, local.entry, 0, self.without).erased)
        if where == "raw":
            new = state._replace(raw=tuple(r for r in state.raw if r[1] not in gone))
        elif where == "quarantine":
            new = state._replace(quarantine=tuple(r for r in state.quarantine if r[0] not in gone))
        else:
            table = TABLES.index(where)
            kept = (r for r in state.game if r[0] not in gone or self.scenario.messages[r[0]].table != table)
            new = state._replace(game=tuple(kept))
        yield self._changed(new, state, local, self._after_publishing(state, local))

    def _count(self, state: State, local: Local) -> Iterator[Step]:
        number = local.entry
        if state.entries[number - 1].kind == "E":
            rows = [r[0] for r in state.game + state.quarantine] + [r[1] for r in state.raw]
            counts = (sum(m in local.data.erased for m in rows),)
        else:
            counts = tuple(sum(r[2] == number for r in rows) for rows in (state.game, state.quarantine))
        yield state, self.to(local, "done", number, counts), ("counts entry {}: {}", number, counts)

    def _done(self, state: State, local: Local) -> Iterator[Step]:
        number, after = local.entry, self.to(local, "close")
        if not self.wins(state, local, DONE, number, "done_txn"):
            yield state, after, ("done of entry {}: refused", number)
            return
        entry = state.entries[number - 1]
        entry = entry._replace(dones=entry.dones + (local.data,))
        entries = state.entries[: number - 1] + (entry,) + state.entries[number:]
        yield self.commit(state, DONE, number, entries=entries), after, ("writes done {}: {}", number, local.data)
