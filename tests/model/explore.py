"""Explore: visits every state of a configuration, breadth first, and from every one lets a fresh run finish alone.

The finisher is liveness: from every reachable state one ingest run (after accepting what expired) must close every
entry, reach the end of Kafka, and leave a state that satisfies `invariants.idle`.

Reductions: runs of one kind are interchangeable. A step that can never again have an effect or another outcome,
whatever others do, is taken at once (it touches no table and commutes with every step of others). Neither is used in
fine mode or when a transaction id is left out, where no step is known to be without effect.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import pairwise

from tests.model import invariants
from tests.model.protocol import Protocol
from tests.model.state import DECIDE, DONE, FACTS, LOSS, PLAN, RAW, SLOT, START, Local, State, commit_of, initial

# Sentences without which a stored version does not mean that a commit is without effect.
EFFECTS = {
    "raw_txn", "plan_txn", "decide_txn", "publish_txn", "actions_txn", "done_txn", "loss_txn", "facts_txn", "decided_once",
    "decided_stays", "one_by_one", "abandon_lowest", "read_back",
}  # fmt: skip
Node = tuple[int, ...]  # the number of a state, then of each run what it does next
FINISHERS = 2  # ingest runs, one after the other


@dataclass
class Result:
    """What an exploration saw: counts, and the first violation with the steps that lead to it."""

    states: int
    transitions: int
    tables: int
    seconds: float
    violation: str | None = None
    trace: list[str] = field(default_factory=list)
    complete: bool = True
    commits: frozenset[str] = frozenset()  # the commits that changed something, on some path


class Explorer:
    """One configuration: a protocol (scenario and sentences) and its runs."""

    def __init__(self, protocol: Protocol, runs: str) -> None:
        self.protocol = protocol
        self.runs = "".join(sorted(runs))
        self.groups = [(self.runs.index(k), self.runs.rindex(k) + 1) for k in sorted(set(runs)) if runs.count(k) > 1]
        self.reduces = not protocol.fine and not protocol.without & EFFECTS
        self._state_ids: dict[State, int] = {}
        self._states: list[State] = []
        self._local_ids: dict[Local, int] = {}
        self._locals: list[Local] = []
        self._steps: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
        self._settled: dict[tuple[int, int], int] = {}
        self._finished: dict[int, str | None] = {}
        self._idle: dict[int, str | None] = {}
        self._visited: set[int] = set()
        self.commits: set[str] = set()

    # ---- interned states and runs
    def state_id(self, state: State) -> int:
        number = self._state_ids.setdefault(state, len(self._states))
        if number == len(self._states):
            self._states.append(state)
        return number

    def local_id(self, local: Local) -> int:
        number = self._local_ids.setdefault(local, len(self._locals))
        if number == len(self._locals):
            self._locals.append(local)
        return number

    def steps(self, state: int, local: int) -> tuple[tuple[int, int], ...]:
        """The distinct (state, run) pairs that one step of the run leads to, the undisturbed one first."""
        found = self._steps.get((state, local))
        if found is None:
            pairs = (
                (self.state_id(s), self.local_id(r))
                for s, r, _ in self.protocol.steps(self._states[state], self._locals[local])
            )
            found = self._steps[state, local] = tuple(dict.fromkeys(pairs))
            commit = commit_of(self._locals[local].step)
            if commit and any(to != state for to, _ in found):
                self.commits.add(commit)
        return found

    def label(self, state: int, local: int, to: tuple[int, int]) -> str:
        for s, r, (template, *values) in self.protocol.steps(self._states[state], self._locals[local]):
            if (self.state_id(s), self.local_id(r)) == to:
                return str(template.format(*values))
        return "?"

    # ---- reduction
    def settle(self, state: int, local: int) -> int:
        """The run after all steps that have no effect and no other outcome for ever."""
        found = self._settled.get((state, local))
        if found is None:
            now = local
            while (after := self._without_effect(state, now)) is not None:
                now = after
            found = self._settled[state, local] = now
        return found

    def _without_effect(self, state: int, local: int) -> int | None:
        versions, run = self._states[state].versions, self._locals[local]
        name = run.step.partition(">")[0]
        if run.step in ("END", "back>raw"):
            steady = run.step != "END"
        elif name == "stage":
            if versions[DECIDE] < run.entry:
                return None
            return self.local_id(Local(run.kind, "back>publish", run.entry))  # what it stages will not be taken
        elif name == "count":
            if versions[DONE] < run.entry:
                return None
            return self.local_id(Local(run.kind, "close"))
        elif name == "plan":
            steady = versions[PLAN] > (run.entry if run.step == "plan>own" else run.data[0])
        elif name == "back":
            steady = versions[DECIDE] >= run.entry
        elif name == "read":
            steady = versions[RAW] >= run.entry
        elif commit_of(run.step) in SLOT:
            slot = {"facts": FACTS, "loss": LOSS}.get(name, SLOT[str(commit_of(run.step))])
            steady = versions[slot] >= run.entry
        else:
            steady = False
        if not steady:
            return None
        steps = self.steps(state, local)
        return steps[0][1] if len(steps) == 1 and steps[0][0] == state else None

    # ---- finisher
    def finish(self, state: int, trace: list[str] | None = None) -> str | None:
        """What is wrong in this state, or after fresh runs finished alone; None if nothing is."""
        if state not in self._finished or trace is not None:
            self._finished[state] = self._finish(state, trace)
        return self._finished[state]

    def _finish(self, start: int, trace: list[str] | None) -> str | None:
        protocol, state = self.protocol, start
        wrong = invariants.always(protocol, self._states[start])
        if wrong:
            return wrong
        for kind in "L" * protocol.loses + "I" * FINISHERS:
            local = self.local_id(Local(kind, START[kind]))
            for _ in range(300):
                steps = self.steps(state, local)
                if not steps:
                    break
                if trace is not None:
                    trace.append(f"  finisher: {self.label(state, local, steps[0])}")
                state, local = steps[0]
            else:
                return "STUCK: a run alone does not come to an end"
        wrong = self._at_rest(state)
        if wrong:
            return wrong
        if all(e.closed for e in self._states[start].entries) and self._states[start].entries:
            return self._idle_check(start)  # at rest as far as the ledger tells, so right without a finisher, too
        return None

    def _at_rest(self, state: int) -> str | None:
        now, protocol = self._states[state], self.protocol
        if wrong := invariants.always(protocol, now):
            return wrong
        if not all(e.closed for e in now.entries):
            return "STUCK: entries stay open"
        if protocol.cursor(now, protocol.newest_ingest(now)) != protocol.scenario.ends:
            return "STUCK: the cursor does not reach the end"
        return self._idle_check(state)

    def _idle_check(self, state: int) -> str | None:
        if state not in self._idle:
            self._idle[state] = invariants.idle(self.protocol, self._states[state])
        return self._idle[state]

    # ---- breadth-first exploration
    def explore(self, max_states: int = 3_000_000) -> Result:
        """Visits all states, or stops at the first violation or at max_states."""
        began = time.monotonic()
        first = (
            self.state_id(initial(self.protocol.scenario)),
            *(self.local_id(Local(k, START[k])) for k in self.runs),
        )
        parents: dict[Node, Node | None] = {first: None}
        frontier: list[Node] = [first]
        transitions, checked = 0, self._visited
        while frontier:
            following = []
            for node in frontier:
                if node[0] not in checked:
                    checked.add(node[0])
                    if wrong := self.finish(node[0]):
                        seconds = time.monotonic() - began
                        trace = self.trace(parents, node)
                        return Result(len(parents), transitions, len(checked), seconds, wrong, trace)
                for new in self.successors(node):
                    transitions += 1
                    if new not in parents:
                        parents[new] = node
                        following.append(new)
            if len(parents) > max_states:
                return Result(len(parents), transitions, len(checked), time.monotonic() - began, complete=False)
            frontier = following
        seconds = time.monotonic() - began
        return Result(len(parents), transitions, len(checked), seconds, commits=frozenset(self.commits))

    def visited(self) -> set[State]:
        """Explores, and returns the states of the tables that runs reach (not those that only a finisher reaches)."""
        self.explore()
        return {self._states[number] for number in self._visited}

    def successors(self, node: Node) -> list[Node]:
        state, locals_ = node[0], node[1:]
        found, tried = [], set()
        for i, local in enumerate(locals_):
            if local in tried:
                continue
            tried.add(local)
            for to, after in self.steps(state, local):
                runs = list(locals_)
                runs[i] = after
                if self.reduces:
                    if to == state:
                        runs[i] = self.settle(to, after)
                    else:
                        runs = [self.settle(to, run) for run in runs]
                for low, high in self.groups:
                    runs[low:high] = sorted(runs[low:high])
                found.append((to, *runs))
        return found

    def trace(self, parents: dict[Node, Node | None], node: Node) -> list[str]:
        """The steps that lead to a node. A run is named by its kind; steps of two runs of one kind look alike."""
        path = [node]
        while (parent := parents[path[-1]]) is not None:
            path.append(parent)
        path.reverse()
        lines = []
        for before, after in pairwise(path):
            lines.append(self._how(before, after))
        finisher: list[str] = []
        self.finish(node[0], finisher)
        return lines + finisher

    def _how(self, before: Node, after: Node) -> str:
        for i, local in enumerate(before[1:]):
            for to in self.steps(before[0], local):
                runs = list(before[1:])
                runs[i] = to[1]
                if self.reduces:
                    runs = [self.settle(to[0], run) for run in runs]
                for low, high in self.groups:
                    runs[low:high] = sorted(runs[low:high])
                if (to[0], *runs) == after:
                    return f"{self.runs[i]} (slot {i}): {self.label(before[0], local, to)}"
        return "?"
