"""Rules: what the steps of all runs share: questions to the state, and when a commit takes effect."""

from __future__ import annotations

from itertools import product
from typing import Any

from tests.model import judge
from tests.model.mutations import SENTENCES
from tests.model.state import Local, Scenario, State

Step = tuple[State, Local, tuple[Any, ...]]  # the state after it, the run after it, a label (template, values)


class Rules:
    """One scenario; `without` are the sentences left out, `day` and `player` are what R, U and E work on."""

    def __init__(
        self,
        scenario: Scenario,
        without: frozenset[str] = frozenset(),
        *,
        fine: bool = False,
        day: int = 0,
        player: str = "x",
        loses: bool = False,
    ) -> None:
        unknown = without - set(SENTENCES)
        if unknown:
            raise ValueError(f"no such sentence: {', '.join(sorted(unknown))}")
        self.scenario, self.without, self.fine, self.day = scenario, without, fine, day
        self.player, self.loses = player, loses

    def newest_ingest(self, state: State, done: bool = False) -> int:
        """The number of the newest ingest (that is done), 0 if there is none."""
        ingests = [i for i, e in enumerate(state.entries, 1) if e.kind == "I" and (e.dones or not done)]
        return ingests[-1] if ingests else 0

    def cursor(self, state: State, ingest: int) -> tuple[int, ...]:
        return state.entries[ingest - 1].plan[1] if ingest else (0,) * len(self.scenario.ends)

    def expired(self, state: State, messages: tuple[int, ...]) -> tuple[int, ...]:
        facts = self.scenario.messages
        return tuple(m for m in messages if facts[m].off < state.heads[facts[m].part])

    def effective(self, state: State, entry: int) -> tuple[int, ...]:
        """The messages to read for an ingest: its plan minus recorded losses."""
        planned = judge.in_range(self.scenario, state.entries[entry - 1].plan)
        return planned if "loss_subtracted" in self.without else tuple(m for m in planned if m not in state.lost)

    def vectors(self, low: tuple[int, ...]) -> list[tuple[int, ...]]:
        """All offset vectors above, the highest first."""
        above = [
            v for v in product(*(range(a, b + 1) for a, b in zip(low, self.scenario.ends, strict=True))) if v != low
        ]
        return sorted(above, key=lambda v: -sum(v))

    def wins(self, state: State, local: Local, slot: int, version: int, left_out: str = "") -> bool:
        stored = state.versions[slot]
        if left_out and left_out in self.without:
            return True
        if self.fine:
            assert local.began is not None
            return local.began < version and stored == local.began
        return stored < version

    def commit(self, state: State, slot: int, version: int, **changes: Any) -> State:
        versions = list(state.versions)
        versions[slot] = max(versions[slot], version)
        return state._replace(versions=tuple(versions), **changes)

    def to(self, local: Local, step: str, entry: object = None, data: object = None) -> Local:
        return Local(local.kind, step, entry, data)

    def to_raw(self, local: Local, then: str, entry: int, data: tuple[Any, ...] = (0, None)) -> Local:
        """On to the append of a batch to raw, where it may lose messages by way of reading them, and `then` on."""
        return self.to(local, ("read>" if self.loses else "raw>") + then, entry, (*data, None))
