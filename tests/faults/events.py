"""The events of a trial, made from its seed, each with the place where it has to end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.real import event, new_event_id

QUARANTINE = "quarantine:"
# The contract that `contract` trials change to; a sword of another color is then quarantined as this.
ONLY_BLUE = {
    "name": "only_blue",
    "condition": "color is null or color = 'blue'",
    "description": "Only blue swords.",
}


def junk() -> list[tuple[str, bytes | None, str]]:
    """Messages past the API, straight into Kafka: topic, value, and the place where each has to end."""
    values = [
        ("events", b"junk", "not_json"),
        ("events", b"[1, 2]", "not_object"),
        ("events", b"\xff\xfe\x00", "not_utf8"),
        ("events", None, "no_value"),
        ("events", b'{"event_type": "nobody_knows"}', "unknown_type"),
        ("events", event(quantity=-1), "schema:quantity:minimum"),
        ("events", event("purchase_horse", size="huge", speed=1, quantity=1), "schema:size:enum"),
        ("events", event(event_id="5"), "event_id_invalid"),
        ("MessageHistory", b"{", "not_json"),
    ]
    return [(topic, value, f"{QUARANTINE}{reason}") for topic, value, reason in values]


@dataclass(frozen=True)
class Event:
    """One event for the API, and where it may end."""

    event_id: str
    body: dict[str, Any]
    places: frozenset[str]


def events(rng: random.Random, recolored: bool) -> Iterator[Event]:
    """Endlessly events of several types; some break a rule that the API does not check.

    With `recolored`, swords may also end where the contract ONLY_BLUE sends them.
    """
    while True:
        event_type, fields, place = _one(rng)
        places = {place}
        if recolored and event_type == "purchase_sword" and fields["color"] != "blue":
            places.add(f"{QUARANTINE}rule:only_blue")
        event_id = new_event_id()
        yield Event(event_id, {"event_type": event_type, "event_id": event_id, **fields}, frozenset(places))


def _one(rng: random.Random) -> tuple[str, dict[str, Any], str]:
    """Event type, own fields and place of one event."""
    quantity = rng.randint(1, 9)
    item = {"item_type": "bow", "item": rng.choice(["long", "short"]), "quantity": quantity}
    kinds = {
        "sword": 45,
        "horse": 15,
        "guild": 12,
        "cart": 10,
        "message": 8,
        "default": 6,
        "empty cart": 4,
        "impossible": 2,  # refused alone: never so many that a batch is held
    }
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    if kind == "sword":
        color = rng.choice(["red", "green", "blue"])
        return "purchase_sword", {"color": color, "quantity": quantity}, "sword_purchases"
    if kind == "horse":
        fields = {"speed": rng.uniform(0, 90), "size": rng.choice(["small", "large"]), "quantity": quantity}
        return "purchase_horse", fields, "horse_purchases"
    if kind == "impossible":
        fields = {"speed": 1.0, "size": "small", "quantity": 1_000_000_001}
        return "purchase_horse", fields, f"{QUARANTINE}audit:quantity_possible"
    if kind == "guild":
        return "guild_action", {"action": rng.choice(["join", "leave"]), "guild": "faults"}, "guild_actions"
    if kind == "cart":
        return "cart_action", {"action": rng.choice(["add", "checkout"]), "items": [item]}, "cart_actions"
    if kind == "message":
        return "message", {"text": f"hello {quantity}"}, "messages"
    if kind == "default":
        return "default", {}, "default_events"
    return "cart_action", {"action": "checkout", "items": []}, f"{QUARANTINE}rule:checkout_lists_items"
