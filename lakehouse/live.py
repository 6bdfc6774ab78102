"""The live state as values: its keys in Redis, what a player's hash holds, and a notification; jobs write it, the API reads."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# A generation is one whole set of players. A rebuild makes a new one beside the old one, and then takes its place.
GENERATION = b"live:generation"  # holds the name of the generation that is read
BUILDING = b"live:building"  # the same of the one that a rebuild is making
NOTIFICATIONS = b"live:notifications"  # a stream; the ids are <entry>-<number within the entry>
ALL_KEYS = b"live:*"
THROUGH = b"through"  # field: the last entry that the hash holds
LAST_SEEN = b"last_seen"  # field: microseconds since 1970, by the broker's clock
ITEM = b"item:"  # start of a field: an item that the player gained or lost
DATA = b"data"  # field of a notification: its JSON
MEMBERSHIP = "guild membership"  # the item type of a guild that a player joined
FIRST = "0-0"  # before every notification

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Moment(NamedTuple):
    """When and where an event came to Kafka: microseconds since 1970, then its place. Later events are greater."""

    at: int
    topic: str
    partition: int
    offset: int


class ItemName(NamedTuple):
    """An item, as `game.player_inventory` names it."""

    item_type: str | None
    item: str | None


def _later(one: Moment | None, other: Moment | None) -> Moment | None:
    return max((each for each in (one, other) if each is not None), default=None)


@dataclass(frozen=True)
class Item:
    """The sum of an item's changes; of a membership also when it was last gained and lost."""

    quantity: int = 0
    gained: Moment | None = None
    lost: Moment | None = None

    def plus(self, other: Item) -> Item:
        return Item(self.quantity + other.quantity, _later(self.gained, other.gained), _later(self.lost, other.lost))


@dataclass(frozen=True)
class Player:
    """What events say of a player. Sums and maxima: the order in which parts are added does not matter."""

    last_seen: int = 0
    items: Mapping[ItemName, Item] = field(default_factory=dict)

    def plus(self, other: Player) -> Player:
        names = {**self.items, **other.items}
        items = {name: self.items.get(name, Item()).plus(other.items.get(name, Item())) for name in names}
        return Player(max(self.last_seen, other.last_seen), items)

    @property
    def guild(self) -> str | None:
        """The guild joined last, unless the player left it since, by its name or without saying which."""
        guilds = {name.item: each for name, each in self.items.items() if name.item_type == MEMBERSHIP}
        joined = [(each.gained, guild) for guild, each in guilds.items() if each.gained is not None]
        if not joined:
            return None
        when, guild = max(joined, key=lambda each: each[0])
        left = _later(guilds[guild].lost, guilds.get(None, Item()).lost)
        return None if left is not None and left > when else guild


def through_key(generation: bytes) -> bytes:
    """The key of the last entry that all players of a generation hold."""
    return b"live:" + generation + b":through"


def player_key(generation: bytes, player: str) -> bytes:
    """The key of a player's hash. The player's own words come last, so that they can't make another key."""
    return b"live:" + generation + b":player:" + player.encode("utf-8", "surrogatepass")


def generation_of(key: bytes) -> bytes | None:
    """The generation that a key belongs to; None for a key of no generation."""
    parts = key.split(b":", 2)
    return parts[1] if len(parts) == 3 else None


def item_field(name: ItemName) -> bytes:
    return ITEM + json.dumps(name, separators=(",", ":")).encode()


def fields_of(player: Player) -> dict[bytes, bytes]:
    """The fields of a player's hash, without `through`."""
    fields = {LAST_SEEN: str(player.last_seen).encode()}
    for name, each in player.items.items():
        value = [each.quantity] if each.gained is each.lost is None else [each.quantity, each.gained, each.lost]
        fields[item_field(name)] = json.dumps(value, separators=(",", ":")).encode()
    return fields


def player_of(fields: Mapping[bytes, bytes]) -> Player | None:
    """The player that a hash holds; None if it holds only up to which entry there is no event."""
    if LAST_SEEN not in fields:
        return None
    items = {
        ItemName(*json.loads(name.removeprefix(ITEM))): _item(json.loads(value))
        for name, value in fields.items()
        if name.startswith(ITEM)
    }
    return Player(int(fields[LAST_SEEN]), items)


def _item(value: list[Any]) -> Item:
    quantity, gained, lost = (*value, None, None)[:3]
    return Item(quantity, gained and Moment(*gained), lost and Moment(*lost))


def answer(name: str, fields: Mapping[bytes, bytes], complete_through: int) -> dict[str, Any] | None:
    """What the API says of a player; None if there is none. `complete_through`: the entry that all players hold."""
    player = player_of(fields)
    if player is None:
        return None
    return {
        "player": name,
        "guild": player.guild,
        "last_seen": time_of(player.last_seen),
        "inventory": [
            {"item_type": each.item_type, "item": each.item, "quantity": item.quantity}
            for each, item in sorted(player.items.items(), key=lambda pair: tuple(map(str, pair[0])))
        ],
        "through": int(fields[THROUGH]),
        "complete_through": complete_through,
    }


def time_of(micros: int) -> str:
    return (_EPOCH + dt.timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")


class Notification(NamedTuple):
    """A notable event: one that changed what its player has. It says that it happened; the tables say more."""

    event_id: str
    event_type: str
    player: str
    at: int

    def data(self) -> bytes:
        """Its JSON, in one line."""
        return json.dumps({**self._asdict(), "at": time_of(self.at)}).encode()


def numbered(entry_id: int, notifications: Iterable[Notification]) -> list[tuple[str, bytes]]:
    """The ids and the JSON of an entry's notifications, oldest first."""
    return [(f"{entry_id}-{number}", each.data()) for number, each in enumerate(notifications, 1)]
