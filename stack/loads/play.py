"""Random play: sessions of players as a game's clients send them, with a share of bad and of repeated events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

import uuid_utils

CLIENTS = ("android.game.com", "ios.game.com", "web.game.com")
_COLORS = ("red", "blue", "green", "black")
_SIZES = ("small", "medium", "large")
_GUILDS = ("Night Watch", "PVP-Friends", "W205-Test")
_ITEMS = (("potion", "healing"), ("potion", "mana"), ("shield", "oak"), ("shield", "iron"), ("skin", "dragon"))
_WORDS = ("hello", "anyone for the dragon?", "brb", "gg", "trade you a horse for two swords")

Body = dict[str, Any]


class Becomes(StrEnum):
    """What a played event is to become, once the API has acknowledged it."""

    ROW = "row"  # of its event type's table
    REPETITION = "repetition"  # of an event of the session: no second row
    QUARANTINED = "quarantined"  # another event under an id that is used
    REFUSED = "refused"  # by the API, which must not acknowledge it


@dataclass(frozen=True)
class Played:
    """One event of a session. `after` is the number, in the session, of the event that must have been acknowledged."""

    event_type: str
    body: bytes
    becomes: Becomes = Becomes.ROW
    after: int | None = None


@dataclass(frozen=True)
class Session:
    """What one player does, in this order."""

    player: str
    host: str
    events: tuple[Played, ...]


def sessions(
    chance: Random, players: int, bad: float, repeated: float, new_id: Callable[[], str] | None = None
) -> Iterator[Session]:
    """Sessions without end; the same `chance` plays the same, but for the ids of the events.

    Args:
        bad: share of events that break their contract or are sent under another one's id.
        repeated: share of events that are sent again as they were, as a client does that saw no answer.
        new_id: a UUIDv7 of now, unless a test hands in another.
    """
    new_id = new_id or (lambda: str(uuid_utils.uuid7()))
    while True:
        number = int(players * chance.random() ** 2) + 1  # a few play much, most a little
        played: list[Played] = []
        for body in _session(chance, number):
            event = {"event_id": new_id(), **body}
            at = len(played)
            played.append(_played(event))
            if chance.random() < repeated:
                played.append(_played(event, Becomes.REPETITION, at))
            if chance.random() < bad:
                played.append(_bad(chance, new_id(), event, at))
        yield Session(f"player-{number:05}", chance.choice(CLIENTS), tuple(played))


def _session(chance: Random, number: int) -> Iterator[Body]:
    """What a player does between opening the game and leaving it."""
    yield {"event_type": "default"}
    cart: list[Body] = []
    for _ in range(chance.randint(1, 12)):
        match chance.choices(("sword", "horse", "cart", "guild", "talk"), (30, 15, 25, 10, 20))[0]:
            case "sword":
                yield _sword(chance)
            case "horse":
                yield {
                    "event_type": "purchase_horse", "speed": round(chance.uniform(1, 9), 1),
                    "size": chance.choice(_SIZES), "quantity": 1,
                }  # fmt: skip
            case "cart":
                item_type, item = chance.choice(_ITEMS)
                taken = {"item_type": item_type, "item": item, "quantity": chance.randint(1, 3)}
                cart.append(taken)
                yield {"event_type": "cart_action", "action": "add", "items": [taken]}
                if chance.random() < 0.2:
                    yield {"event_type": "cart_action", "action": "remove", "items": [cart.pop()]}
            case "guild":
                action = chance.choices(("join", "leave"), (3, 1))[0]
                yield {"event_type": "guild_action", "action": action, "guild": chance.choice(_GUILDS)}
            case "talk":
                yield _talk(chance, number)
    if cart and chance.random() < 0.6:
        yield {"event_type": "cart_action", "action": "checkout", "items": cart}


def _sword(chance: Random) -> Body:
    if chance.random() < 0.1:
        return {"event_type": "purchase_sword", "direction": "reduce", "event_detail": "wood"}
    return {"event_type": "purchase_sword", "color": chance.choice(_COLORS), "quantity": chance.randint(1, 3)}


def _talk(chance: Random, number: int) -> Body:
    group = f"group-{number % 10}"
    kind = chance.choices(("message", "request_group", "accept_member", "decline_member"), (6, 2, 2, 1))[0]
    said = {"text": chance.choice(_WORDS)} if kind == "message" else {"member": f"player-{chance.randint(1, 99):05}"}
    return {"event_type": kind, "group": group, **said}


def _bad(chance: Random, event_id: str, event: Body, at: int) -> Played:
    """An event that breaks a contract, or one like `event` under its id with something else in it."""
    if chance.random() < 0.25:
        return _played({**event, "corrected": True}, Becomes.QUARANTINED, at)
    wrong = chance.choice(
        (
            {"event_type": "purchase_horse", "speed": 1, "size": "huge", "quantity": 1},
            {"event_type": "purchase_sword", "color": "red", "quantity": -1},
            {"event_type": "guild_action", "action": "betray"},
            {"event_type": "no_such_type"},
        )
    )
    return _played({"event_id": event_id, **wrong}, Becomes.REFUSED)


def _played(event: Body, becomes: Becomes = Becomes.ROW, after: int | None = None) -> Played:
    return Played(str(event["event_type"]), json.dumps(event).encode(), becomes, after)
