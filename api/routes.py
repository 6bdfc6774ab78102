"""The named routes as data: each logs one event and answers with one fixed sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Parameters = Mapping[str, str]  # of the path and of the query, together
Fields = dict[str, Any]

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True)
class Route:
    """One route. `fields` makes the event's own fields from the parameters; `text` makes the answer from those fields.

    `query` names the query parameters and their defaults (None: the field is absent too).
    """

    path: str
    method: str
    event_type: str
    fields: Callable[[Parameters], Fields]
    text: Callable[[Fields], str]
    summary: str
    query: tuple[tuple[str, str | None], ...] = ()
    body: bool = False  # whether a JSON object in the body holds further own fields

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters of the path."""
        return tuple(re.findall(r"<(\w+)>", self.path))


def whole_number(text: str) -> int | str:
    """The number; or the text as it is, which the contract then refuses as a wrong type."""
    return int(text) if _INTEGER.fullmatch(text) else text


def number(text: str) -> float | str:
    """The same for numbers with a fraction."""
    return float(text) if _NUMBER.fullmatch(text) else text


def _always(text: str) -> Callable[[Fields], str]:
    return lambda _: text


def _fixed(**fields: Any) -> Callable[[Parameters], Fields]:
    return lambda _: dict(fields)


def _sword(direction: str) -> Callable[[Parameters], Fields]:
    return lambda given: {"direction": direction, "event_detail": given["event_detail"]}


def _painted_sword(given: Parameters) -> Fields:
    return {"direction": "increase", "color": given["color"].lower(), "quantity": whole_number(given["quantity"])}


def _horse(given: Parameters) -> Fields:
    return {
        "speed": number(given["speed"]),
        "size": given["size"].lower(),
        "quantity": whole_number(given["quantity"]),
    }


def _guild(action: str) -> Callable[[Parameters], Fields]:
    return lambda given: {"action": action, "guild": given["event_detail"]}


def _action(given: Parameters) -> Fields:
    return {"action": given["action"].lower()}


def _as_given(given: Parameters) -> Fields:
    return dict(given)


_DETAIL_WOOD = (("event_detail", "wood"),)
_DETAIL_GUILD = (("event_detail", "starter guild"),)
_SOCIAL = (("group", None), ("member", None), ("text", None))

ROUTES = (
    Route("/", "GET", "default", _fixed(), _always("This is the default response!"), "Open the front page."),
    Route(
        "/purchase_a_sword",
        "GET",
        "purchase_sword",
        _sword("increase"),
        lambda fields: f"{fields['event_detail'].title()} Sword Purchased!",
        "Buy a sword.",
        _DETAIL_WOOD,
    ),
    Route(
        "/purchase_a_sword",
        "DELETE",
        "purchase_sword",
        _sword("reduce"),
        lambda fields: f"{fields['event_detail'].title()} Sword Destroyed!",
        "Give up a sword.",
        _DETAIL_WOOD,
    ),
    Route(
        "/purchase_a_sword/<color>/<quantity>",
        "POST",
        "purchase_sword",
        _painted_sword,
        _always("Sword Purchased!"),
        "Buy swords of a color.",
    ),
    Route(
        "/purchase_a_horse/<speed>/<size>/<quantity>",
        "POST",
        "purchase_horse",
        _horse,
        _always("Horse Purchased!"),
        "Buy horses.",
    ),
    Route(
        "/join_guild",
        "GET",
        "guild_action",
        _guild("join"),
        lambda fields: f"Joined Guild {fields['guild'].title()}",
        "Join a guild by name.",
        _DETAIL_GUILD,
    ),
    Route(
        "/join_guild",
        "DELETE",
        "guild_action",
        _guild("leave"),
        lambda fields: f"Left Guild {fields['guild'].title()}",
        "Leave a guild by name.",
        _DETAIL_GUILD,
    ),
    Route("/join_a_guild", "GET", "guild_action", _fixed(action="join"), _always("Guild Joined!"), "Join a guild."),
    Route(
        "/guild/<action>",
        "POST",
        "guild_action",
        _action,
        lambda fields: "Guild Joined!" if fields["action"] == "join" else "Guild Left!",
        "Join or leave a guild.",
    ),
    Route(
        "/cart/<action>",
        "POST",
        "cart_action",
        _action,
        lambda fields: "Checked Out!" if fields["action"] == "checkout" else "Cart Updated!",
        "Add items to the cart, remove them, or buy what is in it.",
        body=True,
    ),
    Route("/request_group", "GET", "request_group", _as_given, _always("Request Submitted!"), "Ask to join.", _SOCIAL),
    Route("/accept_member", "GET", "accept_member", _as_given, _always("Member Approved!"), "Take in.", _SOCIAL),
    Route("/decline_member", "GET", "decline_member", _as_given, _always("Member Declined!"), "Refuse.", _SOCIAL),
    Route("/message", "GET", "message", _as_given, _always("Message sent!"), "Write a message.", _SOCIAL),
)
