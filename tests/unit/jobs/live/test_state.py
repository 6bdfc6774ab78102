"""The live state on a real Redis: an entry counts once and in order, readers see whole states, old writers write nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from redis import Redis, RedisError

from jobs.live.state import AT_ONCE, LiveState, TakenOver
from lakehouse import live
from lakehouse.clients.redis import Position, read_player
from lakehouse.live import BUILDING, NOTIFICATIONS, Item, ItemName, Player
from tests.redis_server import RedisServer

SWORD = ItemName("sword", "wood")
ANN = Player(5, {SWORD: Item(2)})


@pytest.fixture
def client(redis: RedisServer) -> Iterator[Redis]:
    with redis.client() as client:
        yield client


@pytest.fixture
def state(client: Redis) -> LiveState:
    return LiveState(client)


@pytest.fixture
def generation(state: LiveState) -> bytes:
    """An empty live state, through entry 0."""
    made = state.begin()
    state.switch(made)
    state.advance(made, 0)
    return made


def held(client: Redis, name: str) -> tuple[Player | None, int] | None:
    """The player and the entry that the hash is through."""
    read = read_player(client, name)
    if read is None or not read.fields:
        return None
    return live.player_of(read.fields), int(read.fields[live.THROUGH])


def ids(client: Redis) -> list[str]:
    found: Any = client.xrange(NOTIFICATIONS)
    return [id_.decode() for id_, _ in found]


def news(entry_id: int, count: int, player: str = "ann") -> list[tuple[str, bytes]]:
    return [(f"{entry_id}-{n}", json.dumps({"player": player}).encode()) for n in range(1, count + 1)]


def test_what_an_entry_brings_is_added_once(state: LiveState, client: Redis, generation: bytes) -> None:
    state.add(generation, 1, [("ann", ANN)])
    state.add(generation, 1, [("ann", ANN)])
    assert held(client, "ann") == (ANN, 1)
    state.add(generation, 3, [("ann", Player(4, {SWORD: Item(1)}))])
    assert held(client, "ann") == (Player(5, {SWORD: Item(3)}), 3)
    state.add(generation, 2, [("ann", ANN)])
    assert held(client, "ann") == (Player(5, {SWORD: Item(3)}), 3)


def test_an_entry_that_all_hold_is_not_added_to_a_player_of_whom_nothing_is_held(
    state: LiveState, client: Redis, generation: bytes
) -> None:
    state.advance(generation, 4)
    state.add(generation, 4, [("ann", ANN)])
    assert held(client, "ann") is None


def test_two_runs_that_add_the_same_entry_count_it_once(
    state: LiveState, redis: RedisServer, client: Redis, generation: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other run adds it, and the next one, between this one's read and write."""
    with redis.client() as second:
        other, write = LiveState(second), state._all

        def late(script: Any, calls: Sequence[Any]) -> list[int]:
            monkeypatch.setattr(state, "_all", write)
            for entry_id in (1, 2):
                other.add(generation, entry_id, [("ann", ANN)])
            return write(script, calls)

        monkeypatch.setattr(state, "_all", late)
        state.add(generation, 1, [("ann", ANN), ("bob", ANN)])
    assert (held(client, "ann"), held(client, "bob")) == ((ANN.plus(ANN), 2), (ANN, 1))


def test_more_players_than_go_in_one_round_trip(state: LiveState, client: Redis, generation: bytes) -> None:
    everybody = [(f"p{n}", ANN) for n in range(2 * AT_ONCE + 1)]
    state.add(generation, 1, everybody)
    assert all(held(client, name) == (ANN, 1) for name, _ in everybody)


def test_a_recomputed_player_takes_the_place_of_what_was_held(
    state: LiveState, client: Redis, generation: bytes
) -> None:
    state.add(generation, 1, [("ann", ANN), ("bob", ANN)])
    horse = Player(7, {ItemName("horse", "big"): Item(1)})
    assert state.replace(generation, 2, [("ann", horse), ("bob", None)]) == 2
    assert held(client, "ann") == (horse, 2) and held(client, "bob") == (None, 2)
    state.replace(generation, 1, [("ann", ANN)])
    assert held(client, "ann") == (horse, 2)
    state.add(generation, 1, [("bob", ANN)])
    assert held(client, "bob") == (None, 2)


def test_a_sum_beyond_64_bits_is_held(state: LiveState, client: Redis, generation: bytes) -> None:
    state.add(generation, 1, [("ann", Player(1, {SWORD: Item(2**63 - 1)}))])
    state.add(generation, 2, [("ann", Player(1, {SWORD: Item(1)}))])
    assert held(client, "ann") == (Player(1, {SWORD: Item(2**63)}), 2)


def test_names_with_anything_in_them(state: LiveState, client: Redis, generation: bytes) -> None:
    names = ["a:b", "*", "", "\0", "Jürgen\r\nDEL x", "live:generation", "through", "😀"]
    state.add(generation, 1, [(name, Player(n, {ItemName(name, name): Item(n)})) for n, name in enumerate(names)])
    for n, name in enumerate(names):
        assert held(client, name) == (Player(n, {ItemName(name, name): Item(n)}), 1)


def test_without_a_whole_rebuild_there_is_no_live_state(state: LiveState, client: Redis) -> None:
    assert state.position() is None and read_player(client, "ann") is None
    made = state.begin()
    state.replace(made, 3, [("ann", ANN)], BUILDING)
    assert state.position() is None and read_player(client, "ann") is None
    state.switch(made)
    assert state.position() is None
    state.advance(made, 3)
    assert state.position() == Position(made, 3) and held(client, "ann") == (ANN, 3)


def test_a_rebuild_is_read_once_it_is_whole_and_leaves_nothing_else(
    state: LiveState, client: Redis, generation: bytes
) -> None:
    state.add(generation, 1, [("ann", ANN), ("bob", ANN)])
    made = state.begin()
    state.replace(made, 1, [("ann", Player(9))], BUILDING)
    assert held(client, "ann") == (ANN, 1)
    state.switch(made)
    state.drop_others()
    state.advance(made, 1)
    assert held(client, "ann") == (Player(9), 1) and held(client, "bob") is None
    assert not [key for key in client.scan_iter() if b"bob" in key or generation in key]


@pytest.mark.parametrize("step", ["add", "replace", "notify", "advance"])
def test_who_writes_to_a_former_generation_writes_nothing(
    state: LiveState, client: Redis, generation: bytes, step: str
) -> None:
    made = state.begin()
    state.switch(made)
    state.drop_others()
    before = sorted(client.scan_iter())
    steps: dict[str, Callable[[], object]] = {
        "add": lambda: state.add(generation, 1, [("ann", ANN)]),
        "replace": lambda: state.replace(generation, 1, [("ann", ANN)]),
        "notify": lambda: state.notify(generation, news(1, 1), 10),
        "advance": lambda: state.advance(generation, 1),
    }
    with pytest.raises(TakenOver):
        steps[step]()
    assert sorted(client.scan_iter()) == before


def test_of_two_rebuilds_the_one_that_began_last_is_read(state: LiveState, client: Redis) -> None:
    first, second = state.begin(), state.begin()
    with pytest.raises(TakenOver):
        state.replace(first, 1, [("ann", ANN)], BUILDING)
    with pytest.raises(TakenOver):
        state.switch(first)
    state.switch(second)


def test_a_rebuild_that_is_under_way_elsewhere_keeps_what_it_made(
    state: LiveState, client: Redis, generation: bytes
) -> None:
    made = state.begin()
    state.replace(made, 1, [("ann", ANN)], BUILDING)
    state.drop_others()
    assert client.exists(live.player_key(made, "ann"))


def test_notifications_are_added_once_and_the_oldest_go(state: LiveState, client: Redis, generation: bytes) -> None:
    state.notify(generation, news(1, 2), 1000)
    state.notify(generation, news(1, 3), 1000)
    assert ids(client) == ["1-1", "1-2", "1-3"]
    for entry in range(2, 12):
        state.notify(generation, news(entry, 300), 1000)
    assert 1000 <= len(ids(client)) < 1400 and ids(client)[-1] == "11-300"


def test_another_error_of_the_stream_is_not_taken_for_a_repetition(
    state: LiveState, client: Redis, generation: bytes
) -> None:
    client.set(NOTIFICATIONS, "no stream")
    with pytest.raises(RedisError, match="WRONGTYPE"):
        state.notify(generation, news(1, 1), 10)


def test_notifications_are_forgotten_wherever_they_stand(state: LiveState, client: Redis, generation: bytes) -> None:
    state.notify(generation, news(1, AT_ONCE), 10_000)
    state.notify(generation, news(2, AT_ONCE, "bob"), 10_000)
    state.notify(generation, news(3, 1), 10_000)
    assert state.forget(lambda id_, data: json.loads(data)["player"] == "bob") == AT_ONCE
    assert ids(client) == [id_ for id_, _ in [*news(1, AT_ONCE), *news(3, 1)]]
    assert state.forget(lambda id_, data: False) == 0
