"""The last resort in memory: whatever dies or hangs, in the end only messages that crash their readers are unread."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Collection, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.staging import last_resort
from jobs.staging.suspects import Marker, Part, marker

LONG_AGO = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)


class Killed(BaseException):
    """The attempt is gone."""


class World:
    """HDFS' markers, and what happens at each write: nothing, an outage until the attempt ends, or its kill."""

    def __init__(self, poison: Collection[int], events: dict[int, str]) -> None:
        self.poison, self.events = poison, events
        self.names: list[str] = []
        self.writes, self.down = 0, False

    def happens(self) -> None:
        self.writes += 1
        what = self.events.get(self.writes)
        self.down |= what == "outage"
        if what == "kill":
            raise Killed
        if self.down:
            raise OSError("HDFS does not answer")


class Markers:
    """Each marker is older than a minute at the next look."""

    world: World

    def __init__(self, run: Any, entry_id: int) -> None:
        pass

    def read(self) -> list[Marker]:
        found = (marker(name, LONG_AGO) for name in self.world.names)
        return [each for each in found if each is not None]

    def add(self, what: str, part: Part, tried: str, needed: bool = False, patience: float = 0) -> None:
        if not self.world.down or patience:  # it comes back in time
            self.world.names.append(Marker(what, part, tried, LONG_AGO).name)


class Batch:
    """Of `size` messages; where each went by its number: True if it was judged, False if it was staged unread."""

    def __init__(self, world: World, size: int) -> None:
        self.world, self.whole = world, Part(0, size)
        self.folders: dict[str, dict[int, bool]] = {}

    def write(self, folder: str, parts: Sequence[Part], near: Sequence[Part], unreadable: Sequence[Part] = ()) -> None:
        self.world.happens()
        numbers = [n for part in parts for n in range(part.start, part.until)]
        unread = {n for part in unreadable for n in range(part.start, part.until)}
        if any(n in self.world.poison and n not in unread for n in numbers):
            raise RuntimeError("StackOverflowError")
        there = self.folders.setdefault(folder, {})
        assert not there.keys() & set(numbers)
        there.update({n: n not in unread for n in numbers})

    def settle(self, folder: str) -> str:
        return folder

    def check_known_good(self, folder: str, good: Sequence[Part], some: bool = True) -> None:
        self.world.happens()

    def killed_spark(self) -> bool:
        return False


def staged(monkeypatch: pytest.MonkeyPatch, size: int, world: World) -> tuple[dict[int, bool], int]:
    """What is staged in the end, and by how many attempts."""
    monkeypatch.setattr(Markers, "world", world, raising=False)
    monkeypatch.setattr(last_resort, "Markers", Markers)
    entry: Any = SimpleNamespace(entry_id=7)
    for attempt in range(1, 40):
        world.down = False
        batch: Any = Batch(world, size)
        settings = SimpleNamespace(warehouse_uri="hdfs://w")
        run: Any = SimpleNamespace(attempt_id=f"a{attempt}", say=lambda line: None, settings=settings)
        try:
            return batch.folders[last_resort.stage(run, entry, batch)], attempt
        except (OSError, RuntimeError, Killed):
            continue
    raise AssertionError("it does not come to an end")


def test_a_good_batch_is_staged_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert staged(monkeypatch, 5, World((), {})) == (dict.fromkeys(range(5), True), 1)


def test_the_first_death_is_left_to_a_second_attempt_and_the_second_to_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert staged(monkeypatch, 8, World({3}, {})) == ({n: n != 3 for n in range(8)}, 2)


def test_an_outage_at_any_write_and_at_any_three_quarantines_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(16)
    for poison in ((), (3,), (0, 7)):
        for _ in range(150):
            events = dict.fromkeys(chance.sample(range(1, 40), 3), "outage")
            found, _ = staged(monkeypatch, 8, World(poison, events))
            assert found == {n: n not in poison for n in range(8)}


def test_attempts_killed_at_any_write_end_with_all_messages_staged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(17)
    for poison in ((), (3,)):
        for _ in range(150):
            events = {chance.randrange(1, 40): "kill" for _ in range(3)}
            found, _ = staged(monkeypatch, 8, World(poison, events))
            assert sorted(found) == list(range(8))
            assert all(not found[n] for n in poison)


def test_without_a_good_message_that_succeeds_nobody_is_accused(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any, **__: Any) -> None:
        raise LookupError("no message is known to be good")

    monkeypatch.setattr(Batch, "check_known_good", none)
    with pytest.raises(RuntimeError, match="StackOverflowError"):
        world = World({0}, {})
        monkeypatch.setattr(Markers, "world", world, raising=False)
        monkeypatch.setattr(last_resort, "Markers", Markers)
        settings = SimpleNamespace(warehouse_uri="hdfs://w")
        run: Any = SimpleNamespace(attempt_id="a", say=lambda line: None, settings=settings)
        batch: Any = Batch(world, 1)
        entry: Any = SimpleNamespace(entry_id=7)
        last_resort.stage(run, entry, batch)
    assert [name.split(".")[0] for name in world.names] == ["began", "explained"]
