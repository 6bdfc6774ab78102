"""The live state as values: what a player's hash holds, whatever words players use, and the guild that follows from it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from lakehouse import live
from lakehouse.live import MEMBERSHIP, THROUGH, Item, ItemName, Moment, Notification, Player

moments = st.builds(Moment, st.integers(0, 9), st.sampled_from(["a", "b"]), st.integers(0, 2), st.integers(0, 9))
items = st.builds(Item, st.integers(-(2**70), 2**70), st.none() | moments, st.none() | moments)
names = st.builds(ItemName, st.none() | st.text(), st.none() | st.text())
players = st.builds(Player, st.integers(0, 2**53), st.dictionaries(names, items, max_size=4))


def joined(guild: str | None, at: int) -> Player:
    return Player(at, {ItemName(MEMBERSHIP, guild): Item(1, gained=Moment(at, "events", 0, at))})


def left(guild: str | None, at: int) -> Player:
    return Player(at, {ItemName(MEMBERSHIP, guild): Item(-1, lost=Moment(at, "events", 0, at))})


def after(*parts: Player) -> Player:
    player = Player()
    for part in parts:
        player = player.plus(part)
    return player


@given(players)
def test_a_hash_holds_its_player_whatever_the_words(player: Player) -> None:
    assert live.player_of({THROUGH: b"1", **live.fields_of(player)}) == player


@given(players, players, players)
def test_the_order_in_which_parts_are_added_does_not_matter(one: Player, two: Player, three: Player) -> None:
    assert one.plus(two).plus(three) == three.plus(one).plus(two)


def test_the_guild_is_the_one_joined_last() -> None:
    assert after(joined("a", 1), joined("b", 2)).guild == "b"
    assert after(joined("b", 2), joined("a", 1)).guild == "b"
    assert Player().guild is None


def test_a_guild_is_left_by_its_name_or_without_saying_which() -> None:
    assert after(joined("a", 1), left("a", 2)).guild is None
    assert after(joined("a", 1), left(None, 2)).guild is None
    assert after(joined("a", 1), left("b", 2)).guild == "a"
    assert after(left("a", 1), joined("a", 2)).guild == "a"


def test_who_left_the_last_guild_is_not_back_in_the_one_before() -> None:
    assert after(joined("a", 1), joined("b", 2), left("b", 3)).guild is None


def test_a_guild_without_a_name_is_none() -> None:
    assert after(joined("a", 1), joined(None, 2)).guild is None


@given(st.text(), st.text())
def test_two_players_never_share_a_key_and_no_name_makes_another_kind_of_key(one: str, two: str) -> None:
    keys = {live.player_key(b"g", one), live.player_key(b"g", two), live.through_key(b"g")}
    assert len(keys) == 2 + (one != two)
    assert {live.generation_of(key) for key in keys} == {b"g"}


def test_a_key_of_no_generation_is_told_apart() -> None:
    assert [live.generation_of(key) for key in (live.GENERATION, live.BUILDING, live.NOTIFICATIONS)] == [None] * 3


def test_the_answer_of_a_player() -> None:
    player = Player(1_750_000_000_000_001, {ItemName("sword", "wood"): Item(3), ItemName("horse", None): Item(-1)})
    assert live.answer("ann", {THROUGH: b"4", **live.fields_of(player)}, 7) == {
        "player": "ann",
        "guild": None,
        "last_seen": "2025-06-15T15:06:40.000001Z",
        "inventory": [
            {"item_type": "horse", "item": None, "quantity": -1},
            {"item_type": "sword", "item": "wood", "quantity": 3},
        ],
        "through": 4,
        "complete_through": 7,
    }


def test_of_a_player_without_an_event_nothing_is_told() -> None:
    assert live.answer("ann", {}, 7) is live.answer("ann", {THROUGH: b"4"}, 7) is None


def test_a_notification_is_one_line_and_is_numbered_within_its_entry() -> None:
    event = Notification("id", "purchase_sword", "ann\nb", 0)
    ((one, data), (two, _)) = live.numbered(12, [event, event])
    assert (one, two) == ("12-1", "12-2") and b"\n" not in data
    wanted = {"event_id": "id", "event_type": "purchase_sword", "player": "ann\nb", "at": "1970-01-01T00:00:00Z"}
    assert json.loads(data) == wanted
