"""Judges one message by the contracts: its fields, and every reason why it is no event of its type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lakehouse.contract import event_id as event_ids
from lakehouse.contract import patterns
from lakehouse.contract.decode import Unreadable, decode, whole_text
from lakehouse.contract.evaluate import Fault, Fields, as_text, own_fields
from lakehouse.contract.model import Contract, Contracts

# Judged apart: the type decides which contract applies, the id which message is the event.
JUDGED_APART = ("event_id", "event_type")
# Reason code of a message that crashes its readers; jobs/staging/last_resort.py finds it.
UNREADABLE = "unreadable"
# Reason codes of messages that cannot be read, and of all that are no event of a known type: they are no repetitions.
NOT_READ = frozenset({"no_value", "too_large", "not_utf8", "too_deep", "not_json", UNREADABLE})
NO_EVENT = NOT_READ | {"not_object", "unknown_type"}

_UUID = re.compile(patterns.inner(patterns.UUID))


class Reason(NamedTuple):
    """Why a message is no event: the reason code, with the field and the rule if the code names them."""

    code: str
    field: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a message says, as far as it can be read.

    `reasons`: all of them, the one that counts first; empty if the message keeps its contract. `event_id`: in lower
    case if it is a UUID. `player`: the host if no player is named. `envelope`, `own`: as `Fields.read` returns them.
    `unknown_fields`: names that neither envelope nor contract has; None if the message is no object.
    """

    reasons: tuple[Reason, ...]
    contract: Contract | None = None
    event_type: str | None = None
    event_id: str | None = None
    player: str | None = None
    envelope: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)
    unknown_fields: list[str] | None = None


class Judge:
    """The contracts, compiled."""

    def __init__(self, contracts: Contracts, max_event_bytes: int) -> None:
        schema = contracts.envelope_schema
        self.contracts = contracts
        self.max_event_bytes = max_event_bytes
        self._names = frozenset(schema["properties"])
        self._envelope = Fields(
            {name: each for name, each in schema["properties"].items() if name not in JUDGED_APART},
            [name for name in schema.get("required", ()) if name not in JUDGED_APART],
        )
        self._known = {
            name: (contract, own_fields(contract), self._names | {each.name for each in contract.fields})
            for name, contract in contracts.items()
        }

    def message(self, value: bytes | None, appended_at: int | None) -> Judgement:
        """Judges the value of a Kafka message. `appended_at`: the broker's time of it, in microseconds since 1970."""
        try:
            event = decode(value, self.max_event_bytes)
        except Unreadable as unreadable:
            return Judgement((Reason(unreadable.reason),))
        return self.event(event, appended_at)

    def event(self, event: Any, appended_at: int | None) -> Judgement:
        """Judges a decoded value."""
        if type(event) is not dict:
            return Judgement((Reason("not_object"),))
        named = event.get("event_type")
        event_type = whole_text(named) if type(named) is str else None
        envelope, faults = self._envelope.read(event)
        reasons: list[Reason] = []
        if event_type not in self._known:
            reasons.append(Reason("unknown_type", "event_type"))
        if not _is_id_allowed(event.get("event_id"), appended_at):
            reasons.append(Reason("event_id_invalid", "event_id"))
        contract: Contract | None = None
        own: Mapping[str, Any] = {}
        unknown: list[str] | None = None
        if event_type in self._known:
            contract, fields, names = self._known[event_type]
            own, broken = fields.read(event)
            faults += broken
            unknown = [] if event.keys() <= names else sorted(event.keys() - names)
        return Judgement(
            (*reasons, *map(_of_schema, faults)),
            contract,
            event_type,
            _id_of(event.get("event_id")),
            _player(event, envelope),
            envelope,
            own,
            unknown,
        )


def _of_schema(fault: Fault) -> Reason:
    return Reason(f"schema:{fault.field}:{fault.keyword}", fault.field, fault.keyword)


def _is_id_allowed(event_id: Any, appended_at: int | None) -> bool:
    """An absent id is allowed: the message gets one."""
    if event_id is None:
        return True
    return type(event_id) is str and appended_at is not None and event_ids.is_current(event_id, appended_at)


def _id_of(event_id: Any) -> str | None:
    if type(event_id) is str and _UUID.fullmatch(event_id):
        return event_id.lower()
    return as_text(event_id)


def _player(event: Mapping[str, Any], envelope: Mapping[str, Any]) -> str | None:
    """The player, or the host.

    A value that is no text counts as its JSON text: the message may be somebody's all the same.
    """
    player: str | None = envelope["player"]
    if player is None:
        player = as_text(event.get("player"))
    return as_text(event.get("host")) if player is None else player
