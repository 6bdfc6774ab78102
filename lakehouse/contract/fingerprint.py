"""Decides whether two messages under one event_id are the same event.

It compares the event type, the player, own fields with their types and defaults, fields that no contract knows, and
`occurred_at` as an instant. A message that breaks its schema is compared as JSON: numbers by value, objects without
order.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.contract.decode import Unreadable, decode
from lakehouse.contract.evaluate import as_json
from lakehouse.contract.judge import Judge, Judgement

# Fields of the envelope that may differ in a retry.
_NOT_COMPARED = frozenset({"event_id", "schema_version", "received_at", "host", "user_agent", "accept", "http_headers"})


@dataclass(frozen=True)
class Arrival:
    """A message as an arrival of its event_id.

    `compared`: the JSON text of each field by name; an absent field of the contract has its default. `is_typed`:
    whether the message keeps its schema. `passes`: whether the evaluator finds no fault at all.
    """

    event_id: str | None
    is_typed: bool
    passes: bool
    compared: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the compared fields, as hex digits."""
        return hashlib.sha256(f"{self.is_typed} {as_json(dict(self.compared))}".encode()).hexdigest()

    def repeats(self, first: Arrival) -> bool:
        """Whether it is a repetition of the first arrival.

        An arrival that passes is never the repetition of one that does not.
        """
        return self.fingerprint == first.fingerprint and (first.passes or not self.passes)

    def differences(self, first: Arrival) -> dict[str, tuple[str | None, str | None]]:
        """The compared fields that differ, each with both texts: that of `first`, then its own."""
        names = sorted({*self.compared, *first.compared})
        both = {name: (first.compared.get(name), self.compared.get(name)) for name in names}
        return {name: (one, other) for name, (one, other) in both.items() if one != other}


def arrival(judge: Judge, value: bytes | None, appended_at: int | None) -> Arrival | None:
    """A message as an arrival; None if it is no JSON object within the limits.

    `appended_at`: the broker's time of the message, in microseconds since 1970.
    """
    try:
        event = decode(value, judge.max_event_bytes)
    except Unreadable:
        return None
    if type(event) is not dict:
        return None
    judged = judge.event(event, appended_at)
    is_typed = judged.contract is not None and not any(each.code.startswith("schema:") for each in judged.reasons)
    compared = _typed(judged, event) if is_typed else _untyped(judged, event)
    return Arrival(
        judged.event_id, is_typed, not judged.reasons, {name: _text(value) for name, value in compared.items()}
    )


def _typed(judged: Judgement, event: Mapping[str, Any]) -> dict[str, Any]:
    unknown = {name: event[name] for name in judged.unknown_fields or ()}
    return {
        **unknown,
        **judged.own,
        "event_type": judged.event_type,
        "player": judged.player,
        "occurred_at": judged.envelope.get("occurred_at"),
    }


def _untyped(judged: Judgement, event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in _NOT_COMPARED} | {"player": judged.player}


def _text(value: Any) -> str:
    return as_json(_plain(value))


def _plain(value: Any) -> Any:
    """The value with times as texts, since JSON has no times."""
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value
