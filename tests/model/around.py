"""Around: steps outside of the ledger: the rollup of a day, Kafka's retention, and an accepted loss."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model import judge
from tests.model.rules import Rules, Step
from tests.model.state import FACTS, LOSS, RAW, Local, State


class Around(Rules):
    """Runs U (rollup), K (retention) and L (accept-loss)."""

    def _build(self, state: State, local: Local) -> Iterator[Step]:
        """Reads the ledger, then one game table after the other (or the ledger last, if that sentence is left out)."""
        reads = ["ledger", 0, 1] if "ledger_first" not in self.without else [0, 1, "ledger"]
        data = local.data or ()
        what = reads[len(data)]
        if what == "ledger":
            data += (next((i for i, e in enumerate(state.entries) if not e.closed), len(state.entries)),)
        else:
            facts = self.scenario.messages
            data += (tuple(r[0] for r in state.game if facts[r[0]].day == self.day and facts[r[0]].table == what),)
        if len(data) < len(reads):
            yield state, self.to(local, "build", data=data), ("reads {}", what)
            return
        through = next(d for d in data if isinstance(d, int))
        rows = tuple(sorted(m for d in data if isinstance(d, tuple) for m in d))
        yield state, self.to(local, "facts", through, (through, rows)), ("built {} through {}", rows, through)

    def _facts(self, state: State, local: Local) -> Iterator[Step]:
        if self.wins(state, local, FACTS, local.entry, "facts_txn"):
            new = self.commit(state, FACTS, local.entry, fact=local.data)
            yield new, self.to(local, "END"), ("writes the day built through {}", local.entry)
        else:
            yield state, self.to(local, "END"), ("build refused: older",)

    def _expire(self, state: State, local: Local) -> Iterator[Step]:
        for heads in self.vectors(state.heads):
            yield state._replace(heads=heads), self.to(local, "END"), ("expires up to {}", heads)

    def _find(self, state: State, local: Local) -> Iterator[Step]:
        newest = self.newest_ingest(state)
        data = (self.cursor(state, newest), state.versions[LOSS], state.lost)
        yield state, self.to(local, "compare", newest, data), ("reads ledger and losses",)

    def _compare(self, state: State, local: Local) -> Iterator[Step]:
        """What expired of the newest batch, if raw lacks it, and above the cursor."""
        cursor, version, known = local.data
        above = judge.in_range(self.scenario, (cursor, self.scenario.ends))
        open_batch = (
            local.entry and not any(b == local.entry for b, _ in state.raw) and state.versions[RAW] < local.entry
        )
        batch = judge.in_range(self.scenario, state.entries[local.entry - 1].plan) if open_batch else ()
        lost = tuple(m for m in self.expired(state, batch + above) if m not in known)
        if lost:
            yield state, self.to(local, "loss", version + 1, lost), ("finds {} lost", lost)
        else:
            yield state, self.to(local, "END"), ("finds nothing lost",)

    def _loss(self, state: State, local: Local) -> Iterator[Step]:
        if self.wins(state, local, LOSS, local.entry, "loss_txn"):
            lost = tuple(sorted({*state.lost, *local.data}))
            yield (
                self.commit(state, LOSS, local.entry, lost=lost),
                self.to(local, "END"),
                ("records {} lost", local.data),
            )
        else:
            yield state, self.to(local, "find"), ("loss refused: another came first",)
